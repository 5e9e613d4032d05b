//! Builds QUIC packets as a client and a server send them first, really encrypted: any dissector must be able to read the hello.
//!
//! Keys are derived here from the specification, and not with the code of the probe, which has to find the same.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hmac;

use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::wire::{Wire, length16};

/// Versions that are planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuicVersion {
    /// RFC 9000.
    V1,
    /// RFC 9369.
    V2,
    /// draft-ietf-quic-transport-29.
    Draft29,
    /// draft-ietf-quic-transport-27.
    Draft27,
    /// draft-ietf-quic-transport-22.
    Draft22,
    /// Google's, in the clear, with a header like that of its time's drafts.
    Q044,
    /// The same, with a later one.
    Q046,
    /// The same, with ids of any length.
    Q047,
    /// The same, with CRYPTO frames.
    Q048,
    /// The same, with the header that stayed.
    Q049,
    /// Google's, in the clear, with the older header.
    Q043,
}

impl QuicVersion {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::V1,
        Self::V2,
        Self::Draft29,
        Self::Draft27,
        Self::Draft22,
        Self::Q049,
        Self::Q048,
        Self::Q047,
        Self::Q046,
        Self::Q044,
        Self::Q043,
    ];

    /// The number on the wire.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 0x6b33_43cf,
            Self::Draft29 => 0xff00_001d,
            Self::Draft27 => 0xff00_001b,
            Self::Draft22 => 0xff00_0016,
            Self::Q049 => u32::from_be_bytes(*b"Q049"),
            Self::Q048 => u32::from_be_bytes(*b"Q048"),
            Self::Q047 => u32::from_be_bytes(*b"Q047"),
            Self::Q046 => u32::from_be_bytes(*b"Q046"),
            Self::Q044 => u32::from_be_bytes(*b"Q044"),
            Self::Q043 => u32::from_be_bytes(*b"Q043"),
        }
    }

    /// Whether its first packets are encrypted, and carry a hello of TLS.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::V1 | Self::V2 | Self::Draft29 | Self::Draft27 | Self::Draft22)
    }

    /// Writes a frame with a piece of the hello.
    pub(crate) fn piece(self) -> fn(&mut Wire, usize, &[u8]) {
        match self {
            Self::Q043 | Self::Q044 | Self::Q046 | Self::Q047 => stream,
            Self::Q048 | Self::Q049 => |w, offset, data| numbered(w.u8(8), offset, data),
            _ => crypto,
        }
    }

    fn salt(self) -> [u8; 20] {
        let number: u128;
        let tail: u32;
        (number, tail) = match self {
            Self::V2 => (0x0ded_e3de_f700_a6db_8193_81be_6e26_9dcb, 0xf9bd_2ed9),
            Self::Draft29 => (0xafbf_ec28_9993_d24c_9e97_86f1_9c61_11e0, 0x4390_a899),
            Self::Draft27 => (0xc3ee_f712_c72e_bb5a_11a7_d243_2bb4_6365, 0xbef9_f502),
            Self::Draft22 => (0x7fbc_db0e_7c66_bbe9_193a_96cd_2151_9ebd, 0x7a02_644a),
            _ => (0x3876_2cf7_f559_34b3_4d17_9ae6_a4c8_0cad, 0xccbb_7f0a),
        };
        let mut salt = [0; 20];
        let octets = number.to_be_bytes().into_iter().chain(tail.to_be_bytes());
        salt.iter_mut().zip(octets).for_each(|(place, octet)| *place = octet);
        salt
    }

    /// The first octet of a packet: 0 = Initial, 1 = 0-RTT, 2 = Handshake, 3 = Retry.
    fn form(self, kind: u8) -> u8 {
        let kind = if self == Self::V2 { (kind + 1) % 4 } else { kind };
        0xc0 | kind << 4
    }
}

/// Connection ids of the receiver and the sender of a packet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) to: &'a [u8],
    pub(crate) from: &'a [u8],
}

/// What one side seals its Initials with.
#[derive(Debug)]
pub(crate) struct Seal {
    version: QuicVersion,
    key: Vec<u8>,
    iv: Vec<u8>,
    mask: Vec<u8>,
}

fn derive(secret: &[u8], label: &str, octets: u8) -> Vec<u8> {
    let info = Wire::of(|w| {
        w.u16(u16::from(octets)).sized8(|w| {
            w.bytes(b"tls13 ").bytes(label.as_bytes());
        });
        // No context; and the number of the only block (RFC 5869 section 2.3).
        w.u8(0).u8(1);
    });
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), &info);
    tag.as_ref().iter().take(usize::from(octets)).copied().collect()
}

