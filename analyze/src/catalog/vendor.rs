//! A vendor: whose service it is, where its seat is, and which products are told apart.
//! What belongs to a vendor (domains, networks, prefixes, makers) are rules that name its key.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog::date::{Date, Validity};

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

/// A time in which a vendor belonged to another company, or had its seat elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Era {
    /// When.
    #[serde(flatten)]
    pub validity: Validity,
    /// The company that owned it then, where that was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The country of its seat then, where that was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<String>,
}

/// A vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vendor {
    /// Its key: the value of `service_vendor`.
    pub key: String,
    /// Its name as people know it.
    pub name: String,
    /// The company that owns it, unless an era says otherwise.
    pub parent: String,
    /// The country of its seat, ISO 3166-1 alpha-2, unless an era says otherwise.
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
    /// Times in which owner or seat were others than those above.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub eras: Vec<Era>,
}

impl Vendor {
    /// The company that owned it on that day.
    pub fn parent(&self, at: Date) -> &str {
        self.then(at).find_map(|era| era.parent.as_deref()).unwrap_or(&self.parent)
    }

    /// The country of its seat on that day.
    pub fn seat(&self, at: Date) -> &str {
        self.then(at).find_map(|era| era.seat.as_deref()).unwrap_or(&self.seat)
    }

    fn then(&self, at: Date) -> impl Iterator<Item = &Era> {
        self.eras.iter().filter(move |era| era.validity.holds(at))
    }
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
