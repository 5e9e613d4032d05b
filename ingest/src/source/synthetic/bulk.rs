//! Captures too large to plan in memory: mixed traffic for measuring speed, and one very long flow.
//!
//! Payloads are zeros, so their share of a checksum is 0 and a frame costs no more than its header.

use std::io::{self, BufWriter, Write};

use crate::source::synthetic::pcap::PcapWriter;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::length16;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Frames, each one IP packet.
    pub packets: u64,
    /// IP-layer octets.
    pub ip_bytes: u64,
    /// Frame octets as on the wire.
    pub wire_bytes: u64,
    /// Different flows.
    pub flows: u64,
}

/// A packet's header fields, as a flow and a size make them.
#[derive(Debug, Clone, Copy)]
struct Head {
    /// Number of the flow: addresses and ports follow from it.
    flow: u32,
    up: bool,
    /// Octets of the whole IP packet, 40 to 1,500.
    ip_bytes: u16,
    flags: u16,
    seq: u32,
    ident: u16,
}

/// Ones' complement sum of words.
fn sum(words: &[u16]) -> u32 {
    words.iter().map(|word| u32::from(*word)).sum()
}

fn checksum(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

fn halves(value: u32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

impl Head {
    /// One flow in eight is UDP.
    fn udp(self) -> bool {
        self.flow % 8 == 7
    }

    /// Writes Ethernet, IP and transport header over `frame`.
    fn write(self, frame: &mut Vec<u8>) {
        frame.clear();
        let proto = if self.udp() { 17 } else { 6 };
        // 10.x.y.z calls 198.18.0.0/15, the addresses of RFC 2544.
        let client = halves(0x0a00_0000 | (self.flow & 0x00ff_ffff));
        let server = halves(0xc612_0000 | (self.flow.wrapping_mul(2_654_435_761) >> 15));
        let (client_port, server_port) =
            (32_768 | length16((self.flow >> 3) as usize & 0x7fff), 443);
        let (src, dst, src_port, dst_port) = if self.up {
            (client, server, client_port, server_port)
        } else {
            (server, client, server_port, client_port)
        };
        let mut ip = [
            0x4500,
            self.ip_bytes,
            self.ident,
            0x4000,
            0x4000 | proto,
            0,
            src[0],
            src[1],
            dst[0],
            dst[1],
        ];
        ip[5] = checksum(sum(&ip));
        let length = self.ip_bytes - 20;
        let pseudo = sum(&ip[6..]) + u32::from(proto) + u32::from(length);
        frame.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        extend(frame, &ip);
        if self.udp() {
            let mut udp = [src_port, dst_port, length, 0];
            // A sum of 0 is sent as all ones (RFC 768).
            udp[3] = match checksum(sum(&udp) + pseudo) {
                0 => 0xffff,
                sum => sum,
            };
            extend(frame, &udp);
        } else {
            let [seq, low] = halves(self.seq);
            let ack = u16::from(self.flags & 0x10 != 0);
            let mut tcp = [src_port, dst_port, seq, low, 0, ack, 0x5000 | self.flags, 0xfa00, 0, 0];
            tcp[8] = checksum(sum(&tcp) + pseudo);
            extend(frame, &tcp);
        }
    }
}

fn extend(frame: &mut Vec<u8>, words: &[u16]) {
    for word in words {
        frame.extend_from_slice(&word.to_be_bytes());
    }
}

/// A pcap file of rendered heads.
struct Stream<W: Write> {
    pcap: PcapWriter<BufWriter<W>>,
    frame: Vec<u8>,
    snaplen: usize,
    written: Written,
}

impl<W: Write> Stream<W> {
    fn new(out: W, snaplen: u32) -> io::Result<Self> {
        let pcap = PcapWriter::new(BufWriter::with_capacity(1 << 20, out), snaplen)?;
        let snaplen = usize::try_from(snaplen).unwrap_or(usize::MAX);
        Ok(Self { pcap, frame: Vec::with_capacity(2_048), snaplen, written: Written::default() })
    }

    fn write(&mut self, ts_ns: i64, head: Head) -> io::Result<()> {
        head.write(&mut self.frame);
        let original = (14 + usize::from(head.ip_bytes)).max(60);
        self.frame.resize(original.min(self.snaplen), 0);
        let original = u32::from(length16(original));
        self.written.packets += 1;
        self.written.ip_bytes += u64::from(head.ip_bytes);
        self.written.wire_bytes += u64::from(original);
        self.pcap.write(ts_ns, &self.frame, original)
    }

    fn finish(self) -> io::Result<Written> {
        self.pcap.finish()?;
        Ok(self.written)
    }
}

/// Mixed traffic: flows come and go, few of them carry much, sizes from 60 to 1,514 octets.
#[derive(Debug, Clone, Copy)]
pub struct Bulk {
    /// Seed of sizes and order.
    pub seed: u64,
    /// Packets to write.
    pub packets: u64,
    /// Flows they belong to, at most 2^24.
    pub flows: u32,
    /// Flows that are alive at the same time.
    pub alive: u32,
    /// Between two packets.
    pub interval_ns: i64,
    /// Captured octets of a frame at most.
    pub snaplen: u32,
}

impl Bulk {
    /// `packets` at 200,000 a second in up to 100,000 flows, a fifth of them alive at a
    /// time, cut to 128 octets.
    pub fn new(seed: u64, packets: u64) -> Self {
        let flows = u32::try_from(packets / 50).unwrap_or(u32::MAX).clamp(16, 100_000);
        let alive = flows / 5;
        Self { seed, packets, flows, alive, interval_ns: 5_000, snaplen: 128 }
    }

    /// Streams the capture into `out`.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<Written> {
        let mut stream = Stream::new(out, self.snaplen)?;
        let mut rng = Rng::of(self.seed, "bulk", "packets");
        let flows = u64::from(self.flows.clamp(1, 1 << 24));
        let flows_held = usize::try_from(flows).unwrap_or(1);
        let mut progress = Progress { flows: vec![[0; 2]; flows_held], begun: 0 };
        let mut ts_ns = DAY_START_NS;
        for index in 0..self.packets {
            let random = rng.next();
            // The square makes the youngest flows of the window the busiest.
            let skew = (random & 0xffff) * ((random >> 16) & 0xffff);
            let rank = (skew * u64::from(self.alive)) >> 32;
            let oldest = index * flows / self.packets.max(1);
            let flow = u32::try_from((oldest + rank) % flows).unwrap_or(0);
            stream.write(ts_ns, progress.head(flow, random >> 32))?;
            ts_ns += self.interval_ns;
        }
        stream.written.flows = progress.begun;
        stream.finish()
    }
}

/// How far each flow has come: the next sequence number of client and server.
#[derive(Debug)]
struct Progress {
    flows: Vec<[u32; 2]>,
    begun: u64,
}

impl Progress {
    /// The next packet of `flow`; the first one of a TCP flow is its SYN.
    fn head(&mut self, flow: u32, random: u64) -> Head {
        let mut unknown = [0, 0];
        let index = usize::try_from(flow).unwrap_or(0);
        let state = self.flows.get_mut(index).unwrap_or(&mut unknown);
        let first = *state == [0, 0];
        self.begun += u64::from(first);
        let udp = flow % 8 == 7;
        let up = first || random.is_multiple_of(4);
        let size = match (random >> 2) & 31 {
            _ if first && !udp => 40,
            0..=11 if !udp => 40,
            0..=15 => 60 + length16(usize::try_from((random >> 8) & 0x1ff).unwrap_or(0)),
            16..=18 => 576,
            _ => 1_500,
        };
        let flags = match (first, size) {
            (true, _) => 0x02,
            (_, 40) => 0x10,
            _ => 0x18,
        };
        let [client, server] = state;
        let sender = if up { client } else { server };
        let seq = *sender;
        // A number of 0 would look like a flow that has not begun.
        *sender = seq.wrapping_add(u32::from(size - 40) + u32::from(first)).max(1);
        let [_, ident] = halves(u32::try_from(random >> 16 & 0xffff).unwrap_or(0));
        Head { flow, up, ip_bytes: size, flags, seq, ident }
    }
}

/// One TCP flow, seen from its middle, in packets of 1,500 octets from the client: more than
/// 32 bits of bytes.
#[derive(Debug, Clone, Copy)]
pub struct LongFlow {
    /// Packets to write.
    pub packets: u32,
    /// From the first packet to where one more would be.
    pub duration_ns: i64,
    /// Captured octets of a frame at most.
    pub snaplen: u32,
}

impl Default for LongFlow {
    /// 3.2 million packets in 198 seconds: 4.8 GB, in a file of 256 MB.
    fn default() -> Self {
        Self { packets: 3_200_000, duration_ns: 198_000_000_000, snaplen: 64 }
    }
}

impl LongFlow {
    /// Streams the capture into `out`.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<Written> {
        let mut stream = Stream::new(out, self.snaplen)?;
        stream.written.flows = 1;
        let mut seq = 1_u32;
        for index in 0..self.packets {
            let past_ns = self.duration_ns * i64::from(index) / i64::from(self.packets.max(1));
            let [_, ident] = halves(index);
            let head = Head { flow: 8, up: true, ip_bytes: 1_500, flags: 0x10, seq, ident };
            stream.write(DAY_START_NS + past_ns, head)?;
            seq = seq.wrapping_add(1_460);
        }
        stream.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::{Bulk, LongFlow};

    #[test]
    fn the_file_is_as_large_as_it_says() {
        let mut file = Vec::new();
        let mut bulk = Bulk::new(1, 20_000);
        bulk.snaplen = 65_535;
        let written = bulk.write_pcap(&mut file).unwrap();
        assert_eq!(written.packets, 20_000);
        assert_eq!(file.len() as u64, 24 + 16 * written.packets + written.wire_bytes);
        assert!(written.flows == 400, "{}", written.flows);
    }

    #[test]
    fn a_long_flow_is_cut_to_its_headers() {
        let mut file = Vec::new();
        let flow = LongFlow { packets: 1_000, ..LongFlow::default() };
        let written = flow.write_pcap(&mut file).unwrap();
        assert_eq!(written.ip_bytes, 1_500_000);
        assert_eq!(file.len(), 24 + 1_000 * (16 + 64));
    }
}
