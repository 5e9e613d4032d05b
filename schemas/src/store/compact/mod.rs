//! Compaction: the many small files of an hour become few large ones, in order of time, and take their place in one step.
//!
//! Rows of different sensors, runs on an interface, or privacy never meet in a file. Before the new files count, they are read again and held against
//! what was read from the old ones. Nothing of an hour changes where one of its files is damaged.

mod merge;
mod plan;
mod tally;
#[cfg(test)]
mod tests;

use std::ops::AddAssign;

use crate::store::StoreError;
use crate::store::layout::{Hour, Store};
use crate::store::manifest::{Entry, FileRecord, Input};
use crate::store::publish::{Publisher, Tending};
use crate::store::replace::{Replaced, joined, spans};
use crate::store::verify::inspect;

pub use self::plan::{Bounds, Heap};

use self::merge::{Merge, Source};
use self::plan::heaps;

/// What compaction did to an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Files before.
    pub files_before: u64,
    /// Files after.
    pub files_after: u64,
    /// Octets before.
    pub bytes_before: u64,
    /// Octets after.
    pub bytes_after: u64,
    /// Rows: of both.
    pub rows: u64,
}

impl AddAssign for Compacted {
    fn add_assign(&mut self, other: Self) {
        self.files_before += other.files_before;
        self.files_after += other.files_after;
        self.bytes_before += other.bytes_before;
        self.bytes_after += other.bytes_after;
        self.rows += other.rows;
    }
}

/// A program that compacts a store.
#[derive(Debug)]
pub struct Compactor<'a> {
    store: &'a Store,
    tending: &'a Tending,
    /// Its name, unique and without `-`.
    run: String,
    bounds: Bounds,
    /// Entries it has begun.
    begun: u64,
}

/// An hour whose new files are written, but do not count yet.
#[derive(Debug)]
pub struct Staged<'a> {
    store: &'a Store,
    tending: &'a Tending,
    publisher: Publisher,
    replaced: Replaced,
    inputs: Vec<Input>,
    kept: Vec<FileRecord>,
    /// Paths of the files that are replaced.
    old: Vec<String>,
    before: (u64, u64, u64),
}

impl<'a> Compactor<'a> {
    /// A compactor that has the right to replace; `run` is its name, unique and without `-`.
    pub fn new(store: &'a Store, tending: &'a Tending, (run, bounds): (String, Bounds)) -> Self {
        Self { store, tending, run, bounds, begun: 0 }
    }

    /// The hours that ended by `until` (µs since 1970 UTC) and have files to merge, oldest first.
    pub fn heaps(&self, until: i64) -> Result<Vec<Heap>, StoreError> {
        Ok(heaps(self.store.entries()?, until, self.bounds))
    }

    /// Merges the files of an hour; after an error they are as they were.
    pub fn compact(&mut self, heap: &Heap) -> Result<Compacted, StoreError> {
        self.stage(heap)?.commit()
    }

    /// The first half of it: writes the new files and checks them.
    pub fn stage(&mut self, heap: &Heap) -> Result<Staged<'a>, StoreError> {
        self.begun += 1;
        let mut publisher = Publisher::begin_part(self.store, &heap.sensor, &self.run, self.begun)?
            .stating(heap.privacy.clone());
        match self.fill(heap, &mut publisher) {
            Ok(kept) => {
                let files: Vec<&FileRecord> =
                    heap.entries.iter().flat_map(|entry| &entry.files).collect();
                let sum = |part: fn(&FileRecord) -> u64| files.iter().map(|file| part(file)).sum();
                let before = (files.len() as u64, sum(|file| file.bytes), sum(|file| file.rows));
                let is_old = |file: &&&FileRecord| !kept.contains(**file);
                let old = files.iter().filter(is_old).map(|file| file.path.clone()).collect();
                Ok(Staged {
                    store: self.store,
                    tending: self.tending,
                    publisher,
                    replaced: replaced(heap.hour, &heap.entries),
                    inputs: inputs(&heap.entries),
                    kept,
                    old,
                    before,
                })
            }
            Err(error) => {
                publisher.abandon();
                Err(error)
            }
        }
    }

    /// Writes the files of all tables; gives those that stay as they are.
    fn fill(&self, heap: &Heap, publisher: &mut Publisher) -> Result<Vec<FileRecord>, StoreError> {
        let mut kept = Vec::new();
        for table in crate::TABLES {
            let files = heap.entries.iter().flat_map(|entry| &entry.files);
            let files = files.filter(|file| file.table == table.name);
            let (full, small): (Vec<_>, Vec<_>) = files.partition(|file| self.bounds.is_full(file));
            kept.extend(full.into_iter().cloned());
            if small.len() < 2 {
                kept.extend(small.into_iter().cloned());
                continue;
            }
            let mut sources = Vec::new();
            for file in small {
                sources.push(self.source(file)?);
            }
            Merge { table, hour: heap.hour, bounds: self.bounds, publisher: &mut *publisher }
                .run(sources)?;
        }
        Ok(kept)
    }

    fn source(&self, file: &FileRecord) -> Result<Source, StoreError> {
        let damaged = |why: String| StoreError::Unmergeable { path: file.path.clone(), why };
        let path =
            self.store.locate(&file.path).ok_or_else(|| damaged("it is missing".to_owned()))?;
        inspect(&path, file).map_err(damaged)?;
        Source::open(path, file.clone())
    }
}

impl Staged<'_> {
    /// The second half: swaps the files in one step.
    pub fn commit(self) -> Result<Compacted, StoreError> {
        let (files_before, bytes_before, rows) = self.before;
        let others = (self.inputs, self.kept);
        let entry = self.publisher.replace(self.tending, self.replaced, others)?;
        self.store.retire(self.tending, self.old.iter().map(String::as_str))?;
        Ok(Compacted {
            files_before,
            files_after: entry.files.len() as u64,
            bytes_before,
            bytes_after: entry.files.iter().map(|file| file.bytes).sum(),
            rows,
        })
    }
}

/// What must be remembered of entries that are replaced for an hour.
fn replaced(hour: Hour, entries: &[Entry]) -> Replaced {
    let own = |is_merged: bool| {
        let some = entries.iter().filter(move |entry| entry.replaced.is_some() == is_merged);
        spans(some.map(|entry| (entry.boot.as_str(), entry.seq)))
    };
    let merged = || entries.iter().filter_map(|entry| entry.replaced.as_ref());
    let taken = merged().flat_map(|replaced| replaced.publications.iter().cloned());
    let publications = joined(taken.chain(own(false)).collect());
    let earlier = merged().flat_map(|replaced| replaced.earlier.iter().cloned());
    let earlier = joined(earlier.chain(own(true)).collect());
    let first = entries.iter().filter(|entry| entry.replaced.is_none());
    let first = first.map(|entry| format!("{}, columns {}", entry.software, entry.schema_version));
    let mut software: Vec<String> =
        first.chain(merged().flat_map(|replaced| replaced.software.iter().cloned())).collect();
    software.sort();
    software.dedup();
    Replaced { partition: hour.folder(), publications, earlier, software }
}

/// The captures of entries, each once.
fn inputs(entries: &[Entry]) -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    for input in entries.iter().flat_map(|entry| &entry.inputs) {
        if !inputs.contains(input) {
            inputs.push(input.clone());
        }
    }
    inputs
}
