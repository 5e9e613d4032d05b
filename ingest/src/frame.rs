//! One frame as it lies in its block.
//!
//! The view is tied to the borrow of the block, so it cannot outlive the bytes:
//!
//! ```compile_fail
//! # use ingest::{block::Block, frame::Frame};
//! fn keep(block: Block) -> Option<Frame<'static>> {
//!     let frame = block.frames().next();
//!     drop(block);
//!     frame
//! }
//! ```

use crate::decode::LinkType;

/// A borrowed frame.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// The captured bytes, from the first of the link layer.
    pub bytes: &'a [u8],
    /// Length on the wire, which can be more than was captured.
    pub original: u32,
    /// Time of capture, ns since 1970 UTC.
    pub ts_ns: i64,
    /// What the first byte is.
    pub link: LinkType,
}
