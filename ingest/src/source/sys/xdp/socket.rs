//! An AF_XDP socket: bound to one receive queue, it gets the frames that the program sends it.

#![expect(unsafe_code, reason = "socket options and addresses are structures behind pointers")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::Arc;

use nix::sys::socket::{MsgFlags, recv};

use crate::source::sys::xdp::Umem;
use crate::source::sys::xdp::answer;
use crate::source::sys::xdp::ring::{FillRing, ReceiveRing, RingOffsets, Shape};

/// The kernel wants this ring even where nothing is sent.
const COMPLETIONS: u32 = 64;
#[expect(clippy::cast_possible_truncation, reason = "it is 44")]
const FAMILY: u16 = libc::AF_XDP as u16;

/// A step that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What could not be done.
    pub(crate) step: &'static str,
    /// The kernel's word.
    pub(crate) source: io::Error,
}

impl Failure {
    /// For `map_err`.
    pub(crate) fn at(step: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { step, source }
    }
}

/// What the kernel has counted for a socket: `struct xdp_statistics`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames dropped: no free chunk where the kernel copies, or longer than a chunk.
    pub rx_dropped: u64,
    /// Chunks given to the kernel that it refused.
    pub rx_invalid_descriptors: u64,
    /// Frames to send that it refused; nothing is sent here.
    pub tx_invalid_descriptors: u64,
    /// Frames dropped because the receive ring was full.
    pub rx_ring_full: u64,
    /// Times no free chunk was there.
    pub rx_fill_ring_empty: u64,
    /// Times there was nothing to send.
    pub tx_ring_empty: u64,
}

impl Statistics {
    /// Field by field.
    fn each(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            rx_dropped: join(self.rx_dropped, other.rx_dropped),
            rx_invalid_descriptors: join(self.rx_invalid_descriptors, other.rx_invalid_descriptors),
            tx_invalid_descriptors: join(self.tx_invalid_descriptors, other.tx_invalid_descriptors),
            rx_ring_full: join(self.rx_ring_full, other.rx_ring_full),
            rx_fill_ring_empty: join(self.rx_fill_ring_empty, other.rx_fill_ring_empty),
            tx_ring_empty: join(self.tx_ring_empty, other.tx_ring_empty),
        }
    }

    /// Of two sockets together.
    pub(crate) fn plus(self, other: Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// Of one socket at two times: its counters never run backwards.
    pub(crate) fn larger(self, other: Self) -> Self {
        self.each(other, u64::max)
    }
}

/// A socket with its memory and rings.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) umem: Arc<Umem>,
    pub(crate) fill: FillRing,
    pub(crate) receive: ReceiveRing,
    // Last: the rings are unmapped before the socket is closed.
    descriptor: OwnedFd,
}

impl Socket {
    /// A socket with `chunks` chunks, a power of two, all of them the kernel's, and places for as many frames.
    pub(crate) fn open(chunk: u32, chunks: u32) -> Result<Self, Failure> {
        // SAFETY: makes a descriptor from numbers.
        let number = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
        answer(number.into()).map_err(Failure::at("open an AF_XDP socket"))?;
        // SAFETY: the kernel has just made this descriptor for us, and nobody else knows its number.
        let descriptor = unsafe { OwnedFd::from_raw_fd(number) };
        let at = || Failure::at("lock memory for frames");
        let umem = Arc::new(Umem::new(chunk, chunks).map_err(at())?);
        let region = libc::xdp_umem_reg {
            addr: umem.address(),
            len: umem.len() as u64,
            chunk_size: umem.chunk(),
            headroom: 0,
            flags: 0,
            tx_metadata_len: 0,
        };
        set(&descriptor, libc::XDP_UMEM_REG, &region).map_err(at())?;
        let at = || Failure::at("make the rings");
        set(&descriptor, libc::XDP_UMEM_FILL_RING, &chunks).map_err(at())?;
        set(&descriptor, libc::XDP_UMEM_COMPLETION_RING, &COMPLETIONS).map_err(at())?;
        set(&descriptor, libc::XDP_RX_RING, &chunks).map_err(at())?;
        let mut offsets = Offsets::default();
        get(&descriptor, libc::XDP_MMAP_OFFSETS, &mut offsets).map_err(at())?;
        let fill_page = libc::off_t::try_from(libc::XDP_UMEM_PGOFF_FILL_RING);
        let fill_page = fill_page.map_err(io::Error::other).map_err(at())?;
        let shape = Shape { page: fill_page, parts: offsets.fill, entries: chunks };
        let mut fill = FillRing::map(descriptor.as_fd(), &shape).map_err(at())?;
        let shape =
            Shape { page: libc::XDP_PGOFF_RX_RING, parts: offsets.receive, entries: chunks };
        let receive = ReceiveRing::map(descriptor.as_fd(), &shape).map_err(at())?;
        fill.give(umem.chunks());
        Ok(Self { umem, fill, receive, descriptor })
    }

