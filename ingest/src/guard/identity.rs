//! Who the probe is once it runs, and the store that must be writable for that user.

use std::ffi::CString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, lchown};
use std::path::Path;

use nix::errno::Errno;
use nix::unistd::{
    AccessFlags, Gid, Uid, User, access, geteuid, initgroups, setgroups, setresgid, setresuid,
    setuid,
};
use schemas::store::layout::MANIFEST;

use crate::guard::error::GuardError;

/// Account that is made for the services.
const SERVICE: &str = "outflow";
/// Account of whoever has none.
const NOBODY: &str = "nobody";
/// Folders of a store lie less deep.
const DEPTH_MAX: usize = 8;
/// Everyone may write here.
const PUBLIC: u32 = 0o002;
/// The group may write here.
const GROUP: u32 = 0o020;

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) uid: Uid,
    gid: Gid,
}

impl Identity {
    fn of(user: User) -> Self {
        Self { name: user.name, uid: user.uid, gid: user.gid }
    }
}

/// The user to be: root becomes the one that was named, the owner of the store, the services' account or nobody; anyone else stays.
pub(crate) fn choose(wanted: Option<&str>, store: &Path) -> Result<Identity, GuardError> {
    let now = by_number(geteuid())?;
    match wanted {
        Some(name) if name == now.name => Ok(now),
        Some(name) if !now.uid.is_root() => {
            Err(GuardError::NotRoot { wanted: name.to_owned(), is: now.name })
        }
        Some(name) => by_name(name)?.ok_or_else(|| GuardError::UnknownUser(name.to_owned())),
        None if !now.uid.is_root() => Ok(now),
        None => {
            let owner = fs::metadata(store).map(|folder| folder.uid()).unwrap_or_default();
            if owner != 0 {
                return by_number(Uid::from_raw(owner));
            }
            for name in [SERVICE, NOBODY] {
                if let Some(found) = by_name(name)? {
                    return Ok(found);
                }
            }
            Err(GuardError::UnknownUser(SERVICE.to_owned()))
        }
    }
}

fn by_name(name: &str) -> Result<Option<Identity>, GuardError> {
    let found = User::from_name(name);
    let found = found.map_err(|source| GuardError::Accounts { who: name.to_owned(), source })?;
    Ok(found.map(Identity::of))
}

fn by_number(uid: Uid) -> Result<Identity, GuardError> {
    let found = User::from_uid(uid);
    let found = found.map_err(|source| GuardError::Accounts { who: uid.to_string(), source })?;
    // A container's user often has no account; its number will do.
    let unnamed = || Identity { name: uid.to_string(), uid, gid: Gid::from_raw(uid.as_raw()) };
    Ok(found.map_or_else(unnamed, Identity::of))
}

/// Makes the store's folder. While still root, hands over one that is root's own; other people's folders are left as they are.
pub(crate) fn prepare_store(identity: &Identity, store: &Path) -> Result<(), GuardError> {
    let failed = |what, path: &Path| {
        let (path, user) = (path.to_owned(), identity.name.clone());
        move |source| GuardError::Store { what, path, user, source }
    };
    fs::create_dir_all(store).map_err(failed("make the folder", store))?;
    if !geteuid().is_root() || identity.uid.is_root() {
        return Ok(());
    }
    let folder = fs::symlink_metadata(store).map_err(failed("look at", store))?;
    let is_empty = fs::read_dir(store).is_ok_and(|mut inside| inside.next().is_none());
    // Anything else is not known to be a store, and is not ours to give away.
    if is_ours(&folder) && folder.is_dir() && (is_empty || store.join(MANIFEST).is_dir()) {
        hand_over(identity, store, DEPTH_MAX).map_err(failed("hand over", store))?;
    }
    Ok(())
}

/// Root's, and nobody else could have put or linked anything there.
fn is_ours(found: &Metadata) -> bool {
    let is_shared = found.mode() & PUBLIC != 0 || (found.mode() & GROUP != 0 && found.gid() != 0);
    found.uid() == 0 && (found.is_dir() || found.nlink() == 1) && !is_shared
}

/// Gives a folder and what lies in it to a user. Links are neither followed nor given.
fn hand_over(identity: &Identity, folder: &Path, depth: usize) -> io::Result<()> {
    for found in fs::read_dir(folder)? {
        let path = found?.path();
        let what = fs::symlink_metadata(&path)?;
        if !is_ours(&what) {
            continue;
        }
        if what.is_dir() && depth > 0 {
            hand_over(identity, &path, depth - 1)?;
        } else if what.is_file() {
            give(identity, &path)?;
        }
    }
    // Its owner can put other things there from now on, so it comes last.
    give(identity, folder)
}

fn give(identity: &Identity, path: &Path) -> io::Result<()> {
    lchown(path, Some(identity.uid.as_raw()), Some(identity.gid.as_raw()))
}

/// Becomes the user, with that user's groups and for good.
pub(crate) fn assume(identity: &Identity) -> Result<(), GuardError> {
    if !geteuid().is_root() || identity.uid.is_root() {
        return Ok(());
    }
    let failed = |source| GuardError::Become { user: identity.name.clone(), source };
    caps::securebits::set_keepcaps(true).map_err(|error| GuardError::Capabilities {
        what: "keep capabilities while becoming another user",
        why: error.to_string(),
    })?;
    match CString::new(identity.name.as_str()) {
        Ok(name) => initgroups(&name, identity.gid),
        Err(_) => setgroups(&[identity.gid]),
    }
    .map_err(failed)?;
    setresgid(identity.gid, identity.gid, identity.gid).map_err(failed)?;
    setresuid(identity.uid, identity.uid, identity.uid).map_err(failed)?;
    // The next program would lose them anyway; there is no next program.
    let _ = caps::securebits::set_keepcaps(false);
    Ok(())
}

/// As the user, and without capabilities: whether root is gone, and the store can be written. Asks for rights, not for room: a full disk is no reason to stop.
pub(crate) fn check_store(identity: &Identity, store: &Path) -> Result<(), GuardError> {
    if !identity.uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err(GuardError::NotDropped(identity.name.clone()));
    }
    let inside = fs::read_dir(store).into_iter().flatten().flatten().map(|found| found.path());
    // Where a disk is mounted, its repairs are nobody else's.
    let folders = inside.filter(|path| path.is_dir() && !path.ends_with("lost+found"));
    for path in std::iter::once(store.to_owned()).chain(folders) {
        let rights = AccessFlags::R_OK | AccessFlags::W_OK | AccessFlags::X_OK;
        match access(&path, rights) {
            // A run of another program may have cleared it meanwhile.
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(_) => {
                let (user, store) = (identity.name.clone(), store.to_owned());
                return Err(GuardError::NotWritable { user, path, store });
            }
        }
    }
    Ok(())
}
