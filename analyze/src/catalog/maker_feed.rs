//! MAC prefixes out of the IEEE listing, as JSON (`{"PREFIX": "name\naddress…\ncountry"}`) or as
//! lines of `prefix,organisation[,CC]`. Blocks that the registry only subdivides name no maker.

use std::collections::BTreeMap;

use crate::catalog::csv::rows;
use crate::catalog::error::CatalogError;
use crate::catalog::feed::{Feed, Loaded};
use crate::catalog::makers::{Makers, PREFIX_BITS};
use crate::catalog::prefix::country_or_none;
use crate::catalog::snapshot::Source;

/// Holder of the blocks that are handed on in smaller ones.
const REGISTRY: &str = "IEEE Registration Authority";
/// What the listing says when a holder wants no name.
const UNNAMED: &str = "Private";

/// Countries as the listing spells them. A name that is not here gives no country.
const COUNTRY_NAMES: &str = include_str!("../../catalog/country_names.csv");

/// Prefixes on their way: prefix length and prefix, to organisation and country.
#[derive(Debug, Default)]
struct Collected {
    prefixes: BTreeMap<(u32, u64), (String, String)>,
}

/// The makers of all `feeds` together.
pub(crate) fn makers(feeds: &[Feed]) -> Result<(Makers, Vec<Source>), CatalogError> {
    let mut names = BTreeMap::new();
    for row in rows("country_names.csv", COUNTRY_NAMES) {
        let row = row?;
        names.insert(row.field(1).to_owned(), row.field(0).to_owned());
    }
    let mut collected = Collected::default();
    let mut sources = Vec::new();
    for feed in feeds {
        let mut loaded = Loaded::read(feed, "maker")?;
        let before = collected.prefixes.len();
        let text = loaded.text()?;
        if text.trim_start().starts_with('{') {
            collected.add_json(&loaded.file, text, &names)?;
        } else {
            collected.add_lines(&loaded.file, text)?;
        }
        loaded.source.rows = (collected.prefixes.len() - before) as u64;
        if loaded.source.rows == 0 {
            return Err(CatalogError::file(&loaded.file, "it has no maker prefix"));
        }
        sources.push(loaded.source);
    }
    Ok((collected.finish(), sources))
}

impl Collected {
    fn add_json(
        &mut self,
        file: &str,
        text: &str,
        names: &BTreeMap<String, String>,
    ) -> Result<(), CatalogError> {
        let listing: BTreeMap<String, String> = serde_json::from_str(text)
            .map_err(|error| CatalogError::line(file, error.line(), error.to_string()))?;
        for (prefix, entry) in listing {
            let organisation = entry.lines().next().unwrap_or("").trim();
            let name = entry.lines().next_back().unwrap_or("").trim();
            let code = names.get(name).map_or("", String::as_str);
            self.add(&prefix, organisation, code).map_err(|why| CatalogError::file(file, why))?;
        }
        Ok(())
    }

    fn add_lines(&mut self, file: &str, text: &str) -> Result<(), CatalogError> {
        for row in rows(file, text) {
            let row = row?;
            if row.field(0) == "prefix" {
                continue;
            }
            let wrong = |why| CatalogError::line(file, row.line, why);
            if !(2..=3).contains(&row.fields.len()) {
                let why = format!("{} fields; write prefix,organisation,CC", row.fields.len());
                return Err(wrong(why));
            }
            let code = country_or_none(row.field(2)).map_err(wrong)?.unwrap_or("");
            self.add(row.field(0), row.field(1), code).map_err(wrong)?;
        }
        Ok(())
    }

    fn add(&mut self, prefix: &str, organisation: &str, code: &str) -> Result<(), String> {
        let digits: String = prefix.chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
        let bits = match digits.len() {
            6 => 24,
            7 => 28,
            9 => 36,
            _ => return Err(format!("\"{prefix}\" is no MAC prefix of 24, 28 or 36 bits")),
        };
        let number = u64::from_str_radix(&digits, 16)
            .map_err(|_| format!("\"{prefix}\" has something that is no hexadecimal digit"))?;
        if matches!(organisation, REGISTRY | UNNAMED | "") {
            return Ok(());
        }
        let row = (organisation.to_owned(), code.to_owned());
        match self.prefixes.insert((bits, number), row) {
            Some((other, _)) if other != organisation => {
                Err(format!("prefix {prefix} is stated twice: {other} and {organisation}"))
            }
            _ => Ok(()),
        }
    }

    fn finish(self) -> Makers {
        let mut rows: BTreeMap<&(String, String), u32> =
            self.prefixes.values().map(|row| (row, 0)).collect();
        let mut makers = Makers::default();
        for (number, (row, position)) in (0_u32..).zip(&mut rows) {
            *position = number;
            makers.organisations.push(&row.0);
            makers.countries.push(&row.1);
        }
        for ((bits, prefix), row) in &self.prefixes {
            let lengths = makers.lengths.iter_mut().zip(PREFIX_BITS);
            for (length, _) in lengths.filter(|(_, length_bits)| length_bits == bits) {
                length.prefixes.push(*prefix);
                length.rows.push(rows.get(row).copied().unwrap_or(0));
            }
        }
        makers
    }
}
