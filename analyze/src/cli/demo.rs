//! `outflow demo`: a national day in small, from planned packets through the real line to a report, held against what was planned.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use schemas::store::Store;
use serde::Deserialize;

use crate::catalog::Catalog;
use crate::cli::engine::{EngineArgs, block_on};
use crate::cli::exit::{Done, usage};
use crate::cli::ingest::{self, INSIDE, Nation, Plan, TruthFlow};
use crate::cli::report::{Target, make};
use crate::output::printable::width;
use crate::report::{Balance, Day, grouped, octets, place_name, typed_rows};

/// The year of the affair that the scenario retells.
const SEED: u64 = 2014;
const DATE: &str = "2014-09-22";
const ZONE: &str = "Asia/Taipei";
/// Marks a folder as one that a demo made and may replace.
const MARK: &str = ".outflow-demo";
const CELLS: &str = include_str!("../../sql/reports/demo_cells.sql");

/// Where to play.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The folder holds the capture, the store and the report afterwards; ask further with
  outflow sql --store outflow-demo/store
Exit 3: an answer is not as planned.")]
pub(crate) struct Args {
    /// Folder for capture, store and report; an earlier demo in it is replaced
    #[arg(long, value_name = "DIR", default_value = "outflow-demo")]
    out: PathBuf,
    /// Scale m: 200 districts like it in one day, about 1 GB of capture
    #[arg(long, value_enum, default_value_t)]
    scale: Scale,
    /// Draw who calls what, under which name, where, how much and through which network
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    #[command(flatten)]
    engine: EngineArgs,
}

/// How large the day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Scale {
    /// Some megabytes
    #[default]
    S,
    /// About a gigabyte
    M,
}

/// Flows and octets of a vendor in a country.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Volume {
    flows: i64,
    up: i64,
    down: i64,
}

/// A row of the answer.
#[derive(Debug, Clone, Deserialize)]
struct Cell {
    vendor: Option<String>,
    place: String,
    flows: i64,
    bytes_up: i64,
    bytes_down: i64,
    clients: i64,
    best_evidence: String,
    least_evidence: String,
}

/// Vendor, empty for the unattributed, and place.
type Key = (String, String);

pub(crate) fn run(args: &Args) -> anyhow::Result<Done> {
    let mut out = io::stdout().lock();
    clear(&args.out)?;
    let capture = args.out.join("national-day.pcap");
    let (frames, truth) = write_capture(args, &capture)?;
    let size = fs::metadata(&capture).map_or(0, |found| found.len());
    writeln!(
        out,
        "A national day{}: {DATE} in Taipei, planned from one seed.\n\n\
         {} connections, {} frames, {} in {}\n",
        if args.scale == Scale::S { " in small" } else { "" },
        grouped(i64::try_from(truth.len()).unwrap_or(i64::MAX)),
        grouped(i64::try_from(frames).unwrap_or(i64::MAX)),
        octets(i64::try_from(size).unwrap_or(i64::MAX)),
        capture.display()
    )?;
    out.flush()?;
    let root = args.out.join("store");
    let ingested = ingest::captures(&[capture], &root, ("demo", &INSIDE))?;
    let store = Store::open(&root)?;
    let catalog = args.engine.catalog()?;
    let cells: Vec<Cell> = block_on(async {
        let session = args.engine.session(&store, Arc::clone(&catalog)).await?;
        let batches = session.collect(CELLS).await?;
        typed_rows(&batches).map_err(anyhow::Error::msg)
    })?;
    print_cells(&cells, &catalog, &mut out)?;
    let wrong = compare(&truth, &cells, &mut out)?;
    let day = Day::new(DATE, ZONE)?;
    let target = Target { folder: &args.out.join("report"), clients_min: None };
    let (report, files) = make(&store, &day, (&args.engine, target))?;
    print_balance(&report.ledger, &mut out)?;
    for said in report.capture.warnings.iter().chain(&report.capture.notes) {
        writeln!(out, "         {said}")?;
    }
    if let Some(page) = files.first() {
        writeln!(out, "Report   {}", page.display())?;
    }
    writeln!(out, "Ask      outflow sql --store {}", root.display())?;
    Ok(if wrong == 0 && report.is_complete() { ingested } else { Done::Incomplete })
}

/// Makes the folder, or takes an earlier demo out of it; anybody else's folder is left alone.
fn clear(folder: &Path) -> anyhow::Result<()> {
    let shown = folder.display();
    let failed =
        || format!("could not prepare {shown}; name a folder that may be written with --out");
    let is_ours = folder.join(MARK).is_file();
    let is_occupied = fs::read_dir(folder).is_ok_and(|mut found| found.next().is_some());
    if is_occupied && !is_ours {
        return Err(usage(format!(
            "{shown} holds other things; name an empty or a new folder with --out"
        )));
    }
    for name in ["store", "report"] {
        let path = folder.join(name);
        if path.exists() {
            fs::remove_dir_all(path).with_context(failed)?;
        }
    }
    fs::create_dir_all(folder).with_context(failed)?;
    fs::write(folder.join(MARK), "made by outflow demo, which may replace it\n")
        .with_context(failed)
}

/// Writes the capture; how many frames it has, and what must come out of them.
fn write_capture(args: &Args, path: &Path) -> anyhow::Result<(u64, Vec<TruthFlow>)> {
    let failed = || format!("could not write {}; is there room on the disk?", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(failed)?);
    let written = match (args.scale, args.seed) {
        (Scale::M, seed) => {
            Nation::medium(seed.unwrap_or(SEED)).write_pcap(&mut file).with_context(failed)?
        }
        (Scale::S, seed) => {
            let plan = seed.map_or_else(|| Plan::national_day(SEED), |seed| Plan::drawn(seed, 0));
            (plan.write_pcap(&mut file).with_context(failed)?, plan.truth().to_vec())
        }
    };
    file.flush().with_context(failed)?;
    Ok(written)
}

