//! What capture formats have in common: octets in either order, and what a walk over them found.

use crate::block::FrameRef;

/// Captured octets of one frame at most; tcpdump's own limit.
pub(crate) const CAPTURED_MAX: u32 = 262_144;

/// Byte order of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Least significant octet first.
    Little,
    /// Most significant octet first.
    Big,
}

impl Order {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let pair = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(pair),
            Self::Big => u16::from_be_bytes(pair),
        })
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(four),
            Self::Big => u32::from_be_bytes(four),
        })
    }
}

/// Why a walk stopped.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The next record needs this many octets from where the walk stopped.
    More(usize),
    /// So many octets from there are of no interest and may be longer than memory.
    Skip(u64),
    /// It cannot go on.
    Damaged(String),
}

/// A walk over a buffer: octets used, and why it stopped.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) used: usize,
    pub(crate) stop: Stop,
}

/// A format: knows how to find frames in octets.
pub(crate) trait Format: Send {
    /// Finds frames from the start of `bytes`; offsets count from there.
    fn walk(&mut self, bytes: &[u8], frames: &mut Vec<FrameRef>) -> Walked;
}
