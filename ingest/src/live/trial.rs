//! The whole live pipeline with a source, a clock and a link that the test holds in its hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam::channel::bounded;
use schemas::dns::DnsRow;
use schemas::flow::FlowRow;
use schemas::ledger::LedgerRow;
use schemas::store::StoreError;

use crate::archive::Archive;
use crate::block::{FrameRef, Walk};
use crate::direction::Inside;
use crate::flow::Limits;
use crate::frame::LinkType;
use crate::lane::{Lane, LaneSettings};
use crate::ledger::Account;
use crate::live::capture::{Capture, CaptureParts, Periods};
use crate::live::clock::Clock;
use crate::live::link::{Link, Links};
use crate::live::work::Worker;
use crate::metrics::Metrics;
use crate::record::RowStyle;
use crate::resolution::Resolutions;
use crate::sink::Sink;
use crate::source::SourceError;
use crate::source::live::{KernelCounters, LiveSource, Parcel};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Noon, so that a day either way is another partition.
const NOON: i64 = 1_411_473_600 * SECOND;

/// What the test moves.
#[derive(Default)]
struct World {
    wall_ns: i64,
    steady_ns: i64,
    link: Link,
    /// Frames that have arrived: lane, time, octets.
    arrived: VecDeque<(usize, i64, Vec<u8>)>,
    counters: KernelCounters,
    is_gone: bool,
    opened: usize,
}

type Shared = Arc<Mutex<World>>;

struct Hand(Shared);

impl Clock for Hand {
    fn wall_ns(&self) -> i64 {
        self.0.lock().unwrap().wall_ns
    }
    fn steady_ns(&self) -> i64 {
        self.0.lock().unwrap().steady_ns
    }
}

impl Links for Hand {
    fn look(&mut self) -> Link {
        self.0.lock().unwrap().link
    }
}

impl LiveSource for Hand {
    fn backend(&self) -> &'static str {
        "tpacket_v3"
    }
    fn timestamp_source(&self) -> &'static str {
        "ring"
    }
    fn poll(&mut self, _: Duration, give: &mut dyn FnMut(Parcel)) -> Result<(), SourceError> {
        let mut world = self.0.lock().unwrap();
        if world.is_gone {
            return Err(SourceError::Gone("hand".to_owned()));
        }
        while let Some((lane, ts_ns, bytes)) = world.arrived.pop_front() {
            let length = u32::try_from(bytes.len()).unwrap();
            let frame = FrameRef {
                ts_ns,
                offset: 0,
                captured: length,
                original: length,
                link: LinkType::Ethernet,
                lane: 0,
            };
            let walk = Walk { memory: Arc::new(bytes), frames: vec![frame], super_frames: 0 };
            give(Parcel::Lane(lane, Box::new(walk)));
        }
        Ok(())
    }
    fn counters(&mut self) -> Vec<KernelCounters> {
        vec![self.0.lock().unwrap().counters]
    }
    fn stop(&mut self) {}
    fn is_drained(&mut self) -> bool {
        true
    }
}

/// Keeps rows where the test can look at them.
#[derive(Default)]
struct Memory {
    flows: Vec<FlowRow>,
    ledger: Vec<LedgerRow>,
    cuts: Vec<(i64, Vec<LedgerRow>, bool)>,
}

impl Archive for Memory {
    fn flow(&mut self, row: &FlowRow) -> Result<(), StoreError> {
        self.flows.push(row.clone());
        Ok(())
    }
    fn dns(&mut self, _: &DnsRow) -> Result<(), StoreError> {
        Ok(())
    }
    fn ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError> {
        self.ledger.push(row.clone());
        Ok(())
    }
    fn cut(&mut self, wall_ns: i64, rows: Vec<LedgerRow>, rotate: bool) -> Result<(), StoreError> {
        self.cuts.push((wall_ns, rows, rotate));
        Ok(())
    }
}
