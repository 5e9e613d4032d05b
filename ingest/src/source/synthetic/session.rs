//! A session: the lookup, the connection, the hello, then data of an exact volume.
//!
//! The volume is what the flow's payloads add up to, hello included.

use crate::source::synthetic::cast::{FRONT, Handset, Service, Transport};
use crate::source::synthetic::dns::Lookup;
use crate::source::synthetic::draft::{Draft, Opening, Resolved};
use crate::source::synthetic::http::{MSNP_HELLO, Post, messenger, response};
use crate::source::synthetic::openings::{Course, beginning};
use crate::source::synthetic::packet::{Packet, Quirk, Segment};
use crate::source::synthetic::place::Place;
use crate::source::synthetic::quic::QuicVersion;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::{Close, MICRO, MILLI, Path, Tcp};
use crate::source::synthetic::tls::{Hello, Version, finish, opaque, server_flight};

/// The resolvers of the access network.
const RESOLVER_V4: Place = Place::v4([168, 95, 1, 1], 3462, "TW");
const RESOLVER_V6: Place = Place::v6(0x2001_b000_0168_0000_0000_0000_0000_0001, 3462, "TW");
/// Time to live of every answer.
pub(crate) const TTL_S: u32 = 300;

/// How a session's frames are oddly built or captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Oddity {
    #[default]
    None,
    /// No TCP options: 40-byte acknowledgements, padded on the wire.
    Plain,
    /// Data frames cut to 96 captured bytes.
    Cut,
    /// Segments of 3,000 bytes with IPv4 total length 0.
    Offload,
    /// Frames with their check sequence.
    Fcs,
    /// Only what the client sends is seen.
    OnlyUp,
    /// Only what the server sends is seen, its certificate among it.
    OnlyDown,
    /// Nothing is seen before the handshake is over.
    MidFlow,
    /// The hello in segments of 90 octets, out of order, one of them sent again.
    Split,
    /// A hello with a share for a post-quantum key: longer than a segment.
    PostQuantum,
}

/// Payload of the segments of a split hello.
const PIECE_MAX: usize = 90;

/// One session of a handset with a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session<'a> {
    pub(crate) handset: &'a Handset,
    pub(crate) service: &'a Service<'a>,
    /// Tells the session's random stream from all others.
    pub(crate) id: &'a str,
    pub(crate) start_ns: i64,
    /// How long before the start the name was looked up; none = not at all.
    pub(crate) lookup_ns: Option<i64>,
    /// Payload of both directions.
    pub(crate) volume: usize,
    /// Request and answer pairs, and the pause between them.
    pub(crate) turns: usize,
    pub(crate) pause_ns: i64,
    pub(crate) close: Close,
    pub(crate) port: Option<u16>,
    pub(crate) oddity: Oddity,
    pub(crate) trap: Option<&'static str>,
}

impl<'a> Session<'a> {
    /// An ordinary session: looked up 40 ms before, three turns, closed by FIN.
    pub(crate) fn of(handset: &'a Handset, service: &'a Service<'a>, id: &'a str) -> Self {
        Self {
            handset,
            service,
            id,
            start_ns: 0,
            lookup_ns: (!service.name.is_empty()).then_some(40 * MILLI),
            volume: 10_000,
            turns: 3,
            pause_ns: 700 * MILLI,
            close: Close::Fin,
            port: None,
            oddity: Oddity::None,
            trap: None,
        }
    }

    /// Plans the session; answers when it is over and from which port it was held.
    pub(crate) fn plan(&self, draft: &mut Draft) -> (i64, u16) {
        let mut rng = Rng::of(draft.seed, self.id, "session");
        if let Some(before_ns) = self.lookup_ns {
            resolve(draft, self, self.start_ns - before_ns);
        }
        let quic = match self.service.transport {
            Transport::Quic(version) => Some((version, Course::default())),
            Transport::QuicWild(version) => {
                let course = Course { is_wild: true, is_negotiated: true, is_retried: true };
                Some((version, course))
            }
            _ => None,
        };
        let datagrams = quic.is_some() || self.service.transport == Transport::Datagrams;
        let path = draft.open(Opening {
            handset: self.handset,
            service: self.service,
            proto: if datagrams { 17 } else { 6 },
            port: self.port,
            trap: self.trap,
        });
        let mut packets = match quic {
            Some(course) => self.quic(path, course, &mut rng),
            None if datagrams => self.datagrams(path, &mut rng),
            None => self.connection(path, &mut rng),
        };
        match self.oddity {
            Oddity::OnlyUp => packets.retain(|packet| packet.up),
            Oddity::OnlyDown => packets.retain(|packet| !packet.up),
            // Behind the hellos and what ends the handshake.
            Oddity::MidFlow => drop(packets.drain(..8.min(packets.len()))),
            _ => {}
        }
        match self.oddity {
            Oddity::OnlyDown => draft.named(&path, self.service.name, "tls_cert"),
            Oddity::MidFlow => draft.unnamed(&path),
            _ => {}
        }
        let end_ns = packets.last().map_or(self.start_ns, |packet| packet.ts_ns);
        draft.extend(packets);
        (end_ns, path.client.port())
    }

