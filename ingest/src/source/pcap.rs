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

    /// The record at `at`: its frame and the position behind it.
    fn record(&self, bytes: &[u8], at: usize, link: LinkType) -> Result<(FrameRef, usize), Stop> {
        let header =
            bytes.get(at..at + self.record_header).ok_or(Stop::More(self.record_header))?;
        let field = |position| self.order.u32(header, position).unwrap_or_default();
        let captured = field(8);
        if captured > CAPTURED_MAX {
            return Err(Stop::Damaged(format!(
                "a record claims {captured} captured octets, more than {CAPTURED_MAX}"
            )));
        }
        let offset = at + self.record_header;
        let end = offset + captured as usize;
        if end > bytes.len() {
            return Err(Stop::More(end - at));
        }
        let frame = FrameRef {
            ts_ns: i64::from(field(0)) * 1_000_000_000 + i64::from(field(4)) * self.ns_per_unit,
            offset: u32::try_from(offset).unwrap_or(u32::MAX),
            captured,
            original: field(12),
            link,
            lane: 0,
        };
        Ok((frame, end))
    }
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
        loop {
            match self.record(bytes, used, link) {
                Ok((frame, next)) => {
                    frames.push(frame);
                    used = next;
                }
                Err(stop) => return Walked { used, stop },
            }
        }
    }
}