impl Seal {
    /// Of the client, or the server, for the id that the client made up for the server.
    pub(crate) fn new(version: QuicVersion, id: &[u8], is_client: bool) -> Self {
        let initial = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &version.salt()), id);
        let secret =
            derive(initial.as_ref(), if is_client { "client in" } else { "server in" }, 32);
        let prefix = if version == QuicVersion::V2 { "quicv2" } else { "quic" };
        let part = |name: &str, octets| derive(&secret, &format!("{prefix} {name}"), octets);
        Self { version, key: part("key", 16), iv: part("iv", 12), mask: part("hp", 16) }
    }

    /// An Initial of these frames.
    pub(crate) fn initial(
        &self,
        ids: Ids<'_>,
        token: &[u8],
        number: u32,
        frames: &[u8],
    ) -> Vec<u8> {
        let head = Wire::of(|w| {
            w.u8(self.version.form(0) | 3).u32(self.version.number());
            ids.write(w);
            varint(w, token.len());
            w.bytes(token);
            varint(w, 4 + frames.len() + 16);
        });
        let number_at = head.len();
        // Nothing of fixed lengths can fail to be sealed.
        self.close(head, number_at, number, frames).unwrap_or_default()
    }

    fn close(
        &self,
        mut head: Vec<u8>,
        number_at: usize,
        number: u32,
        frames: &[u8],
    ) -> Option<Vec<u8>> {
        head.extend(number.to_be_bytes());
        let mut nonce: [u8; 12] = self.iv.as_slice().try_into().ok()?;
        nonce.iter_mut().rev().zip(number.to_le_bytes()).for_each(|(place, octet)| *place ^= octet);
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).ok()?);
        let mut body = frames.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        key.seal_in_place_append_tag(nonce, Aad::from(&head), &mut body).ok()?;
        let [form_mask, mask @ ..] =
            HeaderProtectionKey::new(&AES_128, &self.mask).ok()?.new_mask(body.get(..16)?).ok()?;
        *head.first_mut()? ^= form_mask & 0x0f;
        head.iter_mut().skip(number_at).zip(mask).for_each(|(place, octet)| *place ^= octet);
        head.extend(body);
        Some(head)
    }
}

impl Ids<'_> {
    fn write(&self, w: &mut Wire) {
        for id in [self.to, self.from] {
            w.sized8(|w| {
                w.bytes(id);
            });
        }
    }
}

/// A number in as few octets as hold it, up to four (RFC 9000 section 16).
pub(crate) fn varint(w: &mut Wire, value: usize) {
    match u16::try_from(value) {
        Ok(short) if short < 0x40 => w.bytes(&short.to_be_bytes()[1..]),
        Ok(short) if short < 0x4000 => w.u16(0x4000 | short),
        _ => w.u32(0x8000_0000 | u32::try_from(value).unwrap_or(0x3fff_ffff)),
    };
}

/// A CRYPTO frame (RFC 9000 section 19.6).
pub(crate) fn crypto(w: &mut Wire, offset: usize, data: &[u8]) {
    numbered(w.u8(6), offset, data);
}

fn numbered(w: &mut Wire, offset: usize, data: &[u8]) {
    varint(w, offset);
    varint(w, data.len());
    w.bytes(data);
}

/// A 0-RTT or Handshake packet, whose content nobody on the path can read.
pub(crate) fn opaque(version: QuicVersion, kind: u8, ids: Ids<'_>, content: &[u8]) -> Vec<u8> {
    Wire::of(|w| {
        w.u8(version.form(kind)).u32(version.number());
        ids.write(w);
        varint(w, content.len());
        w.bytes(content);
    })
}

/// A Retry; its integrity tag is a random one.
pub(crate) fn retry(version: QuicVersion, ids: Ids<'_>, token: &[u8], rng: &mut Rng) -> Vec<u8> {
    Wire::of(|w| {
        w.u8(version.form(3)).u32(version.number());
        ids.write(w);
        w.bytes(token).bytes(&rng.bytes(16));
    })
}

/// A version negotiation (RFC 9000 section 17.2.1).
pub(crate) fn negotiation(version: QuicVersion, ids: Ids<'_>) -> Vec<u8> {
    Wire::of(|w| {
        w.u8(0xc0).u32(0);
        ids.write(w);
        w.u32(version.number()).u32(0x1a2a_3a4a);
    })
}