    fn datagrams(&self, path: Path, rng: &mut Rng) -> Vec<Packet> {
        let mut packets = Vec::new();
        let (mut left, mut now_ns) = (self.volume, self.start_ns);
        // Nobody answers for a multicast group.
        let answered = !self.service.place.address.is_multicast();
        while left > 0 {
            let take = left.min(160);
            left -= take;
            let up = packets.len() % 2 == 0 || !answered;
            let (ident, payload) = (rng.word(), rng.bytes(take));
            let (client, server) = (path.client.port(), path.server.port());
            let (src_port, dst_port) = if up { (client, server) } else { (server, client) };
            let segment = Segment::Udp { src_port, dst_port, payload };
            packets.push(path.packet(now_ns, up, segment).ident(ident));
            now_ns += 10 * MILLI + rng.between(0, 900) * MICRO;
        }
        packets
    }

    /// A handshake that can be read, then datagrams that cannot.
    fn quic(
        &self,
        path: Path,
        (version, course): (QuicVersion, Course),
        rng: &mut Rng,
    ) -> Vec<Packet> {
        let mut sent = beginning(version, Some(self.service.name), course, rng);
        let opened: usize = sent.iter().map(|(_, payload)| payload.len()).sum();
        let mut left = self.volume.saturating_sub(opened);
        while left > 0 {
            let take = left.min(1_200);
            left -= take;
            // A short header: the fixed bit, and nothing else that is for others.
            let payload = [0x43].into_iter().chain(rng.bytes(take - 1)).collect();
            sent.push((sent.len().is_multiple_of(4), payload));
        }
        let (client, server) = (path.client.port(), path.server.port());
        let times = (0_i64..).map(|nth| self.start_ns + nth * 3 * MILLI);
        let packets = times.zip(sent).map(|(ts_ns, (up, payload))| {
            let (src_port, dst_port) = if up { (client, server) } else { (server, client) };
            path.packet(ts_ns, up, Segment::Udp { src_port, dst_port, payload })
        });
        packets.collect()
    }

    fn connection(&self, path: Path, rng: &mut Rng) -> Vec<Packet> {
        let mut tcp = Tcp::open(path, self.start_ns, self.oddity == Oddity::Plain, rng);
        let opened = self.greet(&mut tcp, rng);
        if self.oddity == Oddity::Offload {
            tcp.payload_max = 3_000;
        }
        let left = self.volume.saturating_sub(opened);
        let (up, turns) = (left / 3, self.turns.max(1));
        let shares = [up, left - up].map(|total| shares(total, turns));
        let [ups, downs] = shares;
        for (index, (up, down)) in ups.into_iter().zip(downs).enumerate() {
            if index > 0 {
                tcp.wait(self.pause_ns);
            }
            let request = self.content(true, up, rng);
            tcp.say(true, &request);
            let answer = self.content(false, down, rng);
            tcp.say(false, &answer);
        }
        tcp.close(self.close);
        let mut packets = tcp.packets;
        for packet in &mut packets {
            packet.quirk = self.quirk(packet);
        }
        packets
    }

