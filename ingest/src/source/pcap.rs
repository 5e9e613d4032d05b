//! The classic capture format of tcpdump, µs and ns, both byte orders.

use crate::block::FrameRef;
use crate::frame::LinkType;
use crate::source::container::{CAPTURED_MAX, Format, Order, Stop, Walked};

const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// State of a walk over a pcap file.
#[derive(Debug)]
pub(crate) struct Pcap {
    order: Order,
    ns_per_unit: i64,
    /// Octets of the record header: some variants have more.
    record_header: usize,
    link: Option<LinkType>,
}

impl Pcap {
    /// By the magic number of the file.
    pub(crate) fn of_magic(magic: [u8; 4]) -> Option<Self> {
        let (order, ns_per_unit, record_header) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, 1_000, RECORD_HEADER),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, 1_000, RECORD_HEADER),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, 1, RECORD_HEADER),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, 1, RECORD_HEADER),
            // A. Kuznetsov's variant: interface, protocol and packet type follow the lengths.
            [0x34, 0xcd, 0xb2, 0xa1] => (Order::Little, 1_000, RECORD_HEADER + 8),
            [0xa1, 0xb2, 0xcd, 0x34] => (Order::Big, 1_000, RECORD_HEADER + 8),
            _ => return None,
        };
        Some(Self { order, ns_per_unit, record_header, link: None })
    }

    /// Finds records from `used` on; `word` reads a number in the order of the file.
    fn records(
        &self,
        (bytes, mut used): (&[u8], usize),
        link: LinkType,
        word: impl Fn([u8; 4]) -> u32,
        frames: &mut Vec<FrameRef>,
    ) -> Walked {
        loop {
            let header = bytes.get(used..used + self.record_header);
            let Some(([seconds, fraction, captured, original], _)) =
                header.and_then(|header| header.as_chunks().0.split_first_chunk())
            else {
                return Walked { used, stop: Stop::More(self.record_header) };
            };
            let captured = word(*captured);
            let offset = used + self.record_header;
            let end = offset + captured as usize;
            if captured > CAPTURED_MAX || end > bytes.len() {
                return Walked { used, stop: stopped(captured, end - used) };
            }
            let seconds = i64::from(word(*seconds)) * 1_000_000_000;
            frames.push(FrameRef {
                ts_ns: seconds + i64::from(word(*fraction)) * self.ns_per_unit,
                offset: u32::try_from(offset).unwrap_or(u32::MAX),
                captured,
                original: word(*original),
                link,
                lane: 0,
            });
            used = end;
        }
    }
}

/// Why a record that claims so many captured octets, and ends so far from here, is not taken.
fn stopped(captured: u32, wanted: usize) -> Stop {
    if captured > CAPTURED_MAX {
        return Stop::Damaged(format!(
            "a record claims {captured} captured octets, more than {CAPTURED_MAX}"
        ));
    }
    Stop::More(wanted)
}

impl Format for Pcap {
    fn walk(&mut self, bytes: &[u8], frames: &mut Vec<FrameRef>) -> Walked {
        let mut used = 0;
        let link = if let Some(link) = self.link {
            link
        } else {
            let header = bytes.get(..FILE_HEADER);
            let Some(number) = header.and_then(|header| self.order.u32(header, 20)) else {
                return Walked { used, stop: Stop::More(FILE_HEADER) };
            };
            used = FILE_HEADER;
            *self.link.insert(LinkType::of_number(number))
        };
        match self.order {
            Order::Little => self.records((bytes, used), link, u32::from_le_bytes, frames),
            Order::Big => self.records((bytes, used), link, u32::from_be_bytes, frames),
        }
    }
}
