//! From the facts of one flow to a judgement: whose service, who operates, where, whose device, and how strong that is.
//! Pure: the same facts and the same catalog give the same judgement; nothing is looked up anywhere else.

use std::fmt;
use std::net::IpAddr;

use crate::attribution::device::Device;
use crate::catalog::parse_mac;
use crate::catalog::{Catalog, NetworkKind};

pub mod device;

/// What the wire showed of one flow, as far as a judgement needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Facts<'a> {
    /// Column `direction`: `inbound` makes src the remote end, all else dst.
    pub inbound: bool,
    /// Address of the remote end: dst, or src of an inbound flow.
    pub server_ip: Option<&'a str>,
    /// MAC address on the inside end's side.
    pub client_mac: Option<&'a str>,
    /// Column `server_name`.
    pub server_name: Option<&'a str>,
    /// Column `server_name_source`.
    pub server_name_source: Option<&'a str>,
    /// Column `dns_names`.
    pub dns_names: Vec<&'a str>,
    /// Column `http_user_agent`.
    pub user_agent: Option<&'a str>,
    /// Column `ech_offered`.
    pub ech_offered: Option<bool>,
}

impl Facts<'_> {
    /// On an inbound flow the names, the answers and the User-Agent tell of the other end than the one that is judged: the
    /// names of the inside server, the agent of the outside client.
    #[must_use]
    pub fn of_the_judged_ends(mut self) -> Self {
        if self.inbound {
            self.server_name = None;
            self.server_name_source = None;
            self.dns_names.clear();
            self.user_agent = None;
        }
        self
    }
}

/// The rung of the ladder: what supports "vendor V received these bytes".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Evidence {
    /// Nothing: unattributed.
    #[default]
    E0,
    /// The address is in the vendor's own network.
    E1,
    /// A certificate names the vendor.
    E2,
    /// This client resolved the vendor's name to the address.
    E3,
    /// The vendor's name stands on the flow.
    E4,
    /// It does, and an independent second agrees.
    E5,
}

impl Evidence {
    /// The rung as a value of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::E0 => "E0",
            Self::E1 => "E1",
            Self::E2 => "E2",
            Self::E3 => "E3",
            Self::E4 => "E4",
            Self::E5 => "E5",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The judgement of one flow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement<'c> {
    /// Whose service it is.
    pub service_vendor: Option<&'c str>,
    /// Which of the vendor's products.
    pub service_product: Option<&'c str>,
    /// The rung that names the vendor.
    pub evidence: Evidence,
    /// The rule that named the vendor.
    pub rule_id: Option<String>,
    /// Other evidence names another vendor.
    pub contested_with: Option<String>,
    /// The named vendor's addresses are known and this is none of them.
    pub name_ip_mismatch: bool,
    /// Country of the vendor's seat.
    pub vendor_country: Option<&'c str>,
    /// Who operates the server, and where.
    pub server: Server<'c>,
    /// Whose device sent it.
    pub device: Device<'c>,
    /// `none` or `unknown`.
    pub ech: &'static str,
}

/// What an address alone tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Server<'c> {
    /// Organisation of the AS that announces the address.
    pub operator: Option<&'c str>,
    /// Number of that AS.
    pub operator_asn: Option<u32>,
    /// Country of the network as its registry states it.
    pub operator_country: Option<&'c str>,
    /// Country of the address; none where it is announced from many.
    pub country: Option<&'c str>,
    /// Announced from many places.
    pub anycast: bool,
    /// The two countries differ where both mean something.
    pub country_disputed: bool,
    kind: Option<NetworkKind>,
    owner: Option<Claim<'c>>,
}

impl<'c> Server<'c> {
    fn of(catalog: &'c Catalog, ip: IpAddr) -> Self {
        let place = catalog.place(ip);
        let network = catalog.network(ip);
        let country = if place.anycast { None } else { place.country };
        let operator_country = network.as_ref().and_then(|network| network.country);
        let kind = network.as_ref().map(|network| network.kind);
        let meaningful = !place.anycast && kind != Some(NetworkKind::Cdn);
        let differ = country.zip(operator_country).is_some_and(|(here, there)| here != there);
        Self {
            operator: network.as_ref().map(|network| network.organisation),
            operator_asn: network.as_ref().map(|network| network.asn),
            operator_country,
            country,
            anycast: place.anycast,
            country_disputed: meaningful && differ,
            kind,
            owner: network.filter(|network| network.kind == NetworkKind::Own).and_then(|network| {
                let rule_id = match catalog.own_prefix(ip) {
                    Some((prefix, _)) => format!("prefix:{prefix}"),
                    None => format!("asn:{}", network.asn),
                };
                Some(Claim { vendor: network.vendor?, product: None, rule_id })
            }),
        }
    }

    fn is_shared(&self) -> bool {
        matches!(self.kind, Some(NetworkKind::Cloud | NetworkKind::Cdn))
    }
}

