//! Names in payloads: which bytes name the service, read where they lie.
//!
//! Bytes from the wire are hostile: every length is checked, every text bounded and escaped once, here.

pub(crate) mod certificate;
mod cursor;
pub mod dhcp;
pub mod dns;
pub mod dtls;
mod greeting;
mod http;
pub(crate) mod ja4;
pub(crate) mod pieces;
pub mod quic;
mod read;
pub(crate) mod text;
mod tls;

pub(crate) use pieces::Pieces;
pub(crate) use read::Read;
pub use text::printable;

use crate::hint::Hint;

/// What a TCP payload names, if it begins like something that does.
pub fn of_tcp(payload: &[u8]) -> Option<Hint> {
    of_stream(payload).hint()
}

/// What the octets of a TCP stream say from where a message may begin.
pub(crate) fn of_stream(bytes: &[u8]) -> Read {
    match bytes.first() {
        None => Read::Maybe,
        Some(0x16) => tls::read(bytes),
        Some(0x80..) if bytes.get(2).is_none_or(|&kind| kind == 1) => greeting::sslv2(bytes),
        Some(b' '..=b'~') if begins_as_text(bytes) => match http::read(bytes) {
            Read::Nothing => greeting::read(bytes),
            read => read,
        },
        Some(_) => Read::Nothing,
    }
}

/// Whether the first octets are text, as with all that speak in lines. Most payloads are nothing of all this, and are not to cost more.
fn begins_as_text(bytes: &[u8]) -> bool {
    bytes.iter().take(4).all(|octet| matches!(octet, b' '..=b'~' | b'\r' | b'\n'))
}
