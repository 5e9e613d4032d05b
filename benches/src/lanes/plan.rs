//! From what a capture holds for each lane, and what each step costs, to what there is to do.

use crate::contest::real;
use crate::lanes::simulation::{Parcel, Plan, Task};

/// What a block holds for one lane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Packets.
    pub packets: u64,
    /// Rows that the lane made while it took the block.
    pub rows: u64,
}

/// What a capture holds for so many lanes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// For each block, what is in it for each lane.
    pub blocks: Vec<Vec<Share>>,
    /// Rows of the flows that were open at the end, for each lane.
    pub ends: Vec<u64>,
}

/// What each step costs one thread, nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// Reading a packet's octets from a file.
    pub read: f64,
    /// Finding it among them, and noting where it lies.
    pub walk: f64,
    /// Choosing its lane where there are several.
    pub tag: f64,
    /// A lane's packet: decoding it, its flow, its names, and its part of the rows.
    pub own: f64,
    /// Passing over the reference to a packet of another lane.
    pub foreign: f64,
    /// A row of a flow that is open at the end.
    pub last_row: f64,
    /// A row, named and written.
    pub row: f64,
    /// Giving something through a queue, or taking it.
    pub hand: f64,
}

/// Where blocks come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A capture file: one thread reads it, each lane gets every block and passes over what is not its own.
    File,
    /// The same, if the reader put references in order of their lanes: nobody passes over anything. The price of that order is not counted.
    Sorted,
    /// A ring of the kernel for each lane, which finds its packets itself; what the kernel does for a packet is not counted.
    Rings,
}

/// Rows handed over at a time.
const ROWS_MAX: u64 = 256;

impl Load {
    /// Number of lanes.
    pub const fn lanes(&self) -> usize {
        self.ends.len()
    }

    fn shares(&self) -> impl Iterator<Item = &Share> {
        self.blocks.iter().flatten()
    }

    /// Packets in all.
    pub fn packets(&self) -> u64 {
        self.shares().map(|share| share.packets).sum()
    }

    /// Rows in all.
    pub fn rows(&self) -> u64 {
        self.shares().map(|share| share.rows).chain(self.ends.iter().copied()).sum()
    }

    /// What the fullest lane has, by what it would have if all had the same.
    pub fn skew(&self) -> f64 {
        let of_lane = |lane: usize| {
            self.blocks.iter().filter_map(|block| block.get(lane)).map(|share| share.packets).sum()
        };
        let most: u64 = (0..self.lanes()).map(of_lane).max().unwrap_or(0);
        let lanes = u64::try_from(self.lanes()).unwrap_or(u64::MAX);
        real(most * lanes) / real(self.packets().max(1))
    }

    /// The same in the middle of a capture without end: no flow is open at its end, as many rows come with any packet as with any other.
    #[must_use]
    pub fn endless(&self) -> Self {
        let (rows, packets) = (u128::from(self.rows()), u128::from(self.packets().max(1)));
        let mut before = vec![0_u64; self.lanes()];
        let mut blocks = self.blocks.clone();
        for block in &mut blocks {
            for (share, before) in block.iter_mut().zip(&mut before) {
                let due = |packets_so_far: u64| {
                    u64::try_from(u128::from(packets_so_far) * rows / packets).unwrap_or(u64::MAX)
                };
                share.rows = due(*before + share.packets) - due(*before);
                *before += share.packets;
            }
        }
        Self { blocks, ends: vec![0; self.lanes()] }
    }

    /// What there is to do with it.
    pub fn plan(&self, prices: &Prices, source: Source) -> Plan {
        let parcels = match source {
            Source::File => self.read(prices, prices.foreign),
            Source::Sorted => self.read(prices, 0.0),
            Source::Rings => self.filled(prices),
        };
        let end = |(lane, rows): (usize, &u64)| {
            let part = |at: u64| {
                let rows = (rows - at * ROWS_MAX).min(ROWS_MAX);
                Task { lane, ns: real(rows) * prices.last_row + prices.hand, rows }
            };
            (0..rows.div_ceil(ROWS_MAX)).map(part).collect()
        };
        Plan {
            lanes: self.lanes(),
            parcels,
            ends: self.ends.iter().enumerate().map(end).collect(),
            row_ns: prices.row,
            delivery_ns: prices.hand,
        }
    }

