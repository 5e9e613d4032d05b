//! What a packet costs as flows grow in number: one lane, fed from memory, whose rows nobody takes.
//!
//! No disk has room for fifty packets of ten million flows, so each block is made, and then taken by the lane; only the latter is measured. First all flows
//! begin, which is when a table grows; then they are met at random.

use std::fs;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::queue::ArrayQueue;
use ingest::Inside;
use ingest::block::{Block, BlockParts, FrameRef, Seen, Time};
use ingest::config::PacketArgs;
use ingest::flow::Limits;
use ingest::frame::LinkType;
use ingest::lane::{Lane, LaneSettings};
use ingest::record::RowStyle;
use ingest::source::synthetic::Even;

use crate::capture::SEED;
use crate::contest::real;
use crate::cpu::thread;
use crate::feed::{Frames, Nobody};

/// Packets at least, for few flows are too quickly met.
const PACKETS_MIN: u64 = 20_000_000;
/// Packets of a block: what the longest pause is measured by.
const BLOCK: u64 = 1_024;
/// All packets come within this time, so that no flow ends: what ending costs is the price of a row.
const SPAN_NS: u64 = 60_000_000_000;
const NEVER_NS: i64 = 3_600_000_000_000;
const BEGIN_NS: i64 = 1_700_000_000_000_000_000;

/// How the table fared with so many flows.
#[derive(Debug, Clone, Copy)]
pub struct Felt {
    /// Flows that were open at the end.
    pub flows: u64,
    /// Processor time for a packet that begins a flow, nanoseconds.
    pub new_ns: f64,
    /// For one of a flow that is there.
    pub packet_ns: f64,
    /// The longest a block took, while flows began and after.
    pub pauses: [Duration; 2],
    /// Memory that the flows took, octets each.
    pub bytes_a_flow: f64,
}

/// Memory of this process now, octets.
fn resident() -> io::Result<u64> {
    let text = fs::read_to_string("/proc/self/status")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kib.ok_or_else(|| io::Error::other("/proc/self/status has an unknown form"))? * 1_024)
}

/// Feeds one lane.
struct Feed {
    lane: Lane<Nobody>,
    even: Even,
    recycle: Arc<ArrayQueue<Vec<FrameRef>>>,
    sequence: u64,
    ts_ps: u64,
    step_ps: u64,
}

impl Feed {
    fn block(&mut self, packets: u64, fresh: bool) -> Block {
        let (mut memory, mut frame) = (Vec::new(), Vec::new());
        let mut frames = self.recycle.pop().unwrap_or_default();
        let mut seen = Seen::default();
        for _ in 0..packets {
            let [original, _] =
                if fresh { self.even.fresh(&mut frame) } else { self.even.frame(&mut frame) };
            frame.resize(usize::from(original), 0);
            self.ts_ps += self.step_ps;
            frames.push(FrameRef {
                ts_ns: BEGIN_NS + i64::try_from(self.ts_ps / 1_000).unwrap_or(0),
                offset: u32::try_from(memory.len()).unwrap_or(u32::MAX),
                captured: u32::from(original),
                original: u32::from(original),
                link: LinkType::Ethernet,
                lane: 0,
            });
            memory.extend_from_slice(&frame);
            seen.packets += 1;
            seen.wire_bytes += u64::from(original);
        }
        let parts = BlockParts {
            sequence: self.sequence,
            interval: 0,
            seen: vec![seen],
            time: Time::NONE,
            super_frames: 0,
            interface: "memory".into(),
            frames,
        };
        self.sequence += 1;
        Block::new(Arc::new(Frames(memory)), parts, Arc::clone(&self.recycle))
    }

    /// So many packets; the time they took, and the longest that a block took.
    fn feed(&mut self, packets: u64, fresh: bool) -> io::Result<[Duration; 2]> {
        let (mut total, mut longest, mut left) = (Duration::ZERO, Duration::ZERO, packets);
        while left > 0 {
            let block = self.block(left.min(BLOCK), fresh);
            left -= left.min(BLOCK);
            let before = thread()?;
            self.lane.take(&block);
            let took = thread()?.saturating_sub(before);
            total += took;
            longest = longest.max(took);
        }
        Ok([total, longest])
    }
}

/// Packets that a number of flows is measured with, where each has so many on average.
pub fn packets_of(flows: u32, each: u64) -> u64 {
    (u64::from(flows) * each).max(PACKETS_MIN)
}

/// Feeds a lane with so many packets of so many flows. Their memory is told rightly only by a process that does nothing else.
pub fn felt(flows: u32, packets: u64) -> io::Result<Felt> {
    let count = u64::from(flows);
    let settings = LaneSettings {
        lane: 0,
        limits: Limits {
            active_timeout_ns: NEVER_NS,
            idle_timeout_ns: NEVER_NS,
            // As full as may be: a table over 7/8 is under pressure and would end flows early.
            flows_max: usize::try_from(count * 8 / 7 + 8).unwrap_or(usize::MAX).max(1 << 16),
        },
        seed: SEED,
        style: RowStyle { sensor: "bench".into(), inside: Inside::default(), interface: None },
        filter: None,
        packets: PacketArgs::default(),
    };
    let mut feed = Feed {
        lane: Lane::new(settings, Nobody),
        even: Even::new(SEED, flows),
        recycle: Arc::new(ArrayQueue::new(4)),
        sequence: 0,
        ts_ps: 0,
        step_ps: SPAN_NS * 1_000 / (packets + count),
    };
    let empty = resident()?;
    let [new, new_longest] = feed.feed(count, true)?;
    let full = resident()?;
    let [old, longest] = feed.feed(packets, false)?;
    Ok(Felt {
        flows: u64::try_from(feed.lane.table().len()).unwrap_or(u64::MAX),
        new_ns: new.as_secs_f64() * 1e9 / real(count),
        packet_ns: old.as_secs_f64() * 1e9 / real(packets),
        pauses: [new_longest, longest],
        bytes_a_flow: real(full.saturating_sub(empty)) / real(count),
    })
}

impl Felt {
    /// In one line, for the process that asked for it.
    pub fn line(&self) -> String {
        let [growing, steady] = self.pauses.map(|pause| pause.as_nanos());
        let Self { flows, new_ns, packet_ns, bytes_a_flow, .. } = self;
        format!("{flows} {new_ns} {packet_ns} {growing} {steady} {bytes_a_flow}")
    }

    /// What such a line says.
    pub fn of_line(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        Some(Self {
            flows: words.next()?.parse().ok()?,
            new_ns: words.next()?.parse().ok()?,
            packet_ns: words.next()?.parse().ok()?,
            pauses: [
                Duration::from_nanos(words.next()?.parse().ok()?),
                Duration::from_nanos(words.next()?.parse().ok()?),
            ],
            bytes_a_flow: words.next()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Felt, felt};

    #[test]
    fn no_flow_ends_while_it_is_measured() {
        let felt = felt(300, 9_000).unwrap();
        assert_eq!(felt.flows, 300);
        assert!(felt.packet_ns > 1.0 && felt.new_ns > 1.0, "{felt:?}");
        let told = Felt::of_line(&felt.line()).unwrap();
        assert_eq!((told.flows, told.pauses), (felt.flows, felt.pauses));
    }
}
