//! The real probe on this machine: how long its threads lived, and what each of them took.
//!
//! The kernel counts each thread's time for as long as it lives, so a watcher looks every few milliseconds: what a thread did after the last look is not
//! in its figure.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::lanes::stages::Subject;
use crate::live::process::{Threads, idle};
use crate::peer::Result;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(4);

/// What a run took, seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// From the beginning of lanes and writer to their end.
    pub threads: f64,
    /// All of it, with a store made and its files closed and published.
    pub whole: f64,
    /// Processor time of the reader.
    pub reader: f64,
    /// Of each lane.
    pub lanes: Vec<f64>,
    /// Of the writer.
    pub writer: f64,
    /// Processors that others left while the threads lived, counted as those that were idle or ours.
    pub left: f64,
    /// Rows of flows.
    pub rows: u64,
    /// Packets read.
    pub packets: u64,
}

/// A look at threads and machine.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Instant,
    /// Time of the reader's thread.
    reader: Duration,
    /// Time of all processors that nobody used.
    idle: Duration,
}

/// What was seen.
#[derive(Debug, Default)]
struct Watched {
    /// First and last look at which there were other threads than the reader's.
    span: Option<[Look; 2]>,
    /// Time of each of these, in the order in which they began.
    others: BTreeMap<u32, Duration>,
}

/// Runs of this process so far: each has a name of its own.
static RUNS: AtomicU32 = AtomicU32::new(0);

/// Runs the probe with so many lanes; it writes into a store in `folder`.
pub fn run(subject: &Subject<'_>, lanes: usize, folder: &Path) -> Result<Trial> {
    let store = tempfile::tempdir_in(folder)?;
    let args = subject.arguments(lanes, store.path());
    // A thread without a name has that of the thread which began it, so all of this run have this one.
    let name = format!("probe-{}", RUNS.fetch_add(1, Ordering::Relaxed));
    let probe = || {
        let began = Instant::now();
        ingest::run(&args).map(|outcome| (outcome, began.elapsed().as_secs_f64()))
    };
    let (outcome, watched) = thread::scope(|scope| {
        let probe = thread::Builder::new().name(name.clone()).spawn_scoped(scope, probe)?;
        let watched = watch(&name, || probe.is_finished());
        Ok::<_, io::Error>((probe.join(), watched))
    })?;
    let (outcome, whole) = outcome.map_err(|_| "the probe gave up")??;
    if outcome.difference() != 0 {
        return Err(format!("the books do not close:\n{outcome}").into());
    }
    let Watched { span, others } = watched?;
    let mut spent: Vec<f64> = others.values().map(Duration::as_secs_f64).collect();
    let ours: f64 = spent.iter().sum();
    let (Some([first, last]), Some(writer), true) = (span, spent.pop(), spent.len() == lanes)
    else {
        return Err("a run too short to be watched; give it more packets".into());
    };
    let threads = last.at.duration_since(first.at).as_secs_f64();
    let reader = last.reader.saturating_sub(first.reader).as_secs_f64();
    let idle = last.idle.saturating_sub(first.idle).as_secs_f64();
    Ok(Trial {
        threads,
        whole,
        reader,
        lanes: spent,
        writer,
        left: (idle + ours + reader) / threads.max(f64::EPSILON),
        rows: outcome.written.flow_rows,
        packets: outcome.packets_read,
    })
}

/// Looks at the threads of this name, the reader's first, until the run is over.
fn watch(name: &str, is_over: impl Fn() -> bool) -> Result<Watched> {
    let mut watched = Watched::default();
    while !is_over() {
        let now = Threads::of(std::process::id())?;
        let mut now = now.named(name);
        let reader = now.next().map_or(Duration::ZERO, |(_, spent)| spent);
        let others: Vec<_> = now.collect();
        if !others.is_empty() {
            let look = Look { at: Instant::now(), reader, idle: idle()? };
            let first = watched.span.map_or(look, |[first, _]| first);
            watched.span = Some([first, look]);
        }
        watched.others.extend(others);
        thread::sleep(LOOK);
    }
    Ok(watched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::source::synthetic::Mix;

    #[test]
    fn each_thread_of_a_real_run_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("capture.pcap");
        let file = std::fs::File::create(&capture).unwrap();
        let written = Mix::new(5, 300_000).write_pcap(file).unwrap();
        let subject = Subject { capture: &capture, flows_max: 1 << 17 };
        let trial = run(&subject, 2, folder.path()).unwrap();
        assert_eq!((trial.packets, trial.lanes.len()), (written.packets, 2));
        assert!(trial.threads > 0.0 && trial.threads <= trial.whole, "{trial:?}");
        assert!(trial.writer > 0.0 && trial.lanes.iter().all(|spent| *spent > 0.0), "{trial:?}");
    }
}
