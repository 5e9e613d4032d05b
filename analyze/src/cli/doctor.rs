//! `outflow doctor`: what stands between an interface and honest counts.

use crate::cli::exit::Done;
use crate::cli::ingest;

pub(crate) use crate::cli::ingest::DoctorArgs as Args;

pub(crate) fn run(args: &Args) -> Done {
    Done::Said(ingest::examine(args))
}
