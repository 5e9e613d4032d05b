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
        Some(b' '..=b'~') if bytes.iter().take(4).all(|octet| is_of_text(*octet)) => {
            match http::read(bytes) {
                Read::Nothing => greeting::read(bytes),
                read => read,
            }
        }
        Some(_) => Read::Nothing,
    }
}

/// Whether a message that is read here may begin with these octets: what is asked of every segment, so it looks at four of them. Which of the conditions
/// holds nobody can foresee in octets without order, so they are not branched on one by one.
#[expect(clippy::needless_bitwise_bool, reason = "nobody can foresee which of them holds")]
#[inline]
pub(crate) fn may_begin(bytes: &[u8]) -> bool {
    let Some(&[first, second, third, fourth]) = bytes.first_chunk() else { return true };
    let [a, b, c, d] = [first, second, third, fourth].map(is_of_text);
    (first == 0x16) | ((first >= 0x80) & (third == 1)) | (a & b & c & d)
}

/// Whether a client's hello may begin with a datagram, by QUIC or DTLS: the same for every datagram.
#[expect(clippy::needless_bitwise_bool, reason = "nobody can foresee which of them holds")]
#[inline]
pub(crate) fn may_begin_datagram(bytes: &[u8]) -> bool {
    let [form, version, ..] = *bytes else { return false };
    // A long header: QUIC 1 and 2, drafts, gQUIC with and without TLS.
    let is_known = (version == 0x00)
        | (version == 0x6b)
        | (version == 0xff)
        | (version == b'Q')
        | (version == b'T');
    // gQUIC up to Q043 with its version; a handshake of DTLS.
    ((form >= 0xc0) & is_known) | (form & 0xcf == 0x09) | ((form == 0x16) & (version == 0xfe))
}

/// Whether an octet may stand at the beginning of what is said in lines.
#[expect(clippy::needless_bitwise_bool, reason = "nobody can foresee which of them holds")]
#[inline]
const fn is_of_text(octet: u8) -> bool {
    // One comparison for all that is printable.
    (octet.wrapping_sub(b' ') <= b'~' - b' ') | (octet == b'\r') | (octet == b'\n')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_may_not_begin_is_nothing(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\x16\x03\x01\x80GET /\r\n".to_vec())], 0..8),
        ) {
            prop_assert!(may_begin(&bytes) || matches!(of_stream(&bytes), Read::Nothing), "{bytes:02x?}");
        }

        #[test]
        fn whatever_looks_like_a_hello_may_begin_with_its_first_octets(
            octets in prop::collection::vec(any::<u8>(), 80),
            version in prop::sample::select(vec![
                *b"\0\0\0\x01", *b"\x6b\x33\x43\xcf", *b"\xff\0\0\x1d", *b"\xff\0\0\x16", *b"Q050",
                *b"T051", *b"Q046", *b"Q049", *b"Q039", *b"Q043", [0xfe, 0xfd, 0, 0], [0xfe, 0xff, 0, 0],
            ]),
        ) {
            let [form, id @ .., _] = octets.first_chunk::<10>().unwrap();
            let at_once = [[*form].as_slice(), version.as_slice(), octets.as_slice()].concat();
            let after_id = [[*form].as_slice(), id, version.as_slice(), octets.as_slice()].concat();
            let dtls =
                [[0x16].as_slice(), &version, &[0; 8], &[1], octets.as_slice()].concat();
            for datagram in [at_once, after_id, dtls] {
                if quic::looks_like(&datagram) || dtls::looks_like(&datagram) {
                    prop_assert!(may_begin_datagram(&datagram), "{datagram:02x?}");
                }
            }
        }
    }
}
