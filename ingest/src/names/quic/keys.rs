//! Keys of a client's Initials (RFC 9001 section 5), and what they open.

use hkdf::Hkdf;
use ring::aead::quic::{AES_128, HeaderProtectionKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::Sha256;
use smallvec::SmallVec;

use crate::names::quic::dialect::Dialect;

/// Octets of a header that lie where it is opened: all but those with a long token.
const HEADER_MAX: usize = 64;

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
        let initial = Hkdf::<Sha256>::new(Some(&dialect.salt), id);
        let client = Hkdf::from_prk(&expand::<32>(&initial, b"client in")?).ok()?;
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
        let form = packet.first()? ^ form_mask & 0x0f;
        let (header, body) = packet.split_at_checked(number_at + usize::from(form & 3) + 1)?;
        let mut header: SmallVec<[u8; HEADER_MAX]> = header.into();
        *header.first_mut()? = form;
        let mut nonce = self.iv;
        let number = header.get_mut(number_at..)?;
        for (octet, mask) in number.iter_mut().zip(number_mask) {
            *octet ^= mask;
        }
        // The first packets of a connection: their numbers are not cut.
        for (place, octet) in nonce.iter_mut().rev().zip(number.iter().rev()) {
            *place ^= octet;
        }
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &self.key).ok()?);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let mut octets = body.to_vec();
        let count = key.open_in_place(nonce, Aad::from(&*header), &mut octets).ok()?.len();
        octets.truncate(count);
        Some(octets)
    }
}

/// With an `HkdfLabel` without context (RFC 8446 section 7.1).
fn expand<const N: usize>(secret: &Hkdf<Sha256>, label: &[u8]) -> Option<[u8; N]> {
    let lengths = [0, u8::try_from(N).ok()?, u8::try_from(6 + label.len()).ok()?];
    let mut octets = [0; N];
    secret.expand_multi_info(&[&lengths, b"tls13 ", label, &[0]], &mut octets).ok()?;
    Some(octets)
}
