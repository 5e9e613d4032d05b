//! The catalog's suffixes and country ranges as Parquet files, for engines that look them up by themselves.

use std::fs::File;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;

use analyze::catalog::{Catalog, Date};
use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

use crate::peer::Result;

/// Writes `suffixes`, `steps_v4`, `steps_v6` and `prefixes` (`.parquet`) into a folder.
///
/// A step is the address from which on a country holds: IPv4 as a number, IPv6 as 32 hexadecimal digits, which sort as the addresses do. Prefixes are the
/// same for look-ups in a tree; where no country is known there is none.
pub fn write(catalog: &Catalog, folder: &Path) -> Result<()> {
    let (suffixes, vendors): (Vec<_>, Vec<_>) = catalog.suffixes(Date::LATEST).into_iter().unzip();
    let (suffixes, vendors) = (StringArray::from(suffixes), StringArray::from(vendors));
    store(folder, "suffixes", vec![("suffix", Arc::new(suffixes)), ("vendor", Arc::new(vendors))])?;
    let steps = catalog.country_steps();
    let (mut v4, mut v6) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for (start, country) in &steps {
        match start {
            IpAddr::V4(start) => {
                v4.0.push(i64::from(start.to_bits()));
                v4.1.push(*country);
            }
            IpAddr::V6(start) => {
                v6.0.push(format!("{:032x}", start.to_bits()));
                v6.1.push(*country);
            }
        }
    }
    let countries = |codes: Vec<Option<&str>>| Arc::new(StringArray::from(codes));
    let first: ArrayRef = Arc::new(Int64Array::from(v4.0));
    store(folder, "steps_v4", vec![("first", first), ("country", countries(v4.1))])?;
    let first: ArrayRef = Arc::new(StringArray::from(v6.0));
    store(folder, "steps_v6", vec![("first", first), ("country", countries(v6.1))])?;
    let (prefixes, codes): (Vec<_>, Vec<_>) = prefixes(&steps).into_iter().unzip();
    let prefixes: ArrayRef = Arc::new(StringArray::from(prefixes));
    let codes: ArrayRef = Arc::new(StringArray::from(codes));
    store(folder, "prefixes", vec![("prefix", prefixes), ("country", codes)])
}

fn store(folder: &Path, name: &str, columns: Vec<(&str, ArrayRef)>) -> Result<()> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )?;
    let file = File::create(folder.join(format!("{name}.parquet")))?;
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(())
}

/// The ranges between steps as prefixes, those without a country left out.
fn prefixes<'a>(steps: &[(IpAddr, Option<&'a str>)]) -> Vec<(String, &'a str)> {
    let mut prefixes = Vec::new();
    let next = steps.iter().skip(1).map(|(start, _)| Some(*start)).chain([None]);
    for ((start, country), next) in steps.iter().zip(next) {
        let Some(country) = country else { continue };
        let next = next.filter(|next| next.is_ipv4() == start.is_ipv4());
        let (bits, from, last) = match start {
            IpAddr::V4(start) => (32, u128::from(start.to_bits()), u128::from(u32::MAX)),
            IpAddr::V6(start) => (128, start.to_bits(), u128::MAX),
        };
        let last = next.map_or(last, |next| number(next) - 1);
        for (first, length) in cut(from, last, bits) {
            let address = match u32::try_from(first) {
                Ok(first) if bits == 32 => IpAddr::from(first.to_be_bytes()),
                _ => Ipv6Addr::from_bits(first).into(),
            };
            prefixes.push((format!("{address}/{length}"), *country));
        }
    }
    prefixes
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// A range as prefixes, each as large as fits: where they begin, and their lengths.
fn cut(mut from: u128, last: u128, bits: u32) -> Vec<(u128, u32)> {
    let mut prefixes = Vec::new();
    loop {
        // The whole space has 2^128 addresses, one more than there are numbers.
        let room = (last - from).checked_add(1).map_or(128, u128::ilog2);
        let free = room.min(from.trailing_zeros()).min(bits);
        prefixes.push((from, bits - free));
        let next = 1_u128.checked_shl(free).and_then(|size| from.checked_add(size));
        match next {
            Some(next) if next <= last => from = next,
            _ => return prefixes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_cover_a_range_and_nothing_else() {
        assert_eq!(cut(0, u128::MAX, 128), [(0, 0)]);
        assert_eq!(cut(0, u128::from(u32::MAX), 32), [(0, 0)]);
        assert_eq!(cut(5, 5, 32), [(5, 32)]);
        assert_eq!(cut(3, 16, 32), [(3, 32), (4, 30), (8, 29), (16, 32)]);
        let steps: Vec<(IpAddr, Option<&str>)> = vec![
            ([1, 0, 0, 0].into(), Some("TW")),
            ([1, 0, 3, 0].into(), None),
            ([255, 255, 255, 0].into(), Some("FR")),
            (Ipv6Addr::UNSPECIFIED.into(), None),
            ("2a00::".parse().unwrap(), Some("DE")),
            ("2a00:0:1::".parse().unwrap(), None),
        ];
        let expected = [
            ("1.0.0.0/23", "TW"),
            ("1.0.2.0/24", "TW"),
            ("255.255.255.0/24", "FR"),
            ("2a00::/48", "DE"),
        ];
        let expected = expected.map(|(prefix, country)| (prefix.to_owned(), country));
        assert_eq!(prefixes(&steps), expected);
    }
}
