//! Captures in which every packet costs a reader the most it can: what an attacker would send.
//!
//! Each is of one kind throughout, so that the price of that kind is seen.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::Ipv4Addr;

use crate::source::synthetic::bulk::Packet;
use crate::source::synthetic::dns::Lookup;
use crate::source::synthetic::envelope::{
    Ends, Head, Payload, Stream, Transport, Written, checksum, sum_of,
};
use crate::source::synthetic::hellos::name;
use crate::source::synthetic::openings::{Course, beginning};
use crate::source::synthetic::quic::QuicVersion;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tls::{Hello, Version};
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::length16;

/// Tunnels around a packet: as many as the probe opens.
const DEPTH: usize = 16;
/// Flows within the tunnels.
const TUNNELLED: u64 = 1 << 16;
/// Pieces of a datagram.
const PIECES: u64 = 3;
/// Octets of a piece.
const PIECE: u16 = 256;

const ETHERNET: usize = 14;
const IPV4: usize = 20;

/// What all packets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worst {
    /// The first one of a flow, without a name.
    NewFlows,
    /// A `ClientHello` of TLS 1.3 with a name of its own, in a flow of its own.
    Hellos,
    /// A QUIC Initial of version 1, really encrypted, in a flow of its own.
    Initials,
    /// A fragment; half of the datagrams never get their first one.
    Fragments,
    /// A packet in sixteen tunnels, one in the other.
    Deepest,
    /// An answer of a name server that nobody asked.
    Answers,
}

/// A capture of one kind of packet.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    /// The kind.
    pub kind: Worst,
    /// Seed of what differs.
    pub seed: u64,
    /// Packets to write.
    pub packets: u64,
    /// Between two packets.
    pub interval_ns: i64,
}

impl Flood {
    /// `packets` at 200,000 a second.
    pub const fn new(kind: Worst, seed: u64, packets: u64) -> Self {
        Self { kind, seed, packets, interval_ns: 5_000 }
    }

    /// Streams the capture into `out`.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<Written> {
        let mut stream = Stream::new(out, 65_535)?;
        let rng = Rng::of(self.seed, "flood", "packets");
        let mut maker = Maker { kind: self.kind, rng, number: 0, queue: VecDeque::new() };
        let (mut frame, mut ts_ns) = (Vec::new(), DAY_START_NS);
        for _ in 0..self.packets {
            let [original, ip_bytes] = maker.next(&mut frame);
            frame.resize(usize::from(original), 0);
            stream.put(ts_ns, &frame, [original, ip_bytes])?;
            ts_ns += self.interval_ns;
        }
        stream.written.flows = match self.kind {
            Worst::Deepest => maker.number.min(TUNNELLED),
            Worst::Fragments => maker.number.div_ceil(PIECES),
            Worst::NewFlows | Worst::Hellos | Worst::Initials | Worst::Answers => maker.number,
        };
        stream.finish()
    }
}

/// Makes one packet after the other.
struct Maker {
    kind: Worst,
    rng: Rng,
    /// Packets, or where several belong together such groups, so far.
    number: u64,
    /// Datagrams of a flow that are still to be sent.
    queue: VecDeque<Vec<u8>>,
}

impl Maker {
    fn next(&mut self, frame: &mut Vec<u8>) -> [u16; 2] {
        let number = self.number;
        self.number += 1;
        match self.kind {
            Worst::NewFlows => opener(number).write(frame),
            Worst::Deepest => deepest(number % TUNNELLED, frame),
            Worst::Fragments => fragment(number, frame),
            Worst::Hellos => {
                let name = name(&mut self.rng);
                let mut hello = Hello::plain(Version::Tls13, Some(&name));
                (hello.grease, hello.padded) = (true, true);
                let record = hello.record(&mut self.rng);
                let transport = Transport::Tcp { seq: 1, ack: 1, flags: 0x18, clock: Some(1) };
                say(&calling(number, 443), transport, &record, frame)
            }
            Worst::Initials => {
                if self.queue.is_empty() {
                    let name = name(&mut self.rng);
                    let sent =
                        beginning(QuicVersion::V1, Some(&name), Course::default(), &mut self.rng)
                            .into_iter();
                    self.queue.extend(sent.filter(|(up, _)| *up).map(|(_, datagram)| datagram));
                }
                let datagram = self.queue.pop_front().unwrap_or_default();
                // A hello may need several datagrams.
                self.number -= u64::from(!self.queue.is_empty());
                say(&calling(number, 443), Transport::Udp, &datagram, frame)
            }
            Worst::Answers => {
                let name = name(&mut self.rng);
                let lookup = Lookup {
                    id: self.rng.word(),
                    name: &name,
                    chain: &["alias.cdn-pool.example", "edge.cdn-pool.example"],
                    address: Ipv4Addr::from_bits(0xc612_0000 | self.rng.long() >> 15).into(),
                    ttl_s: 60,
                };
                say(&calling(number, 53), Transport::Udp, &lookup.answer(), frame)
            }
        }
    }
}

/// The first packet of a flow, a SYN where it is TCP.
fn opener(number: u64) -> Packet {
    let flow = u32::try_from(number & 0x00ff_ffff).unwrap_or(0);
    let ident = length16(usize::try_from(number & 0x7fff).unwrap_or(0)) | 0x8000;
    Packet { flow, up: true, ip_bytes: 40, flags: 0x02, seq: 1, ident }
}

