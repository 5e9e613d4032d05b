//! The capture thread: takes blocks from the source and hands them to the lanes, and ticks.
//!
//! It touches no packet of a ring, blocks on nothing but the kernel, and goes on when the link, the interface or the clock does not.

use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::Sender;
use schemas::Text;

use crate::delivery::Delivery;
use crate::live::clock::{Clock, Moment};
use crate::live::exit::{Exit, Message};
use crate::live::link::{Link, Links, Odometer};
use crate::metrics::Metrics;
use crate::source::live::{LiveSource, Parcel};
use crate::source::{Pool, SourceError, Tagger};
use crate::watch::{Note, Tick, Watch};

/// Time between two ticks.
const TICK_NS: i64 = 250_000_000;
/// Ticks between two beats.
const BEAT_TICKS: u64 = 4;
/// Time between two attempts to open an interface that went away.
const REOPEN_NS: i64 = 250_000_000;
/// How long frames that are counted may take to be handed over at the end.
const DRAIN_NS: i64 = 1_500_000_000;
/// Time between a packet's stamp and its block's arrival here, besides the block's own time-out.
const SLACK_NS: i64 = 100_000_000;

/// Opens the source, at first and after it was lost.
pub(crate) type Open = Box<dyn FnMut() -> Result<Box<dyn LiveSource>, SourceError> + Send>;

/// How long things last, ns.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "a number of time has its unit in its name")]
pub(crate) struct Periods {
    /// A ledger interval.
    pub interval_ns: i64,
    /// Between two publications; a multiple of the interval.
    pub rotate_ns: i64,
    /// A block that is not full is handed over after this long.
    pub retire_ns: i64,
}

/// When the source was opened, and what the interface had counted by then: packets come from that moment on, not from when somebody looks at them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    pub at: Moment,
    pub link: Link,
}

/// What the capture thread is made with.
pub(crate) struct CaptureParts<'a> {
    pub clock: &'a dyn Clock,
    pub links: Box<dyn Links>,
    pub open: Open,
    pub source: Box<dyn LiveSource>,
    pub opened: Opened,
    pub lanes: Vec<Sender<Message>>,
    pub writer: Sender<Delivery>,
    pub metrics: &'a Metrics,
    pub interface: Text,
    pub tagger: Tagger,
    pub periods: Periods,
}

/// What came of a look into the source.
struct Poured {
    result: Result<(), SourceError>,
    /// Nothing was there.
    is_empty: bool,
    /// The lanes take what they are given.
    is_alive: bool,
}

/// The capture thread.
pub(crate) struct Capture<'a> {
    clock: &'a dyn Clock,
    links: Box<dyn Links>,
    open: Open,
    source: Option<Box<dyn LiveSource>>,
    stamps: &'static str,
    exits: Vec<Exit>,
    writer: Sender<Delivery>,
    metrics: &'a Metrics,
    interface: Text,
    periods: Periods,
    tagger: Tagger,
    pool: Pool,
    last: Moment,
    next_tick: i64,
    next_open: i64,
    ticks: u64,
    interval_from: i64,
    interval_step: i64,
    dark_ns: i64,
    dark_since: Option<Moment>,
    nic: Odometer,
    link_up: bool,
    packets: u64,
}

impl<'a> Capture<'a> {
    pub(crate) fn new(parts: CaptureParts<'a>) -> Self {
        let CaptureParts {
            clock,
            links,
            open,
            source,
            opened: Opened { at, link },
            lanes,
            writer,
            metrics,
            interface,
            tagger,
            periods,
        } = parts;
        let exits: Vec<Exit> = lanes.into_iter().map(Exit::new).collect();
        Self {
            clock,
            links,
            open,
            stamps: source.timestamp_source(),
            source: Some(source),
            tagger,
            exits,
            writer,
            metrics,
            interface,
            periods,
            pool: Pool::new(4),
            last: at,
            next_tick: at.steady_ns + TICK_NS,
            next_open: 0,
            ticks: 0,
            interval_from: at.wall_ns,
            interval_step: 0,
            dark_ns: 0,
            dark_since: (!link.is_up).then_some(at),
            nic: Odometer::new(link.counters),
            link_up: link.is_up,
            packets: 0,
        }
    }

    /// Captures until `is_over`; gives the number of packets handed over. Ends early when a thread behind is gone.
    pub(crate) fn run(mut self, is_over: &dyn Fn() -> bool) -> u64 {
        while !is_over() && self.step() {}
        self.close()
    }

