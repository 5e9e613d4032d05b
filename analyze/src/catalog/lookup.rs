//! The catalog: what an address, a name or a MAC says about countries, networks, vendors and makers.
//! It states evidence only; which evidence wins on a flow is decided in attribution.

use std::net::{IpAddr, Ipv4Addr};

use hashbrown::HashMap;

use crate::catalog::date::{Date, Validity};
use crate::catalog::domain::{DomainIndex, DomainMatch};
use crate::catalog::mac::{MacKind, mac_kind};
use crate::catalog::makers::Makers;
use crate::catalog::networks::Networks;
use crate::catalog::places::Places;
use crate::catalog::prefix::prefix;
use crate::catalog::range::{Canvases, Table};
use crate::catalog::rules::{DomainRule, PrefixRule, RangeRule, Rules, SystemRule};
use crate::catalog::snapshot::{Sizes, Snapshot, Source, catalog_id, newest_date};
use crate::catalog::vendor::{NetworkKind, Vendor};

/// From here on, a value of the whereabouts is a row of the anycast ranges plus one; before it, of the countries.
const ANYCAST: u32 = 1 << 16;
/// From here on, of the special-purpose ranges.
const SPECIAL: u32 = 1 << 24;

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
    /// Countries, under anycast, under special-purpose ranges.
    pub(crate) whereabouts: Table,
    /// Own prefixes from each day on which they change.
    prefixes: Vec<(Date, Table)>,
    /// The days on which anything changes, in order.
    changes: Vec<Date>,
    domains: DomainIndex,
    maker_vendors: HashMap<String, usize>,
    /// By vendor: when its own addresses are all known.
    addresses_known: Vec<Vec<Validity>>,
    country_source: String,
    snapshot: Snapshot,
}

