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

/// What a frame begins with (the numbers of the capture formats: tcpdump's link-layer header types).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkType {
    /// IEEE 802.3.
    #[default]
    Ethernet,
    /// An IP header at once.
    RawIp,
    /// BSD loopback: the protocol family in the byte order of the capturing host.
    Null,
    /// `OpenBSD` loopback: the same, big-endian.
    Loop,
    /// PPP, with or without its HDLC framing.
    Ppp,
    /// PPP after a PPPoE header.
    PppEther,
    /// PPP with a byte of direction before it.
    PppDirection,
    /// Cisco HDLC.
    CiscoHdlc,
    /// Linux cooked capture.
    Sll,
    /// Linux cooked capture, version 2.
    Sll2,
    /// Not known here.
    Unknown,
}

impl LinkType {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::Ethernet,
        Self::RawIp,
        Self::Null,
        Self::Loop,
        Self::Ppp,
        Self::PppEther,
        Self::PppDirection,
        Self::CiscoHdlc,
        Self::Sll,
        Self::Sll2,
        Self::Unknown,
    ];

    /// By its number in a capture file.
    pub const fn of_number(number: u32) -> Self {
        match number & 0xffff {
            0 => Self::Null,
            1 => Self::Ethernet,
            9 | 50 => Self::Ppp,
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            51 => Self::PppEther,
            104 => Self::CiscoHdlc,
            108 => Self::Loop,
            113 => Self::Sll,
            166 | 204 => Self::PppDirection,
            276 => Self::Sll2,
            _ => Self::Unknown,
        }
    }
}
