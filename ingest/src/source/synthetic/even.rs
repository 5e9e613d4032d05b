//! Small packets of many flows, each as likely as any other to come next: what a table fears most.
//!
//! No processor cache holds what comes next, and nothing can guess it. Frames are as short as Ethernet has them: 60 octets and a check sum.

use std::io::{self, Write};

use crate::source::synthetic::bulk::Packet;
use crate::source::synthetic::envelope::{Stream, Written};
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::truth::DAY_START_NS;

/// Octets of every IP packet.
const IP_OCTETS: u16 = 40;
/// Flows at most: so many have addresses and ports of their own.
const FLOWS_MAX: u32 = 1 << 24;

/// A source of such packets.
#[derive(Debug)]
pub struct Even {
    rng: Rng,
    flows: u32,
    /// A bit for each flow: whether it has begun.
    begun: Vec<u64>,
    /// Flows of which a packet has come.
    pub flows_begun: u64,
}

impl Even {
    /// Packets of so many flows, 2^24 at most.
    pub fn new(seed: u64, flows: u32) -> Self {
        let flows = flows.clamp(1, FLOWS_MAX);
        let words = usize::try_from(flows / 64 + 1).unwrap_or(1);
        Self { rng: Rng::of(seed, "even", "packets"), flows, begun: vec![0; words], flows_begun: 0 }
    }

    fn next(&mut self) -> Packet {
        let random = self.rng.next();
        let flow = u32::try_from(((random >> 32) * u64::from(self.flows)) >> 32).unwrap_or(0);
        self.packet(flow, random)
    }

    fn packet(&mut self, flow: u32, random: u64) -> Packet {
        let mut nothing = 0;
        let word = usize::try_from(flow / 64).ok().and_then(|at| self.begun.get_mut(at));
        let word = word.unwrap_or(&mut nothing);
        let is_first = *word >> (flow % 64) & 1 == 0;
        *word |= 1 << (flow % 64);
        self.flows_begun += u64::from(is_first);
        let ident = u16::try_from(random >> 8 & 0xffff).unwrap_or(0) | 1;
        let up = is_first || random & 1 == 0;
        // Nobody sends octets, so each side goes on from the number behind its SYN.
        let (flags, seq) = if is_first { (0x02, 1) } else { (0x10, 2) };
        Packet { flow, up, ip_bytes: IP_OCTETS, flags, seq, ident }
    }

    /// Puts the next frame into `frame`, unpadded; gives its length on the wire, and that of the IP packet.
    pub fn frame(&mut self, frame: &mut Vec<u8>) -> [u16; 2] {
        self.next().write(frame)
    }

    /// The same of the next flow in turn that has not begun, as long as there is one and `frame` was not asked for another.
    pub fn fresh(&mut self, frame: &mut Vec<u8>) -> [u16; 2] {
        let flow = u32::try_from(self.flows_begun).unwrap_or(0);
        self.packet(flow, self.flows_begun).write(frame)
    }

    /// Streams `packets` of them into a capture, a million a second.
    pub fn write_pcap(mut self, packets: u64, out: impl Write) -> io::Result<Written> {
        let mut stream = Stream::new(out, 65_535)?;
        let mut ts_ns = DAY_START_NS;
        for _ in 0..packets {
            self.next().say(ts_ns, &mut stream)?;
            ts_ns += 1_000;
        }
        stream.written.flows = self.flows_begun;
        stream.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Even;

    #[test]
    fn all_flows_come_and_frames_are_short() {
        let mut file = Vec::new();
        let written = Even::new(1, 100).write_pcap(5_000, &mut file).unwrap();
        assert_eq!((written.flows, written.packets, written.ip_bytes), (100, 5_000, 200_000));
        assert_eq!(file.len(), 24 + 5_000 * (16 + 60));
    }
}
