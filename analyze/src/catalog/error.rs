//! What can be wrong with a catalog or with the files one is made from.
//! Each message names the file, the line where there is one, and what to do.

use std::path::Path;

/// Why a catalog could not be read, built or written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A file could not be opened or read.
    #[error("could not read {file}; give a file that exists and may be read")]
    Read {
        /// The file as it was named.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("could not write {file}; give a folder that exists, may be written and has room")]
    Write {
        /// The file as it was named.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// One line of a text file is wrong.
    #[error("{file}, line {line}: {why}")]
    Line {
        /// The file as it was named.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it, and the remedy where it is not plain.
        why: String,
    },
    /// A file is wrong as a whole.
    #[error("{file}: {why}")]
    File {
        /// The file as it was named.
        file: String,
        /// What is wrong with it.
        why: String,
    },
    /// A catalog file is torn, changed or no catalog at all.
    #[error("{file} is not a whole catalog: {why}; make it again with `outflow catalog build`")]
    Corrupt {
        /// The file as it was named.
        file: String,
        /// What does not hold.
        why: String,
    },
}

impl CatalogError {
    pub(crate) fn line(file: &str, line: usize, why: impl Into<String>) -> Self {
        Self::Line { file: file.to_owned(), line, why: why.into() }
    }

    pub(crate) fn file(file: &str, why: impl Into<String>) -> Self {
        Self::File { file: file.to_owned(), why: why.into() }
    }

    pub(crate) fn corrupt(file: &str, why: impl Into<String>) -> Self {
        Self::Corrupt { file: file.to_owned(), why: why.into() }
    }

    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { file: path.display().to_string(), source }
    }

    pub(crate) fn write(path: &Path, source: std::io::Error) -> Self {
        Self::Write { file: path.display().to_string(), source }
    }
}
