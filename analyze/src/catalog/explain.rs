//! An attribution step by step: what was looked up, what each table said, and what that is worth.
//! The same look-ups as in production, so an explanation cannot drift from the answer.

use std::fmt;
use std::net::IpAddr;

use crate::catalog::date::Date;
use crate::catalog::lookup::{Catalog, embedded};
use crate::catalog::mac::{MacKind, mac_kind, parse_mac};
use crate::catalog::vendor::NetworkKind;

/// One look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Which table was asked.
    pub table: &'static str,
    /// What it said.
    pub said: String,
}

/// What the catalog says about one thing, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked, as it was asked.
    pub asked: String,
    /// As of which day; the newest state where none was named.
    pub at: Date,
    /// What it was taken for: `address`, `mac` or `name`.
    pub kind: &'static str,
    /// The look-ups in their order.
    pub steps: Vec<Step>,
    /// What follows for attribution.
    pub verdict: String,
    /// The catalog that was asked.
    pub catalog_id: String,
}

impl Explanation {
    fn step(&mut self, table: &'static str, said: impl Into<String>) {
        self.steps.push(Step { table, said: said.into() });
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.kind, self.asked.escape_debug())?;
        if self.at != Date::LATEST {
            write!(f, " on {}", self.at)?;
        }
        writeln!(f)?;
        for (number, step) in (1..).zip(&self.steps) {
            writeln!(f, "  {number}. {:<16} {}", step.table, step.said)?;
        }
        writeln!(f, "  => {}", self.verdict)?;
        write!(f, "  catalog {}", self.catalog_id)
    }
}

impl Catalog {
    /// Explains an address, a MAC or a name, as of that day.
    pub fn explain(&self, what: &str, at: Date) -> Explanation {
        let trimmed = what.trim();
        let mut explanation = Explanation {
            asked: trimmed.to_owned(),
            at,
            kind: "name",
            steps: Vec::new(),
            verdict: String::new(),
            catalog_id: self.snapshot().id.clone(),
        };
        if let Ok(ip) = trimmed.parse::<IpAddr>() {
            explanation.kind = "address";
            explanation.verdict = self.explain_address(ip, &mut explanation);
        } else if let Some(mac) = parse_mac(trimmed) {
            explanation.kind = "mac";
            explanation.verdict = self.explain_mac(mac, &mut explanation);
        } else {
            explanation.verdict = self.explain_name(trimmed, &mut explanation);
        }
        explanation
    }

    fn explain_address(&self, ip: IpAddr, explanation: &mut Explanation) -> String {
        if let Some(rule) = self.special_rule(ip) {
            explanation
                .step("special ranges", format!("{} lies in {} {}", ip, rule.prefix, rule.name));
            return match embedded(rule, ip) {
                Some(inner) => {
                    let said = format!("{inner} is embedded; its country and network hold");
                    explanation.step("special ranges", said);
                    self.explain_address(inner.into(), explanation)
                }
                None => {
                    "a special-purpose address: no country, no operator, no vendor (E0)".to_owned()
                }
            };
        }
        explanation.step("special ranges", "in none");
        let place = self.place(ip);
        if let Some(rule) = self.anycast_rule(ip) {
            let said = format!(
                "in {} ({}): server_country is null, anycast is true",
                rule.prefix, rule.name
            );
            explanation.step("anycast ranges", said);
        } else {
            explanation.step("anycast ranges", "in none");
            let said = place.country.unwrap_or("no country known");
            explanation.step("country", format!("{said} ({})", self.country_source()));
        }
        let Some(network) = self.network(ip, explanation.at) else {
            explanation.step("network", "no AS announces it in this catalog");
            return "no operator is known; the address supports no vendor (E0)".to_owned();
        };
        let registered = network.country.unwrap_or("an unknown country");
        explanation.step(
            "network",
            format!("AS{} {}, registered in {registered}", network.asn, network.organisation),
        );
        if let Some(rule) = self.own_prefix(ip, explanation.at) {
            let said = format!("{} is {}'s own{}", rule.prefix, rule.vendor, rule.validity.mark());
            explanation.step("vendor prefixes", said);
        } else {
            let said = match (network.kind, network.vendor) {
                (NetworkKind::Other, _) => "nothing is stated about this AS".to_owned(),
                (kind, Some(vendor)) => format!("a network of {vendor}, kind {kind}"),
                (kind, None) => format!("kind {kind}, of no listed vendor"),
            };
            explanation.step("vendor systems", said);
        }
        if let (Some(here), Some(registered)) = (place.country, network.country)
            && here != registered
        {
            let said = format!("server {here}, operator {registered}: the country is disputed");
            explanation.step("comparison", said);
        }
        verdict_of_address(network.kind, network.vendor, network.organisation)
    }

