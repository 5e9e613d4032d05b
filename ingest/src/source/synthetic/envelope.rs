//! Frames of conversations too many to plan, written fast: headers with right check sums around a payload whose sum is known already.
//!
//! They stream into a capture; nothing is kept but the last one.

use std::io::{self, BufWriter, Write};

use crate::source::synthetic::pcap::PcapWriter;
use crate::source::synthetic::rng::Rng;
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

/// The two ends of a conversation: client first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    /// IPv4 in the last 32 bits, where the packets are not IPv6.
    pub(crate) addresses: [u128; 2],
    pub(crate) ports: [u16; 2],
    pub(crate) is_v6: bool,
    pub(crate) vlan: Option<u16>,
}

/// What a packet says besides its ends and its payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) up: bool,
    pub(crate) ident: u16,
    pub(crate) transport: Transport,
}

/// The transport header.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    Udp,
    Tcp {
        seq: u32,
        ack: u32,
        flags: u8,
        /// Clock of the time stamps option (RFC 7323), where there is one.
        clock: Option<u32>,
    },
}

/// A payload: what it begins with, how long it is (zeros follow), and the sum of its words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Payload<'a> {
    pub(crate) begin: &'a [u8],
    pub(crate) length: u16,
    pub(crate) sum: u32,
}

/// Ones' complement sum of words.
fn sum(words: &[u16]) -> u32 {
    words.iter().map(|word| u32::from(*word)).sum()
}

/// The same of octets, the last of which may stand alone (RFC 1071).
pub(crate) fn sum_of(bytes: &[u8]) -> u32 {
    let word = |pair: &[u8]| {
        let high = pair.first().copied().unwrap_or(0);
        u32::from(u16::from_be_bytes([high, pair.get(1).copied().unwrap_or(0)]))
    };
    bytes.chunks(2).map(word).sum()
}

/// The check sum that makes a sum come out right.
pub(crate) fn checksum(sum: u32) -> u16 {
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    !u16::try_from(folded).unwrap_or(u16::MAX)
}

/// Both words of a number.
pub(crate) fn halves(value: u32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

fn words_of(address: u128) -> [u16; 8] {
    let mut words = [0; 8];
    for (word, shift) in words.iter_mut().rev().zip((0..).step_by(16)) {
        *word = u16::try_from(address >> shift & 0xffff).unwrap_or(0);
    }
    words
}

fn extend(frame: &mut Vec<u8>, words: &[u16]) {
    for word in words {
        frame.extend_from_slice(&word.to_be_bytes());
    }
}

impl<'a> Payload<'a> {
    /// Of octets that are all there.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self { begin: bytes, length: length16(bytes.len()), sum: sum_of(bytes) }
    }

    /// Of zeros only.
    pub(crate) const fn zeros(length: u16) -> Self {
        Self { begin: &[], length, sum: 0 }
    }
}

impl Transport {
    const fn octets(self) -> u16 {
        match self {
            Self::Udp => 8,
            Self::Tcp { clock: None, .. } => 20,
            Self::Tcp { clock: Some(_), .. } => 32,
        }
    }

    const fn protocol(self) -> u16 {
        match self {
            Self::Udp => 17,
            Self::Tcp { .. } => 6,
        }
    }

    /// The header with its check sum; `pseudo` is the sum of all that it covers besides.
    fn write(self, frame: &mut Vec<u8>, [src, dst]: [u16; 2], length: u16, pseudo: u32) {
        match self {
            Self::Udp => {
                let mut udp = [src, dst, length, 0];
                // A sum of 0 is sent as all ones (RFC 768).
                udp[3] = match checksum(sum(&udp) + pseudo) {
                    0 => 0xffff,
                    sum => sum,
                };
                extend(frame, &udp);
            }
            Self::Tcp { seq, ack, flags, clock } => {
                let ([s0, s1], [a0, a1]) = (halves(seq), halves(ack));
                let words = (self.octets() / 4) << 12;
                let mut tcp = [src, dst, s0, s1, a0, a1, words | u16::from(flags), 0xfa00, 0, 0];
                let [c0, c1] = halves(clock.unwrap_or(0));
                // Padding, then the option; what it echoes is its own clock.
                let option = [0x0101, 0x080a, c0, c1, c0, c1];
                let option = if clock.is_some() { option.as_slice() } else { &[] };
                tcp[8] = checksum(sum(&tcp) + sum(option) + pseudo);
                extend(frame, &tcp);
                extend(frame, option);
            }
        }
    }
}

