//! Captures too large to plan in memory: mixed traffic for measuring speed, and one very long flow.
//!
//! Payloads are zeros, so their share of a checksum is 0 and a frame costs no more than its header.

use std::io::{self, Write};

use crate::source::synthetic::envelope::{Ends, Head, Payload, Stream, Transport, Written, halves};
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::length16;

/// A packet's header fields, as a flow and a size make them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    /// Number of the flow: addresses and ports follow from it.
    pub(crate) flow: u32,
    pub(crate) up: bool,
    /// Octets of the whole IP packet, 40 to 1,500.
    pub(crate) ip_bytes: u16,
    pub(crate) flags: u8,
    pub(crate) seq: u32,
    pub(crate) ident: u16,
}

impl Packet {
    /// One flow in eight is UDP.
    fn udp(self) -> bool {
        self.flow % 8 == 7
    }

    pub(crate) fn ends(self) -> Ends {
        // 10.x.y.z calls 198.18.0.0/15, the addresses of RFC 2544.
        let client = 0x0a00_0000 | (self.flow & 0x00ff_ffff);
        let server = 0xc612_0000 | (self.flow.wrapping_mul(2_654_435_761) >> 15);
        let port = 32_768 | length16((self.flow >> 3) as usize & 0x7fff);
        Ends {
            addresses: [client.into(), server.into()],
            ports: [port, 443],
            is_v6: false,
            vlan: None,
        }
    }

    /// Header and payload, of zeros.
    fn parts(self) -> (Head, Payload<'static>) {
        let transport = if self.udp() {
            Transport::Udp
        } else {
            let ack = u32::from(self.flags & 0x10 != 0);
            Transport::Tcp { seq: self.seq, ack, flags: self.flags, clock: None }
        };
        let head = Head { up: self.up, ident: self.ident, transport };
        (head, Payload::zeros(self.ip_bytes - if self.udp() { 28 } else { 40 }))
    }

    /// Writes it over `frame`, as [`Ends::write`] does.
    pub(crate) fn write(self, frame: &mut Vec<u8>) -> [u16; 2] {
        let (head, payload) = self.parts();
        self.ends().write(frame, &head, payload)
    }

    /// Writes it into a capture.
    pub(crate) fn say(self, ts_ns: i64, stream: &mut Stream<impl Write>) -> io::Result<()> {
        let (head, payload) = self.parts();
        stream.say(ts_ns, &self.ends(), &head, payload)
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
            progress.packet(flow, random >> 32).say(ts_ns, &mut stream)?;
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
    fn packet(&mut self, flow: u32, random: u64) -> Packet {
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
        Packet { flow, up, ip_bytes: size, flags, seq, ident }
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
            let packet = Packet { flow: 8, up: true, ip_bytes: 1_500, flags: 0x10, seq, ident };
            packet.say(DAY_START_NS + past_ns, &mut stream)?;
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
