//! A TCP conversation as packets: handshake, segments, acknowledgements, close.
//!
//! No losses and no retransmissions: the byte formula of the plan holds for every connection.

use std::net::{IpAddr, SocketAddr};

use crate::source::synthetic::packet::{Body, Datagram, Link, Packet, Quirk, Segment, TcpSegment};
use crate::source::synthetic::rng::Rng;

pub(crate) const MICRO: i64 = 1_000;
pub(crate) const MILLI: i64 = 1_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// The two ends of a flow, and the links between them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    /// Index of the flow in the truth.
    pub(crate) flow: usize,
    pub(crate) up_link: Link,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// Hops left of what the server sends.
    pub(crate) server_ttl: u8,
}

impl Path {
    /// A packet of this flow, sent by the client when `up`.
    pub(crate) fn packet(&self, ts_ns: i64, up: bool, segment: Segment) -> Packet {
        let Link { src, dst, .. } = self.up_link;
        let (link, src, dst, ttl) = if up {
            (self.up_link, self.client, self.server, 64)
        } else {
            (Link { src: dst, dst: src, ..self.up_link }, self.server, self.client, self.server_ttl)
        };
        let datagram = Datagram { link, src: src.ip(), dst: dst.ip(), ttl, ident: 0, segment };
        let body = Body::Ip(datagram);
        Packet { ts_ns: ts_ns - ts_ns % MICRO, flow: Some(self.flow), up, body, quirk: Quirk::None }
    }

    fn ports(&self, up: bool) -> (u16, u16) {
        let (client, server) = (self.client.port(), self.server.port());
        if up { (client, server) } else { (server, client) }
    }
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Close {
    #[default]
    Fin,
    Reset,
    /// It outlives the capture.
    Open,
}

/// What one side knows of its own stream.
#[derive(Debug, Default)]
struct Side {
    seq: u32,
    ident: u16,
    clock_ms: u32,
    /// Segments received and not yet acknowledged.
    pending: u8,
}

/// A connection being planned.
#[derive(Debug)]
pub(crate) struct Tcp {
    path: Path,
    /// Time of the last packet.
    pub(crate) now_ns: i64,
    start_ns: i64,
    /// Between the tap and the server, there and back.
    rtt_ns: i64,
    /// Without options, so that a bare acknowledgement is 40 bytes.
    plain: bool,
    /// The largest payload of a segment.
    pub(crate) payload_max: usize,
    client: Side,
    server: Side,
    pub(crate) packets: Vec<Packet>,
}

impl Tcp {
    /// Plans a connection from `start_ns` on, and its handshake.
    pub(crate) fn open(path: Path, start_ns: i64, plain: bool, rng: &mut Rng) -> Self {
        let rtt_ns = rng.between(8 * MILLI, 60 * MILLI);
        let mut side =
            || Side { seq: rng.long(), ident: rng.word(), clock_ms: rng.long() >> 4, pending: 0 };
        let (client, server) = (side(), side());
        let header = if matches!(path.client.ip(), IpAddr::V4(_)) { 40 } else { 60 };
        let payload_max = 1_500 - header - if plain { 0 } else { 12 };
        let packets = Vec::new();
        let mut tcp = Self {
            path,
            now_ns: start_ns,
            start_ns,
            rtt_ns,
            plain,
            payload_max,
            client,
            server,
            packets,
        };
        tcp.emit(true, SYN, Vec::new());
        tcp.wait(rtt_ns);
        tcp.emit(false, SYN | ACK, Vec::new());
        tcp.wait(90 * MICRO);
        tcp.emit(true, ACK, Vec::new());
        tcp
    }

    pub(crate) fn wait(&mut self, pause_ns: i64) {
        self.now_ns += pause_ns;
    }

    /// Sends `bytes` in segments; every second one is acknowledged at once.
    pub(crate) fn say(&mut self, up: bool, bytes: &[u8]) {
        self.wait(if up { 400 * MICRO } else { self.rtt_ns });
        let last = bytes.len().div_ceil(self.payload_max);
        for (index, chunk) in bytes.chunks(self.payload_max).enumerate() {
            let flags = if index + 1 == last { PSH | ACK } else { ACK };
            self.wait(120 * MICRO);
            self.emit(up, flags, chunk.to_vec());
            let listener = if up { &mut self.server } else { &mut self.client };
            listener.pending += 1;
            if listener.pending == 2 {
                self.wait(30 * MICRO);
                self.emit(!up, ACK, Vec::new());
            }
        }
    }

