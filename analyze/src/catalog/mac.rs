//! What kind of address a MAC is: only a maker's own one says who made the interface.
//! Phones draw a random address for each network, and a random address names nobody.

use std::fmt;

/// The kind of a MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MacKind {
    /// Assigned by a maker out of a registered prefix.
    Assigned,
    /// The local bit is set: drawn at random, or set by software.
    Local,
    /// A group address, never a sender's.
    Group,
    /// A router's shared address (VRRP or HSRP): it names a role, not a device.
    VirtualRouter,
    /// All zero: none was seen.
    Zero,
}

/// The kind of `mac`.
pub fn mac_kind(mac: [u8; 6]) -> MacKind {
    match mac {
        [0, 0, 0, 0, 0, 0] => MacKind::Zero,
        [first, ..] if first & 1 == 1 => MacKind::Group,
        [0x00, 0x00, 0x5e, ..] | [0x00, 0x00, 0x0c, 0x07, 0xac, _] => MacKind::VirtualRouter,
        [0x00, 0x00, 0x0c, 0x9f, high, _] if high & 0xf0 == 0xf0 => MacKind::VirtualRouter,
        [first, ..] if first & 2 == 2 => MacKind::Local,
        _ => MacKind::Assigned,
    }
}

impl fmt::Display for MacKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assigned => "assigned by its maker",
            Self::Local => "randomised or set by software (the local bit is set)",
            Self::Group => "a group address (multicast or broadcast)",
            Self::VirtualRouter => "a virtual router's (VRRP, HSRP)",
            Self::Zero => "all zero: none was seen",
        })
    }
}

/// Six pairs of hexadecimal digits parted by `:` or `-`, or twelve digits.
pub fn parse_mac(text: &str) -> Option<[u8; 6]> {
    let parted = text.len() == 17
        && text.bytes().enumerate().all(|(at, byte)| (at % 3 == 2) == matches!(byte, b':' | b'-'));
    if !parted && text.len() != 12 {
        return None;
    }
    let digits: String = text.chars().filter(|letter| !matches!(letter, ':' | '-')).collect();
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let number = u64::from_str_radix(&digits, 16).ok()?;
    let [_, _, mac @ ..] = number.to_be_bytes();
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_assigned_addresses_name_a_maker() {
        for (text, kind) in [
            ("00:00:00:00:00:00", MacKind::Zero),
            ("ff:ff:ff:ff:ff:ff", MacKind::Group),
            ("01:00:5e:00:00:fb", MacKind::Group),
            ("00:00:5e:00:01:0a", MacKind::VirtualRouter),
            ("00:00:0c:07:ac:01", MacKind::VirtualRouter),
            ("00-00-0C-9F-F0-01", MacKind::VirtualRouter),
            ("da:a1:19:01:02:03", MacKind::Local),
            ("3e0000000001", MacKind::Local),
            ("64:cc:2e:01:02:03", MacKind::Assigned),
        ] {
            assert_eq!(mac_kind(parse_mac(text).unwrap()), kind, "{text}");
        }
        for wrong in
            ["", "64:cc:2e:01:02", "64:cc:2e:01:02:zz", "64cc2e0102033", "fe80::1", "é4cc2e01020"]
        {
            assert_eq!(parse_mac(wrong), None, "{wrong}");
        }
    }
}
