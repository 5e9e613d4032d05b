//! pcapng (draft-ietf-opsawg-pcapng): sections and interfaces, enhanced, simple and obsolete packet blocks, both byte orders.

use crate::block::FrameRef;
use crate::frame::LinkType;
use crate::source::container::{CAPTURED_MAX, Format, Order, Stop, Walked};

mod block {
    pub(super) const SECTION: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE: u32 = 1;
    pub(super) const PACKET: u32 = 2;
    pub(super) const SIMPLE: u32 = 3;
    pub(super) const ENHANCED: u32 = 6;
}

/// Interfaces of a section at most.
const INTERFACES_MAX: usize = 65_536;
/// Blocks that are read are no longer than this; packets bound it.
const READ_MAX: u32 = CAPTURED_MAX + 65_536;
const OPTION_TSRESOL: u16 = 9;
const OPTION_TSOFFSET: u16 = 14;

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    /// Captured octets at most; 0 is no limit.
    snaplen: u32,
    /// Units of the time stamp in a second.
    units_per_s: u64,
    offset_s: i64,
}

/// State of a walk over a pcapng file.
#[derive(Debug, Default)]
pub(crate) struct Pcapng {
    order: Option<Order>,
    interfaces: Vec<Interface>,
}

impl Pcapng {
    /// By the type of the first block.
    pub(crate) fn of_magic(magic: [u8; 4]) -> Option<Self> {
        (u32::from_be_bytes(magic) == block::SECTION).then(Self::default)
    }

    /// The block at `at`: pushes a frame where it holds one; gives the position behind it.
    fn block(
        &mut self,
        bytes: &[u8],
        at: usize,
        frames: &mut Vec<FrameRef>,
    ) -> Result<usize, Stop> {
        let rest = bytes.get(at..).unwrap_or_default();
        if rest.len() < 12 {
            return Err(Stop::More(12));
        }
        // The type of a section header reads the same in both orders; its byte-order magic tells which it is.
        if Order::Big.u32(rest, 0) == Some(block::SECTION) {
            self.order = Some(match Order::Big.u32(rest, 8) {
                Some(0x1a2b_3c4d) => Order::Big,
                Some(0x4d3c_2b1a) => Order::Little,
                _ => {
                    return Err(Stop::Damaged(
                        "a section header without byte-order magic".to_owned(),
                    ));
                }
            });
        }
        let Some(order) = self.order else {
            return Err(Stop::Damaged("a block before the first section header".to_owned()));
        };
        let kind = order.u32(rest, 0).unwrap_or_default();
        let length = order.u32(rest, 4).unwrap_or_default();
        if length < 12 {
            return Err(Stop::Damaged(format!(
                "a block of length {length}, less than its own header"
            )));
        }
        // Other writers pad what they count differently; all pad what they write.
        let padded = u64::from(length).next_multiple_of(4);
        let is_read = matches!(
            kind,
            block::SECTION | block::INTERFACE | block::PACKET | block::SIMPLE | block::ENHANCED
        );
        if !is_read {
            return Err(Stop::Skip(padded));
        }
        if length > READ_MAX {
            return Err(Stop::Damaged(format!("a block of type {kind} and length {length}")));
        }
        let size = usize::try_from(padded).unwrap_or(usize::MAX);
        let Some(whole) = rest.get(..size) else { return Err(Stop::More(size)) };
        let body =
            Body { bytes: whole.get(8..whole.len() - 4).unwrap_or_default(), order, at: at + 8 };
        match kind {
            block::SECTION => self.interfaces.clear(),
            block::INTERFACE => self.interface(&body)?,
            _ => frames.push(self.packet(kind, &body)?),
        }
        Ok(at + size)
    }