    /// The client sends `bytes` in small segments of which neighbours change places, and the last comes again; answers its size.
    pub(crate) fn scatter(&mut self, bytes: &[u8], piece_max: usize) -> usize {
        let payload_max = std::mem::replace(&mut self.payload_max, piece_max);
        let begin = self.packets.len();
        self.say(true, bytes);
        self.payload_max = payload_max;
        let sent = self.packets.get_mut(begin..).unwrap_or_default();
        let mut pieces: Vec<_> = sent.iter_mut().filter(|packet| packet.up).collect();
        for pair in pieces.chunks_exact_mut(2) {
            if let [one, other] = pair {
                std::mem::swap(&mut one.body, &mut other.body);
            }
        }
        let again = sent.iter().rfind(|packet| packet.up).cloned();
        let size = again.as_ref().map_or(0, Packet::payload_length);
        self.wait(50 * MICRO);
        let ts_ns = self.now_ns - self.now_ns % MICRO;
        self.client.ident = self.client.ident.wrapping_add(1);
        let ident = self.client.ident;
        self.packets.extend(again.map(|packet| Packet { ts_ns, ..packet }.ident(ident)));
        size
    }

    /// Ends the connection.
    pub(crate) fn close(&mut self, how: Close) {
        match how {
            Close::Open => {}
            Close::Reset => {
                self.wait(3 * MILLI);
                self.emit(true, RST | ACK, Vec::new());
            }
            Close::Fin => {
                self.wait(3 * MILLI);
                self.emit(true, FIN | ACK, Vec::new());
                self.wait(self.rtt_ns);
                self.emit(false, FIN | ACK, Vec::new());
                self.wait(80 * MICRO);
                self.emit(true, ACK, Vec::new());
            }
        }
    }

    fn emit(&mut self, up: bool, flags: u8, payload: Vec<u8>) {
        let (sender, other) =
            if up { (&mut self.client, &self.server) } else { (&mut self.server, &self.client) };
        let elapsed = u32::try_from((self.now_ns - self.start_ns) / MILLI).unwrap_or(0);
        let echoed = if flags & ACK == 0 { 0 } else { other.clock_ms.wrapping_add(elapsed) };
        let options = match (self.plain, flags & SYN != 0, flags & RST != 0) {
            (true, ..) | (_, _, true) => Vec::new(),
            (_, true, _) => syn_options(self.path.client.ip(), sender.clock_ms + elapsed, echoed),
            _ => timestamps(&[1, 1], sender.clock_ms + elapsed, echoed),
        };
        let ack = if flags & ACK == 0 { 0 } else { other.seq };
        let taken = payload.len() + usize::from(flags & (SYN | FIN) != 0);
        let (src_port, dst_port) = self.path.ports(up);
        let segment =
            TcpSegment { src_port, dst_port, seq: sender.seq, ack, flags, options, payload };
        sender.seq = sender.seq.wrapping_add(u32::try_from(taken).unwrap_or(0));
        sender.ident = sender.ident.wrapping_add(1);
        sender.pending = 0;
        let ident = sender.ident;
        let packet = self.path.packet(self.now_ns, up, Segment::Tcp(segment));
        self.packets.push(packet.ident(ident));
    }
}

/// Padding, then the time stamps option (RFC 7323).
fn timestamps(before: &[u8], value: u32, echoed: u32) -> Vec<u8> {
    let mut options = before.to_vec();
    options.extend_from_slice(&[8, 10]);
    options.extend_from_slice(&value.to_be_bytes());
    options.extend_from_slice(&echoed.to_be_bytes());
    options
}

/// Maximum segment size, selective acknowledgements, time stamps, window scale: 20 bytes.
fn syn_options(address: IpAddr, value: u32, echoed: u32) -> Vec<u8> {
    let size: u16 = if address.is_ipv4() { 1_460 } else { 1_440 };
    let [high, low] = size.to_be_bytes();
    let mut options = timestamps(&[2, 4, high, low, 4, 2], value, echoed);
    options.extend_from_slice(&[1, 3, 3, 7]);
    options
}

#[cfg(test)]
mod tests {
    use super::{Close, Path, SECOND, Tcp};
    use crate::source::synthetic::packet::{Link, Wrap};
    use crate::source::synthetic::rng::Rng;

    #[test]
    fn the_byte_formula_holds() {
        let up_link = Link { src: [2; 6], dst: [4; 6], vlan: None, wrap: Wrap::None };
        let client = "10.20.0.1:40000".parse().unwrap();
        let server = "203.0.113.9:443".parse().unwrap();
        let path = Path { flow: 0, up_link, client, server, server_ttl: 50 };
        let mut tcp = Tcp::open(path, SECOND, false, &mut Rng::of(1, "tcp", "test"));
        tcp.say(true, &[0; 100]);
        tcp.say(false, &[0; 10_000]);
        tcp.close(Close::Fin);
        let bytes = |up| -> usize {
            tcp.packets.iter().filter(|p| p.up == up).map(super::Packet::ip_bytes).sum()
        };
        // Client: SYN 60, ACK 52, data 152, 3 acknowledgements, FIN and last ACK 52 each.
        assert_eq!(bytes(true), 60 + 52 + 152 + 3 * 52 + 2 * 52);
        // Server: SYN-ACK 60, 7 segments of 10,000 bytes, FIN 52.
        assert_eq!(bytes(false), 60 + 7 * 52 + 10_000 + 52);
    }
}