impl Catalog {
    /// Puts the parts together; the text says which do not fit.
    pub(crate) fn assemble(parts: Parts) -> Result<Self, String> {
        let rules = &parts.rules;
        if !rules.is_sorted() {
            return Err("its rules are not in order".to_owned());
        }
        let special = table(rules.special.iter().map(|rule| rule.prefix.as_str()))?;
        let anycast = table(rules.anycast.iter().map(|rule| rule.prefix.as_str()))?;
        let whereabouts = parts.places.table.under(&anycast, |row| ANYCAST + row);
        let whereabouts = whereabouts.under(&special, |row| SPECIAL + row);
        let prefixes = dated_tables(&rules.prefixes)?;
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
        let mut addresses_known = vec![Vec::new(); rules.vendors.len()];
        let own = rules.systems.iter().filter(|rule| rule.kind == NetworkKind::Own);
        let owners = own.filter_map(|rule| Some((rule.vendor.as_deref()?, rule.validity)));
        let prefixed = rules.prefixes.iter().map(|rule| (rule.vendor.as_str(), rule.validity));
        for (owner, validity) in owners.chain(prefixed) {
            let at = position(owner)?;
            let off_net = rules.vendors.get(at).is_none_or(|vendor| vendor.off_net);
            if let Some(known) = addresses_known.get_mut(at).filter(|_| !off_net) {
                known.push(validity);
            }
        }
        let country = parts.sources.iter().find(|source| source.table == "country");
        Ok(Self {
            whereabouts,
            prefixes,
            changes: rules.change_dates(),
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
        let unknown =
            Place { country: None, anycast: false, special: None, source: &self.country_source };
        match self.whereabouts.find(ip) {
            special @ SPECIAL.. => match self.parts.rules.special.get(row_of(special, SPECIAL)) {
                Some(rule) => match embedded(rule, ip) {
                    Some(inner) => self.place(inner.into()),
                    None => Place {
                        special: Some(&rule.name),
                        source: "special-purpose ranges",
                        ..unknown
                    },
                },
                None => unknown,
            },
            ANYCAST.. => Place { anycast: true, source: "anycast ranges", ..unknown },
            country => Place { country: self.parts.places.code(country), ..unknown },
        }
    }

    /// Who operates `ip` on that day. A vendor's own prefix inside another network is the vendor's.
    pub fn network(&self, ip: IpAddr, at: Date) -> Option<Network<'_>> {
        if let Some(rule) = self.special_rule(ip) {
            return embedded(rule, ip).and_then(|inner| self.network(inner.into(), at));
        }
        let row = self.parts.networks.find(ip)?;
        let system = self.system(row.asn, at);
        let (kind, vendor) = match self.own_prefix(ip, at) {
            Some(rule) => (NetworkKind::Own, Some(rule.vendor.as_str())),
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

    /// Whose `name` is on that day: letter case and a final dot do not matter, label boundaries do, and the
    /// longest suffix wins.
    pub fn domain(&self, name: &str, at: Date) -> Option<DomainMatch<'_>> {
        self.domain_rule(name, at).map(DomainMatch::of)
    }

    pub(crate) fn domain_rule(&self, name: &str, at: Date) -> Option<&DomainRule> {
        self.domains.find(&self.parts.rules.domains, (name, at))
    }

    /// The first of the days around `at` between which no rule changes: it stands for all of them.
    pub fn period_of(&self, at: Date) -> Date {
        let passed = self.changes.partition_point(|change| *change <= at);
        passed
            .checked_sub(1)
            .and_then(|last| self.changes.get(last))
            .copied()
            .unwrap_or(Date::EARLIEST)
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

    /// The vendor of an AS on that day and the kind of network it is.
    pub fn asn_vendor(&self, asn: u32, at: Date) -> Option<(&str, NetworkKind)> {
        let system = self.system(asn, at)?;
        Some((system.vendor.as_deref()?, system.kind))
    }

    /// The organisation of an AS as the feed writes it.
    pub fn organisation(&self, asn: u32) -> Option<&str> {
        self.parts.networks.organisation(asn)
    }

    /// Whether an address outside the vendor's own networks speaks against the vendor: the catalog
    /// knows such networks on that day, and the vendor does not serve from anywhere else but clouds and CDNs.
    pub fn name_owner_addresses_known(&self, vendor: &str, at: Date) -> bool {
        let position = self.vendor_position(vendor);
        let known = position.and_then(|position| self.addresses_known.get(position));
        known.is_some_and(|known| known.iter().any(|validity| validity.holds(at)))
    }

    pub(crate) fn special_rule(&self, ip: IpAddr) -> Option<&RangeRule> {
        let found = Some(self.whereabouts.find(ip)).filter(|found| *found >= SPECIAL)?;
        self.parts.rules.special.get(row_of(found, SPECIAL))
    }

    /// None where the address is a special-purpose one as well.
    pub(crate) fn anycast_rule(&self, ip: IpAddr) -> Option<&RangeRule> {
        let found = self.whereabouts.find(ip);
        let found = Some(found).filter(|found| (ANYCAST..SPECIAL).contains(found))?;
        self.parts.rules.anycast.get(row_of(found, ANYCAST))
    }

    /// The vendor's own prefix that holds `ip` on that day.
    pub(crate) fn own_prefix(&self, ip: IpAddr, at: Date) -> Option<&PrefixRule> {
        let since = self.prefixes.partition_point(|(since, _)| *since <= at).checked_sub(1)?;
        let (_, table) = self.prefixes.get(since)?;
        self.parts.rules.prefixes.get(table.find(ip).checked_sub(1)? as usize)
    }

    pub(crate) fn country_source(&self) -> &str {
        &self.country_source
    }

    pub(crate) fn system(&self, asn: u32, at: Date) -> Option<&SystemRule> {
        let systems = &self.parts.rules.systems;
        let of_system = systems.get(systems.partition_point(|rule| rule.asn < asn)..)?;
        let mut then = of_system.iter().take_while(|rule| rule.asn == asn);
        then.find(|rule| rule.validity.holds(at))
    }

    fn vendor_position(&self, key: &str) -> Option<usize> {
        self.parts.rules.vendors.binary_search_by(|vendor| vendor.key.as_str().cmp(key)).ok()
    }
}

const fn row_of(value: u32, kind: u32) -> usize {
    (value - kind).wrapping_sub(1) as usize
}

/// The IPv4 address inside `ip`, if the range embeds one.
pub(crate) fn embedded(rule: &RangeRule, ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let shifted = ip.to_bits().checked_shl(rule.embeds_at?)?;
    u32::try_from(shifted >> 96).ok().map(Ipv4Addr::from_bits)
}

/// A table of the prefixes that hold, from the beginning and from each day on which one comes or goes.
fn dated_tables(rules: &[PrefixRule]) -> Result<Vec<(Date, Table)>, String> {
    let mut days: Vec<Date> = rules.iter().flat_map(|rule| rule.validity.changes()).collect();
    days.push(Date::EARLIEST);
    days.sort_unstable();
    days.dedup();
    let table_of = |day: Date| {
        let mut canvases = Canvases::default();
        for (row, rule) in (1_u32..).zip(rules).filter(|(_, rule)| rule.validity.holds(day)) {
            canvases.add(prefix(&rule.prefix)?, row);
        }
        Ok((day, canvases.finish()?))
    };
    days.into_iter().map(table_of).collect()
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
