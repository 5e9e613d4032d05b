//! What the operator is told when AF_XDP cannot be had: what failed, and what helps.

use crate::source::SourceError;
use crate::source::sys::xdp::Failure;

const NO_RIGHT: &str = "this needs CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF, and CAP_IPC_LOCK or no limit on locked memory: run it as root, or grant them \
    (systemd: AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN CAP_BPF CAP_IPC_LOCK; \
    else: setcap cap_net_raw,cap_net_admin,cap_bpf,cap_ipc_lock+ep on the program)";
const NO_MEMORY: &str = "the limit on locked memory is too low: grant CAP_IPC_LOCK or raise it \
    (systemd: LimitMEMLOCK=infinity; shell: ulimit -l unlimited), or ask for smaller rings";
const TAKEN: &str = "another XDP program is attached to it or another AF_XDP socket has its queue: \
    `ip link show` names the program; stop what put it there";
const UNKNOWN: &str = "`ip -br link` lists the interfaces there are";
const NOT_BUILT: &str = "this kernel is built without AF_XDP: use the kernel's ring instead";

/// The error of an interface.
pub(crate) fn refused(interface: &str, failure: Failure) -> SourceError {
    let Failure { step, source } = failure;
    let remedy = match source.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => NO_RIGHT,
        Some(libc::ENOBUFS) => NO_MEMORY,
        Some(libc::EBUSY | libc::EEXIST) => TAKEN,
        Some(libc::ENODEV | libc::ENXIO) => UNKNOWN,
        Some(libc::EAFNOSUPPORT | libc::ENOSYS) => NOT_BUILT,
        _ => "",
    };
    let what = match remedy {
        "" => format!("could not {step}"),
        remedy => format!("could not {step} ({remedy})"),
    };
    SourceError::Interface { interface: interface.to_owned(), what, source }
}

/// The request does not suit the interface.
pub(crate) fn unfit(interface: &str, why: impl Into<String>) -> SourceError {
    SourceError::Unfit { interface: interface.to_owned(), why: why.into() }
}
