//! Frames for the traps that are no scene of the day: taken from a plan and changed, or made here; and what the probe makes of them.

use std::fs;

use ingest::source::synthetic::{Plan, PlannedFrame, Version};
use ingest::{IngestArgs, Outcome};

use crate::lab::Lab;
use crate::traps::{Found, Trap};

/// The client of what is made here, its resolver, and a CDN's server in Taiwan.
pub(crate) const CLIENT: [u8; 4] = [10, 20, 9, 7];
pub(crate) const RESOLVER: [u8; 4] = [168, 95, 1, 1];
pub(crate) const CDN: [u8; 4] = [203, 69, 138, 10];

/// A frame to be captured.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    pub(crate) ts_ns: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) original: u32,
}

impl Shot {
    pub(crate) fn of(frame: PlannedFrame) -> Self {
        Self { ts_ns: frame.ts_ns, bytes: frame.bytes, original: frame.original_length }
    }

    /// An IP packet on Ethernet.
    pub(crate) fn ip(ts_ns: i64, packet: &[u8]) -> Self {
        let kind = if packet[0] >> 4 == 6 { [0x86, 0xdd] } else { [8, 0] };
        let macs = [2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xaa];
        let mut bytes = [&macs[..], &kind, packet].concat();
        bytes.resize(bytes.len().max(60), 0);
        Self { ts_ns, original: u32::try_from(bytes.len()).unwrap(), bytes }
    }

    /// Where the IP header begins, behind any 802.1Q tags; none without IP.
    pub(crate) fn header(&self) -> Option<usize> {
        let mut at = 12;
        while self.bytes.get(at..at + 2)? == [0x81, 0] {
            at += 4;
        }
        let is_ip = matches!(self.bytes.get(at..at + 2)?, [8, 0] | [0x86, 0xdd]);
        is_ip.then_some(at + 2)
    }

    /// IP octets as the header says; of a length of 0, what was on the wire.
    pub(crate) fn octets(&self) -> u64 {
        let Some(at) = self.header() else { return 0 };
        let stated =
            |at: usize| u64::from(u16::from_be_bytes([self.bytes[at], self.bytes[at + 1]]));
        match (self.bytes[at] >> 4, stated(at + 2)) {
            (6, _) => 40 + stated(at + 4),
            (_, 0) => u64::from(self.original) - at as u64,
            (_, length) => length,
        }
    }

    /// The IP packet without link header and padding.
    pub(crate) fn packet(&self) -> &[u8] {
        let at = self.header().unwrap();
        &self.bytes[at..at + usize::try_from(self.octets()).unwrap()]
    }
}

pub(crate) fn octets(shots: &[Shot]) -> u64 {
    shots.iter().map(Shot::octets).sum()
}

/// The frames of a plan.
pub(crate) fn shots(plan: &Plan) -> Vec<Shot> {
    plan.frames().map(Shot::of).collect()
}

/// TLS 1.3 sessions, every fifth over IPv6, each with a name.
pub(crate) fn sessions(count: u32) -> Vec<Shot> {
    shots(&Plan::hellos(8, Version::Tls13, count))
}

/// A capture with nanoseconds.
fn pcap(shots: &[Shot]) -> Vec<u8> {
    let header = [0xa1b2_3c4d_u32, 0x0004_0002, 0, 0, 262_144, 1];
    let mut file: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    for shot in shots {
        let (seconds, rest) =
            (shot.ts_ns.div_euclid(1_000_000_000), shot.ts_ns.rem_euclid(1_000_000_000));
        let words = [u32::try_from(seconds).unwrap(), u32::try_from(rest).unwrap()];
        let lengths = [u32::try_from(shot.bytes.len()).unwrap(), shot.original];
        file.extend(words.iter().chain(&lengths).flat_map(|word| word.to_le_bytes()));
        file.extend(&shot.bytes);
    }
    file
}

/// Frames through the probe; the books must close.
pub(crate) fn play(shots: &[Shot], change: impl Fn(&mut IngestArgs)) -> (Lab, Outcome) {
    let lab = Lab::new();
    let path = lab.path("made.pcap");
    fs::write(&path, pcap(shots)).unwrap();
    let mut args = lab.args(path);
    change(&mut args);
    let outcome = ingest::run(&args).unwrap();
    assert_eq!(outcome.difference(), 0, "{outcome}");
    (lab, outcome)
}

/// All records of a store by the words of a trap.
pub(crate) fn judge(lab: &Lab, trap: &Trap, planned: u64, found: &mut Found) {
    found.planned += planned;
    let sql = format!(
        "SELECT {}, bytes, src_ip, src_port, dst_ip, dst_port, proto, service_vendor, evidence, server_name, dns_names,
         tunnel_stack FROM attributed",
        trap.columns()
    );
    for row in lab.ask(&sql) {
        let octets = row[2].as_ref().unwrap().parse().unwrap();
        found.add(octets, Trap::holds(&row, 0), || format!("{row:?}"));
    }
}

/// A number that a question gives.
pub(crate) fn number(lab: &Lab, sql: &str) -> i64 {
    lab.ask(sql)[0][0].as_deref().unwrap_or("0").parse().unwrap()
}

/// An IPv4 packet; `place` is the word of flags and offset.
pub(crate) fn ip4(
    [src, dst]: [[u8; 4]; 2],
    (protocol, id, place): (u8, u16, u16),
    body: &[u8],
) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap();
    let mut packet = vec![0x45, 0];
    for word in [length, id, place, 0x4000 | u16::from(protocol), 0] {
        packet.extend(word.to_be_bytes());
    }
    [&packet[..], &src, &dst, body].concat()
}

pub(crate) fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let words: Vec<u8> = [src, dst, length, 0].iter().flat_map(|word| word.to_be_bytes()).collect();
    [&words[..], payload].concat()
}

/// A segment of this sequence number; without payload a SYN.
pub(crate) fn tcp(src: u16, dst: u16, seq: u32, payload: &[u8]) -> Vec<u8> {
    let flags = if payload.is_empty() { 0x02 } else { 0x18 };
    let mut segment = [src.to_be_bytes(), dst.to_be_bytes()].concat();
    segment.extend([seq.to_be_bytes(), [0; 4], [0x50, flags, 0xff, 0xff], [0; 4]].concat());
    [&segment, payload].concat()
}

/// The begin of a connection that names nobody.
pub(crate) fn syn(ts_ns: i64, client: [u8; 4], (server, port): ([u8; 4], u16)) -> Shot {
    Shot::ip(ts_ns, &ip4([client, server], (6, 1, 0), &tcp(41_000, port, 1, &[])))
}
