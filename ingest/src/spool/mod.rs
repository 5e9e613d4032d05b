//! The spool: finished rows are safe on disk within a second, and become Parquet files from there, in everyday life and after a crash alike.
//!
//! The writer of the rows fills an [`Intake`], which never waits. A [`Keeper`] appends to the current spool file, a [`Press`] turns closed ones into
//! publications of the same number. What the disk does not take is dropped, oldest first, and counted; rows of the ledger outlive the rows they count.

mod backlog;
mod contents;
mod intake;
mod keeper;
mod lock;
mod press;
mod recovery;
mod shared;

use std::sync::Arc;

pub use intake::Intake;
pub use keeper::{Keeper, Kept};
pub use press::{Press, Pressed};
pub use recovery::{Recovered, recover};
pub use shared::SpoolSettings;

/// Opens a run's spool. Nothing is written yet, so that a full disk does not hinder the start; what earlier runs left is published first.
pub fn open(settings: SpoolSettings, recovered: Recovered) -> (Intake, Keeper, Press) {
    let shared = Arc::new(shared::Shared::new(settings, recovered.files));
    let press = Press::new(Arc::clone(&shared), recovered.locks);
    (Intake::new(Arc::clone(&shared)), Keeper::new(shared), press)
}

#[cfg(test)]
mod tests;