impl Ends {
    /// Writes a packet over `frame`, from Ethernet to what its payload begins with. Gives its length on the wire, and that of the IP packet.
    pub(crate) fn write(&self, frame: &mut Vec<u8>, head: &Head, payload: Payload<'_>) -> [u16; 2] {
        let [client, server] = self.addresses.map(words_of);
        let [client_port, server_port] = self.ports;
        let (src, dst, ports) = if head.up {
            (client, server, [client_port, server_port])
        } else {
            (server, client, [server_port, client_port])
        };
        let length = head.transport.octets() + payload.length;
        let protocol = head.transport.protocol();
        frame.clear();
        frame.extend_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2]);
        if let Some(vlan) = self.vlan {
            extend(frame, &[0x8100, vlan]);
        }
        let octets = if self.is_v6 {
            extend(frame, &[0x86dd, 0x6000, 0, length, protocol << 8 | 64]);
            extend(frame, &src);
            extend(frame, &dst);
            length + 40
        } else {
            let ([.., s0, s1], [.., d0, d1]) = (src, dst);
            let time = 0x4000 | protocol;
            let mut ip = [0x4500, length + 20, head.ident, 0x4000, time, 0, s0, s1, d0, d1];
            ip[5] = checksum(sum(&ip));
            extend(frame, &[0x0800]);
            extend(frame, &ip);
            length + 20
        };
        let pseudo = sum(&src) + sum(&dst) + u32::from(protocol) + u32::from(length) + payload.sum;
        let link = length16(frame.len()) - (octets - length);
        head.transport.write(frame, ports, length, pseudo);
        frame.extend_from_slice(payload.begin);
        [(link + octets).max(60), octets]
    }
}

/// A capture being written.
pub(crate) struct Stream<W: Write> {
    pcap: PcapWriter<BufWriter<W>>,
    frame: Vec<u8>,
    snaplen: usize,
    pub(crate) written: Written,
}

impl<W: Write> Stream<W> {
    pub(crate) fn new(out: W, snaplen: u32) -> io::Result<Self> {
        let pcap = PcapWriter::new(BufWriter::with_capacity(1 << 20, out), snaplen)?;
        let snaplen = usize::try_from(snaplen).unwrap_or(usize::MAX);
        Ok(Self { pcap, frame: Vec::with_capacity(2_048), snaplen, written: Written::default() })
    }

    /// Writes a packet between two ends.
    pub(crate) fn say(
        &mut self,
        ts_ns: i64,
        ends: &Ends,
        head: &Head,
        payload: Payload<'_>,
    ) -> io::Result<()> {
        let mut frame = std::mem::take(&mut self.frame);
        let [original, ip_bytes] = ends.write(&mut frame, head, payload);
        frame.resize(usize::from(original).min(self.snaplen), 0);
        let done = self.put(ts_ns, &frame, [original, ip_bytes]);
        self.frame = frame;
        done
    }

    /// Writes a frame, given its length on the wire and that of its IP packet.
    pub(crate) fn put(
        &mut self,
        ts_ns: i64,
        frame: &[u8],
        [original, ip_bytes]: [u16; 2],
    ) -> io::Result<()> {
        self.written.packets += 1;
        self.written.ip_bytes += u64::from(ip_bytes);
        self.written.wire_bytes += u64::from(original);
        self.pcap.write(ts_ns, frame, u32::from(original))
    }

    pub(crate) fn finish(self) -> io::Result<Written> {
        self.pcap.finish()?;
        Ok(self.written)
    }
}

/// Octets of a payload at most.
const OCTETS_MAX: usize = 1_500;
/// Header of a TLS record.
const RECORD: usize = 5;

