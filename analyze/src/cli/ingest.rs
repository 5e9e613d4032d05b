//! `outflow ingest`, and the only file of the analyst's side that names the probe: whatever else needs packets asks here.

use std::path::{Path, PathBuf};

use ingest::{IngestArgs, Prefix};

use crate::cli::exit::{Done, usage};

pub(crate) use ingest::source::synthetic::{INSIDE, Plan, TruthFlow};

/// The probe's own arguments; both programs share one definition.
pub(crate) type Args = IngestArgs;

pub(crate) fn run(args: &Args) -> anyhow::Result<Done> {
    let result = ingest::run(args);
    if result.is_ok() {
        // The probe tells its own balance; failures are told as those of any other command.
        ingest::report(args, &result);
    }
    match result {
        Ok(outcome) if outcome.is_complete() => Ok(Done::Complete),
        Ok(_) => Ok(Done::Incomplete),
        Err(error) if error.is_usage() => Err(usage(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// Brings captures into a store, as those of `sensor`; `inside` are the networks of one's own.
pub(crate) fn captures(
    files: &[PathBuf],
    store: &Path,
    (sensor, inside): (&str, &[&str]),
) -> anyhow::Result<Done> {
    let mut args = IngestArgs::of(files.to_vec(), store.to_owned());
    args.sensor = Some(sensor.to_owned());
    let prefix =
        |text: &&str| text.parse::<Prefix>().map_err(|why| usage(format!("{text}: {why}")));
    args.inside = inside.iter().map(prefix).collect::<Result<_, _>>()?;
    run(&args)
}
