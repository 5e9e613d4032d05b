//! Addresses as text, written where they are to lie.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kinds::Text;

/// Room for the longest address as it is put together.
const ADDRESS_OCTETS: usize = 48;

/// Appends an IP address as RFC 5952 section 4 has it.
pub(crate) fn write_ip(address: IpAddr, to: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => write_v4(address, to),
        IpAddr::V6(address) => write_v6(address, to),
    }
}

/// An IP address as text of a row, as RFC 5952 section 4 has it.
pub fn address_text(address: IpAddr) -> Text {
    let mut text = Vec::with_capacity(ADDRESS_OCTETS);
    write_ip(address, &mut text);
    str::from_utf8(&text).unwrap_or_default().into()
}

/// Appends a MAC address.
pub(crate) fn write_mac(octets: [u8; 6], to: &mut Vec<u8>) {
    let mut text = *b"..:..:..:..:..:..";
    for (place, octet) in text.chunks_mut(3).zip(octets) {
        let digits = [digit(octet >> 4), digit(octet & 15)];
        place.iter_mut().zip(digits).for_each(|(place, digit)| *place = digit);
    }
    to.extend_from_slice(&text);
}

/// Put together in a register: what was just written in pieces is slow to read back.
fn write_v4(address: Ipv4Addr, to: &mut Vec<u8>) {
    let (mut text, mut length) = (0_u128, 0);
    for octet in address.octets() {
        let (digits, count) = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
        text |= u128::from(u32::from_le_bytes(digits)) << (8 * length);
        length += count;
    }
    // All of it, for so many octets are one move; then not what is too much, nor the last dot.
    let end = to.len() + length - 1;
    to.extend_from_slice(&text.to_le_bytes());
    to.truncate(end);
}

fn write_v6(address: Ipv6Addr, to: &mut Vec<u8>) {
    if let Some(mapped) = address.to_ipv4_mapped() {
        to.extend_from_slice(b"::ffff:");
        return write_v4(mapped, to);
    }
    let segments = address.segments();
    let (zeros_at, zeros) = longest_zeros(segments);
    for (at, segment) in segments.into_iter().enumerate() {
        if zeros > 1 && (zeros_at..zeros_at + zeros).contains(&at) {
            if at == zeros_at {
                to.extend_from_slice(b"::");
            }
            continue;
        }
        if at > 0 && (zeros < 2 || at != zeros_at + zeros) {
            to.push(b':');
        }
        let [high, low] = segment.to_be_bytes();
        let digits = [digit(high >> 4), digit(high & 15), digit(low >> 4), digit(low & 15)];
        let leading = (segment | 1).leading_zeros() as usize / 4;
        to.extend(digits.iter().skip(leading));
    }
}

/// Where the first of the longest runs of zeros begins, and its length.
fn longest_zeros(segments: [u16; 8]) -> (usize, usize) {
    let (mut longest, mut run) = ((0, 0), (0, 0));
    for (at, segment) in segments.into_iter().enumerate() {
        run = if segment == 0 { (run.0, run.1 + 1) } else { (at + 1, 0) };
        if run.1 > longest.1 {
            longest = run;
        }
    }
    longest
}

const fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// Every octet in decimal with a dot behind it, and the length of that.
const OCTETS: [([u8; 4], usize); 256] = octets();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler"
)]
const fn octets() -> [([u8; 4], usize); 256] {
    let mut all = [([0; 4], 0); 256];
    let mut number = 0;
    while number < 256 {
        let n = number as u8;
        let digits = [b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10];
        let count = if n < 10 {
            1
        } else if n < 100 {
            2
        } else {
            3
        };
        let mut at = 0;
        while at < count {
            all[number].0[at] = digits[3 - count + at];
            at += 1;
        }
        all[number].0[count] = b'.';
        all[number].1 = count + 1;
        number += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(address: IpAddr) -> String {
        let mut text = b"before ".to_vec();
        write_ip(address, &mut text);
        String::from_utf8(text.split_off(7)).unwrap()
    }

    #[test]
    fn every_octet_stands_at_every_place() {
        for n in 0..=255 {
            let all = [
                [n, 0, 9, 255],
                [10, n, 99, 100],
                [1, 2, n, 3],
                [0, 200, 20, n],
                [n, 255 - n, n / 7, n],
            ];
            for octets in all {
                let address = IpAddr::from(octets);
                assert_eq!(text(address), address.to_string());
                assert_eq!(address_text(address), address.to_string());
            }
        }
        assert_eq!(address_text(IpAddr::from([0_u16, 0, 0, 0, 0, 0, 0, 1])), "::1");
    }

    proptest! {
        #[test]
        fn addresses_are_written_as_the_standard_library_writes_them(
            segments: [u16; 8], zeros: u8, short in 0..16_u32, octets: [u8; 6],
        ) {
            let mut segments = segments;
            for (at, segment) in segments.iter_mut().enumerate() {
                *segment = if zeros >> at & 1 == 1 { 0 } else { *segment >> short };
            }
            let [.., a, b] = segments;
            for address in [segments, [0, 0, 0, 0, 0, 0xffff, a, b], [0; 8]].map(IpAddr::from) {
                prop_assert_eq!(text(address), address.to_string());
            }
            let mut mac = Vec::new();
            write_mac(octets, &mut mac);
            let digits = octets.map(|octet| format!("{octet:02x}")).join(":");
            prop_assert_eq!(String::from_utf8(mac).unwrap(), digits);
        }
    }
}
