//! What a client says of itself when it asks for an address: DHCP (RFC 2131, options of RFC 2132) and `DHCPv6` (RFC 8415).

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemas::Text;

use crate::decode::bytes::{array, be16, u8_at};
use crate::names::text::{labels, printable};

/// Options of a message that are looked at.
const OPTIONS_MAX: usize = 128;
/// Relays within relays that are opened (RFC 8415 section 7.6: `HOP_COUNT_LIMIT`).
const RELAYS_MAX: usize = 8;
/// Option numbers asked for that are kept.
const PARAMETERS_MAX: usize = 128;

/// A client's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lease {
    /// Hardware address.
    pub mac: Option<[u8; 6]>,
    /// Address it has, wants or was given.
    pub ip: Option<IpAddr>,
    /// Host name.
    pub hostname: Option<Text>,
    /// Vendor class.
    pub vendor_class: Option<Text>,
    /// Numbers of the options it wants.
    pub parameters: Option<Text>,
}

mod option {
    pub(super) const HOST_NAME: u8 = 12;
    pub(super) const REQUESTED_ADDRESS: u8 = 50;
    pub(super) const OVERLOAD: u8 = 52;
    pub(super) const MESSAGE_TYPE: u8 = 53;
    pub(super) const PARAMETERS: u8 = 55;
    pub(super) const VENDOR_CLASS: u8 = 60;
    /// All that are kept.
    pub(super) const KEPT: [u8; 6] =
        [HOST_NAME, REQUESTED_ADDRESS, OVERLOAD, MESSAGE_TYPE, PARAMETERS, VENDOR_CLASS];
}

/// A DHCP message: what it says of its client, if it says anything new. `None` where it is none; a default [`Lease`] where it is of no interest.
pub fn v4(payload: &[u8]) -> Option<Lease> {
    let [operation, hardware, length, _] = array(payload, 0)?;
    if !matches!(operation, 1 | 2) || array(payload, 236) != Some([99, 130, 83, 99]) {
        return None;
    }
    let mut options = Options::default();
    options.read(payload.get(240..)?);
    // Names of boot files and servers make room for options (RFC 2132 section 9.3).
    let overload = options.of(option::OVERLOAD).and_then(|value| value.first()).copied();
    for (bit, place) in [(1, 108..236), (2, 44..108)] {
        if overload.is_some_and(|overload| overload & bit != 0) {
            options.read(payload.get(place)?);
        }
    }
    let address =
        |octets: [u8; 4]| (octets != [0; 4]).then_some(IpAddr::V4(Ipv4Addr::from(octets)));
    let ip = match (operation, options.of(option::MESSAGE_TYPE)) {
        // Discover, request and inform: `ciaddr`, or what it would like to have.
        (1, Some([1 | 3 | 8])) => array(payload, 12).and_then(address).or_else(|| {
            options.of(option::REQUESTED_ADDRESS)?.first_chunk().copied().and_then(address)
        }),
        // The server's word: `yiaddr` is the client's from now on.
        (2, Some([5])) => array(payload, 16).and_then(address),
        _ => None,
    };
    if ip.is_none()
        && !matches!((operation, options.of(option::MESSAGE_TYPE)), (1, Some([1 | 3 | 8])))
    {
        return Some(Lease::default());
    }
    let said = |number| options.of(number).filter(|_| operation == 1);
    Some(Lease {
        mac: array(payload, 28).filter(|mac| (hardware, length) == (1, 6) && *mac != [0; 6]),
        ip,
        hostname: text(said(option::HOST_NAME)),
        vendor_class: text(said(option::VENDOR_CLASS)),
        parameters: numbers(said(option::PARAMETERS).into_iter().flatten().copied().map(u16::from)),
    })
}

