//! What each step of the packet path costs, each on one thread with nobody beside it, by the code that the probe runs.
//!
//! Processor time, the least of some rounds: other work on the machine can only make it more. What memory costs that another processor has just written is
//! not in it; the real probe, run beside it, shows how much that is.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::bounded;
use ingest::block::Block;
use ingest::config::IngestArgs;
use ingest::delivery::{Delivery, Outbox};
use ingest::lane::{Lane, LaneSettings};
use ingest::record::RowStyle;
use ingest::source::{FileSource, Pool, Tagger};
use ingest::{BLOCKS_WAITING, IngestError};

use crate::capture::SEED;
use crate::contest::real;
use crate::cpu;
use crate::lanes::plan::{Load, Prices, Share};
use crate::peer::Result;

/// A lane that no packet is for: there are fewer.
const NOBODY: u8 = u8::MAX;
/// Octets read at a time, as the probe does.
const BUFFER: usize = 1 << 20;
/// Handles that are given through a queue.
const HANDLES: u64 = 100_000;

/// A capture and how it is taken.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The file.
    pub capture: &'a Path,
    /// Flows that all lanes have room for.
    pub flows_max: usize,
}

/// What the steps took, nanoseconds in all.
#[derive(Debug, Clone, Copy)]
pub struct Steps {
    /// Reading octets only.
    octets: f64,
    /// The reader's work, for one lane and for two.
    one: f64,
    two: f64,
    /// The only lane's, and its end.
    own: f64,
    ends: f64,
    last_rows: u64,
    /// That of a lane which no packet is for.
    foreign: f64,
    /// Handles given and taken.
    hand: f64,
}

/// Counts rows and drops them.
struct Counts(Arc<AtomicU64>);

impl Outbox for Counts {
    fn send(&mut self, delivery: Delivery) -> bool {
        let rows = u64::try_from(delivery.rows.len()).unwrap_or(u64::MAX);
        self.0.fetch_add(rows, Ordering::Relaxed);
        true
    }
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

/// Processor time of this thread for something.
fn timed<T>(work: impl FnOnce() -> T) -> io::Result<(T, f64)> {
    let before = cpu::thread()?;
    let done = work();
    Ok((done, nanos(cpu::thread()?.saturating_sub(before))))
}

impl Subject<'_> {
    /// The probe's arguments for so many lanes.
    pub fn arguments(&self, lanes: usize, store: &Path) -> IngestArgs {
        IngestArgs {
            lanes: Some(lanes),
            max_flows: self.flows_max,
            ..IngestArgs::of(vec![self.capture.to_owned()], store.to_owned())
        }
    }

    /// A lane of so many, as the probe makes it.
    fn lane(&self, number: u8, lanes: usize) -> (Lane<Counts>, Arc<AtomicU64>) {
        let settings = self.arguments(lanes, Path::new("none")).settings();
        let rows = Arc::default();
        let settings = LaneSettings {
            lane: number,
            limits: settings.limits,
            seed: SEED,
            style: RowStyle {
                sensor: settings.sensor.clone(),
                inside: settings.inside,
                interface: None,
            },
            filter: None,
            packets: settings.packets,
        };
        (Lane::new(settings, Counts(Arc::clone(&rows))), rows)
    }

    /// Reads the capture for so many lanes and shows every block when as many wait as may, for so long ago are its octets where there is much to do; gives what the reader took, and the number behind the last block.
    fn read(
        &self,
        lanes: usize,
        mut visit: impl FnMut(&Block) -> io::Result<()>,
    ) -> Result<(f64, u64)> {
        let mut source = FileSource::open(self.capture, &Pool::new(BLOCKS_WAITING * 2))
            .map_err(IngestError::from)?;
        let (mut tagger, mut took, mut waiting) = (Tagger::new(lanes), 0.0, VecDeque::new());
        loop {
            let (blocks, ns) = timed(|| source.read(&mut tagger))?;
            took += ns;
            let kept = if blocks.is_empty() { 0 } else { BLOCKS_WAITING };
            waiting.extend(blocks);
            while waiting.len() > kept {
                waiting.pop_front().map_or(Ok(()), |block| visit(&block))?;
            }
            if kept == 0 {
                return Ok((took, tagger.sequence()));
            }
        }
    }

    /// A lane that takes all blocks for so many; gives what that took, what the end of it took, and the rows of the end.
    fn taken(&self, number: u8, lanes: usize) -> Result<(f64, f64, u64)> {
        let ((mut lane, rows), mut took) = (self.lane(number, lanes), 0.0);
        let (_, sequence) = self.read(lanes, |block| {
            took += timed(|| lane.take(block))?.1;
            Ok(())
        })?;
        let before = rows.load(Ordering::Relaxed);
        let ((), end) = timed(|| lane.finish(sequence, None))?;
        Ok((took, end, rows.load(Ordering::Relaxed) - before))
    }

