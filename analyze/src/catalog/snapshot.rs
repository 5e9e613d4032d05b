//! Which catalog this is: its id, its date, what it was made from and how large it is.
//! The id is drawn from contents alone, so that the same rows always carry the same id.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One source of a catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The table made from it: `country`, `network`, `network_country`, `maker` or `rules`.
    pub table: String,
    /// What it is called.
    pub name: String,
    /// The file's name without its folder.
    pub file: String,
    /// Under which terms, as its owner states them.
    pub licence: String,
    /// The words its owner wants beside results, where it wants any.
    pub credit: Option<String>,
    /// When it was made, YYYY-MM-DD, where known.
    pub date: Option<String>,
    /// Checksum of the file as it was given, in hexadecimal.
    pub sha256: String,
    /// Rows taken from it.
    pub rows: u64,
}

/// How many rows each table has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Country ranges of IPv4.
    pub country_ranges_v4: usize,
    /// Country ranges of IPv6.
    pub country_ranges_v6: usize,
    /// Network ranges of IPv4.
    pub network_ranges_v4: usize,
    /// Network ranges of IPv6.
    pub network_ranges_v6: usize,
    /// Autonomous systems.
    pub autonomous_systems: usize,
    /// MAC prefixes.
    pub maker_prefixes: usize,
    /// Vendors.
    pub vendors: usize,
    /// Products.
    pub products: usize,
    /// Domains over all vendors.
    pub domains: usize,
    /// Autonomous systems whose vendor or kind is stated.
    pub stated_systems: usize,
    /// Special-purpose ranges.
    pub special_ranges: usize,
    /// Anycast ranges.
    pub anycast_ranges: usize,
}

/// Which catalog this is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The first 16 hexadecimal digits of a SHA-256 over all tables.
    pub id: String,
    /// The date of the newest source that states one.
    pub date: Option<String>,
    /// What it was made from, in the order of the tables.
    pub sources: Vec<Source>,
    /// Rows by table.
    pub sizes: Sizes,
}

/// The checksum of `bytes` in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// `bytes` in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The id over the checksums of all tables, each under its name.
pub(crate) fn catalog_id(digests: &[(String, String)]) -> String {
    let mut hasher = Sha256::new();
    for (name, digest) in digests {
        hasher.update(format!("{name} {digest}\n"));
    }
    hex(&hasher.finalize()).chars().take(16).collect()
}

/// The newest date of `sources`.
pub(crate) fn newest_date(sources: &[Source]) -> Option<String> {
    sources.iter().filter_map(|source| source.date.clone()).max()
}
