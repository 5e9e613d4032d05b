//! Which system calls are left: a list of those that capture, flows and publication make (seccomp(2)). Others fail; those that only an intruder makes end
//! the process.

use std::collections::BTreeMap;
use std::fmt;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch,
};

use crate::config::{Sandbox, SourceKind};
use crate::guard::error::GuardError;

/// Calls with any arguments.
const ALLOWED: &[&[c_long]] = &[MEMORY, THREADS, TIME, FILES, SOCKETS, LEGACY];

const MEMORY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mremap,
    libc::SYS_munmap,
];

const THREADS: &[c_long] = &[
    // Refused by a filter of its own, in the words that have a libc use the older call.
    libc::SYS_clone3,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_sysinfo,
    libc::SYS_uname,
];

const TIME: &[c_long] = &[
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_times,
];

const FILES: &[c_long] = &[
    libc::SYS_close,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_pipe2,
    libc::SYS_ppoll,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pselect6,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_sendfile,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Of sockets that are open; which may be opened is a matter of arguments.
const SOCKETS: &[c_long] = &[
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
    libc::SYS_shutdown,
];

/// Older names of some of the above, which younger processors do without.
#[cfg(target_arch = "x86_64")]
const LEGACY: &[c_long] = &[
    libc::SYS_access,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_rmdir,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
/// `renameat`, for which there is no name here.
#[cfg(target_arch = "aarch64")]
const LEGACY: &[c_long] = &[38];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const LEGACY: &[c_long] = &[];

/// Processor whose call numbers these are.
const PROCESSOR: &str = if cfg!(target_arch = "x86_64") {
    "x86_64"
} else if cfg!(target_arch = "aarch64") {
    "aarch64"
} else {
    "another processor"
};

/// Calls that end the process: programs, other processes, the kernel itself.
const DEADLY: &[c_long] = &[
    libc::SYS_add_key,
    libc::SYS_chroot,
    libc::SYS_delete_module,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_finit_module,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_init_module,
    libc::SYS_io_uring_setup,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setns,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
];

/// What a terminal, an interface or a socket is asked with ioctl(2).
const QUESTIONS: &[libc::Ioctl] = &[
    libc::FIOCLEX,
    libc::FIONBIO,
    libc::FIONREAD,
    libc::SIOCETHTOOL,
    libc::SIOCGIFCONF,
    libc::SIOCGIFFLAGS,
    libc::SIOCGIFHWADDR,
    libc::SIOCGIFINDEX,
    libc::SIOCGIFMTU,
    libc::SIOCGIFNAME,
    libc::TCGETS,
    libc::TIOCGWINSZ,
];

/// What prctl(2) is asked: the name of a thread, the name of memory.
const NAMES: [libc::c_int; 2] = [libc::PR_SET_NAME, libc::PR_SET_VMA];

/// Whether system calls are filtered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Calls {
    /// They are not.
    Open,
    /// They are not, since the kernel cannot.
    Unavailable(String),
    /// They are.
    Filtered,
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => write!(f, "no seccomp"),
            Self::Unavailable(why) => write!(f, "no seccomp ({why})"),
            Self::Filtered => write!(f, "seccomp"),
        }
    }
}

/// Filters the calls of this thread and those it makes.
pub(crate) fn restrict(mode: Sandbox, source: SourceKind) -> Result<Calls, GuardError> {
    match install(source) {
        Ok(()) => Ok(Calls::Filtered),
        Err(error) if mode == Sandbox::Require => Err(GuardError::Calls(error.to_string())),
        Err(error) => Ok(Calls::Unavailable(error.to_string())),
    }
}

fn install(source: SourceKind) -> Result<(), seccompiler::Error> {
    // All are made before the first is installed. The list comes last, since installing is not on it; of several answers the kernel takes the strictest.
    let filters = [deadly(source)?, no_clone3()?, allowed(source)?];
    filters.iter().try_for_each(|filter| seccompiler::apply_filter(filter))
}

fn deadly(source: SourceKind) -> Result<BpfProgram, BackendError> {
    let mut calls: Rules = DEADLY.iter().map(|call| (*call, Vec::new())).collect();
    if source != SourceKind::Xdp {
        calls.insert(libc::SYS_bpf, Vec::new());
    }
    compile(calls, SeccompAction::Allow, SeccompAction::KillProcess)
}

/// What `clone3` is to make stands in memory, where a filter cannot look.
fn no_clone3() -> Result<BpfProgram, BackendError> {
    let calls = Rules::from([(libc::SYS_clone3, Vec::new())]);
    compile(calls, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.cast_unsigned()))
}