/// The ends of a flow of its own.
fn calling(number: u64, port: u16) -> Ends {
    let ends = opener(number).ends();
    let [client, _] = ends.ports;
    Ends { ports: [client, port], ..ends }
}

/// A payload, from the client to the server; or from a name server to the client.
fn say(ends: &Ends, transport: Transport, payload: &[u8], frame: &mut Vec<u8>) -> [u16; 2] {
    let [client, server] = ends.ports;
    ends.write(frame, &Head { up: server != 53, ident: client, transport }, Payload::of(payload))
}

/// Writes two octets.
fn set(frame: &mut [u8], at: usize, value: u16) {
    if let Some(place) = frame.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_be_bytes());
    }
}

/// A piece of a UDP datagram: the last one comes first, and the first one last or never.
fn fragment(number: u64, frame: &mut Vec<u8>) -> [u16; 2] {
    let (datagram, nth) =
        (number / PIECES, length16(usize::try_from(number % PIECES).unwrap_or(0)));
    let last = length16(usize::try_from(PIECES).unwrap_or(0)) - 1;
    let is_complete = datagram % 2 == 0;
    let ident = length16(usize::try_from(datagram % 0xffff).unwrap_or(0)) + 1;
    let head = Head { up: true, ident, transport: Transport::Udp };
    // The eight octets of the header count as part of the first piece.
    let lengths = calling(datagram, 443).write(frame, &head, Payload::zeros(PIECE - 8));
    // Without a first one, all are of the middle (RFC 791 section 3.1: offsets in eights, more to follow).
    let eighth = (last - nth + u16::from(!is_complete)) * (PIECE / 8);
    let follows = if is_complete && nth == 0 { 0 } else { 0x2000 };
    set(frame, ETHERNET + 6, follows | eighth);
    set(frame, ETHERNET + 10, 0);
    let sum = checksum(sum_of(frame.get(ETHERNET..ETHERNET + IPV4).unwrap_or_default()));
    set(frame, ETHERNET + 10, sum);
    lengths
}

/// A packet in tunnels of IP in IP (RFC 2003). Its octets are those of the innermost.
fn deepest(number: u64, frame: &mut Vec<u8>) -> [u16; 2] {
    let [original, ip_bytes] = opener(number).write(frame);
    let Some(ethernet) = frame.get(..ETHERNET).map(<[u8]>::to_vec) else { return [0; 2] };
    let mut ip = frame.split_off(ETHERNET);
    // What the innermost has to have on the wire for its own sake is not padded within a tunnel.
    let added = length16(DEPTH * IPV4);
    let mut length = ip_bytes + added;
    frame.clear();
    frame.extend_from_slice(&ethernet);
    let inner = ip.get(..IPV4).map(<[u8]>::to_vec).unwrap_or_default();
    for _ in 0..DEPTH {
        let mut outer = inner.clone();
        set(&mut outer, 2, length);
        set(&mut outer, 8, 0x4004);
        set(&mut outer, 10, 0);
        let sum = checksum(sum_of(&outer));
        set(&mut outer, 10, sum);
        frame.append(&mut outer);
        length -= length16(IPV4);
    }
    frame.append(&mut ip);
    [(length16(ETHERNET) + ip_bytes + added).max(original), ip_bytes]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Flood, Worst};
    use crate::block::Block;
    use crate::decode::Decoder;
    use crate::names::{self, dns, quic};
    use crate::source::{FileSource, Pool, Tagger};

    fn check(kind: Worst, is_so: impl Fn(&[u8]) -> bool) {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = Flood::new(kind, 3, 3_000).write_pcap(file.as_file()).unwrap();
        let mut source = FileSource::open(file.path(), &Pool::new(8)).unwrap();
        let (mut tagger, mut keys) = (Tagger::new(1), HashSet::new());
        let (mut packets, mut ip_bytes) = (0, 0);
        loop {
            let blocks = source.read(&mut tagger);
            if blocks.is_empty() {
                break;
            }
            for frame in blocks.iter().flat_map(Block::frames) {
                let decoded = Decoder::default().decode(&frame).unwrap();
                packets += 1;
                ip_bytes += u64::from(decoded.observation.ip_bytes);
                assert_eq!(decoded.fragment.is_some(), kind == Worst::Fragments);
                assert_eq!(decoded.tunnel_octets, if kind == Worst::Deepest { 320 } else { 0 });
                keys.insert(decoded.observation.key);
                let payload = &frame.bytes[usize::from(decoded.observation.payload_at)..];
                assert!(is_so(payload), "{kind:?}, packet {packets}");
            }
        }
        assert_eq!((packets, ip_bytes), (written.packets, written.ip_bytes), "{kind:?}");
        if kind != Worst::Fragments {
            assert_eq!(keys.len() as u64, written.flows, "{kind:?}");
        }
    }

    #[test]
    fn every_packet_is_of_its_kind() {
        check(Worst::NewFlows, |_| true);
        check(Worst::Hellos, |payload| names::of_tcp(payload).is_some());
        check(Worst::Initials, quic::begins);
        check(Worst::Fragments, |_| true);
        check(Worst::Deepest, |_| true);
        check(Worst::Answers, |payload| dns::message(payload).is_some());
    }
}
