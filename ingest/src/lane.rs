//! A lane: its own flow table, fed with the frames of every block that are tagged for it.
//!
//! Each lane walks the references of all frames, so that all lanes share one clock and cut flows alike, whatever their number.

use std::sync::Arc;

use schemas::Text;
use schemas::reject::Reject;

use crate::block::{Block, FrameRef};
use crate::config::PacketArgs;
use crate::datagram::Piece;
use crate::decode::{Decoded, Decoder, Print};
use crate::delivery::{Desk, Outbox};
use crate::duplicate::Duplicates;
use crate::filter::Filter;
use crate::flow::{Arrival, FlowTable, FragmentTable, Held, Limits, Matched, Open, TICK_NS};
use crate::frame::Frame;
use crate::hearing::{Hearing, Speech, is_worth_hearing};
use crate::ledger::{IntervalEnd, Tally, Totals};
use crate::observation::Observation;
use crate::record::RowStyle;
use crate::watch::{Tick, Watch};

/// A live packet this much older than the one before was stamped by a clock that has been set back.
const STEP_BACK_NS: i64 = 2_000_000_000;
/// Packets looked up together.
const GROUP: usize = 32;
/// How many frames before its turn a frame's memory is asked for.
const AHEAD: usize = 8;
/// How many packets after a packet was decoded its flow is looked for, in a table of few flows.
const BEHIND: usize = 8;
/// Of more flows memory is so far away that a whole group is better looked for at once: with ten million 135 ns a packet and not 200.
const FEW_FLOWS: usize = 2 << 20;

/// What a lane is made with.
#[derive(Debug, Clone)]
pub struct LaneSettings {
    /// Its number.
    pub lane: u8,
    /// Limits of its table.
    pub limits: Limits,
    /// Seed of its hash.
    pub seed: u64,
    /// How rows are made.
    pub style: RowStyle,
    /// Frames that do not match are counted and looked at no further.
    pub filter: Option<Arc<Filter>>,
    /// How packets are read.
    pub packets: PacketArgs,
}

/// A packet that waits to be looked up.
#[derive(Clone, Copy, Default)]
struct Grouped {
    decoded: Decoded,
    at: FrameRef,
    clock: i64,
    /// Where its flow is, perhaps.
    place: Option<u32>,
}

/// A lane's state.
pub struct Lane<O> {
    number: u8,
    live: bool,
    filter: Option<Arc<Filter>>,
    decoder: Decoder,
    duplicates: Duplicates,
    table: FlowTable,
    fragments: FragmentTable,
    hearing: Hearing,
    tally: Tally,
    interval: Option<i64>,
    interface: Text,
    clock: i64,
    next_tick: i64,
    group: Vec<Grouped>,
    /// So many of the group wait; the others are room.
    waiting: usize,
    /// Of so many of those the flow was looked for.
    approached: usize,
    released: Vec<Held>,
    desk: Desk<O>,
}

impl<O> std::fmt::Debug for Lane<O> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lane").field("number", &self.number).finish_non_exhaustive()
    }
}

impl<O: Outbox> Lane<O> {
    /// An idle lane.
    pub fn new(settings: LaneSettings, outbox: O) -> Self {
        let LaneSettings { lane, limits, seed, style, filter, packets } = settings;
        // Packets of an interface come as they happen: one out of time means that the clock was set.
        let interface = style.interface.clone();
        Self {
            number: lane,
            live: interface.is_some(),
            filter,
            decoder: Decoder { secret: seed, ..packets.decoder() },
            duplicates: Duplicates::new(packets.dedup),
            table: FlowTable::new(limits, seed),
            fragments: FragmentTable::default(),
            hearing: Hearing::new(style.sensor.clone(), packets.decoder()),
            tally: Tally::default(),
            interval: None,
            interface: interface.unwrap_or_default(),
            clock: i64::MIN,
            next_tick: i64::MIN,
            group: vec![Grouped::default(); GROUP],
            waiting: 0,
            approached: 0,
            released: Vec::new(),
            desk: Desk::new(lane, style, outbox),
        }
    }

    /// What was counted since the interval began.
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The flow table.
    pub const fn table(&self) -> &FlowTable {
        &self.table
    }

    /// Takes a block; `false` when the writer is gone.
    pub fn take(&mut self, block: &Block) -> bool {
        if self.interval.is_some_and(|interval| interval != block.interval) {
            self.end_interval(None);
        }
        self.interval = Some(block.interval);
        self.interface = block.interface.clone();
        self.desk.draft.sequence = block.sequence;
        self.tally.time = self.tally.time.join(block.time);
        if let Some(seen) = block.seen.get(usize::from(self.number)) {
            self.tally.seen.packets += seen.packets;
            self.tally.seen.wire_bytes += seen.wire_bytes;
        }
        self.tally.super_frames += block.super_frames;
        let (refs, bytes) = (block.refs(), block.bytes());
        for (place, at) in refs.iter().enumerate() {
            if let Some(later) = refs.get(place + AHEAD) {
                later.expect(bytes);
            }
            if at.ts_ns > self.clock {
                self.advance(at.ts_ns, bytes);
            } else if self.live && at.ts_ns < self.clock.saturating_sub(STEP_BACK_NS) {
                self.settle(bytes);
                self.begin_anew(at.ts_ns);
            }
            if at.lane == self.number {
                self.frame(at, bytes);
            }
        }
        self.settle(bytes);
        self.desk.draft.clock = self.clock;
        self.desk.send(true);
        self.desk.open
    }

