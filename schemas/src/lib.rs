//! The contract between the probe, the analyst and everybody else's tools: columns with units, the dataset's layout, and the protocol by which a file
//! becomes visible and stays verifiable.
//!
//! Each column is declared once, in [`flow`], [`dns`], [`devices`], [`ledger`] or [`rollup`]; schema, row type, batch builder and reference are made from that declaration.

mod build;
pub mod column;
pub mod devices;
pub mod dns;
pub mod flow;
mod kinds;
pub mod ledger;
mod pages;
pub mod reject;
pub mod rollup;
pub mod store;

pub use build::address_text;
pub use column::{Column, Layout, Partition, Table};
pub use kinds::{Fingerprint, Mac, Micros, Text};

/// Every table of observations, in the order of the reference.
pub const TABLES: [&Table; 4] = [&flow::TABLE, &dns::TABLE, &devices::TABLE, &ledger::TABLE];

/// The tables that are summed up from them.
pub const ROLLUPS: [&Table; 2] = [&rollup::hourly::TABLE, &rollup::daily::TABLE];

/// Every table of the dataset.
pub fn tables() -> impl Iterator<Item = &'static Table> {
    TABLES.into_iter().chain(ROLLUPS)
}

/// Version of the columns; written into every file and manifest entry. It rises when a column is added to a table; columns are never renamed or retyped.
pub const SCHEMA_VERSION: u32 = 4;
