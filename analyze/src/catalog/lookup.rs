//! The catalog: what an address, a name or a MAC says about countries, networks, vendors and makers.
//! It states evidence only; which evidence wins on a flow is decided in attribution.

use std::net::{IpAddr, Ipv4Addr};

use hashbrown::HashMap;

use crate::catalog::domain::{DomainIndex, DomainMatch};
use crate::catalog::mac::{MacKind, mac_kind};
use crate::catalog::makers::Makers;
use crate::catalog::networks::Networks;
use crate::catalog::places::Places;
use crate::catalog::prefix::prefix;
use crate::catalog::range::{Canvases, Table};
use crate::catalog::rules::{RangeRule, Rules, SystemRule};
use crate::catalog::snapshot::{Sizes, Snapshot, Source, catalog_id, newest_date};
use crate::catalog::vendor::{NetworkKind, Vendor};

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// ISO 3166-1 alpha-2; none where no country is known or "where" has no answer.
    pub country: Option<&'a str>,
    /// The address is announced from many countries at once.
    pub anycast: bool,
    /// The special-purpose range it lies in.
    pub special: Option<&'a str>,
    /// What said so.
    pub source: &'a str,
}

/// Who operates an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network<'a> {
    /// The AS that announces it.
    pub asn: u32,
    /// The AS's organisation as its feed writes it.
    pub organisation: &'a str,
    /// Where the address block's holder is registered, ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// What kind of network it is.
    pub kind: NetworkKind,
    /// Whose network it is. Only with [`NetworkKind::Own`] is this evidence for a vendor's service.
    pub vendor: Option<&'a str>,
}

/// Who made an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Maker<'a> {
    /// The holder of the prefix.
    pub organisation: &'a str,
    /// The country of its address in the listing, ISO 3166-1 alpha-2.
    pub country: Option<&'a str>,
    /// The vendor it belongs to.
    pub vendor: Option<&'a str>,
    /// Length of the prefix in bits: 24, 28 or 36.
    pub prefix_bits: u32,
}

/// Everything a catalog is assembled from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) places: Places,
    pub(crate) networks: Networks,
    pub(crate) makers: Makers,
    pub(crate) rules: Rules,
    /// Name and checksum of every section.
    pub(crate) digests: Vec<(String, String)>,
    pub(crate) sources: Vec<Source>,
}

/// A dated, hashed snapshot of all that attribution needs to know. Immutable; share it in an `Arc`.
#[derive(Debug)]
pub struct Catalog {
    pub(crate) parts: Parts,
    special: Table,
    anycast: Table,
    prefixes: Table,
    domains: DomainIndex,
    maker_vendors: HashMap<String, usize>,
    /// By vendor: whether its own addresses are all known.
    addresses_known: Vec<bool>,
    country_source: String,
    snapshot: Snapshot,
}

impl Catalog {
    /// Puts the parts together; the text says which do not fit.
    pub(crate) fn assemble(parts: Parts) -> Result<Self, String> {
        let rules = &parts.rules;
        let sorted = rules.vendors.is_sorted_by(|a, b| a.key < b.key)
            && rules.systems.is_sorted_by(|a, b| a.asn < b.asn);
        if !sorted {
            return Err("its rules are not in order".to_owned());
        }
        let special = table(rules.special.iter().map(|rule| rule.prefix.as_str()))?;
        let anycast = table(rules.anycast.iter().map(|rule| rule.prefix.as_str()))?;
        let prefixes = table(rules.prefixes.iter().map(|rule| rule.prefix.as_str()))?;
        let position = |vendor: &str| {
            let found = rules.vendors.binary_search_by(|other| other.key.as_str().cmp(vendor));
            found.map_err(|_| format!("a rule names the vendor \"{vendor}\", which is not there"))
        };
        for rule in &rules.domains {
            position(&rule.vendor)?;
        }
        let mut maker_vendors = HashMap::new();
        for rule in &rules.makers {
            maker_vendors.insert(rule.organisation.clone(), position(&rule.vendor)?);
        }
        let mut addresses_known = vec![false; rules.vendors.len()];
        let own = rules.systems.iter().filter(|rule| rule.kind == NetworkKind::Own);
        let owners = own.filter_map(|rule| rule.vendor.as_deref());
        for owner in owners.chain(rules.prefixes.iter().map(|rule| rule.vendor.as_str())) {
            let at = position(owner)?;
            let off_net = rules.vendors.get(at).is_none_or(|vendor| vendor.off_net);
            if let Some(known) = addresses_known.get_mut(at) {
                *known = !off_net;
            }
        }
        let country = parts.sources.iter().find(|source| source.table == "country");
        Ok(Self {
            special,
            anycast,
            prefixes,
            domains: DomainIndex::new(&rules.domains),
            maker_vendors,
            addresses_known,
            country_source: country.map_or_else(String::new, |source| source.name.clone()),
            snapshot: Snapshot {
                id: catalog_id(&parts.digests),
                date: newest_date(&parts.sources),
                sources: parts.sources.clone(),
                sizes: sizes(&parts),
            },
            parts,
        })
    }

