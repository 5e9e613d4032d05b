//! Why a privacy profile cannot be had: nothing is captured then.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// A profile that cannot be kept to.
#[derive(Debug, Error)]
pub enum PrivacyError {
    /// Nobody to protect.
    #[error(
        "--privacy {0} protects the addresses of your own networks, and none are named; add --inside 10.0.0.0/8,…"
    )]
    NobodyInside(&'static str),
    /// Pseudonyms without a key.
    #[error(
        "--privacy pseudonymise needs a key; make one with (umask 077; head -c 32 /dev/urandom > FILE) and add --privacy-key FILE"
    )]
    NoKey,
    /// A key without a profile.
    #[error(
        "--privacy-key is given, but no profile; add --privacy pseudonymise (or --privacy none, if rows in clear are meant)"
    )]
    NoProfile,
    /// The key cannot be read.
    #[error("could not read the privacy key {}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others can read the key.
    #[error(
        "privacy key {path} is open to others (mode {mode:04o}); chmod 600 {path}, and make a new one if somebody may have read it",
        path = .path.display()
    )]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// No key.
    #[error(
        "{} is no privacy key: a file of 32 octets or of 64 hexadecimal digits is wanted",
        .0.display()
    )]
    Form(PathBuf),
    /// Whoever gets the rows would get the key.
    #[error("privacy key {} lies in the store, which it protects; keep it elsewhere", .0.display())]
    InStore(PathBuf),
}
