//! What one packet says, as numbers.

use crate::flow::FlowKey;

/// One packet of a flow. `Copy` and small: it lives in registers and in the group being looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// Which flow.
    pub key: FlowKey,
    /// TCP flags, 0 for other protocols.
    pub tcp_flags: u8,
    /// Bits of [`Observation::FORWARD`] and the other constants.
    pub bits: u8,
    /// Time of capture, ns since 1970 UTC.
    pub ts_ns: i64,
    /// Octets of the IP packet, as its header says.
    pub ip_bytes: u32,
    /// Of these, octets before the transport payload.
    pub header_bytes: u16,
    /// Length of the frame on the wire.
    pub wire_bytes: u32,
    /// Where the payload begins in the frame; 0 where none was captured.
    pub payload_at: u16,
}

const _: () = assert!(size_of::<Observation>() <= 64);

impl Observation {
    /// The sender is the lower endpoint of the key.
    pub const FORWARD: u8 = 1;
    /// The packet is an IP fragment.
    pub const FRAGMENT: u8 = 2;
    /// The IP header claims more octets than the frame had.
    pub const EXCEEDS_FRAME: u8 = 4;

    /// Octets of transport payload, as the headers say.
    pub const fn payload_bytes(&self) -> u32 {
        self.ip_bytes.saturating_sub(self.header_bytes as u32)
    }

    /// Whether a bit is set.
    pub const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }
}

/// Numbers of a TCP segment (RFC 9293 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sequence {
    /// Sequence number.
    pub number: u32,
    /// Acknowledgement number; counts where the ACK flag is set.
    pub acknowledged: u32,
}

/// TCP flag bits (RFC 9293 section 3.1).
pub mod tcp {
    /// No more data from the sender.
    pub const FIN: u8 = 0x01;
    /// Synchronise sequence numbers.
    pub const SYN: u8 = 0x02;
    /// Reset the connection.
    pub const RST: u8 = 0x04;
    /// The acknowledgement field counts.
    pub const ACK: u8 = 0x10;
}
