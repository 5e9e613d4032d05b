//! Who is measured: two floors, our probe without and with its writer, and the peers that are installed, each as a program of its own.
//!
//! All read the same file, write to the same disk, and cut flows at the same time-outs where they can be told. What each counted is held against what was
//! written: a program that loses packets looks fast.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ingest::source::synthetic::Written;

use crate::cpu::{Cost, measure};

/// What a run is given.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// This program, which has tasks of its own to run.
    pub own: &'a Path,
    /// What is read.
    pub capture: &'a Path,
    /// An empty folder for what is made of it.
    pub folder: &'a Path,
    /// What is in the capture.
    pub written: &'a Written,
}

/// Octets as a program counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Octets {
    /// Of IP packets.
    Ip(u64),
    /// Of frames.
    Frames(u64),
    /// It does not say.
    Unsaid,
}

/// What a program says it found.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Packets in its output.
    pub packets: u64,
    /// Their octets.
    pub octets: Octets,
    /// Records it made.
    pub rows: u64,
    /// Octets of its output; none where that goes to nobody.
    pub disk: Option<u64>,
    /// Processor time, where it measures its own work, for what comes before is not to count.
    pub cpu: Option<Duration>,
}

/// A finished run.
#[derive(Debug, Clone, Copy)]
pub struct Run {
    /// What it took.
    pub cost: Cost,
    /// What it found.
    pub counted: Counted,
}

/// What comes of trying.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// A program that reads captures.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// Programs that it needs besides this one.
    pub programs: &'static [&'static str],
    /// Where these come from.
    pub package: &'static str,
    /// What it makes.
    pub output: &'static str,
    /// How it is called.
    pub command: fn(&Place<'_>) -> Result<Command>,
    /// How its totals are read, given what it printed; an error where books do not close.
    pub count: fn(&Place<'_>, &str) -> Result<Counted>,
}

impl Peer {
    /// The first program that is not here.
    pub fn lacks(&self) -> Option<&'static str> {
        let is_there = |name: &&str| find(name).is_some();
        self.programs.iter().copied().find(|name| !is_there(name))
    }

    /// Reads a capture once.
    pub fn run(&self, place: &Place<'_>) -> Result<Run> {
        let mut command = (self.command)(place)?;
        if let Some(path) = self.programs.first().and_then(|name| find(name)) {
            command = with_program(&command, &path);
        }
        let (text, mut cost) = measure(place.own, &command, place.folder)?;
        let counted =
            (self.count)(place, &text).map_err(|error| format!("{}: {error}", self.name))?;
        cost.cpu = counted.cpu.unwrap_or(cost.cpu);
        Ok(Run { cost, counted })
    }
}

impl Run {
    /// How what was counted differs from what was written, in words.
    pub fn faults(&self, written: &Written) -> String {
        let short = |name: &str, written: u64, counted: u64| match written.abs_diff(counted) {
            0 => String::new(),
            by if written > counted => format!("{by} {name} too few"),
            by => format!("{by} {name} too many"),
        };
        let octets = match self.counted.octets {
            Octets::Ip(octets) => short("IP octets", written.ip_bytes, octets),
            Octets::Frames(octets) => short("frame octets", written.wire_bytes, octets),
            Octets::Unsaid => "octets unsaid".to_owned(),
        };
        let faults = [short("packets", written.packets, self.counted.packets), octets];
        let faults: Vec<_> = faults.into_iter().filter(|fault| !fault.is_empty()).collect();
        if faults.is_empty() { "all counted".to_owned() } else { faults.join(", ") }
    }
}

/// The same call of a program, by its path.
fn with_program(command: &Command, path: &Path) -> Command {
    let mut other = Command::new(path);
    other.args(command.get_args());
    other
}

/// A program: beside this one, on the path, or where daemons are.
fn find(name: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let beside = own.parent().map(Path::to_path_buf);
    beside.into_iter().chain(folders).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Octets of all files in a folder and below.
pub fn octets_below(folder: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { octets_below(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
