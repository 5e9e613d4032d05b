//! Why a source gave nothing, or not all.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A source that cannot be read at all.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It cannot be opened.
    #[error("could not open {path:?}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It is no capture.
    #[error(
        "{path:?} is not a capture: it begins with {begins}, and neither pcap nor pcapng (nor either in gzip or zstd) begins so"
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its first octets.
        begins: String,
    },
    /// The interface cannot be opened.
    #[error("could not capture on {interface:?}: {what}")]
    Interface {
        /// Its name.
        interface: String,
        /// What failed, and the remedy.
        what: String,
        /// The kernel's word.
        source: io::Error,
    },
    /// The request does not fit the interface.
    #[error("cannot capture on {interface:?}: {why}")]
    Unfit {
        /// Its name.
        interface: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The interface was deleted while it was read.
    #[error("the interface {0:?} is gone")]
    Gone(String),
}

/// A source that could be read in part: what came before is kept.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{path:?} is damaged at offset {offset}: {why}; what came before it is kept")]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// Where, in octets of the (decompressed) capture.
    pub offset: u64,
    /// What is wrong there.
    pub why: String,
}
