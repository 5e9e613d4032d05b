//! Hints to the processor and the kernel about memory; none changes what a program computes.
#![expect(unsafe_code, reason = "hints that no safe library gives")]

/// Asks for the cache line at the beginning of something that will be read and changed soon.
#[inline]
pub(crate) fn prefetch<T>(of: &T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads nothing, and the address is that of a living thing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(of).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = of;
}
