//! The plan of a capture: its frames and its truth come from the same packets.
//!
//! A plan holds every payload in memory; what is larger than some tens of megabytes is streamed
//! as a bulk capture instead.

use std::io::{self, Write};

use crate::source::synthetic::day;
use crate::source::synthetic::dhcp;
use crate::source::synthetic::draft::Draft;
use crate::source::synthetic::drawn::Drawn;
use crate::source::synthetic::frame::render;
use crate::source::synthetic::noise;
use crate::source::synthetic::packet::Packet;
use crate::source::synthetic::pcap::PcapWriter;
use crate::source::synthetic::traps;
use crate::source::synthetic::truth::{TruthFlow, write_flows, write_rules, write_vendor_country};

/// A frame as a tap would have captured it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFrame {
    /// Nanoseconds since 1970, whole microseconds.
    pub ts_ns: i64,
    /// The bytes captured.
    pub bytes: Vec<u8>,
    /// Its length on the wire.
    pub original_length: u32,
}

/// A planned capture.
#[derive(Debug)]
pub struct Plan {
    packets: Vec<Packet>,
    flows: Vec<TruthFlow>,
}

impl Plan {
    /// The national day in scale S: a few megabytes over 24 hours, all traps included.
    pub fn national_day(seed: u64) -> Self {
        Self::day(Draft::new(seed))
    }

    /// A day like it, of which the seed draws who calls what, under which name, where, how much, and through which network; of several
    /// districts each has clients of its own.
    pub fn drawn(seed: u64, district: u32) -> Self {
        Self::day(Draft::of(Drawn::of(seed, district)))
    }

    fn day(mut draft: Draft) -> Self {
        day::plan(&mut draft);
        traps::plan(&mut draft);
        noise::plan(&mut draft);
        dhcp::plan(&mut draft);
        Self::of(draft)
    }

    /// Packets in order of time, and truth.
    pub(crate) fn into_parts(self) -> (Vec<Packet>, Vec<TruthFlow>) {
        (self.packets, self.flows)
    }

    /// The plan that `draft` has become.
    pub(crate) fn of(draft: Draft) -> Self {
        let (packets, flows) = draft.finish();
        Self { packets, flows }
    }

    /// The frames, in order of time.
    pub fn frames(&self) -> impl Iterator<Item = PlannedFrame> {
        self.packets.iter().map(|packet| PlannedFrame {
            ts_ns: packet.ts_ns,
            bytes: render(packet),
            original_length: u32::try_from(packet.original_length()).unwrap_or(u32::MAX),
        })
    }

