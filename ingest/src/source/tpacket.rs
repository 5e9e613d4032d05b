//! What lies in a block of a `TPACKET_V3` ring: a chain of headers, each with its frame (the kernel's documentation, `networking/packet_mmap`).
//!
//! Nothing that is read is trusted: an offset that leads out of the block makes an empty frame, so that the number of frames is always the one the block
//! names, and the ledger tells of it. The VLAN tag that the kernel took out of the frame is put back here, and nowhere else.

use std::sync::atomic::{AtomicU32, Ordering};

use libc::{TP_STATUS_VLAN_TPID_VALID, TP_STATUS_VLAN_VALID, tpacket3_hdr};

use crate::block::FrameRef;
use crate::frame::LinkType;
use crate::source::interface::LINK_MAX;

/// The frame is TCP segments that were merged (`linux/if_packet.h`).
const TP_STATUS_GSO_TCP: u32 = 1 << 8;
/// Octets of a tag; the ring leaves this room before each frame.
pub(crate) const TAG: usize = 4;
/// Destination and source: what stands before the tag.
const ADDRESSES: usize = 12;
/// The tag's own type where the kernel names none (IEEE 802.1Q).
const CUSTOMER_TAG: u16 = 0x8100;
const HEADER: usize = size_of::<tpacket3_hdr>();

mod at {
    use std::mem::offset_of;

    use libc::{tpacket_block_desc, tpacket_hdr_v1, tpacket_hdr_variant1, tpacket3_hdr};

    const BLOCK: usize = offset_of!(tpacket_block_desc, hdr);
    pub(super) const COUNT: usize = BLOCK + offset_of!(tpacket_hdr_v1, num_pkts);
    pub(super) const FIRST: usize = BLOCK + offset_of!(tpacket_hdr_v1, offset_to_first_pkt);
    pub(super) const NEXT: usize = offset_of!(tpacket3_hdr, tp_next_offset);
    pub(super) const SECONDS: usize = offset_of!(tpacket3_hdr, tp_sec);
    pub(super) const NANOSECONDS: usize = offset_of!(tpacket3_hdr, tp_nsec);
    pub(super) const CAPTURED: usize = offset_of!(tpacket3_hdr, tp_snaplen);
    pub(super) const LENGTH: usize = offset_of!(tpacket3_hdr, tp_len);
    pub(super) const STATUS: usize = offset_of!(tpacket3_hdr, tp_status);
    pub(super) const MAC: usize = offset_of!(tpacket3_hdr, tp_mac);
    const VARIANT: usize = offset_of!(tpacket3_hdr, hv1);
    pub(super) const TCI: usize = VARIANT + offset_of!(tpacket_hdr_variant1, tp_vlan_tci);
    pub(super) const TPID: usize = VARIANT + offset_of!(tpacket_hdr_variant1, tp_vlan_tpid);
}

/// What a walk has to know of the interface.
#[derive(Debug)]
pub(crate) struct Interface {
    /// What its frames begin with.
    pub(crate) link: LinkType,
    /// Its largest packet, octets; can change while it is read.
    pub(crate) mtu: AtomicU32,
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// Frames in a block: what it says, and never more than it has room for.
pub(crate) fn packets(block: &[u8]) -> u64 {
    let said = word(block, at::COUNT).unwrap_or_default();
    u64::from(said).min((block.len() / HEADER) as u64)
}

/// A header of the chain.
struct Header {
    next: u32,
    ts_ns: i64,
    captured: u32,
    original: u32,
    status: u32,
    mac: u16,
    tci: u32,
    tpid: u16,
}

impl Header {
    fn read(block: &[u8], at: usize) -> Option<Self> {
        let header: &[u8; HEADER] = block.get(at..)?.first_chunk()?;
        let seconds = i64::from(word(header, at::SECONDS)?);
        Some(Self {
            next: word(header, at::NEXT)?,
            ts_ns: seconds * 1_000_000_000 + i64::from(word(header, at::NANOSECONDS)?),
            captured: word(header, at::CAPTURED)?,
            original: word(header, at::LENGTH)?,
            status: word(header, at::STATUS)?,
            mac: half(header, at::MAC)?,
            tci: word(header, at::TCI)?,
            tpid: half(header, at::TPID)?,
        })
    }

