//! `outflow store compact`: an hour's many small files become few large ones.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::anyhow;
use schemas::store::compact::{Bounds, Compacted, Compactor};
use schemas::store::{Store, StoreError, Swept};

use crate::cli::exit::{Done, chain, note};
use crate::cli::quantity;
use crate::cli::tending::{Tended, counted, number, tend};
use crate::report::octets;

/// Of which store, and which hours.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// How long ago an hour must have ended, such as 10m or 2h: rows may come late
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = quantity::duration)]
    settle: Duration,
}

pub(crate) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<Done> {
    let store = Store::open(&args.store)?;
    let tending = tend(&store)?;
    let tended = Tended::now();
    // First, for it makes room.
    let swept = store.sweep(&tending, tended.swept_until())?;
    let mut compactor = Compactor::new(&store, &tending, (tended.run_name(), Bounds::default()));
    let (mut hours, mut whole) = (0, Compacted::default());
    let mut done = Done::Complete;
    for heap in compactor.heaps(tended.settled(args.settle))? {
        match compactor.compact(&heap) {
            Ok(compacted) => {
                let place = heap.hour.folder();
                writeln!(out, "{place}  {}  {}", heap.sensor, told(&compacted))?;
                hours += 1;
                whole += compacted;
            }
            // Another hour may be sound.
            Err(error @ (StoreError::Unmergeable { .. } | StoreError::Books { .. })) => {
                note(&chain(&anyhow!(error)));
                done = Done::Incomplete;
            }
            Err(error) => return Err(error.into()),
        }
    }
    writeln!(out, "{} merged: {}", counted(hours, "hour"), told(&whole))?;
    removed(swept, out)?;
    Ok(done)
}

fn removed(swept: Swept, out: &mut dyn Write) -> anyhow::Result<()> {
    if swept != Swept::default() {
        let (files, bytes) = (counted(swept.files, "file"), size(swept.bytes));
        writeln!(out, "{files} of {bytes} removed that were replaced before")?;
    }
    Ok(())
}

fn told(compacted: &Compacted) -> String {
    let Compacted { files_before, files_after, bytes_before, bytes_after, rows } = *compacted;
    format!(
        "{} of {} became {} of {}, {}",
        counted(files_before, "file"),
        size(bytes_before),
        number(files_after),
        size(bytes_after),
        counted(rows, "row")
    )
}

fn size(bytes: u64) -> String {
    octets(i64::try_from(bytes).unwrap_or(i64::MAX))
}
