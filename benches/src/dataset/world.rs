//! Who talks to whom in a made data set: servers and their names, clients and their devices.
//!
//! - 50,000 names: the `n`-th most popular is asked for in proportion to `1/n`. 7 of 10 are below a suffix of our catalog's vendors (a chosen 609 of them),
//!   among suffixes by `n^-0.8`; the others are nobody's, and some only look like a vendor's.
//! - 250,000 addresses of servers, four neighbours to a /24, over all of the IPv4 space that is routed; 15 % are IPv6, in the registries' blocks. A name
//!   has few addresses, a popular one up to 200; half of them it shares with the next name, as in a CDN.
//! - 20,000 clients of eight sites (`10.16.0.0/13`, `2001:db8::/32`), by `n^-0.6`, and 200 hosts of their own that others call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemas::{Mac, Text};

use crate::dataset::random::{Random, Weighted};

const NAMES: u32 = 50_000;
const SERVERS: u32 = 250_000;
const CLIENTS: u32 = 20_000;
/// Hosts of the inside that are called by name.
const HOSTS: u32 = 200;
/// Addresses of one name.
const ADDRESSES_MAX: u32 = 200;
/// Of a hundred addresses.
const IPV6_PERCENT: u32 = 15;
const SITES: u8 = 8;

const SUFFIXES: &str = include_str!("suffixes.txt");
/// What stands before a suffix.
const LABELS: [&str; 16] = [
    "api", "cdn", "img", "static", "www", "push", "log", "update", "edge", "video", "auth", "data",
    "sync", "mqtt", "ads", "m",
];
/// Places, within a name.
const REGIONS: [&str; 8] = ["", ".eu", ".us", ".ap", ".cn", ".jp", ".de", ".sg"];
/// Words of which nobody's domains are made.
const WORDS: [&str; 24] = [
    "amber", "birch", "cedar", "delta", "ember", "field", "grove", "harbor", "island", "jasper",
    "kettle", "lantern", "meadow", "north", "orchid", "pebble", "quarry", "river", "summit",
    "timber", "upland", "valley", "willow", "yarrow",
];
const NOBODYS_ENDS: [&str; 12] = [
    ".com",
    ".net",
    ".org",
    ".io",
    ".de",
    ".com.tw",
    ".co.jp",
    ".fr",
    ".com.br",
    ".in",
    ".ru",
    ".com.evil.example",
];
/// First 16 bits of routed IPv6 networks, by registry: more than one where there are many.
const IPV6_BLOCKS: [u16; 16] = [
    0x2001, 0x2400, 0x2401, 0x2402, 0x2403, 0x2404, 0x2405, 0x2406, 0x2408, 0x2409, 0x2600, 0x2607,
    0x2800, 0x2a00, 0x2a02, 0x2c0f,
];
/// Prefixes of makers that phones and laptops have.
const MAKERS: [[u8; 3]; 10] = [
    [0x3c, 0x22, 0xfb],
    [0xf0, 0x18, 0x98],
    [0x8c, 0xf5, 0xa3],
    [0x64, 0xcc, 0x2e],
    [0x00, 0x9e, 0xc8],
    [0x48, 0x46, 0xfb],
    [0x70, 0x8a, 0x09],
    [0xb4, 0xf1, 0xda],
    [0x00, 0x1b, 0x21],
    [0xd8, 0xbb, 0xc1],
];

/// A server's name, and which addresses it has.
#[derive(Debug, Clone)]
pub struct Name {
    /// The name.
    pub text: Text,
    /// Where its DNS entry leads.
    pub alias: Option<Text>,
    first: u32,
    count: u32,
}

/// Somebody inside.
#[derive(Debug, Clone, Copy)]
pub struct Client {
    v4: Ipv4Addr,
    v6: Ipv6Addr,
    /// Of its interface.
    pub mac: Mac,
}

impl Client {
    /// Its address of the same family as another.
    pub const fn towards(&self, other: IpAddr) -> IpAddr {
        match other {
            IpAddr::V4(_) => IpAddr::V4(self.v4),
            IpAddr::V6(_) => IpAddr::V6(self.v6),
        }
    }
}

