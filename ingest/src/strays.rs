//! Flows whose two directions came to different lanes: each is exported one-way, and the two are found to belong together only here.
//!
//! It happens where the kernel shares packets out by something that differs by direction. Bounded: the oldest half is forgotten.

use std::net::IpAddr;

use hashbrown::HashMap;
use schemas::flow::FlowRow;

/// One-way records remembered in each of two generations.
const REMEMBERED: usize = 32_768;

/// Sender, receiver, protocol.
type Way = ((IpAddr, i32), (IpAddr, i32), i32);

/// One-way records of late, by lane.
#[derive(Debug, Default)]
pub(crate) struct Strays {
    generations: [HashMap<Way, usize>; 2],
}

/// Whether a record has packets in one direction only.
pub(crate) const fn is_one_way(row: &FlowRow) -> bool {
    row.src_packets == 0 || row.dst_packets == 0
}

impl Strays {
    /// Takes note of a one-way record; whether its other direction came to another lane.
    pub(crate) fn is_stray(&mut self, row: &FlowRow, lane: usize) -> bool {
        let src = (row.src_ip, row.src_port.unwrap_or(0));
        let dst = (row.dst_ip, row.dst_port.unwrap_or(0));
        let (from, to) = if row.src_packets > 0 { (src, dst) } else { (dst, src) };
        let back = (to, from, row.ip_proto);
        let found = self.generations.iter_mut().find_map(|seen| {
            let other = *seen.get(&back)?;
            (other != lane).then(|| seen.remove(&back))
        });
        if found.is_some() {
            return true;
        }
        let [young, old] = &mut self.generations;
        if young.len() >= REMEMBERED {
            std::mem::swap(young, old);
            young.clear();
        }
        young.insert((from, to, row.ip_proto), lane);
        false
    }
}
