//! The maker of a network interface: prefixes of 36, 28 and 24 bits, the longest first.
//! A prefix names whoever the listing names; which vendor that is, the vendor files say.

use crate::catalog::codec::{Broken, Cursor, Texts, push_column, push_number, push_texts};

/// Prefix lengths of the listing, longest first.
pub(crate) const PREFIX_BITS: [u32; 3] = [36, 28, 24];

/// Prefixes of one length, rising, each with the row of its organisation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MakerPrefixes {
    pub(crate) prefixes: Vec<u64>,
    pub(crate) rows: Vec<u32>,
}

/// Organisations by MAC prefix.
#[derive(Debug, Clone, Default)]
pub(crate) struct Makers {
    pub(crate) organisations: Texts,
    /// Country of the organisation's address as a code; empty where the listing has none.
    pub(crate) countries: Texts,
    /// In the order of [`PREFIX_BITS`].
    pub(crate) lengths: [MakerPrefixes; 3],
}

impl Makers {
    /// The row and the prefix length of the longest prefix that holds `mac`.
    pub(crate) fn find(&self, mac: [u8; 6]) -> Option<(usize, u32)> {
        let whole = mac.iter().fold(0_u64, |whole, byte| whole << 8 | u64::from(*byte));
        self.lengths.iter().zip(PREFIX_BITS).find_map(|(length, bits)| {
            let position = length.prefixes.binary_search(&(whole >> (48 - bits))).ok()?;
            Some((*length.rows.get(position)? as usize, bits))
        })
    }

    /// All prefixes.
    pub(crate) fn len(&self) -> usize {
        self.lengths.iter().map(|length| length.prefixes.len()).sum()
    }

    /// The section's bytes: the same for the same content.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_texts(&mut out, &self.organisations);
        push_texts(&mut out, &self.countries);
        for length in &self.lengths {
            push_column(&mut out, length.rows.iter().copied());
            let mut before = 0;
            for prefix in &length.prefixes {
                push_number(&mut out, u128::from(prefix - before));
                before = *prefix;
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::new(bytes);
        let organisations = cursor.texts()?;
        let countries = cursor.texts()?;
        if organisations.len() != countries.len() {
            return Err("the columns of the maker table do not fit each other");
        }
        let mut lengths = [const { MakerPrefixes { prefixes: Vec::new(), rows: Vec::new() } }; 3];
        for (length, bits) in lengths.iter_mut().zip(PREFIX_BITS) {
            length.rows = cursor.column()?;
            if length.rows.iter().any(|row| *row as usize >= organisations.len()) {
                return Err("a maker prefix points at a row that is not there");
            }
            let mut prefix = 0_u64;
            for position in 0..length.rows.len() {
                let distance =
                    u64::try_from(cursor.number()?).map_err(|_| "a prefix is too long")?;
                prefix = prefix.checked_add(distance).ok_or("a prefix is too long")?;
                if prefix >> bits != 0 || (position > 0 && distance == 0) {
                    return Err("maker prefixes do not rise");
                }
                length.prefixes.push(prefix);
            }
        }
        cursor.end()?;
        Ok(Self { organisations, countries, lengths })
    }
}