    /// Takes a moment of the machine's clock; `false` when the writer is gone.
    pub fn at(&mut self, tick: &Tick) -> bool {
        if tick.clock_ns > self.clock {
            self.advance(tick.clock_ns, &[]);
        } else if tick.clock_ns < self.clock.saturating_sub(STEP_BACK_NS) {
            self.begin_anew(tick.clock_ns);
        }
        (self.desk.draft.sequence, self.desk.draft.clock) = (tick.sequence, self.clock);
        if tick.closes {
            self.end_interval(Some(tick.watch));
        } else if tick.beats {
            self.desk.draft.beat = Some(Box::new(self.so_far(Some(tick.watch))));
        }
        self.desk.send(true);
        self.desk.open
    }

    /// Advances the clock of the packets and does what is due by it; `bytes` are those of the block, if there is one.
    #[inline]
    fn advance(&mut self, ts_ns: i64, bytes: &[u8]) {
        if ts_ns >= self.next_tick {
            self.sweep(ts_ns, bytes);
        }
        self.clock = ts_ns;
    }

    #[cold]
    fn sweep(&mut self, ts_ns: i64, bytes: &[u8]) {
        // What came before the tick is counted before the tick.
        self.settle(bytes);
        self.table.sweep(ts_ns, &mut self.desk);
        self.hearing.sweep(ts_ns, &mut self.desk.draft);
        self.fragments.sweep(ts_ns, &mut self.released);
        self.desk.handshakes.sweep(ts_ns);
        (self.clock, self.next_tick) = (ts_ns, (ts_ns / TICK_NS + 1).saturating_mul(TICK_NS));
        self.count_released();
    }

    /// The clock was set back: what is open belongs to the time before, and no record may reach over the step.
    fn begin_anew(&mut self, ts_ns: i64) {
        self.flush();
        (self.clock, self.next_tick) = (ts_ns, i64::MIN);
    }

    /// Exports all that is open.
    fn flush(&mut self) {
        self.fragments.flush(&mut self.released);
        self.count_released();
        self.hearing.flush(self.clock, &mut self.desk.draft);
        self.table.flush(self.clock, &mut self.desk);
        self.desk.handshakes.clear();
    }

    #[expect(clippy::expect_used, reason = "a group that is full is settled at once")]
    fn frame(&mut self, at: &FrameRef, bytes: &[u8]) {
        let frame = at.frame(bytes);
        if self.filter.as_ref().is_some_and(|filter| !filter.matches(&frame)) {
            return self.tally.reject(frame.original);
        }
        let grouped = self.group.get_mut(self.waiting).expect("there is room in the group");
        if let Err(reason) = self.decoder.decode_into(&frame, &mut grouped.decoded) {
            return self.tally.ignore(reason, frame.original);
        }
        let decoded = &grouped.decoded;
        match decoded.fragment {
            None => {
                self.table.expect(decoded.hash);
                self.duplicates.expect(&decoded.print);
                (grouped.at, grouped.clock) = (*at, self.clock);
                self.waiting += 1;
                self.approach();
                if self.waiting >= GROUP {
                    self.settle(bytes);
                }
            }
            Some(fragment) => {
                let Decoded { observation, tunnel_octets, print, .. } = *decoded;
                self.settle(bytes);
                if !self.admit(&observation, &print) {
                    return;
                }
                let detail = self.decoder.detail(&frame);
                let held = Held { observation, detail, tunnel_octets };
                let matched = self.fragments.take(held, fragment, self.clock, &mut self.released);
                self.count_released();
                let mut flow = None;
                if let Matched::Now(now) = matched {
                    for held in now {
                        let flow_id = self.count_held(&held, Some(&frame));
                        // This fragment is the first of them.
                        flow.get_or_insert((held.observation.key, flow_id));
                    }
                }
                let piece = Piece { frame, observation: &observation, fragment, clock: self.clock };
                self.hearing.piece(&piece, flow, &mut self.desk.draft);
            }
        }
    }

    /// Counts a packet; `false` where it is a copy and copies are left out.
    #[inline]
    fn admit(&mut self, observation: &Observation, print: &Print) -> bool {
        if self.duplicates.saw(print, observation.ts_ns) {
            self.tally.duplicates += 1;
            if self.duplicates.are_dropped {
                self.tally.ignore(Reject::Duplicate, observation.wire_bytes);
                return false;
            }
        }
        self.tally.accept(observation);
        true
    }