/// Everybody.
#[derive(Debug)]
pub struct World {
    names: Vec<Name>,
    popular: Weighted,
    servers: Vec<IpAddr>,
    busy: Weighted,
    clients: Vec<Client>,
    active: Weighted,
    hosts: Vec<(Text, Client)>,
}

impl World {
    /// The world of a seed.
    pub fn new(seed: u64) -> Self {
        let mut random = Random::of(seed, "servers", 0);
        let mut servers: Vec<IpAddr> =
            (0..SERVERS).map(|number| server(seed, number, random.percent(IPV6_PERCENT))).collect();
        // Neighbours in the address space are no neighbours in fame.
        random.shuffle(&mut servers);
        Self {
            names: names(seed),
            popular: Weighted::zipf(NAMES, 1.0),
            servers,
            busy: Weighted::zipf(SERVERS, 0.8),
            clients: (0..CLIENTS).map(|number| client(seed, number)).collect(),
            active: Weighted::zipf(CLIENTS, 0.6),
            hosts: (0..HOSTS).map(|number| host(seed, number)).collect(),
        }
    }

    /// A name, as often as it is popular.
    pub fn name(&self, random: &mut Random) -> Option<&Name> {
        self.names.get(self.popular.pick(random))
    }

    /// One of the addresses of a name, the first ones more often; of any server where there is no name.
    pub fn server(&self, name: Option<&Name>, random: &mut Random) -> Option<IpAddr> {
        let at = match name {
            Some(name) => {
                let share = random.below(name.count).min(random.below(name.count));
                ((name.first + share) % SERVERS) as usize
            }
            None => self.busy.pick(random),
        };
        self.servers.get(at).copied()
    }

    /// A client, as often as it is active.
    pub fn client(&self, random: &mut Random) -> Option<&Client> {
        self.clients.get(self.active.pick(random))
    }

    /// A host of the inside and its name.
    pub fn host(&self, random: &mut Random) -> Option<&(Text, Client)> {
        random.one(&self.hosts)
    }
}

/// An address of the routed space.
fn server(seed: u64, number: u32, is_v6: bool) -> IpAddr {
    let mut own = Random::of(seed, "server", u64::from(number));
    // Four by four they share a network.
    let mut network = Random::of(seed, "network", u64::from(number / 4));
    let host = own.octets();
    if is_v6 { server_v6(host, &mut network) } else { server_v4(host, &mut network) }
}

fn server_v6(host: [u8; 8], network: &mut Random) -> IpAddr {
    let block = network.one(&IPV6_BLOCKS).copied().unwrap_or(0x2a00);
    let ([high, low, third_high, third_low, ..], [a, b, c, d, ..]) = (network.octets(), host);
    let word = |high, low| u16::from_be_bytes([high, low]);
    // Registries hand out the lower parts of their blocks first.
    let (second, third) = (word(high & 0x3f, low), word(third_high & 0x0f, third_low));
    Ipv6Addr::new(block, second, third, 0, 0, 0, word(a, b), word(c, d)).into()
}

fn server_v4([host, ..]: [u8; 8], network: &mut Random) -> IpAddr {
    let mut drawn = std::iter::repeat_with(|| {
        let [x, y, z, ..] = network.octets();
        [x, y, z]
    });
    let [x, y, z] = drawn.find(|network| is_routed(*network)).unwrap_or([8, 8, 4]);
    Ipv4Addr::new(x, y, z, host.max(1)).into()
}

/// Whether an IPv4 network may be a server's on the Internet.
fn is_routed([x, y, z]: [u8; 3]) -> bool {
    let address = Ipv4Addr::new(x, y, z, 1);
    let is_other =
        (x, y & 0xc0) == (100, 64) || (x, y & 0xfe) == (198, 18) || (x, y, z) == (192, 0, 0);
    (1..=223).contains(&x)
        && !is_other
        && !address.is_private()
        && !address.is_loopback()
        && !address.is_link_local()
        && !address.is_documentation()
}