fn allowed(source: SourceKind) -> Result<BpfProgram, BackendError> {
    let mut calls: Rules =
        ALLOWED.iter().copied().flatten().map(|call| (*call, Vec::new())).collect();
    if source == SourceKind::Xdp {
        calls.insert(libc::SYS_bpf, Vec::new());
    }
    calls.extend(conditional(source)?);
    compile(calls, SeccompAction::Errno(libc::EPERM.cast_unsigned()), SeccompAction::Allow)
}

/// Calls that depend on their arguments.
fn conditional(source: SourceKind) -> Result<Rules, BackendError> {
    let no_code = || rule(&[has_none(2, libc::PROT_EXEC)?]);
    // A new thread, never a new process.
    let thread = rule(&[has_all(0, libc::CLONE_THREAD)?])?;
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let families: &[libc::c_int] = match source {
        SourceKind::Ring | SourceKind::Pnet => &[libc::AF_PACKET],
        SourceKind::Xdp => &[libc::AF_PACKET, libc::AF_XDP],
    };
    let mut sockets = each(0, families)?;
    sockets.push(rule(&[is(0, libc::AF_NETLINK)?, is(2, libc::NETLINK_ROUTE)?])?);
    // Of no use but to ask for the number of an interface, as C libraries do: it cannot be connected.
    sockets.push(rule(&[is(0, libc::AF_UNIX)?, masked(1, 0xf, libc::SOCK_DGRAM)?])?);
    let mut questions = Vec::new();
    for question in QUESTIONS {
        // Requests have 32 bits; libc's type for them differs by C library.
        let bits = *question & 0xffff_ffff;
        questions.push(rule(&[equal(1, bits)?])?);
    }
    Ok(Rules::from([
        (libc::SYS_mmap, vec![no_code()?]),
        (libc::SYS_mprotect, vec![no_code()?]),
        (libc::SYS_clone, vec![thread]),
        (libc::SYS_tgkill, vec![rule(&[is(0, own)?])?]),
        (libc::SYS_socket, sockets),
        (libc::SYS_socketpair, vec![rule(&[is(0, libc::AF_UNIX)?])?]),
        (libc::SYS_ioctl, questions),
        (libc::SYS_prctl, each(0, &NAMES)?),
        // Of itself.
        (libc::SYS_prlimit64, vec![rule(&[is(0, 0)?])?]),
    ]))
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn rule(conditions: &[SeccompCondition]) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(conditions.to_vec())
}

/// A rule for each value of an argument.
fn each(argument: u8, values: &[libc::c_int]) -> Result<Vec<SeccompRule>, BackendError> {
    values.iter().map(|value| rule(&[is(argument, *value)?])).collect()
}

fn is(argument: u8, value: libc::c_int) -> Result<SeccompCondition, BackendError> {
    equal(argument, u64::from(value.cast_unsigned()))
}

fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn has_none(argument: u8, bits: libc::c_int) -> Result<SeccompCondition, BackendError> {
    masked(argument, bits, 0)
}

fn has_all(argument: u8, bits: libc::c_int) -> Result<SeccompCondition, BackendError> {
    masked(argument, bits, bits)
}