    /// Every block goes to every lane.
    fn read(&self, prices: &Prices, foreign: f64) -> Vec<Parcel> {
        let tag = if self.lanes() > 1 { prices.tag } else { 0.0 };
        let packet = prices.read + prices.walk + tag;
        let parcel = |block: &Vec<Share>| {
            let all: u64 = block.iter().map(|share| share.packets).sum();
            let task = |(lane, share): (usize, &Share)| {
                let others = real(all - share.packets) * foreign;
                let ns = real(share.packets) * prices.own + others + 2.0 * prices.hand;
                Task { lane, ns, rows: share.rows }
            };
            let tasks: Vec<Task> = block.iter().enumerate().map(task).collect();
            let given = u64::try_from(tasks.len()).unwrap_or(u64::MAX);
            Parcel { ns: real(all) * packet + real(given) * prices.hand, tasks }
        };
        self.blocks.iter().map(parcel).collect()
    }

    /// Each lane has blocks of its own, which are handed over when they are as full as those of a file.
    fn filled(&self, prices: &Prices) -> Vec<Parcel> {
        let blocks = u64::try_from(self.blocks.len().max(1)).unwrap_or(u64::MAX);
        let full = (self.packets() / blocks).max(1);
        let mut filling = vec![Share::default(); self.lanes()];
        let mut parcels = Vec::new();
        let mut hand_over = |lane: usize, share: &mut Share| {
            let Share { packets, rows } = std::mem::take(share);
            let ns = real(packets) * (prices.walk + prices.own) + 2.0 * prices.hand;
            parcels.push(Parcel { ns: prices.hand, tasks: vec![Task { lane, ns, rows }] });
        };
        for block in &self.blocks {
            for (lane, (filling, share)) in filling.iter_mut().zip(block).enumerate() {
                filling.packets += share.packets;
                filling.rows += share.rows;
                if filling.packets >= full {
                    hand_over(lane, filling);
                }
            }
        }
        for (lane, filling) in filling.iter_mut().enumerate().filter(|(_, left)| left.packets > 0) {
            hand_over(lane, filling);
        }
        parcels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each block of four packets and one row a lane, but the last lane has none.
    fn load(lanes: usize, blocks: usize) -> Load {
        let full = Share { packets: 4, rows: 1 };
        let of_lane = |lane| if lane + 1 == lanes && lanes > 1 { Share::default() } else { full };
        Load { blocks: vec![(0..lanes).map(of_lane).collect(); blocks], ends: vec![300; lanes] }
    }

    const PRICES: Prices = Prices {
        read: 3.0,
        walk: 2.0,
        tag: 1.0,
        own: 10.0,
        foreign: 0.5,
        last_row: 1.0,
        row: 7.0,
        hand: 0.0,
    };

    fn work(plan: &Plan) -> f64 {
        plan.parcels.iter().flat_map(|parcel| &parcel.tasks).map(|task| task.ns).sum()
    }

    #[test]
    fn every_source_has_the_same_packets_and_rows_to_do() {
        for load in [load(1, 9), load(3, 9), load(3, 9).endless()] {
            let rows = |plan: &Plan| -> u64 {
                let tasks = plan.parcels.iter().flat_map(|parcel| &parcel.tasks);
                tasks.chain(plan.ends.iter().flatten()).map(|task| task.rows).sum()
            };
            for source in [Source::File, Source::Sorted, Source::Rings] {
                assert_eq!(rows(&load.plan(&PRICES, source)), load.rows(), "{source:?}");
            }
            let own = real(load.packets()) * PRICES.own;
            let foreign = real(load.packets() * (load.lanes() as u64 - 1)) * PRICES.foreign;
            assert!((work(&load.plan(&PRICES, Source::Sorted)) - own).abs() < 1e-6);
            assert!((work(&load.plan(&PRICES, Source::File)) - own - foreign).abs() < 1e-6);
            let walked = real(load.packets()) * PRICES.walk;
            assert!((work(&load.plan(&PRICES, Source::Rings)) - own - walked).abs() < 1e-6);
        }
    }

    #[test]
    fn the_end_comes_in_deliveries_and_can_be_taken_away() {
        let load = load(3, 9);
        let ends = load.plan(&PRICES, Source::File).ends;
        let rows: Vec<u64> = ends.iter().flatten().map(|task| task.rows).collect();
        assert_eq!(rows, [256, 44, 256, 44, 256, 44]);
        let endless = load.endless();
        assert!(endless.ends.iter().all(|rows| *rows == 0));
        // Each lane's last row may still be on its way.
        assert!(load.rows() - endless.rows() < 3, "{} of {}", endless.rows(), load.rows());
        assert!((load.skew() - 1.5).abs() < 1e-9);
    }
}