/// A packet of Google's before encryption: header, hash, frames.
pub(crate) fn clear(version: QuicVersion, id: &[u8], frames: &[u8], rng: &mut Rng) -> Vec<u8> {
    let half = |id: &[u8]| u8::try_from(id.len()).unwrap_or(0).saturating_sub(3) << 4;
    Wire::of(|w| {
        match version {
            QuicVersion::Q043 => w.u8(0x09).bytes(id).u32(version.number()).u8(1),
            QuicVersion::Q044 => w.u8(0xff).u32(version.number()).u8(half(id)).bytes(id).u32(1),
            QuicVersion::Q049 => {
                w.u8(0xc3).u32(version.number());
                Ids { to: id, from: &[] }.write(w);
                w.u8(0);
                varint(w, 4 + 12 + frames.len());
                w.u32(1)
            }
            _ => w.u8(0xc3).u32(version.number()).u8(half(id)).bytes(id).u32(1),
        };
        w.bytes(&rng.bytes(12)).bytes(frames);
    })
}

/// A frame of Google's handshake stream.
pub(crate) fn stream(w: &mut Wire, offset: usize, data: &[u8]) {
    if offset == 0 {
        w.u8(0xa0).u8(1);
    } else {
        w.u8(0xa4).u8(1).u16(length16(offset));
    }
    w.sized16(|w| {
        w.bytes(data);
    });
}

/// Google's own client hello; its numbers are little-endian.
pub(crate) fn chlo(name: Option<&str>, padding: usize, rng: &mut Rng) -> Vec<u8> {
    let mut values: Vec<(&[u8; 4], Vec<u8>)> = vec![(b"PAD\0", vec![b'-'; padding])];
    values.extend(name.map(|name| (b"SNI\0", name.as_bytes().to_vec())));
    values.push((b"VER\0", b"Q046".to_vec()));
    values.push((b"CCS\0", rng.bytes(16)));
    values.push((b"UAID", b"Chrome/70 Android 9".to_vec()));
    Wire::of(|w| {
        w.bytes(b"CHLO").bytes(&length16(values.len()).to_le_bytes()).bytes(&[0, 0]);
        let mut end = 0_u32;
        for (tag, value) in &values {
            end += u32::from(length16(value.len()));
            w.bytes(*tag).bytes(&end.to_le_bytes());
        }
        for (_, value) in &values {
            w.bytes(value);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::quic::{Conversation, Outcome};

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    /// The client's Initial of both appendices: 245 octets of a frame, then padding.
    fn frames() -> Vec<u8> {
        let mut frames = hex(
            "060040f1010000ed0303ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c0000\
             0413011302010000c000000010000e00000b6578616d706c652e636f6dff01000100000a00080006001d0017\
             0018001000070005\
             04616c706e000500050100000000003300260024001d00209370b2c9caa47fbabaf4559fedba753de171fa71\
             f50f1ce15d43e994ec74d748002b0003020304000d0010000e0403050306030203080408050806002d000201\
             01001c00024001003900320408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901\
             100f088394c8f03e51570806048000ffff",
        );
        frames.resize(1_162, 0);
        frames
    }

    #[test]
    fn rfc9001_and_rfc9369_appendix_a_client_initial() {
        let id = hex("8394c8f03e515708");
        for (version, key, begin, end) in [
            (
                QuicVersion::V1,
                "1f369613dd76d5467730efcbe3b1a22dfa044b2f42a3fd3b46fb255c9f50449e04a0e810283a1e9933adedd2",
                "c000000001088394c8f03e5157080000449e7b9aec34d1b1c98dd7689fb8ec11",
                "e221af44860018ab0856972e194cd934",
            ),
            (
                QuicVersion::V2,
                "8b1a0bc121284290a29e0971b5cd045d91f73e2351d8fa91660e909f45b95e15235d6f45a6b19cbcb0294ba9",
                "d76b3343cf088394c8f03e5157080000449ea0c95e82ffe67b6abcdb4298b485",
                "a18b2faa745b6fe189cf772a9f84cbfc",
            ),
        ] {
            let seal = Seal::new(version, &id, true);
            assert_eq!([&*seal.key, &*seal.iv, &*seal.mask].concat(), hex(key));
            // The last sixteen octets are the tag, which vouches for all before it.
            let packet = seal.initial(Ids { to: &id, from: &[] }, &[], 2, &frames());
            assert_eq!((&packet[..32], &packet[1_184..]), (&*hex(begin), &*hex(end)));
            let Outcome::Hello(hello) = Conversation::default().take(&packet) else {
                panic!("{version:?} is not opened")
            };
            assert_eq!(hello.server_name.as_deref(), Some("example.com"));
            assert_eq!((hello.alpn.as_deref(), hello.version), (Some("alpn"), Some("TLSv13")));
        }
    }
}
