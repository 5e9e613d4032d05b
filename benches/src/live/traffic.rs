//! What is sent: the same frames on every run.

use ingest::source::synthetic::Plan;

/// Octets of a frame without its check sequence, seven, four and one of twelve: the simple mix that stands for a network's.
const SIZES: [usize; 12] = [64, 594, 64, 64, 594, 64, 1500, 64, 594, 64, 594, 64];
/// Frames in a mix at least, so that a short list does not stay in the processor's cache.
const FRAMES_MIN: usize = 48_000;
/// Largest frame that the wire takes.
const FRAME_MAX: usize = 9_000;
/// Smallest frame that is played with a VLAN tag.
const TAGGED_MIN: usize = 34;
const ETHERNET: usize = 14;
const IPV4: usize = 20;
const TCP: u8 = 6;
const UDP: u8 = 17;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// One packet of a flow.
struct Packet {
    hosts: [u32; 2],
    ports: [u16; 2],
    protocol: u8,
    tcp_flags: u8,
    frame_bytes: usize,
}

fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => 0,
    });
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(u16::MAX)
}

impl Packet {
    fn frame(&self) -> Vec<u8> {
        let total = u16::try_from(self.frame_bytes - ETHERNET).unwrap_or(u16::MAX);
        let mut ip = vec![0x45, 0];
        ip.extend(total.to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, self.protocol, 0, 0]);
        ip.extend(self.hosts.iter().flat_map(|host| host.to_be_bytes()));
        let sum = checksum(&ip).to_be_bytes();
        ip.splice(10..12, sum);
        let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
        frame.extend(ip);
        frame.extend(self.ports.iter().flat_map(|port| port.to_be_bytes()));
        if self.protocol == TCP {
            frame.extend([0, 0, 0, 1, 0, 0, 0, 1, 0x50, self.tcp_flags, 0x10, 0, 0, 0, 0, 0]);
        } else {
            let length = total.saturating_sub(u16::try_from(IPV4).unwrap_or_default());
            frame.extend(length.to_be_bytes());
            frame.extend([0, 0]);
        }
        frame.resize(self.frame_bytes, 0x5a);
        frame
    }
}

/// A mix of `flows` conversations of TCP and UDP, in both directions, each with the same share of the packets.
pub(crate) fn mix(flows: u32) -> Vec<Vec<u8>> {
    let flows = usize::try_from(flows).unwrap_or(1).max(1);
    let rounds = FRAMES_MIN.div_ceil(flows).max(2);
    let packet = |number: usize| {
        let (flow, round) = (u32::try_from(number % flows).unwrap_or(0), number / flows);
        let mut hosts = [0x0a00_0000 + flow, 0xc633_6400 + flow % 251];
        let mut ports = [1024 + u16::try_from(flow % 60_000).unwrap_or(0), 443];
        if round % 2 == 1 {
            hosts.reverse();
            ports.reverse();
        }
        Packet {
            hosts,
            ports,
            protocol: if flow % 2 == 0 { TCP } else { UDP },
            tcp_flags: ACK,
            // Sizes go round by another step than flows, so that a flow has all of them.
            frame_bytes: SIZES.get((number + round) % SIZES.len()).copied().unwrap_or(64),
        }
        .frame()
    };
    (0..flows * rounds).map(packet).collect()
}

/// First packets of connections that nobody asked for: another five-tuple each.
pub(crate) fn flood(count: u64) -> Vec<Vec<u8>> {
    let packet = |number: u64| {
        // A step of a generator with an odd factor does not repeat itself.
        let mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let host = u32::try_from(mixed >> 32).unwrap_or_default();
        let port = u16::try_from(mixed >> 16 & 0xffff).unwrap_or_default();
        Packet {
            hosts: [host | 0x0100_0000, 0x0a00_0001],
            ports: [port, 80],
            protocol: TCP,
            tcp_flags: SYN,
            frame_bytes: 60,
        }
        .frame()
    };
    (0..count).map(packet).collect()
}

/// The frames of a planned day that a wire can carry.
pub(crate) fn day(seed: u64) -> Vec<Vec<u8>> {
    let frames = Plan::national_day(seed).frames().map(|frame| frame.bytes).collect::<Vec<_>>();
    frames.into_iter().filter(|frame| (ETHERNET..=FRAME_MAX).contains(&frame.len())).collect()
}

/// The same frames in a VLAN.
pub(crate) fn tagged(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let long = frames.iter().filter(|frame| (TAGGED_MIN..FRAME_MAX - 4).contains(&frame.len()));
    long.map(|frame| {
        let (hosts, rest) = frame.split_at(12);
        [hosts, &[0x81, 0, 0, 30], rest].concat()
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_mix_has_its_flows_and_its_sizes() {
        let frames = mix(1_000);
        assert_eq!(frames.len(), 48_000);
        assert_eq!(frames, mix(1_000));
        let mut sizes = [0; 3];
        let mut flows = BTreeSet::new();
        for frame in &frames {
            sizes[[64, 594, 1500].iter().position(|size| *size == frame.len()).unwrap()] += 1;
            let mut ends = [(&frame[26..30], &frame[34..36]), (&frame[30..34], &frame[36..38])];
            ends.sort_unstable();
            flows.insert((frame[23], ends));
            assert_eq!(checksum(&frame[14..34]), 0);
        }
        assert_eq!((sizes, flows.len()), ([28_000, 16_000, 4_000], 1_000));
        assert_eq!(mix(100_000).len(), 200_000);
    }

    #[test]
    fn a_flood_repeats_nothing() {
        let tuples: BTreeSet<_> =
            flood(50_000).iter().map(|frame| frame[26..38].to_vec()).collect();
        assert!(tuples.len() > 49_900, "{}", tuples.len());
    }

    #[test]
    fn a_day_fits_the_wire_with_and_without_a_tag() {
        let day = day(7);
        let tagged = tagged(&day);
        assert!(day.len() > 1_000 && tagged.len() > day.len() / 2);
        assert!(tagged.iter().all(|frame| frame[12..14] == [0x81, 0] && frame.len() <= FRAME_MAX));
    }
}
