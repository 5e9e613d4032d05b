//! The country of an address, as a location database sees it.
//! Special-purpose and anycast ranges are not here: they are asked first.

use crate::catalog::codec::{Broken, Cursor, Texts, push_table, push_texts};
use crate::catalog::range::Table;

/// Country codes by address range.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) codes: Texts,
    pub(crate) table: Table,
}

impl Places {
    /// The country that a value of the table stands for.
    pub(crate) fn code(&self, value: u32) -> Option<&str> {
        Some(self.codes.at(value.checked_sub(1)? as usize))
    }

    /// The section's bytes: the same for the same content.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_texts(&mut out, &self.codes);
        push_table(&mut out, &self.table);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::new(bytes);
        let codes = cursor.texts()?;
        let table = cursor.table(codes.len())?;
        cursor.end()?;
        Ok(Self { codes, table })
    }
}
