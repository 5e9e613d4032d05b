//! What the capture thread knows of an interval that no lane can know: the kernel's counters, the interface, the machine's clock.

use schemas::Text;
use schemas::ledger::LedgerRow;

use crate::record::{count, micros};
use crate::source::live::KernelCounters;

/// What the interface counted since the capture began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NicCounters {
    /// Packets received.
    pub packets: u64,
    /// Of those, dropped before any socket saw them.
    pub dropped: u64,
    /// Faulty frames.
    pub errors: u64,
}

/// What the capture thread adds to an interval of a lane. Counters run on from the first interval to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// Begin of the interval by the machine's clock, ns since 1970 UTC.
    pub from_ns: i64,
    /// Its end.
    pub to_ns: i64,
    /// What the kernel counted for this lane.
    pub kernel: KernelCounters,
    /// Packets handed to this lane, as the kernel's block headers say.
    pub handed: u64,
    /// What the interface counted; told to one lane only, or it would count twice.
    pub nic: Option<NicCounters>,
    /// Whether the link is up.
    pub link_up: bool,
    /// Time of the interval in which frames could be seen.
    pub covered_ns: i64,
    /// How far the machine's clock was moved in the interval.
    pub clock_step_ns: i64,
    /// Word for who stamps the time of packets.
    pub timestamp_source: &'static str,
    /// Of the packets handed over, those for which the lane's queue had no room.
    pub queue_drops: u64,
    /// Whether what is finished is to be published after this interval.
    pub rotates: bool,
}

/// A moment of the machine's clock, between the frames before it and those after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// Its place among the blocks.
    pub sequence: u64,
    /// No frame to come is older than this, ns since 1970 UTC: what is due by now can be cut.
    pub clock_ns: i64,
    /// Whether the interval ends here.
    pub closes: bool,
    /// Whether to tell the interval so far.
    pub beats: bool,
    /// The interval, as the capture thread sees it.
    pub watch: Watch,
}

impl Watch {
    /// Counted by the kernel, not yet handed over.
    pub const fn pending(&self) -> Option<i64> {
        match (self.kernel.packets, self.kernel.drops) {
            (Some(packets), Some(drops)) => {
                Some(packets.cast_signed() - drops.cast_signed() - self.handed.cast_signed())
            }
            _ => None,
        }
    }

    /// Fills in the columns of a live interval; `before` is the end of the one before.
    pub fn complete(&self, row: &mut LedgerRow, before: Option<&Self>) {
        let since = |read: fn(&KernelCounters) -> Option<u64>| {
            let now = read(&self.kernel)?;
            Some(count(now - before.and_then(|watch| read(&watch.kernel)).unwrap_or(0).min(now)))
        };
        let nic = |read: fn(&NicCounters) -> u64| {
            let now = read(self.nic.as_ref()?);
            let then = before.and_then(|watch| watch.nic.as_ref()).map_or(0, read);
            Some(count(now.saturating_sub(then)))
        };
        row.ts_start = micros(self.from_ns);
        row.ts_end = micros(self.to_ns);
        row.kernel_packets = since(|kernel| kernel.packets);
        row.kernel_drops = since(|kernel| kernel.drops);
        row.kernel_freezes = since(|kernel| kernel.freezes);
        row.xdp_rx_dropped = since(|kernel| kernel.xdp_rx_dropped);
        row.xdp_rx_ring_full = since(|kernel| kernel.xdp_rx_ring_full);
        row.xdp_fill_ring_empty = since(|kernel| kernel.xdp_fill_ring_empty);
        row.nic_rx_packets = nic(|nic| nic.packets);
        row.nic_rx_dropped = nic(|nic| nic.dropped);
        row.nic_rx_errors = nic(|nic| nic.errors);
        row.ring_pending = self.pending();
        row.queue_drops = count(self.queue_drops - before.map_or(0, |watch| watch.queue_drops));
        // The lane never saw those.
        row.packets_seen += row.queue_drops;
        if let (Some(packets), Some(drops), Some(pending)) =
            (row.kernel_packets, row.kernel_drops, row.ring_pending)
        {
            let opened = before.and_then(Self::pending).unwrap_or(0);
            row.kernel_balance_error = Some(opened + packets - drops - row.packets_seen - pending);
        }
        row.link_up = Some(self.link_up);
        row.coverage_s = self.covered_ns / 1_000_000_000;
        row.clock_step_us = self.clock_step_ns / 1_000;
        row.timestamp_source = Some(self.timestamp_source);
    }
}

/// Something that happened on an interface, to be written into the ledger as a row of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub interface: Text,
    /// `gap`: a time in which nothing could be seen; `event`: a moment.
    pub kind: &'static str,
    /// Begin, ns since 1970 UTC.
    pub from_ns: i64,
    /// End.
    pub to_ns: i64,
    /// What happened.
    pub detail: String,
    /// State of the link in it.
    pub link_up: bool,
    /// How far the clock was moved.
    pub clock_step_ns: i64,
}
