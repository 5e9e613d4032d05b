//! Who is measured: the walk, our probe, and nfpcapd of nfdump where it is installed, each as a program of its own.
//!
//! All read the same file, write to the same disk, and cut flows at the same time-outs. What each counted is held against what was written.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ingest::source::synthetic::Written;
use schemas::store::Store;

use crate::balance::Balance;
use crate::cpu::measure;

/// Word by which this program calls itself to walk.
pub const WALK: &str = "walk";
/// Times one run walks: once takes too few ticks of the kernel's clock.
const WALKS: u32 = 10;

/// A program that reads captures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// Steps from record to record.
    Walk,
    /// Our probe.
    Probe,
    /// nfpcapd.
    Nfpcapd,
}

/// A finished run.
#[derive(Debug, Clone)]
pub struct Run {
    /// User and system time.
    pub cpu: Duration,
    /// Packets and IP octets short of what was written.
    pub missing: [i64; 2],
    /// Difference of the ledger, where there is one.
    pub ledger: Option<i64>,
}

fn difference(written: u64, counted: u64) -> i64 {
    i64::try_from(written).unwrap_or(i64::MAX) - i64::try_from(counted).unwrap_or(i64::MAX)
}

/// The programs beside this one, and this one itself.
fn sibling(name: &str) -> Result<PathBuf, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("{name} is not beside {}; cargo build --release -p ingest makes it", own.display())
        .into())
}

fn run(command: &mut Command) -> Result<(String, Duration), Box<dyn Error>> {
    let (output, cpu) = measure(command)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{}: {}{why}", command.get_program().display(), output.status).into());
    }
    Ok((text, cpu))
}

impl Peer {
    /// All, in the order in which they take turns.
    pub const ALL: [Self; 3] = [Self::Walk, Self::Probe, Self::Nfpcapd];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Walk => "walk",
            Self::Probe => "outflow-ingest",
            Self::Nfpcapd => "nfpcapd",
        }
    }

    /// Whether it can be run here.
    pub fn is_there(self) -> bool {
        self != Self::Nfpcapd || Command::new("nfdump").arg("-V").output().is_ok()
    }

    /// Reads a capture once into an empty folder; fails where the books of the probe do not close.
    pub fn run(
        self,
        capture: &Path,
        folder: &Path,
        written: &Written,
    ) -> Result<Run, Box<dyn Error>> {
        match self {
            Self::Walk => walk(capture, written),
            Self::Probe => probe(capture, folder, written),
            Self::Nfpcapd => nfpcapd(capture, folder, written),
        }
    }
}

fn walk(capture: &Path, written: &Written) -> Result<Run, Box<dyn Error>> {
    let own = std::env::current_exe()?;
    let (text, cpu) =
        run(Command::new(own).arg(WALK).arg(capture).args(["--times", &WALKS.to_string()]))?;
    let missing = [difference(written.packets, text.trim().parse()?), 0];
    Ok(Run { cpu: cpu / WALKS, missing, ledger: None })
}

fn probe(capture: &Path, folder: &Path, written: &Written) -> Result<Run, Box<dyn Error>> {
    let store = folder.join("store");
    let mut command = Command::new(sibling("outflow-ingest")?);
    command.arg("-q").arg("-r").arg(capture).arg("--store").arg(&store);
    let (_, cpu) = run(&mut command)?;
    let balance = Balance::of(&Store::open(store)?)?;
    let closed = Balance {
        packets_seen: i64::try_from(written.packets)?,
        exported: i64::try_from(written.packets)?,
        ip_exported: i64::try_from(written.ip_bytes)?,
        wire_bytes: i64::try_from(written.wire_bytes)?,
        difference: 0,
    };
    if balance != closed {
        return Err(format!("the books do not close: {balance:?}, written {closed:?}").into());
    }
    Ok(Run { cpu, missing: [0, 0], ledger: Some(balance.difference) })
}

fn nfpcapd(capture: &Path, folder: &Path, written: &Written) -> Result<Run, Box<dyn Error>> {
    let mut command = Command::new("nfpcapd");
    command.arg("-r").arg(capture).arg("-l").arg(folder).args(["-e", "60,30"]);
    let (_, cpu) = run(&mut command)?;
    // Sums over the records themselves; the head of a file would tell what its writer believes.
    let (text, _) =
        run(Command::new("nfdump").args(["-q", "-N", "-o", "fmt:%pkt %byt", "-R"]).arg(folder))?;
    let mut sums = [0, 0];
    for line in text.lines() {
        for (sum, number) in sums.iter_mut().zip(line.split_whitespace()) {
            *sum += number.parse::<u64>()?;
        }
    }
    let [packets, octets] = sums;
    Ok(Run {
        cpu,
        missing: [difference(written.packets, packets), difference(written.ip_bytes, octets)],
        ledger: None,
    })
}
