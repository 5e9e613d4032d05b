//! `outflow catalog diff`: what another catalog would say of the same traffic, cell by cell, and by which rules.

use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemas::store::Store;

use crate::catalog::Catalog;
use crate::cli::engine;
use crate::cli::exit::{Done, note};
use crate::output::{self, Format, Layout};

const DIFF: &str = include_str!("../../sql/catalog/diff.sql");
/// Stands for the catalog that ships.
const SHIPPED: &str = "shipped";

/// Which catalogs, over which traffic.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  outflow catalog diff 2026-11.outflow-catalog shipped --store store
  outflow catalog diff shipped acme.outflow-catalog --store store --format csv

A row is a cell of vendor and country that moves, with its standing, evidence and rule before and after. No vendor is unattributed; a
name that its address speaks against stands apart (mismatch). Traffic among inside hosts is in no cell.")]
pub(crate) struct Args {
    /// The catalog before, or the word shipped
    #[arg(value_name = "A")]
    before: PathBuf,
    /// The catalog after
    #[arg(value_name = "B")]
    after: PathBuf,
    /// Store whose traffic is judged by both
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// How to write the answer
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    limits: engine::LimitArgs,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Done> {
    let store = Store::open(&args.store)?;
    let (before, after) = (catalog(&args.before)?, catalog(&args.after)?);
    let ids = (before.snapshot().id.clone(), after.snapshot().id.clone());
    let written = engine::block_on(async {
        let session = args.limits.session(&store, after).await?.beside(&before);
        let mut out = BufWriter::new(io::stdout());
        let rows = session.stream(DIFF).await?;
        let written = output::write(rows, args.format, &Layout::default(), &mut out).await?;
        out.flush()?;
        Ok(written)
    })?;
    let told = match written.rows {
        0 => "no cell moves".to_owned(),
        rows => format!("{rows} moves"),
    };
    note(&format!("catalog {} to {}: {told}", ids.0, ids.1));
    Ok(Done::Complete)
}

fn catalog(path: &Path) -> anyhow::Result<Arc<Catalog>> {
    engine::catalog(Some(path).filter(|path| *path != Path::new(SHIPPED)))
}
