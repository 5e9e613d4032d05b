//! What is known of addresses, names and MACs: countries, networks, vendors, makers.
//! Data with an id and a date: looked up here, weighed in attribution, never fetched from anywhere.

mod build;
mod codec;
mod country_feed;
mod csv;
mod date;
mod domain;
mod error;
mod explain;
mod feed;
mod file;
mod flat;
mod known;
mod lookup;
mod mac;
mod maker_feed;
mod makers;
mod network_feed;
mod networks;
mod places;
mod prefix;
mod range;
mod ranges_text;
mod rules;
mod rules_text;
mod shipped;
mod snapshot;
mod vendor;

#[cfg(test)]
mod tests_build;
#[cfg(test)]
mod tests_shipped;

pub use build::BuildInputs;
pub use date::{Date, Validity};
pub use domain::DomainMatch;
pub use error::CatalogError;
pub use explain::{Explanation, Step};
pub use feed::Feed;
pub use lookup::{Catalog, Maker, Network, Place};
pub use mac::{MacKind, mac_kind, parse_mac};
pub use snapshot::{Sizes, Snapshot, Source};
pub use vendor::{Era, NetworkKind, Product, Role, Vendor};
