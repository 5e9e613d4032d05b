//! The manifest: one entry for each publication, with what its files hold, their checksums, and the captures they were made from.
//!
//! An entry's file name carries the start of its own SHA-256, so a flipped bit in the manifest is found as one in the data is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::column::Table;
use crate::store::StoreError;
use crate::store::replace::Replaced;
use crate::store::rolled::Rolled;
use crate::store::statement::Statement;

const MIB: u64 = 1 << 20;
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
    /// What its files stand instead of; none where their rows are new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced: Option<Replaced>,
    /// What its rows were summed up from; none where they are observations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled: Option<Rolled>,
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
    /// Smallest and largest value of its other columns of times, of those that are never null; none in entries of before they were kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub times: BTreeMap<String, (i64, i64)>,
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

/// A name for a run that begins at a time (µs since 1970 UTC) as this process: unique, and sorted by time.
pub fn run_name(micros: i64, process: u32) -> String {
    format!("{micros:014x}{:06x}", process & 0x00ff_ffff)
}

/// Name of a publication: run and number.
pub(crate) fn part_name(boot: &str, seq: u64) -> String {
    format!("{boot}-{seq:06}")
}

impl Entry {
    /// Name of the entry's file: run, number, the start of the content's SHA-256, and whose rows it took over.
    pub(crate) fn file_name(&self, content: &[u8]) -> String {
        let digest = hex(&Sha256::digest(content));
        let (start, _) = digest.split_at(16);
        let guard = self.replaced.as_ref().map(Replaced::guard).unwrap_or_default();
        format!("{}-{start}{guard}.json", part_name(&self.boot, self.seq))
    }

    /// Whether its rows were observed on an interface.
    pub fn is_live(&self) -> bool {
        self.rolled.is_none() && self.replaced.as_ref().map_or(self.seq > 0, Replaced::is_live)
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
