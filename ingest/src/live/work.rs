//! A lane's thread: walks blocks that nobody has touched yet, and hands them to its lane.

use std::sync::Arc;

use crossbeam::channel::{Receiver, Sender};
use crossbeam::queue::ArrayQueue;
use schemas::Text;

use crate::block::{Block, BlockParts, FrameRef, Seen, Time, Unwalked, Walk};
use crate::delivery::Delivery;
use crate::lane::Lane;
use crate::ledger::Tally;
use crate::live::exit::Message;
use crate::metrics::{LaneMetrics, Metrics};

/// Side arrays that wait for the next block.
const SHELF: usize = 8;

/// A lane at work.
pub(crate) struct Worker<'a> {
    pub number: u8,
    pub lane: Lane<Sender<Delivery>>,
    pub messages: Receiver<Message>,
    pub interface: Text,
    pub metrics: &'a Metrics,
}

impl Worker<'_> {
    /// Works until the end, or until the writer is gone.
    pub(crate) fn run(mut self) {
        let shelf = Arc::new(ArrayQueue::new(SHELF));
        let mut told = Told::default();
        loop {
            let Ok(message) = self.messages.recv() else { return };
            let goes_on = match message {
                Message::Frames(frames, sequence) => {
                    self.lane.take(&self.walk(frames, sequence, &shelf))
                }
                Message::Tagged(block) => self.lane.take(&block),
                Message::Tick(tick) => {
                    self.tell(&mut told);
                    if tick.closes {
                        told.seen = Tally::default();
                    }
                    self.lane.at(&tick)
                }
                Message::End(tick) => {
                    self.tell(&mut told);
                    return self.lane.finish(tick.sequence, Some(tick.watch));
                }
            };
            if !goes_on {
                return;
            }
        }
    }

    fn tell(&self, told: &mut Told) {
        if let Some(metrics) = self.metrics.lanes.get(usize::from(self.number)) {
            told.tell(&self.lane, metrics);
        }
        let last = self.lane.tally().time.to_ns;
        if last > self.metrics.last_packet_ns.get() {
            self.metrics.last_packet_ns.set(last);
        }
    }

    fn walk(
        &self,
        frames: Box<dyn Unwalked>,
        sequence: u64,
        shelf: &Arc<ArrayQueue<Vec<FrameRef>>>,
    ) -> Block {
        let Walk { memory, frames, super_frames } =
            frames.walk(self.number, shelf.pop().unwrap_or_default());
        let mut time = Time::NONE;
        let mut wire_bytes = 0;
        for at in &frames {
            let step_back_ns = time.to_ns.saturating_sub(at.ts_ns).max(0);
            time = time.join(Time { from_ns: at.ts_ns, to_ns: at.ts_ns, step_back_ns });
            wire_bytes += u64::from(at.original);
        }
        let mut seen = vec![Seen::default(); usize::from(self.number)];
        seen.push(Seen { packets: frames.len() as u64, wire_bytes });
        let interface = self.interface.clone();
        let parts =
            BlockParts { sequence, interval: 0, seen, time, super_frames, interface, frames };
        Block::new(memory, parts, Arc::clone(shelf))
    }
}

/// What of an interval has been added to the counters already.
#[derive(Default)]
struct Told {
    seen: Tally,
    evictions: u64,
}

impl Told {
    fn tell(&mut self, lane: &Lane<Sender<Delivery>>, metrics: &LaneMetrics) {
        let (now, before) = (lane.tally(), &self.seen);
        let counters = &metrics.counters;
        counters.packets_seen.add(now.seen.packets - before.seen.packets);
        counters.wire_bytes.add(now.seen.wire_bytes - before.seen.wire_bytes);
        counters.ip_bytes.add(now.ip_bytes - before.ip_bytes);
        counters.super_frames.add(now.super_frames - before.super_frames);
        counters.filtered.add(now.filtered.packets - before.filtered.packets);
        counters.tcp_acks.add(now.tcp_acks - before.tcp_acks);
        counters.tcp_ack_gaps.add(now.tcp_ack_gaps - before.tcp_ack_gaps);
        for ((counter, now), before) in metrics.ignored.iter().zip(now.ignored).zip(before.ignored)
        {
            counter.add(now - before);
        }
        let table = lane.table();
        counters.flow_evictions.add(table.evictions() - self.evictions);
        metrics.table_entries.set(i64::try_from(table.len()).unwrap_or(i64::MAX));
        self.seen = *now;
        self.evictions = table.evictions();
    }
}