    /// The frame, which the header at `at` says lies so in the block.
    fn frame(&self, block: &mut [u8], at: usize, link: LinkType) -> FrameRef {
        let lost = FrameRef { original: self.original, ..lost(self.ts_ns, link) };
        let Some(mut start) = at.checked_add(usize::from(self.mac)) else { return lost };
        let mut length = self.captured as usize;
        let (mut captured, mut original) = (self.captured, self.original);
        if start.checked_add(length).is_none_or(|end| end > block.len()) {
            return lost;
        }
        let has_room = usize::from(self.mac) >= HEADER + TAG && length >= ADDRESSES;
        if self.status & TP_STATUS_VLAN_VALID != 0 && link == LinkType::Ethernet && has_room {
            start -= TAG;
            length += TAG;
            captured += 4;
            original = original.saturating_add(4);
            if let Some(frame) = block.get_mut(start..start + length) {
                self.put_tag(frame);
            }
        }
        FrameRef { offset: u32::try_from(start).unwrap_or(0), captured, original, ..lost }
    }

    /// Puts the tag where it was on the wire; the frame begins with the room for it.
    fn put_tag(&self, frame: &mut [u8]) {
        let known = self.status & TP_STATUS_VLAN_TPID_VALID != 0;
        let tpid = if known { self.tpid } else { CUSTOMER_TAG };
        let [_, _, high, low] = self.tci.to_be_bytes();
        let [first, second] = tpid.to_be_bytes();
        frame.copy_within(TAG..TAG + ADDRESSES, 0);
        if let Some(tag) = frame.get_mut(ADDRESSES..ADDRESSES + TAG) {
            tag.copy_from_slice(&[first, second, high, low]);
        }
    }
}

/// A frame that was counted and cannot be found: empty, which is counted as truncated.
const fn lost(ts_ns: i64, link: LinkType) -> FrameRef {
    FrameRef { ts_ns, offset: 0, captured: 0, original: 0, link, lane: 0 }
}

/// Finds all frames of a block, as many as [`packets`] says, and gives how many were longer than the interface can carry.
pub(crate) fn walk(
    block: &mut [u8],
    interface: &Interface,
    lane: u8,
    frames: &mut Vec<FrameRef>,
) -> u64 {
    let link = interface.link;
    let longest = interface.mtu.load(Ordering::Relaxed).saturating_add(LINK_MAX);
    let mut super_frames = 0;
    let mut ts_ns = 0;
    let mut place = word(block, at::FIRST).map(|first| first as usize);
    for _ in 0..packets(block) {
        let header = place.and_then(|at| Some((at, Header::read(block, at)?)));
        let Some((at, header)) = header else {
            place = None;
            frames.push(FrameRef { lane, ..lost(ts_ns, link) });
            continue;
        };
        ts_ns = header.ts_ns;
        let frame = header.frame(block, at, link);
        super_frames +=
            u64::from(header.status & TP_STATUS_GSO_TCP != 0 || frame.original > longest);
        frames.push(FrameRef { lane, ..frame });
        // Headers do not overlap; the last one names no next.
        let step = usize::try_from(header.next).ok().filter(|step| *step >= HEADER);
        place = step.and_then(|step| at.checked_add(step));
    }
    super_frames
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAC: u16 = 96;

    fn put(block: &mut [u8], at: usize, value: &[u8]) {
        block[at..at + value.len()].copy_from_slice(value);
    }

    /// A block with frames and their status words.
    fn block_of(frames: &[(&[u8], u32)]) -> Vec<u8> {
        let mut block = vec![0; 4096];
        put(&mut block, at::COUNT, &u32::try_from(frames.len()).unwrap().to_ne_bytes());
        put(&mut block, at::FIRST, &48_u32.to_ne_bytes());
        let mut here = 48;
        for (number, (frame, status)) in (1_u32..).zip(frames) {
            let step = (usize::from(MAC) + frame.len()).next_multiple_of(16);
            let length = u32::try_from(frame.len()).unwrap().to_ne_bytes();
            put(&mut block, here + at::NEXT, &u32::try_from(step).unwrap().to_ne_bytes());
            put(&mut block, here + at::SECONDS, &number.to_ne_bytes());
            put(&mut block, here + at::NANOSECONDS, &7_u32.to_ne_bytes());
            put(&mut block, here + at::CAPTURED, &length);
            put(&mut block, here + at::LENGTH, &length);
            put(&mut block, here + at::STATUS, &status.to_ne_bytes());
            put(&mut block, here + at::MAC, &MAC.to_ne_bytes());
            put(&mut block, here + at::TCI, &0x2345_u32.to_ne_bytes());
            put(&mut block, here + at::TPID, &0x88a8_u16.to_ne_bytes());
            put(&mut block, here + usize::from(MAC), frame);
            here += step;
        }
        block
    }

    fn ethernet(mtu: u32) -> Interface {
        Interface { link: LinkType::Ethernet, mtu: AtomicU32::new(mtu) }
    }

    fn walked(block: &mut [u8], interface: &Interface) -> (Vec<FrameRef>, u64) {
        let mut frames = Vec::new();
        let super_frames = walk(block, interface, 3, &mut frames);
        (frames, super_frames)
    }

    #[test]
    fn a_tag_goes_back_where_it_was() {
        let frame = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 8, 0, 0x45];
        let both = TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID;
        let mut block = block_of(&[(&frame, 0), (&frame, both), (&frame, TP_STATUS_VLAN_VALID)]);
        let (frames, _) = walked(&mut block, &ethernet(1500));
        let bytes: Vec<Vec<u8>> = frames.iter().map(|at| at.frame(&block).bytes.to_vec()).collect();
        let tagged = |tag: [u8; 4]| [&frame[..12], &tag[..], &frame[12..]].concat();
        assert_eq!(bytes[0], frame);
        assert_eq!(bytes[1], tagged([0x88, 0xa8, 0x23, 0x45]));
        assert_eq!(bytes[2], tagged([0x81, 0x00, 0x23, 0x45]));
        let lengths: Vec<u32> = frames.iter().map(|at| at.original).collect();
        assert_eq!(lengths, [15, 19, 19]);
        assert!(frames.iter().all(|at| at.lane == 3));
        assert_eq!(frames[1].ts_ns, 2_000_000_007);
    }

