//! Google's QUIC before it took over TLS: packets in the clear up to Q049, and the hello in Google's own format.
//!
//! What each version changed is told in the notes on versions of its public source: Q044 the header, Q046 the header again, Q047 ids of any length, Q048
//! CRYPTO frames, Q049 lengths in the header.

use crate::hint::ClientHello;
use crate::names::cursor::Cursor;
use crate::names::quic::dialect::FrameSet;
use crate::names::quic::header::{FIRST_ID_MIN, ID_MAX};
use crate::names::text::host_name;

/// Bits of a long header.
const LONG: u8 = 0xc0;
/// Type 0x7f was an Initial up to draft-ietf-quic-transport-13.
const OLD_INITIAL: u8 = 0xff;
/// Version and connection id of eight octets are there; the bits above are of other headers.
const PUBLIC_FLAGS: u8 = 0x09;
/// Authentication hash of a packet that is not encrypted.
const HASH_OCTETS: usize = 12;
/// Tag and end of a value of a hello.
const ENTRY_OCTETS: usize = 8;

/// Whether a datagram has a header with a version that goes in the clear.
pub(crate) fn has_version(datagram: &[u8]) -> bool {
    clear(datagram).is_some()
}

/// Frames of a client's packet in the clear, and how to read them. Later packets of such versions are encrypted under the same header.
pub(crate) fn clear(datagram: &[u8]) -> Option<(&[u8], FrameSet)> {
    let mut reader = Cursor(datagram);
    let form = reader.u8()?;
    let number_octets =
        if form & LONG == LONG { long(form, &mut reader)? } else { short(form, &mut reader)? };
    reader.take(number_octets + HASH_OCTETS)?;
    Some((reader.0, FrameSet::Google { number_octets }))
}

/// The header up to Q043, down to the packet number; gives the octets of that.
fn short(form: u8, reader: &mut Cursor<'_>) -> Option<usize> {
    if form & (LONG | PUBLIC_FLAGS | 0x06) != PUBLIC_FLAGS {
        return None;
    }
    reader.take(8)?;
    if !matches!(reader.take(4)?, [b'Q', b'0', b'3', b'9'] | [b'Q', b'0', b'4', b'0'..=b'3']) {
        return None;
    }
    Some(match form >> 4 & 3 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => 6,
    })
}

/// The headers from Q044 on, after the IETF's of their time. Of an Initial only, and with an id for the server.
fn long(form: u8, reader: &mut Cursor<'_>) -> Option<usize> {
    let [b'Q', b'0', b'4', version @ b'4'..=b'9'] = *reader.take(4)? else { return None };
    let (is_initial, number_octets) = match version {
        b'4' | b'5' => (form == OLD_INITIAL, 4),
        _ => (form & 0x30 == 0, usize::from(form & 3) + 1),
    };
    let (to, from) = if version == b'9' {
        let lengths = (reader.vector8()?.len(), reader.vector8()?.len());
        // A token and a length, as in the header of later versions.
        let token_octets = reader.varint()?;
        reader.take(token_octets)?;
        reader.varint()?;
        lengths
    } else {
        // Each half tells an id's octets less three; 0 is none.
        let halves = reader.u8()?;
        let octets = |half: u8| if half == 0 { 0 } else { usize::from(half) + 3 };
        let (to, from) = (octets(halves >> 4), octets(halves & 15));
        reader.take(to + from)?;
        (to, from)
    };
    let is_clients = (FIRST_ID_MIN..=ID_MAX).contains(&to) && from <= ID_MAX;
    (is_initial && is_clients).then_some(number_octets)
}

/// Octets of the hello that a message begins, as far as that is known: its head ends with the end of the last value.
pub(crate) fn octets(message: &[u8]) -> Option<usize> {
    let count = count(message)?;
    let last_at = 8 + ENTRY_OCTETS * count.checked_sub(1)?;
    let end = le32(message.get(last_at + 4..)?)?;
    Some((8 + ENTRY_OCTETS * count).saturating_add(end))
}

/// Reads a hello, as far as it is there.
pub(crate) fn hello(message: &[u8]) -> Option<ClientHello> {
    let count = count(message)?;
    let values_at = 8 + ENTRY_OCTETS * count;
    let mut hello = ClientHello::default();
    let mut from = 0;
    for entry in message.get(8..)?.chunks_exact(ENTRY_OCTETS).take(count) {
        let (tag, end) = entry.split_at_checked(4)?;
        let end = le32(end)?;
        if tag == b"SNI\0" {
            let value = message.get(values_at + from..values_at.saturating_add(end))?;
            hello.server_name = host_name(value);
        }
        from = end;
    }
    Some(hello)
}

/// Values of a hello: the count stands behind its tag, with two octets of nothing.
fn count(message: &[u8]) -> Option<usize> {
    let [low, high, ..] = *message.strip_prefix(b"CHLO")? else { return None };
    Some(usize::from(u16::from_le_bytes([low, high])))
}

fn le32(octets: &[u8]) -> Option<usize> {
    octets.first_chunk().and_then(|four| usize::try_from(u32::from_le_bytes(*four)).ok())
}
