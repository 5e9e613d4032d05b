//! `outflow ingest`, and the only file of the analyst's side that names the probe: whatever else needs packets asks here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use ingest::config::{Start, checked, start, typed};
use ingest::{IngestArgs, Prefix};

use crate::cli::exit::{Done, usage};

pub(crate) use ingest::doctor::{DoctorArgs, run as examine};
pub(crate) use ingest::source::synthetic::{INSIDE, Nation, Plan, TruthFlow};

/// The probe's own arguments; both programs share one definition.
pub(crate) type Args = IngestArgs;

/// The command line with what file and environment say of ingestion; or the exit code, where that is all that was asked.
pub(crate) fn command_line() -> Result<Vec<OsString>, ExitCode> {
    let words = typed();
    if words.get(1).is_none_or(|word| word != "ingest") {
        return Ok(words);
    }
    match start(2) {
        Start::Go(words) => Ok(words),
        Start::Done(code) => Err(code),
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Done> {
    if args.config.check {
        return Ok(Done::Said(checked(args)));
    }
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
