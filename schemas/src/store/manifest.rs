//! The manifest: one entry for each publication, with what its files hold, their checksums, and the captures they were made from.
//!
//! An entry's file name carries the start of its own SHA-256, so a flipped bit in the manifest is found as one in the data is.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::column::Table;
use crate::store::StoreError;
use crate::store::layout::Store;
use crate::store::statement::Statement;

const MIB: u64 = 1 << 20;
/// Enough for days of one sensor, or hours of many.
const ENTRIES_LOOKED_AT_MAX: usize = 4_096;
/// Enough to tell the versions of a table apart.
const FINGERPRINT_DIGITS: usize = 16;

/// One publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Version of the columns, [`crate::SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Program and version that wrote it.
    pub software: String,
    /// Name of the sensor.
    pub sensor: String,
    /// Name of the run.
    pub boot: String,
    /// Number of the publication within the run: 0 for captures, from 1 for an interface.
    pub seq: u64,
    /// The files, by path.
    pub files: Vec<FileRecord>,
    /// The captures they were made from; empty for a live interface.
    pub inputs: Vec<Input>,
    /// What was done to the rows, in short; none where they are as observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privacy: Option<Statement>,
}

/// One published file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Path below the store.
    pub path: String,
    /// Its table.
    pub table: String,
    /// Rows it holds.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Smallest value of the table's partition column, µs since 1970 UTC.
    pub ts_min: i64,
    /// Largest such value.
    pub ts_max: i64,
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// [`fingerprint`] of its columns; none in entries of before it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
}

/// A capture by which it can be known again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// File name, without its folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 over its first and its last MiB.
    pub sha256_ends: String,
}

impl Input {
    /// Fingerprint of a capture file; `None` for what cannot be read twice (a pipe).
    pub fn of_file(path: &Path) -> io::Result<Option<Self>> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let bytes = metadata.len();
        let mut hasher = Sha256::new();
        io::copy(&mut (&mut file).take(MIB), &mut HashWriter(&mut hasher))?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(MIB)))?;
        io::copy(&mut file.take(MIB), &mut HashWriter(&mut hasher))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Some(Self { name, bytes, sha256_ends: hex(&hasher.finalize()) }))
    }

    /// Whether both are copies of one capture, whatever their names.
    pub fn is_same_capture(&self, other: &Self) -> bool {
        self.bytes == other.bytes && self.sha256_ends == other.sha256_ends
    }
}

/// Feeds a hasher from [`io::copy`].
pub(crate) struct HashWriter<'a>(pub(crate) &'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        use std::fmt::Write as _;
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Tells a table's columns from those of an earlier or a later version: the start of the SHA-256 of their names and types, in order.
pub fn fingerprint(table: &Table) -> String {
    let digest = table.columns.iter().fold(Sha256::new(), |digest, column| {
        digest.chain_update(format!("{} {:?}\n", column.name, (column.data_type)()))
    });
    let mut digest = hex(&digest.finalize());
    digest.truncate(FINGERPRINT_DIGITS);
    digest
}

/// Name of a publication: run and number.
pub(crate) fn part_name(boot: &str, seq: u64) -> String {
    format!("{boot}-{seq:06}")
}

impl Entry {
    /// Name of the entry's file: run, number, and the start of the content's SHA-256.
    pub(crate) fn file_name(&self, content: &[u8]) -> String {
        let digest = hex(&Sha256::digest(content));
        let (start, _) = digest.split_at(16);
        format!("{}-{start}.json", part_name(&self.boot, self.seq))
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    /// Reads an entry and checks it against its name.
    pub fn read(path: &Path) -> Result<Self, StoreError> {
        let damaged = |why: String| StoreError::Manifest { path: path.to_owned(), why };
        let content = fs::read(path).map_err(StoreError::io("read", path))?;
        let entry: Self = serde_json::from_slice(&content).map_err(|e| damaged(e.to_string()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name != entry.file_name(&content) {
            return Err(damaged("its content does not match the checksum in its name".to_owned()));
        }
        if entry.schema_version > crate::SCHEMA_VERSION {
            return Err(damaged(format!(
                "it was written with schema version {}, this program knows up to {}; use a newer one",
                entry.schema_version,
                crate::SCHEMA_VERSION
            )));
        }
        Ok(entry)
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

    /// The manifest entry of a publication.
    pub fn entry_of(&self, boot: &str, seq: u64) -> Result<Option<PathBuf>, StoreError> {
        self.entry_beginning(&format!("{}-", part_name(boot, seq)))
    }

    /// The manifest entry whose name begins so.
    pub(crate) fn entry_beginning(&self, start: &str) -> Result<Option<PathBuf>, StoreError> {
        let folder = self.manifest();
        let listing = fs::read_dir(&folder).map_err(StoreError::io("list", &folder))?;
        let mut names = listing.flatten().map(|found| found.file_name());
        let found = names.find(|name| {
            let name = name.to_string_lossy();
            name.starts_with(start) && name.ends_with(".json")
        });
        Ok(found.map(|name| folder.join(name)))
    }

    /// Until when the ledger of this sensor's runs on an interface reaches, µs since 1970 UTC; looks at the newest entries only.
    pub fn watched_until(&self, sensor: &str) -> Result<Option<i64>, StoreError> {
        let paths = self.entry_paths()?;
        let newest = paths.iter().rev().take(ENTRIES_LOOKED_AT_MAX);
        // A damaged entry is for `verify` to report.
        let entries = newest.filter_map(|path| Entry::read(path).ok());
        let mut live = entries.filter(|entry| entry.sensor == sensor && entry.seq > 0);
        Ok(live.find_map(|entry| {
            let ledger = entry.files.iter().filter(|file| file.table == crate::ledger::TABLE.name);
            ledger.map(|file| file.ts_max).max()
        }))
    }

    /// All manifest entries, oldest first; the first damaged one is an error.
    pub fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        self.entry_paths()?.iter().map(|path| Entry::read(path)).collect()
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
}
