//! What makes a run itself: its name, and the secret of its tables.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A seed that nobody outside can know.
pub(crate) fn table_seed() -> u64 {
    RandomState::new().hash_one(0u8)
}

/// Unique name of a run, which sorts by time.
pub(crate) fn boot_id() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:014x}{:06x}", since.as_micros(), std::process::id() & 0x00ff_ffff)
}
