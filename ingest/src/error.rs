//! Why a run gave nothing.

use schemas::store::StoreError;
use thiserror::Error;

use crate::endpoint::EndpointError;
use crate::filter::FilterError;
use crate::guard::GuardError;
use crate::privacy::PrivacyError;
use crate::source::SourceError;

/// A run that failed; nothing of it is in the store.
#[derive(Debug, Error)]
pub enum IngestError {
    /// A source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The filter words are wrong.
    #[error(transparent)]
    Filter(#[from] FilterError),
    /// The same capture twice on one command line.
    #[error(
        "{0:?} and {1:?} are the same capture; name it once, or use --again if it is meant to count twice"
    )]
    Twice(String, String),
    /// Standard input beside files.
    #[error("the standard input (-) cannot be put in time order with files; ingest it alone")]
    StreamAmongFiles,
    /// The counters cannot be served.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// Rows cannot be protected as asked.
    #[error(transparent)]
    Privacy(#[from] PrivacyError),
    /// The process cannot be confined.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// Signals cannot be waited for.
    #[error("could not wait for signals")]
    Signals(#[source] std::io::Error),
    /// A thread cannot be started.
    #[error("could not start a thread")]
    Thread(#[source] std::io::Error),
    /// A stage broke.
    #[error("the {0} stopped unexpectedly; nothing was published; please report it")]
    Stage(&'static str),
}

impl IngestError {
    /// Whether the request was wrong, rather than its execution: exit status 2.
    pub const fn is_usage(&self) -> bool {
        if let Self::Endpoint(error) = self {
            return error.is_usage();
        }
        if let Self::Guard(error) = self {
            return error.is_usage();
        }
        matches!(
            self,
            Self::Twice(..)
                | Self::StreamAmongFiles
                | Self::Filter(_)
                | Self::Privacy(_)
                | Self::Source(SourceError::Unfit { .. })
                | Self::Store(
                    StoreError::NotAStore(_) | StoreError::Occupied(_) | StoreError::SensorName(_)
                )
        )
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