    /// Looks where the flow of a packet lies that was decoded a few packets ago: its flow's memory comes while others are decoded.
    #[inline]
    fn approach(&mut self) {
        if self.waiting >= self.approached + BEHIND
            && self.table.len() <= FEW_FLOWS
            && let Some(grouped) = self.group.get_mut(self.approached)
        {
            grouped.place = self.table.approach(grouped.decoded.hash);
            self.approached += 1;
        }
    }

    /// Looks up the group: first those of it that were not looked for yet, then each in its order.
    fn settle(&mut self, bytes: &[u8]) {
        let mut room = std::mem::take(&mut self.group);
        let group = room.get_mut(..std::mem::take(&mut self.waiting)).unwrap_or_default();
        for grouped in group.iter_mut().skip(std::mem::take(&mut self.approached)) {
            grouped.place = self.table.approach(grouped.decoded.hash);
        }
        for Grouped { decoded, place, .. } in &*group {
            if let Some(place) = *place {
                self.table.listen(place, decoded.observation.payload_at != 0);
            }
        }
        for &Grouped { ref decoded, ref at, clock, place } in &*group {
            let &Decoded { ref observation, sequence, tunnel_octets, hash, ref print, .. } =
                decoded;
            if !self.admit(observation, print) {
                continue;
            }
            let arrival = Arrival { hash, clock, place, sequence, tunnel_octets };
            let detail = || self.decoder.detail(&at.frame(bytes));
            let mut observed = self.table.observe(observation, arrival, detail, &mut self.desk);
            self.tally.acknowledge(observed.acknowledged);
            // One question, for nobody can foresee the first half of it.
            if (observation.payload_at != 0) & !observed.entry.is_deaf() {
                let frame = at.frame(bytes);
                if is_worth_hearing(&mut observed.entry, observation, frame.bytes) {
                    let speech = Speech { frame, observation, clock, sequence };
                    self.hearing.hear(observed, &speech, &mut self.desk);
                }
            }
        }
        self.group = room;
    }

    /// Counts a packet that was held; gives its flow's id.
    fn count_held(&mut self, held: &Held, frame: Option<&Frame<'_>>) -> i64 {
        let observation = &held.observation;
        let hash = self.table.hash(&observation.key);
        // A segment in pieces has a length that its first piece does not say.
        let tunnel_octets = held.tunnel_octets;
        let arrival =
            Arrival { hash, clock: self.clock, place: None, sequence: None, tunnel_octets };
        let detail = || held.detail.clone();
        let observed = self.table.observe(observation, arrival, detail, &mut self.desk);
        let flow_id = observed.entry.flow_id();
        // Only the first piece has a payload that begins at its beginning, and only its frame is at hand.
        if let Some(frame) = frame
            && observation.payload_at != 0
            && observation.ts_ns == frame.ts_ns
        {
            let speech = Speech { frame: *frame, observation, clock: self.clock, sequence: None };
            self.hearing.hear(observed, &speech, &mut self.desk);
        }
        flow_id
    }

    fn count_released(&mut self) {
        for held in std::mem::take(&mut self.released) {
            self.count_held(&held, None);
        }
    }

    /// The interval up to now, without what is open: that is found by walking the table, which takes its time.
    fn so_far(&self, watch: Option<Watch>) -> IntervalEnd {
        IntervalEnd {
            tally: self.tally,
            open: Open::default(),
            entries: self.table.len(),
            totals: Totals {
                flow_evictions: self.table.evictions(),
                fragments_unmatched: self.fragments.unmatched(),
                dns_evictions: self.hearing.dns_evictions(),
                names_refused: self.table.names_refused()
                    + self.desk.handshakes.refused()
                    + self.hearing.refused(),
                duplicates_forgotten: self.duplicates.forgotten(),
            },
            interface: self.interface.clone(),
            watch,
        }
    }

    fn end_interval(&mut self, watch: Option<Watch>) {
        let (flows, waiting) = (self.table.open(), self.fragments.open());
        let mut end = self.so_far(watch);
        end.open = Open {
            packets: flows.packets + waiting.packets,
            wire_bytes: flows.wire_bytes + waiting.wire_bytes,
            ip_bytes: flows.ip_bytes + waiting.ip_bytes,
        };
        self.tally = Tally::default();
        self.desk.draft.interval = Some(end);
        self.desk.send(false);
    }

    /// Exports all that is open and closes the account. `sequence` is one more than the last block's.
    pub fn finish(mut self, sequence: u64, watch: Option<Watch>) {
        self.desk.draft.sequence = sequence;
        self.fragments.flush(&mut self.released);
        self.count_released();
        self.hearing.flush(self.clock, &mut self.desk.draft);
        self.desk.send(true);
        self.flush();
        if self.interval.is_some() || watch.is_some() {
            self.end_interval(watch);
        } else {
            self.desk.send(false);
        }
    }
}
