//! The two rings of a socket that receives: one gives chunks to the kernel, one gives frames to us.
//!
//! Each is an array with a producer's and a consumer's index in memory shared with the kernel; both only ever count up, modulo 2^32 (Linux, its
//! `Documentation/networking/af_xdp.rst`).

#![expect(unsafe_code, reason = "memory that is shared with the kernel")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

/// A frame in the memory of its socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// First octet.
    pub(crate) offset: u32,
    /// Octets.
    pub(crate) length: u32,
}

/// `struct xdp_ring_offset`.
#[repr(C)]
#[derive(Default, Clone, Copy)]
pub(crate) struct RingOffsets {
    producer: u64,
    consumer: u64,
    entries: u64,
    flags: u64,
}

/// What a ring is made of.
pub(crate) struct Shape {
    /// Where in the socket it lies.
    pub(crate) page: libc::off_t,
    /// Offsets of its parts.
    pub(crate) parts: RingOffsets,
    /// Entries, a power of two.
    pub(crate) entries: u32,
}

/// A ring of entries of one type, mapped from a socket.
#[derive(Debug)]
struct Ring<T> {
    start: NonNull<u8>,
    length: usize,
    producer: NonNull<AtomicU32>,
    consumer: NonNull<AtomicU32>,
    flags: NonNull<AtomicU32>,
    entries: NonNull<T>,
    count: u32,
}

// SAFETY: the mapping belongs to this value alone and moves with it.
unsafe impl<T: Send> Send for Ring<T> {}

impl<T: Copy> Ring<T> {
    fn map(socket: BorrowedFd<'_>, shape: &Shape) -> io::Result<Self> {
        let offset = |at: u64| usize::try_from(at).map_err(io::Error::other);
        let entries = offset(shape.parts.entries)?;
        let length = entries + shape.entries as usize * size_of::<T>();
        let (rights, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
        let socket = socket.as_raw_fd();
        // SAFETY: a new mapping at a place of the kernel's choice touches nothing that exists.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), length, rights, kind, socket, shape.page) };
        let start = match NonNull::new(start.cast::<u8>()) {
            Some(start) if start.as_ptr().cast() != libc::MAP_FAILED => start,
            _ => return Err(io::Error::last_os_error()),
        };
        let index = |at: u64| offset(at).map(|at| part::<AtomicU32>(start, length, at));
        Ok(Self {
            start,
            length,
            producer: index(shape.parts.producer)?,
            consumer: index(shape.parts.consumer)?,
            flags: index(shape.parts.flags)?,
            entries: part(start, length, entries),
            count: shape.entries,
        })
    }

    const fn producer(&self) -> &AtomicU32 {
        // SAFETY: it lies within the mapping, which lives as long as `self`, and both sides use it atomically.
        unsafe { self.producer.as_ref() }
    }

    const fn consumer(&self) -> &AtomicU32 {
        // SAFETY: as for the producer's index.
        unsafe { self.consumer.as_ref() }
    }

    fn flags(&self) -> u32 {
        // SAFETY: as for the producer's index.
        unsafe { self.flags.as_ref() }.load(Ordering::Relaxed)
    }

    /// The entry of an index.
    fn entry(&self, index: u32) -> NonNull<T> {
        // SAFETY: a remainder by the number of entries is within the array, and the array within the mapping.
        unsafe { self.entries.add((index & (self.count - 1)) as usize) }
    }
}

/// A part of a mapping.
fn part<T>(start: NonNull<u8>, length: usize, at: usize) -> NonNull<T> {
    assert!(at <= length && at.is_multiple_of(align_of::<T>()), "the kernel's offsets are sound");
    // SAFETY: just checked: the place is within the mapping or its end.
    unsafe { start.add(at) }.cast()
}

impl<T> Drop for Ring<T> {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `map` with this length, and all pointers into it end here.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.length) };
    }
}

/// Chunks on their way to the kernel.
#[derive(Debug)]
pub(crate) struct FillRing {
    ring: Ring<u64>,
    produced: u32,
}

impl FillRing {
    pub(crate) fn map(socket: BorrowedFd<'_>, shape: &Shape) -> io::Result<Self> {
        let ring = Ring::map(socket, shape)?;
        let produced = ring.producer().load(Ordering::Relaxed);
        Ok(Self { ring, produced })
    }

    /// Gives chunks to the kernel, each by any offset in it. There is a place for every chunk of the memory: more cannot come.
    pub(crate) fn give(&mut self, offsets: impl Iterator<Item = u32>) {
        for offset in offsets {
            let entry = self.ring.entry(self.produced);
            // SAFETY: the entry is ours: the kernel has taken what was there, since the ring has a place for every chunk and this one was in our hands.
            unsafe { entry.write(u64::from(offset)) };
            self.produced = self.produced.wrapping_add(1);
        }
        // What was written to the chunks' entries is there before the kernel sees the index.
        self.ring.producer().store(self.produced, Ordering::Release);
    }

    /// Whether the kernel waits to be told of new chunks.
    pub(crate) fn sleeps(&self) -> bool {
        self.ring.flags() & libc::XDP_RING_NEED_WAKEUP != 0
    }
}

/// Frames on their way to us.
#[derive(Debug)]
pub(crate) struct ReceiveRing {
    ring: Ring<libc::xdp_desc>,
    consumed: u32,
}

impl ReceiveRing {
    pub(crate) fn map(socket: BorrowedFd<'_>, shape: &Shape) -> io::Result<Self> {
        let ring = Ring::map(socket, shape)?;
        let consumed = ring.consumer().load(Ordering::Relaxed);
        Ok(Self { ring, consumed })
    }

    /// Frames that are there, and can be taken.
    pub(crate) fn ready(&self) -> u32 {
        let produced = self.ring.producer().load(Ordering::Acquire);
        produced.wrapping_sub(self.consumed).min(self.ring.count)
    }

    /// Takes the next frames, in order of arrival: as many as asked for, or as are there.
    pub(crate) fn take(&mut self, count: u32, frames: &mut Vec<Descriptor>) {
        for _ in 0..count.min(self.ready()) {
            let entry = self.ring.entry(self.consumed);
            // SAFETY: the entry lies before the producer's index, read with acquire: it is written, and the kernel leaves it alone until it is consumed.
            let found = unsafe { entry.read() };
            self.consumed = self.consumed.wrapping_add(1);
            // Memory is made so that its offsets fit.
            let offset = u32::try_from(found.addr).unwrap_or(u32::MAX);
            frames.push(Descriptor { offset, length: found.len });
        }
        self.ring.consumer().store(self.consumed, Ordering::Release);
    }
}
