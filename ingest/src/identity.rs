//! What makes a run itself: its name, and the secret of its tables.

use std::hash::{BuildHasher, RandomState};

use schemas::store::manifest::run_name;

use crate::now;

/// A seed that nobody outside can know.
pub(crate) fn table_seed() -> u64 {
    RandomState::new().hash_one(0u8)
}

/// Unique name of a run, which sorts by time.
pub(crate) fn boot_id() -> String {
    run_name(now::wall_ns() / 1_000, std::process::id())
}
