//! Why a result could not be written to its end.
//!
//! Whatever library noticed it, a closed pipe or a full disk ends up as an I/O error, so that the command line can tell.

use std::io;

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use thiserror::Error;

use crate::session::SessionError;

/// Why a result could not be written to its end.
#[derive(Debug, Error)]
pub enum OutputError {
    /// The query failed while its rows were being made.
    #[error(transparent)]
    Query(#[from] SessionError),
    /// A value could not be put into the format.
    #[error("the result could not be written in this format")]
    Encode(#[source] ArrowError),
    /// Parquet could not be written.
    #[error("the result could not be written as Parquet")]
    Parquet(#[source] ParquetError),
    /// The reader of the output went away, or the disk is full.
    #[error("the result could not be written")]
    Io(#[from] io::Error),
}

impl From<DataFusionError> for OutputError {
    fn from(error: DataFusionError) -> Self {
        Self::Query(SessionError::from(error))
    }
}

impl From<ArrowError> for OutputError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            error => Self::Encode(error),
        }
    }
}

impl From<ParquetError> for OutputError {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(inner) => match inner.downcast::<io::Error>() {
                Ok(error) => Self::Io(*error),
                Err(inner) => Self::Parquet(ParquetError::External(inner)),
            },
            error => Self::Parquet(error),
        }
    }
}
