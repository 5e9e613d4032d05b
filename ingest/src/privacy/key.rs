//! The key of the pseudonyms: whoever has it can test who somebody was; once it is destroyed, nobody can.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use aes::Aes128;
use aes::cipher::KeyInit as _;
use schemas::store::manifest::hex;
use sha2::{Digest as _, Sha256};

use crate::privacy::error::PrivacyError;

const KEY: usize = 32;
/// Nothing longer is read; a key in hexadecimal has 64 digits and perhaps a line's end.
const FILE_MAX: u64 = 256;
/// Permissions of group and others.
const NOT_THE_OWNER: u32 = 0o077;

/// A key; never shown, only its id is.
#[derive(Clone)]
pub(crate) struct Key([u8; KEY]);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id())
    }
}

impl Key {
    /// Reads a key that only its owner may read, and that does not lie in the store.
    pub(crate) fn read(path: &Path, store: Option<&Path>) -> Result<Self, PrivacyError> {
        let failed = |source| PrivacyError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
        if mode & NOT_THE_OWNER != 0 {
            return Err(PrivacyError::Open { path: path.to_owned(), mode });
        }
        let place = path.canonicalize().map_err(failed)?;
        // A store that is not there yet holds no key.
        let store = store.and_then(|store| store.canonicalize().ok());
        if store.is_some_and(|store| place.starts_with(store)) {
            return Err(PrivacyError::InStore(path.to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(FILE_MAX).read_to_end(&mut bytes).map_err(failed)?;
        Self::parse(&bytes).ok_or_else(|| PrivacyError::Form(path.to_owned()))
    }

    /// A key that nobody will know.
    pub(crate) fn fresh() -> Result<Self, PrivacyError> {
        let source = Path::new("/dev/urandom");
        let mut key = [0; KEY];
        let read = |key: &mut [u8]| -> io::Result<()> { File::open(source)?.read_exact(key) };
        read(&mut key)
            .map_err(|error| PrivacyError::Read { path: source.into(), source: error })?;
        Ok(Self(key))
    }

    /// 32 octets as they are, or in hexadecimal.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        if let Ok(key) = bytes.try_into() {
            return Some(Self(key));
        }
        let text = std::str::from_utf8(bytes).ok()?.trim();
        let digit = |c: char| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        let digits: Vec<u8> = text.chars().map(digit).collect::<Option<_>>()?;
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let octets: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        octets.try_into().ok().map(Self)
    }

    /// Tells keys from each other; says nothing of them.
    pub(crate) fn id(&self) -> String {
        let [id @ .., _, _, _, _, _, _, _, _] = self.derive(b"id");
        hex(&id)
    }

    /// The two halves as Crypto-PAn takes them: the cipher's key, and what becomes the pad.
    pub(crate) fn halves(&self) -> ([u8; KEY / 2], [u8; KEY / 2]) {
        let (mut key, mut pad) = ([0; KEY / 2], [0; KEY / 2]);
        key.iter_mut().chain(&mut pad).zip(self.0).for_each(|(to, from)| *to = from);
        (key, pad)
    }

    /// A cipher for another purpose, from which nothing follows for this one.
    pub(crate) fn cipher(&self, purpose: &[u8]) -> Aes128 {
        Aes128::new(&self.derive(purpose).into())
    }

    fn derive(&self, purpose: &[u8]) -> [u8; KEY / 2] {
        let hash = Sha256::new().chain_update(b"outflow privacy ").chain_update(purpose);
        let mut short = [0; KEY / 2];
        let hash = hash.chain_update(self.0).finalize();
        short.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        short
    }
}
