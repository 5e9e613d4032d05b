//! The proof from end to end: what was planned, what others see in the same packets, what others read in the same files, and the house rules.
//!
//! A test that needs a tool or a right that is not there says SKIPPED on standard error; with `OUTFLOW_REQUIRE_TOOLS=1` it fails instead.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that fails should say so at once"
)]

mod attributed;
mod disk;
mod lab;
mod readers;
mod tidy;
#[path = "../../../ingest/tests/it/tmpfs.rs"]
mod tmpfs;
mod traps;
mod tshark;
#[expect(clippy::cast_possible_truncation, reason = "a check sum folds its carry")]
#[path = "../../../ingest/tests/it/wrap.rs"]
mod wrap;
mod wrong;
