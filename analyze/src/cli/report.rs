//! `outflow report`: one day as a page, JSON and CSV.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemas::store::Store;

use crate::cli::engine::{EngineArgs, block_on};
use crate::cli::exit::{Done, note};
use crate::report::{Day, Report, write};

/// Who hides addresses does not want rows that tell of few people either.
const CLIENTS_MIN_HIDDEN: i64 = 10;

/// Which day, of what, to where.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outflow report --store store --date 2014-09-22 --timezone Asia/Taipei --out report
  outflow report --store store --date 2014-09-22 --out report --catalog 2014.outflow-catalog

A record belongs to the day in which its first packet came. The same store, day and catalog give the same report
to the byte. Exit 3: the balance of packets is not closed, more than 0.1 % of the packets were lost, or an interface
was watched for less than 99 % of the day; the page begins with it.")]
pub(crate) struct Args {
    /// Store to report on
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// The day, YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    date: String,
    /// Where the day begins and ends: a name such as Asia/Taipei, or an offset such as +08:00
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    timezone: String,
    /// Folder for report.html, report.json and the CSV files
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Tell of no fewer clients than this, in no figure and no difference of figures [default: 10 where addresses of people were hidden, else none]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(i64).range(1..))]
    min_clients: Option<i64>,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Done> {
    let day = Day::new(&args.date, &args.timezone)?;
    let store = Store::open(&args.store)?;
    let target = Target { folder: &args.out, clients_min: args.min_clients };
    let (report, files) = make(&store, &day, (&args.engine, target))?;
    let mut out = io::stdout().lock();
    for file in files {
        writeln!(out, "{}", file.display())?;
    }
    report.capture.warnings.iter().for_each(|warning| note(warning));
    if report.is_complete() { Ok(Done::Complete) } else { Ok(Done::Incomplete) }
}

/// Where a report goes, and how few clients a row may tell of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) clients_min: Option<i64>,
}

/// Gathers and writes a report; returns it and its files, the page first.
pub(crate) fn make(
    store: &Store,
    day: &Day,
    (engine, target): (&EngineArgs, Target<'_>),
) -> anyhow::Result<(Report, Vec<PathBuf>)> {
    let catalog = engine.catalog()?;
    let hidden = store.entries()?.iter().any(|entry| entry.privacy.is_some());
    let clients_min = target.clients_min.or(hidden.then_some(CLIENTS_MIN_HIDDEN));
    let report = block_on(async {
        let session = engine.session(store, Arc::clone(&catalog)).await?;
        Ok(Report::gather(&session, (store, clients_min), &catalog, day).await?)
    })?;
    let files = write(&report, &catalog, target.folder)?;
    Ok((report, files))
}
