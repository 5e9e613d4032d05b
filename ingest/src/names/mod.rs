//! Names in payloads: which bytes name the service, read where they lie.
//!
//! Bytes from the wire are hostile: every length is checked, every text bounded and escaped once, here.

pub mod dhcp;
pub mod dns;
mod http;
mod pieces;
mod text;
mod tls;

pub(crate) use pieces::Pieces;
pub use text::printable;

use crate::hint::Hint;

/// What a TCP payload names, if it begins like something that does.
pub fn of_tcp(payload: &[u8]) -> Option<Hint> {
    match payload.first()? {
        0x16 => tls::client_hello(payload).map(Hint::Tls),
        b'A'..=b'Z' => http::request(payload).map(Hint::Http),
        _ => None,
    }
}