    fn explain_name(&self, name: &str, explanation: &mut Explanation) -> String {
        let at = explanation.at;
        let Some(found) = self.domain(name, at) else {
            let said = "no rule on a label boundary of this name";
            explanation.step("domains", said);
            return "the name supports no vendor (E0)".to_owned();
        };
        let product =
            found.product.map_or_else(String::new, |product| format!(", product {product}"));
        let said = format!("longest suffix {} is {}{product}", found.suffix, found.vendor);
        explanation.step("domains", format!("{said} [{}]", found.rule_id));
        // The next shorter suffixes lost; seeing them is half of why.
        let mut rest = found.suffix;
        while let Some((_, shorter)) = rest.split_once('.') {
            match self.domain(shorter, at) {
                Some(other) if other.suffix == shorter => {
                    let said = format!("{} of {} is shorter and gives way", shorter, other.vendor);
                    explanation.step("domains", said);
                }
                _ => {}
            }
            rest = shorter;
        }
        if let Some(vendor) = self.vendor(found.vendor) {
            let said = format!("{} ({}), seat {}", vendor.name, vendor.parent(at), vendor.seat(at));
            explanation.step("vendors", said);
        }
        if self.name_owner_addresses_known(found.vendor, at) {
            let said = "its own networks are known: an address in none of them, and in no cloud or CDN, \
                        counts as name_ip_mismatch";
            explanation.step("vendor systems", said);
        }
        if found.client_facing {
            let said =
                "a provider's outer name: with an encrypted hello it names nobody (ech = real)";
            explanation.step("domains", said);
        }
        if found.weak {
            return format!(
                "{}, weakly: the name lies in a domain that carries others' services, a hint and not E4",
                found.vendor
            );
        }
        format!(
            "{}: E4 when the flow itself carries the name, E3 when this client resolved it to the address",
            found.vendor
        )
    }

    fn explain_mac(&self, mac: [u8; 6], explanation: &mut Explanation) -> String {
        let kind = mac_kind(mac);
        explanation.step("address kind", kind.to_string());
        if kind != MacKind::Assigned {
            return "no maker".to_owned();
        }
        let Some(maker) = self.maker(mac) else {
            explanation.step("makers", "no prefix of 36, 28 or 24 bits");
            return "no maker is known".to_owned();
        };
        let country = maker.country.unwrap_or("no country");
        let said = format!("/{} {} ({country})", maker.prefix_bits, maker.organisation);
        explanation.step("makers", said);
        match maker.vendor {
            Some(vendor) => {
                explanation.step("vendor makers", format!("the organisation is {vendor}'s"));
                format!("{vendor}: device evidence oui, if the MAC was seen on the access side")
            }
            None => "a maker of no listed vendor".to_owned(),
        }
    }
}

fn verdict_of_address(kind: NetworkKind, vendor: Option<&str>, organisation: &str) -> String {
    match (kind, vendor) {
        (NetworkKind::Own, Some(vendor)) => {
            format!("operator {vendor}; the address alone supports {vendor} (E1)")
        }
        (NetworkKind::Cloud | NetworkKind::Cdn, Some(vendor)) => {
            format!(
                "operator {vendor} ({kind}); the address supports no vendor (E0): a name decides"
            )
        }
        (kind, _) => {
            format!(
                "operator {organisation} ({kind}); the address supports no vendor (E0): a name decides"
            )
        }
    }
}
