//! What the steps' prices make of more lanes on more processors: the table, and beside it what this machine really does.

use std::io::{self, Write};
use std::path::Path;

use ingest::config::LiveArgs;
use ingest::{BLOCKS_WAITING, DELIVERIES_WAITING};
use serde_json::{Value, json};

use crate::contest::real;
use crate::lanes::plan::{Load, Prices, Source};
use crate::lanes::simulation::{House, Run, simulate};
use crate::lanes::stages::{Steps, Subject};
use crate::lanes::trial::{self, Trial};
use crate::peer::Result;

/// Lanes that the real probe is run with.
const TRIED: [usize; 2] = [1, 2];

/// Ways to build it: what stands in the table, where blocks come from, writers; none, where rows are made and thrown away.
const HOUSES: [(&str, Source, usize); 8] = [
    ("file", Source::File, 1),
    ("  2 writers", Source::File, 2),
    ("  4 writers", Source::File, 4),
    ("  and in order of lanes", Source::Sorted, 4),
    ("  no writer", Source::File, 0),
    ("rings", Source::Rings, 1),
    ("  2 writers", Source::Rings, 2),
    ("  4 writers", Source::Rings, 4),
];

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Question {
    /// Numbers of lanes.
    pub lanes: Vec<usize>,
    /// Numbers of processors.
    pub cores: Vec<u8>,
    /// Times that each thing is measured; the least counts.
    pub rounds: usize,
}

/// The real probe beside the played one, for one number of lanes.
#[derive(Debug)]
struct Check {
    lanes: usize,
    real: Trial,
    played: Run,
    /// All lanes one after the other on one thread, seconds: measured, and by the prices.
    alone: [f64; 2],
}

/// A line of the table.
#[derive(Debug)]
struct Line {
    house: &'static str,
    lanes: usize,
    /// For each number of processors: packets a second, by those of one lane, what stops it and how near it is to that.
    cells: Vec<(f64, f64, &'static str, f64)>,
}

/// All that was found.
#[derive(Debug)]
pub struct Forecast {
    prices: Prices,
    packets: u64,
    rows: u64,
    blocks: usize,
    /// Number of lanes, and what the fullest of them has by the mean.
    skews: Vec<(usize, f64)>,
    checks: Vec<Check>,
    cores: Vec<u8>,
    lines: Vec<Line>,
}

fn house(cores: f64, source: Source, writers: usize) -> House {
    let pool = BLOCKS_WAITING * 2;
    let (blocks_waiting, blocks_max) = match source {
        Source::File | Source::Sorted => (BLOCKS_WAITING, pool),
        Source::Rings => {
            let ring = LiveArgs::default();
            let blocks = usize::try_from(ring.ring_mb * 1024 / ring.block_kb).unwrap_or(pool);
            // Each lane has a ring of its own, and what waits before it lies in that.
            (blocks, usize::MAX)
        }
    };
    House { cores, writers, blocks_waiting, deliveries_waiting: DELIVERIES_WAITING, blocks_max }
}

/// The real probe's quickest run with so many lanes, and the least that they took one after the other.
#[derive(Debug)]
struct Tried {
    lanes: usize,
    quickest: Trial,
    in_turn_ns: f64,
}

impl Tried {
    fn once(subject: &Subject<'_>, lanes: usize, folder: &Path) -> Result<Self> {
        let (_, in_turn_ns) = subject.load(lanes)?;
        Ok(Self { lanes, quickest: trial::run(subject, lanes, folder)?, in_turn_ns })
    }

