//! A run of frames in memory that somebody else owns; it goes back to its owner when the last lane has dropped it.
//!
//! Blocks, not packets, cross threads: the price of a hand-over is shared by a thousand packets.

use std::fmt;
use std::sync::Arc;

use crossbeam::queue::ArrayQueue;
use schemas::Text;

use crate::frame::Frame;
use crate::frame::LinkType;
use crate::source::sys::memory::prefetch;

/// Where a frame lies in its block, and which lane it is for.
#[derive(Debug, Clone, Copy, Default)]
pub struct FrameRef {
    /// Time of capture, ns since 1970 UTC.
    pub ts_ns: i64,
    /// First byte of the link layer.
    pub offset: u32,
    /// Bytes captured.
    pub captured: u32,
    /// Length on the wire.
    pub original: u32,
    /// What the first byte is.
    pub link: LinkType,
    /// The lane it belongs to.
    pub lane: u8,
}

const _: () = assert!(size_of::<FrameRef>() <= 24);

impl FrameRef {
    /// The frame in the memory it lies in.
    #[inline]
    pub fn frame<'a>(&self, memory: &'a [u8]) -> Frame<'a> {
        let start = self.offset as usize;
        let bytes = memory.get(start..start + self.captured as usize).unwrap_or_default();
        Frame { bytes, original: self.original, ts_ns: self.ts_ns, link: self.link }
    }

    /// It will be read soon: asks for the memory of its headers.
    #[inline]
    pub(crate) fn expect(&self, memory: &[u8]) {
        let start = self.offset as usize;
        for line in [start, start + 64] {
            memory.get(line).map(prefetch);
        }
    }
}

/// Memory that frames lie in.
pub trait Memory: Send + Sync {
    /// The bytes that [`FrameRef::offset`] counts in.
    fn bytes(&self) -> &[u8];
}

/// Frames in memory that nobody has walked yet: the capture thread hands them over untouched, the lane walks them.
pub trait Unwalked: Send {
    /// Frames in it, as the kernel counted them.
    fn packets(&self) -> u64;
    /// Finds the frames, all for `lane`; `frames` is an empty side array to fill.
    fn walk(self: Box<Self>, lane: u8, frames: Vec<FrameRef>) -> Walk;
}

/// What a walk over frames found.
pub struct Walk {
    /// Where the frames lie; goes back to its owner when it is dropped.
    pub memory: Arc<dyn Memory>,
    /// The frames, in order of arrival.
    pub frames: Vec<FrameRef>,
    /// Frames longer than the interface can carry: merged segments.
    pub super_frames: u64,
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}

/// Frames and octets that the reader of the source gave to one lane: the ledger's first term.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Frames.
    pub packets: u64,
    /// Their length on the wire.
    pub wire_bytes: u64,
}

/// The time that a run of frames covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time {
    /// Earliest frame, ns since 1970 UTC.
    pub from_ns: i64,
    /// Latest frame.
    pub to_ns: i64,
    /// Largest step back behind a frame that came before.
    pub step_back_ns: i64,
}

impl Time {
    /// Of no frame yet.
    pub const NONE: Self = Self { from_ns: i64::MAX, to_ns: i64::MIN, step_back_ns: 0 };

    /// Covers both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        Self {
            from_ns: self.from_ns.min(other.from_ns),
            to_ns: self.to_ns.max(other.to_ns),
            step_back_ns: self.step_back_ns.max(other.step_back_ns),
        }
    }
}

/// A run of frames of one ledger interval.
pub struct Block {
    memory: Arc<dyn Memory>,
    frames: Vec<FrameRef>,
    recycle: Arc<ArrayQueue<Vec<FrameRef>>>,
    /// Number of the block in the run.
    pub sequence: u64,
    /// Number of the ledger interval.
    pub interval: i64,
    /// What the reader counted for each lane.
    pub seen: Vec<Seen>,
    /// When its frames came, whichever lane they are for.
    pub time: Time,
    /// Frames longer than the interface can carry.
    pub super_frames: u64,
    /// Name of the interface or file, for the ledger.
    pub interface: Text,
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("sequence", &self.sequence)
            .field("interval", &self.interval)
            .field("frames", &self.frames.len())
            .finish_non_exhaustive()
    }
}

/// What a block is made from.
#[derive(Debug)]
pub struct BlockParts {
    /// Number of the block in the run.
    pub sequence: u64,
    /// Number of the ledger interval.
    pub interval: i64,
    /// What the reader counted for each lane.
    pub seen: Vec<Seen>,
    /// When its frames came.
    pub time: Time,
    /// Frames longer than the interface can carry.
    pub super_frames: u64,
    /// Name of the interface or file.
    pub interface: Text,
    /// The frames, in order of arrival.
    pub frames: Vec<FrameRef>,
}

impl Block {
    /// Puts a block together; `recycle` receives its side array when it is dropped.
    pub fn new(
        memory: Arc<dyn Memory>,
        parts: BlockParts,
        recycle: Arc<ArrayQueue<Vec<FrameRef>>>,
    ) -> Self {
        let BlockParts { sequence, interval, seen, time, super_frames, interface, frames } = parts;
        Self { memory, frames, recycle, sequence, interval, seen, time, super_frames, interface }
    }

    /// Where the frames lie.
    pub fn refs(&self) -> &[FrameRef] {
        &self.frames
    }

    /// The frame that a reference names.
    #[inline]
    pub fn frame(&self, at: &FrameRef) -> Frame<'_> {
        at.frame(self.memory.bytes())
    }

    /// The octets that all its frames lie in.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.memory.bytes()
    }

    /// All frames.
    pub fn frames(&self) -> impl Iterator<Item = Frame<'_>> {
        self.frames.iter().map(|at| self.frame(at))
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut frames = std::mem::take(&mut self.frames);
        frames.clear();
        // A full shelf means there are enough; the array is then freed.
        let _ = self.recycle.push(frames);
    }
}