/// A vendor with what named it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Claim<'c> {
    vendor: &'c str,
    product: Option<&'c str>,
    rule_id: String,
}

/// What the flow's own name says.
#[derive(Debug)]
enum Named<'c> {
    /// There is none.
    Silent,
    /// There is one, and nobody owns it.
    Nobody,
    Somebody(Claim<'c>),
}

/// Judges one flow.
pub fn attribute<'c>(catalog: &'c Catalog, facts: &Facts<'_>) -> Judgement<'c> {
    let ip = facts.server_ip.and_then(|text| text.parse().ok());
    let server = ip.map(|ip| Server::of(catalog, ip)).unwrap_or_default();
    let owner = server.owner.clone();
    let mut judgement = Judgement {
        device: Device::of(catalog, facts.client_mac.and_then(parse_mac), facts.user_agent),
        ech: if facts.ech_offered == Some(true) { "unknown" } else { "none" },
        ..Judgement::default()
    };
    let said = named(catalog, facts.server_name);
    let candidates: Vec<Option<Claim<'_>>> =
        facts.dns_names.iter().map(|name| owner_of(catalog, name)).collect();
    let by_dns = match &said {
        Named::Somebody(claim) => candidates.iter().flatten().any(|c| c.vendor == claim.vendor),
        Named::Silent | Named::Nobody => false,
    };
    let resolved = resolved(candidates);
    match said {
        Named::Somebody(claim) => {
            let by_owner = owner.as_ref().is_some_and(|owner| owner.vendor == claim.vendor);
            let on_certificate = facts.server_name_source == Some("tls_cert");
            judgement.evidence = match (on_certificate, by_dns || by_owner) {
                (true, _) => Evidence::E2,
                (false, false) => Evidence::E4,
                (false, true) => Evidence::E5,
            };
            judgement.name_ip_mismatch = judgement.evidence == Evidence::E4
                && ip.is_some()
                && !server.is_shared()
                && catalog.name_owner_addresses_known(claim.vendor);
            judgement.contest(&claim, [(Evidence::E3, &resolved), (Evidence::E1, &owner)]);
            judgement.settle(catalog, claim);
        }
        Named::Silent if resolved.is_some() => {
            if let Some(claim) = resolved {
                judgement.evidence = Evidence::E3;
                judgement.contest(&claim, [(Evidence::E3, &None), (Evidence::E1, &owner)]);
                judgement.settle(catalog, claim);
            }
        }
        Named::Silent | Named::Nobody => {
            if let Some(claim) = owner {
                judgement.evidence = Evidence::E1;
                judgement.settle(catalog, claim);
            }
        }
    }
    judgement.server = server;
    judgement
}

impl<'c> Judgement<'c> {
    fn settle(&mut self, catalog: &'c Catalog, claim: Claim<'c>) {
        self.vendor_country = catalog.vendor(claim.vendor).map(|vendor| vendor.seat.as_str());
        self.service_vendor = Some(claim.vendor);
        self.service_product = claim.product;
        self.rule_id = Some(claim.rule_id);
    }

    /// Keeps what other evidence says, strongest first; it overrules nothing.
    fn contest(&mut self, claim: &Claim<'c>, others: [(Evidence, &Option<Claim<'c>>); 2]) {
        let against: Vec<String> = others
            .into_iter()
            .filter_map(|(rung, other)| other.as_ref().map(|other| (rung, other.vendor)))
            .filter(|(_, vendor)| *vendor != claim.vendor)
            .map(|(rung, vendor)| format!("{vendor} ({rung})"))
            .collect();
        self.contested_with = (!against.is_empty()).then(|| against.join(", "));
    }
}

fn named<'c>(catalog: &'c Catalog, name: Option<&str>) -> Named<'c> {
    // An address where a name could stand names nobody, and nobody else either.
    let said = name.map(|name| name.trim_end_matches('.')).filter(|name| !name.is_empty());
    match said.filter(|name| bare_address(name).is_none()) {
        None => Named::Silent,
        Some(name) => owner_of(catalog, name).map_or(Named::Nobody, Named::Somebody),
    }
}

fn bare_address(name: &str) -> Option<IpAddr> {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    inner.parse().ok()
}

/// The owner of a name, unless the name is a cloud's or CDN's and only hints at one.
fn owner_of<'c>(catalog: &'c Catalog, name: &str) -> Option<Claim<'c>> {
    let found = catalog.domain(name).filter(|found| !found.weak)?;
    Some(Claim { vendor: found.vendor, product: found.product, rule_id: found.rule_id })
}

/// The one vendor all candidates belong to; none where two do, or where somebody else's name is among them.
fn resolved(candidates: Vec<Option<Claim<'_>>>) -> Option<Claim<'_>> {
    let mut claims = candidates.into_iter();
    let newest = claims.next()??;
    claims.all(|claim| claim.is_some_and(|claim| claim.vendor == newest.vendor)).then_some(newest)
}
