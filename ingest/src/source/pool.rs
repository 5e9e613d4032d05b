//! Buffers and side arrays that go round: filled, handed over as blocks, and back on the shelf when the last holder drops them.

use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::block::{FrameRef, Memory};

/// Octets read at a time: large enough to share the price of a block, small enough to stay in the cache.
pub(crate) const BUFFER: usize = 1 << 20;

/// Buffers and side arrays that have come back.
#[derive(Debug, Clone)]
pub struct Pool {
    buffers: Arc<ArrayQueue<Vec<u8>>>,
    pub(crate) frames: Arc<ArrayQueue<Vec<FrameRef>>>,
}

impl Pool {
    /// Shelves for this many of each.
    pub fn new(capacity: usize) -> Self {
        Self {
            buffers: Arc::new(ArrayQueue::new(capacity)),
            frames: Arc::new(ArrayQueue::new(capacity * 4)),
        }
    }

    /// Puts a side array back.
    pub(crate) fn shelve(&self, mut frames: Vec<FrameRef>) {
        frames.clear();
        if frames.capacity() > 0 {
            // A full shelf means there are enough.
            let _ = self.frames.push(frames);
        }
    }

    /// A buffer; what is in it is left over from before.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_else(|| vec![0; BUFFER])
    }

    /// A filled buffer that comes back when its last holder drops it.
    pub(crate) fn memory(&self, bytes: Vec<u8>) -> Arc<dyn Memory> {
        Arc::new(Buffer { bytes, home: Arc::clone(&self.buffers) })
    }

    /// An empty side array.
    pub(crate) fn frames(&self) -> Vec<FrameRef> {
        self.frames.pop().unwrap_or_default()
    }
}

/// A filled buffer; goes back to the pool when the last block on it is dropped.
struct Buffer {
    bytes: Vec<u8>,
    home: Arc<ArrayQueue<Vec<u8>>>,
}

impl Memory for Buffer {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // A full shelf means there are enough; the buffer is then freed.
        let _ = self.home.push(std::mem::take(&mut self.bytes));
    }
}
