//! The probe: blocks → frames → observations → flow records → Parquet.
//!
//! The core (decode, names, flow, lane) reads no clock, opens nothing and cannot fail; it can only decline, with a reason that is counted. Threads, files
//! and the clock of the machine are in `pipeline.rs`, [`source`] and the binary.

mod archive;
pub mod block;
pub mod config;
mod datagram;
pub mod decode;
pub mod delivery;
mod dialogue;
mod direction;
pub mod doctor;
mod duplicate;
pub mod endpoint;
mod error;
pub mod exposition;
pub mod filter;
pub mod flow;
pub mod frame;
pub mod guard;
mod handshakes;
mod hearing;
mod hellos;
pub mod hint;
mod identity;
mod inquiry;
pub mod lane;
pub mod ledger;
mod listening;
mod live;
pub mod metrics;
pub mod names;
mod now;
pub mod observation;
pub mod outcome;
mod outfit;
mod pipeline;
mod privacy;

pub mod record;
mod register;
mod resolution;
mod rows;

pub mod screen;
pub mod service;
mod sink;
pub mod source;
pub mod spool;
pub mod stats;
mod strays;
mod total;
pub mod watch;

use std::process::ExitCode;

pub use config::IngestArgs;
pub use direction::{Inside, Prefix};
pub use error::IngestError;
pub use outcome::Outcome;
pub use pipeline::{BLOCKS_WAITING, DELIVERIES_WAITING};
pub use privacy::{PrivacyArgs, PrivacyError, Profile};
pub use sink::Written;

/// Turns captures into a store's rows, all of them or none; or captures from an interface until it is told to stop.
pub fn run(args: &IngestArgs) -> Result<Outcome, IngestError> {
    source::sys::memory::keep_freed();
    if args.live.interface.is_some() { live::run(args) } else { pipeline::run(args) }
}

/// Reads captures as [`run`] does, makes and names the rows, and keeps none: what the writer costs is what this does not. The ledger is in the outcome.
pub fn rehearse(args: &IngestArgs) -> Result<Outcome, IngestError> {
    source::sys::memory::keep_freed();
    pipeline::rehearse(args)
}

/// Tells the operator how a run went, on standard error, and gives the exit status.
#[expect(
    clippy::print_stderr,
    reason = "this is the operator's line; data goes to standard output"
)]
pub fn report(args: &IngestArgs, result: &Result<Outcome, IngestError>) -> ExitCode {
    match result {
        Ok(outcome) => {
            if args.quiet {
                for complaint in outcome.complaints() {
                    eprintln!("outflow: {complaint}");
                }
            } else {
                eprintln!("{outcome}");
            }
            ExitCode::from(if outcome.is_complete() { 0 } else { 3 })
        }
        Err(error) => {
            eprintln!("outflow: {}", error::chain(error));
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}
