//! The probe on a wire: beside its peers at rising rates, under strace, and for a long time.
//!
//! The wire is that of the probe's own tests. Sender and receivers share the processors of one machine, so figures are worth as ratios only.

#[expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "the laboratory is a test's: it fails at once, and a bench uses a part of it"
)]
#[path = "../../../ingest/tests/it/live/lab.rs"]
mod lab;

pub mod count;
pub(crate) mod process;
pub mod rates;
mod receiver;
mod report;
mod run;
pub mod soak;
mod trace;
mod traffic;
mod verdict;

/// A number as a floating one, for rates and ratios.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown with a few digits")]
const fn float(number: u64) -> f64 {
    number as f64
}
