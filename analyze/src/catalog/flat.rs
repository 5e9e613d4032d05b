//! What the catalog says of names and places as flat lists, for programs that look it up by themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::catalog::date::Date;
use crate::catalog::lookup::Catalog;

impl Catalog {
    /// All suffixes with a rule on that day, each once, in order, and whose they are: of those that hold a name, the longest decides. Nobody's is one
    /// that only hints.
    pub fn suffixes(&self, at: Date) -> Vec<(&str, Option<&str>)> {
        let rules = self.parts.rules.domains.iter().filter(|rule| rule.validity.holds(at));
        let mut suffixes: Vec<_> = rules
            .map(|rule| (rule.suffix.as_str(), (!rule.weak).then_some(rule.vendor.as_str())))
            .collect();
        suffixes.dedup_by_key(|(suffix, _)| *suffix);
        suffixes
    }

    /// The addresses from which on another country holds, in order, IPv4 first; none where "where" has no answer. What an IPv6 address embeds is not
    /// looked at: such ranges have no country here.
    pub fn country_steps(&self) -> Vec<(IpAddr, Option<&str>)> {
        let v4 = self.whereabouts.v4.steps().map(|(start, _)| Ipv4Addr::from_bits(start).into());
        let v6 = self.whereabouts.v6.steps().map(|(start, _)| Ipv6Addr::from_bits(start).into());
        let country = |ip: IpAddr| {
            let embeds = self.special_rule(ip).is_some_and(|rule| rule.embeds_at.is_some());
            let place = self.place(ip);
            place.country.filter(|_| !place.anycast && !embeds)
        };
        let mut steps: Vec<_> = v4.chain(v6).map(|start| (start, country(start))).collect();
        steps.dedup_by(|next, before| next.1 == before.1 && next.0.is_ipv4() == before.0.is_ipv4());
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_step_before_an_address_has_its_country() {
        let catalog = Catalog::shipped().unwrap();
        let steps = catalog.country_steps();
        assert!(steps.is_sorted_by(|one, next| one.0 < next.0));
        for address in [
            "8.8.8.8",
            "1.2.3.4",
            "10.0.0.1",
            "193.0.6.139",
            "223.255.255.255",
            "2a00:1450::1",
            "2001:db8::1",
            "2606:4700::1111",
            "255.255.255.255",
            "fe80::1",
        ] {
            let ip: IpAddr = address.parse().unwrap();
            let behind = steps.partition_point(|(start, _)| *start <= ip);
            let same = steps[..behind].last().filter(|(start, _)| start.is_ipv4() == ip.is_ipv4());
            let place = catalog.place(ip);
            let expected = if place.anycast { None } else { place.country };
            assert_eq!(same.and_then(|(_, country)| *country), expected, "{address}");
        }
    }

    #[test]
    fn the_longest_suffix_decides_as_the_catalog_does() {
        let catalog = Catalog::shipped().unwrap();
        let suffixes = catalog.suffixes(Date::LATEST);
        assert!(suffixes.is_sorted_by(|one, next| one.0 < next.0));
        for (suffix, vendor) in suffixes {
            let name = format!("a.{suffix}");
            let found = catalog.domain(&name, Date::LATEST).unwrap();
            assert_eq!(found.suffix, suffix);
            assert_eq!(Some(found.vendor).filter(|_| !found.weak), vendor);
        }
    }
}
