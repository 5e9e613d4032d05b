//! What commands that keep a store in order share: the time, the name of their run, and how long replaced files stay.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemas::store::manifest::run_name;
use schemas::store::{Store, StoreError, Tending};

use crate::cli::exit::note;
use crate::report::grouped;

/// Questions that were asked before files were replaced may read these for so long.
const GRACE: Duration = Duration::from_mins(10);

/// The right to replace files of a store; waits for a program that has it.
pub(crate) fn tend(store: &Store) -> Result<Tending, StoreError> {
    match store.tend() {
        Err(StoreError::Tended(_)) => {
            note("waiting for another program that compacts this store or rolls it up");
            store.tend_after()
        }
        tended => tended,
    }
}

/// One run of such a command.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tended {
    now: SystemTime,
}

impl Tended {
    pub(crate) fn now() -> Self {
        Self { now: SystemTime::now() }
    }

    /// A name that no other run has.
    pub(crate) fn run_name(self) -> String {
        run_name(self.micros(), std::process::id())
    }

    /// When what ends now has settled, µs since 1970 UTC.
    pub(crate) fn settled(self, settle: Duration) -> i64 {
        self.micros().saturating_sub(i64::try_from(settle.as_micros()).unwrap_or(i64::MAX))
    }

    /// What was replaced before may be removed.
    pub(crate) fn swept_until(self) -> SystemTime {
        self.now.checked_sub(GRACE).unwrap_or(UNIX_EPOCH)
    }

    fn micros(self) -> i64 {
        let since = self.now.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}

/// So many things, in words.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{} {what}{}", number(count), if count == 1 { "" } else { "s" })
}

/// A count as people read it.
pub(crate) fn number(count: u64) -> String {
    grouped(i64::try_from(count).unwrap_or(i64::MAX))
}
