//! Hints to the processor and the kernel about memory; none changes what a program computes.
#![expect(unsafe_code, reason = "hints that no safe library gives")]

use std::ffi::c_long;
use std::ptr;

/// `mi_option_purge_delay` of mimalloc 3, ms; it has no name in its Rust crate.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
/// What it is where nobody has changed it.
const PURGE_DELAY_MS: c_long = 10;
/// What it is to be: a writer that fills files turn after turn needs the same memory again within this time, and the kernel would clear it in between.
const KEPT_MS: c_long = 1_000;

/// Asks the allocator to keep for a while what was freed. Changes nothing where the operator has decided
/// (`MIMALLOC_PURGE_DELAY`), and nothing in a program with another allocator.
pub(crate) fn keep_freed() {
    // SAFETY: reads a number out of a table that the allocator keeps.
    let is_untouched = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) } == PURGE_DELAY_MS;
    if is_untouched {
        // SAFETY: writes a number, one aligned word, into the same table; nobody else writes there, and whoever reads it finds the old or the new.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, KEPT_MS) };
    }
}

/// Octets of a huge page on most processors.
const HUGE: usize = 2 << 20;

/// Asks for huge pages under room that was taken and not yet touched; a table that is read in no order then misses fewer of the processor's page entries. The
/// kernel may have none to give, or not be asked to (`/sys/kernel/mm/transparent_hugepage/enabled`): all works the same without.
pub(crate) fn ask_for_huge_pages<T>(room: &mut Vec<T>) {
    let octets = room.capacity() * size_of::<T>();
    let start: *mut T = room.as_mut_ptr();
    let skipped = start.cast::<u8>().align_offset(HUGE);
    let Some(length) = octets.checked_sub(skipped).map(|length| length / HUGE * HUGE) else {
        return;
    };
    if length == 0 {
        return;
    }
    let first = start.cast::<u8>().wrapping_add(skipped);
    // SAFETY: these pages lie within the allocation of `room`, and the advice changes nothing that is in them.
    let _ = unsafe { libc::madvise(first.cast(), length, libc::MADV_HUGEPAGE) };
}

/// The same where something holds that nobody can foresee: without a branch, for asking again for what is `there` costs less than a branch gone wrong.
#[inline]
pub(crate) fn prefetch_if<T, U>(holds: bool, of: &T, there: &U) {
    let (of, there): (*const u8, *const u8) =
        (ptr::from_ref(of).cast(), ptr::from_ref(there).cast());
    let either = std::hint::select_unpredictable(holds, of, there);
    prefetch_at(either);
}

/// Asks for the cache line at the beginning of something that will be read and changed soon.
#[inline]
pub(crate) fn prefetch<T>(of: &T) {
    prefetch_at(ptr::from_ref(of).cast());
}

#[inline]
fn prefetch_at(address: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}
