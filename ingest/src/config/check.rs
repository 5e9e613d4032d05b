//! `--check`: whether what is configured can be used on this machine, without starting it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use caps::{CapSet, Capability};
use nix::unistd::{AccessFlags, User, access};
use schemas::store::Store;
use schemas::store::layout::check_sensor;

use crate::config::{IngestArgs, SourceKind};
use crate::error::chain;
use crate::privacy::Privacy;

/// All that stands in the way, a line each.
pub(crate) fn check(args: &IngestArgs) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(check_sensor(&args.settings().sensor).err().map(|error| error.to_string()));
    problems.extend(store_problem(&args.store));
    problems.extend(Privacy::of(args).err().map(|error| chain(&error)));
    match args.captures_and_filter() {
        Ok((captures, _)) => problems.extend(captures.iter().filter_map(|path| unreadable(path))),
        Err(error) => problems.push(error.to_string()),
    }
    if let Some(name) = &args.live.interface {
        problems.extend(interface(name));
        problems.extend(rights(args.live.source));
    }
    if let Some(name) = &args.live.user
        && !matches!(User::from_name(name), Ok(Some(_)))
    {
        problems.push(format!("user {name:?} does not exist; make it, or name another"));
    }
    problems
}

/// A store that is there must be one, and one that is not must be possible; both writable.
pub(crate) fn store_problem(path: &Path) -> Option<String> {
    let is_empty = || fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
    let name = path.display();
    if path.exists() && !is_empty() && Store::open(path).is_err() {
        return Some(format!("store {name} is neither empty nor a store; name another folder"));
    }
    let mut folder: PathBuf = path.to_owned();
    while !folder.exists() {
        // A bare name lies in the present folder.
        if !folder.pop() || folder.as_os_str().is_empty() {
            folder = PathBuf::from(".");
        }
    }
    let usable = access(&folder, AccessFlags::W_OK | AccessFlags::X_OK);
    usable
        .err()
        .map(|error| format!("store {name} cannot be written ({}: {error})", folder.display()))
}

fn unreadable(path: &Path) -> Option<String> {
    if path.as_os_str() == "-" {
        return None;
    }
    File::open(path).err().map(|error| format!("could not open {}: {error}", path.display()))
}

fn interface(name: &str) -> Option<String> {
    let all = pnet::datalink::interfaces();
    if all.iter().any(|interface| interface.name == name) {
        return None;
    }
    let names: Vec<String> = all.into_iter().map(|interface| interface.name).collect();
    Some(format!("no interface {name:?} here; there is {}", names.join(", ")))
}

fn rights(source: SourceKind) -> Vec<String> {
    let needed: &[Capability] = match source {
        SourceKind::Ring | SourceKind::Pnet => &[Capability::CAP_NET_RAW],
        SourceKind::Xdp => {
            &[Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN, Capability::CAP_BPF]
        }
    };
    let lacking = needed
        .iter()
        .filter(|right| !caps::has_cap(None, CapSet::Effective, **right).unwrap_or_default());
    lacking
        .map(|right| format!("{right} is lacking for the capture; start as root or by the unit"))
        .collect()
}
