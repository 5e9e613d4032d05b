//! Who takes part in the national day: the handsets, and the services they call.
//!
//! Names and makers are facts of the vendors (their domains, their OUIs in the IEEE register);
//! which handset calls what, and how much, is invented.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::source::synthetic::packet::Wrap;
use crate::source::synthetic::place::Place;
use crate::source::synthetic::quic::QuicVersion;

/// A client on the access network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handset {
    pub(crate) id: &'static str,
    /// The maker its MAC tells; none when the MAC is a random one.
    pub(crate) maker: Option<&'static str>,
    pub(crate) mac: [u8; 6],
    pub(crate) vlan: u16,
    pub(crate) v4: Ipv4Addr,
    pub(crate) v6: Ipv6Addr,
    pub(crate) agent: &'static str,
    /// What its access network puts around a packet.
    pub(crate) wrap: Wrap,
}

impl Handset {
    /// The handset's address of the family of `server`.
    pub(crate) fn address(&self, server: IpAddr) -> IpAddr {
        match server {
            IpAddr::V4(_) => IpAddr::V4(self.v4),
            // A link-local neighbour is spoken to from a link-local address.
            IpAddr::V6(server)
                if server.segments()[0] & 0xffc0 == 0xfe80 || server.is_multicast() =>
            {
                IpAddr::V6(Ipv6Addr::from_bits((0xfe80 << 112) | (self.v6.to_bits() & 0xffff)))
            }
            IpAddr::V6(_) => IpAddr::V6(self.v6),
        }
    }
}

const fn handset(
    id: &'static str,
    maker: Option<&'static str>,
    mac: [u8; 6],
    number: u8,
) -> Handset {
    // Odd ones are office Wi-Fi (VLAN 10, 10.20/16), even ones carrier NAT (VLAN 20, 100.64/10).
    let (vlan, v4) = if number % 2 == 1 {
        (10, Ipv4Addr::new(10, 20, 3, number))
    } else {
        (20, Ipv4Addr::new(100, 72, 9, number))
    };
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0x20, vlan, 0x5c1e, 0x77, 0x9a02, number as u16);
    let agent = "Dalvik/1.6.0 (Linux; U; Android 4.4.2)";
    Handset { id, maker, mac, vlan, v4, v6, agent, wrap: Wrap::None }
}

impl Handset {
    const fn agent(mut self, agent: &'static str) -> Self {
        self.agent = agent;
        self
    }
}

pub(crate) const XIAOMI_A: Handset =
    handset("xiaomi-a", Some("xiaomi"), [0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a], 11)
        .agent("Dalvik/1.6.0 (Linux; U; Android 4.3; HM 1SW MIUI/JHBTWBF29.0)");
pub(crate) const XIAOMI_B: Handset =
    handset("xiaomi-b", Some("xiaomi"), [0xf8, 0xa4, 0x5f, 0x30, 0x9c, 0x21], 12);
pub(crate) const SAMSUNG_A: Handset =
    handset("samsung-a", Some("samsung"), [0x24, 0x4b, 0x81, 0x6e, 0x11, 0x05], 13)
        .agent("Dalvik/1.6.0 (Linux; U; Android 4.4.2; SM-G900I Build/KOT49H)");
pub(crate) const SAMSUNG_B: Handset =
    handset("samsung-b", Some("samsung"), [0x14, 0x96, 0xe5, 0x0b, 0x7d, 0x44], 14);
pub(crate) const APPLE_A: Handset =
    handset("apple-a", Some("apple"), [0x0c, 0xe4, 0x41, 0x52, 0x8f, 0x37], 15)
        .agent("MobileSafari/9537.53 CFNetwork/672.1.15 Darwin/14.0.0");
pub(crate) const APPLE_B: Handset =
    handset("apple-b", Some("apple"), [0x18, 0x4a, 0x53, 0x99, 0x02, 0x6b], 16);
pub(crate) const HUAWEI_A: Handset =
    handset("huawei-a", Some("huawei"), [0x0c, 0x84, 0x08, 0x41, 0xee, 0x12], 17);
pub(crate) const GOOGLE_A: Handset =
    handset("google-a", Some("google"), [0x08, 0xb4, 0xb1, 0x27, 0x60, 0x58], 19);
pub(crate) const DESK: Handset =
    handset("desk", Some("microsoft"), [0x00, 0x22, 0x48, 0x5a, 0x3c, 0x70], 21).agent("MSMSGS");
