//! Which files could be one: those of an hour that has ended, of one sensor, one run on an interface or captures, and one privacy.

use std::collections::BTreeMap;

use crate::store::layout::Hour;
use crate::store::manifest::{Entry, FileRecord};
use crate::store::replace::partition_of;
use crate::store::statement::Statement;

/// How much at a time.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Rows held in memory and put in order together, as long as a tenth of a second has no more.
    pub window_rows: usize,
    /// Rows of a file at most, beyond which the next begins.
    pub file_rows: u64,
    /// Octets of a file, likewise.
    pub file_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { window_rows: 1 << 18, file_rows: 4 << 20, file_bytes: 512 << 20 }
    }
}

impl Bounds {
    /// Whether a file is as large as is useful; it then stays as it is.
    pub(crate) fn is_full(&self, file: &FileRecord) -> bool {
        file.rows >= self.file_rows / 2 || file.bytes >= self.file_bytes / 2
    }
}

/// Files of an hour that may lie together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heap {
    /// The hour.
    pub hour: Hour,
    /// Whose rows they are.
    pub sensor: String,
    /// What was done to them.
    pub(crate) privacy: Option<Statement>,
    /// Their entries, each with its files of this hour.
    pub(crate) entries: Vec<Entry>,
}

/// The heaps of hours that ended by `until` (µs since 1970 UTC) with two files of a table to merge, oldest first.
pub(crate) fn heaps(entries: Vec<Entry>, until: i64, bounds: Bounds) -> Vec<Heap> {
    let mut heaps: BTreeMap<(Hour, String, String, String), Heap> = BTreeMap::new();
    for mut entry in entries {
        let files = std::mem::take(&mut entry.files);
        let (run, privacy) = (run_of(&entry), stated(&entry));
        for file in files {
            let hour = Hour::of_micros(file.ts_min);
            if hour.end() > until || hour.folder() != partition_of(&file.path) {
                continue;
            }
            let place = (hour, entry.sensor.clone(), privacy.clone(), run.clone());
            let heap = heaps.entry(place).or_insert_with(|| Heap {
                hour,
                sensor: entry.sensor.clone(),
                privacy: entry.privacy.clone(),
                entries: Vec::new(),
            });
            match heap.entries.last_mut() {
                Some(last) if (&last.boot, last.seq) == (&entry.boot, entry.seq) => {
                    last.files.push(file);
                }
                _ => heap.entries.push(Entry { files: vec![file], ..entry.clone() }),
            }
        }
    }
    let is_worth = |heap: &Heap| {
        crate::TABLES.iter().any(|table| {
            let files = heap.entries.iter().flat_map(|entry| &entry.files);
            files.filter(|file| file.table == table.name && !bounds.is_full(file)).nth(1).is_some()
        })
    };
    heaps.into_values().filter(is_worth).collect()
}

/// The run on an interface that observed the rows; empty for captures, of which each is a run.
fn run_of(entry: &Entry) -> String {
    if !entry.is_live() {
        return String::new();
    }
    let kept = entry.replaced.as_ref().and_then(|replaced| replaced.publications.first());
    kept.map_or(&entry.boot, |span| &span.boot).clone()
}

fn stated(entry: &Entry) -> String {
    entry.privacy.as_ref().map(Statement::to_json).unwrap_or_default()
}
