//! IP to country out of a feed: an mmdb of the usual kind, or lines of `start,end,CC`.
//! Lines may also be `prefix,CC`; ranges may nest, and then the narrowest wins.

use std::net::IpAddr;

use maxminddb::{PathElement, Reader, WithinOptions};

use crate::catalog::codec::Texts;
use crate::catalog::csv::{Row, rows};
use crate::catalog::date::Date;
use crate::catalog::error::CatalogError;
use crate::catalog::feed::{Feed, Loaded};
use crate::catalog::places::Places;
use crate::catalog::prefix::{country_or_none, prefix};
use crate::catalog::range::{Canvases, Span, Table};
use crate::catalog::snapshot::Source;

/// More networks than the whole address space is routed in: the file is hostile.
const NETWORKS_MAX: u64 = 20_000_000;

/// First words of a heading line, which is passed over.
const HEADINGS: [&str; 7] =
    ["start", "start_ip", "ip_range_start", "first", "network", "prefix", "range_start"];

/// Codes in the order of the alphabet, and the table that points at them.
pub(crate) type Countries = (Texts, Table);

/// Country ranges on their way.
#[derive(Debug, Default)]
struct Collected {
    spans: Vec<(Span, &'static str)>,
}

/// The places of all `feeds` together.
pub(crate) fn places(feeds: &[Feed]) -> Result<(Places, Vec<Source>), CatalogError> {
    let (countries, sources) = countries(feeds, "country")?;
    Ok((Places { codes: countries.0, table: countries.1 }, sources))
}

/// Countries by range out of `feeds`, noted as sources of `table`.
pub(crate) fn countries(
    feeds: &[Feed],
    table: &str,
) -> Result<(Countries, Vec<Source>), CatalogError> {
    let mut collected = Collected::default();
    let mut sources = Vec::new();
    for feed in feeds {
        let mut loaded = Loaded::read(feed, table)?;
        let before = collected.spans.len();
        if loaded.bytes.windows(14).rev().take(131_072).any(|w| w == b"\xab\xcd\xefMaxMind.com") {
            collected.add_mmdb(&mut loaded)?;
        } else {
            collected.add_lines(&loaded)?;
        }
        loaded.source.rows = (collected.spans.len() - before) as u64;
        if loaded.source.rows == 0 {
            return Err(CatalogError::file(&loaded.file, "it has no country range"));
        }
        sources.push(loaded.source);
    }
    let table = collected.finish().map_err(|why| CatalogError::file("country feeds", why))?;
    Ok((table, sources))
}

impl Collected {
    fn add_lines(&mut self, loaded: &Loaded) -> Result<(), CatalogError> {
        for row in rows(&loaded.file, loaded.text()?) {
            let row = row?;
            let wrong = |why| CatalogError::line(&loaded.file, row.line, why);
            let Some((span, rest)) = span_of(&row).map_err(wrong)? else { continue };
            if row.fields.len() != rest + 1 {
                let why = format!("{} fields; write start,end,CC or prefix,CC", row.fields.len());
                return Err(wrong(why));
            }
            if let Some(code) = country_or_none(row.field(rest)).map_err(wrong)? {
                self.spans.push((span, code));
            }
        }
        Ok(())
    }

    fn add_mmdb(&mut self, loaded: &mut Loaded) -> Result<(), CatalogError> {
        let file = loaded.file.clone();
        let broken = |error: maxminddb::MaxMindDbError| {
            CatalogError::file(&file, format!("it is no whole mmdb file: {error}"))
        };
        let reader = Reader::from_source(loaded.bytes.as_slice()).map_err(broken)?;
        let built = i64::try_from(reader.metadata().build_epoch).unwrap_or(0);
        let day = Date::of_micros(built.saturating_mul(1_000_000)).to_string();
        let mut networks = 0_u64;
        for found in reader.networks(WithinOptions::default()).map_err(broken)? {
            networks += 1;
            if networks > NETWORKS_MAX {
                return Err(CatalogError::file(
                    &file,
                    format!("more than {NETWORKS_MAX} networks"),
                ));
            }
            let found = found.map_err(broken)?;
            let flat: Option<&str> =
                found.decode_path(&[PathElement::Key("country_code")]).map_err(broken)?;
            let nested = [PathElement::Key("country"), PathElement::Key("iso_code")];
            let code = match flat {
                Some(code) => Some(code),
                None => found.decode_path(&nested).map_err(broken)?,
            };
            let network = found.network().map_err(broken)?;
            let span = Span::between(network.network(), network.broadcast())
                .map_err(|why| CatalogError::file(&file, why))?;
            let code = country_or_none(code.unwrap_or(""))
                .map_err(|why| CatalogError::file(&file, format!("{network}: {why}")))?;
            if let Some(code) = code {
                self.spans.push((span, code));
            }
        }
        loaded.source.date.get_or_insert(day);
        Ok(())
    }

    fn finish(self) -> Result<Countries, String> {
        let mut codes: Vec<&str> = self.spans.iter().map(|(_, code)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        let mut canvases = Canvases::default();
        for (span, code) in &self.spans {
            let row = codes.binary_search(code).map_or(0, |row| row + 1);
            canvases.add(*span, u32::try_from(row).unwrap_or(0));
        }
        let mut texts = Texts::default();
        for code in &codes {
            texts.push(code);
        }
        Ok((texts, canvases.finish()?))
    }
}

/// The range a row begins with, and the position of the field behind it; nothing for a heading.
pub(crate) fn span_of(row: &Row<'_>) -> Result<Option<(Span, usize)>, String> {
    let first = row.field(0);
    if HEADINGS.contains(&first) {
        return Ok(None);
    }
    if first.contains('/') {
        return Ok(Some((prefix(first)?, 1)));
    }
    let address = |text: &str| -> Result<IpAddr, String> {
        text.parse().map_err(|_| format!("\"{text}\" is no IP address"))
    };
    Ok(Some((Span::between(address(first)?, address(row.field(1))?)?, 2)))
}