    /// All steps but the writer's, once.
    pub fn steps(&self) -> Result<Steps> {
        let (own, ends, last_rows) = self.taken(0, 1)?;
        Ok(Steps {
            octets: octets(self.capture)?,
            one: self.read(1, |_| Ok(()))?.0,
            two: self.read(2, |_| Ok(()))?.0,
            own,
            ends,
            last_rows,
            foreign: self.taken(NOBODY, 2)?.0,
            hand: handed()?,
        })
    }

    /// What the capture holds for each of so many lanes, and what all of them took one after the other, nanoseconds.
    pub fn load(&self, lanes: usize) -> Result<(Load, f64)> {
        let mut all = Vec::new();
        for number in 0..lanes {
            all.push(self.lane(u8::try_from(number)?, lanes));
        }
        let (mut load, mut took) = (Load::default(), 0.0);
        let (_, sequence) = self.read(lanes, |block| {
            let work = || all.iter_mut().fold(true, |open, (lane, _)| lane.take(block) && open);
            took += timed(work)?.1;
            let share =
                |((_, rows), seen): (&(Lane<Counts>, Arc<AtomicU64>), &ingest::block::Seen)| {
                    Share { packets: seen.packets, rows: rows.swap(0, Ordering::Relaxed) }
                };
            load.blocks.push(all.iter().zip(&block.seen).map(share).collect());
            Ok(())
        })?;
        for (lane, rows) in all {
            lane.finish(sequence, None);
            load.ends.push(rows.load(Ordering::Relaxed));
        }
        Ok((load, took))
    }
}

impl Steps {
    /// The least of each.
    #[must_use]
    pub fn least(&self, other: &Self) -> Self {
        Self {
            last_rows: self.last_rows,
            octets: self.octets.min(other.octets),
            one: self.one.min(other.one),
            two: self.two.min(other.two),
            own: self.own.min(other.own),
            ends: self.ends.min(other.ends),
            foreign: self.foreign.min(other.foreign),
            hand: self.hand.min(other.hand),
        }
    }

    /// Prices, where there were so many packets and a row costs the writer so much.
    pub fn prices(&self, packets: u64, row: f64) -> Prices {
        let each = |ns: f64| ns / real(packets.max(1));
        let beyond = |ns: f64, base: f64| each((ns - base).max(0.0));
        Prices {
            read: each(self.octets),
            walk: beyond(self.one, self.octets),
            tag: beyond(self.two, self.one),
            own: each(self.own),
            foreign: each(self.foreign),
            last_row: self.ends / real(self.last_rows.max(1)),
            row,
            hand: self.hand / real(HANDLES) / 2.0,
        }
    }
}

/// Reading all octets into one buffer.
fn octets(capture: &Path) -> io::Result<f64> {
    let (mut file, mut buffer) = (File::open(capture)?, vec![0; BUFFER]);
    let (read, took) = timed(|| {
        loop {
            match file.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    })?;
    read.map(|()| took)
}

/// Handles through a queue as long as a lane's, from thread to thread: what both took.
fn handed() -> io::Result<f64> {
    let before = cpu::own()?;
    thread::scope(|scope| {
        let (send, receive) = bounded::<Arc<u64>>(BLOCKS_WAITING);
        scope.spawn(move || receive.into_iter().map(|handle| *handle).sum::<u64>());
        for number in 0..HANDLES {
            // It is there until the last has come.
            let _ = send.send(Arc::new(number));
        }
    });
    Ok(nanos(cpu::own()?.saturating_sub(before)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::source::synthetic::Mix;

    #[test]
    fn every_step_has_a_price_and_every_packet_a_lane() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = Mix::new(5, 30_000).write_pcap(file.as_file()).unwrap();
        let subject = Subject { capture: file.path(), flows_max: 1 << 16 };
        let prices = subject.steps().unwrap().prices(written.packets, 1.0);
        let all = [prices.read, prices.own, prices.foreign, prices.last_row, prices.hand];
        assert!(all.iter().all(|price| *price > 0.0), "{prices:?}");
        assert!(prices.foreign < prices.own, "{prices:?}");
        let rows = subject.load(1).unwrap().0.rows();
        for lanes in [1, 2, 5] {
            let (load, took) = subject.load(lanes).unwrap();
            assert_eq!((load.lanes(), load.packets()), (lanes, written.packets));
            assert_eq!(load.rows(), rows, "lanes change no row");
            assert!(took > 0.0 && load.skew() < 2.0, "{}", load.skew());
        }
    }
}
