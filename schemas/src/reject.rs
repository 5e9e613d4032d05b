//! Why a frame ended in no flow. The ledger has a column for each reason, so a new one cannot lack its counter.

/// A frame that is no packet of a flow. Not an error: an answer that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Reject {
    /// The link type of the capture is not known here.
    LinkType,
    /// ARP or RARP.
    Arp,
    /// Another protocol than IP above the link layer.
    NonIp,
    /// So few bytes were captured that the addresses are missing.
    Truncated,
    /// A header that contradicts itself, or that ends outside the frame.
    Malformed,
    /// More headers than the decoder is willing to walk.
    TooDeep,
    /// The same packet came a moment before, and duplicates are not wanted.
    Duplicate,
}

impl Reject {
    /// All reasons, in the order of their counters.
    pub const ALL: [Self; 7] = [
        Self::LinkType,
        Self::Arp,
        Self::NonIp,
        Self::Truncated,
        Self::Malformed,
        Self::TooDeep,
        Self::Duplicate,
    ];

    /// Position in [`Self::ALL`].
    pub const fn index(self) -> usize {
        self as usize
    }
}
