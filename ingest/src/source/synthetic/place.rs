//! Where the scenario's servers are: address, operator's AS, and the country a report must say.
//!
//! Addresses are ones on which several country databases agree (checked 2026-11); the AS numbers
//! are the routing table's of the same date. The few that are disputed or special are traps.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The country an answer must give for a server address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Expected {
    /// The country where the server is (ISO 3166-1 alpha-2).
    Country(&'static str),
    /// Many places at once: no country.
    Anycast,
    /// A special-purpose address: no country.
    Special,
}

impl Expected {
    /// As the truth tables write it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Country(code) => code,
            Self::Anycast => "anycast",
            Self::Special => "special",
        }
    }
}

/// A server's place in the net.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) address: IpAddr,
    /// The AS that announces the address; none where none can be asserted.
    pub(crate) asn: Option<u32>,
    pub(crate) country: Expected,
    /// The vendor whose *own* AS or prefix this is.
    pub(crate) own: Option<&'static str>,
    /// A cloud's or CDN's: says nothing of the vendor.
    pub(crate) shared: bool,
    /// This very address is meant, and not any of its network.
    pub(crate) exact: bool,
}

const fn place(address: IpAddr, asn: u32, country: &'static str) -> Place {
    Place {
        address,
        asn: Some(asn),
        country: Expected::Country(country),
        own: None,
        shared: false,
        exact: false,
    }
}

impl Place {
    pub(crate) const fn v4(octets: [u8; 4], asn: u32, country: &'static str) -> Self {
        let [a, b, c, d] = octets;
        place(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), asn, country)
    }

    pub(crate) const fn v6(bits: u128, asn: u32, country: &'static str) -> Self {
        place(IpAddr::V6(Ipv6Addr::from_bits(bits)), asn, country)
    }

    /// A special-purpose address: nobody's, nowhere.
    pub(crate) const fn special(address: IpAddr) -> Self {
        Self {
            address,
            asn: None,
            country: Expected::Special,
            own: None,
            shared: false,
            exact: true,
        }
    }

    pub(crate) const fn own(mut self, vendor: &'static str) -> Self {
        self.own = Some(vendor);
        self
    }

    pub(crate) const fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    pub(crate) const fn exact(mut self) -> Self {
        self.exact = true;
        self
    }

    pub(crate) const fn anycast(mut self) -> Self {
        self.country = Expected::Anycast;
        self
    }

    /// The AS is not asserted (an address that stands for another).
    pub(crate) const fn without_asn(mut self) -> Self {
        self.asn = None;
        self
    }
}

/// Vendors of which the catalog knows own ASNs: elsewhere, and without any other support, a name of
/// theirs is a `name_ip_mismatch`.
const VENDORS_WITH_OWN_NETWORK: [&str; 10] = [
    "apple",
    "google",
    "huawei",
    "kakao",
    "line",
    "meta",
    "microsoft",
    "naver",
    "samsung",
    "xiaomi",
];

/// Whether the catalog knows own networks of `vendor`.
pub(crate) fn has_own_network(vendor: &str) -> bool {
    VENDORS_WITH_OWN_NETWORK.contains(&vendor)
}