/// Values of the options that are kept; one that comes in parts is one (RFC 3396).
#[derive(Default)]
struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    fn read(&mut self, bytes: &[u8]) {
        let mut at = 0;
        for _ in 0..OPTIONS_MAX {
            let Some(number) = u8_at(bytes, at).filter(|number| *number != 255) else { return };
            at += 1;
            // Padding has no length.
            if number == 0 {
                continue;
            }
            let Some(length) = u8_at(bytes, at).map(usize::from) else { return };
            let Some(value) = bytes.get(at + 1..at + 1 + length) else { return };
            at += 1 + length;
            match self.0.iter_mut().find(|(other, _)| *other == number) {
                Some((_, parts)) => parts.extend(value),
                None if option::KEPT.contains(&number) => self.0.push((number, value.to_vec())),
                None => {}
            }
        }
    }

    fn of(&self, number: u8) -> Option<&[u8]> {
        self.0.iter().find(|(other, _)| *other == number).map(|(_, value)| value.as_slice())
    }
}

mod v6_option {
    pub(super) const CLIENT_ID: u16 = 1;
    pub(super) const ADDRESSES: u16 = 3;
    pub(super) const ADDRESS: u16 = 5;
    pub(super) const WANTED: u16 = 6;
    pub(super) const RELAYED: u16 = 9;
    pub(super) const VENDOR_CLASS: u16 = 16;
    pub(super) const FQDN: u16 = 39;
}

/// A `DHCPv6` message; as [`v4`]. `from` is its sender, the client where no relay stands between.
pub fn v6(payload: &[u8], from: IpAddr) -> Option<Lease> {
    use v6_option as option;
    let (mut message, mut sender) = (payload, Some(from));
    // Relay-forward: the client's message is an option of the relay's (RFC 8415 section 9).
    for _ in 0..RELAYS_MAX {
        if message.first() != Some(&12) {
            break;
        }
        message = v6_options(message.get(34..)?).find(|(n, _)| *n == option::RELAYED)?.1;
        sender = None;
    }
    let kind = *message.first()?;
    if !(1..=13).contains(&kind) {
        return None;
    }
    // Every message of a client names it, but for the request of mere information (RFC 8415 section 16).
    let options = || v6_options(message.get(4..).unwrap_or_default());
    let of = |number| options().find(|(other, _)| *other == number).map(|(_, value)| value);
    if !matches!(kind, 1 | 3..=6 | 11) {
        return options().next().map(|_| Lease::default());
    }
    if of(option::CLIENT_ID).is_none() && kind != 11 {
        return None;
    }
    let address = of(option::ADDRESSES)
        .and_then(|value| v6_options(value.get(12..)?).find(|(n, _)| *n == option::ADDRESS))
        .and_then(|(_, value)| value.first_chunk::<16>())
        .map(|octets| IpAddr::V6(Ipv6Addr::from(*octets)));
    Some(Lease {
        mac: of(option::CLIENT_ID).and_then(duid_mac),
        ip: address.or(sender),
        hostname: of(option::FQDN).and_then(|value| labels(value.get(1..)?)),
        // The enterprise's number, then texts with their lengths.
        vendor_class: of(option::VENDOR_CLASS).and_then(|value| {
            let length = usize::from(be16(value, 4)?);
            text(Some(value.get(6..6 + length)?))
        }),
        parameters: numbers(
            of(option::WANTED)
                .into_iter()
                .flat_map(|value| value.as_chunks().0)
                .map(|pair| u16::from_be_bytes(*pair)),
        ),
    })
}

/// Options as far as they are whole.
fn v6_options(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (number, length) = (be16(bytes, at)?, usize::from(be16(bytes, at + 2)?));
        let value = bytes.get(at + 4..at + 4 + length)?;
        at += 4 + length;
        Some((number, value))
    })
    .take(OPTIONS_MAX)
}

/// The Ethernet address in a DUID-LLT or DUID-LL (RFC 8415 sections 11.2 and 11.4).
fn duid_mac(duid: &[u8]) -> Option<[u8; 6]> {
    match array(duid, 0)? {
        [0, 1, 0, 1] => array(duid, 8),
        [0, 3, 0, 1] => array(duid, 4),
        _ => None,
    }
}

