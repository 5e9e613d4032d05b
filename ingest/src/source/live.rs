//! What all sources that go on for ever have in common: the kernel's ring, AF_XDP, pnet.

use std::time::Duration;

use crate::block::{FrameRef, Memory, Unwalked, Walk};
use crate::source::SourceError;

/// What to open, and how.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// Name of the interface.
    pub interface: String,
    /// Number of lanes; a ring each where the source can.
    pub lanes: usize,
    /// Memory of each lane's ring, octets.
    pub ring_bytes: usize,
    /// Memory of a block of the ring, octets; a power of two and at least a page.
    pub block_bytes: usize,
    /// A block that is not full is handed over after this long.
    pub retire: Duration,
    /// Number that sockets sharing the interface's packets have in common; 0: the kernel picks a free one.
    pub fanout_group: u16,
    /// How packets are shared out over the lanes.
    pub fanout: Fanout,
    /// Whether to see packets for other hosts.
    pub promiscuous: bool,
    /// Open it even where that takes traffic away from this host (AF_XDP).
    pub force: bool,
    /// Filter that runs in the kernel.
    pub kernel_filter: Option<Vec<Instruction>>,
}

/// How the kernel chooses the lane of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Fanout {
    /// By the pair of hosts, through VLAN tags and MPLS labels; fragments stay with their flow.
    #[default]
    Hosts,
    /// The kernel's own symmetric hash of addresses and ports.
    Hash,
}

/// One instruction of classic BPF: the `sock_filter` of Linux.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Jump if true.
    pub jt: u8,
    /// Jump if false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// What the kernel has counted for one lane since its socket was opened. Never runs backwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KernelCounters {
    /// Packets, dropped ones included; `None` where the kernel does not say.
    pub packets: Option<u64>,
    /// Packets dropped.
    pub drops: Option<u64>,
    /// Times the ring was found full.
    pub freezes: Option<u64>,
    /// AF_XDP: dropped for other reasons.
    pub xdp_rx_dropped: Option<u64>,
    /// AF_XDP: dropped because the receive ring was full.
    pub xdp_rx_ring_full: Option<u64>,
    /// AF_XDP: times no free frame was there to fill.
    pub xdp_fill_ring_empty: Option<u64>,
}

/// Frames a source hands over.
pub enum Parcel {
    /// All for one lane.
    Lane(usize, Box<dyn Unwalked>),
    /// For whichever lane each frame's hosts belong to; the reader tags them.
    Any(Box<dyn Unwalked>),
}

impl Parcel {
    /// Frames in it, as the kernel counted them.
    pub fn packets(&self) -> u64 {
        match self {
            Self::Lane(_, frames) | Self::Any(frames) => frames.packets(),
        }
    }
}

impl std::fmt::Debug for Parcel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lane(lane, frames) => write!(f, "Lane({lane}, {} packets)", frames.packets()),
            Self::Any(frames) => write!(f, "Any({} packets)", frames.packets()),
        }
    }
}

/// A source that goes on until it is told to stop.
pub trait LiveSource: Send {
    /// Word of the ledger's column `backend`.
    fn backend(&self) -> &'static str;
    /// Word of the ledger's column `timestamp_source`.
    fn timestamp_source(&self) -> &'static str;
    /// Waits for frames, `wait` at most, and hands over everything that is ready. [`SourceError::Gone`] when the interface was deleted; a link that is
    /// down is no error.
    fn poll(&mut self, wait: Duration, give: &mut dyn FnMut(Parcel)) -> Result<(), SourceError>;
    /// The counters of each lane so far.
    fn counters(&mut self) -> Vec<KernelCounters>;
    /// Lets no more frames in. What the kernel has counted is handed over by the polls that follow, until [`Self::is_drained`].
    fn stop(&mut self);
    /// After [`Self::stop`]: whether everything counted has been handed over.
    fn is_drained(&mut self) -> bool;
}

/// Sources that fill the side array themselves hand over what they found.
impl Unwalked for Walk {
    fn packets(&self) -> u64 {
        self.frames.len() as u64
    }
    fn walk(mut self: Box<Self>, lane: u8, _: Vec<FrameRef>) -> Walk {
        for at in &mut self.frames {
            at.lane = lane;
        }
        *self
    }
}

/// A buffer that is simply freed.
impl Memory for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }
}
