//! `outflow sql`: questions to a store or straight to a capture, one-shot or in a shell.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use schemas::store::Store;
use tempfile::TempDir;

use crate::cli::engine::{self, EngineArgs};
use crate::cli::exit::{Done, note, usage};
use crate::cli::ingest;
use crate::cli::shell::Shell;
use crate::cli::statement;
use crate::output::{self, Format, Layout};
use crate::session::Session;

/// What to ask of what, and how to write the answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outflow sql --store store                                         a shell; \\? helps
  outflow sql --store store -c 'SELECT service_vendor, server_country, sum(bytes_up) AS up
                                FROM attributed GROUP BY ALL ORDER BY up DESC'
  outflow sql --store store -f question.sql --format csv --output answer.csv
  outflow sql -r capture.pcap -c 'SELECT server_name, bytes FROM flows ORDER BY bytes DESC LIMIT 10'
  echo 'SHOW FUNCTIONS' | outflow sql --store store

Tables are flows, dns, devices and ledger; the view attributed judges each flow; rollup_hourly and
rollup_daily are made by `outflow store rollup`. `outflow columns` explains every column.")]
pub(crate) struct Args {
    /// Store to ask
    #[arg(long, value_name = "DIR", required_unless_present = "read")]
    store: Option<PathBuf>,
    /// Capture to ask without a store (repeatable)
    #[arg(short, long, value_name = "CAPTURE", conflicts_with = "store")]
    read: Vec<PathBuf>,
    /// Statements to run, with ; between them
    #[arg(short, long, value_name = "SQL", conflicts_with = "file")]
    command: Option<String>,
    /// File with statements to run
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// How to write the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// File for the answer, instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Rows that a table shows at most
    #[arg(long, value_name = "N", default_value_t = 1000)]
    rows: u64,
    /// One block a row instead of one line, in a table
    #[arg(short = 'x', long)]
    expanded: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Done> {
    let text = given_text(args)?;
    if args.format == Format::Parquet && args.output.is_none() && io::stdout().is_terminal() {
        return Err(usage("Parquet is not for a terminal; name a file with --output, or pipe it"));
    }
    let (store, _temporary, done) = open(args)?;
    let catalog = args.engine.catalog()?;
    let runtime = engine::runtime()?;
    let session = runtime.block_on(args.engine.session(&store, Arc::clone(&catalog)))?;
    if store.entries()?.is_empty() {
        note("the store is empty; `outflow ingest` brings flows in");
    }
    let layout = Layout { rows_max: args.rows, expanded: args.expanded };
    match text {
        Some(text) => runtime.block_on(run_all(&session, &text, (args, layout)))?,
        None => Shell::new(&runtime, &session, &catalog, layout).run()?,
    }
    Ok(done)
}

/// The statements given on the command line, in a file or through a pipe; none asks for a shell.
fn given_text(args: &Args) -> anyhow::Result<Option<String>> {
    let text = match (&args.command, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(path)) => fs::read_to_string(path).with_context(|| {
            format!("could not read {}; give a text file with SQL", path.display())
        })?,
        (None, None) if io::stdin().is_terminal() => {
            if args.output.is_some() || args.format != Format::Table {
                return Err(usage("--format and --output need a question: add -c SQL or -f FILE"));
            }
            return Ok(None);
        }
        (None, None) => io::read_to_string(io::stdin().lock()).context("could not read the SQL")?,
    };
    Ok(Some(text))
}

/// The store asked, or one made of the captures for the time of the question.
fn open(args: &Args) -> anyhow::Result<(Store, Option<TempDir>, Done)> {
    if let Some(path) = &args.store {
        return Ok((Store::open(path)?, None, Done::Complete));
    }
    let folder = tempfile::tempdir().context("could not make a folder for the capture's flows")?;
    let root = folder.path().join("store");
    let done = ingest::captures(&args.read, &root, ("capture", &[]))?;
    Ok((Store::open(&root)?, Some(folder), done))
}

async fn run_all(
    session: &Session,
    text: &str,
    (args, layout): (&Args, Layout),
) -> anyhow::Result<()> {
    let (statements, _) = statement::split(text);
    if statements.is_empty() {
        return Err(usage("there is no SQL statement to run"));
    }
    let many = statements.len() > 1;
    if many && matches!(args.format, Format::Parquet | Format::Json) {
        return Err(usage("this format holds one answer; give one statement"));
    }
    let Some(path) = &args.output else {
        let mut out = BufWriter::new(io::stdout());
        answer_all(session, &statements, (args.format, layout, &mut out)).await?;
        return Ok(out.flush()?);
    };
    // Beside its place first, so that a failed query leaves no half answer.
    let mut part = path.clone().into_os_string();
    part.push(".part");
    let failed = || {
        format!("could not write {}; give a file in a folder that may be written", path.display())
    };
    let mut out = BufWriter::new(File::create(&part).with_context(failed)?);
    let answered = answer_all(session, &statements, (args.format, layout, &mut out)).await;
    let flushed = answered.and_then(|()| out.flush().with_context(failed));
    if flushed.is_err() {
        // The answer failed; what is left of it may stay if it cannot be removed.
        let _ = fs::remove_file(&part);
        return flushed;
    }
    fs::rename(&part, path).with_context(failed)
}

async fn answer_all(
    session: &Session,
    statements: &[&str],
    (format, layout, out): (Format, Layout, &mut (dyn Write + Send)),
) -> anyhow::Result<()> {
    for sql in statements {
        let stream = session.stream(sql).await?;
        let written = output::write(stream, format, &layout, out).await?;
        if written.shown < written.rows {
            out.flush()?;
            note(&format!(
                "{} of {} rows are shown; --rows {} shows all, and --format csv has no limit",
                written.shown, written.rows, written.rows
            ));
        }
    }
    Ok(())
}
