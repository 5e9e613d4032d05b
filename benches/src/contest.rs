//! All programs on one capture, in turns, and the table of what that took.
//!
//! Rounds alternate, so that whatever else the machine does falls on all alike. No rate is printed of a probe whose ledger does not close: it is an error.

use std::io::{self, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use ingest::source::synthetic::Written;
use serde_json::{Value, json};

use crate::others::{COLLECTOR, OTHERS};
use crate::ours::{FLOOR, OURS, PROBE};
use crate::peer::{Peer, Place, Result, Run};

/// Who takes longer than this once is not asked again.
const PATIENCE: Duration = Duration::from_mins(1);

/// All programs, ours first, in the order in which they take turns.
pub fn peers() -> impl Iterator<Item = Peer> {
    OURS.into_iter().chain(OTHERS)
}

/// One of them.
pub fn named(name: &str) -> Result<Peer> {
    peers().find(|peer| peer.name == name).ok_or_else(|| format!("nobody is called {name}").into())
}

/// Whether it is one of ours, whose failure is an error.
fn is_ours(peer: &Peer) -> bool {
    OURS.iter().any(|own| own.name == peer.name)
}

/// What one program did in all rounds.
#[derive(Debug)]
pub struct Line {
    peer: Peer,
    runs: Vec<Run>,
}

/// A capture, and what all did with it.
#[derive(Debug)]
pub struct Contest {
    /// Name of the traffic.
    pub traffic: String,
    /// What is in the capture.
    pub written: Written,
    /// The programs, in order.
    pub lines: Vec<Line>,
    /// Those that could not be run, and why.
    pub absent: Vec<(&'static str, String)>,
}

/// Where a contest is held.
#[derive(Debug, Clone, Copy)]
pub struct Arena<'a> {
    /// This program.
    pub own: &'a Path,
    /// Folder for what is made.
    pub scratch: &'a Path,
    /// Times each runs.
    pub rounds: usize,
}

impl Line {
    /// Least, middle and most processor time, seconds.
    fn cpu(&self) -> [f64; 3] {
        let mut times: Vec<f64> = self.runs.iter().map(|run| run.cost.cpu.as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let at = |position: usize| times.get(position).copied().unwrap_or_default();
        [at(0), at(times.len() / 2), at(times.len().saturating_sub(1))]
    }

    fn last(&self) -> Option<&Run> {
        self.runs.last()
    }

    /// What it miscounted; all rounds must agree.
    fn faults(&self, written: &Written) -> String {
        let mut all: Vec<String> = self.runs.iter().map(|run| run.faults(written)).collect();
        all.dedup();
        all.join("; then ")
    }
}

/// A count as a floating number, for rates.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
pub const fn real(count: u64) -> f64 {
    count as f64
}

impl Contest {
    /// Lets these programs take turns on a capture.
    pub fn hold(
        arena: Arena<'_>,
        traffic: String,
        (capture, written): (&Path, Written),
        peers: &[Peer],
    ) -> Result<Self> {
        // Nobody reads it, but nobody refuses what is sent there either.
        let _collector = UdpSocket::bind(COLLECTOR);
        let mut contest = Self { traffic, written, lines: Vec::new(), absent: Vec::new() };
        for peer in peers {
            match peer.lacks() {
                Some(program) => {
                    contest
                        .absent
                        .push((peer.name, format!("no {program}, from {}", peer.package)));
                }
                None => contest.lines.push(Line { peer: *peer, runs: Vec::new() }),
            }
        }
        // What was written a moment ago is in the page cache.
        for _ in 0..arena.rounds {
            for line in &mut contest.lines {
                if line.last().is_some_and(|run| run.cost.cpu > PATIENCE) {
                    continue;
                }
                let folder = tempfile::tempdir_in(arena.scratch)?;
                let (own, folder) = (arena.own, folder.path());
                let place = Place { own, capture, folder, written: &written };
                match line.peer.run(&place) {
                    Ok(run) => line.runs.push(run),
                    Err(error) if is_ours(&line.peer) => return Err(error),
                    Err(error) => contest.absent.push((line.peer.name, error.to_string())),
                }
            }
            let absent = &contest.absent;
            contest.lines.retain(|line| absent.iter().all(|(name, _)| *name != line.peer.name));
        }
        Ok(contest)
    }

    fn line(&self, name: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.peer.name == name)
    }

    /// Middle processor time of a program, seconds.
    pub fn seconds(&self, name: &str) -> Result<f64> {
        let [_, middle, _] = self.line(name).ok_or_else(|| format!("{name} was not run"))?.cpu();
        Ok(middle)
    }

    /// Records that a program made.
    pub fn rows(&self, name: &str) -> Result<u64> {
        let run = self.line(name).and_then(Line::last);
        Ok(run.ok_or_else(|| format!("{name} was not run"))?.counted.rows)
    }

    /// How many times as long as another a program took.
    fn ratio(&self, line: &Line, other: &str) -> Option<f64> {
        let other = self.seconds(other).ok()?;
        let [_, middle, _] = line.cpu();
        (other > 0.0).then(|| middle / other)
    }

    /// The table.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let Written { packets, ip_bytes, wire_bytes, flows } = self.written;
        writeln!(
            out,
            "\n{}: {packets} packets of {flows} flows, {ip_bytes} IP octets, {wire_bytes} frame octets",
            self.traffic
        )?;
        writeln!(
            out,
            "{:<15}{:>22}{:>8}{:>9}{:>9}{:>9}{:>9}{:>11}{:>13}{:>8}  {:<26}counted",
            "",
            "CPU s: least mid most",
            "wall s",
            "M pkt/s",
            "x floor",
            "x ours",
            "RSS MiB",
            "rows",
            "octets out",
            "a row",
            "makes"
        )?;
        let shown = |number: Option<f64>| number.map_or("-".to_owned(), |n| format!("{n:.2}"));
        for line in &self.lines {
            let Some(run) = line.last() else { continue };
            let [least, middle, most] = line.cpu();
            let counted = run.counted;
            let disk = counted.disk.map(real);
            writeln!(
                out,
                "{:<15}{:>22}{:>8.2}{:>9.2}{:>9}{:>9}{:>9.0}{:>11}{:>13}{:>8}  {:<26}{}",
                line.peer.name,
                format!("{least:.2} {middle:.2} {most:.2}"),
                run.cost.wall.as_secs_f64(),
                real(packets) / middle / 1e6,
                shown(self.ratio(line, FLOOR)),
                shown(self.ratio(line, PROBE)),
                real(run.cost.rss_bytes) / 1_048_576.0,
                counted.rows,
                counted.disk.map_or("-".to_owned(), |octets| octets.to_string()),
                shown(disk.filter(|_| counted.rows > 0).map(|octets| octets / real(counted.rows))),
                line.peer.output,
                line.faults(&self.written)
            )?;
        }
        for (name, why) in &self.absent {
            writeln!(out, "{name:<15}not run: {}", why.trim())?;
        }
        Ok(())
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let lines = self.lines.iter().filter_map(|line| {
            let (run, [least, middle, most]) = (line.last()?, line.cpu());
            Some(json!({
                "name": line.peer.name,
                "makes": line.peer.output,
                "runs": line.runs.len(),
                "cpu_s": [least, middle, most],
                "wall_s": run.cost.wall.as_secs_f64(),
                "packets_per_cpu_s": real(self.written.packets) / middle,
                "to_floor": self.ratio(line, FLOOR),
                "to_ours": self.ratio(line, PROBE),
                "rss_bytes": run.cost.rss_bytes,
                "rows": run.counted.rows,
                "bytes_out": run.counted.disk,
                "counted": line.faults(&self.written),
            }))
        });
        let Written { packets, ip_bytes, wire_bytes, flows } = self.written;
        json!({
            "traffic": self.traffic,
            "written": {
                "packets": packets, "flows": flows, "ip_bytes": ip_bytes, "wire_bytes": wire_bytes
            },
            "programs": lines.collect::<Vec<_>>(),
            "not_run": self.absent.iter().map(|(name, why)| json!({ "name": name, "why": why }))
                .collect::<Vec<_>>(),
        })
    }
}
