//! The probe beside its peers, on the same capture, in one go: packets for each second of processor time.
//!
//! Rounds alternate, so that whatever else the machine does falls on all alike. No figure is printed for books that do not close.
//! `cargo run --release -p benches --no-default-features --bin outflow-speed` builds it without the SQL engine; the probe must be built beside it.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use benches::peer::{Peer, Run, WALK};
use benches::walk::{Walked, walk};
use clap::Parser;
use ingest::source::synthetic::{Bulk, Written};

const SEED: u64 = 7;

/// Measures the probe beside a bare walk of the capture and beside nfpcapd
#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    traffic: Traffic,
    /// Times each program runs
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Folder for captures and what is made of them [default: the system's temporary one]
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, clap::Args)]
struct Traffic {
    /// Packets in each capture
    #[arg(long, default_value_t = 5_000_000)]
    packets: u64,
    /// Flows they belong to; a capture for each number
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000])]
    flows: Vec<u32>,
    /// Octets of a packet that are captured
    #[arg(long, default_value_t = 128)]
    snaplen: u32,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// Only walk a capture and print how many packets it has
    #[command(name = WALK)]
    Walk {
        /// The capture
        capture: PathBuf,
        /// Times to walk it
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
}

/// What one peer did in all rounds.
struct Line {
    peer: Peer,
    runs: Vec<Run>,
}

impl Line {
    /// Least, middle and most processor time.
    fn cpu(&self) -> [Duration; 3] {
        let mut times: Vec<Duration> = self.runs.iter().map(|run| run.cpu).collect();
        times.sort();
        let at = |position: usize| times.get(position).copied().unwrap_or_default();
        [at(0), at(times.len() / 2), at(times.len().saturating_sub(1))]
    }

    fn middle(&self) -> f64 {
        let [_, middle, _] = self.cpu();
        middle.as_secs_f64()
    }

    /// Difference of the ledger in the last round.
    fn ledger(&self) -> String {
        let ledger = self.runs.last().and_then(|run| run.ledger);
        ledger.map_or("-".to_owned(), |difference| difference.to_string())
    }

    /// Packets and octets that were written and not counted; all rounds must agree.
    fn missing(&self) -> String {
        let mut all: Vec<[i64; 2]> = self.runs.iter().map(|run| run.missing).collect();
        all.dedup();
        match all.as_slice() {
            [[0, 0]] => "none".to_owned(),
            [[packets, octets]] => format!("{packets} packets, {octets} octets"),
            several => format!("changes from run to run: {several:?}"),
        }
    }
}

fn measure(capture: &Path, written: &Written, rounds: usize) -> Result<Vec<Line>, Box<dyn Error>> {
    let there = Peer::ALL.into_iter().filter(|peer| peer.is_there());
    let mut lines: Vec<Line> = there.map(|peer| Line { peer, runs: Vec::new() }).collect();
    // The first round warms the page cache and is not counted.
    for round in 0..=rounds {
        for line in &mut lines {
            let folder = tempfile::tempdir_in(capture.parent().unwrap_or(Path::new(".")))?;
            let run = line.peer.run(capture, folder.path(), written)?;
            if round > 0 {
                line.runs.push(run);
            }
        }
    }
    Ok(lines)
}

/// A number of packets as a floating one, for rates.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with three digits")]
const fn rate_of(packets: u64) -> f64 {
    packets as f64
}

fn print(written: &Written, lines: &[Line], out: &mut impl Write) -> io::Result<()> {
    let middle = |peer: Peer| lines.iter().find(|line| line.peer == peer).map(Line::middle);
    let ratio = |line: &Line, other: Peer| {
        middle(other).map_or("-".to_owned(), |time| format!("{:.2}", line.middle() / time))
    };
    writeln!(
        out,
        "\n{} packets in {} flows, {} frame octets",
        written.packets, written.flows, written.wire_bytes
    )?;
    writeln!(
        out,
        "{:<16}{:>26}{:>14}{:>10}{:>12}{:>20}  not counted",
        "", "CPU s: least middle most", "M packets/s", "x walk", "x nfpcapd", "ledger difference"
    )?;
    for line in lines {
        let [least, _, most] = line.cpu().map(|time| time.as_secs_f64());
        writeln!(
            out,
            "{:<16}{:>26}{:>14.2}{:>10}{:>12}{:>20}  {}",
            line.peer.name(),
            format!("{least:.2} {:.2} {most:.2}", line.middle()),
            rate_of(written.packets) / line.middle() / 1e6,
            ratio(line, Peer::Walk),
            ratio(line, Peer::Nfpcapd),
            line.ledger(),
            line.missing()
        )?;
    }
    Ok(())
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    if let Some(Task::Walk { capture, times }) = &arguments.task {
        let walks: Vec<Walked> = (0..*times).map(|_| walk(capture)).collect::<Result<_, _>>()?;
        let packets = walks.last().map_or(0, |walked| walked.packets);
        return Ok(writeln!(out, "{packets}")?);
    }
    if !Peer::Nfpcapd.is_there() {
        writeln!(out, "nfpcapd is not installed (Debian package nfdump), and left out")?;
    }
    let load = fs::read_to_string("/proc/loadavg")?;
    writeln!(out, "load of the machine before: {}", load.trim())?;
    let scratch = arguments.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(scratch)?;
    let Traffic { packets, flows, snaplen } = &arguments.traffic;
    for flows in flows {
        let capture = folder.path().join("bulk.pcap");
        let mut bulk = Bulk::new(SEED, *packets);
        (bulk.flows, bulk.alive, bulk.snaplen) = (*flows, flows / 5, *snaplen);
        let written = bulk.write_pcap(File::create(&capture)?)?;
        let lines = measure(&capture, &written, arguments.rounds)?;
        print(&written, &lines, out)?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the operator's line; the table goes to standard output")]
fn main() -> ExitCode {
    match run(&Arguments::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outflow-speed: {error}");
            ExitCode::FAILURE
        }
    }
}
