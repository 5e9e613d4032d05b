//! Why the process could not be confined.

use std::path::PathBuf;

use nix::errno::Errno;
use thiserror::Error;

/// A confinement that failed; the process must end.
#[derive(Debug, Error)]
pub enum GuardError {
    /// Threads run already.
    #[error(
        "{0} threads run already, and a sandbox holds only those that come after it; please report it, --sandbox off does without"
    )]
    Threads(usize),
    /// No such user.
    #[error(
        "there is no user {0:?}; make one (useradd --system --no-create-home {0}), or name another with --user"
    )]
    UnknownUser(String),
    /// Only root becomes another user.
    #[error(
        "--user {wanted} needs a start as root; this is {is}: leave --user out, or start as {wanted}"
    )]
    NotRoot {
        /// User asked for.
        wanted: String,
        /// User this is.
        is: String,
    },
    /// The accounts cannot be read.
    #[error("could not look up the user {who}")]
    Accounts {
        /// Name or number.
        who: String,
        /// The system's word.
        source: Errno,
    },
    /// The user cannot be changed.
    #[error(
        "could not become the user {user}; it takes CAP_SETUID and CAP_SETGID. Start as {user} with CAP_NET_RAW, or stay root with --user root"
    )]
    Become {
        /// User asked for.
        user: String,
        /// The kernel's word.
        source: Errno,
    },
    /// Root can be had back.
    #[error("the process could become root again after it became {0}; please report it")]
    NotDropped(String),
    /// Capabilities cannot be changed.
    #[error("could not {what}: {why}")]
    Capabilities {
        /// What failed.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// The store cannot be made or handed over.
    #[error("could not {what} {path:?} for the user {user}")]
    Store {
        /// What failed.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// For whom.
        user: String,
        /// The kernel's word.
        source: std::io::Error,
    },
    /// The store is not writable.
    #[error(
        "the user {user} cannot write {path:?}; type: chown -R {user} {store:?} (and let {user} pass through the folders above it), or name another user with --user"
    )]
    NotWritable {
        /// Who.
        user: String,
        /// What.
        path: PathBuf,
        /// Folder of the store.
        store: PathBuf,
    },
    /// The kernel refused a step.
    #[error("could not {what}; --sandbox off does without")]
    Kernel {
        /// What.
        what: &'static str,
        /// The kernel's word.
        source: Errno,
    },
    /// A folder cannot be let through.
    #[error("could not let {path:?} through the sandbox: {why}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// Landlock is not there in full.
    #[error(
        "--sandbox require: {0}; all of it takes Linux 6.12 or newer with landlock among its security modules (lsm=), --sandbox try takes what there is"
    )]
    Reach(String),
    /// Seccomp is not there.
    #[error("--sandbox require: {0}; --sandbox try does without")]
    Calls(String),
}

impl GuardError {
    /// The kernel refused a step.
    pub(crate) fn kernel(what: &'static str) -> impl FnOnce(Errno) -> Self {
        move |source| Self::Kernel { what, source }
    }

    /// Whether the request was wrong, rather than its execution: exit status 2.
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::UnknownUser(_) | Self::NotRoot { .. })
    }
}
