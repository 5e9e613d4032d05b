//! Traffic as a busy link has it: many small flows and few huge ones, handshakes that name whom they call, look-ups before them, two IP versions, VLANs.
//!
//! For measuring: nothing is planned ahead, so any number of packets takes the memory of the flows that are alive. What a handshake says is real and can be
//! read; what follows is random.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};

use crate::source::synthetic::dns::Lookup;
use crate::source::synthetic::envelope::{Ends, Filler, Head, Payload, Stream, Transport, Written};
use crate::source::synthetic::http::Post;
use crate::source::synthetic::openings::{Course, beginning};
use crate::source::synthetic::quic::QuicVersion;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::talk::{ACK, FIN, Kind, SYN, Said, Talk};
use crate::source::synthetic::tcp::{MILLI, SECOND};
use crate::source::synthetic::tls::{Hello, Version, server_flight};
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::length16;

/// Packets of a flow on average, so that as many flows begin as there is room for.
const PACKETS_A_FLOW: i64 = 12;
/// Packets of the largest flow.
const PACKETS_MAX: u64 = 100_000;
/// A flow has sent its packets after this long.
const LIFE_NS: i64 = 30 * SECOND;
/// Hosts that call.
const CLIENTS: u64 = 1 << 14;
/// Names that are called: 2 to this power, each power of two of them as often as any other.
const NAME_BITS: u64 = 15;

/// How the server of a request in the clear begins its answer; its end is that of the connection.
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: application/octet-stream\r\n\
    Connection: close\r\n\r\n";

/// A capture of mixed traffic.
#[derive(Debug, Clone, Copy)]
pub struct Mix {
    /// Seed of everything.
    pub seed: u64,
    /// Packets to write.
    pub packets: u64,
    /// Between two packets on average.
    pub interval_ns: i64,
    /// Captured octets of a frame at most.
    pub snaplen: u32,
}

impl Mix {
    /// `packets` at some 100,000 a second, whole: 5 GB and a million flows are 11.6 million of them.
    pub const fn new(seed: u64, packets: u64) -> Self {
        Self { seed, packets, interval_ns: 10_000, snaplen: 65_535 }
    }

    /// Streams the capture into `out`.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<Written> {
        let mut stream = Stream::new(out, self.snaplen)?;
        let mut stage = Stage::new(self.seed);
        let mut next_ns = DAY_START_NS;
        while stream.written.packets < self.packets {
            match stage.due.peek() {
                Some(Reverse((ts_ns, _))) if *ts_ns < next_ns => stage.speak(&mut stream)?,
                _ => {
                    stage.begin(next_ns);
                    next_ns += stage.rng.between(0, 2 * PACKETS_A_FLOW * self.interval_ns);
                }
            }
        }
        stream.written.flows = stage.spoken;
        stream.finish()
    }
}

/// All conversations that go on.
struct Stage {
    seed: u64,
    rng: Rng,
    names: Vec<String>,
    flights: [Vec<u8>; 2],
    records: Filler,
    opaque: Filler,
    talks: Vec<Talk>,
    /// Places of conversations that have ended.
    free: Vec<usize>,
    due: BinaryHeap<Reverse<(i64, usize)>>,
    begun: u64,
    /// Conversations of which a packet was written.
    spoken: u64,
}

