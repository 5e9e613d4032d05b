//! What a name or number is said of: `tcp src port`, `ip6 dst net`, `vlan`. A word without one belongs to the one before.

use std::net::IpAddr;

use crate::filter::error::FilterError;
use crate::filter::primitive::{Ends, Network, Primitive};
use crate::filter::words::Word;

/// The protocol word before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Ip(u8),
    Transport(u8),
    Ether,
}

/// What kind of thing the name or number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An address or a network, whichever it looks like.
    Any,
    Host,
    Net,
    Port,
    PortRange,
    Protocol,
    Vlan,
    Label,
}

/// All of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) scope: Option<Scope>,
    pub(crate) ends: Ends,
    pub(crate) kind: Kind,
}

impl Subject {
    /// What a name without any word before it is.
    pub(crate) const PLAIN: Self = Self { scope: None, ends: Ends::Either, kind: Kind::Any };

    /// Of a tag or label.
    pub(crate) const fn of(kind: Kind) -> Self {
        Self { scope: None, ends: Ends::Either, kind }
    }

    /// Whether these words go together; `has_ends` says that `src` or `dst` was among them, `word` is the last of them.
    pub(crate) fn check(self, has_ends: bool, word: &Word<'_>) -> Result<(), FilterError> {
        let (fits, expected) = match (self.scope, self.kind) {
            (None | Some(Scope::Ip(_)), Kind::Protocol) => (!has_ends, "proto without src and dst"),
            (None, _)
            | (Some(Scope::Ip(_)), Kind::Any | Kind::Host | Kind::Net)
            | (Some(Scope::Transport(_)), Kind::Port | Kind::PortRange)
            | (Some(Scope::Ether), Kind::Any | Kind::Host) => (true, ""),
            (Some(Scope::Ip(_)), _) => {
                (false, "host, net or proto after ip or ip6; for ports write: ip and port 80")
            }
            (Some(Scope::Transport(_)), _) => (
                false,
                "port or portrange after tcp, udp or sctp; for others write: tcp and host …",
            ),
            (Some(Scope::Ether), _) => (false, "host, src or dst after ether"),
        };
        if fits { Ok(()) } else { Err(word.unfit(expected)) }
    }

    /// The question that a name or number makes of this.
    pub(crate) fn question(self, word: &Word<'_>) -> Result<Primitive, FilterError> {
        let ends = self.ends;
        let primitive = match self.kind {
            Kind::Any | Kind::Host | Kind::Net if self.scope == Some(Scope::Ether) => {
                Primitive::Mac { ends, mac: mac(word)? }
            }
            Kind::Any | Kind::Host | Kind::Net => {
                Primitive::Address { ends, network: self.network(word)? }
            }
            Kind::Port => {
                let port = number(word, 0xffff, "a port as a number from 0 to 65535")?;
                let port = u16::try_from(port).unwrap_or_default();
                Primitive::Port { ends, protocol: self.transport(), first: port, last: port }
            }
            Kind::PortRange => {
                let (first, last) = range(word)?;
                Primitive::Port { ends, protocol: self.transport(), first, last }
            }
            Kind::Protocol => {
                let number = number(word, 0xff, "a protocol as a number from 0 to 255")?;
                let version =
                    if let Some(Scope::Ip(version)) = self.scope { Some(version) } else { None };
                Primitive::Protocol { version, number: u8::try_from(number).unwrap_or_default() }
            }
            Kind::Vlan => {
                let id = number(word, 0xfff, "a VLAN id from 0 to 4095")?;
                Primitive::Vlan(Some(u16::try_from(id).unwrap_or_default()))
            }
            Kind::Label => {
                Primitive::Label(Some(number(word, 0xf_ffff, "a label from 0 to 1048575")?))
            }
        };
        Ok(primitive)
    }

    fn transport(self) -> Option<u8> {
        if let Some(Scope::Transport(number)) = self.scope { Some(number) } else { None }
    }

    fn network(self, word: &Word<'_>) -> Result<Network, FilterError> {
        let expected = match self.kind {
            Kind::Host => "an address as 192.0.2.1 or 2001:db8::1; names are not looked up",
            Kind::Net => "a network with its prefix, as 10.0.0.0/8 or 2001:db8::/32",
            _ => "host, net, port, another word of a filter, or an address",
        };
        let (address, prefix) = match word.text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (word.text, None),
        };
        let has_form = match self.kind {
            Kind::Host => prefix.is_none(),
            Kind::Net => prefix.is_some(),
            _ => true,
        };
        let address: IpAddr = match address.parse() {
            Ok(address) if has_form => address,
            _ => return Err(word.unfit(expected)),
        };
        let version = if address.is_ipv4() { 4 } else { 6 };
        if self.scope.is_some_and(|scope| scope != Scope::Ip(version)) {
            return Err(word.unfit("an address of the version of IP that was named"));
        }
        let width = if version == 4 { 32 } else { 128 };
        let length = match prefix {
            None => width,
            Some(prefix) => digits(prefix, width)
                .ok_or_else(|| word.unfit(&format!("a prefix length from 0 to {width}")))?,
        };
        let network = masked(address, length);
        network.ok_or_else(|| {
            word.unfit(
                "a network without bits beyond its prefix, as 10.0.0.0/8; or host for one address",
            )
        })
    }
}

/// A network, unless it has bits beyond its prefix.
fn masked(address: IpAddr, length: u32) -> Option<Network> {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            let bits = address.to_bits();
            (bits & !mask == 0).then_some(Network::V4 { bits, mask })
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            let bits = address.to_bits();
            (bits & !mask == 0).then_some(Network::V6 { bits, mask })
        }
    }
}

/// A number in decimal digits and nothing else.
pub(crate) fn digits(text: &str, max: u32) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number <= max)
}

/// The number that a word is.
pub(crate) fn number(word: &Word<'_>, max: u32, expected: &str) -> Result<u32, FilterError> {
    digits(word.text, max).ok_or_else(|| word.unfit(expected))
}

fn range(word: &Word<'_>) -> Result<(u16, u16), FilterError> {
    let port = |text: &str| digits(text, 0xffff).and_then(|port| u16::try_from(port).ok());
    let ends = word.text.split_once('-').and_then(|(a, b)| Some((port(a)?, port(b)?)));
    ends.filter(|(first, last)| first <= last)
        .ok_or_else(|| word.unfit("two ports, the lower first, as 6000-6010"))
}

fn mac(word: &Word<'_>) -> Result<[u8; 6], FilterError> {
    let mut mac = [0; 6];
    let mut parts = word.text.split([':', '-']);
    for octet in &mut mac {
        let part = parts.next().filter(|part| (1..=2).contains(&part.len()));
        let part = part.filter(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()));
        *octet = part
            .and_then(|part| u8::from_str_radix(part, 16).ok())
            .ok_or_else(|| word.unfit(MAC))?;
    }
    if parts.next().is_some() { Err(word.unfit(MAC)) } else { Ok(mac) }
}

const MAC: &str = "an address of Ethernet as 02:00:00:00:00:01";
