//! Questions about the machine that no safe library asks: whether its clock is kept, and which Landlock it has.
#![expect(unsafe_code, reason = "system calls that no safe library offers")]

use std::io;
use std::mem::MaybeUninit;

/// State of the machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Whether somebody keeps it right.
    pub(crate) is_kept: bool,
    /// How far it may be off, µs.
    pub(crate) error_us: i64,
}

/// Asks the kernel how its clock is kept; changes nothing.
pub(crate) fn clock() -> io::Result<Clock> {
    // Zero in `modes` asks without setting.
    let mut state = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: the kernel reads and writes one timex, which lives here.
    let result = unsafe { libc::adjtimex(state.as_mut_ptr()) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it was zeroed and then filled in, and zero is a value of each of its fields, all numbers.
    let state = unsafe { state.assume_init() };
    Ok(Clock { is_kept: state.status & libc::STA_UNSYNC == 0, error_us: state.maxerror })
}

/// The version of Landlock that the kernel has; 0 where there is none.
pub(crate) fn landlock_abi() -> i64 {
    const VERSION: libc::c_ulong = 1;
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: with this flag the call takes no pointer, no size, and only gives a number back.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, nothing, 0_usize, VERSION) };
    version.max(0)
}