    #[test]
    fn a_frame_without_addresses_gets_no_tag() {
        let tagged = TP_STATUS_VLAN_VALID;
        let mut block = block_of(&[(&[0x45; 20], tagged)]);
        let raw = Interface { link: LinkType::RawIp, mtu: AtomicU32::new(1500) };
        let (frames, _) = walked(&mut block, &raw);
        assert_eq!(frames[0].frame(&block).bytes, [0x45; 20]);
        let mut block = block_of(&[(&[1; 11], tagged)]);
        let (frames, _) = walked(&mut block, &ethernet(1500));
        assert_eq!(frames[0].frame(&block).bytes, [1; 11]);
    }

    #[test]
    fn what_no_wire_carries_is_a_super_frame() {
        let long = [0; 1523];
        let mut block = block_of(&[(&long[..1522], 0), (&long, 0), (&[0; 60], TP_STATUS_GSO_TCP)]);
        assert_eq!(walked(&mut block, &ethernet(1500)).1, 2);
        let mut block = block_of(&[(&long, 0)]);
        assert_eq!(walked(&mut block, &ethernet(9000)).1, 0);
    }

    #[test]
    fn a_broken_chain_still_makes_as_many_frames() {
        let mut block = block_of(&[(&[1; 60], 0), (&[2; 60], 0), (&[3; 60], 0)]);
        put(&mut block, 48 + at::NEXT, &u32::MAX.to_ne_bytes());
        let (frames, _) = walked(&mut block, &ethernet(1500));
        let captured: Vec<u32> = frames.iter().map(|at| at.captured).collect();
        assert_eq!(captured, [60, 0, 0]);
        let mut block = block_of(&[(&[1; 60], 0)]);
        put(&mut block, 48 + at::CAPTURED, &u32::MAX.to_ne_bytes());
        let (frames, _) = walked(&mut block, &ethernet(1500));
        assert_eq!((frames[0].captured, frames[0].original), (0, 60));
    }

    proptest! {
        #[test]
        fn arbitrary_blocks_stay_within_themselves(
            mut block in prop::collection::vec(any::<u8>(), 0..600),
            count in 0_u32..20,
            first in 0_u32..64,
        ) {
            for (at, value) in [(at::COUNT, count), (at::FIRST, first)] {
                if let Some(slot) = block.get_mut(at..at + 4) {
                    slot.copy_from_slice(&value.to_ne_bytes());
                }
            }
            let expected = packets(&block);
            let (frames, _) = walked(&mut block, &ethernet(1500));
            prop_assert_eq!(frames.len() as u64, expected);
            for at in frames {
                prop_assert_eq!(at.frame(&block).bytes.len(), at.captured as usize);
            }
        }
    }
}
