//! Everything people state by hand: vendors and what is theirs, kinds of networks, special ranges.
//! Kept in one canonical order, so that the same statements give the same bytes and the same id.

use serde::{Deserialize, Serialize};

use crate::catalog::date::{Date, Validity};
use crate::catalog::vendor::{NetworkKind, Vendor};

/// A domain and all names below it belong to a vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DomainRule {
    pub(crate) suffix: String,
    pub(crate) vendor: String,
    pub(crate) product: Option<String>,
    /// The name lies in a domain that carries others' services (a cloud's or CDN's): a hint, no more.
    pub(crate) weak: bool,
    /// Providers show it in place of the name that an encrypted hello hides (draft-ietf-tls-esni, section 4: `public_name`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) client_facing: bool,
    #[serde(flatten)]
    pub(crate) validity: Validity,
}

impl DomainRule {
    /// Rules for one suffix stand together, the earliest first.
    fn order(&self) -> (&str, Validity) {
        (&self.suffix, self.validity)
    }

    /// What an answer names the rule by.
    pub(crate) fn id(&self) -> String {
        format!("domain:{}{}", self.suffix, self.validity.mark())
    }
}

/// An AS whose kind, and perhaps vendor, is stated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SystemRule {
    pub(crate) asn: u32,
    pub(crate) kind: NetworkKind,
    pub(crate) vendor: Option<String>,
    #[serde(flatten)]
    pub(crate) validity: Validity,
}

impl SystemRule {
    fn order(&self) -> (u32, Validity) {
        (self.asn, self.validity)
    }
}

/// A prefix that is a vendor's own inside a network that is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PrefixRule {
    pub(crate) prefix: String,
    pub(crate) vendor: String,
    #[serde(flatten)]
    pub(crate) validity: Validity,
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
        self.domains.sort_by(|a, b| a.order().cmp(&b.order()));
        self.systems.sort_by_key(SystemRule::order);
        self.prefixes.sort_by(|a, b| (&a.prefix, a.validity).cmp(&(&b.prefix, b.validity)));
        self.makers.sort_by(|a, b| a.organisation.cmp(&b.organisation));
        self.special.sort_by(|a, b| a.prefix.cmp(&b.prefix));
        self.anycast.sort_by(|a, b| a.prefix.cmp(&b.prefix));
    }

    /// Whether the lists that are searched are in their order, without two rules for one thing at one time.
    pub(crate) fn is_sorted(&self) -> bool {
        self.vendors.is_sorted_by(|a, b| a.key < b.key)
            && self.domains.is_sorted_by(|a, b| a.order() < b.order())
            && self.systems.is_sorted_by(|a, b| a.order() < b.order())
    }

    /// The days on which a rule begins or ends, in order: between two of them nothing changes.
    pub(crate) fn change_dates(&self) -> Vec<Date> {
        let eras = self.vendors.iter().flat_map(|vendor| &vendor.eras).map(|era| era.validity);
        let domains = self.domains.iter().map(|rule| rule.validity);
        let systems = self.systems.iter().map(|rule| rule.validity);
        let all =
            eras.chain(domains).chain(systems).chain(self.prefixes.iter().map(|r| r.validity));
        let mut dates: Vec<Date> = all.flat_map(Validity::changes).collect();
        dates.sort_unstable();
        dates.dedup();
        dates
    }

    /// The section's bytes: the same for the same rules.
    pub(crate) fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}
