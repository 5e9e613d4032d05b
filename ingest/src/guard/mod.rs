//! The guard: once its sockets are open, the probe gives away what it no longer needs: root, capabilities, files, programs, the network.
//!
//! [`confine`] cannot be undone, and what it sets passes on to threads made later only: it is called before the first one.

mod calls;
mod error;
mod identity;
mod reach;
mod rights;

use std::fmt;
use std::path::{Path, PathBuf};

use nix::sys::prctl;

use crate::config::{Sandbox, SourceKind};
use crate::guard::calls::Calls;
use crate::guard::reach::Reach;

pub use error::GuardError;

/// What the process still has to do once it is confined.
#[derive(Debug, Clone)]
pub struct Confinement<'a> {
    /// How much confinement is asked for.
    pub mode: Sandbox,
    /// Folder of the store: read and written.
    pub store: &'a Path,
    /// Further folders that are written, such as that of a unix socket; they exist.
    pub extra_write: Vec<PathBuf>,
    /// User to become, when started as root; `None` lets the store and the machine's accounts decide.
    pub user: Option<&'a str>,
    /// What reads the packets: decides which capabilities are left to open an interface that was made anew.
    pub source: SourceKind,
    /// TCP port on which counters are served; it is bound already, for no other will be.
    pub metrics_port: Option<u16>,
}

/// What came of it; displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confined {
    /// Name of the user.
    pub user: String,
    /// Its number.
    pub uid: u32,
    /// Capabilities kept, by name.
    pub capabilities: Vec<String>,
    /// Whether the kernel will never give more again.
    pub no_new_privs: bool,
    /// Files and network: Landlock.
    pub reach: Reach,
    /// System calls: seccomp.
    pub calls: Calls,
    /// TCP port on which it still answers.
    pub metrics_port: Option<u16>,
}

/// Gives away what the running probe does not need: user, capabilities, then files, network and system calls.
///
/// An error leaves the process somewhere between: it must end.
pub fn confine(wanted: &Confinement<'_>) -> Result<Confined, GuardError> {
    let confines = wanted.mode != Sandbox::Off;
    if confines {
        refuse_threads()?;
    }
    let identity = identity::choose(wanted.user, wanted.store)?;
    let kept = rights::kept_for(wanted.source)?;
    identity::prepare_store(&identity, wanted.store)?;
    rights::narrow_bounding(&kept);
    identity::assume(&identity)?;
    rights::keep_only(&kept)?;
    identity::check_store(&identity, wanted.store)?;
    let (mut reach, mut calls) = (Reach::Open, Calls::Open);
    if confines {
        prctl::set_no_new_privs().map_err(GuardError::kernel("set no_new_privs"))?;
        // A core would hold packets, and leave them on the disk.
        prctl::set_dumpable(false).map_err(GuardError::kernel("forbid core dumps"))?;
        reach = reach::restrict(wanted.mode, wanted.store, &wanted.extra_write)?;
        // Last, for the steps before it are among the calls it refuses.
        calls = calls::restrict(wanted.mode, wanted.source)?;
    }
    Ok(Confined {
        user: identity.name,
        uid: identity.uid.as_raw(),
        capabilities: rights::names(&kept),
        no_new_privs: confines,
        reach,
        calls,
        metrics_port: wanted.metrics_port,
    })
}

/// A thread that runs already would stay as free as it is.
fn refuse_threads() -> Result<(), GuardError> {
    match std::fs::read_dir("/proc/self/task").map(Iterator::count) {
        Ok(0 | 1) | Err(_) => Ok(()),
        Ok(threads) => Err(GuardError::Threads(threads)),
    }
}

impl fmt::Display for Confined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "user {} (uid {}), ", self.user, self.uid)?;
        match self.capabilities.as_slice() {
            [] => write!(f, "no capabilities")?,
            kept => write!(f, "only {}", kept.join(" "))?,
        }
        if !self.no_new_privs {
            return write!(f, ", no sandbox");
        }
        write!(f, ", no new privileges, {}, {}", self.reach, self.calls)?;
        match self.metrics_port {
            Some(port) => write!(f, ", answers on port {port}"),
            None => Ok(()),
        }
    }
}
