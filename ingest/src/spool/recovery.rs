//! What earlier runs left in the spool. Dead is told from alive by a lock, so that a store can be shared.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use schemas::store::{SpoolFile, Store, StoreError};

use crate::spool::lock::{BootLock, LOCK_FILE, PART, lock_path};
use crate::spool::shared::Closed;

const SPOOL_FILE: &str = ".spool";

/// What earlier runs left.
#[derive(Debug, Default)]
pub struct Recovered {
    /// When this sensor was last known to be alive, ns since 1970 UTC; none for a new one.
    pub last_alive_ns: Option<i64>,
    /// Their spool files, oldest first.
    pub(crate) files: VecDeque<Closed>,
    pub(crate) locks: Vec<BootLock>,
}

impl Recovered {
    /// Spool files found.
    pub fn files(&self) -> usize {
        self.files.len()
    }

    /// Their octets.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// What a name in the spool says.
struct Name<'a> {
    sensor: &'a str,
    boot: &'a str,
    seq: u64,
}

impl<'a> Name<'a> {
    fn of(name: &'a str) -> Option<Self> {
        let mut parts = name.strip_suffix(SPOOL_FILE)?.rsplitn(3, '-');
        let seq = parts.next()?.parse().ok()?;
        let boot = parts.next()?;
        Some(Self { sensor: parts.next()?, boot, seq })
    }
}

/// Looks for what dead runs left, of any sensor; reads heads only, so that the start does not wait for the size of the spool. `now_ns`: ns since 1970 UTC.
pub fn recover(
    store: &Store,
    sensor: &str,
    new_boot: &str,
    now_ns: i64,
) -> Result<Recovered, StoreError> {
    let folder = store.spool();
    let mut leftovers = Vec::new();
    let mut runs: BTreeMap<(String, String), BTreeMap<u64, Closed>> = BTreeMap::new();
    if let Ok(listing) = fs::read_dir(&folder) {
        for found in listing.flatten() {
            let file_name = found.file_name();
            let name = file_name.to_string_lossy();
            if name.ends_with(PART) || name.ends_with(LOCK_FILE) {
                leftovers.push(found.path());
            } else if let Some(Name { sensor, boot, seq }) = Name::of(&name)
                && boot != new_boot
            {
                let closed = Closed {
                    path: found.path(),
                    boot: boot.to_owned(),
                    bytes: found.metadata().map_or(0, |metadata| metadata.len()),
                    is_last: false,
                };
                // By run first: names of runs sort by time.
                let run = runs.entry((boot.to_owned(), sensor.to_owned())).or_default();
                run.insert(seq, closed);
            }
        }
    }
    let mut recovered = Recovered::default();
    let mut alive = None;
    for ((boot, owner), mut files) in runs {
        let Some(lock) = BootLock::seize(&folder, &owner, &boot) else { continue };
        recovered.locks.push(lock);
        if let Some(mut last) = files.last_entry() {
            last.get_mut().is_last = true;
            if owner == sensor {
                alive = alive.max(last_cut(&last.get().path));
            }
        }
        recovered.files.extend(files.into_values());
    }
    clear(&leftovers, &recovered);
    let published = store.watched_until(sensor)?.map(|micros| micros.saturating_mul(1_000));
    recovered.last_alive_ns = alive.max(published).map(|at| at.min(now_ns));
    Ok(recovered)
}

/// When the last group of a file was cut. What cannot be read now, the press finds and reports.
fn last_cut(path: &Path) -> Option<i64> {
    let mut file = SpoolFile::open(path).ok()?;
    let mut at = None;
    while let Ok(Some(head)) = file.next_head() {
        at = Some(head.wall_ns);
    }
    at
}

/// Removes half-made files and locks of dead runs that guard nothing.
fn clear(leftovers: &[PathBuf], recovered: &Recovered) {
    for path in leftovers {
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = file_name.strip_suffix(PART).unwrap_or(&file_name);
        let guard = match (Name::of(stem), path.parent()) {
            (Some(name), Some(folder)) => lock_path(folder, name.sensor, name.boot),
            // A lock guards itself, also while it is being made.
            _ => path.clone(),
        };
        let is_ours = guard != *path && recovered.locks.iter().any(|lock| lock.path == guard);
        if is_ours || !is_locked(&guard) {
            let _ = fs::remove_file(path);
        }
    }
}

fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}
