//! The manifest as a whole: which entries there are, which of their files count, and what is known already.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::column::Table;
use crate::store::StoreError;
use crate::store::layout::Store;
use crate::store::manifest::{Entry, FileRecord, Input, part_name};
use crate::store::replace::{Replaced, may_keep, partition_of, spans};

/// An entry and the file it was read from.
pub(crate) type Listed = (PathBuf, Result<Entry, StoreError>);

/// What is replaced, by partition and run: numbers from the first to the last.
#[derive(Debug, Default)]
pub(crate) struct Void(BTreeMap<(String, String), Vec<(u64, u64)>>);

impl Void {
    /// What these entries replace.
    pub(crate) fn by<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut void = Self::default();
        for replaced in entries.into_iter().filter_map(|entry| entry.replaced.as_ref()) {
            for span in replaced.publications.iter().chain(&replaced.earlier) {
                let place = (replaced.partition.clone(), span.boot.clone());
                void.0.entry(place).or_default().push((span.first, span.last));
            }
        }
        void
    }

    /// Whether another entry stands instead of this file of a publication.
    pub(crate) fn holds(&self, entry: &Entry, file: &FileRecord) -> bool {
        // Most stores replace nothing.
        if self.0.is_empty() {
            return false;
        }
        let place = (partition_of(&file.path).to_owned(), entry.boot.clone());
        let spans = self.0.get(&place).map(Vec::as_slice).unwrap_or_default();
        spans.iter().any(|(first, last)| (*first..=*last).contains(&entry.seq))
    }
}

impl Store {
    /// The files of all manifest entries, oldest publication first.
    pub fn entry_paths(&self) -> Result<Vec<PathBuf>, StoreError> {
        let folder = self.manifest();
        let listing = fs::read_dir(&folder).map_err(StoreError::io("list", &folder))?;
        let mut paths: Vec<PathBuf> = listing
            .flatten()
            .map(|found| found.path())
            .filter(|path| path.extension().is_some_and(|e| e == "json"))
            .collect();
        paths.sort();
        Ok(paths)
    }

    /// The manifest entry of a publication: its own, or the one that keeps its rows now.
    pub fn entry_of(&self, boot: &str, seq: u64) -> Result<Option<PathBuf>, StoreError> {
        let own = format!("{}-", part_name(boot, seq));
        let mut keepers = Vec::new();
        for path in self.entry_names()? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(&own) {
                return Ok(Some(path));
            }
            if may_keep(&name, (boot, seq)) {
                keepers.push(path);
            }
        }
        for path in keepers {
            let replaced = Entry::read(&path)?.replaced;
            if replaced.is_some_and(|replaced| replaced.keeps(boot, seq)) {
                return Ok(Some(path));
            }
        }
        Ok(None)
    }

    /// The manifest entry whose name begins so.
    pub(crate) fn entry_beginning(&self, start: &str) -> Result<Option<PathBuf>, StoreError> {
        let begins = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
        };
        Ok(self.entry_names()?.into_iter().find(begins))
    }

    /// Every entry there is, also those of which nothing counts any more, oldest first.
    pub(crate) fn listed(&self) -> Result<Vec<Listed>, StoreError> {
        loop {
            let paths = self.entry_paths()?;
            let listed: Vec<Listed> =
                paths.into_iter().map(|path| (path.clone(), Entry::read(&path))).collect();
            // Replaced and removed since the folder was listed: then there is a new one.
            if !listed.iter().any(|(path, entry)| is_gone(path, entry)) {
                return Ok(listed);
            }
        }
    }

    /// The manifest entries with the files that count, oldest first; the first damaged one is an error.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let listed = self.listed()?.into_iter().map(|(_, entry)| entry);
        Ok(in_force(listed.collect::<Result<_, _>>()?))
    }

    /// Whether a file counts, by its path below the store.
    pub fn holds(&self, path: &str) -> Result<bool, StoreError> {
        let entries = self.entries()?;
        Ok(entries.iter().flat_map(|entry| &entry.files).any(|file| file.path == path))
    }

    /// What the next rollup of a table's folder replaces, and its files; none where it is the first.
    pub fn rolled_before(
        &self,
        table: &Table,
        partition: &str,
    ) -> Result<Option<(Replaced, Vec<String>)>, StoreError> {
        let (mut earlier, mut files) = (Vec::new(), Vec::new());
        for (_, entry) in self.listed()? {
            let entry = entry?;
            let is_there = |file: &FileRecord| {
                file.table == table.name && partition_of(&file.path) == partition
            };
            if entry.rolled.is_some() && entry.files.iter().any(is_there) {
                earlier.push((entry.boot, entry.seq));
                files.extend(entry.files.into_iter().map(|file| file.path));
            }
        }
        let earlier = spans(earlier.iter().map(|(boot, seq)| (boot.as_str(), *seq)));
        let partition = partition.to_owned();
        let replaced = Replaced { partition, publications: vec![], earlier, software: vec![] };
        Ok((!files.is_empty()).then_some((replaced, files)))
    }

    /// Until when the ledger of this sensor's runs on an interface reaches, µs since 1970 UTC.
    pub fn watched_until(&self, sensor: &str) -> Result<Option<i64>, StoreError> {
        // A damaged entry is for `verify` to report.
        let entries = self.listed()?.into_iter().filter_map(|(_, entry)| entry.ok());
        let live = entries.filter(|entry| entry.sensor == sensor && entry.is_live());
        let files = live.flat_map(|entry| entry.files);
        let ledger = files.filter(|file| file.table == crate::ledger::TABLE.name);
        Ok(ledger.map(|file| file.ts_max).max())
    }

    /// Refuses a capture of which this sensor's rows are in the store already.
    pub fn refuse_known(&self, sensor: &str, inputs: &[Input]) -> Result<(), StoreError> {
        for entry in self.entries()?.iter().filter(|entry| entry.sensor == sensor) {
            for earlier in &entry.inputs {
                if let Some(now) = inputs.iter().find(|now| now.is_same_capture(earlier)) {
                    return Err(StoreError::AlreadyIngested {
                        name: now.name.clone(),
                        earlier: earlier.name.clone(),
                        sensor: sensor.to_owned(),
                    });
                }
            }
        }
        Ok(())
    }

    /// The files of all manifest entries, in no order.
    fn entry_names(&self) -> Result<impl Iterator<Item = PathBuf>, StoreError> {
        let folder = self.manifest();
        let listing = fs::read_dir(&folder).map_err(StoreError::io("list", &folder))?;
        let paths = listing.flatten().map(|found| found.path());
        Ok(paths.filter(|path| path.extension().is_some_and(|e| e == "json")))
    }
}

fn is_gone(path: &Path, entry: &Result<Entry, StoreError>) -> bool {
    matches!(entry, Err(StoreError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound)
        && !path.exists()
}

/// Leaves out what other entries stand instead of, and entries of which nothing is left.
pub(crate) fn in_force(mut entries: Vec<Entry>) -> Vec<Entry> {
    let void = Void::by(&entries);
    entries.retain_mut(|entry| {
        let published = entry.files.len();
        let mut files = std::mem::take(&mut entry.files);
        files.retain(|file| !void.holds(entry, file));
        entry.files = files;
        published == 0 || !entry.files.is_empty()
    });
    entries
}
