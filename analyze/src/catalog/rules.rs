//! Everything people state by hand: vendors and what is theirs, kinds of networks, special ranges.
//! Kept in one canonical order, so that the same statements give the same bytes and the same id.

use serde::{Deserialize, Serialize};

use crate::catalog::vendor::{NetworkKind, Vendor};

/// A domain and all names below it belong to a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainRule {
    pub(crate) suffix: String,
    pub(crate) vendor: String,
    pub(crate) product: Option<String>,
    /// The name lies in a domain that carries others' services (a cloud's or CDN's): a hint, no more.
    pub(crate) weak: bool,
}

/// An AS whose kind, and perhaps vendor, is stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SystemRule {
    pub(crate) asn: u32,
    pub(crate) kind: NetworkKind,
    pub(crate) vendor: Option<String>,
}

/// A prefix that is a vendor's own inside a network that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrefixRule {
    pub(crate) prefix: String,
    pub(crate) vendor: String,
}

/// An organisation of the MAC listing is a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MakerRule {
    pub(crate) organisation: String,
    pub(crate) vendor: String,
}

/// A special-purpose or anycast range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RangeRule {
    pub(crate) prefix: String,
    pub(crate) name: String,
    /// Where, in bits from the left, an IPv4 address lies inside the IPv6 one.
    pub(crate) embeds_at: Option<u32>,
}

/// All rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rules {
    pub(crate) vendors: Vec<Vendor>,
    pub(crate) domains: Vec<DomainRule>,
    pub(crate) systems: Vec<SystemRule>,
    pub(crate) prefixes: Vec<PrefixRule>,
    pub(crate) makers: Vec<MakerRule>,
    pub(crate) special: Vec<RangeRule>,
    pub(crate) anycast: Vec<RangeRule>,
}

impl Rules {
    /// Puts every list in its one order.
    pub(crate) fn sort(&mut self) {
        self.vendors.sort_by(|a, b| a.key.cmp(&b.key));
        for vendor in &mut self.vendors {
            vendor.products.sort_by(|a, b| a.key.cmp(&b.key));
        }
        self.domains.sort_by(|a, b| a.suffix.cmp(&b.suffix));
        self.systems.sort_by_key(|rule| rule.asn);
        self.prefixes.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        self.makers.sort_by(|a, b| a.organisation.cmp(&b.organisation));
        self.special.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        self.anycast.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    }

    /// The section's bytes: the same for the same rules.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
