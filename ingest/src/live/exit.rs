//! A lane, seen from the capture thread: what it is sent, and what the kernel counted for it.

use std::sync::Arc;

use crossbeam::channel::{SendError, Sender, TrySendError};

use crate::block::{Block, Unwalked};
use crate::metrics::LaneMetrics;
use crate::source::live::KernelCounters;
use crate::watch::Tick;

/// What a lane is sent.
pub(crate) enum Message {
    /// Frames for this lane alone, and their place among all.
    Frames(Box<dyn Unwalked>, u64),
    /// Frames for all lanes, tagged.
    Tagged(Arc<Block>),
    /// A moment.
    Tick(Box<Tick>),
    /// The end.
    End(Box<Tick>),
}

/// The way out to a lane. It never waits: what finds the queue full is counted.
pub(crate) struct Exit {
    send: Sender<Message>,
    /// Packets handed over by all sources, as block headers say.
    pub(crate) handed: u64,
    /// Of these, packets for which the queue had no room.
    pub(crate) queue_drops: u64,
    /// What the kernel counted, all sources together.
    pub(crate) kernel: KernelCounters,
    /// What sources that are closed had counted.
    before: KernelCounters,
    /// An interval's end that found the queue full.
    owes_close: bool,
}

impl Exit {
    pub(crate) fn new(send: Sender<Message>) -> Self {
        Self {
            send,
            handed: 0,
            queue_drops: 0,
            kernel: KernelCounters::default(),
            before: KernelCounters::default(),
            owes_close: false,
        }
    }

    /// Hands over frames for this lane; `false` when it is gone.
    pub(crate) fn frames(&mut self, frames: Box<dyn Unwalked>, sequence: u64) -> bool {
        let packets = frames.packets();
        self.offer(Message::Frames(frames, sequence), packets)
    }

    /// Hands over frames of which `packets` are for this lane; `false` when it is gone.
    pub(crate) fn share(&mut self, block: &Arc<Block>, packets: u64) -> bool {
        self.offer(Message::Tagged(Arc::clone(block)), packets)
    }

    fn offer(&mut self, message: Message, packets: u64) -> bool {
        self.handed += packets;
        match self.send.try_send(message) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.queue_drops += packets;
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }

    /// Tells the time; `false` when the lane is gone. The end of an interval that finds no room comes with the next tick.
    pub(crate) fn tick(&mut self, mut tick: Tick) -> bool {
        let closes = tick.closes;
        tick.closes |= self.owes_close;
        match self.send.try_send(Message::Tick(Box::new(tick))) {
            Ok(()) => self.owes_close = false,
            Err(TrySendError::Full(_)) => self.owes_close |= closes,
            Err(TrySendError::Disconnected(_)) => return false,
        }
        true
    }

    /// Ends the lane, when all before has been taken.
    pub(crate) fn end(&self, tick: Tick) -> Result<(), SendError<Message>> {
        self.send.send(Message::End(Box::new(tick)))
    }

    /// Takes over what the kernel counted for the source that runs.
    pub(crate) fn count(&mut self, now: &KernelCounters) {
        self.kernel = add(&self.before, now);
    }

    /// The source is gone: what the kernel counted and can no longer hand over is lost with its ring.
    pub(crate) fn part(&mut self) {
        let (packets, drops) = (self.kernel.packets, self.kernel.drops);
        if let (Some(packets), Some(drops)) = (packets, drops) {
            self.kernel.drops = Some(drops + packets.saturating_sub(drops + self.handed));
        }
        self.before = self.kernel;
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.send.len()
    }

    /// Raises the counters that others read.
    pub(crate) fn tell(&self, lane: &LaneMetrics) {
        lane.counters.kernel_packets.set(self.kernel.packets.unwrap_or(0));
        lane.counters.kernel_drops.set(self.kernel.drops.unwrap_or(0));
        lane.counters.kernel_freezes.set(self.kernel.freezes.unwrap_or(0));
        lane.blocks_waiting.set(i64::try_from(self.waiting()).unwrap_or(i64::MAX));
        if let (Some(packets), Some(drops)) = (self.kernel.packets, self.kernel.drops) {
            let pending = packets.saturating_sub(drops + self.handed);
            lane.ring_pending.set(pending.cast_signed());
        }
    }
}

/// Counters of closed sources and of the one that runs.
fn add(before: &KernelCounters, now: &KernelCounters) -> KernelCounters {
    let sum = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0) + b.unwrap_or(0)),
    };
    KernelCounters {
        packets: sum(before.packets, now.packets),
        drops: sum(before.drops, now.drops),
        freezes: sum(before.freezes, now.freezes),
        xdp_rx_dropped: sum(before.xdp_rx_dropped, now.xdp_rx_dropped),
        xdp_rx_ring_full: sum(before.xdp_rx_ring_full, now.xdp_rx_ring_full),
        xdp_fill_ring_empty: sum(before.xdp_fill_ring_empty, now.xdp_fill_ring_empty),
    }
}
