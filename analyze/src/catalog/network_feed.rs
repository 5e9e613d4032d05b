//! IP to AS and organisation out of lines of `start,end,asn,organisation`, laid over the countries
//! that registries state for the same addresses.

use std::collections::BTreeMap;

use crate::catalog::codec::Texts;
use crate::catalog::country_feed::{Countries, span_of};
use crate::catalog::csv::rows;
use crate::catalog::error::CatalogError;
use crate::catalog::feed::{Feed, Loaded};
use crate::catalog::networks::Networks;
use crate::catalog::range::{Canvases, Key, Ranges, Span, Table};
use crate::catalog::snapshot::Source;

/// AS numbers by range with their organisations, without countries yet.
#[derive(Debug, Default)]
pub(crate) struct Systems {
    organisations: BTreeMap<u32, String>,
    spans: Vec<(Span, u32)>,
}

impl Systems {
    /// Reads all `feeds`.
    pub(crate) fn read(feeds: &[Feed]) -> Result<(Self, Vec<Source>), CatalogError> {
        let mut systems = Self::default();
        let mut sources = Vec::new();
        for feed in feeds {
            let mut loaded = Loaded::read(feed, "network")?;
            let before = systems.spans.len();
            systems.add(&loaded)?;
            loaded.source.rows = (systems.spans.len() - before) as u64;
            if loaded.source.rows == 0 {
                return Err(CatalogError::file(&loaded.file, "it has no network range"));
            }
            sources.push(loaded.source);
        }
        Ok((systems, sources))
    }

    fn add(&mut self, loaded: &Loaded) -> Result<(), CatalogError> {
        for row in rows(&loaded.file, loaded.text()?) {
            let row = row?;
            let wrong = |why| CatalogError::line(&loaded.file, row.line, why);
            let Some((span, rest)) = span_of(&row).map_err(wrong)? else { continue };
            if row.fields.len() != rest + 2 {
                let why = format!(
                    "{} fields; write start,end,asn,organisation (quote an organisation with a comma)",
                    row.fields.len()
                );
                return Err(wrong(why));
            }
            let number = row.field(rest);
            let digits = number.strip_prefix("AS").unwrap_or(number);
            let asn: u32 =
                digits.parse().map_err(|_| wrong(format!("\"{number}\" is no AS number")))?;
            let name = row.field(rest + 1);
            let known = self.organisations.entry(asn).or_insert_with(|| name.to_owned());
            // One name an AS, whatever the order of the lines.
            if name < known.as_str() && !name.is_empty() {
                name.clone_into(known);
            }
            self.spans.push((span, asn));
        }
        Ok(())
    }

    /// The ranges and organisations of a finished table, to lay other countries under them.
    pub(crate) fn of(networks: &Networks) -> (Table, Vec<(u32, String)>) {
        let pairs = |value: u32| {
            let pair = value.checked_sub(1).map(|pair| pair as usize);
            pair.and_then(|pair| networks.pair_asns.get(pair)).map_or(0, |position| position + 1)
        };
        let table =
            Table { v4: mapped(&networks.table.v4, pairs), v6: mapped(&networks.table.v6, pairs) };
        let names = networks.asns.iter().copied();
        (table, names.zip(networks.organisations.iter().map(str::to_owned)).collect())
    }

    /// Ranges that point at organisations by position plus one.
    pub(crate) fn finish(self) -> Result<(Table, Vec<(u32, String)>), CatalogError> {
        let organisations: Vec<(u32, String)> = self.organisations.into_iter().collect();
        let mut canvases = Canvases::default();
        for (span, asn) in self.spans {
            let row = organisations.binary_search_by_key(&asn, |(asn, _)| *asn);
            canvases.add(span, row.map_or(0, |row| u32::try_from(row + 1).unwrap_or(0)));
        }
        let table = canvases.finish().map_err(|why| CatalogError::file("network feeds", why))?;
        Ok((table, organisations))
    }
}

fn mapped<K: Key>(ranges: &Ranges<K>, map: impl Fn(u32) -> u32) -> Ranges<K> {
    Ranges::from_steps(ranges.steps().map(|(start, value)| (start, map(value))).collect())
}

/// The countries a finished table states, to lay other organisations over them.
pub(crate) fn countries_of(networks: &Networks) -> Countries {
    let code = |value: u32| {
        let pair = value.checked_sub(1).map(|pair| pair as usize);
        pair.and_then(|pair| networks.pair_countries.get(pair)).copied().unwrap_or(0)
    };
    let table =
        Table { v4: mapped(&networks.table.v4, code), v6: mapped(&networks.table.v6, code) };
    (networks.codes.clone(), table)
}

/// Pairs of organisation and country, numbered as they first occur.
#[derive(Debug, Default)]
struct Pairs {
    rows: BTreeMap<(u32, u32), u32>,
    asns: Vec<u32>,
    countries: Vec<u32>,
}

impl Pairs {
    fn row(&mut self, system: u32, country: u32) -> u32 {
        let Some(position) = system.checked_sub(1) else { return 0 };
        let next = u32::try_from(self.asns.len() + 1).unwrap_or(u32::MAX);
        *self.rows.entry((system, country)).or_insert_with(|| {
            self.asns.push(position);
            self.countries.push(country);
            next
        })
    }

    /// Cuts both columns of ranges at each other's ends.
    fn lay<K: Key>(&mut self, systems: &Ranges<K>, countries: &Ranges<K>) -> Ranges<K> {
        let mut points: Vec<K> =
            systems.steps().chain(countries.steps()).map(|(start, _)| start).collect();
        points.sort_unstable();
        points.dedup();
        let mut steps: Vec<(K, u32)> = Vec::with_capacity(points.len());
        for start in points {
            let value = self.row(systems.find(start), countries.find(start));
            if steps.last().map_or(0, |(_, before)| *before) != value {
                steps.push((start, value));
            }
        }
        Ranges::from_steps(steps)
    }
}

/// The table of networks from ranges of organisations and ranges of countries.
pub(crate) fn networks(
    (systems, organisations): (Table, Vec<(u32, String)>),
    (codes, countries): Countries,
) -> Networks {
    let mut pairs = Pairs::default();
    let table = Table {
        v4: pairs.lay(&systems.v4, &countries.v4),
        v6: pairs.lay(&systems.v6, &countries.v6),
    };
    let mut names = Texts::default();
    for (_, name) in &organisations {
        names.push(name);
    }
    Networks {
        asns: organisations.iter().map(|(asn, _)| *asn).collect(),
        organisations: names,
        codes,
        pair_asns: pairs.asns,
        pair_countries: pairs.countries,
        table,
    }
}