    fn again(&mut self, subject: &Subject<'_>, folder: &Path) -> Result<()> {
        let next = Self::once(subject, self.lanes, folder)?;
        self.in_turn_ns = self.in_turn_ns.min(next.in_turn_ns);
        if next.quickest.threads < self.quickest.threads {
            self.quickest = next.quickest;
        }
        Ok(())
    }
}

/// Steps and runs take turns, so that whatever else the machine does falls on all alike.
fn measure(subject: &Subject<'_>, rounds: usize, folder: &Path) -> Result<(Steps, Vec<Tried>)> {
    let mut steps = subject.steps()?;
    let once = |lanes| Tried::once(subject, lanes, folder);
    let mut tried: Vec<Tried> = TRIED.into_iter().map(once).collect::<Result<_>>()?;
    for _ in 1..rounds {
        steps = steps.least(&subject.steps()?);
        tried.iter_mut().try_for_each(|tried| tried.again(subject, folder))?;
    }
    Ok((steps, tried))
}

impl Forecast {
    /// Measures, plays, and holds both against the real probe on this machine, which writes into `folder`.
    pub fn of(subject: &Subject<'_>, question: &Question, folder: &Path) -> Result<Self> {
        let (steps, tried) = measure(subject, question.rounds, folder)?;
        let first = &tried.first().ok_or("no run was made")?.quickest;
        let row = first.writer * 1e9 / real(first.rows.max(1));
        let prices = steps.prices(first.packets, row);
        let check = |tried: Tried| Check::of(subject, &prices, tried);
        let checks = tried.into_iter().map(check).collect::<Result<_>>()?;
        let (mut skews, mut loads) = (Vec::new(), Vec::new());
        for lanes in &question.lanes {
            let (load, _) = subject.load(*lanes)?;
            skews.push((*lanes, load.skew()));
            loads.push(load.endless());
        }
        let (base, _) = subject.load(1)?;
        let lines = lines(&prices, (&base.endless(), &loads), &question.cores);
        Ok(Self {
            prices,
            packets: base.packets(),
            rows: base.rows(),
            blocks: base.blocks.len(),
            skews,
            checks,
            cores: question.cores.clone(),
            lines,
        })
    }
}

/// The table: every house with every number of lanes.
fn lines(prices: &Prices, (one, loads): (&Load, &[Load]), cores: &[u8]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (name, source, writers) in HOUSES {
        for load in loads {
            let cell = |cores: &u8| {
                let house = house(f64::from(*cores), source, writers);
                let row = if writers == 0 { 0.0 } else { prices.row };
                let rate = |load: &Load| {
                    let run = simulate(&load.plan(&Prices { row, ..*prices }, source), house);
                    (real(load.packets()) * 1e9 / run.wall_ns, run)
                };
                let ((rate_now, run), (rate_one, _)) = (rate(load), rate(one));
                let (limit, share) = run.limit(house.cores);
                (rate_now, rate_now / rate_one, limit, share)
            };
            let cells = cores.iter().map(cell).collect();
            lines.push(Line { house: name, lanes: load.lanes(), cells });
        }
    }
    lines
}

impl Check {
    fn of(subject: &Subject<'_>, prices: &Prices, tried: Tried) -> Result<Self> {
        let Tried { lanes, quickest: real, in_turn_ns } = tried;
        let plan = subject.load(lanes)?.0.plan(prices, Source::File);
        let tasks = plan.parcels.iter().flat_map(|parcel| &parcel.tasks);
        let priced_ns: f64 = tasks.map(|task| task.ns).sum();
        let played = simulate(&plan, house(real.left, Source::File, 1));
        Ok(Self { lanes, real, played, alone: [in_turn_ns / 1e9, priced_ns / 1e9] })
    }

    /// How much longer the played run takes than the real one, as a share of it.
    fn error(&self) -> f64 {
        self.played.wall_ns / 1e9 / self.real.threads - 1.0
    }

    fn json(&self) -> Value {
        let Trial { threads, whole, reader, lanes, writer, left, .. } = &self.real;
        json!({
            "lanes": self.lanes,
            "threads_s": threads, "whole_s": whole,
            "reader_s": reader, "lanes_s": lanes, "writer_s": writer, "processors_left": left,
            "played_s": self.played.wall_ns / 1e9,
            "error": self.error(),
            "lanes_in_turn_s": self.alone[0], "by_prices_s": self.alone[1],
        })
    }
}

impl Forecast {
    /// Prices, check and table.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        self.print_prices(out)?;
        self.print_checks(out)?;
        self.print_table(out)
    }

    fn print_prices(&self, out: &mut impl Write) -> io::Result<()> {
        let Prices { read, walk, tag, own, foreign, last_row, row, hand } = self.prices;
        writeln!(
            out,
            "\n{} packets in {} blocks, {} rows; each step on one thread, nobody beside it",
            self.packets, self.blocks, self.rows
        )?;
        for (step, ns, of) in [
            ("reader: octets from the page cache", read, "a packet"),
            ("reader: finds a packet, notes where it lies", walk, "a packet"),
            ("reader: chooses its lane", tag, "a packet"),
            ("lane: packet, flow, names, its part of a row", own, "a packet"),
            ("lane: passes over the reference to another's", foreign, "a packet"),
            ("lane: row of a flow open at the end", last_row, "a row"),
            ("writer, as in the real run: name, columns, file", row, "a row"),
            ("queue: give or take, threads put to sleep with it", hand, "a block"),
        ] {
            writeln!(out, "  {step:<52}{ns:>9.1} ns {of}")?;
        }
        let skews = self.skews.iter().map(|(lanes, skew)| format!("{lanes}: {skew:.2}"));
        let skews: Vec<String> = skews.collect();
        writeln!(out, "fullest lane by the mean, of so many lanes: {}", skews.join(", "))
    }

