//! Capabilities: those that open an interface anew are kept, all others are dropped from every set (capabilities(7)).

use caps::{CapSet, Capability, CapsHashSet};

use crate::config::SourceKind;
use crate::guard::error::GuardError;

/// Of the capabilities this source needs, those the process has.
pub(crate) fn kept_for(source: SourceKind) -> Result<CapsHashSet, GuardError> {
    let needed: &[Capability] = match source {
        SourceKind::Ring | SourceKind::Pnet => &[Capability::CAP_NET_RAW],
        // A program of six instructions, its map, and memory that stays where it is.
        SourceKind::Xdp => &[
            Capability::CAP_NET_RAW,
            Capability::CAP_NET_ADMIN,
            Capability::CAP_BPF,
            Capability::CAP_IPC_LOCK,
        ],
    };
    let has = caps::read(None, CapSet::Permitted)
        .map_err(failed("read the capabilities of this process"))?;
    Ok(needed.iter().copied().filter(|capability| has.contains(capability)).collect())
}

/// Lets no program that is started later have more. Where this takes a capability the process was not given, `no_new_privs` does the same.
pub(crate) fn narrow_bounding(kept: &CapsHashSet) {
    for capability in caps::all().difference(kept) {
        let _ = caps::drop(None, CapSet::Bounding, *capability);
    }
}

/// Drops all others, and looks whether they are gone.
pub(crate) fn keep_only(kept: &CapsHashSet) -> Result<(), GuardError> {
    let nothing = CapsHashSet::new();
    // Effective first: it may not hold what is not permitted.
    for (set, content) in
        [(CapSet::Effective, kept), (CapSet::Permitted, kept), (CapSet::Inheritable, &nothing)]
    {
        caps::set(None, set, content).map_err(failed("drop capabilities"))?;
    }
    caps::clear(None, CapSet::Ambient).map_err(failed("drop ambient capabilities"))?;
    let left = caps::read(None, CapSet::Permitted).map_err(failed("look at capabilities"))?;
    if left != *kept {
        let why = format!("{} are left", names(&left).join(" "));
        return Err(GuardError::Capabilities { what: "drop capabilities", why });
    }
    Ok(())
}

/// Their names, in order.
pub(crate) fn names(capabilities: &CapsHashSet) -> Vec<String> {
    let mut names: Vec<String> = capabilities.iter().map(ToString::to_string).collect();
    names.sort();
    names
}

fn failed(what: &'static str) -> impl FnOnce(caps::errors::CapsError) -> GuardError {
    move |error| GuardError::Capabilities { what, why: error.to_string() }
}
