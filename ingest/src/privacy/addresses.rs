//! Addresses of the inside and of its devices, whatever carries them; those of others are left alone, for they are what reports are about.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aes::cipher::BlockCipherEncrypt as _;
use aes::{Aes128, Block};
use schemas::{Mac, Text};

use crate::direction::Inside;
use crate::privacy::key::Key;
use crate::privacy::prefix_preserving::PrefixPreserving;
use crate::privacy::profile::Profile;

/// What is left of an IPv4 address.
const V4_KEPT: u32 = 0xffff_ff00;
/// What is left of an IPv6 address.
const V6_KEPT: u128 = !(u128::MAX >> 48);
/// Of one by 6to4, whose first 48 bits hold an IPv4 address (RFC 3056 section 2).
const SIX_TO_FOUR_KEPT: u128 = !(u128::MAX >> 40);
/// Solicited-node addresses: their last 24 bits are those of a neighbour's address (RFC 4291 section 2.7.1).
const SOLICITED: u128 = 0xff02_0000_0000_0000_0000_0001_ff00_0000;
/// Addresses of protocols and no device's: VRRP and the like (RFC 9542 section 2.1).
const IANA_OUI: [u8; 3] = [0x00, 0x00, 0x5e];
/// Bits of a MAC address that say: not for one device, not given by a maker.
const GROUP_OR_LOCAL: u8 = 0b11;
/// Rounds over the two halves of a device's number.
const ROUNDS: u8 = 8;
const HALF: u64 = 0xfff;

/// Hides who is inside.
#[derive(Clone)]
pub(crate) struct Veil {
    /// How.
    pub(crate) profile: Profile,
    inside: Inside,
    addresses: PrefixPreserving,
    numbers: Aes128,
}

impl fmt::Debug for Veil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Veil").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What a number is, so that equal ones of two kinds become different.
#[derive(Debug, Clone, Copy)]
enum Number {
    Flow,
    Tunnel,
    Device { oui: [u8; 3], round: u8 },
}

impl Veil {
    pub(crate) fn new(profile: Profile, inside: Inside, key: &Key) -> Self {
        let (addresses, numbers) = (PrefixPreserving::new(key), key.cipher(b"numbers"));
        Self { profile, inside, addresses, numbers }
    }

    /// An address: hidden if it is inside's, or tells one that is.
    pub(crate) fn address(&self, address: IpAddr) -> IpAddr {
        match address {
            _ if !self.is_inside(address) => address,
            IpAddr::V4(v4) => Ipv4Addr::from_bits(self.hidden_v4(v4.to_bits())).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(self.hidden_v6(v6.to_bits())).into(),
        }
    }

    /// Whether an address is of somebody inside: by its network, as a neighbour on the link, or by the IPv4 address in it.
    pub(crate) fn is_inside(&self, address: IpAddr) -> bool {
        self.inside.holds(address)
            || match address {
                IpAddr::V4(v4) => v4.is_link_local(),
                IpAddr::V6(v6) => {
                    v6.is_unicast_link_local()
                        || is_solicited(v6.to_bits())
                        || embedded(v6.to_bits()).any(|v4| self.is_inside(v4.into()))
                }
            }
    }

    fn hidden_v4(&self, address: u32) -> u32 {
        match self.profile {
            Profile::Pseudonymise => self.addresses.v4(address),
            _ => address & V4_KEPT,
        }
    }

    fn hidden_v6(&self, address: u128) -> u128 {
        match self.profile {
            // To whom it goes is no network to keep.
            _ if is_solicited(address) => SOLICITED,
            Profile::Pseudonymise => self.addresses.v6(address),
            _ if address >> 112 == 0x2002 => address & SIX_TO_FOUR_KEPT,
            _ => address & V6_KEPT,
        }
    }

    /// A device's address: its maker stays, its number does not. One that no maker gave names nobody but the device: it goes.
    pub(crate) fn mac(&self, mac: Mac) -> Option<Mac> {
        let (oui, number) = (*mac.0.first_chunk::<3>()?, *mac.0.last_chunk::<3>()?);
        if mac.0.first()? & GROUP_OR_LOCAL != 0 {
            return None;
        }
        let hidden = match self.profile {
            _ if oui == IANA_OUI => number,
            Profile::Pseudonymise => self.device(oui, number),
            _ => [0; 3],
        };
        let mut mac = [0; 6];
        mac.iter_mut().zip(oui.into_iter().chain(hidden)).for_each(|(to, from)| *to = from);
        Some(Mac(mac))
    }