/// All names, the most popular first.
fn names(seed: u64) -> Vec<Name> {
    let mut random = Random::of(seed, "names", 0);
    let mut suffixes: Vec<&str> = SUFFIXES.lines().collect();
    random.shuffle(&mut suffixes);
    let count = u32::try_from(suffixes.len()).unwrap_or(0);
    let used = Weighted::zipf(count, 0.8);
    let mut first = 0;
    let of_rank = |rank: u32| {
        let suffix = suffixes.get(used.pick(&mut random)).copied().unwrap_or("example");
        let text = if random.percent(70) {
            below(suffix, rank, &mut random)
        } else {
            nobodys(suffix, rank, &mut random)
        };
        let alias =
            random.percent(30).then(|| format!("{text}.edgekey{}.example", rank % 97).into());
        let least = 2 + random.below(5);
        let count = least.max(ADDRESSES_MAX * 40 / (rank + 40));
        let name = Name { text: text.into(), alias, first, count };
        // The next one begins within.
        first = (first + count.div_ceil(2) + random.below(5)) % SERVERS;
        name
    };
    (0..NAMES).map(of_rank).collect()
}

/// A name below a vendor's suffix.
fn below(suffix: &str, rank: u32, random: &mut Random) -> String {
    let label = random.one(&LABELS).copied().unwrap_or("www");
    let region = random.one(&REGIONS).copied().unwrap_or_default();
    format!("{label}{rank}{region}.{suffix}")
}

/// A name that no rule holds. One in twenty would deceive who does not look at label boundaries.
fn nobodys(suffix: &str, rank: u32, random: &mut Random) -> String {
    let mut word = || random.one(&WORDS).copied().unwrap_or("elm");
    let (one, two) = (word(), word());
    let end = random.one(&NOBODYS_ENDS).copied().unwrap_or(".com");
    match random.below(20) {
        0 => format!("cdn{rank}.not{suffix}"),
        1..=9 => format!("www.{one}-{two}{rank}{end}"),
        _ => format!("{one}{rank}.{two}{}{end}", rank % 1_000),
    }
}

fn mac(random: &mut Random) -> Mac {
    let [first, second, third, fourth, fifth, sixth, ..] = random.octets();
    let maker = random.one(&MAKERS).copied().unwrap_or_default();
    // Phones make up their address on most networks.
    let is_made_up = random.percent(40);
    let [one, two, three] = if is_made_up { [(first & 0xfc) | 2, second, third] } else { maker };
    Mac([one, two, three, fourth, fifth, sixth])
}

/// Somebody of a site: a quarter of a site's network is taken.
fn client(seed: u64, number: u32) -> Client {
    let mut random = Random::of(seed, "client", u64::from(number));
    let [site, ..] = (number % u32::from(SITES)).to_le_bytes();
    inside(site, number / u32::from(SITES), &mut random)
}

/// Host `place` of a site.
fn inside(site: u8, place: u32, random: &mut Random) -> Client {
    let [subnet, ..] = (place / 250).to_le_bytes();
    let [last, ..] = (place % 250 + 2).to_le_bytes();
    let (network, host) = (u128::from(site) << 80, random.bits());
    let subnet_bits = u128::from(subnet) << 64;
    let inside = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits();
    Client {
        v4: Ipv4Addr::new(10, 16 + site, subnet, last),
        v6: Ipv6Addr::from_bits(inside | network | subnet_bits | u128::from(host)),
        mac: mac(random),
    }
}

/// A host that others call, and its name, which is nobody's in the catalog.
fn host(seed: u64, number: u32) -> (Text, Client) {
    let mut random = Random::of(seed, "host", u64::from(number));
    let [site, ..] = (number % u32::from(SITES)).to_le_bytes();
    // Behind all clients of the site.
    let host = inside(site, 50_000 + number, &mut random);
    (format!("www{number}.bureau-{site}.example").into(), host)
}
