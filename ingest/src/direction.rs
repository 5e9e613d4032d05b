//! Inside or outside: which networks are the operator's own.

use std::net::IpAddr;
use std::str::FromStr;

/// A network by its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefix {
    network: u128,
    mask: u128,
    is_v4: bool,
}

impl FromStr for Prefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, length) = text.split_once('/').unwrap_or((text, ""));
        let address: IpAddr = address.parse().map_err(|_| {
            format!("{text:?} is no network; write it like 10.0.0.0/8 or 2001:db8::/32")
        })?;
        let bits_max: u32 = if address.is_ipv4() { 32 } else { 128 };
        let bits = if length.is_empty() { Ok(bits_max) } else { length.parse() };
        match bits {
            Ok(bits) if bits <= bits_max => {
                let mask = u128::MAX.checked_shl(128 - bits - (128 - bits_max)).unwrap_or(0);
                Ok(Self { network: number(address) & mask, mask, is_v4: address.is_ipv4() })
            }
            _ => Err(format!("{text:?}: a prefix length is a number from 0 to {bits_max}")),
        }
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Prefix {
    fn contains(&self, address: IpAddr) -> bool {
        self.is_v4 == address.is_ipv4() && number(address) & self.mask == self.network
    }
}

/// The inside networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inside(pub Vec<Prefix>);

impl Inside {
    /// Whether an address is in one of them.
    pub(crate) fn holds(&self, address: IpAddr) -> bool {
        self.0.iter().any(|prefix| prefix.contains(address))
    }

    /// Word of the column `direction`.
    pub fn direction(&self, src: IpAddr, dst: IpAddr) -> &'static str {
        if self.0.is_empty() {
            return "unknown";
        }
        match (self.holds(src), self.holds(dst)) {
            (true, true) => "internal",
            (true, false) => "outbound",
            (false, true) => "inbound",
            (false, false) => "transit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_both_families() {
        let inside = Inside(vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
        let cases = [
            ("10.1.2.3", "8.8.8.8", "outbound"),
            ("8.8.8.8", "10.1.2.3", "inbound"),
            ("2001:db8:ffff::1", "10.0.0.0", "internal"),
            ("2001:db9::1", "11.0.0.0", "transit"),
            // An IPv6 address whose number is that of 10.0.0.1 is another address.
            ("::a00:1", "10.0.0.1", "inbound"),
        ];
        for (src, dst, word) in cases {
            assert_eq!(
                inside.direction(src.parse().unwrap(), dst.parse().unwrap()),
                word,
                "{src} {dst}"
            );
        }
        assert!("10.0.0.0/33".parse::<Prefix>().is_err());
        assert!("ten/8".parse::<Prefix>().is_err());
        assert!("0.0.0.0/0".parse::<Prefix>().unwrap().contains("255.1.2.3".parse().unwrap()));
    }
}
