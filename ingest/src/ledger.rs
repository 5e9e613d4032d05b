//! The balance of a lane over an interval: counted in different places, brought together where the rows are written.

use schemas::Text;
use schemas::ledger::LedgerRow;
use schemas::reject::Reject;

use crate::block::{Seen, Time};
use crate::flow::{Acknowledged, Open};
use crate::observation::Observation;
use crate::record::{count, micros};
use crate::watch::{Note, Watch};

/// What a lane counted since the interval began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// What the reader said it handed over.
    pub seen: Seen,
    /// Frames the filter rejected.
    pub filtered: Seen,
    /// Frames by reason.
    pub ignored: [u64; Reject::ALL.len()],
    /// Original length of those.
    pub wire_ignored: u64,
    /// IP-layer octets of the packets.
    pub ip_bytes: u64,
    /// Packets that claim more than their frame.
    pub length_exceeds_frame: u64,
    /// Frames longer than the interface can carry.
    pub super_frames: u64,
    /// Packets seen a moment before already.
    pub duplicates: u64,
    /// TCP acknowledgements compared with the data seen.
    pub tcp_acks: u64,
    /// Of these, those of data not seen.
    pub tcp_ack_gaps: u64,
    /// When the frames of the interval came, those of other lanes too: a lane without any has an interval all the same.
    pub time: Time,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            seen: Seen::default(),
            filtered: Seen::default(),
            ignored: [0; Reject::ALL.len()],
            wire_ignored: 0,
            ip_bytes: 0,
            length_exceeds_frame: 0,
            super_frames: 0,
            duplicates: 0,
            tcp_acks: 0,
            tcp_ack_gaps: 0,
            time: Time::NONE,
        }
    }
}

impl Tally {
    /// Counts a frame that the filter rejected.
    pub fn reject(&mut self, wire_bytes: u32) {
        self.filtered.packets += 1;
        self.filtered.wire_bytes += u64::from(wire_bytes);
    }

    /// Counts a frame that is no packet of a flow.
    pub fn ignore(&mut self, reason: Reject, wire_bytes: u32) {
        if let Some(counter) = self.ignored.get_mut(reason.index()) {
            *counter += 1;
        }
        self.wire_ignored += u64::from(wire_bytes);
    }

    /// Counts a packet.
    pub fn accept(&mut self, observation: &Observation) {
        self.ip_bytes += u64::from(observation.ip_bytes);
        self.length_exceeds_frame += u64::from(observation.has(Observation::EXCEEDS_FRAME));
    }

    /// Counts what an acknowledgement showed.
    pub fn acknowledge(&mut self, acknowledged: Acknowledged) {
        self.tcp_acks += u64::from(acknowledged.compared);
        self.tcp_ack_gaps += u64::from(acknowledged.missed > 0);
    }
}

/// Totals that a lane keeps over its life; an interval's share is the difference.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Flows exported because the table was full.
    pub flow_evictions: u64,
    /// Fragments counted without ports.
    pub fragments_unmatched: u64,
    /// Questions forgotten early.
    pub dns_evictions: u64,
    /// Names not kept.
    pub names_refused: u64,
    /// Packets forgotten while a copy of them could still come.
    pub duplicates_forgotten: u64,
}

/// The end of an interval, as the lane sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntervalEnd {
    /// Counted in the interval.
    pub tally: Tally,
    /// In the table now, by walking it.
    pub open: Open,
    /// Flows in the table.
    pub entries: usize,
    /// So far.
    pub totals: Totals,
    /// Where the frames came from.
    pub interface: Text,
    /// On an interface: what the capture thread knows.
    pub watch: Option<Watch>,
}

/// What one lane's rows added up to since the last interval: counted by the writer, from the rows themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Rows.
    pub rows: u64,
    /// Of these, with packets in one direction only.
    pub one_way: u64,
    /// Flows of which the other direction came to another lane.
    pub wrong_lane: u64,
    /// Packets, frames' octets, IP octets.
    pub sums: Open,
}

/// Brings one lane's terms together.
#[derive(Debug, Clone)]
pub struct Account {
    /// Name of the sensor.
    pub sensor: Text,
    /// The lane.
    pub lane: usize,
    /// Kind of source.
    pub backend: &'static str,
    /// A filter runs in the kernel: what it rejects nobody counts.
    pub kernel_filters: bool,
    open: Open,
    totals: Totals,
    watched: Option<Watch>,
}

impl Account {
    /// An account with nothing open.
    pub fn new(sensor: Text, lane: usize, backend: &'static str) -> Self {
        Self {
            sensor,
            lane,
            backend,
            open: Open::default(),
            totals: Totals::default(),
            watched: None,
            kernel_filters: false,
        }
    }

    /// Closes an interval: the ledger's row.
    pub fn close(&mut self, end: &IntervalEnd, exported: &Exported) -> LedgerRow {
        let mut row = self.count(end, exported);
        if let Some(watch) = end.watch {
            watch.complete(&mut row, self.watched.as_ref());
            self.watched = Some(watch);
        }
        row
    }

    /// The row that this interval would have if the probe died now: what is open is lost.
    pub fn peek(&self, end: &IntervalEnd, exported: &Exported) -> LedgerRow {
        let nothing_open = IntervalEnd { open: Open::default(), ..end.clone() };
        let mut row = self.clone().close(&nothing_open, exported);
        for (lost, error) in [
            (&mut row.open_lost, &mut row.balance_error),
            (&mut row.wire_open_lost, &mut row.wire_balance_error),
            (&mut row.ip_open_lost, &mut row.ip_balance_error),
        ] {
            *lost = Some(std::mem::take(error));
        }
        row
    }

