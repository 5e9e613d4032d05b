//! The memory that the kernel writes frames to: chunks of one size, each either the kernel's or ours.
//!
//! A chunk is the kernel's while its address is in the fill ring, and ours from when it comes out of the receive ring until it is put back.

#![expect(unsafe_code, reason = "memory that is shared with the kernel")]

use std::io;
use std::ptr::NonNull;

use crate::block::Memory;

/// Chunks for one socket.
#[derive(Debug)]
pub(crate) struct Umem {
    start: NonNull<u8>,
    length: usize,
    chunk: u32,
}

// SAFETY: the mapping belongs to this value alone and moves with it; threads only read it.
unsafe impl Send for Umem {}

// SAFETY: as for `Send`: through a shared reference it can only be read.
unsafe impl Sync for Umem {}

impl Umem {
    /// So many chunks of `chunk` octets, all resident. Offsets into it must fit in 32 bits.
    pub(crate) fn new(chunk: u32, count: u32) -> io::Result<Self> {
        let octets = chunk.checked_mul(count).ok_or(io::ErrorKind::OutOfMemory)?;
        let length = octets as usize;
        let (rights, kind) = (
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_POPULATE,
        );
        // SAFETY: a new mapping at a place of the kernel's choice touches nothing that exists.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), length, rights, kind, -1, 0) };
        match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => {
                Ok(Self { start, length, chunk })
            }
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Where each chunk begins.
    pub(crate) fn chunks(&self) -> impl Iterator<Item = u32> + use<> {
        // Its length is the product of two 32-bit numbers that fits in 32 bits.
        (0..u32::try_from(self.length).unwrap_or(u32::MAX)).step_by(self.chunk as usize)
    }

    /// Octets of a chunk.
    pub(crate) const fn chunk(&self) -> u32 {
        self.chunk
    }

    /// Octets of all chunks.
    pub(crate) const fn len(&self) -> usize {
        self.length
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> u64 {
        self.start.as_ptr().expose_provenance() as u64
    }
}

impl Memory for Umem {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable for its length, zeroed by the kernel and lives as long as `self`. The kernel writes to chunks in the fill ring
        // only; references to frames name chunks that came out of the receive ring and are not put back while their batch is held.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Umem {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `new` with this length, and no reference to it is left. Pages that a socket still has are the kernel's to keep.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
