//! The network of an address: AS number, organisation, and the country its registry states.
//! An AS may hold blocks registered in several countries, so a row is a pair of AS and country.

use std::net::IpAddr;

use crate::catalog::codec::{Broken, Cursor, Texts, push_column, push_table, push_texts};
use crate::catalog::range::Table;

/// One AS with the organisation's name as the feed writes it, and the country of the block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetworkRow<'a> {
    pub(crate) asn: u32,
    pub(crate) organisation: &'a str,
    pub(crate) country: Option<&'a str>,
}

/// Networks by address range.
#[derive(Debug, Clone, Default)]
pub(crate) struct Networks {
    /// Rising AS numbers, one an organisation.
    pub(crate) asns: Vec<u32>,
    pub(crate) organisations: Texts,
    pub(crate) codes: Texts,
    /// Pairs: which AS, and which country plus one (0 = none).
    pub(crate) pair_asns: Vec<u32>,
    pub(crate) pair_countries: Vec<u32>,
    pub(crate) table: Table,
}

impl Networks {
    /// The network that announces `ip`.
    pub(crate) fn find(&self, ip: IpAddr) -> Option<NetworkRow<'_>> {
        self.row(self.table.find(ip))
    }

    /// The row a value of the table points at.
    pub(crate) fn row(&self, value: u32) -> Option<NetworkRow<'_>> {
        let pair = value.checked_sub(1)? as usize;
        let position = *self.pair_asns.get(pair)? as usize;
        let country = self.pair_countries.get(pair).and_then(|code| code.checked_sub(1));
        Some(NetworkRow {
            asn: *self.asns.get(position)?,
            organisation: self.organisations.at(position),
            country: country.map(|code| self.codes.at(code as usize)),
        })
    }

    /// The organisation of an AS, if any of its ranges is in the table.
    pub(crate) fn organisation(&self, asn: u32) -> Option<&str> {
        let position = self.asns.binary_search(&asn).ok()?;
        Some(self.organisations.at(position))
    }

    /// The section's bytes: the same for the same content.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_column(&mut out, self.asns.iter().copied());
        push_texts(&mut out, &self.organisations);
        push_texts(&mut out, &self.codes);
        push_column(&mut out, self.pair_asns.iter().copied());
        push_column(&mut out, self.pair_countries.iter().copied());
        push_table(&mut out, &self.table);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Broken> {
        let mut cursor = Cursor::new(bytes);
        let asns = cursor.column()?;
        let organisations = cursor.texts()?;
        let codes = cursor.texts()?;
        let pair_asns = cursor.column()?;
        let pair_countries = cursor.column()?;
        let table = cursor.table(pair_asns.len())?;
        cursor.end()?;
        let whole = asns.len() == organisations.len()
            && asns.is_sorted_by(|a, b| a < b)
            && pair_asns.len() == pair_countries.len()
            && pair_asns.iter().all(|position| (*position as usize) < asns.len())
            && pair_countries.iter().all(|code| *code as usize <= codes.len());
        if !whole {
            return Err("the columns of the network table do not fit each other");
        }
        Ok(Self { asns, organisations, codes, pair_asns, pair_countries, table })
    }
}
