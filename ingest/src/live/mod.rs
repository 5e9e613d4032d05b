//! The pipeline of an interface: capture, lanes, writer, spool and press, each a thread, and the queues between them.

mod capture;
mod clock;
mod exit;
mod link;
mod setup;
#[cfg(test)]
mod trial;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle, Scope, ScopedJoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use schemas::Text;
use schemas::store::layout::check_sensor;
use schemas::store::{Store, StoreError};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::config::IngestArgs;
use crate::delivery::Delivery;
use crate::endpoint::Endpoint;
use crate::error::IngestError;
use crate::guard;
use crate::identity;
use crate::live::capture::{Capture, CaptureParts, Open, Opened};
use crate::live::clock::{Clock, MachineClock, Moment};
use crate::live::exit::Message;
use crate::live::link::{KernelLinks, Links};
use crate::live::work::Worker;
use crate::metrics::Metrics;
use crate::outcome::Outcome;
use crate::outfit::Outfit;
use crate::privacy::Privacy;
use crate::screen;
use crate::sink::{Sink, Written};
use crate::source::Tagger;
use crate::source::live::LiveSource;
use crate::spool::{self, Intake, Kept, Pressed};
use crate::watch::Note;

/// Messages that wait before a lane: more than a ring has blocks, so that none of them is refused.
const MESSAGES_WAITING: usize = 4_096;
/// Deliveries that wait before the writer.
const DELIVERIES_WAITING: usize = 256;
/// Deliveries between two looks for what the operator should hear.
const NOTICES_EVERY: usize = 8;
/// How long the press may take once all rows are in the spool: a little longer than it begins files for.
const PRESS_NS: i64 = 2_500_000_000;
/// Time between two looks whether it is done.
const PRESS_LOOK: Duration = Duration::from_millis(5);

/// Captures from an interface into a store until a signal comes.
pub(crate) fn run(args: &IngestArgs) -> Result<Outcome, IngestError> {
    let settings = args.settings();
    check_sensor(&settings.sensor)?;
    let privacy = Privacy::of(args)?;
    let (_, filter) = args.captures_and_filter()?;
    let name = args.live.interface.clone().unwrap_or_default();
    let store = Store::open_or_create(&args.store)?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(IngestError::Signals)?;
    }
    let mut open = setup::opener(&args.live, settings.lanes, filter.as_ref())?;
    let clock = MachineClock::new();
    let (source, links, opened) = begin(&mut open, &clock, &name)?;
    let endpoint = args.live.metrics.as_deref().map(Endpoint::bind).transpose()?;
    let confined = guard::confine(&setup::confinement(args, endpoint.as_ref()))?;
    if !args.quiet {
        setup::announce(&settings, args, (source.backend(), &confined, &privacy));
    }
    let boot = identity::boot_id();
    let recovered = spool::recover(&store, &settings.sensor, &boot, clock.wall_ns())?;
    let metrics = Arc::new(setup::metrics(args, &settings, source.backend()));
    let last_alive = recovered.last_alive_ns;
    let mut settled = setup::spool(args, store, (&settings.sensor, boot), &metrics);
    settled.privacy = privacy.statement();
    let spool = spool::open(settled, recovered);
    let name: Text = name.into();
    let outfit = Outfit {
        settings,
        filter: if args.live.kernel_filter { None } else { filter },
        interface: Some(name.clone()),
        backend: source.backend(),
        kernel_filters: args.live.kernel_filter,
    };
    let probe = Probe { args, outfit, name, clock, metrics, stop, last_alive };
    thread::scope(|scope| {
        let (intake, keeper, press) = spool;
        let (writer, deliveries) = bounded(DELIVERIES_WAITING);
        let (exits, lanes) = probe.spawn_lanes(scope, &writer)?;
        let names = (probe.outfit.resolutions(), privacy);
        let sink = Sink::live(intake, probe.outfit.accounts(), names);
        let around = (&probe.clock, &*probe.metrics);
        let threads = Threads {
            lanes,
            writer: spawn(scope, "writer", move || write(sink, &deliveries, around))?,
            keeper: spawn(scope, "keeper", move || keeper.run())?,
            press: thread::Builder::new()
                .name("press".to_owned())
                .spawn(move || press.run())
                .map_err(IngestError::Thread)?,
        };
        probe.spawn_watchers(scope, endpoint)?;
        probe.tell_of_gap(&writer, opened.at.wall_ns);
        let capture = Capture::new(CaptureParts {
            clock: &probe.clock,
            links: Box::new(links),
            open,
            source,
            opened,
            lanes: exits,
            writer,
            metrics: &probe.metrics,
            interface: probe.name.clone(),
            tagger: Tagger::pinned(probe.outfit.settings.lanes).reading(args.packets.decoder()),
            periods: setup::periods(&args.live),
        });
        let packets = capture.run(&|| probe.stop.load(Ordering::Relaxed));
        let outcome = probe.conclude(threads, packets);
        probe.stop.store(true, Ordering::Relaxed);
        outcome
    })
}

/// Opens the source for the first time, and notes when that was and what the interface had counted.
fn begin(
    open: &mut Open,
    clock: &dyn Clock,
    interface: &str,
) -> Result<(Box<dyn LiveSource>, KernelLinks, Opened), IngestError> {
    let at = Moment::of(clock);
    let source = open()?;
    let mut links = KernelLinks::new(interface);
    let link = links.look();
    Ok((source, links, Opened { at, link }))
}

