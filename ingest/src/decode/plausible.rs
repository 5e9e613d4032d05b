//! Whether octets are a packet, where nothing says so but they themselves: a header that closes in itself, by length and check sum.

use crate::decode::bytes::{array, be16, u8_at};

/// Tags walked before the type of a frame.
const TAGS_MAX: usize = 4;
/// Protocols that follow an IPv6 header: its extensions, transports, tunnels, and none.
const V6_NEXT: [u8; 16] = [0, 4, 6, 17, 33, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132, 136];

/// Whether an IP packet of at most `room` octets begins here.
pub(crate) fn packet(bytes: &[u8], at: usize, room: usize) -> bool {
    match u8_at(bytes, at).map(|first| first >> 4) {
        Some(4) => v4(bytes, at, room).is_some(),
        Some(6) => v6(bytes, at, room).is_some(),
        _ => false,
    }
}

fn v4(bytes: &[u8], at: usize, room: usize) -> Option<()> {
    let header = usize::from(u8_at(bytes, at)? & 0x0f) * 4;
    let total = usize::from(be16(bytes, at + 2)?);
    let words = bytes.get(at..at + header)?.chunks_exact(2);
    // One's complement sum over the header, its own field included (RFC 791 section 3.1).
    let sum: u32 = words.map(|word| be16(word, 0).map_or(0, u32::from)).sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    (header >= 20 && (header..=room).contains(&total) && sum == 0xffff).then_some(())
}

fn v6(bytes: &[u8], at: usize, room: usize) -> Option<()> {
    let [payload_high, payload_low, next, hops, sender, ..] = array::<36>(bytes, at + 4)?;
    let octets = 40 + usize::from(u16::from_be_bytes([payload_high, payload_low]));
    (octets <= room && V6_NEXT.contains(&next) && hops > 0 && sender != 0xff).then_some(())
}

/// Whether an Ethernet frame with IP or ARP in at most `room` octets begins here.
pub(crate) fn ethernet(bytes: &[u8], start: usize, room: usize) -> bool {
    let mut at = start + 12;
    for _ in 0..=TAGS_MAX {
        let Some(kind) = be16(bytes, at) else { return false };
        at += 2;
        match kind {
            0x0800 | 0x86dd => {
                let version = u8_at(bytes, at).map(|first| first >> 4);
                let stated = if kind == 0x0800 { 4 } else { 6 };
                let left = room.saturating_sub(at - start);
                return version == Some(stated) && packet(bytes, at, left);
            }
            // Ethernet and IPv4, six octets and four (RFC 826).
            0x0806 => return array(bytes, at) == Some([0, 1, 8, 0, 6, 4]),
            0x8100 | 0x88a8 | 0x9100 => at += 2,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 1071's way, on an example with a known sum (b861).
    const V4: [u8; 20] = [
        0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,
        0xc7,
    ];

    #[test]
    fn a_header_that_closes_in_itself() {
        assert!(packet(&V4, 0, 0x73) && packet(&V4, 0, usize::MAX));
        assert!(!packet(&V4, 0, 0x72), "longer than what it lies in");
        assert!(!packet(&V4[..19], 0, 0x73), "cut");
        for (at, value) in [(0, 0x55), (0, 0x44), (3, 0x10), (8, 0x3f), (19, 0)] {
            let mut other = V4;
            other[at] = value;
            assert!(!packet(&other, 0, 0x73), "{at}");
        }
    }

    #[test]
    fn a_frame_that_holds_one() {
        let frame = |types: &[u8]| [&[2; 12], types, &V4].concat();
        for types in [&[8, 0][..], &[0x81, 0, 0, 1, 8, 0], &[0x88, 0xa8, 0, 1, 0x81, 0, 0, 2, 8, 0]]
        {
            assert!(ethernet(&frame(types), 0, usize::MAX), "{types:x?}");
        }
        for types in [&[0x86, 0xdd][..], &[8, 1], &[0x81, 0], &[0x81, 0, 0, 1].repeat(6)] {
            assert!(!ethernet(&frame(types), 0, usize::MAX), "{types:x?}");
        }
        assert!(!ethernet(&frame(&[8, 0]), 0, 14 + 0x72));
        assert!(ethernet(&[&[2; 12][..], &[8, 6, 0, 1, 8, 0, 6, 4]].concat(), 0, usize::MAX));
    }
}
