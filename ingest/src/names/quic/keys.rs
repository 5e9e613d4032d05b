//! Keys of a client's Initials (RFC 9001 section 5), and what they open.

use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};

use crate::names::quic::dialect::Dialect;

/// Key, initialisation vector and header protection key. Kept as octets: expanded they are twenty times as large, and that takes 0.1 µs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keys {
    key: [u8; 16],
    iv: [u8; 12],
    mask: [u8; 16],
}

impl Keys {
    /// The client's, from the connection id that it made up for the server.
    pub(crate) fn of_client(dialect: &Dialect, id: &[u8]) -> Option<Self> {
        let initial = Salt::new(HKDF_SHA256, &dialect.salt).extract(id);
        let info = info(b"client in", 32)?;
        let client = Prk::from(initial.expand(&[&info], HKDF_SHA256).ok()?);
        Some(Self {
            key: expand(&client, dialect.labels.key)?,
            iv: expand(&client, dialect.labels.iv)?,
            mask: expand(&client, dialect.labels.mask)?,
        })
    }

    /// The frames of a packet whose number begins at `number_at`; `None` where it was not sealed with these keys.
    pub(crate) fn open(&self, packet: &[u8], number_at: usize) -> Option<Vec<u8>> {
        let sample = packet.get(number_at + 4..number_at + 20)?;
        let [form_mask, number_mask @ ..] =
            HeaderProtectionKey::new(&AES_128, &self.mask).ok()?.new_mask(sample).ok()?;
        let mut octets = packet.to_vec();
        let form = octets.first_mut()?;
        *form ^= form_mask & 0x0f;
        let body_at = number_at + usize::from(*form & 3) + 1;
        let mut nonce = self.iv;
        let number = octets.get_mut(number_at..body_at)?;
        for (octet, mask) in number.iter_mut().zip(number_mask) {
            *octet ^= mask;
        }
        // The first packets of a connection: their numbers are not cut.
        for (place, octet) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *place ^= octet;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).ok()?);
        let (header, body) = octets.split_at_mut_checked(body_at)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let count = key.open_in_place(nonce, Aad::from(&*header), body).ok()?.len();
        octets.truncate(body_at + count);
        octets.drain(..body_at);
        Some(octets)
    }
}

/// `HkdfLabel` without context (RFC 8446 section 7.1).
fn info(label: &[u8], octets: u8) -> Option<Vec<u8>> {
    let length = u8::try_from(6 + label.len()).ok()?;
    Some([&[0, octets, length], b"tls13 ".as_slice(), label, &[0]].concat())
}

struct Octets<const N: usize>;

impl<const N: usize> KeyType for Octets<N> {
    fn len(&self) -> usize {
        N
    }
}

fn expand<const N: usize>(secret: &Prk, label: &[u8]) -> Option<[u8; N]> {
    let info = info(label, u8::try_from(N).ok()?)?;
    let mut octets = [0; N];
    secret.expand(&[&info], Octets::<N>).ok()?.fill(&mut octets).ok()?;
    Some(octets)
}
