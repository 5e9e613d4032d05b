//! The memory that a `TPACKET_V3` ring shares with the kernel, block by block.
//!
//! A block belongs to the kernel until its status word says otherwise, then to one [`HeldBlock`], and to the kernel again when that is dropped. The bytes of
//! a block can be reached through its holder only, so nobody reads what the kernel writes.
#![expect(unsafe_code, reason = "memory shared with the kernel")]

use std::mem::offset_of;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::{ffi, io, slice};

use libc::{TP_STATUS_KERNEL, TP_STATUS_USER, tpacket_block_desc, tpacket_hdr_v1, tpacket_req3};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

use crate::source::sys::socket::PacketSocket;

/// Where the status word lies in a block.
const STATUS_AT: usize =
    offset_of!(tpacket_block_desc, hdr) + offset_of!(tpacket_hdr_v1, block_status);

/// The ring of one socket. It stays mapped, and the socket open, until the last holder of a block has let go.
#[derive(Debug)]
pub(crate) struct Blocks {
    start: NonNull<ffi::c_void>,
    block_bytes: usize,
    /// One for each block: handed out and not yet back.
    held: Box<[AtomicBool]>,
}

// SAFETY: the pointer is to memory that no thread owns; all access goes through atomics or a `HeldBlock`, of which there is one for a block.
unsafe impl Send for Blocks {}
// SAFETY: as above; `take` is atomic.
unsafe impl Sync for Blocks {}

impl Blocks {
    /// Makes the ring of a socket and maps it.
    pub(crate) fn map(socket: &PacketSocket, request: &tpacket_req3) -> io::Result<Self> {
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let block_bytes = usize::try_from(request.tp_block_size).map_err(|_| invalid())?;
        let count = usize::try_from(request.tp_block_nr).map_err(|_| invalid())?;
        let length = block_bytes.checked_mul(count).and_then(NonZeroUsize::new);
        let length = length.ok_or_else(invalid)?;
        if block_bytes < size_of::<tpacket_block_desc>()
            || !block_bytes.is_multiple_of(align_of::<tpacket_block_desc>())
        {
            return Err(invalid());
        }
        socket.set_ring(request)?;
        let (access, flags) = (ProtFlags::PROT_READ | ProtFlags::PROT_WRITE, MapFlags::MAP_SHARED);
        // SAFETY: the kernel chooses a place that is free, so no memory of ours is touched.
        let start = unsafe { mmap(None, length, access, flags, socket, 0) }?;
        let held = (0..count).map(|_| AtomicBool::new(false)).collect();
        Ok(Self { start, block_bytes, held })
    }

    /// Number of blocks.
    pub(crate) fn count(&self) -> usize {
        self.held.len()
    }

    /// First byte of a block that there is.
    fn block(&self, index: usize) -> NonNull<u8> {
        assert!(index < self.held.len(), "block {index} of {}", self.held.len());
        // SAFETY: `index` was just checked, so the sum lies in the mapping of count × `block_bytes`.
        unsafe { self.start.cast::<u8>().add(index * self.block_bytes) }
    }

    fn status(&self, index: usize) -> &AtomicU32 {
        // SAFETY: a block is longer than its descriptor, where the status word lies.
        let word = unsafe { self.block(index).add(STATUS_AT) };
        // SAFETY: blocks begin at multiples of the descriptor's alignment and the word lies at a multiple of its own; it lives as long as the mapping, and
        // while `held` is false nobody has a plain reference to it: `take` and the end of a `HeldBlock` are its only users.
        unsafe { AtomicU32::from_ptr(word.cast().as_ptr()) }
    }

    /// Takes a block, if there is one of this number, the kernel has given it and nobody holds it.
    pub(crate) fn take(self: &Arc<Self>, index: usize) -> Option<HeldBlock> {
        let held = self.held.get(index)?;
        // Only whoever turns it from false to true goes on to look at the status.
        if held.swap(true, Ordering::Acquire) {
            return None;
        }
        if self.status(index).load(Ordering::Acquire) & TP_STATUS_USER == 0 {
            held.store(false, Ordering::Release);
            return None;
        }
        Some(HeldBlock { ring: Arc::clone(self), index })
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        let length = self.block_bytes * self.held.len();
        // SAFETY: this is what `map` has mapped, and every block's holder, which keeps this alive, is gone.
        let result = unsafe { munmap(self.start, length) };
        debug_assert!(result.is_ok(), "a mapping of our own is unmapped once");
    }
}

/// A block that the kernel has given; it has it back when this is dropped.
#[derive(Debug)]
pub(crate) struct HeldBlock {
    ring: Arc<Blocks>,
    index: usize,
}

impl HeldBlock {
    /// All its bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        let start = self.ring.block(self.index).as_ptr();
        // SAFETY: `block_bytes` from here are in the mapping, which this keeps alive; the kernel has let go of them, and this is their only holder.
        unsafe { slice::from_raw_parts(start, self.ring.block_bytes) }
    }

    /// All its bytes, to move what is in them.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        let start = self.ring.block(self.index).as_ptr();
        // SAFETY: as for `bytes`; the borrow of the only holder is exclusive.
        unsafe { slice::from_raw_parts_mut(start, self.ring.block_bytes) }
    }
}

impl Drop for HeldBlock {
    fn drop(&mut self) {
        // In this order: as long as it is held nobody takes it, whatever the kernel has written by then.
        self.ring.status(self.index).store(TP_STATUS_KERNEL, Ordering::Release);
        if let Some(held) = self.ring.held.get(self.index) {
            held.store(false, Ordering::Release);
        }
    }
}
