//! What listening costs a packet that carries no name, in the mean over the packets of mixed traffic: of a flow only the first few are looked at.
//!
//! One lane takes the same frames from the same memory, once whole, and once as if of packets that carry no name nothing behind the headers had been
//! captured; the difference is what listening to those costs. Flows get their names in both. Of each block the median of many passes counts.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark tells its figures, and one that cannot be set up should stop at once"
)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use benches::cpu::thread;
use benches::feed::{self, Frames, Nobody};
use crossbeam::queue::ArrayQueue;
use ingest::Inside;
use ingest::block::{Block, BlockParts, FrameRef, Seen, Time};
use ingest::config::PacketArgs;
use ingest::decode::Decoder;
use ingest::flow::{FlowKey, Limits};
use ingest::frame::Frame;
use ingest::lane::{Lane, LaneSettings};
use ingest::names;
use ingest::observation::Observation;
use ingest::record::RowStyle;
use ingest::source::synthetic::Mix;
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const SEED: u64 = 7;
const PACKETS: u64 = 400_000;
const BLOCK: usize = 1_024;
const PASSES: usize = 101;
/// From one pass to the next: all flows have ended.
const APART_NS: i64 = 100_000_000_000;
/// Ports of protocols that carry names in every packet: DNS, DHCP and their kin.
const TALKING: [u16; 7] = [53, 67, 68, 546, 547, 5353, 5355];

/// Frames of a mix: where each lies, and how much of it is captured where what names nothing is not.
struct Traffic {
    memory: Arc<Frames>,
    frames: Vec<(FrameRef, u32)>,
    nameless: u64,
    with_payload: u64,
}

impl Traffic {
    fn of_mix() -> Self {
        let mut file = Vec::new();
        Mix::new(SEED, PACKETS).write_pcap(&mut file).expect("written to memory");
        let blocks = feed::blocks(file).expect("a capture");
        let (mut memory, mut judge) = (Vec::new(), Judge::default());
        let (mut frames, mut nameless, mut with_payload) = (Vec::new(), 0, 0);
        let all = blocks.iter().flat_map(|block| block.refs().iter().map(move |at| (block, at)));
        for (block, at) in all {
            let frame = block.frame(at);
            let headers = judge.headers_of_nameless(&frame);
            nameless += u64::from(headers.is_some());
            with_payload += u64::from(headers.is_some_and(|headers| headers < at.captured));
            let offset = u32::try_from(memory.len()).expect("four GiB at most");
            memory.extend_from_slice(frame.bytes);
            frames.push((FrameRef { offset, ..*at }, headers.unwrap_or(at.captured)));
        }
        Self { memory: Arc::new(Frames(memory)), frames, nameless, with_payload }
    }

    /// All of them as blocks, some time later.
    fn blocks(
        &self,
        is_whole: bool,
        later_ns: i64,
        recycle: &Arc<ArrayQueue<Vec<FrameRef>>>,
    ) -> Vec<Block> {
        let block = |(sequence, frames): (usize, &[(FrameRef, u32)])| {
            let cut = |(at, headers): &(FrameRef, u32)| FrameRef {
                ts_ns: at.ts_ns + later_ns,
                captured: if is_whole { at.captured } else { *headers },
                ..*at
            };
            let parts = BlockParts {
                sequence: sequence as u64,
                interval: 0,
                seen: vec![Seen::default()],
                time: Time::NONE,
                super_frames: 0,
                interface: "memory".into(),
                frames: frames.iter().map(cut).collect(),
            };
            Block::new(Arc::<Frames>::clone(&self.memory), parts, Arc::clone(recycle))
        };
        self.frames.chunks(BLOCK).enumerate().map(block).collect()
    }
}

/// Tells packets that carry a name from those that do not.
#[derive(Default)]
struct Judge {
    /// Ends whose last payload named something: the next may be its rest, and counts as a name, too.
    named: HashSet<(FlowKey, bool)>,
}

impl Judge {
    /// Octets of the headers of a packet that carries no name.
    fn headers_of_nameless(&mut self, frame: &Frame<'_>) -> Option<u32> {
        let observation = Decoder::default().decode(frame).ok()?.observation;
        let at = usize::from(observation.payload_at);
        if at == 0 {
            return u32::try_from(frame.bytes.len()).ok();
        }
        let key = observation.key;
        let payload = frame.bytes.get(at..)?;
        let is_named = TALKING.iter().any(|port| [key.low.port, key.high.port].contains(port))
            || names::of_tcp(payload).is_some()
            || names::quic::looks_like(payload);
        let whose = (key, observation.has(Observation::FORWARD));
        let is_rest = self.named.remove(&whose);
        if is_named {
            self.named.insert(whose);
        }
        if is_named || is_rest { None } else { u32::try_from(at).ok() }
    }
}

fn lane() -> Lane<Nobody> {
    let settings = LaneSettings {
        lane: 0,
        limits: Limits {
            active_timeout_ns: 60_000_000_000,
            idle_timeout_ns: 15_000_000_000,
            flows_max: 1 << 17,
        },
        seed: SEED,
        style: RowStyle { sensor: "bench".into(), inside: Inside::default(), interface: None },
        filter: None,
        packets: PacketArgs::default(),
    };
    Lane::new(settings, Nobody)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn main() {
    let traffic = Traffic::of_mix();
    let recycle = Arc::new(ArrayQueue::new(1_024));
    // A lane for each, so that neither finds the other's flows.
    let mut lanes = [lane(), lane()];
    let mut times: [Vec<Vec<Duration>>; 2] = [vec![], vec![]];
    let mut later_ns = 0;
    for pass in 0..PASSES {
        // They change roles, for where a lane's memory lies makes a difference, too.
        if pass % 2 == 1 {
            lanes.reverse();
        }
        for ((lane, times), is_whole) in lanes.iter_mut().zip(&mut times).zip([true, false]) {
            let blocks = traffic.blocks(is_whole, later_ns, &recycle);
            times.resize(blocks.len(), vec![]);
            for (block, times) in blocks.iter().zip(times) {
                let before = thread().expect("a clock");
                assert!(lane.take(block));
                times.push(thread().expect("a clock").saturating_sub(before));
            }
        }
        later_ns += APART_NS;
    }
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand")]
    let [all, nameless] = [traffic.frames.len() as f64, traffic.nameless as f64];
    let [heard, deaf] =
        times.map(|blocks| blocks.into_iter().map(median).sum::<Duration>().as_secs_f64() * 1e9);
    println!(
        "{all} packets of a mix, {nameless} of them carry no name, {} of these have a payload: {:.1} ns each where all are listened to, {:.1} where only \
         those with a name; listening costs {:.2} ns a packet that carries none",
        traffic.with_payload,
        heard / all,
        deaf / all,
        (heard - deaf) / nameless
    );
}