    /// Another number for a maker's device, one for each: a Feistel network over its 24 bits.
    fn device(&self, oui: [u8; 3], [x, y, z]: [u8; 3]) -> [u8; 3] {
        let number = u64::from(x) << 16 | u64::from(y) << 8 | u64::from(z);
        let (high, low) = (0..ROUNDS).fold((number >> 12, number & HALF), |(high, low), round| {
            (low, high ^ self.mixed(Number::Device { oui, round }, low) & HALF)
        });
        let [.., x, y, z] = (high << 12 | low).to_be_bytes();
        [x, y, z]
    }

    /// The id of a flow: a hash of addresses and time, which could be guessed and tried without a key.
    pub(crate) fn flow_id(&self, id: i64) -> i64 {
        (self.mixed(Number::Flow, id.cast_unsigned()) >> 1).cast_signed()
    }

    /// The id of a tunnel, which may be one subscriber's.
    pub(crate) fn tunnel_id(&self, id: i64) -> Option<i64> {
        let mixed = self.mixed(Number::Tunnel, id.cast_unsigned());
        (self.profile == Profile::Pseudonymise).then_some((mixed >> 32).cast_signed())
    }

    /// The same, for each of `kind:id/kind:id`; what is no number is left out.
    pub(crate) fn tunnel_stack(&self, stack: &str) -> Text {
        let hidden = |tunnel: &str| {
            let (kind, id) = tunnel.split_once(':')?;
            match id.parse().ok().and_then(|id| self.tunnel_id(id)) {
                Some(id) => Some(format!("{kind}:{id}")),
                None => Some(kind.to_owned()),
            }
        };
        let tunnels = stack.split('/').map(|one| hidden(one).unwrap_or_else(|| one.to_owned()));
        tunnels.collect::<Vec<_>>().join("/").into()
    }

    fn mixed(&self, kind: Number, number: u64) -> u64 {
        let kind = match kind {
            Number::Flow => 1,
            Number::Tunnel => 2,
            Number::Device { oui: [a, b, c], round } => {
                u64::from_be_bytes([3, a, b, c, round, 0, 0, 0])
            }
        };
        let mut block = Block::from((u128::from(kind) << 64 | u128::from(number)).to_be_bytes());
        self.numbers.encrypt_block(&mut block);
        // The first half of the block.
        u64::try_from(u128::from_be_bytes(block.into()) >> 64).unwrap_or_default()
    }
}

const fn is_solicited(address: u128) -> bool {
    address >> 24 == SOLICITED >> 24
}

/// IPv4 addresses that stand in an IPv6 address, as its prefix or its interface id announces.
fn embedded(address: u128) -> impl Iterator<Item = Ipv4Addr> {
    let at = |low: u32| u32::try_from(address >> low & u128::from(u32::MAX)).unwrap_or_default();
    let (top, low) = (at(96), at(0));
    let found = [
        // 6to4 (RFC 3056 section 2).
        (top >> 16 == 0x2002).then(|| at(80)),
        // Teredo: the server, and the client with all bits turned (RFC 4380 section 4).
        (top == 0x2001_0000).then(|| at(64)),
        (top == 0x2001_0000).then_some(!low),
        // NAT64, mapped, compatible (RFC 6052 section 2.1, RFC 4291 section 2.5.5).
        matches!(top, 0x0064_ff9b | 0).then_some(low),
        // NAT64 by a local prefix of 48 bits, around an octet of zeros (RFC 8215, RFC 6052 section 2.2).
        (address >> 80 == 0x0064_ff9b_0001).then(|| at(64) << 16 | at(40) & 0xffff),
        // ISATAP, on any prefix (RFC 5214 section 6.1).
        (at(32) & !0x0200_0000 == 0x0000_5efe).then_some(low),
    ];
    found.into_iter().flatten().map(Ipv4Addr::from_bits)
}