    fn print_checks(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\nthe real probe on this machine, its quickest run, beside the played one")?;
        writeln!(
            out,
            "{:>7}{:>9}{:>9}{:>8}{:>10}{:>15}{:>14}{:>15}{:>17}{:>11}",
            "lanes",
            "wall s",
            "played",
            "error",
            "left",
            "reader ns/pkt",
            "lanes ns/pkt",
            "writer ns/row",
            "lanes in turn s",
            "by prices"
        )?;
        for check in &self.checks {
            let run = &check.real;
            let packet = |seconds: f64| seconds * 1e9 / real(run.packets.max(1));
            writeln!(
                out,
                "{:>7}{:>9.3}{:>9.3}{:>7.1}%{:>10.2}{:>15.1}{:>14.1}{:>15.0}{:>17.3}{:>11.3}",
                check.lanes,
                run.threads,
                check.played.wall_ns / 1e9,
                check.error() * 100.0,
                run.left,
                packet(run.reader),
                packet(run.lanes.iter().sum()),
                run.writer * 1e9 / real(run.rows.max(1)),
                check.alone[0],
                check.alone[1]
            )?;
        }
        let closing = self.checks.iter().map(|check| check.real.whole - check.real.threads);
        writeln!(
            out,
            "wall: from the first to the last of lanes and writer; left: processors that others left, which is what it is played with; opening the store and closing its files take {:.3} s more, on one thread",
            closing.fold(f64::INFINITY, f64::min)
        )
    }

    fn print_table(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\nplayed, in the middle of such traffic: M packets a second, by one lane, what stops it and which share of the time it works"
        )?;
        write!(out, "{:<25}{:>6}", "", "lanes")?;
        for cores in &self.cores {
            write!(out, "{:>36}", format!("{cores} processors"))?;
        }
        writeln!(out)?;
        for line in &self.lines {
            write!(out, "{:<25}{:>6}", line.house, line.lanes)?;
            for (rate, gain, limit, share) in &line.cells {
                write!(
                    out,
                    "{:>10.2}{gain:>8.2} x{:>11} {:>3.0}%",
                    rate / 1e6,
                    limit,
                    share * 100.0
                )?;
            }
            writeln!(out)?;
        }
        Ok(())
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let Prices { read, walk, tag, own, foreign, last_row, row, hand } = self.prices;
        let lines = self.lines.iter().flat_map(|line| {
            self.cores.iter().zip(&line.cells).map(|(cores, (rate, gain, limit, share))| {
                json!({
                    "house": line.house.trim(), "lanes": line.lanes, "processors": cores,
                    "packets_per_s": rate, "by_one_lane": gain, "limit": limit, "at": share,
                })
            })
        });
        json!({
            "packets": self.packets, "rows": self.rows, "blocks": self.blocks,
            "prices_ns": {
                "read": read, "walk": walk, "tag": tag, "own": own, "foreign": foreign,
                "last_row": last_row, "row": row, "hand": hand,
            },
            "skews": self.skews,
            "checks": self.checks.iter().map(Check::json).collect::<Vec<_>>(),
            "played": lines.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{SEED, Traffic};

    #[test]
    fn a_forecast_names_what_stops_it() {
        let folder = tempfile::tempdir().unwrap();
        let capture = folder.path().join("capture.pcap");
        Traffic::Mix.write(SEED, 300_000, &capture).unwrap();
        let subject = Subject { capture: &capture, flows_max: 1 << 17 };
        let question = Question { lanes: vec![1, 4], cores: vec![1, 16], rounds: 1 };
        let forecast = Forecast::of(&subject, &question, folder.path()).unwrap();
        assert_eq!(forecast.lines.len(), HOUSES.len() * 2);
        for line in &forecast.lines {
            assert_eq!(line.cells.len(), 2);
            let [(_, _, alone, share), (_, gain, _, most)] = line.cells[..] else { continue };
            assert_eq!(alone, "processors");
            assert!(share > 0.999 && most > 0.5, "{line:?}");
            assert!(gain <= 4.0 + 1e-6 && gain > 0.5, "{line:?}");
        }
        let mut text = Vec::new();
        forecast.print(&mut text).unwrap();
        assert!(String::from_utf8(text).unwrap().contains("16 processors"));
        assert_eq!(forecast.json()["played"].as_array().map(Vec::len), Some(HOUSES.len() * 4));
    }
}
