//! A reader at the tap's end of a wire: takes what a source gives, and keeps it.

use std::time::{Duration, Instant};

use ingest::source::live::{Fanout, LiveSettings, LiveSource, Parcel};
use ingest::source::{DRAIN_MAX, SourceError};

use crate::live::lab::TAP;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(10);
const WAIT: Duration = Duration::from_millis(50);

/// Settings for a small ring.
pub(crate) fn settings(lanes: usize) -> LiveSettings {
    LiveSettings {
        interface: TAP.to_owned(),
        lanes,
        ring_bytes: 4 << 20,
        block_bytes: 1 << 16,
        retire: Duration::from_millis(10),
        fanout_group: 0,
        fanout: Fanout::Hosts,
        promiscuous: true,
        force: false,
        kernel_filter: None,
    }
}

/// What came.
#[derive(Debug, Default)]
pub(crate) struct Caught {
    /// Lane and bytes of each frame, in order of arrival.
    pub(crate) frames: Vec<(usize, Vec<u8>)>,
    pub(crate) super_frames: u64,
    /// Longest frame on the wire.
    pub(crate) longest: u32,
    /// Times of the frames.
    pub(crate) times: Vec<i64>,
}

impl Caught {
    pub(crate) fn bytes(&self) -> Vec<&[u8]> {
        self.frames.iter().map(|(_, bytes)| bytes.as_slice()).collect()
    }

    pub(crate) fn count(&self) -> u64 {
        self.frames.len() as u64
    }

    /// Walks a parcel and keeps its frames.
    pub(crate) fn take(&mut self, parcel: Parcel) {
        let (lane, frames) = match parcel {
            Parcel::Lane(lane, frames) => (lane, frames),
            Parcel::Any(frames) => (0, frames),
        };
        let expected = frames.packets();
        let walk = frames.walk(u8::try_from(lane).unwrap(), Vec::new());
        assert_eq!(walk.frames.len() as u64, expected, "a block has as many frames as it says");
        self.super_frames += walk.super_frames;
        for at in &walk.frames {
            assert_eq!(usize::from(at.lane), lane);
            self.longest = self.longest.max(at.original);
            self.times.push(at.ts_ns);
            self.frames.push((lane, at.frame(walk.memory.bytes()).bytes.to_vec()));
        }
    }

    /// Polls until there are `count` frames in all.
    pub(crate) fn until(&mut self, source: &mut dyn LiveSource, count: u64) {
        let begin = Instant::now();
        while self.count() < count {
            assert!(begin.elapsed() < PATIENCE, "{} of {count} frames", self.count());
            source.poll(WAIT, &mut |parcel| self.take(parcel)).unwrap();
        }
    }

    /// Polls as long as something comes within a while.
    pub(crate) fn rest(&mut self, source: &mut dyn LiveSource) -> Result<(), SourceError> {
        let mut quiet = Instant::now();
        while quiet.elapsed() < 4 * WAIT {
            let before = self.count();
            source.poll(WAIT, &mut |parcel| self.take(parcel))?;
            if self.count() > before {
                quiet = Instant::now();
            }
        }
        Ok(())
    }

    /// Stops the source and takes what is left; gives how long that took.
    pub(crate) fn stop(&mut self, source: &mut dyn LiveSource) -> Duration {
        source.stop();
        let begin = Instant::now();
        while !source.is_drained() {
            assert!(begin.elapsed() < DRAIN_MAX, "not drained: {:?}", source.counters());
            source.poll(WAIT, &mut |parcel| self.take(parcel)).unwrap();
        }
        begin.elapsed()
    }
}

/// Packets and drops of all lanes.
pub(crate) fn counted(source: &mut dyn LiveSource) -> (u64, u64) {
    let counters = source.counters();
    let sum = |of: fn(&ingest::source::live::KernelCounters) -> Option<u64>| {
        counters.iter().map(|lane| of(lane).unwrap()).sum()
    };
    (sum(|lane| lane.packets), sum(|lane| lane.drops))
}