    /// Writes the frames as a pcap file; answers how many.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<u64> {
        let mut writer = PcapWriter::new(out, 65_535)?;
        let mut frames = 0;
        for frame in self.frames() {
            writer.write(frame.ts_ns, &frame.bytes, frame.original_length)?;
            frames += 1;
        }
        writer.finish()?;
        Ok(frames)
    }

    /// What must come out, a row a connection.
    pub fn truth(&self) -> &[TruthFlow] {
        &self.flows
    }

    /// Frames that carry no IP and so belong to no flow.
    pub fn frames_without_ip(&self) -> u64 {
        self.packets.iter().filter(|packet| packet.flow.is_none()).map(|_| 1).sum()
    }

    /// Writes `truth_flows.csv`.
    pub fn write_truth_flows(&self, out: impl Write) -> io::Result<()> {
        write_flows(&self.flows, out)
    }

    /// Writes `truth_vendor_country.csv`.
    pub fn write_truth_vendor_country(&self, out: impl Write) -> io::Result<()> {
        write_vendor_country(&self.flows, out)
    }

    /// Writes `truth_traps.csv`.
    pub fn write_truth_traps(&self, out: impl Write) -> io::Result<()> {
        write_rules(&traps::RULES, &self.flows, out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Write;

    use sha2::{Digest, Sha256};

    use super::Plan;
    use crate::source::synthetic::day::{CALLS, CELL_UNIT};
    use crate::source::synthetic::packet::{Body, Quirk};
    use crate::source::synthetic::place::Expected;
    use crate::source::synthetic::scenes::SCENES;
    use crate::source::synthetic::session::Oddity;
    use crate::source::synthetic::traps::{RULES, TRAP_UNIT};

    const SEED: u64 = 2014;
    /// Of the whole pcap file. It changes with every planned byte: then look at the truth anew.
    const GOLDEN: &str = "bcdf1bfbc53190d5d5ee663168b67d9f5e5509863a650af020c2394b921543d5";

    fn pcap(plan: &Plan) -> Vec<u8> {
        let mut file = Vec::new();
        plan.write_pcap(&mut file).unwrap();
        file
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        let file = pcap(&Plan::national_day(SEED));
        assert_eq!(file, pcap(&Plan::national_day(SEED)));
        assert_ne!(file, pcap(&Plan::national_day(SEED + 1)));
        assert!(file.len() <= 5_000_000, "{}", file.len());
        let mut digest = String::new();
        for byte in Sha256::digest(&file) {
            write!(digest, "{byte:02x}").unwrap();
        }
        assert_eq!(digest, GOLDEN);
    }

    #[test]
    fn frames_are_as_long_as_planned_and_in_order() {
        let plan = Plan::national_day(SEED);
        for (frame, packet) in plan.frames().zip(&plan.packets) {
            match packet.quirk {
                Quirk::Cut(kept) => assert_eq!(frame.bytes.len(), kept),
                _ => assert_eq!(frame.bytes.len(), packet.original_length()),
            }
            if let Body::Ip(datagram) = &packet.body {
                let header = &frame.bytes[datagram.link.length()..];
                let stated =
                    |at: usize| usize::from(u16::from_be_bytes([header[at], header[at + 1]]));
                let said = if datagram.src.is_ipv4() { stated(2) } else { 40 + stated(4) };
                let zero = packet.quirk == Quirk::ZeroLength;
                assert_eq!(said, if zero { 0 } else { packet.ip_bytes() });
            }
        }
        assert!(plan.packets.is_sorted_by_key(|packet| packet.ts_ns));
        assert!(plan.packets.iter().all(|packet| packet.ts_ns % 1_000 == 0));
    }

    #[test]
    fn truth_sums_to_the_frames() {
        let plan = Plan::national_day(SEED);
        let wire: u64 = plan.frames().map(|frame| u64::from(frame.original_length)).sum();
        let bare = plan.packets.iter().filter(|packet| packet.flow.is_none());
        let bare: usize = bare.map(super::Packet::original_length).sum();
        let told: u64 = plan.truth().iter().map(|flow| flow.wire_bytes).sum();
        assert_eq!(wire, told + bare as u64);
        let packets: u64 = plan.truth().iter().map(|f| f.src_packets + f.dst_packets).sum();
        assert_eq!(plan.packets.len() as u64, packets + plan.frames_without_ip());
    }

    #[test]
    fn every_cell_and_every_trap_carries_its_signature() {
        let plan = Plan::national_day(SEED);
        let mut volumes = BTreeMap::new();
        for flow in plan.truth().iter().filter(|flow| flow.trap.is_none()) {
            *volumes.entry((flow.src_ip, flow.dst_ip, flow.dst_port)).or_insert(0) +=
                flow.payload_bytes;
        }
        for (index, call) in CALLS.iter().enumerate() {
            let address = call.service.place.address;
            let key = (call.handset.address(address), address, call.service.port);
            assert_eq!(volumes.get(&key), Some(&((CELL_UNIT * (index + 1)) as u64)), "{index}");
        }
        let trapped = plan.truth().iter().filter(|flow| flow.trap.is_some());
        for (index, (flow, scene)) in trapped.zip(&SCENES).enumerate() {
            assert_eq!(flow.trap, Some(scene.trap));
            if matches!(scene.oddity, Oddity::OnlyUp | Oddity::OnlyDown | Oddity::MidFlow) {
                continue;
            }
            assert_eq!(flow.payload_bytes, (TRAP_UNIT * (index + 1)) as u64, "{}", scene.trap);
        }
        for rule in RULES {
            assert!(plan.truth().iter().any(|flow| flow.trap == Some(rule.trap)), "{}", rule.trap);
        }
    }

    #[test]
    fn every_vendor_has_evidence_and_only_the_spoofed_name_contradicts() {
        let plan = Plan::national_day(SEED);
        let drawn = [1, 2, 3].map(|seed| Plan::drawn(seed, 0));
        for flow in drawn.iter().chain([&plan]).flat_map(Plan::truth) {
            assert_eq!(flow.vendor.is_none(), flow.evidence == "E0", "{flow:?}");
            assert_eq!(flow.name_ip_mismatch, flow.trap == Some("T13"), "{flow:?}");
        }
        for rung in ["E1", "E2", "E3", "E4", "E5"] {
            assert!(plan.truth().iter().any(|flow| flow.evidence == rung), "{rung}");
        }
        let country = Expected::Country("CN");
        assert!(plan.truth().iter().any(|f| f.trap == Some("T13") && f.server_country == country));
    }

    #[test]
    fn a_reused_port_is_two_connections() {
        let plan = Plan::national_day(SEED);
        let reused: Vec<_> = plan.truth().iter().filter(|f| f.trap == Some("T18")).collect();
        let [first, second] = reused[..] else { panic!("T18 is two flows") };
        assert_eq!((first.src_port, first.dst_ip), (second.src_port, second.dst_ip));
        assert_eq!((first.connection, second.connection), (0, 1));
        assert_eq!((first.vendor, second.vendor), (Some("xiaomi"), Some("apple")));
        assert!(second.first_ns - first.last_ns == 20_000_000_000);
    }

    #[test]
    fn the_tables_have_a_row_for_all() {
        let plan = Plan::national_day(SEED);
        let lines = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut text = Vec::new();
            write(&mut text);
            let text = String::from_utf8(text).unwrap();
            let width = text.lines().next().unwrap().split(',').count();
            assert!(text.lines().all(|line| line.split(',').count() == width));
            text.lines().count() - 1
        };
        assert_eq!(lines(&|out| plan.write_truth_flows(out).unwrap()), plan.truth().len());
        assert_eq!(lines(&|out| plan.write_truth_traps(out).unwrap()), RULES.len());
        assert!(lines(&|out| plan.write_truth_vendor_country(out).unwrap()) > 50);
    }
}