    /// Which catalog this is.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Where `ip` is: special ranges are asked first, then anycast, then the country table.
    pub fn place(&self, ip: IpAddr) -> Place<'_> {
        if let Some(rule) = self.special_rule(ip) {
            return match embedded(rule, ip) {
                Some(inner) => self.place(inner.into()),
                None => Place {
                    country: None,
                    anycast: false,
                    special: Some(&rule.name),
                    source: "special-purpose ranges",
                },
            };
        }
        if self.anycast_rule(ip).is_some() {
            return Place { country: None, anycast: true, special: None, source: "anycast ranges" };
        }
        Place {
            country: self.parts.places.country(ip),
            anycast: false,
            special: None,
            source: &self.country_source,
        }
    }

    /// Who operates `ip`. A vendor's own prefix inside another network is the vendor's.
    pub fn network(&self, ip: IpAddr) -> Option<Network<'_>> {
        if let Some(rule) = self.special_rule(ip) {
            return embedded(rule, ip).and_then(|inner| self.network(inner.into()));
        }
        let row = self.parts.networks.find(ip)?;
        let system = self.system(row.asn);
        let (kind, vendor) = match self.own_prefix(ip) {
            Some((_, vendor)) => (NetworkKind::Own, Some(vendor)),
            None => (
                system.map_or(NetworkKind::Other, |system| system.kind),
                system.and_then(|system| system.vendor.as_deref()),
            ),
        };
        Some(Network {
            asn: row.asn,
            organisation: row.organisation,
            country: row.country,
            kind,
            vendor,
        })
    }

    /// Whose `name` is: letter case and a final dot do not matter, label boundaries do, and the
    /// longest suffix wins.
    pub fn domain(&self, name: &str) -> Option<DomainMatch<'_>> {
        let row = self.domains.find(name)?;
        let rule = self.parts.rules.domains.get(row as usize)?;
        Some(DomainMatch {
            vendor: &rule.vendor,
            product: rule.product.as_deref(),
            suffix: &rule.suffix,
            rule_id: format!("domain:{}", rule.suffix),
            weak: rule.weak,
        })
    }

    /// The vendor with this key.
    pub fn vendor(&self, key: &str) -> Option<&Vendor> {
        let position = self.vendor_position(key)?;
        self.parts.rules.vendors.get(position)
    }

    /// All vendors in the order of their keys.
    pub fn vendors(&self) -> impl Iterator<Item = &Vendor> {
        self.parts.rules.vendors.iter()
    }

    /// Who made the interface; nobody where the address is not a maker's (see [`Self::mac_kind`]).
    pub fn maker(&self, mac: [u8; 6]) -> Option<Maker<'_>> {
        if mac_kind(mac) != MacKind::Assigned {
            return None;
        }
        let (row, prefix_bits) = self.parts.makers.find(mac)?;
        let organisation = self.parts.makers.organisations.at(row);
        let vendor = self.maker_vendors.get(organisation.to_lowercase().as_str());
        let vendor = vendor.and_then(|position| self.parts.rules.vendors.get(*position));
        Some(Maker {
            organisation,
            country: Some(self.parts.makers.countries.at(row)).filter(|code| !code.is_empty()),
            vendor: vendor.map(|vendor| vendor.key.as_str()),
            prefix_bits,
        })
    }

    /// What kind of address `mac` is, and so why it has no maker.
    pub fn mac_kind(&self, mac: [u8; 6]) -> MacKind {
        mac_kind(mac)
    }

    /// The vendor of an AS and the kind of network it is.
    pub fn asn_vendor(&self, asn: u32) -> Option<(&str, NetworkKind)> {
        let system = self.system(asn)?;
        Some((system.vendor.as_deref()?, system.kind))
    }

    /// The organisation of an AS as the feed writes it.
    pub fn organisation(&self, asn: u32) -> Option<&str> {
        self.parts.networks.organisation(asn)
    }

    /// Whether an address outside the vendor's own networks speaks against the vendor: the catalog
    /// knows such networks, and the vendor does not serve from anywhere else but clouds and CDNs.
    pub fn name_owner_addresses_known(&self, vendor: &str) -> bool {
        let position = self.vendor_position(vendor);
        position.and_then(|position| self.addresses_known.get(position)).copied().unwrap_or(false)
    }

    pub(crate) fn special_rule(&self, ip: IpAddr) -> Option<&RangeRule> {
        let row = self.special.find(ip).checked_sub(1)?;
        self.parts.rules.special.get(row as usize)
    }

    pub(crate) fn anycast_rule(&self, ip: IpAddr) -> Option<&RangeRule> {
        let row = self.anycast.find(ip).checked_sub(1)?;
        self.parts.rules.anycast.get(row as usize)
    }

    /// The vendor's own prefix that holds `ip`, and the vendor.
    pub(crate) fn own_prefix(&self, ip: IpAddr) -> Option<(&str, &str)> {
        let row = self.prefixes.find(ip).checked_sub(1)?;
        let rule = self.parts.rules.prefixes.get(row as usize)?;
        Some((&rule.prefix, &rule.vendor))
    }

    pub(crate) fn country_source(&self) -> &str {
        &self.country_source
    }

    fn system(&self, asn: u32) -> Option<&SystemRule> {
        let systems = &self.parts.rules.systems;
        let row = systems.binary_search_by_key(&asn, |rule| rule.asn).ok()?;
        systems.get(row)
    }

    fn vendor_position(&self, key: &str) -> Option<usize> {
        self.parts.rules.vendors.binary_search_by(|vendor| vendor.key.as_str().cmp(key)).ok()
    }
}

