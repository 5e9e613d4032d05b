//! A vendor: whose service it is, where its seat is, and which products are told apart.
//! What belongs to a vendor (domains, networks, prefixes, makers) are rules that name its key.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a vendor does in traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It offers services of its own.
    Operator,
    /// It carries what others offer: a CDN or the like.
    Infrastructure,
}

/// One product of a vendor that reports tell apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// Its key, unique within the vendor.
    pub key: String,
    /// Its name as people know it.
    pub name: String,
}

/// A vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vendor {
    /// Its key: the value of `service_vendor`.
    pub key: String,
    /// Its name as people know it.
    pub name: String,
    /// The company that owns it.
    pub parent: String,
    /// The country of its seat, ISO 3166-1 alpha-2.
    pub seat: String,
    /// Whether it makes devices that a network meets.
    pub makes_devices: bool,
    /// What it does in traffic.
    pub role: Role,
    /// It serves also from networks that are neither its own nor a known cloud's or CDN's (caches at
    /// providers, rented halls), so an address outside its networks speaks against nothing.
    pub off_net: bool,
    /// Products told apart, by key.
    pub products: Vec<Product>,
}

/// What kind of network an address is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkKind {
    /// A vendor's own: the address alone is evidence for the vendor.
    Own,
    /// A cloud: the address says who operates the server, not whose service it is.
    Cloud,
    /// A content network: as a cloud, and "where" is weak besides.
    Cdn,
    /// Nothing is stated.
    Other,
}

impl NetworkKind {
    /// The kind as a value of a column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Cloud => "cloud",
            Self::Cdn => "cdn",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
