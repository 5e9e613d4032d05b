//! Frames that came together, in the chunks the kernel wrote them to.
//!
//! Chunks go home when the last holder drops them: through a queue, for only the capture thread may fill the ring.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::block::{FrameRef, Memory, Unwalked, Walk};
use crate::frame::LinkType;
use crate::source::sys::xdp::{Descriptor, Umem};

/// Chunks on their way back to the ring they came from.
pub(crate) type Home = Arc<ArrayQueue<Vec<Descriptor>>>;

/// Frames of one receive queue that are not walked yet.
pub(crate) struct Batch {
    /// Where they lie.
    pub(crate) chunks: Chunks,
    /// When they were found, ns since 1970 UTC.
    pub(crate) ts_ns: i64,
    /// Octets of the longest frame the interface can carry.
    pub(crate) longest: u32,
}

/// Chunks that are held; they go home when this is dropped.
pub(crate) struct Chunks {
    /// The memory they are part of.
    pub(crate) umem: Arc<Umem>,
    /// The frames in them, in order of arrival.
    pub(crate) frames: Vec<Descriptor>,
    /// Has a place for as many batches as there are chunks.
    pub(crate) home: Home,
}

impl Unwalked for Batch {
    fn packets(&self) -> u64 {
        self.chunks.frames.len() as u64
    }

    fn walk(self: Box<Self>, lane: u8, mut frames: Vec<FrameRef>) -> Walk {
        let Self { chunks, ts_ns, longest } = *self;
        let mut super_frames = 0;
        frames.extend(chunks.frames.iter().map(|at| {
            super_frames += u64::from(at.length > longest);
            FrameRef {
                ts_ns,
                offset: at.offset,
                captured: at.length,
                original: at.length,
                link: LinkType::Ethernet,
                lane,
            }
        }));
        Walk { memory: Arc::new(chunks), frames, super_frames }
    }
}

impl Memory for Chunks {
    fn bytes(&self) -> &[u8] {
        self.umem.bytes()
    }
}

impl Drop for Chunks {
    fn drop(&mut self) {
        // Never full: each batch holds a chunk at least, and there is a place for each chunk.
        let _ = self.home.push(std::mem::take(&mut self.frames));
    }
}
