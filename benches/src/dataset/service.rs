//! What is spoken in a made data set: how often each service, on which port, with what the probe would have read of it.

use schemas::{Fingerprint, Text};

use crate::dataset::random::{Curve, Random, Weighted};

/// IANA's number.
pub const ICMP: i32 = 1;
/// IANA's number.
pub const TCP: i32 = 6;
/// IANA's number.
pub const UDP: i32 = 17;
/// IANA's number.
pub const ICMPV6: i32 = 58;

/// A service.
#[derive(Debug)]
pub struct Service {
    /// Of a thousand flows.
    share: u32,
    /// Number of its protocol.
    pub ip_proto: i32,
    /// Name of its protocol.
    pub proto: &'static str,
    /// Port of the server; none where there are no ports.
    pub port: Option<i32>,
    /// As the probe calls it.
    pub service: Option<&'static str>,
    /// Where its names stand; none where it has none.
    pub name_source: Option<&'static str>,
    /// What the client offers to speak.
    alpn: &'static [&'static str],
    /// Octets of payload, median: up and down.
    payload: [f64; 2],
}

const fn service(share: u32, ip_proto: i32, port: i32, words: [&'static str; 2]) -> Service {
    let [service, source] = words;
    let proto = match ip_proto {
        TCP => "tcp",
        UDP => "udp",
        _ => "icmp",
    };
    Service {
        share,
        ip_proto,
        proto,
        port: if port == 0 { None } else { Some(port) },
        service: if service.is_empty() { None } else { Some(service) },
        name_source: if source.is_empty() { None } else { Some(source) },
        alpn: &[],
        payload: [300.0, 400.0],
    }
}

const TLS: [&str; 2] = ["tls", "tls_sni"];
const HTTP: [&str; 2] = ["http", "http_host"];
const WEB: &[&str] = &["h2", "h2", "h2", "http/1.1"];

const SERVICES: [Service; 16] = [
    Service { alpn: WEB, payload: [1_800.0, 7_000.0], ..service(470, TCP, 443, TLS) },
    Service {
        alpn: &["h3"],
        payload: [2_600.0, 12_000.0],
        ..service(250, UDP, 443, ["quic", "quic_sni"])
    },
    Service { payload: [600.0, 3_000.0], ..service(124, TCP, 80, HTTP) },
    Service { payload: [45.0, 140.0], ..service(60, UDP, 53, ["dns", ""]) },
    Service { payload: [48.0, 48.0], ..service(16, UDP, 123, ["", ""]) },
    Service { alpn: WEB, ..service(12, TCP, 8443, TLS) },
    service(10, TCP, 5222, ["xmpp", "xmpp"]),
    service(10, TCP, 993, TLS),
    service(10, TCP, 8080, HTTP),
    service(6, TCP, 5228, TLS),
    service(6, TCP, 8883, TLS),
    service(5, UDP, 3478, ["", ""]),
    service(4, TCP, 22, ["", ""]),
    service(4, UDP, 4500, ["", ""]),
    service(4, TCP, 25, ["", ""]),
    Service { payload: [64.0, 64.0], ..service(9, ICMP, 0, ["", ""]) },
];

/// Ways in which a client greets.
const HELLOS: u32 = 48;
/// Programs that say their name over HTTP.
const AGENTS: u32 = 240;
/// Deviation of the logarithm of a flow's payload.
const SPREAD: f64 = 1.7;
/// Octets of payload of one flow in one direction.
const PAYLOAD_MAX: f64 = 4e9;

/// A service with what is drawn for each of its flows.
#[derive(Debug)]
struct Offer {
    service: &'static Service,
    alpn: Vec<Text>,
    up: Curve,
    down: Curve,
}

/// What a client hello tells.
#[derive(Debug, Clone)]
pub struct Hello {
    /// First protocol offered.
    pub alpn: Option<Text>,
    /// Highest version offered.
    pub version: &'static str,
    /// Fingerprint.
    pub ja4: Fingerprint,
    /// Whether the hello has room for an encrypted one.
    pub ech: bool,
}

/// All that is spoken.
#[derive(Debug)]
pub struct Services {
    offers: Vec<Offer>,
    shares: Weighted,
    hellos: Vec<Fingerprint>,
    greeted: Weighted,
    agents: Vec<Text>,
}

/// A drawn service.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    offer: &'a Offer,
    all: &'a Services,
}

impl Services {
    /// Those of a seed.
    pub fn new(seed: u64) -> Self {
        let shares: Vec<f64> = SERVICES.iter().map(|service| f64::from(service.share)).collect();
        let mut random = Random::of(seed, "hellos", 0);
        let mut hello = |number| {
            let (one, two) = (random.bits() >> 16, random.bits() >> 16);
            let (suites, extensions) = (10 + number % 7, 8 + number % 9);
            Fingerprint::of(&format!("t13d{suites:02}{extensions:02}h2_{one:012x}_{two:012x}"))
        };
        let agent = |number: u32| {
            let (system, major) = (9 + number % 7, 90 + number / 4);
            let text = "Mozilla/5.0 (Linux; Android";
            format!("{text} {system}; Model-{number}) Chrome/{major}.0 Mobile Safari/537.36").into()
        };
        let offer = |service: &'static Service| {
            let [up, down] = service.payload.map(|median| Curve::new(median, SPREAD, PAYLOAD_MAX));
            Offer {
                service,
                alpn: service.alpn.iter().map(|word| (*word).into()).collect(),
                up,
                down,
            }
        };
        Self {
            offers: SERVICES.iter().map(offer).collect(),
            shares: Weighted::new(&shares),
            hellos: (0..HELLOS).filter_map(&mut hello).collect(),
            greeted: Weighted::zipf(HELLOS, 1.2),
            agents: (0..AGENTS).map(agent).collect(),
        }
    }

    /// One of them, as often as it is used.
    pub fn pick(&self, random: &mut Random) -> Option<Chosen<'_>> {
        let offer = self.offers.get(self.shares.pick(random))?;
        Some(Chosen { offer, all: self })
    }
}

impl Chosen<'_> {
    /// Which it is.
    pub const fn service(&self) -> &'static Service {
        self.offer.service
    }

    /// Octets of payload, up and down.
    pub fn payload(&self, random: &mut Random) -> (i64, i64) {
        (i64::from(self.offer.up.pick(random)), i64::from(self.offer.down.pick(random)))
    }

    /// The client's greeting, where it sends one.
    pub fn hello(&self, random: &mut Random) -> Option<Hello> {
        matches!(self.offer.service.service, Some("tls" | "quic")).then(|| ())?;
        let is_new = self.offer.service.ip_proto == UDP || random.percent(88);
        Some(Hello {
            alpn: random.one(&self.offer.alpn).cloned(),
            version: if is_new { "TLSv13" } else { "TLSv12" },
            ja4: *self.all.hellos.get(self.all.greeted.pick(random))?,
            ech: random.percent(35),
        })
    }

    /// The program that asks, where it says so.
    pub fn agent(&self, random: &mut Random) -> Option<Text> {
        (self.offer.service.service == Some("http"))
            .then(|| random.one(&self.all.agents).cloned())?
    }
}
