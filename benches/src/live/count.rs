//! The least that can be done with a ring: take every block, count its frames, give it back.

use std::error::Error;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ingest::source::live::{Fanout, LiveSettings, LiveSource, Parcel};
use ingest::source::{DRAIN_MAX, RingSource};

/// As the probe waits.
const WAIT: Duration = Duration::from_millis(20);

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Frames that came.
    pub packets: u64,
    /// Frames that the kernel dropped.
    pub drops: u64,
}

/// Counts the frames of an interface, on a ring as the probe's, until the standard input ends.
pub fn count(interface: &str, ring_mb: usize) -> Result<Counted, Box<dyn Error>> {
    let mut source = RingSource::open(&LiveSettings {
        interface: interface.to_owned(),
        lanes: 1,
        ring_bytes: ring_mb << 20,
        block_bytes: 1 << 20,
        retire: WAIT,
        fanout_group: 0,
        fanout: Fanout::Hosts,
        promiscuous: true,
        force: false,
        kernel_filter: None,
    })?;
    let is_over = AtomicBool::new(false);
    let mut counted = Counted::default();
    let mut take = |parcel: Parcel| match parcel {
        Parcel::Lane(_, frames) | Parcel::Any(frames) => counted.packets += frames.packets(),
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            // Whatever is read, or fails: it is the end.
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            is_over.store(true, Ordering::Relaxed);
        });
        while !is_over.load(Ordering::Relaxed) {
            source.poll(WAIT, &mut take)?;
        }
        source.stop();
        let began = Instant::now();
        while !source.is_drained() && began.elapsed() < DRAIN_MAX {
            source.poll(WAIT, &mut take)?;
        }
        Ok::<(), Box<dyn Error>>(())
    })?;
    counted.drops = source.counters().iter().filter_map(|lane| lane.drops).sum();
    Ok(counted)
}