/// Text as it was sent, without the zero that some clients end it with.
fn text(value: Option<&[u8]>) -> Option<Text> {
    let value = value?;
    let end = value.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    value.get(..end).filter(|value| !value.is_empty()).map(printable)
}

fn numbers(numbers: impl Iterator<Item = u16>) -> Option<Text> {
    let mut text = String::new();
    for number in numbers.take(PARAMETERS_MAX) {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing into a string cannot fail.
        let _ = write!(text, "{comma}{number}");
    }
    (!text.is_empty()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: [u8; 6] = [0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a];

    /// A message with `ciaddr`, `yiaddr` and options.
    fn bootp(operation: u8, (ciaddr, yiaddr): ([u8; 4], [u8; 4]), options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![operation, 1, 6, 0, 1, 2, 3, 4, 0, 0, 0, 0];
        bytes.extend([ciaddr, yiaddr].concat());
        bytes.resize(28, 0);
        bytes.extend(MAC);
        bytes.resize(236, 0);
        bytes.extend([99, 130, 83, 99]);
        bytes.extend(options);
        bytes
    }

    fn discover() -> Vec<u8> {
        let mut options = vec![53, 1, 1, 0, 50, 4, 10, 20, 3, 11, 12, 10];
        options.extend(b"Redmi-Note");
        options.extend([60, 14]);
        options.extend(b"android-dhcp-9");
        options.extend([55, 3, 1, 3, 6, 255, 12, 1, b'x']);
        bootp(1, ([0; 4], [0; 4]), &options)
    }

    #[test]
    fn rfc2132_options_of_a_client() {
        let lease = v4(&discover()).unwrap();
        assert_eq!(lease.mac, Some(MAC));
        assert_eq!(lease.ip, Some("10.20.3.11".parse().unwrap()));
        assert_eq!(lease.hostname.as_deref(), Some("Redmi-Note"));
        assert_eq!(lease.vendor_class.as_deref(), Some("android-dhcp-9"));
        assert_eq!(lease.parameters.as_deref(), Some("1,3,6"));
    }

    #[test]
    fn rfc2131_addresses_by_message() {
        let (has, given) = ([10, 0, 0, 7], [10, 0, 0, 8]);
        let of = |operation, kind| {
            v4(&bootp(operation, (has, given), &[53, 1, kind, 50, 4, 10, 0, 0, 9, 255]))
                .map(|lease| lease.ip.map(|ip| ip.to_string()))
        };
        assert_eq!(of(1, 3), Some(Some("10.0.0.7".to_owned())), "a renewal");
        assert_eq!(of(2, 5), Some(Some("10.0.0.8".to_owned())), "an acknowledgement");
        assert_eq!(of(2, 2), Some(None), "an offer is not taken yet");
        assert_eq!(of(1, 7), Some(None), "a release");
        assert_eq!(of(3, 1), None);
        // What the server says of names is not the client's word.
        let lease = v4(&bootp(2, (has, given), &[53, 1, 5, 12, 1, b'x', 255])).unwrap();
        assert_eq!((lease.hostname, lease.mac), (None, Some(MAC)));
    }

    #[test]
    fn rfc2132_overloaded_fields_and_rfc3396_parts() {
        let mut bytes = bootp(1, ([0; 4], [0; 4]), &[53, 1, 1, 52, 1, 3, 12, 2, b'M', b'i', 255]);
        bytes[108..114].copy_from_slice(&[12, 2, b'-', b'4', 255, 0]);
        bytes[44..50].copy_from_slice(&[60, 3, b'a', 0, 0, 255]);
        let lease = v4(&bytes).unwrap();
        assert_eq!(lease.hostname.as_deref(), Some("Mi-4"));
        assert_eq!(lease.vendor_class.as_deref(), Some("a"));
    }

    fn v6_option(number: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&number.to_be_bytes()[..], &length.to_be_bytes(), value].concat()
    }

    fn solicit() -> Vec<u8> {
        let duid = [&[0, 1, 0, 1, 9, 9, 9, 9][..], &MAC].concat();
        let mut vendor = vec![0, 0, 1, 0x37, 0, 8];
        vendor.extend(b"MSFT 5.0");
        let mut address = vec![0x20, 1, 0xd, 0xb8];
        address.resize(24, 7);
        let addresses = [&[0; 12][..], &v6_option(5, &address)].concat();
        let mut bytes = vec![1, 0xaa, 0xbb, 0xcc];
        bytes.extend(v6_option(1, &duid));
        bytes.extend(v6_option(16, &vendor));
        bytes.extend(v6_option(39, b"\x01\x04Desk\x03lan\0"));
        bytes.extend(v6_option(6, &[0, 23, 0, 24]));
        bytes.extend(v6_option(3, &addresses));
        bytes
    }

    #[test]
    fn rfc8415_options_of_a_client_also_behind_relays() {
        let link_local: IpAddr = "fe80::7".parse().unwrap();
        let lease = v6(&solicit(), link_local).unwrap();
        assert_eq!(lease.mac, Some(MAC));
        assert_eq!(lease.ip, Some("2001:db8:707:707:707:707:707:707".parse().unwrap()));
        assert_eq!(lease.hostname.as_deref(), Some("desk.lan"));
        assert_eq!(lease.vendor_class.as_deref(), Some("MSFT 5.0"));
        assert_eq!(lease.parameters.as_deref(), Some("23,24"));
        let mut relayed = solicit();
        for _ in 0..RELAYS_MAX {
            relayed = [&[12; 34][..], &v6_option(9, &relayed)].concat();
        }
        assert_eq!(v6(&relayed, link_local), Some(lease));
        let once_more = [&[12; 34][..], &v6_option(9, &relayed)].concat();
        assert!(v6(&once_more, link_local).is_none_or(|lease| lease == Lease::default()));
        // Without an address of its own, the sender's; behind a relay nobody's.
        let duid = v6_option(1, &[&[0, 3, 0, 1][..], &MAC].concat());
        let short = [&[1, 0, 0, 0][..], &duid].concat();
        assert_eq!(v6(&short, link_local).unwrap().ip, Some(link_local));
        let relayed = [&[12; 34][..], &v6_option(9, &short)].concat();
        assert_eq!(v6(&relayed, link_local).unwrap().ip, None);
        assert_eq!(v6(&relayed, link_local).unwrap().mac, Some(MAC));
    }

    #[test]
    fn lists_and_texts_are_bounded() {
        let mut options = vec![53, 1, 1];
        for _ in 0..20 {
            options.extend([12, 255]);
            options.extend([0xff; 255]);
            options.extend([55, 255]);
            options.extend([200; 255]);
        }
        let lease = v4(&bootp(1, ([0; 4], [0; 4]), &options)).unwrap();
        assert_eq!(lease.hostname.unwrap().len(), 512 * 4);
        assert_eq!(lease.parameters.unwrap().split(',').count(), PARAMETERS_MAX);
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(
            position in 0..400usize, octet in any::<u8>(), cut in 0..400usize, is_v6 in any::<bool>(),
        ) {
            let mut bytes = if is_v6 { solicit() } else { discover() };
            if let Some(slot) = bytes.get_mut(position) {
                *slot = octet;
            }
            bytes.truncate(cut);
            let _ = (v4(&bytes), v6(&bytes, IpAddr::V4(Ipv4Addr::LOCALHOST)));
        }

        #[test]
        fn any_octets_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let whole = [bootp(1, ([1; 4], [2; 4]), &[53, 1, 3]), bytes.clone()].concat();
            let lease = v4(&whole).unwrap();
            prop_assert!(lease.hostname.is_none_or(|name| name.len() <= 512 * 4));
            let _ = v6(&[&[1, 0, 0, 0][..], &bytes].concat(), IpAddr::V4(Ipv4Addr::LOCALHOST));
        }
    }
}