fn masked(
    argument: u8,
    bits: libc::c_int,
    value: libc::c_int,
) -> Result<SeccompCondition, BackendError> {
    let operator = SeccompCmpOp::MaskedEq(u64::from(bits.cast_unsigned()));
    let value = u64::from(value.cast_unsigned());
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn compile(
    calls: Rules,
    otherwise: SeccompAction,
    matched: SeccompAction,
) -> Result<BpfProgram, BackendError> {
    let processor = TargetArch::try_from(PROCESSOR)?;
    SeccompFilter::new(calls, otherwise, matched, processor)?.try_into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM.cast_unsigned();
    const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.cast_unsigned();
    /// `AUDIT_ARCH_X86_64`, `AUDIT_ARCH_AARCH64` of linux/audit.h.
    const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") { 0xc000_003e } else { 0xc000_00b7 };

    /// Runs a filter on a call, as the kernel would: loads of 32 bits, one mask, jumps, an answer.
    fn answer(program: &BpfProgram, data: &[u32]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            let jump = |is: bool| usize::from(if is { step.jt } else { step.jf });
            match step.code {
                0x20 => value = data[step.k as usize / 4],
                0x54 => value &= step.k,
                0x05 => at += step.k as usize,
                0x15 => at += jump(value == step.k),
                0x25 => at += jump(value > step.k),
                0x35 => at += jump(value >= step.k),
                0x06 => return step.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    /// The strictest answer of all filters: the smallest action, as the kernel orders them.
    fn verdict(source: SourceKind, call: c_long, arguments: &[u64]) -> u32 {
        let mut data = vec![u32::try_from(call).unwrap(), ARCHITECTURE, 0, 0];
        for place in 0..6 {
            let argument = arguments.get(place).copied().unwrap_or_default();
            data.extend([(argument & 0xffff_ffff) as u32, (argument >> 32) as u32]);
        }
        let programs = [deadly(source), no_clone3(), allowed(source)].map(Result::unwrap);
        let answers = programs.iter().map(|program| answer(program, &data));
        answers.min_by_key(|answer| (answer & 0xffff_0000).cast_signed()).unwrap()
    }

    fn arguments(values: &[libc::c_int]) -> Vec<u64> {
        values.iter().map(|value| u64::from(value.cast_unsigned())).collect()
    }

    #[test]
    fn programs_and_the_kernel_are_deadly_bpf_only_where_it_is_not_needed() {
        let (ring, xdp) = (SourceKind::Ring, SourceKind::Xdp);
        for call in [libc::SYS_ptrace, libc::SYS_execve, libc::SYS_mount, libc::SYS_init_module] {
            assert_eq!(verdict(ring, call, &[]), KILL, "{call}");
            assert_eq!(verdict(xdp, call, &[]), KILL, "{call}");
        }
        assert_eq!(
            (verdict(ring, libc::SYS_bpf, &[]), verdict(xdp, libc::SYS_bpf, &[])),
            (KILL, ALLOW)
        );
    }

    #[test]
    fn what_is_on_no_list_fails() {
        for call in
            [libc::SYS_connect, libc::SYS_listen, libc::SYS_setresuid, libc::SYS_kill, 9_999]
        {
            assert_eq!(verdict(SourceKind::Ring, call, &[]), EPERM, "{call}");
        }
        for call in [libc::SYS_fsync, libc::SYS_futex, libc::SYS_renameat2, libc::SYS_accept4] {
            assert_eq!(verdict(SourceKind::Ring, call, &[]), ALLOW, "{call}");
        }
    }

    #[test]
    fn arguments_decide() {
        let own = i32::try_from(std::process::id()).unwrap();
        let (read, code) = (libc::PROT_READ | libc::PROT_WRITE, libc::PROT_READ | libc::PROT_EXEC);
        let cases = [
            (libc::SYS_mmap, vec![0, 4096, read], ALLOW),
            (libc::SYS_mmap, vec![0, 4096, code], EPERM),
            (libc::SYS_mprotect, vec![0, 4096, code], EPERM),
            (libc::SYS_clone, vec![libc::CLONE_VM | libc::CLONE_THREAD], ALLOW),
            (libc::SYS_clone, vec![libc::CLONE_VM | libc::CLONE_VFORK], EPERM),
            (libc::SYS_clone3, vec![], ENOSYS),
            (libc::SYS_tgkill, vec![own, own, libc::SIGABRT], ALLOW),
            (libc::SYS_tgkill, vec![1, 1, libc::SIGABRT], EPERM),
            (libc::SYS_socket, vec![libc::AF_PACKET, libc::SOCK_RAW, 0], ALLOW),
            (libc::SYS_socket, vec![libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE], ALLOW),
            (libc::SYS_socket, vec![libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT], EPERM),
            (libc::SYS_socket, vec![libc::AF_INET, libc::SOCK_STREAM, 0], EPERM),
            (libc::SYS_socket, vec![libc::AF_INET, libc::SOCK_DGRAM, 0], EPERM),
            (libc::SYS_socket, vec![libc::AF_UNIX, libc::SOCK_STREAM, 0], EPERM),
            (libc::SYS_socket, vec![libc::AF_XDP, libc::SOCK_RAW, 0], EPERM),
            (libc::SYS_prlimit64, vec![0, 7], ALLOW),
            (libc::SYS_prlimit64, vec![1, 7], EPERM),
            (libc::SYS_prctl, vec![libc::PR_SET_NAME], ALLOW),
            (libc::SYS_prctl, vec![libc::PR_SET_DUMPABLE, 1], EPERM),
        ];
        for (call, values, wanted) in cases {
            let found = verdict(SourceKind::Ring, call, &arguments(&values));
            assert_eq!(found, wanted, "{call} {values:?}");
        }
        let xdp = arguments(&[libc::AF_XDP, libc::SOCK_RAW, 0]);
        assert_eq!(verdict(SourceKind::Xdp, libc::SYS_socket, &xdp), ALLOW);
        let window = [1, libc::TIOCGWINSZ];
        assert_eq!(verdict(SourceKind::Ring, libc::SYS_ioctl, &window), ALLOW);
        assert_eq!(verdict(SourceKind::Ring, libc::SYS_ioctl, &[1, libc::TIOCSTI]), EPERM);
    }
}
