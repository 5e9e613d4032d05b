//! What can go wrong with a store, each with the thing it happened to and what to do.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A failure of the store.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder lacks the mark of a store.
    #[error(
        "{0:?} is not a store (it has no _manifest folder); `outflow ingest --store {0:?}` makes one"
    )]
    NotAStore(PathBuf),
    /// The folder holds something else.
    #[error("{0:?} is neither empty nor a store; choose an empty or a new folder")]
    Occupied(PathBuf),
    /// Reading or writing failed.
    #[error("could not {action} {path:?}{hint}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What to do, where it is known.
        hint: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A Parquet file could not be made or read.
    #[error("could not {action} {path:?}")]
    Parquet {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: parquet::errors::ParquetError,
    },
    /// Rows and schema disagree: a fault of the program.
    #[error("could not turn rows into columns; please report it")]
    Columns(#[source] arrow::error::ArrowError),
    /// A manifest entry is damaged.
    #[error(
        "manifest entry {path:?} is damaged: {why}; restore it from a copy, or run `outflow store verify` to see what it named"
    )]
    Manifest {
        /// The entry.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// This capture is in the store already.
    #[error(
        "{name:?} is in this store already (as {earlier:?} of sensor {sensor:?}); ingesting it twice would double its volume; use --again if that is meant"
    )]
    AlreadyIngested {
        /// The capture now.
        name: String,
        /// Its name then.
        earlier: String,
        /// The sensor then and now.
        sensor: String,
    },
    /// This publication was made before.
    #[error("publication {seq} of run {boot:?} is in this store already")]
    AlreadyPublished {
        /// The run.
        boot: String,
        /// Its number.
        seq: u64,
    },
    /// Another program replaces files of this store.
    #[error("another program compacts {0:?} or rolls it up; let it finish, then run this again")]
    Tended(PathBuf),
    /// A file stands in the way of merging its hour.
    #[error(
        "{path} cannot be merged: {why}; its hour is as it was; restore the file from a copy, and see with `outflow store verify` what else is wrong"
    )]
    Unmergeable {
        /// The file, below the store.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// Merged rows are not the ones that were to be merged: a fault of the program.
    #[error(
        "{table} of {hour} was not merged, for the books do not close (rows published {}, read {}, written {}); it is as it was; please report it",
        counts.0, counts.1, counts.2
    )]
    Books {
        /// The table.
        table: &'static str,
        /// The hour.
        hour: String,
        /// Rows published, read and written.
        counts: (u64, u64, u64),
    },
    /// A spool file cannot be read.
    #[error("spool file {path:?} cannot be read: {why}")]
    Spool {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The sensor's name cannot be part of a file name.
    #[error(
        "sensor name {0:?} is not usable: letters, digits, '.', '_' and '-', at most 64, not beginning with '.'"
    )]
    SensorName(String),
}

impl StoreError {
    /// Wraps an I/O error with what was tried, and the remedy where the cause is a common one.
    pub fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| {
            let hint = match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    " (the disk is full: free some space; what was not published is not in the store yet)"
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    " (choose a folder you may write to)"
                }
                _ => "",
            };
            Self::Io { action, path, hint, source }
        }
    }

    pub(crate) fn parquet(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        let path = path.into();
        move |source| match source {
            // A full disk arrives wrapped; unwrap it so that the remedy can be told.
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(io_error) => Self::io(action, path)(*io_error),
                Err(inner) => Self::Parquet {
                    action,
                    path,
                    source: parquet::errors::ParquetError::External(inner),
                },
            },
            source => Self::Parquet { action, path, source },
        }
    }
}
