//! `outflow store rollup`: hours and days of flows, as judged, summed up.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use schemas::store::Store;

use crate::cli::engine::{self, EngineArgs};
use crate::cli::exit::Done;
use crate::cli::quantity;
use crate::cli::tending::{Tended, counted, tend};
use crate::rollup::{self, Roller};

/// Of which store, which hours, and how judged.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// How long ago an hour must have ended, such as 1h or 30m: rows may come late
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = quantity::duration)]
    settle: Duration,
    #[command(flatten)]
    engine: EngineArgs,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Done> {
    let store = Store::open(&args.store)?;
    let tending = tend(&store)?;
    let tended = Tended::now();
    store.sweep(&tending, tended.swept_until())?;
    let mut roller = Roller {
        store: &store,
        tending: &tending,
        catalog: args.engine.catalog()?,
        limits: args.engine.limits.limits(),
        run: tended.run_name(),
        until: tended.settled(args.settle),
        begun: 0,
    };
    let done = engine::block_on(async { Ok(roller.roll().await?) })?;
    for (what, done) in ["hour", "day"].into_iter().zip(done) {
        let rollup::Done { buckets, files, rows } = done;
        let buckets = counted(buckets, what);
        let (files, rows) = (counted(files, "file"), counted(rows, "row"));
        writeln!(out, "{buckets} rolled up: {files} with {rows} written")?;
    }
    Ok(Done::Complete)
}