/// Random octets of which any number from the front can be sent without adding them up.
#[derive(Debug)]
pub(crate) struct Filler {
    bytes: Vec<u8>,
    sums: Vec<u32>,
}

impl Filler {
    /// Octets that begin with these.
    pub(crate) fn new(begin: &[u8], rng: &mut Rng) -> Self {
        let mut bytes = begin.to_vec();
        bytes.extend(rng.bytes(OCTETS_MAX - begin.len()));
        let mut sums = vec![0];
        let mut total = 0;
        for pair in bytes.chunks(2) {
            total += sum_of(pair);
            sums.push(total);
        }
        Self { bytes, sums }
    }

    /// Of TLS records.
    pub(crate) fn records(rng: &mut Rng) -> Self {
        Self::new(&[23, 3, 3, 0, 0], rng)
    }

    /// The first so many of them.
    pub(crate) fn take(&self, length: u16) -> Payload<'_> {
        let count = usize::from(length).min(self.bytes.len());
        let begin = self.bytes.get(..count).unwrap_or_default();
        let odd = if count % 2 == 1 { begin.last().copied().unwrap_or(0) } else { 0 };
        let sum = self.sums.get(count / 2).copied().unwrap_or(0) + (u32::from(odd) << 8);
        Payload { begin, length: length16(count), sum }
    }

    /// A TLS record of so many octets in all.
    pub(crate) fn record(&mut self, length: u16) -> Payload<'_> {
        let [high, low] = length.saturating_sub(length16(RECORD)).to_be_bytes();
        if let Some(place) = self.bytes.get_mut(3..RECORD) {
            place.copy_from_slice(&[high, low]);
        }
        let payload = self.take(length.max(length16(RECORD + 1)));
        // The sums were made with a length of 0; it lies across two words.
        Payload { sum: payload.sum + u32::from(high) + (u32::from(low) << 8), ..payload }
    }
}

#[cfg(test)]
mod tests {
    use super::{Ends, Filler, Head, Payload, Transport, checksum, sum_of};
    use crate::source::synthetic::rng::Rng;

    #[test]
    fn check_sums_are_right() {
        let mut rng = Rng::of(1, "envelope", "test");
        let (mut records, plain) = (Filler::records(&mut rng), Filler::new(&[0x43], &mut rng));
        let tcp = Transport::Tcp { seq: 77, ack: 0x8000_0001, flags: 0x18, clock: Some(5_000_000) };
        for is_v6 in [false, true] {
            let addresses = [0x2001_0db8 << 96 | 0x0a01_0203, 0x2001_0db8 << 96 | 0xc612_0304];
            let addresses = addresses.map(|a: u128| if is_v6 { a } else { a & 0xffff_ffff });
            let ends = Ends { addresses, ports: [40_000, 443], is_v6, vlan: Some(7) };
            for length in [6, 7, 301, 1_400] {
                for (transport, record) in [(tcp, true), (Transport::Udp, false)] {
                    let payload = if record { records.record(length) } else { plain.take(length) };
                    let bytes = payload.begin.to_vec();
                    let head = Head { up: length % 2 == 0, ident: 9, transport };
                    let mut frame = Vec::new();
                    let [original, octets] = ends.write(&mut frame, &head, payload);
                    assert_eq!(usize::from(original), frame.len().max(60));
                    assert_eq!(frame.len(), 18 + usize::from(octets));
                    assert!(frame.ends_with(&bytes));
                    let (ip, rest) = frame[18..].split_at(if is_v6 { 40 } else { 20 });
                    if !is_v6 {
                        assert_eq!(checksum(sum_of(ip)), 0);
                    }
                    let pseudo = sum_of(&ip[if is_v6 { 8 } else { 12 }..])
                        + u32::from(transport.protocol())
                        + u32::try_from(rest.len()).unwrap();
                    assert_eq!(checksum(sum_of(rest) + pseudo), 0, "{length} {transport:?}");
                }
            }
        }
        assert_eq!(Payload::of(&[1, 2, 3]).sum, 0x0102 + 0x0300);
    }
}