fn print_cells(cells: &[Cell], catalog: &Catalog, out: &mut dyn Write) -> io::Result<()> {
    let mut sorted: Vec<&Cell> = cells.iter().collect();
    let whole = |vendor: &Option<String>| -> i64 {
        cells.iter().filter(|cell| cell.vendor == *vendor).map(|cell| cell.bytes_up).sum()
    };
    sorted.sort_by_key(|cell| {
        (
            cell.vendor.is_none(),
            -whole(&cell.vendor),
            cell.vendor.clone(),
            -cell.bytes_up,
            cell.place.clone(),
        )
    });
    let largest = cells.iter().map(|cell| cell.bytes_up).max().unwrap_or(0).max(1);
    writeln!(
        out,
        "{:<16} {:<22} {:<6} {:>6} {:>7} {:>9} {:>9}",
        "vendor", "country of the server", "proof", "flows", "clients", "sent", "received"
    )?;
    let mut before: Option<&Option<String>> = None;
    for cell in sorted {
        let name = match &cell.vendor {
            _ if before == Some(&cell.vendor) => "",
            None => "unattributed",
            Some(key) => catalog.vendor(key).map_or(key.as_str(), |vendor| vendor.name.as_str()),
        };
        before = Some(&cell.vendor);
        writeln!(
            out,
            "{} {} {:<6} {:>6} {:>7} {:>9} {:>9} {}",
            padded(name, 16),
            padded(place_name(&cell.place), 22),
            evidence_range(cell),
            cell.flows,
            cell.clients,
            octets(cell.bytes_up),
            octets(cell.bytes_down),
            bar(cell.bytes_up, largest)
        )?;
    }
    writeln!(out)
}

fn evidence_range(cell: &Cell) -> String {
    if cell.best_evidence == cell.least_evidence {
        cell.best_evidence.clone()
    } else {
        format!("{}–{}", cell.least_evidence, cell.best_evidence.trim_start_matches('E'))
    }
}

fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// A bar of at most 16 characters in steps of an eighth.
fn bar(part: i64, whole: i64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let steps = usize::try_from(i128::from(part) * 128 / i128::from(whole.max(1))).unwrap_or(0);
    let rest = EIGHTHS.get(steps % 8).copied().unwrap_or("");
    format!("{}{rest}", "█".repeat((steps / 8).min(16)))
}

/// Holds the answer against the plan; returns how many cells differ.
fn compare(truth: &[TruthFlow], cells: &[Cell], out: &mut dyn Write) -> io::Result<usize> {
    let mut pairs: BTreeMap<Key, (Volume, Volume)> = BTreeMap::new();
    for flow in truth {
        let place = match flow.server_country.label() {
            "special" => "none",
            label => label,
        };
        let key = (flow.vendor.unwrap_or("").to_owned(), place.to_owned());
        let planned = &mut pairs.entry(key).or_default().0;
        planned.flows += 1;
        planned.up += i64::try_from(flow.src_ip_bytes).unwrap_or(i64::MAX);
        planned.down += i64::try_from(flow.dst_ip_bytes).unwrap_or(i64::MAX);
    }
    for cell in cells {
        let key = (cell.vendor.clone().unwrap_or_default(), cell.place.clone());
        let measured = Volume { flows: cell.flows, up: cell.bytes_up, down: cell.bytes_down };
        pairs.entry(key).or_default().1 = measured;
    }
    let wrong = pairs.values().filter(|(planned, measured)| planned != measured).count();
    writeln!(
        out,
        "Truth    {} of {} cells as planned, in flows and in octets both ways",
        pairs.len() - wrong,
        pairs.len()
    )?;
    for ((vendor, place), (planned, measured)) in &pairs {
        if planned != measured {
            let vendor = if vendor.is_empty() { "unattributed" } else { vendor };
            writeln!(
                out,
                "         {vendor} in {place}: planned {planned:?}, measured {measured:?}"
            )?;
        }
    }
    Ok(wrong)
}

fn print_balance(ledger: &Balance, out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "Ledger   {} packets seen = {} in flows + {} ignored + {} filtered + {} lost + {} still open; difference {}",
        grouped(ledger.packets_seen),
        grouped(ledger.kept()),
        grouped(ledger.ignored()),
        grouped(ledger.filtered),
        // What the kernel dropped had not been seen.
        grouped(ledger.lost() - ledger.kernel_drops),
        grouped(ledger.still_open()),
        ledger.balance_error
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_in_eighths() {
        assert_eq!(bar(0, 100), "");
        assert_eq!(bar(1, 128), "▏");
        assert_eq!(bar(100, 100), "█".repeat(16));
    }

    #[test]
    fn only_an_earlier_demo_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let ours = dir.path().join("demo");
        clear(&ours).unwrap();
        fs::create_dir(ours.join("store")).unwrap();
        fs::write(ours.join("notes.txt"), "mine").unwrap();
        clear(&ours).unwrap();
        assert!(!ours.join("store").exists() && ours.join("notes.txt").exists());
        fs::create_dir(dir.path().join("report")).unwrap();
        assert!(clear(dir.path()).is_err() && dir.path().join("report").exists());
    }
}