impl Stage {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::of(seed, "mix", "stage");
        let hosts = ["www", "api", "cdn", "img", "static", "edge", "m", "push"];
        let owners = ["media", "shop", "mail", "news", "games", "maps", "bank", "video-portal"];
        let names = (0..1_u64 << NAME_BITS).map(|number| {
            let host = rng.pick(&hosts).copied().unwrap_or("www");
            let owner = rng.pick(&owners).copied().unwrap_or("media");
            format!("{host}{}.{owner}-{}.example", number % 7, number / 4)
        });
        let names = names.collect();
        Self {
            seed,
            names,
            flights: [Version::Tls12, Version::Tls13]
                .map(|version| server_flight(version, None, &mut rng)),
            records: Filler::records(&mut rng),
            // As QUIC's short header begins (RFC 9000 section 17.3).
            opaque: Filler::new(&[0x43], &mut rng),
            rng,
            talks: Vec::new(),
            free: Vec::new(),
            due: BinaryHeap::new(),
            begun: 0,
            spoken: 0,
        }
    }

    /// Begins a conversation, and before it, often, the look-up that leads to it.
    fn begin(&mut self, at_ns: i64) {
        self.begun += 1;
        let mut rng = Rng::of(self.seed, &self.begun.to_string(), "talk");
        let kind = Kind::any(&mut rng);
        let octave = rng.below(NAME_BITS);
        let number = (1 << octave) + rng.below(1 << octave);
        let ends = self.ends(kind, number, &mut rng);
        let name = self.names.get(usize::try_from(number).unwrap_or(0));
        let name = name.cloned().unwrap_or_default();
        let mut start_ns = at_ns;
        if kind.is_named() && rng.below(2) == 0 {
            start_ns += 40 * MILLI;
            let resolver = if ends.is_v6 { 0x2001_0db8 << 96 | 0x35 } else { 0x0a00_0035 };
            let [client, address] = ends.addresses;
            // Below those of the conversations, and as different from each other.
            let port = 0x4000 | ends.ports[0] & 0x3fff;
            let (addresses, ports) = ([client, resolver], [port, 53]);
            let lookup = Lookup {
                id: rng.word(),
                name: &name,
                chain: if octave > 11 { &["edge7.cdn-pool.example"] } else { &[] },
                address: if ends.is_v6 {
                    IpAddr::V6(address.into())
                } else {
                    Ipv4Addr::from_bits(u32::try_from(address).unwrap_or(0)).into()
                },
                ttl_s: 300,
            };
            let opening = [(true, lookup.query()), (false, lookup.answer())].into();
            let rng = rng.clone();
            self.enter(
                at_ns,
                Talk {
                    kind: Kind::Lookup,
                    ends: Ends { addresses, ports, ..ends },
                    opening,
                    step: 0,
                    left: 2,
                    seqs: [0; 2],
                    gap_ns: 12 * MILLI,
                    rng,
                },
            );
        }
        // As many flows have n packets or more as n goes into all: Zipf's law.
        let many = ((1 << 32) / (1 + rng.below(1 << 32))).clamp(1, PACKETS_MAX);
        let packets = kind.packets_min() + many - u64::from(kind.packets_min() == 1);
        let life = LIFE_NS / i64::try_from(packets).unwrap_or(i64::MAX);
        let talk = Talk {
            kind,
            ends,
            opening: self.opening(kind, &name, &mut rng),
            step: 0,
            left: packets,
            seqs: [rng.long(), rng.long()],
            gap_ns: rng.between(2 * MILLI, 30 * MILLI).min(life),
            rng,
        };
        self.enter(start_ns, talk);
    }

    fn enter(&mut self, at_ns: i64, talk: Talk) {
        let place = match self.free.pop() {
            Some(place) => place,
            None => self.talks.len(),
        };
        match self.talks.get_mut(place) {
            Some(old) => *old = talk,
            None => self.talks.push(talk),
        }
        self.due.push(Reverse((at_ns, place)));
    }

    /// Who talks: no two conversations have the same client and port before half a billion have begun.
    fn ends(&self, kind: Kind, number: u64, rng: &mut Rng) -> Ends {
        let client = self.begun.wrapping_mul(0x9e37_79b9_7f4a_7c15) % CLIENTS;
        let port = 0x8000 | usize::try_from(self.begun / CLIENTS % 0x8000).unwrap_or(0);
        let server = if kind.is_named() { number << 2 | rng.below(4) } else { rng.below(1 << 17) };
        let is_v6 = rng.below(4) == 0;
        let (client, server) = (u128::from(client), u128::from(server));
        let addresses = if is_v6 {
            [0x2001_0db8_0001 << 80 | client, 0x2001_0db8_ffff << 80 | server]
        } else {
            // The servers' are those of RFC 2544.
            [0x0a01_0000 + client, 0xc612_0000 | server & 0x1_ffff]
        };
        let vlan = (client % 10 < 3).then(|| 100 + length16(usize::from(client % 10 == 1)));
        Ends { addresses, ports: [length16(port), kind.port()], is_v6, vlan }
    }

    fn opening(&self, kind: Kind, name: &str, rng: &mut Rng) -> VecDeque<(bool, Vec<u8>)> {
        match kind {
            Kind::Tls(version) => {
                let mut hello = Hello::plain(version, Some(name));
                hello.grease = rng.below(2) == 0;
                hello.padded = version == Version::Tls13;
                let [tls12, tls13] = &self.flights;
                let flight = if version == Version::Tls12 { tls12 } else { tls13 };
                [(true, hello.record(rng)), (false, flight.clone())].into()
            }
            Kind::Quic => beginning(QuicVersion::V1, Some(name), Course::default(), rng).into(),
            Kind::Http => {
                let post = Post { host: name, target: "/v1/events", agent: "Mozilla/5.0 (Linux)" };
                let total = usize::try_from(300 + rng.below(400)).unwrap_or(300);
                [(true, post.request(total, rng)), (false, RESPONSE.to_vec())].into()
            }
            Kind::Lookup | Kind::Stream | Kind::Datagrams => VecDeque::new(),
        }
    }

    /// Writes the packet that is due next.
    fn speak(&mut self, stream: &mut Stream<impl Write>) -> io::Result<()> {
        let Some(Reverse((ts_ns, place))) = self.due.pop() else { return Ok(()) };
        let Some(talk) = self.talks.get_mut(place) else { return Ok(()) };
        self.spoken += u64::from(talk.step == 0);
        let (up, flags, said) = talk.next();
        let payload = match &said {
            Said::Real(bytes) => Payload::of(bytes),
            Said::Opaque(0) => Payload::default(),
            Said::Opaque(length) if matches!(talk.kind, Kind::Tls(_)) => {
                self.records.record(*length)
            }
            Said::Opaque(length) => self.opaque.take(*length),
        };
        let ident = length16(usize::try_from(talk.step & 0xffff).unwrap_or(0));
        let transport = if talk.kind.is_tcp() {
            let [client, server] = &mut talk.seqs;
            let (own, other) = if up { (client, server) } else { (server, client) };
            let seq = *own;
            let counts = u32::from(flags & (SYN | FIN) != 0);
            *own = seq.wrapping_add(u32::from(payload.length) + counts);
            let ack = if flags & ACK == 0 { 0 } else { *other };
            let millis = u32::try_from((ts_ns - DAY_START_NS) / MILLI).unwrap_or(0);
            Transport::Tcp { seq, ack, flags, clock: Some(millis) }
        } else {
            Transport::Udp
        };
        stream.say(ts_ns, &talk.ends, &Head { up, ident, transport }, payload)?;
        if talk.left == 0 {
            talk.opening = VecDeque::new();
            self.free.push(place);
        } else {
            self.due.push(Reverse((ts_ns + talk.gap_ns, place)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use super::Mix;
    use crate::block::Block;
    use crate::decode::Decoder;
    use crate::names::{self, dns, quic};
    use crate::source::synthetic::DAY_START_NS;
    use crate::source::{FileSource, Pool, Tagger};

    #[test]
    fn it_is_what_it_says_and_names_can_be_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = Mix::new(3, 30_000).write_pcap(file.as_file()).unwrap();
        let mut source = FileSource::open(file.path(), &Pool::new(8)).unwrap();
        let (mut tagger, mut keys, mut said) = (Tagger::new(1), HashSet::new(), BTreeMap::new());
        let (mut packets, mut ip_bytes, mut v6, mut tagged) = (0, 0, 0, 0);
        let mut last_ns = DAY_START_NS;
        loop {
            let blocks = source.read(&mut tagger);
            if blocks.is_empty() {
                break;
            }
            for frame in blocks.iter().flat_map(Block::frames) {
                let observation = Decoder::default().decode(&frame).unwrap().observation;
                assert!(frame.ts_ns >= last_ns);
                last_ns = frame.ts_ns;
                packets += 1;
                ip_bytes += u64::from(observation.ip_bytes);
                let ethertype = &frame.bytes[12..];
                tagged += u32::from(ethertype.starts_with(&[0x81, 0]));
                v6 += u32::from([&ethertype[..2], &ethertype[4..6]].contains(&&[0x86, 0xdd][..]));
                keys.insert(observation.key);
                let payload = &frame.bytes[usize::from(observation.payload_at)..];
                let is_tcp = observation.tcp_flags != 0;
                let what = match () {
                    () if observation.payload_at == 0 => continue,
                    () if is_tcp => names::of_tcp(payload).map(|_| "tcp"),
                    () if quic::begins(payload) => Some("quic"),
                    () => dns::message(payload).map(|_| "dns"),
                };
                *said.entry(what.unwrap_or("nothing")).or_insert(0) += 1;
            }
        }
        assert_eq!((packets, ip_bytes), (written.packets, written.ip_bytes));
        assert_eq!(keys.len() as u64, written.flows);
        assert!((250..500).contains(&(ip_bytes / packets)), "{}", ip_bytes / packets);
        assert!(
            (4_500..10_500).contains(&v6) && (6_000..12_000).contains(&tagged),
            "{v6} {tagged}"
        );
        assert!(said["tcp"] > 1_000 && said["quic"] > 300 && said["dns"] > 1_000, "{said:?}");
    }

    #[test]
    fn the_seed_decides_all() {
        let capture = |seed| {
            let mut file = Vec::new();
            Mix::new(seed, 3_000).write_pcap(&mut file).unwrap();
            file
        };
        assert!(capture(1) == capture(1) && capture(1) != capture(2));
    }
}
