//! QUIC: the client's hello out of its Initial packets, whose keys anyone on the path can make (RFC 9001 section 5.2).
//!
//! IETF versions 1 and 2, drafts 22 to 34, and of Google's own Q039 to Q050, T050 and T051.

mod conversation;
mod dialect;
mod frames;
mod gquic;
mod header;
mod keys;

pub use conversation::{Conversation, Outcome};

/// Whether a datagram has a header of a version that is read here: what is asked of every datagram, so it looks at five octets.
pub fn looks_like(datagram: &[u8]) -> bool {
    header::has_version(datagram) || gquic::has_version(datagram)
}

/// Whether a conversation can begin with a datagram.
pub fn begins(datagram: &[u8]) -> bool {
    header::begins(datagram) || gquic::has_version(datagram)
}
