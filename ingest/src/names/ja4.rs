//! JA4: what a client hello offers, as 36 characters (`FoxIO`, "JA4: TLS Client Fingerprinting", BSD 3-Clause; the rest of JA4+ is not ours to use).

use schemas::Fingerprint;
use sha2::{Digest as _, Sha256};
use smallvec::{SmallVec, smallvec};

/// Octets of the text.
const OCTETS: usize = 36;
/// Octets of a hash that are kept.
const KEPT: usize = 6;

/// Numbers of a hello; as many as most have lie where they are made.
pub(crate) type Numbers = SmallVec<[u16; 64]>;

/// A fingerprint, as octets: there may be many, and text takes twice the room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ja4 {
    head: [u8; 10],
    suites: [u8; KEPT],
    extensions: [u8; KEPT],
}

/// What it is made of, in the order of the hello.
#[derive(Debug, Default)]
pub(crate) struct Offer<'a> {
    /// Cipher suites, two octets each.
    pub(crate) suites: &'a [u8],
    /// Types of the extensions.
    pub(crate) extensions: Numbers,
    /// Highest version.
    pub(crate) version: u16,
    /// Whether a server is named.
    pub(crate) is_named: bool,
    /// First protocol of ALPN.
    pub(crate) alpn: &'a [u8],
    /// Signature algorithms, two octets each.
    pub(crate) signatures: &'a [u8],
}

impl Offer<'_> {
    /// The fingerprint over TCP.
    pub(crate) fn ja4(&self) -> Ja4 {
        let mut suites = words(self.suites);
        suites.sort_unstable();
        let kinds = self.extensions.iter().copied();
        let mut extensions: Numbers = kinds.filter(|kind| !is_grease(*kind)).collect();
        let [suites_high, suites_low] = two_digits(suites.len());
        let [kinds_high, kinds_low] = two_digits(extensions.len());
        // The name and ALPN are told in the head.
        extensions.retain(|kind| !matches!(*kind, 0 | 16));
        extensions.sort_unstable();
        let [version_high, version_low] = *match self.version {
            0x0304 => b"13",
            0x0303 => b"12",
            0x0302 => b"11",
            0x0301 => b"10",
            0x0300 => b"s3",
            0xfefc => b"d3",
            0xfefd => b"d2",
            0xfeff => b"d1",
            _ => b"00",
        };
        let [alpn_first, alpn_last] = ends(self.alpn);
        Ja4 {
            head: [
                b't',
                version_high,
                version_low,
                if self.is_named { b'd' } else { b'i' },
                suites_high,
                suites_low,
                kinds_high,
                kinds_low,
                alpn_first,
                alpn_last,
            ],
            suites: hash(&suites, &[]),
            extensions: hash(&extensions, &words(self.signatures)),
        }
    }
}

impl Ja4 {
    /// The same over another transport: `q` for QUIC, `d` for DTLS.
    #[must_use]
    pub const fn over(mut self, transport: u8) -> Self {
        self.head[0] = transport;
        self
    }

    /// As text.
    pub fn text(&self) -> Fingerprint {
        let mut text = [b'_'; OCTETS];
        let (head, hashes) = text.split_at_mut(self.head.len());
        head.copy_from_slice(&self.head);
        for (to, part) in hashes.chunks_mut(1 + 2 * KEPT).zip([&self.suites, &self.extensions]) {
            let digits =
                part.iter().flat_map(|octet| [hex_digit(octet >> 4), hex_digit(octet & 15)]);
            to.iter_mut().skip(1).zip(digits).for_each(|(to, digit)| *to = digit);
        }
        Fingerprint(text)
    }
}

impl std::fmt::Display for Ja4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// Reserved values, which clients strew in at random (RFC 8701).
pub(crate) const fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

fn words(octets: &[u8]) -> Numbers {
    let (pairs, _) = octets.as_chunks();
    pairs.iter().map(|pair| u16::from_be_bytes(*pair)).filter(|word| !is_grease(*word)).collect()
}

fn two_digits(count: usize) -> [u8; 2] {
    let count = u8::try_from(count).unwrap_or(99).min(99);
    [b'0' + count / 10, b'0' + count % 10]
}

/// First and last character; of the hexadecimal form, where either is neither letter nor digit.
fn ends(alpn: &[u8]) -> [u8; 2] {
    let (Some(&first), Some(&last)) = (alpn.first(), alpn.last()) else { return *b"00" };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [first, last];
    }
    [hex_digit(first >> 4), hex_digit(last & 15)]
}

/// Four hexadecimal digits at once: six more carry out of the four bits of those that are letters.
const fn hex(value: u16) -> [u8; 4] {
    let value = value as u32;
    let octets = (value | value << 8) & 0x00ff_00ff;
    let digits = (octets | octets << 4) & 0x0f0f_0f0f;
    let are_letters = (digits + 0x0606_0606) >> 4 & 0x0101_0101;
    (digits + 0x3030_3030 + are_letters * 39).to_be_bytes()
}

const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// The beginning of the SHA-256 of a list in text form, and of another after it; zeros where there is no first one.
fn hash(list: &[u16], after: &[u16]) -> [u8; KEPT] {
    if list.is_empty() {
        return [0; KEPT];
    }
    let mut text: SmallVec<[u8; 512]> = smallvec![b','; 5 * (list.len() + after.len())];
    let (before_each, _) = text.as_chunks_mut::<5>();
    let (listed, others) = before_each.split_at_mut(list.len());
    others.iter_mut().take(1).for_each(|[separator, ..]| *separator = b'_');
    for (texts, values) in [(listed, list), (others, after)] {
        for ([_, digits @ ..], value) in texts.iter_mut().zip(values) {
            *digits = hex(*value);
        }
    }
    // Nothing separates the first number.
    let text = text.get(1..).unwrap_or_default();
    Sha256::digest(text).first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(words: &[u16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn the_example_of_the_description() {
        let suites = octets(&[
            0x6a6a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
            0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
        ]);
        let signatures = octets(&[0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]);
        let offer = Offer {
            suites: &suites,
            extensions: smallvec![
                0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005,
                0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015, 0xbaba,
            ],
            version: 0x0304,
            is_named: true,
            alpn: b"h2",
            signatures: &signatures,
        };
        assert_eq!(offer.ja4().to_string(), "t13d1516h2_8daaf6152771_e5627efa2ab1");
        assert!(offer.ja4().over(b'q').to_string().starts_with("q13d1516h2_"));
    }

    #[test]
    fn numbers_are_written_in_four_digits() {
        for value in 0..=u16::MAX {
            assert_eq!(hex(value), format!("{value:04x}").as_bytes());
        }
    }

    #[test]
    fn what_is_not_offered_is_zero() {
        assert_eq!(Offer::default().ja4().to_string(), "t00i000000_000000000000_000000000000");
        let many = Offer { extensions: smallvec![5; 150], ..Offer::default() };
        assert!(many.ja4().to_string().starts_with("t00i009900_"));
    }

    #[test]
    fn alpn_is_told_by_its_ends() {
        for (alpn, told) in [
            (b"h2".as_slice(), b"h2"),
            (b"http/1.1", b"h1"),
            (b"h", b"hh"),
            (&[0xab], b"ab"),
            (&[0xab, 0xcd], b"ad"),
            (&[0x30, 0xab], b"3b"),
            (&[0x30, 0x31, 0xab, 0xcd], b"3d"),
            (b"", b"00"),
        ] {
            assert_eq!(ends(alpn), *told, "{alpn:?}");
        }
    }
}
