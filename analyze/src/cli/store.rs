//! `outflow store`: what a store holds, whether it still holds it, and keeping it in order.

use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;

use schemas::store::{Entry, FileRecord, Store, verify};

use crate::cli::compact;
use crate::cli::exit::{Done, note};
use crate::cli::rollup;
use crate::output::printable::printable;
use crate::report::{Day, grouped, octets};

/// What to do with a store.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Say what a store holds: tables, days, sensors, captures
    Info(Args),
    /// Read every published byte again and hold it against the manifest
    #[command(
        after_help = "Exit 3: something is wrong; the findings are listed, each with its remedy."
    )]
    Verify(Args),
    /// Merge the small files of each hour that has ended into few large ones, and remove what was merged before
    #[command(
        after_help = "Questions see the old files or the new ones, never both; it may be killed at any time and run again, also while a probe writes.\nExit 3: an hour could not be merged and is as it was; the line says why."
    )]
    Compact(compact::Args),
    /// Sum up the flows of hours and days that have ended, as judged, into the tables `rollup_hourly` and `rollup_daily`
    #[command(
        after_help = "An hour is summed up again when more of its flows came, when the catalog is another, and once more when the day after it is over, of which names are witnesses. It may be killed at any time and run again."
    )]
    Rollup(rollup::Args),
}

/// Which store.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<Done> {
    let mut out = io::stdout().lock();
    match command {
        Command::Info(args) => info(&Store::open(&args.store)?, &mut out),
        Command::Verify(args) => check(&Store::open(&args.store)?, &mut out),
        Command::Compact(args) => compact::run(args, &mut out),
        Command::Rollup(args) => rollup::run(args, &mut out),
    }
}

fn files_of<'a>(entries: &'a [Entry], table: &str) -> Vec<&'a FileRecord> {
    entries.iter().flat_map(|entry| &entry.files).filter(|file| file.table == table).collect()
}

fn info(store: &Store, out: &mut dyn Write) -> anyhow::Result<Done> {
    let entries = store.entries()?;
    writeln!(out, "store     {}", store.root().display())?;
    let observed = || entries.iter().filter(|entry| entry.rolled.is_none());
    writeln!(out, "runs      {}", observed().count())?;
    let mut sensors: Vec<&str> = observed().map(|entry| entry.sensor.as_str()).collect();
    sensors.sort_unstable();
    sensors.dedup();
    writeln!(
        out,
        "sensors   {}",
        if sensors.is_empty() { "none".to_owned() } else { sensors.join(", ") }
    )?;
    let flows = files_of(&entries, schemas::flow::TABLE.name);
    let day = Day::new("1970-01-01", "UTC")?;
    let instants: Vec<i64> = flows.iter().flat_map(|file| [file.ts_min, file.ts_max]).collect();
    match &day.dates_of(&instants)[..] {
        [] => writeln!(out, "days      none; `outflow ingest` brings some in")?,
        [only] => writeln!(out, "days      {only} (UTC)")?,
        [first, .., last] => writeln!(out, "days      {first} to {last} (UTC)")?,
    }
    writeln!(out, "\n{:<13} {:>8} {:>14} {:>10}", "table", "files", "rows", "size")?;
    for table in schemas::tables() {
        let files = files_of(&entries, table.name);
        let sum = |part: fn(&FileRecord) -> u64| -> i64 {
            let sum: u64 = files.iter().map(|file| part(file)).sum();
            i64::try_from(sum).unwrap_or(i64::MAX)
        };
        let (rows, bytes) = (grouped(sum(|file| file.rows)), octets(sum(|file| file.bytes)));
        writeln!(out, "{:<13} {:>8} {rows:>14} {bytes:>10}", table.name, files.len())?;
    }
    let mut inputs: Vec<_> = Vec::new();
    for known in entries.iter().flat_map(|e| e.inputs.iter().map(move |i| (&e.sensor, i))) {
        // One that spans hours is named by each of them once they are merged.
        if !inputs.contains(&known) {
            inputs.push(known);
        }
    }
    if !inputs.is_empty() {
        writeln!(out, "\ncaptures")?;
        for (sensor, input) in inputs {
            let size = octets(i64::try_from(input.bytes).unwrap_or(i64::MAX));
            writeln!(out, "  {size:>9}  {}  (sensor {sensor})", printable(&input.name))?;
        }
    }
    Ok(Done::Complete)
}

fn check(store: &Store, out: &mut dyn Write) -> anyhow::Result<Done> {
    if io::stderr().is_terminal() {
        let entries = store.entry_paths()?.len();
        note(&format!("reading everything that {entries} runs have published"));
    }
    let checked = verify(store)?;
    let count = |number: u64| grouped(i64::try_from(number).unwrap_or(i64::MAX));
    writeln!(
        out,
        "{} files with {} rows and {} are as they were published",
        count(checked.files),
        count(checked.rows),
        octets(i64::try_from(checked.bytes).unwrap_or(i64::MAX))
    )?;
    if checked.findings.is_empty() {
        return Ok(Done::Complete);
    }
    writeln!(out, "{} findings:", checked.findings.len())?;
    for finding in &checked.findings {
        writeln!(out, "  {finding}")?;
    }
    Ok(Done::Incomplete)
}
