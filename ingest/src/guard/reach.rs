//! What it can reach: Landlock leaves the store, the kernel's counters, and no TCP (landlock(7)).

use std::fmt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus, Scope, make_bitflags,
};

use crate::config::Sandbox;
use crate::guard::error::GuardError;

/// Linux 6.12: files, TCP, signals and abstract sockets. What later ones add is not asked for before it has been tried.
const WANTED: ABI = ABI::V6;

/// Read, to find an interface and its counters.
const DEVICES: [&str; 2] = ["/sys/class/net", "/sys/devices"];
/// Its files are read, for routes and counters of interfaces. As a whole, for the folder of a process may come back as another one that no rule names;
/// what other processes hold there, Landlock refuses by itself.
const PROCESSES: &str = "/proc";

/// How far it can reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// As far as its user can.
    Open,
    /// As far as its user can, since Landlock is not to be had.
    Unavailable(String),
    /// Store and counters.
    Confined {
        /// Version of Landlock the kernel gives.
        abi: i32,
        /// Whether all that was asked for is enforced.
        is_full: bool,
    },
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => write!(f, "no Landlock"),
            Self::Unavailable(why) => write!(f, "no Landlock ({why})"),
            Self::Confined { abi, is_full: true } => write!(f, "Landlock ABI {abi}"),
            Self::Confined { abi, is_full: false } => write!(f, "Landlock ABI {abi}, in part"),
        }
    }
}

/// Restricts this thread and those it makes.
pub(crate) fn restrict(
    mode: Sandbox,
    store: &Path,
    extra_write: &[PathBuf],
) -> Result<Reach, GuardError> {
    let must = mode == Sandbox::Require;
    match enforce(must, rules(store, extra_write)?) {
        Ok(status) => judge(must, &status),
        Err(error) if must => Err(GuardError::Reach(error.to_string())),
        Err(error) => Ok(Reach::Unavailable(error.to_string())),
    }
}

fn judge(must: bool, status: &RestrictionStatus) -> Result<Reach, GuardError> {
    let why = match status.landlock {
        LandlockStatus::NotEnabled => "this kernel was started without Landlock".to_owned(),
        LandlockStatus::NotImplemented => "this kernel has no Landlock".to_owned(),
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let abi = kernel_abi.unwrap_or(effective_abi as i32);
            match status.ruleset {
                RulesetStatus::FullyEnforced => return Ok(Reach::Confined { abi, is_full: true }),
                RulesetStatus::PartiallyEnforced if !must => {
                    return Ok(Reach::Confined { abi, is_full: false });
                }
                RulesetStatus::PartiallyEnforced => {
                    format!("Landlock ABI {abi} enforces only a part")
                }
                RulesetStatus::NotEnforced => {
                    format!("Landlock ABI {abi} cannot tell a rename from an intrusion")
                }
            }
        }
    };
    if must { Err(GuardError::Reach(why)) } else { Ok(Reach::Unavailable(why)) }
}

type Rule = PathBeneath<PathFd>;

/// What stays allowed.
fn rules(store: &Path, extra_write: &[PathBuf]) -> Result<Vec<Rule>, GuardError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read
        | make_bitflags!(AccessFs::{
            WriteFile | RemoveDir | RemoveFile | MakeDir | MakeReg | Refer | Truncate
        });
    let mut rules = vec![rule(store, write)?];
    for folder in extra_write {
        rules.push(rule(folder, write | AccessFs::MakeSock)?);
    }
    for folder in DEVICES.map(Path::new).into_iter().filter(|folder| folder.is_dir()) {
        rules.push(rule(folder, read)?);
    }
    if Path::new(PROCESSES).is_dir() {
        rules.push(rule(Path::new(PROCESSES), AccessFs::ReadFile.into())?);
    }
    Ok(rules)
}

fn rule(path: &Path, access: BitFlags<AccessFs>) -> Result<Rule, GuardError> {
    match PathFd::new(path) {
        Ok(folder) => Ok(PathBeneath::new(folder, access)),
        Err(error) => Err(GuardError::Folder { path: path.to_owned(), why: error.to_string() }),
    }
}

fn enforce(must: bool, rules: Vec<Rule>) -> Result<RestrictionStatus, RulesetError> {
    let level = if must { CompatLevel::HardRequirement } else { CompatLevel::BestEffort };
    // A first Landlock would refuse every rename between folders, and so every publication: better none than that.
    let renames = if must { CompatLevel::HardRequirement } else { CompatLevel::SoftRequirement };
    Ruleset::default()
        .set_compatibility(renames)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(level)
        .handle_access(AccessFs::from_all(WANTED))?
        .handle_access(AccessNet::from_all(WANTED))?
        .scope(Scope::from_all(WANTED))?
        .create()?
        .add_rules(rules.into_iter().map(Ok::<_, RulesetError>))?
        .restrict_self()
}