    /// What comes before the data: the TLS handshake, or Messenger's version. Answers its size.
    fn greet(&self, tcp: &mut Tcp, rng: &mut Rng) -> usize {
        let version = match self.service.transport {
            Transport::Tls12 | Transport::TlsNameless => Version::Tls12,
            Transport::Tls13 | Transport::Tls13GreaseEch | Transport::Tls13Ech => Version::Tls13,
            Transport::Msnp => {
                tcp.say(true, MSNP_HELLO);
                tcp.say(false, MSNP_HELLO);
                return 2 * MSNP_HELLO.len();
            }
            _ => return 0,
        };
        let name = match self.service.transport {
            Transport::TlsNameless => None,
            Transport::Tls13Ech => Some(FRONT),
            _ => Some(self.service.name),
        };
        let mut hello = Hello::plain(version, name);
        hello.ech =
            matches!(self.service.transport, Transport::Tls13GreaseEch | Transport::Tls13Ech);
        hello.grease = hello.ech;
        if self.oddity == Oddity::PostQuantum {
            hello.hybrid_share = 1_216;
        }
        hello.padded = version == Version::Tls13;
        // Whoever sees the client's hello looks no further.
        let certified = (self.oddity == Oddity::OnlyDown).then_some(self.service.name);
        let (hello, flight) = (hello.record(rng), server_flight(version, certified, rng));
        let finished = finish(version, rng);
        let again = if self.oddity == Oddity::Split {
            tcp.scatter(&hello, PIECE_MAX)
        } else {
            tcp.say(true, &hello);
            0
        };
        tcp.say(false, &flight);
        tcp.say(true, &finished);
        hello.len() + again + flight.len() + finished.len()
    }

    /// `size` bytes of what the transport carries.
    fn content(&self, up: bool, size: usize, rng: &mut Rng) -> Vec<u8> {
        match self.service.transport {
            Transport::Http if up => {
                let agent = self.handset.agent;
                let post = Post { host: self.service.name, target: "/v1/report", agent };
                post.request(size, rng)
            }
            Transport::Http => response(size, rng),
            Transport::Msnp => messenger(size, rng),
            Transport::Stream | Transport::Datagrams => rng.bytes(size),
            _ => opaque(size, rng),
        }
    }

    fn quirk(&self, packet: &Packet) -> Quirk {
        let payload = packet.payload_length();
        match self.oddity {
            // The hello is shorter than this and stays whole.
            Oddity::Cut if payload > 600 => Quirk::Cut(96),
            Oddity::Offload if payload > 1_460 => Quirk::ZeroLength,
            Oddity::Fcs => Quirk::Fcs,
            _ => Quirk::None,
        }
    }
}

/// `total` in `turns` shares, the last takes what is left over.
fn shares(total: usize, turns: usize) -> Vec<usize> {
    let share = total / turns;
    let mut shares = vec![share; turns];
    if let Some(last) = shares.last_mut() {
        *last = total - share * (turns - 1);
    }
    shares
}

/// Plans the lookup of the session's service at `at_ns`.
fn resolve(draft: &mut Draft, session: &Session<'_>, at_ns: i64) {
    let v4 = session.service.place.address.is_ipv4();
    let place = if v4 { RESOLVER_V4 } else { RESOLVER_V6 };
    let resolver = Service::nobody("", Transport::Datagrams, 53, place);
    let asked = Asked { handset: session.handset, resolver: &resolver, service: session.service };
    ask(draft, asked, at_ns, None);
}

/// Who asks whom for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) handset: &'a Handset,
    pub(crate) resolver: &'a Service<'a>,
    pub(crate) service: &'a Service<'a>,
}

/// Plans a DNS question at `at_ns` and its answer.
pub(crate) fn ask(draft: &mut Draft, asked: Asked<'_>, at_ns: i64, trap: Option<&'static str>) {
    let Asked { handset, resolver, service } = asked;
    let path = draft.open(Opening { handset, service: resolver, proto: 17, port: None, trap });
    draft.asked(&path, service.name);
    let mut rng = Rng::of(draft.seed, handset.id, service.name);
    let address = service.place.address;
    let (client, server) = (path.client.port(), path.server.port());
    let id = rng.word() ^ client;
    let lookup = Lookup { id, name: service.name, chain: service.chain, address, ttl_s: TTL_S };
    let query = Segment::Udp { src_port: client, dst_port: server, payload: lookup.query() };
    let answer = Segment::Udp { src_port: server, dst_port: client, payload: lookup.answer() };
    let answered_ns = at_ns + rng.between(3 * MILLI, 9 * MILLI);
    draft.push(path.packet(at_ns, true, query).ident(rng.word()));
    draft.push(path.packet(answered_ns, false, answer).ident(rng.word()));
    draft.resolved(Resolved {
        client: handset.address(address),
        address,
        vendor: service.vendor,
        at_ns: answered_ns,
        ttl_s: TTL_S,
    });
}

#[cfg(test)]
mod tests {
    use super::shares;

    #[test]
    fn shares_add_up() {
        assert_eq!(shares(10, 3), [3, 3, 4]);
        assert_eq!(shares(7, 1), [7]);
    }
}