    /// The row of something that happened: nothing is counted in it.
    pub fn note(&self, note: &Note) -> LedgerRow {
        let nothing = IntervalEnd {
            tally: Tally::default(),
            open: Open::default(),
            entries: 0,
            totals: Totals::default(),
            interface: note.interface.clone(),
            watch: None,
        };
        let mut unused = Self { open: Open::default(), totals: Totals::default(), ..self.clone() };
        let mut row = unused.count(&nothing, &Exported::default());
        row.kind = note.kind;
        row.ts_start = micros(note.from_ns);
        row.ts_end = micros(note.to_ns);
        row.coverage_s = 0;
        row.link_up = Some(note.link_up);
        row.clock_step_us = note.clock_step_ns / 1_000;
        row.detail = Some(note.detail.as_str().into());
        row
    }

    /// The terms of every source.
    #[expect(
        clippy::too_many_lines,
        reason = "one line for each column, in the order of the contract"
    )]
    fn count(&mut self, end: &IntervalEnd, exported: &Exported) -> LedgerRow {
        let before = std::mem::replace(&mut self.open, end.open);
        let since = std::mem::replace(&mut self.totals, end.totals);
        let Tally { seen, filtered, ignored, wire_ignored, ip_bytes, .. } = end.tally;
        let ignored_packets: u64 = ignored.iter().sum();
        let [link_type, arp, non_ip, truncated, malformed, too_deep, duplicate] =
            ignored.map(count);
        let Time { from_ns, to_ns, step_back_ns } = end.tally.time;
        let balance = |opened: u64, came: u64, left: [u64; 4]| {
            count(opened) + count(came) - left.map(count).iter().sum::<i64>()
        };
        let sums = exported.sums;
        LedgerRow {
            ts_start: micros(from_ns),
            ts_end: micros(to_ns),
            sensor_id: self.sensor.clone(),
            interface: end.interface.clone(),
            queue: i32::try_from(self.lane).unwrap_or(i32::MAX),
            backend: self.backend,
            kind: "interval",
            packets_seen: count(seen.packets),
            open_start: count(before.packets),
            open_end: count(end.open.packets),
            exported: count(sums.packets),
            ignored_link_type: link_type,
            ignored_arp: arp,
            ignored_non_ip: non_ip,
            ignored_truncated: truncated,
            ignored_malformed: malformed,
            ignored_too_deep: too_deep,
            ignored_duplicate: Some(duplicate),
            duplicates: Some(count(end.tally.duplicates)),
            kernel_packets: None,
            kernel_drops: None,
            ring_pending: None,
            kernel_freezes: None,
            xdp_rx_dropped: None,
            xdp_rx_ring_full: None,
            xdp_fill_ring_empty: None,
            nic_rx_packets: None,
            nic_rx_dropped: None,
            nic_rx_errors: None,
            queue_drops: 0,
            filtered: (!self.kernel_filters).then(|| count(filtered.packets)),
            wire_filtered: (!self.kernel_filters).then(|| count(filtered.wire_bytes)),
            super_frames: end.watch.map(|_| count(end.tally.super_frames)),
            tcp_acks: Some(count(end.tally.tcp_acks)),
            tcp_ack_gaps: Some(count(end.tally.tcp_ack_gaps)),
            length_exceeds_frame: count(end.tally.length_exceeds_frame),
            wire_bytes: count(seen.wire_bytes),
            wire_open_start: count(before.wire_bytes),
            wire_open_end: count(end.open.wire_bytes),
            wire_exported: count(sums.wire_bytes),
            wire_ignored: count(wire_ignored),
            ip_bytes: count(ip_bytes),
            ip_open_start: count(before.ip_bytes),
            ip_open_end: count(end.open.ip_bytes),
            ip_exported: count(sums.ip_bytes),
            flow_table_entries: i64::try_from(end.entries).unwrap_or(i64::MAX),
            flow_evictions: count(end.totals.flow_evictions - since.flow_evictions),
            fragments_unmatched: count(end.totals.fragments_unmatched - since.fragments_unmatched),
            dns_evictions: count(end.totals.dns_evictions - since.dns_evictions),
            names_refused: Some(count(end.totals.names_refused - since.names_refused)),
            duplicates_forgotten: Some(count(
                end.totals.duplicates_forgotten - since.duplicates_forgotten,
            )),
            rows_written: count(exported.rows),
            one_way_rows: Some(count(exported.one_way)),
            wrong_lane_flows: Some(count(exported.wrong_lane)),
            rows_lost: None,
            rows_lost_packets: None,
            rows_lost_wire_bytes: None,
            rows_lost_ip_bytes: None,
            open_lost: None,
            wire_open_lost: None,
            ip_open_lost: None,
            coverage_s: to_ns.saturating_sub(from_ns) / 1_000_000_000,
            link_up: None,
            clock_step_us: step_back_ns / 1_000,
            kernel_balance_error: None,
            timestamp_source: None,
            balance_error: balance(
                before.packets,
                seen.packets,
                [sums.packets, ignored_packets, filtered.packets, end.open.packets],
            ),
            wire_balance_error: balance(
                before.wire_bytes,
                seen.wire_bytes,
                [sums.wire_bytes, wire_ignored, filtered.wire_bytes, end.open.wire_bytes],
            ),
            ip_balance_error: balance(
                before.ip_bytes,
                ip_bytes,
                [sums.ip_bytes, 0, 0, end.open.ip_bytes],
            ),
            detail: None,
        }
    }
}
