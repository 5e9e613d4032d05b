//! The range lists: special-purpose and anycast prefixes, and AS numbers whose kind is stated.
//! Few and hand-made, so each line is checked hard.

use std::collections::BTreeSet;

use crate::catalog::csv::{Row, rows};
use crate::catalog::date::Validity;
use crate::catalog::error::CatalogError;
use crate::catalog::prefix::prefix;
use crate::catalog::range::Span;
use crate::catalog::rules::{RangeRule, SystemRule};
use crate::catalog::rules_text::TextFile;
use crate::catalog::vendor::NetworkKind;

/// A list longer than this is not hand-made.
const ROWS_MAX: usize = 10_000;

/// Rows under the expected heading; each with as many fields as it.
fn table<'a>(file: TextFile<'a>, heading: &[&str]) -> Result<Vec<Row<'a>>, CatalogError> {
    let mut found = Vec::new();
    for row in rows(file.name, file.text) {
        let row = row?;
        if found.len() > ROWS_MAX {
            return Err(CatalogError::line(
                file.name,
                row.line,
                format!("more than {ROWS_MAX} rows"),
            ));
        }
        if row.fields.len() != heading.len() {
            let why = format!(
                "{} fields; {} are expected: {}",
                row.fields.len(),
                heading.len(),
                heading.join(",")
            );
            return Err(CatalogError::line(file.name, row.line, why));
        }
        found.push(row);
    }
    match found.first() {
        Some(first) if first.fields == heading => {
            found.remove(0);
            Ok(found)
        }
        other => {
            let line = other.map_or(1, |row| row.line);
            let why = format!("the first line must be the heading {}", heading.join(","));
            Err(CatalogError::line(file.name, line, why))
        }
    }
}

/// Special-purpose ranges: `prefix,name,embeds_ipv4_at`.
pub(crate) fn special(file: TextFile<'_>) -> Result<Vec<RangeRule>, CatalogError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for row in table(file, &["prefix", "name", "embeds_ipv4_at"])? {
        let wrong = |why: String| CatalogError::line(file.name, row.line, why);
        let span = prefix(row.field(0)).map_err(wrong)?;
        let embeds_at = match row.field(2) {
            "" => None,
            text => {
                let at = text.parse::<u32>().ok().filter(|at| *at <= 96);
                let at = at.filter(|_| matches!(span, Span::V6(..)));
                let why = || format!("embeds_ipv4_at \"{text}\" is not 0 to 96 on an IPv6 prefix");
                Some(at.ok_or_else(|| wrong(why()))?)
            }
        };
        found.push(range_rule(file, &row, embeds_at, &mut seen)?);
    }
    Ok(found)
}

/// Anycast ranges: `prefix,name`.
pub(crate) fn anycast(file: TextFile<'_>) -> Result<Vec<RangeRule>, CatalogError> {
    let mut seen = BTreeSet::new();
    let rows = table(file, &["prefix", "name"])?;
    rows.iter().map(|row| range_rule(file, row, None, &mut seen)).collect()
}

fn range_rule(
    file: TextFile<'_>,
    row: &Row<'_>,
    embeds_at: Option<u32>,
    seen: &mut BTreeSet<String>,
) -> Result<RangeRule, CatalogError> {
    let wrong = |why: String| CatalogError::line(file.name, row.line, why);
    prefix(row.field(0)).map_err(wrong)?;
    if row.field(1).is_empty() {
        return Err(wrong("the range has no name".to_owned()));
    }
    if !seen.insert(row.field(0).to_owned()) {
        return Err(wrong(format!("prefix {} is stated twice", row.field(0))));
    }
    Ok(RangeRule { prefix: row.field(0).to_owned(), name: row.field(1).to_owned(), embeds_at })
}

/// Systems without a vendor whose kind is stated: `asn,kind,name`.
pub(crate) fn systems(file: TextFile<'_>) -> Result<Vec<SystemRule>, CatalogError> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for row in table(file, &["asn", "kind", "name"])? {
        let wrong = |why: String| CatalogError::line(file.name, row.line, why);
        let number = row.field(0).parse::<u32>();
        let asn = number.map_err(|_| wrong(format!("\"{}\" is no AS number", row.field(0))))?;
        let kind = match row.field(1) {
            "cloud" => NetworkKind::Cloud,
            "cdn" => NetworkKind::Cdn,
            other => return Err(wrong(format!("kind \"{other}\" is neither cloud nor cdn"))),
        };
        if !seen.insert(asn) {
            return Err(wrong(format!("AS{asn} is stated twice")));
        }
        found.push(SystemRule { asn, kind, vendor: None, validity: Validity::default() });
    }
    Ok(found)
}
