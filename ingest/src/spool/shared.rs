//! What the writer, the keeper and the press share: the backlog, the list of closed files, and two bells.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use schemas::Text;
use schemas::store::spool::Sums;
use schemas::store::{Statement, Store};

use crate::metrics::Metrics;
use crate::spool::backlog::Backlog;
use crate::spool::lock::BootLock;

/// Notices kept until somebody asks.
const NOTICES_MAX: usize = 32;

/// What a spool needs to know.
#[derive(Debug, Clone)]
pub struct SpoolSettings {
    /// Where the rows end up.
    pub store: Store,
    /// Name of the sensor.
    pub sensor: Text,
    /// Name of the run, unique and without `-`.
    pub boot: String,
    /// Octets the spool may take; at the limit the oldest closed file is dropped.
    pub spool_max_bytes: u64,
    /// Where its counters are.
    pub metrics: Arc<Metrics>,
    /// What was done to the rows before they come here.
    pub privacy: Option<Statement>,
}

/// A spool file that grows no more.
#[derive(Debug, Clone)]
pub(crate) struct Closed {
    pub(crate) path: PathBuf,
    /// Name of its run.
    pub(crate) boot: String,
    pub(crate) bytes: u64,
    /// The last of a run that is dead: it may have ended anywhere.
    pub(crate) is_last: bool,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) backlog: Backlog,
    /// Oldest first.
    pub(crate) closed: VecDeque<Closed>,
    /// Octets of the file being pressed.
    pub(crate) pressing_bytes: u64,
    /// Says that this run lives, until the last of its threads is gone.
    pub(crate) lock: Option<BootLock>,
    /// Octets of the file that grows.
    pub(crate) current_bytes: u64,
    /// Losses that were asked for, and so are in the ledger.
    pub(crate) lost_known: Sums,
    /// No rows will come.
    pub(crate) is_closing: bool,
    /// No files will come.
    pub(crate) is_kept: bool,
    /// The press found the disk full.
    pub(crate) is_press_stuck: bool,
    pub(crate) notices: Vec<String>,
    pub(crate) notices_dropped: u64,
}

impl State {
    /// Octets of the spool.
    pub(crate) fn bytes(&self) -> u64 {
        let closed: u64 = self.closed.iter().map(|closed| closed.bytes).sum();
        closed + self.pressing_bytes + self.current_bytes
    }

    /// Says something to the operator.
    pub(crate) fn notice(&mut self, text: String) {
        if self.notices.len() < NOTICES_MAX {
            self.notices.push(text);
        } else {
            self.notices_dropped += 1;
        }
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) settings: SpoolSettings,
    state: Mutex<State>,
    /// Rows for the keeper.
    pub(crate) rows: Condvar,
    /// Files for the press.
    pub(crate) files: Condvar,
}

impl Shared {
    pub(crate) fn new(settings: SpoolSettings, closed: VecDeque<Closed>) -> Self {
        let state = Mutex::new(State { closed, ..State::default() });
        Self { settings, state, rows: Condvar::new(), files: Condvar::new() }
    }

    /// The state, held for a few moves and never over a system call.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a bell, or this long.
    pub(crate) fn wait(&self, bell: &Condvar, at_most: Duration, is_idle: fn(&State) -> bool) {
        let state = self.state();
        drop(bell.wait_timeout_while(state, at_most, |state| is_idle(state)));
    }

    /// Room on the disk, octets.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let found = statvfs(self.settings.store.root()).ok()?;
        Some(found.blocks_available().saturating_mul(found.fragment_size()))
    }

    /// Brings the counters up to date.
    pub(crate) fn measure(&self) {
        let metrics = &self.settings.metrics;
        let (bytes, lost) = {
            let state = self.state();
            (state.bytes(), state.backlog.lost())
        };
        metrics.spool_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
        metrics.disk.rows_lost.set(lost.flows.rows);
        metrics.disk.rows_lost_packets.set(lost.flows.packets);
        if let Some(free) = self.free_bytes() {
            metrics.disk_free_bytes.set(i64::try_from(free).unwrap_or(i64::MAX));
        }
    }
}
