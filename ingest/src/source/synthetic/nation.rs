//! The day of many districts: the same scenes everywhere, each district drawn for itself, streamed in order of time.
//!
//! The day is planned anew for every slice of it and only the slice is kept, so that memory is bounded by a slice and not by the day.

use std::io::{self, Write};

use crate::source::synthetic::frame::render;
use crate::source::synthetic::packet::Packet;
use crate::source::synthetic::pcap::PcapWriter;
use crate::source::synthetic::plan::Plan;
use crate::source::synthetic::tcp::SECOND;
use crate::source::synthetic::truth::{DAY_START_NS, TruthFlow};

/// Slices of a day.
const SLICES: i64 = 6;

/// Many districts in one day.
#[derive(Debug, Clone, Copy)]
pub struct Nation {
    /// What all districts are drawn from.
    pub seed: u64,
    /// How many there are, at most 16,384.
    pub districts: u32,
}

impl Nation {
    /// Scale M: about 1 GB in a day.
    pub fn medium(seed: u64) -> Self {
        Self { seed, districts: 200 }
    }

    /// Streams the capture into `out`; answers the number of frames, and what must come out.
    pub fn write_pcap(&self, out: impl Write) -> io::Result<(u64, Vec<TruthFlow>)> {
        let mut writer = PcapWriter::new(out, 65_535)?;
        let (mut frames, mut truth) = (0, Vec::new());
        for slice in 0..SLICES {
            let mut packets = Vec::new();
            for district in 0..self.districts {
                let (planned, flows) = Plan::drawn(self.seed, district).into_parts();
                packets.extend(planned.into_iter().filter(|packet| slice_of(packet) == slice));
                if slice == 0 {
                    truth.extend(flows);
                }
            }
            packets.sort_by_key(|packet| packet.ts_ns);
            for packet in &packets {
                let original = u32::try_from(packet.original_length()).unwrap_or(u32::MAX);
                writer.write(packet.ts_ns, &render(packet), original)?;
                frames += 1;
            }
        }
        writer.finish()?;
        Ok((frames, truth))
    }
}

/// What begins before the day belongs to its first slice, and what ends after it to the last.
fn slice_of(packet: &Packet) -> i64 {
    let length = 24 * 3_600 * SECOND / SLICES;
    ((packet.ts_ns - DAY_START_NS) / length).clamp(0, SLICES - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Nation;

    #[test]
    fn districts_share_no_client_and_time_runs_on() {
        let mut file = Vec::new();
        let (frames, truth) = Nation { seed: 3, districts: 3 }.write_pcap(&mut file).unwrap();
        let mut again = Vec::new();
        Nation { seed: 3, districts: 3 }.write_pcap(&mut again).unwrap();
        assert!(file == again, "the same seed gives the same bytes");
        let flows: BTreeSet<_> = truth
            .iter()
            .map(|f| (f.proto, f.src_ip, f.src_port, f.dst_ip, f.dst_port, f.connection))
            .collect();
        assert_eq!(flows.len(), truth.len());
        let told: u64 = truth.iter().map(|flow| flow.src_packets + flow.dst_packets).sum();
        assert!(frames > told && frames < told + 1_000, "{frames} {told}");
        let mut at = 24;
        let mut before = (0, 0);
        while let Some(header) = file.get(at..at + 16) {
            let word = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().unwrap());
            assert!(before <= (word(0), word(4)));
            before = (word(0), word(4));
            at += 16 + word(8) as usize;
        }
    }
}