    fn interface(&mut self, body: &Body<'_>) -> Result<(), Stop> {
        if self.interfaces.len() >= INTERFACES_MAX {
            return Err(Stop::Damaged(format!("more than {INTERFACES_MAX} interfaces")));
        }
        let number = body
            .u16(0)
            .ok_or_else(|| Stop::Damaged("an interface without link type".to_owned()))?;
        let mut interface = Interface {
            link: LinkType::of_number(u32::from(number)),
            snaplen: body.u32(4).unwrap_or(0),
            units_per_s: 1_000_000,
            offset_s: 0,
        };
        let mut at = 8;
        while let (Some(code), Some(length)) = (body.u16(at), body.u16(at + 2)) {
            let value = body.bytes.get(at + 4..at + 4 + usize::from(length)).unwrap_or_default();
            match (code, value) {
                (0, _) => break,
                (OPTION_TSRESOL, [resolution]) => interface.units_per_s = units(*resolution),
                (OPTION_TSOFFSET, value) if value.len() == 8 => {
                    let (high, low) = (body.u32(at + 4), body.u32(at + 8));
                    interface.offset_s = offset(body.order, high, low);
                }
                _ => {}
            }
            at += 4 + usize::from(length).next_multiple_of(4);
        }
        self.interfaces.push(interface);
        Ok(())
    }

    fn packet(&self, kind: u32, body: &Body<'_>) -> Result<FrameRef, Stop> {
        let short = || Stop::Damaged("a packet block shorter than its fields".to_owned());
        let number = match kind {
            block::ENHANCED => body.u32(0).ok_or_else(short)?,
            block::PACKET => u32::from(body.u16(0).ok_or_else(short)?),
            _ => 0,
        };
        let interface = usize::try_from(number).ok().and_then(|number| self.interfaces.get(number));
        let Some(interface) = interface else {
            return Err(Stop::Damaged(format!(
                "a packet of interface {number}, which no block describes"
            )));
        };
        let (data_at, units, captured, original) = if kind == block::SIMPLE {
            let original = body.u32(0).ok_or_else(short)?;
            let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
            let held = u32::try_from(body.bytes.len() - 4).unwrap_or(u32::MAX);
            (4, 0, original.min(limit).min(held), original)
        } else {
            let field = |at| body.u32(at).ok_or_else(short);
            let units = u64::from(field(4)?) << 32 | u64::from(field(8)?);
            (20, units, field(12)?, field(16)?)
        };
        let data = body.bytes.get(data_at..).ok_or_else(short)?;
        if captured as usize > data.len() {
            return Err(Stop::Damaged(format!(
                "a packet claims {captured} captured octets, its block holds {}",
                data.len()
            )));
        }
        Ok(FrameRef {
            ts_ns: nanoseconds(units, interface),
            offset: u32::try_from(body.at + data_at).unwrap_or(u32::MAX),
            captured,
            original,
            link: interface.link,
            lane: 0,
        })
    }
}

/// The inside of a block, and where it begins in the buffer.
struct Body<'a> {
    bytes: &'a [u8],
    order: Order,
    at: usize,
}

impl Body<'_> {
    fn u16(&self, at: usize) -> Option<u16> {
        self.order.u16(self.bytes, at)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.order.u32(self.bytes, at)
    }
}

/// `if_tsresol`: a negative power of ten, or of two where the highest bit is set.
fn units(resolution: u8) -> u64 {
    let exponent = u32::from(resolution & 0x7f);
    let units = if resolution & 0x80 == 0 {
        10u64.checked_pow(exponent)
    } else {
        1u64.checked_shl(exponent)
    };
    // Finer than 64 bits can count: the time of such a file is unknown, not an error.
    units.filter(|&units| units > 0).unwrap_or(u64::MAX)
}

fn offset(order: Order, first: Option<u32>, second: Option<u32>) -> i64 {
    let (first, second) = (u64::from(first.unwrap_or(0)), u64::from(second.unwrap_or(0)));
    match order {
        Order::Big => (first << 32 | second).cast_signed(),
        Order::Little => (second << 32 | first).cast_signed(),
    }
}

fn nanoseconds(units: u64, interface: &Interface) -> i64 {
    let ns = i128::from(units) * 1_000_000_000 / i128::from(interface.units_per_s)
        + i128::from(interface.offset_s) * 1_000_000_000;
    i64::try_from(ns.clamp(0, i128::from(i64::MAX / 2))).unwrap_or(0)
}

impl Format for Pcapng {
    fn walk(&mut self, bytes: &[u8], frames: &mut Vec<FrameRef>) -> Walked {
        let mut used = 0;
        loop {
            match self.block(bytes, used, frames) {
                Ok(next) => used = next,
                Err(stop) => return Walked { used, stop },
            }
        }
    }
}