    #[cfg(test)]
    /// Messages that wait before the lanes.
    pub(crate) fn waiting(&self) -> usize {
        self.exits.iter().map(Exit::waiting).sum()
    }

    /// One turn: frames, then whatever is due. `false` when the lanes are gone.
    pub(crate) fn step(&mut self) -> bool {
        let wait = (self.next_tick - self.clock.steady_ns()).clamp(0, TICK_NS);
        let wait = Duration::from_nanos(wait.unsigned_abs());
        let alive = if let Some(source) = self.source.take() {
            self.read(source, wait)
        } else {
            self.reopen(wait);
            true
        };
        let now = Moment::of(self.clock);
        if now.steady_ns < self.next_tick {
            return alive;
        }
        self.next_tick = now.steady_ns + TICK_NS;
        self.look(now);
        alive && self.tick(now)
    }

    /// Takes what the source has; it stays unless the interface is gone.
    fn read(&mut self, mut source: Box<dyn LiveSource>, wait: Duration) -> bool {
        let poured = self.pour(source.as_mut(), wait);
        match poured.result {
            Ok(()) => self.source = Some(source),
            Err(error) => self.lose(source, &error),
        }
        poured.is_alive
    }

    /// Hands over what the source has.
    fn pour(&mut self, source: &mut dyn LiveSource, wait: Duration) -> Poured {
        let mut parcels = Vec::new();
        let result = source.poll(wait, &mut |parcel| parcels.push(parcel));
        let mut poured = Poured { result, is_empty: parcels.is_empty(), is_alive: true };
        for parcel in parcels {
            poured.is_alive &= self.give(parcel);
        }
        poured
    }

    fn give(&mut self, parcel: Parcel) -> bool {
        self.packets += parcel.packets();
        match parcel {
            Parcel::Lane(lane, frames) => {
                let sequence = self.tagger.next();
                self.exits.get_mut(lane).is_none_or(|exit| exit.frames(frames, sequence))
            }
            Parcel::Any(frames) => {
                let walk = frames.walk(0, self.pool.frames());
                let blocks = self.tagger.tag(walk, &self.interface, &self.pool);
                blocks.into_iter().map(Arc::new).all(|block| {
                    let mut exits = self.exits.iter_mut().zip(&block.seen);
                    exits.all(|(exit, seen)| exit.share(&block, seen.packets))
                })
            }
        }
    }

    /// The source failed: what it had counted stays counted, and from now on nothing is seen.
    fn lose(&mut self, mut source: Box<dyn LiveSource>, why: &SourceError) {
        count(&mut self.exits, source.as_mut());
        self.exits.iter_mut().for_each(Exit::part);
        drop(source);
        let now = Moment::of(self.clock);
        self.next_open = now.steady_ns + REOPEN_NS;
        self.dark_since.get_or_insert(now);
        self.note(("event", now.wall_ns, now.wall_ns), format!("the capture was lost: {why}"), 0);
    }

    fn reopen(&mut self, wait: Duration) {
        if self.clock.steady_ns() < self.next_open {
            std::thread::park_timeout(wait.min(Duration::from_millis(50)));
            return;
        }
        self.next_open = self.clock.steady_ns() + REOPEN_NS;
        // It is tried again and again; the gap says how long it took.
        if let Ok(source) = (self.open)() {
            self.stamps = source.timestamp_source();
            self.source = Some(source);
        }
    }

    /// Reads the counters of the source, if there is one.
    fn count(&mut self) {
        if let Some(source) = &mut self.source {
            count(&mut self.exits, source.as_mut());
        }
    }

    /// Looks at link and clock.
    fn look(&mut self, now: Moment) {
        let link = self.links.look();
        self.nic.advance(link.counters);
        let sees = link.is_up && self.source.is_some();
        if self.dark_since.is_some() {
            self.dark_ns += now.steady_ns - self.last.steady_ns;
        }
        match self.dark_since {
            None if !sees => self.dark_since = Some(now),
            Some(since) if sees => {
                self.dark_since = None;
                self.note_gap(since, now);
            }
            _ => {}
        }
        self.link_up = sees;
        if let Some(step) = now.step_since(&self.last) {
            self.interval_step += step;
            // The interval is cut where the clock is: its length stays the time that passed.
            self.interval_from += step;
            if let Some(since) = &mut self.dark_since {
                since.wall_ns += step;
            }
            let detail = format!("the clock was set by {:+.3} s", seconds(step));
            self.note(("event", now.wall_ns, now.wall_ns), detail, step);
        }
        self.last = now;
    }