/// A handset that hides its maker behind a locally administered MAC.
pub(crate) const PRIVATE: Handset =
    handset("private", None, [0xda, 0x31, 0x07, 0xc4, 0x5b, 0x9e], 22);

/// Those whose parts can be given to each other: each tells its maker.
pub(crate) const CAST: [Handset; 9] =
    [XIAOMI_A, XIAOMI_B, SAMSUNG_A, SAMSUNG_B, APPLE_A, APPLE_B, HUAWEI_A, GOOGLE_A, DESK];
/// Hosts whose MAC addresses tell of no maker: a virtual router's (RFC 9568), and a router's.
pub(crate) const VIRTUAL: Handset = handset("virtual", None, [0, 0, 0x5e, 0, 1, 0x0a], 24);
pub(crate) const ROUTER: Handset = handset("router", None, [0, 0, 0x0c, 0x3b, 0x52, 0x18], 26);

/// The router that all clients use.
pub(crate) const GATEWAY_MAC: [u8; 6] = [0x00, 0x00, 0x0c, 0x07, 0x1a, 0x01];

/// How a service is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Tls12,
    Tls13,
    /// TLS 1.3 with GREASE and an ECH of random content beside the genuine name.
    Tls13GreaseEch,
    /// TLS 1.3 with an ECH behind which the name stands; the hello names [`FRONT`].
    Tls13Ech,
    /// TLS 1.2 whose hello names nobody.
    TlsNameless,
    Http,
    /// The Messenger notification protocol.
    Msnp,
    /// Opaque bytes over TCP.
    Stream,
    /// Opaque datagrams over UDP.
    Datagrams,
    /// QUIC, its hello as most clients send it.
    Quic(QuicVersion),
    /// QUIC after a version negotiation and a Retry, its hello in pieces of any order.
    QuicWild(QuicVersion),
}

/// What a hello says in clear before the provider that stands in front of many.
pub(crate) const FRONT: &str = "cloudflare-ech.com";

/// A service: whose it is, what it is called, where it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service<'a> {
    /// Catalog key; none where nothing on the wire may tell.
    pub(crate) vendor: Option<&'static str>,
    pub(crate) product: Option<&'static str>,
    /// As clients write it; empty for a service that is known by its address alone.
    pub(crate) name: &'a str,
    pub(crate) transport: Transport,
    pub(crate) port: u16,
    pub(crate) place: Place,
    /// Aliases of its DNS answer.
    pub(crate) chain: &'static [&'static str],
}

impl<'a> Service<'a> {
    /// A service of `vendor` under `name`, on the transport's usual port.
    pub(crate) const fn of(
        vendor: &'static str,
        name: &'a str,
        transport: Transport,
        place: Place,
    ) -> Self {
        let port = match transport {
            Transport::Http => 80,
            Transport::Msnp => 1863,
            _ => 443,
        };
        Self { vendor: Some(vendor), product: None, name, transport, port, place, chain: &[] }
    }

    /// Something at `place` that is nobody's as far as the wire tells.
    pub(crate) const fn nobody(
        name: &'a str,
        transport: Transport,
        port: u16,
        place: Place,
    ) -> Self {
        Self { vendor: None, product: None, name, transport, port, place, chain: &[] }
    }

    pub(crate) const fn product(mut self, product: &'static str) -> Self {
        self.product = Some(product);
        self
    }

    pub(crate) const fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    pub(crate) const fn chain(mut self, chain: &'static [&'static str]) -> Self {
        self.chain = chain;
        self
    }

    /// Whether it is the very name that makes the service what it is, and not a host below it.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.transport, Transport::Msnp)
            || self.name.ends_with('.')
            || self.name.starts_with("xn--")
    }

    /// The name that the flow itself shows, as written, and where.
    pub(crate) fn shown(&self) -> Option<(&'a str, &'static str)> {
        match self.transport {
            Transport::Tls13Ech => Some((FRONT, "tls_sni")),
            Transport::Quic(_) | Transport::QuicWild(_) => Some((self.name, "quic_sni")),
            Transport::Tls12 | Transport::Tls13 | Transport::Tls13GreaseEch => {
                Some((self.name, "tls_sni"))
            }
            Transport::Http => Some((self.name, "http_host")),
            _ => None,
        }
    }
}
