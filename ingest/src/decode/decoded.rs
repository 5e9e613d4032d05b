//! What decoding a frame gives.

use crate::decode::net::Fragment;
use crate::decode::print::Print;
use crate::observation::{Observation, Sequence};

/// What a frame turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decoded {
    /// The packet.
    pub observation: Observation,
    /// The datagram it is a piece of.
    pub fragment: Option<Fragment>,
    /// Numbers of a TCP segment.
    pub sequence: Option<Sequence>,
    /// Octets of the outermost IP packet that are not the innermost one's.
    pub tunnel_octets: u32,
    /// Hash of the flow's key, with the secret of the decoder.
    pub hash: u64,
    /// What a copy of this packet has in common with it.
    pub print: Print,
}
