//! What a seed draws of a day: who calls what, under which name, where, how much, and through which access network.
//!
//! What makes a trap a trap stays. Each district has clients of its own, so that many make a nation.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::source::synthetic::cast::{CAST, Handset, Service};
use crate::source::synthetic::packet::Wrap;
use crate::source::synthetic::place::{Expected, Place};
use crate::source::synthetic::rng::Rng;

/// Addresses of clients differ for this many districts.
const DISTRICTS_MAX: u32 = 1 << 14;

/// A seed's choices for one district; without any, the day is as it was cast.
#[derive(Debug, Clone)]
pub(crate) struct Drawn {
    pub(crate) seed: u64,
    district: Option<u32>,
}

impl Drawn {
    /// Nothing is drawn but times and contents.
    pub(crate) fn nothing(seed: u64) -> Self {
        Self { seed, district: None }
    }

    /// The choices of `seed` for a district.
    pub(crate) fn of(seed: u64, district: u32) -> Self {
        let seed = Rng::of(seed, &district.to_string(), "district").next();
        Self { seed, district: Some(district % DISTRICTS_MAX) }
    }

    fn rng(&self, entity: &str, purpose: &str) -> Rng {
        Rng::of(self.seed, entity, purpose)
    }

    /// The numbers below `count`, each once, in an order of its own for each purpose.
    pub(crate) fn order(&self, count: usize, purpose: &str) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        if self.district.is_some() {
            let mut rng = self.rng("order", purpose);
            order.sort_by_cached_key(|_| rng.next());
        }
        order
    }

    /// The district's handset of this kind.
    pub(crate) fn handset(&self, handset: &Handset) -> Handset {
        let Some(district) = self.district else { return *handset };
        let [.., high, low] = district.to_be_bytes();
        let mut drawn = *handset;
        let [a, b, _, host] = handset.v4.octets();
        // 10/8 or 100.64/10, so that every district has a network in both.
        drawn.v4 = if a == 10 {
            Ipv4Addr::new(a, 128 | high, low, host)
        } else {
            Ipv4Addr::new(a, (b & 0xc0) | high, low, host)
        };
        let bits = handset.v6.to_bits() ^ (u128::from(district) << 48) ^ (1 << 47);
        drawn.v6 = Ipv6Addr::from_bits(bits);
        // A virtual router's address is fixed but for its last octet (RFC 9568 section 7.3).
        if !handset.mac.starts_with(&[0, 0, 0x5e]) {
            let mask = Rng::of(u64::from(district), "device", "mac").bytes(3);
            drawn.mac.iter_mut().skip(3).zip(mask).for_each(|(octet, mask)| *octet ^= mask);
        }
        drawn
    }

    /// Whoever plays the part of this handset, on whichever network.
    pub(crate) fn caller(&self, handset: &Handset) -> Handset {
        let parts = self.order(CAST.len(), "parts");
        let part = CAST.iter().position(|one| one.id == handset.id);
        let player = part.and_then(|part| CAST.get(*parts.get(part)?)).unwrap_or(handset);
        let mut drawn = self.handset(player);
        if self.district.is_some() {
            let wraps = [
                Wrap::None,
                Wrap::QinQ,
                Wrap::Mpls,
                Wrap::Pppoe,
                Wrap::Gtp,
                Wrap::Vxlan,
                Wrap::Gre,
            ];
            drawn.wrap = self.rng(player.id, "network").pick(&wraps).copied().unwrap_or_default();
        }
        if drawn.wrap == Wrap::Gtp {
            drawn.maker = None;
        }
        drawn
    }

    /// Another host of the same network; the same for all that are at this place.
    pub(crate) fn place(&self, place: Place) -> Place {
        let is_fixed = !matches!(place.country, Expected::Country(_)) || place.asn.is_none();
        if self.district.is_none() || is_fixed || place.exact {
            return place;
        }
        let mut drawn = place;
        match &mut drawn.address {
            IpAddr::V4(address) => {
                let [a, b, c, host] = address.octets();
                let mask = self.rng(&format!("{a}.{b}.{c}"), "place").next().to_be_bytes()[0];
                *address = Ipv4Addr::new(a, b, c, host ^ mask);
            }
            IpAddr::V6(address) => {
                let mask = u128::from(self.rng(&address.to_string(), "place").next());
                *address = Ipv6Addr::from_bits(address.to_bits() ^ mask);
            }
        }
        drawn
    }

    /// The name of a service: a host of its own below a vendor's; one that resembles a vendor's gets other letters around.
    pub(crate) fn name(&self, service: &Service<'_>, id: &str) -> String {
        let name = service.name;
        if self.district.is_none() || name.is_empty() || service.is_exact() {
            return name.to_owned();
        }
        let mut rng = self.rng(id, "name");
        let count = 3 + usize::try_from(rng.below(9)).unwrap_or(0);
        let letters: String = rng.text(count).into_iter().map(char::from).collect();
        match service.vendor {
            // No dot in between: another's name that ends like the vendor's.
            None => format!("{letters}{name}"),
            Some(_) if name.chars().any(char::is_uppercase) => {
                format!("{}.{name}", letters.to_uppercase())
            }
            Some(_) => format!("{letters}.{name}"),
        }
    }

    /// A number of octets below `limit` that come on top.
    pub(crate) fn extra(&self, id: &str, limit: u64) -> usize {
        let drawn = self.district.map(|_| self.rng(id, "extra").below(limit));
        drawn.and_then(|extra| usize::try_from(extra).ok()).unwrap_or(0)
    }

    /// A time below `limit` that comes on top.
    pub(crate) fn delay_ns(&self, id: &str, limit_ns: i64) -> i64 {
        self.district.map_or(0, |_| self.rng(id, "delay").between(0, limit_ns))
    }
}
