//! The least that any flow meter has to do: read the capture, find addresses and ports, count in a table that is there already.
//!
//! One thread, 64 octets a flow in one array, sixteen packets at a time: all their places are looked at before the first is counted, so that the processor
//! waits for them together. No names, no time-outs, no rows, no tunnels but VLANs. The probe is measured against this.

use std::hint::{black_box, select_unpredictable};
use std::io;
use std::path::Path;
use std::time::Duration;

use crate::cpu::thread;
use crate::walk::each;

/// Packets looked up together.
const BATCH: usize = 16;
/// Both addresses, the lower end first, so that both directions are one flow; and protocol and ports.
type Key = [u64; 5];

/// A flow: one line of the cache.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Slot {
    key: Key,
    packets: u64,
    octets: u64,
}

const _: () = assert!(size_of::<Slot>() == 64);

/// What the floor found, and what that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Packets in flows.
    pub packets: u64,
    /// Their IP-layer octets.
    pub ip_bytes: u64,
    /// Flows.
    pub flows: u64,
    /// Processor time from the first read to the last packet, without that of making the table.
    pub cpu: Duration,
}

struct Packet {
    key: Key,
    octets: u64,
    place: usize,
}

struct Table {
    slots: Vec<Slot>,
    mask: usize,
    batch: Vec<Packet>,
    packets: u64,
}

fn octets<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Key and IP-layer octets of a frame, if it is IP with ports.
fn read(frame: &[u8]) -> Option<(Key, u64)> {
    let word = |at| octets(frame, at).map(u16::from_be_bytes);
    let (kind, ip) = match word(12)? {
        0x8100 => (word(16)?, 18),
        other => (other, 14),
    };
    let (src, dst, protocol, ports, length) = match kind {
        0x0800 => {
            let address = |at| octets(frame, at).map(u32::from_be_bytes).map(u128::from);
            let words = usize::from(*frame.get(ip)? & 15);
            let ends = (address(ip + 12)?, address(ip + 16)?);
            (ends.0, ends.1, *frame.get(ip + 9)?, ip + words * 4, u64::from(word(ip + 2)?))
        }
        0x86dd => {
            let address = |at| octets(frame, at).map(u128::from_be_bytes);
            let ends = (address(ip + 8)?, address(ip + 24)?);
            (ends.0, ends.1, *frame.get(ip + 6)?, ip + 40, u64::from(word(ip + 4)?) + 40)
        }
        _ => return None,
    };
    let (src_port, dst_port) = (u64::from(word(ports)?), u64::from(word(ports + 2)?));
    // Which of both it is cannot be foreseen, so nothing may branch by it.
    let is_low = if src == dst { src_port <= dst_port } else { src < dst };
    let [low, high] = select_unpredictable(is_low, [src, dst], [dst, src]);
    let ports = select_unpredictable(is_low, src_port << 16 | dst_port, dst_port << 16 | src_port);
    let [l0, l1] = halves(low);
    let [h0, h1] = halves(high);
    Some(([l0, l1, h0, h1, u64::from(protocol) << 32 | ports], length))
}

#[expect(clippy::cast_possible_truncation, reason = "each half is what is meant")]
const fn halves(value: u128) -> [u64; 2] {
    [(value >> 64) as u64, value as u64]
}

/// Both halves of a product, folded.
fn fold(a: u64, b: u64) -> u64 {
    let [high, low] = halves(u128::from(a) * u128::from(b));
    high ^ low
}

fn hash([l0, l1, h0, h1, rest]: &Key) -> u64 {
    let low = fold(l0 ^ 0x9e37_79b9_7f4a_7c15, l1 ^ 0xf39c_c060_5ced_c835);
    let high = fold(h0 ^ 0x2545_f491_4f6c_dd1d, h1 ^ 0xa076_1d64_78bd_642f);
    fold(low ^ rest, high ^ 0xe703_7ed1_a0b4_28db)
}

impl Table {
    /// Room for twice as many flows, all of it touched.
    fn new(flows: u64) -> Self {
        let count = (flows.max(512) * 2).next_power_of_two();
        let mut slots = vec![Slot::default(); usize::try_from(count).unwrap_or(1 << 10)];
        let mask = slots.len() - 1;
        for slot in &mut slots {
            slot.packets = black_box(0);
        }
        Self { slots, mask, batch: Vec::with_capacity(BATCH), packets: 0 }
    }

    fn take(&mut self, frame: &[u8]) {
        let Some((key, octets)) = read(frame) else { return };
        let place = usize::try_from(hash(&key)).unwrap_or(0) & self.mask;
        self.batch.push(Packet { key, octets, place });
        if self.batch.len() == BATCH {
            self.settle();
        }
    }

    fn settle(&mut self) {
        let places = self.batch.iter().filter_map(|packet| self.slots.get(packet.place));
        black_box(places.fold(0, |sum, slot| sum ^ slot.key[4]));
        let mut batch = std::mem::take(&mut self.batch);
        for packet in batch.drain(..) {
            self.count(&packet);
        }
        self.batch = batch;
    }

    fn count(&mut self, packet: &Packet) {
        let mut place = packet.place;
        // Half of the slots stay free, so this ends.
        while let Some(slot) = self.slots.get_mut(place) {
            if slot.key == packet.key || slot.packets == 0 {
                slot.key = packet.key;
                slot.packets += 1;
                slot.octets += packet.octets;
                self.packets += 1;
                return;
            }
            place = (place + 1) & self.mask;
        }
    }
}

/// Takes a capture of at most so many flows.
pub fn floor(path: &Path, flows: u64) -> io::Result<Floor> {
    let mut table = Table::new(flows);
    let before = thread()?;
    each(path, |frame, _| table.take(frame))?;
    table.settle();
    let cpu = thread()?.saturating_sub(before);
    let found = table.slots.iter().filter(|slot| slot.packets > 0);
    Ok(Floor {
        packets: table.packets,
        ip_bytes: found.clone().map(|slot| slot.octets).sum(),
        flows: u64::try_from(found.count()).unwrap_or(u64::MAX),
        cpu,
    })
}

#[cfg(test)]
mod tests {
    use super::floor;
    use ingest::source::synthetic::{Even, Mix};

    #[test]
    fn the_floor_counts_what_was_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = Mix::new(5, 40_000).write_pcap(file.as_file()).unwrap();
        let floor_of = |flows| floor(file.path(), flows).unwrap();
        let found = floor_of(written.flows);
        assert_eq!(
            (found.packets, found.ip_bytes, found.flows),
            (written.packets, written.ip_bytes, written.flows)
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = Even::new(5, 500).write_pcap(40_000, file.as_file()).unwrap();
        let found = floor(file.path(), 500).unwrap();
        assert_eq!((found.packets, found.flows), (written.packets, 500));
    }
}