    fn tick(&mut self, now: Moment) -> bool {
        self.count();
        self.ticks += 1;
        self.metrics.ticks.add(1);
        let Periods { interval_ns, retire_ns, .. } = self.periods;
        let closes =
            now.wall_ns.div_euclid(interval_ns) != self.interval_from.div_euclid(interval_ns);
        let sequence = self.tagger.next();
        let mut alive = true;
        for lane in 0..self.exits.len() {
            let watch = self.watch(lane, now);
            let Some(exit) = self.exits.get_mut(lane) else { continue };
            alive &= exit.tick(Tick {
                sequence,
                clock_ns: now.wall_ns - retire_ns - SLACK_NS,
                closes,
                beats: self.ticks.is_multiple_of(BEAT_TICKS),
                watch,
            });
        }
        if closes {
            self.begin_interval(now);
        }
        self.tell();
        alive
    }

    fn begin_interval(&mut self, now: Moment) {
        self.interval_from = now.wall_ns;
        self.interval_step = 0;
        self.dark_ns = 0;
    }

    fn watch(&self, lane: usize, now: Moment) -> Watch {
        let Periods { rotate_ns, .. } = self.periods;
        let exit = self.exits.get(lane);
        Watch {
            from_ns: self.interval_from,
            to_ns: now.wall_ns,
            kernel: exit.map(|exit| exit.kernel).unwrap_or_default(),
            handed: exit.map_or(0, |exit| exit.handed),
            queue_drops: exit.map_or(0, |exit| exit.queue_drops),
            nic: (lane == 0).then(|| self.nic.counted()),
            link_up: self.link_up,
            covered_ns: (now.wall_ns - self.interval_from - self.dark_ns).max(0),
            clock_step_ns: self.interval_step,
            timestamp_source: self.stamps,
            rotates: now.wall_ns.div_euclid(rotate_ns) != self.interval_from.div_euclid(rotate_ns),
        }
    }

    /// Tells of a time in which nothing could be seen.
    fn note_gap(&self, since: Moment, now: Moment) {
        let detail = format!("{} was down or away", self.interface);
        self.note(("gap", since.wall_ns, now.wall_ns), detail, 0);
    }

    fn note(&self, (kind, from_ns, to_ns): (&'static str, i64, i64), detail: String, step: i64) {
        let (interface, link_up) = (self.interface.clone(), self.link_up);
        let note = Note { interface, kind, from_ns, to_ns, detail, link_up, clock_step_ns: step };
        // A writer that is gone is found by the lanes.
        let _ = self.writer.send(Delivery { note: Some(note), ..Delivery::default() });
    }

    /// Raises the counters that others read.
    fn tell(&self) {
        for (exit, lane) in self.exits.iter().zip(&self.metrics.lanes) {
            exit.tell(lane);
        }
        self.metrics.link_up.set(i64::from(self.link_up));
        self.metrics.nic_rx_packets.set(self.nic.counted().packets);
        self.metrics.nic_rx_dropped.set(self.nic.counted().dropped);
    }

    /// Lets nothing more in, hands over what was counted, and ends the lanes.
    fn close(mut self) -> u64 {
        let until = self.clock.steady_ns() + DRAIN_NS;
        if let Some(mut source) = self.source.take() {
            source.stop();
            loop {
                let drained = source.is_drained();
                let poured = self.pour(source.as_mut(), Duration::from_millis(5));
                let is_late = self.clock.steady_ns() >= until;
                if poured.result.is_err() || (drained && poured.is_empty) || is_late {
                    break;
                }
            }
            self.source = Some(source);
        }
        self.count();
        let now = Moment::of(self.clock);
        self.look(now);
        if let Some(since) = self.dark_since {
            self.note_gap(since, now);
        }
        let sequence = self.tagger.next();
        self.tell();
        for lane in 0..self.exits.len() {
            // The last rows of the ledger go with the run's last bundle, which is published without being asked.
            let watch = Watch { rotates: false, ..self.watch(lane, now) };
            let end = Tick { sequence, clock_ns: now.wall_ns, closes: true, beats: false, watch };
            if let Some(exit) = self.exits.get(lane) {
                // A lane that is gone is found when it is joined.
                let _ = exit.end(end);
            }
        }
        self.packets
    }
}

/// Reads the counters of a source.
fn count(exits: &mut [Exit], source: &mut dyn LiveSource) {
    for (exit, now) in exits.iter_mut().zip(source.counters()) {
        exit.count(&now);
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn seconds(ns: i64) -> f64 {
    ns as f64 / 1e9
}
