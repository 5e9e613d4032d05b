//! From the facts of one flow to a judgement: whose service, who operates, where, whose device, and how strong that is.
//! Pure: the same facts and the same catalog give the same judgement; nothing is looked up anywhere else.

use std::fmt;
use std::net::IpAddr;

use crate::attribution::device::{Behind, Clues, Device};
use crate::attribution::witness::Witness;
use crate::catalog::parse_mac;
use crate::catalog::{Catalog, Date, NetworkKind};

pub mod device;
pub mod dhcp;
pub mod witness;

/// What the wire showed of one flow, as far as a judgement needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Facts<'a> {
    /// The day of the flow's first packet; the catalog answers as of it.
    pub at: Date,
    /// Column `direction`: `inbound` makes src the remote end, all else dst.
    pub inbound: bool,
    /// Address of the remote end: dst, or src of an inbound flow.
    pub server_ip: Option<&'a str>,
    /// MAC address on the inside end's side.
    pub client_mac: Option<&'a str>,
    /// The MAC address inside the inside end's IPv6 address, where that is made from one.
    pub client_eui64: Option<[u8; 6]>,
    /// Who stands behind the inside end's address.
    pub behind: Behind,
    /// Who made the device, as it told its DHCP server.
    pub dhcp_maker: Option<&'static str>,
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
    /// An HTTPS record with an `ech` parameter (RFC 9460) was seen for a name that this client asked for.
    pub ech_advertised: bool,
    /// The one vendor that all names seen for the server's address belong to.
    pub witness: Option<Witness<'a>>,
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
    /// All names seen for the address within a day are the vendor's, or a certificate names it.
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
    /// Country of the vendor's seat, at that time.
    pub vendor_country: Option<&'c str>,
    /// The company that owned the vendor, at that time.
    pub vendor_parent: Option<&'c str>,
    /// Who operates the server, and where.
    pub server: Server<'c>,
    /// Whose device sent it.
    pub device: Device<'c>,
    /// `none`, `grease`, `real` or `unknown`.
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
    fn of(catalog: &'c Catalog, ip: IpAddr, at: Date) -> Self {
        let place = catalog.place(ip);
        let network = catalog.network(ip, at);
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
                let rule_id = match (catalog.own_prefix(ip, at), catalog.system(network.asn, at)) {
                    (Some(rule), _) => format!("prefix:{}{}", rule.prefix, rule.validity.mark()),
                    (None, Some(rule)) => format!("asn:{}{}", rule.asn, rule.validity.mark()),
                    (None, None) => format!("asn:{}", network.asn),
                };
                Some(Claim { vendor: network.vendor?, product: None, rule_id })
            }),
        }
    }

    fn is_shared(&self) -> bool {
        matches!(self.kind, Some(NetworkKind::Cloud | NetworkKind::Cdn))
    }

    /// What all names of the address say, where it is one that does not bear anybody's.
    fn witnessed(&self, catalog: &'c Catalog, facts: &Facts<'_>) -> Option<Claim<'c>> {
        let witness = facts.witness.filter(|_| self.kind.is_some() && !self.is_shared())?;
        let vendor = catalog.vendor(witness.vendor)?.key.as_str();
        Some(Claim { vendor, product: None, rule_id: witness.rule_id.to_owned() })
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
    /// There is one, of a provider in front of many: with an encrypted hello it hides the true one.
    Front(Claim<'c>),
    Somebody(Claim<'c>),
}

/// Judges one flow.
pub fn attribute<'c>(catalog: &'c Catalog, facts: &Facts<'_>) -> Judgement<'c> {
    let ip = facts.server_ip.and_then(|text| text.parse().ok());
    let server = ip.map(|ip| Server::of(catalog, ip, facts.at)).unwrap_or_default();
    let owner = server.owner.clone();
    let mut judgement = Judgement { device: device(catalog, facts), ..Judgement::default() };
    let (ech, said) = unveiled(facts, named(catalog, facts));
    judgement.ech = ech;
    let candidates: Vec<Option<Claim<'_>>> =
        facts.dns_names.iter().map(|name| owner_of(catalog, name, facts.at)).collect();
    let is_told = was_told(&candidates, &said);
    let resolved = resolved(candidates);
    let witnessed = server.witnessed(catalog, facts);
    let on_certificate = facts.server_name_source == Some("tls_cert");
    match said {
        // What this client was told is nearer to the flow than what the server says of itself.
        Named::Somebody(certified) if on_certificate && resolved.is_some() => {
            if let Some(claim) = resolved {
                judgement.evidence = Evidence::E3;
                judgement
                    .contest(&claim, [(Evidence::E2, &Some(certified)), (Evidence::E1, &owner)]);
                judgement.settle(catalog, claim, facts.at);
            }
        }
        Named::Somebody(claim) => {
            let agrees = |other: &Claim<'_>| other.vendor == claim.vendor;
            // Names of two vendors decide for neither: the client may have meant the other.
            let by_dns = resolved.as_ref().is_some_and(agrees);
            let by_owner = owner.as_ref().is_some_and(agrees);
            // Names on flows are no second witness of each other: who forges one forges many.
            let told_others = facts.witness.is_some_and(|witness| witness.by_dns);
            let by_others = told_others && witnessed.as_ref().is_some_and(agrees);
            judgement.evidence = match (on_certificate, by_dns || by_owner || by_others) {
                (true, _) => Evidence::E2,
                (false, false) => Evidence::E4,
                (false, true) => Evidence::E5,
            };
            judgement.name_ip_mismatch = judgement.evidence == Evidence::E4
                && ip.is_some()
                && !is_told
                && !server.is_shared()
                && catalog.name_owner_addresses_known(claim.vendor, facts.at);
            judgement.contest(&claim, [(Evidence::E3, &resolved), (Evidence::E1, &owner)]);
            judgement.settle(catalog, claim, facts.at);
        }
        Named::Silent if resolved.is_some() => {
            if let Some(claim) = resolved {
                judgement.evidence = Evidence::E3;
                judgement.contest(&claim, [(Evidence::E3, &None), (Evidence::E1, &owner)]);
                judgement.settle(catalog, claim, facts.at);
            }
        }
        Named::Silent if adds(witnessed.as_ref(), owner.as_ref(), facts) => {
            if let Some(claim) = witnessed {
                judgement.evidence = Evidence::E2;
                judgement.contest(&claim, [(Evidence::E3, &None), (Evidence::E1, &owner)]);
                judgement.settle(catalog, claim, facts.at);
            }
        }
        _ => {
            if let Some(claim) = owner {
                judgement.evidence = Evidence::E1;
                judgement.settle(catalog, claim, facts.at);
            }
        }
    }
    judgement.server = server;
    judgement
}

/// Whether the names that others saw at an address say more than whose network it is in, which no name can forge. A client that was
/// told of two vendors is not outvoted by what others were told.
fn adds(witnessed: Option<&Claim<'_>>, owner: Option<&Claim<'_>>, facts: &Facts<'_>) -> bool {
    let is_new = witnessed.is_some_and(|claim| owner.is_none_or(|o| o.vendor != claim.vendor));
    is_new && facts.dns_names.is_empty()
}

fn device<'c>(catalog: &'c Catalog, facts: &Facts<'_>) -> Device<'c> {
    let clues = Clues {
        dhcp_maker: facts.dhcp_maker,
        user_agent: facts.user_agent,
        mac: facts.client_mac.and_then(parse_mac),
        eui64: facts.client_eui64,
        behind: facts.behind,
    };
    Device::of(catalog, &clues)
}

impl<'c> Judgement<'c> {
    fn settle(&mut self, catalog: &'c Catalog, claim: Claim<'c>, at: Date) {
        let vendor = catalog.vendor(claim.vendor);
        self.vendor_country = vendor.map(|vendor| vendor.seat(at));
        self.vendor_parent = vendor.map(|vendor| vendor.parent(at));
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

fn named<'c>(catalog: &'c Catalog, facts: &Facts<'_>) -> Named<'c> {
    // An address where a name could stand names nobody, and nobody else either.
    let said = facts.server_name.map(|name| name.trim_end_matches('.'));
    let said = said.filter(|name| !name.is_empty() && bare_address(name).is_none());
    let Some(name) = said else { return Named::Silent };
    let is_front = |name| catalog.domain(name, facts.at).is_some_and(|found| found.client_facing);
    match owner_of(catalog, name, facts.at) {
        Some(claim) if is_front(name) => Named::Front(claim),
        Some(claim) => Named::Somebody(claim),
        // A certificate is not what the client asked for: a stranger's says no more than none.
        None if facts.server_name_source == Some("tls_cert") => Named::Silent,
        None => Named::Nobody,
    }
}

/// Whether an encrypted hello hides the name, and what the flow's name is worth then.
///
/// Browsers offer one that means nothing wherever they have no key for the server, beside the genuine name. They have a key from an
/// HTTPS record; where such a record was seen and the outer name is not known as a provider's, either may be the case.
fn unveiled<'c>(facts: &Facts<'_>, said: Named<'c>) -> (&'static str, Named<'c>) {
    match (facts.ech_offered == Some(true), said) {
        (true, Named::Front(_)) => ("real", Named::Silent),
        (true, Named::Silent) => ("unknown", Named::Silent),
        (true, said) if facts.ech_advertised => ("unknown", said),
        (true, said) => ("grease", said),
        (false, Named::Front(claim)) => ("none", Named::Somebody(claim)),
        (false, said) => ("none", said),
    }
}

fn bare_address(name: &str) -> Option<IpAddr> {
    let inner = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(name);
    inner.parse().ok()
}

/// The owner of a name, unless the name is a cloud's or CDN's and only hints at one.
fn owner_of<'c>(catalog: &'c Catalog, name: &str, at: Date) -> Option<Claim<'c>> {
    let found = catalog.domain(name, at).filter(|found| !found.weak)?;
    Some(Claim { vendor: found.vendor, product: found.product, rule_id: found.rule_id })
}

/// Whether the client was told a name of the named vendor, if only among others: no second witness, but name and address do go together.
fn was_told(candidates: &[Option<Claim<'_>>], said: &Named<'_>) -> bool {
    let Named::Somebody(claim) = said else { return false };
    candidates.iter().flatten().any(|candidate| candidate.vendor == claim.vendor)
}

/// The one vendor all candidates belong to; none where two do, or where somebody else's name is among them.
fn resolved(candidates: Vec<Option<Claim<'_>>>) -> Option<Claim<'_>> {
    let mut claims = candidates.into_iter();
    let newest = claims.next()??;
    claims.all(|claim| claim.is_some_and(|claim| claim.vendor == newest.vendor)).then_some(newest)
}