/// The IPv4 address inside `ip`, if the range embeds one.
pub(crate) fn embedded(rule: &RangeRule, ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let shifted = ip.to_bits().checked_shl(rule.embeds_at?)?;
    u32::try_from(shifted >> 96).ok().map(Ipv4Addr::from_bits)
}

/// A table whose values are the positions of `prefixes` plus one.
fn table<'a>(prefixes: impl Iterator<Item = &'a str>) -> Result<Table, String> {
    let mut canvases = Canvases::default();
    for (row, text) in (1_u32..).zip(prefixes) {
        canvases.add(prefix(text)?, row);
    }
    canvases.finish()
}

fn sizes(parts: &Parts) -> Sizes {
    let rules = &parts.rules;
    Sizes {
        country_ranges_v4: parts.places.table.v4.known(),
        country_ranges_v6: parts.places.table.v6.known(),
        network_ranges_v4: parts.networks.table.v4.known(),
        network_ranges_v6: parts.networks.table.v6.known(),
        autonomous_systems: parts.networks.asns.len(),
        maker_prefixes: parts.makers.len(),
        vendors: rules.vendors.len(),
        products: rules.vendors.iter().map(|vendor| vendor.products.len()).sum(),
        domains: rules.domains.len(),
        stated_systems: rules.systems.len(),
        special_ranges: rules.special.len(),
        anycast_ranges: rules.anycast.len(),
    }
}