/// Starts a named thread, so that the operator can tell which one works.
fn spawn<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    name: &str,
    work: impl FnOnce() -> T + Send + 's,
) -> Result<ScopedJoinHandle<'s, T>, IngestError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn_scoped(scope, work)
        .map_err(IngestError::Thread)
}

/// The threads that end by themselves once the capture has.
struct Threads<'s> {
    lanes: Vec<ScopedJoinHandle<'s, ()>>,
    writer: ScopedJoinHandle<'s, Result<Written, StoreError>>,
    keeper: ScopedJoinHandle<'s, Kept>,
    /// Of no scope, for it may be left behind.
    press: JoinHandle<Pressed>,
}

/// A probe that runs.
struct Probe<'a> {
    args: &'a IngestArgs,
    outfit: Outfit,
    name: Text,
    clock: MachineClock,
    metrics: Arc<Metrics>,
    stop: Arc<AtomicBool>,
    last_alive: Option<i64>,
}

type Lanes<'s> = (Vec<Sender<Message>>, Vec<ScopedJoinHandle<'s, ()>>);

impl Probe<'_> {
    fn spawn_lanes<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        writer: &Sender<Delivery>,
    ) -> Result<Lanes<'s>, IngestError> {
        let seed = identity::table_seed();
        let mut exits = Vec::new();
        let mut workers = Vec::new();
        for number in self.outfit.lanes() {
            let (send, messages) = bounded(MESSAGES_WAITING);
            let lane = self.outfit.lane(number, seed, writer.clone());
            let interface = self.name.clone();
            let worker = Worker { number, lane, messages, interface, metrics: &self.metrics };
            exits.push(send);
            workers.push(spawn(scope, &format!("lane-{number}"), move || worker.run())?);
        }
        Ok((exits, workers))
    }

    fn spawn_watchers<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        endpoint: Option<Endpoint>,
    ) -> Result<(), IngestError> {
        if self.args.live.stats {
            spawn(scope, "view", || screen::watch(&self.metrics, &self.stop))?;
        }
        if let Some(endpoint) = endpoint {
            spawn(scope, "endpoint", move || endpoint.run(&self.metrics, &self.stop))?;
        }
        Ok(())
    }

    /// Between the last sign of life of an earlier run and `now`, nothing was seen.
    fn tell_of_gap(&self, writer: &Sender<Delivery>, now: i64) {
        let Some(since) = self.last_alive.filter(|since| *since < now) else { return };
        let note = Note {
            interface: self.name.clone(),
            kind: "gap",
            from_ns: since,
            to_ns: now,
            detail: "the probe did not run".to_owned(),
            link_up: true,
            clock_step_ns: 0,
        };
        // A writer that is gone is found when it is joined.
        let _ = writer.send(Delivery { note: Some(note), ..Delivery::default() });
    }

    /// Waits for the press, but not for long: all rows are safe in the spool, and what it leaves there half done the next start does again, as after a kill.
    fn wait_for(&self, press: JoinHandle<Pressed>) -> Result<Pressed, IngestError> {
        let until = self.clock.steady_ns() + PRESS_NS;
        while !press.is_finished() {
            if self.clock.steady_ns() > until {
                let error = Some("the disk is too slow to wait for".to_owned());
                let files = self.metrics.disk.files_published.get();
                return Ok(Pressed { files, left: 1, error, ..Pressed::default() });
            }
            thread::sleep(PRESS_LOOK);
        }
        press.join().map_err(|_| IngestError::Stage("press"))
    }

    fn conclude(&self, threads: Threads<'_>, packets: u64) -> Result<Outcome, IngestError> {
        let lanes_done = threads.lanes.into_iter().all(|lane| lane.join().is_ok());
        let written = threads.writer.join().map_err(|_| IngestError::Stage("writer"))?;
        let kept = threads.keeper.join();
        let pressed = self.wait_for(threads.press)?;
        let kept = kept.map_err(|_| IngestError::Stage("keeper"))?;
        if !lanes_done {
            return Err(IngestError::Stage("flow table"));
        }
        let mut notices: Vec<String> = kept.error.into_iter().collect();
        if let Some(why) = pressed.error {
            let left = pressed.left;
            notices
                .push(format!("{left} spool files are left for the next start to publish: {why}"));
        }
        for path in pressed.quarantined {
            notices.push(format!("{} could not be read and is set aside", path.display()));
        }
        Ok(Outcome {
            store: self.args.store.clone(),
            written: written?,
            files: usize::try_from(pressed.files).unwrap_or(usize::MAX),
            damages: Vec::new(),
            packets_read: packets,
            notices,
            rows_lost: kept.lost.flows.rows,
        })
    }
}

/// The writer's thread: ends when the last lane has.
fn write(
    mut sink: Sink<Intake>,
    deliveries: &Receiver<Delivery>,
    (clock, metrics): (&MachineClock, &Metrics),
) -> Result<Written, StoreError> {
    for (count, delivery) in deliveries.iter().enumerate() {
        sink.take(delivery)?;
        if count.is_multiple_of(NOTICES_EVERY) {
            setup::tell(&sink.archive().notices());
            sink.tell(metrics);
        }
    }
    let (intake, written) = sink.end();
    intake.close(clock.wall_ns())?;
    Ok(written)
}