    /// Joins it to a receive queue. Without `copy` the kernel writes frames in place where the driver can, and copies them where it cannot.
    pub(crate) fn bind(&self, interface: u32, queue: u32, copy: bool) -> io::Result<()> {
        let address = libc::sockaddr_xdp {
            sxdp_family: FAMILY,
            sxdp_flags: libc::XDP_USE_NEED_WAKEUP | if copy { libc::XDP_COPY } else { 0 },
            sxdp_ifindex: interface,
            sxdp_queue_id: queue,
            sxdp_shared_umem_fd: 0,
        };
        let size = size_as_socklen::<libc::sockaddr_xdp>()?;
        let socket = self.descriptor.as_raw_fd();
        // SAFETY: the address is readable for the size given and lives until the call is over.
        let done = unsafe { libc::bind(socket, (&raw const address).cast(), size) };
        answer(done.into()).map(drop)
    }

    /// Whether the driver writes frames in place.
    pub(crate) fn is_zero_copy(&self) -> io::Result<bool> {
        let mut options = 0_u32;
        get(&self.descriptor, libc::XDP_OPTIONS, &mut options)?;
        Ok(options & libc::XDP_OPTIONS_ZEROCOPY != 0)
    }

    /// What the kernel has counted since it was opened.
    pub(crate) fn statistics(&self) -> io::Result<Statistics> {
        let mut counted = Statistics::default();
        get(&self.descriptor, libc::XDP_STATISTICS, &mut counted)?;
        Ok(counted)
    }

    /// Has the kernel look at the fill ring, if it waits to be told.
    pub(crate) fn wake(&self) {
        if self.fill.sleeps() {
            // It receives nothing: frames come through the ring. The next poll(2) wakes it as well.
            let _ = recv(self.descriptor.as_raw_fd(), &mut [], MsgFlags::MSG_DONTWAIT);
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// `struct xdp_mmap_offsets`.
#[repr(C)]
#[derive(Default)]
struct Offsets {
    receive: RingOffsets,
    send: RingOffsets,
    fill: RingOffsets,
    completion: RingOffsets,
}

fn size_as_socklen<T>() -> io::Result<libc::socklen_t> {
    libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)
}

fn set<T>(socket: &OwnedFd, option: i32, value: &T) -> io::Result<()> {
    let (socket, size) = (socket.as_raw_fd(), size_as_socklen::<T>()?);
    let value = std::ptr::from_ref(value).cast();
    // SAFETY: the value is readable for the size given and lives until the call is over.
    let done = unsafe { libc::setsockopt(socket, libc::SOL_XDP, option, value, size) };
    answer(done.into()).map(drop)
}

/// Only for types that are any octets: numbers and structures of numbers. An older kernel fills less of it; the rest stays as it is.
fn get<T: Default>(socket: &OwnedFd, option: i32, value: &mut T) -> io::Result<()> {
    let (socket, mut size) = (socket.as_raw_fd(), size_as_socklen::<T>()?);
    let value = std::ptr::from_mut(value).cast();
    // SAFETY: the value is ours to write to for the size given, and made of numbers only, so that any octets are sound.
    let done = unsafe { libc::getsockopt(socket, libc::SOL_XDP, option, value, &raw mut size) };
    answer(done.into()).map(drop)
}
