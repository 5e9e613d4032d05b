//! The program by which the kernel shares packets out over lanes: by the pair of hosts, alike in both directions.
//!
//! The kernel's own hash gives up at an MPLS label and takes ports into account where fragments have none. This program, classic BPF, looks at addresses
//! only. It runs with its data at the network layer and the outer VLAN tag already taken off; it walks on through tags, PPPoE and labels. What has no hosts
//! goes to the first lane, and so does what is cut off, for a load beyond the end makes the result 0.

use crate::source::live::Instruction;

/// VLAN tags walked behind the outermost.
const TAGS_MAX: usize = 2;
/// MPLS labels walked.
const LABELS_MAX: usize = 4;
/// Where the kernel keeps the `EtherType` (`SKF_AD_OFF` + `SKF_AD_PROTOCOL`).
const ETHERTYPE: u32 = 0xffff_f000;
/// Odd numbers with bits everywhere, to multiply by.
const MIXERS: [u32; 2] = [0x9e37_79b1, 0x85eb_ca77];

/// Slots of the scratch memory.
mod slot {
    pub(super) const HEADER: u32 = 0;
    pub(super) const VALUE: u32 = 1;
    pub(super) const SOURCE: u32 = 2;
}

mod ethertype {
    pub(super) const IPV4: u32 = 0x0800;
    pub(super) const IPV6: u32 = 0x86dd;
    pub(super) const TAGS: [u32; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];
    pub(super) const MPLS: [u32; 2] = [0x8847, 0x8848];
    pub(super) const PPPOE_SESSION: u32 = 0x8864;
}

/// PPP's numbers for IPv4 and IPv6 (RFC 1332, RFC 5072).
const PPP_IPV4: u32 = 0x0021;
const PPP_IPV6: u32 = 0x0057;

/// Codes of classic BPF (`linux/bpf_common.h`): class, size and mode, or class and operation.
mod code {
    pub(super) const LOAD: u16 = 0x20;
    pub(super) const LOAD_WORD_AT_X: u16 = 0x40;
    pub(super) const LOAD_HALF_AT_X: u16 = 0x48;
    pub(super) const LOAD_BYTE_AT_X: u16 = 0x50;
    pub(super) const LOAD_SLOT: u16 = 0x60;
    pub(super) const LOAD_X: u16 = 0x01;
    pub(super) const LOAD_X_SLOT: u16 = 0x61;
    pub(super) const STORE: u16 = 0x02;
    pub(super) const STORE_X: u16 = 0x03;
    pub(super) const ADD: u16 = 0x04;
    pub(super) const ADD_X: u16 = 0x0c;
    pub(super) const MULTIPLY: u16 = 0x24;
    pub(super) const AND: u16 = 0x54;
    pub(super) const SHIFT_RIGHT: u16 = 0x74;
    pub(super) const XOR_X: u16 = 0xac;
    pub(super) const JUMP: u16 = 0x05;
    pub(super) const JUMP_EQUAL: u16 = 0x15;
    pub(super) const RETURN: u16 = 0x06;
    pub(super) const RETURN_A: u16 = 0x16;
    pub(super) const A_TO_X: u16 = 0x07;
    pub(super) const X_TO_A: u16 = 0x87;
}

/// A place to jump to, further on.
#[derive(Clone, Copy)]
struct Label(usize);

/// A program while it is written: jumps to labels are filled in at the end.
#[derive(Default)]
struct Draft {
    steps: Vec<Instruction>,
    places: Vec<usize>,
    jumps: Vec<(usize, Label)>,
}

impl Draft {
    fn push(&mut self, code: u16, k: u32) {
        self.steps.push(Instruction { code, jt: 0, jf: 0, k });
    }

    fn label(&mut self) -> Label {
        self.places.push(0);
        Label(self.places.len() - 1)
    }

    /// The label stands here.
    fn place(&mut self, label: Label) {
        if let Some(place) = self.places.get_mut(label.0) {
            *place = self.steps.len();
        }
    }

    fn go(&mut self, label: Label) {
        self.jumps.push((self.steps.len(), label));
        self.push(code::JUMP, 0);
    }

    fn go_if(&mut self, value: u32, label: Label) {
        // Over the jump when it is something else: a conditional jump reaches 255 steps, this one any.
        self.steps.push(Instruction { code: code::JUMP_EQUAL, jt: 0, jf: 1, k: value });
        self.go(label);
    }

    /// Moves the header on by `octets`, and keeps A.
    fn advance(&mut self, octets: u32) {
        self.push(code::STORE, slot::VALUE);
        self.push(code::X_TO_A, 0);
        self.push(code::ADD, octets);
        self.push(code::A_TO_X, 0);
        self.push(code::LOAD_SLOT, slot::VALUE);
    }

    /// Spreads what is in A over all its bits.
    fn mix(&mut self, factor: u32, shift: u32) {
        self.push(code::MULTIPLY, factor);
        self.push(code::A_TO_X, 0);
        self.push(code::SHIFT_RIGHT, shift);
        self.push(code::XOR_X, 0);
    }

    /// Hash of the address of `words` words at `at` in the header.
    fn address(&mut self, at: u32, words: u32) {
        self.push(code::LOAD_X_SLOT, slot::HEADER);
        self.push(code::LOAD_WORD_AT_X, at);
        self.mix(MIXERS[0], 15);
        for word in 1..words {
            self.push(code::STORE, slot::VALUE);
            self.push(code::LOAD_X_SLOT, slot::HEADER);
            self.push(code::LOAD_WORD_AT_X, at + 4 * word);
            self.push(code::LOAD_X_SLOT, slot::VALUE);
            self.push(code::XOR_X, 0);
            self.mix(MIXERS[0], 15);
        }
    }

    /// Ends with the hash of a pair of addresses: a sum, which does not know who sent.
    fn pair(&mut self, at: u32, words: u32) {
        self.push(code::STORE_X, slot::HEADER);
        self.address(at, words);
        self.push(code::STORE, slot::SOURCE);
        self.address(at + 4 * words, words);
        self.push(code::LOAD_X_SLOT, slot::SOURCE);
        self.push(code::ADD_X, 0);
        self.mix(MIXERS[1], 16);
        self.push(code::RETURN_A, 0);
    }

    fn finish(mut self) -> Vec<Instruction> {
        for (at, label) in self.jumps {
            let place = self.places.get(label.0).copied().unwrap_or_default();
            if let Some(jump) = self.steps.get_mut(at) {
                jump.k = u32::try_from(place.saturating_sub(at + 1)).unwrap_or_default();
            }
        }
        self.steps
    }
}

/// The program; its result modulo the number of lanes is the lane.
pub(crate) fn hosts() -> Vec<Instruction> {
    let mut draft = Draft::default();
    let [tags_end, ipv4, ipv6, pppoe, mpls, label_end, nobody] = [(); 7].map(|()| draft.label());
    draft.push(code::LOAD_X, 0);
    draft.push(code::LOAD, ETHERTYPE);
    for _ in 0..TAGS_MAX {
        let tag = draft.label();
        for number in ethertype::TAGS {
            draft.go_if(number, tag);
        }
        draft.go(tags_end);
        draft.place(tag);
        draft.push(code::LOAD_HALF_AT_X, 2);
        draft.advance(4);
    }
    draft.place(tags_end);
    draft.go_if(ethertype::IPV4, ipv4);
    draft.go_if(ethertype::IPV6, ipv6);
    draft.go_if(ethertype::PPPOE_SESSION, pppoe);
    for number in ethertype::MPLS {
        draft.go_if(number, mpls);
    }
    draft.go(nobody);

    draft.place(pppoe);
    draft.push(code::LOAD_HALF_AT_X, 6);
    draft.advance(8);
    draft.go_if(PPP_IPV4, ipv4);
    draft.go_if(PPP_IPV6, ipv6);
    draft.go(nobody);

    draft.place(mpls);
    for _ in 0..LABELS_MAX {
        // The bit that says it is the last label (RFC 3032 section 2.1).
        draft.push(code::LOAD_BYTE_AT_X, 2);
        draft.push(code::AND, 1);
        draft.advance(4);
        draft.go_if(1, label_end);
    }
    draft.go(nobody);
    draft.place(label_end);
    draft.push(code::LOAD_BYTE_AT_X, 0);
    draft.push(code::AND, 0xf0);
    draft.go_if(0x40, ipv4);
    draft.go_if(0x60, ipv6);
    draft.go(nobody);

    draft.place(ipv4);
    draft.pair(12, 1);
    draft.place(ipv6);
    draft.pair(8, 4);
    draft.place(nobody);
    draft.push(code::RETURN, 0);
    draft.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would make of the program; a load beyond the end gives 0.
    fn run(program: &[Instruction], ethertype: u16, data: &[u8]) -> u32 {
        let (mut a, mut x, mut slots, mut at) = (0_u32, 0_u32, [0_u32; 16], 0);
        let load = |at: u32, octets: usize| {
            let bytes = data.get(at as usize..at as usize + octets)?;
            Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
        };
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            let loaded = match code {
                code::LOAD => Some(u32::from(ethertype)),
                code::LOAD_WORD_AT_X => load(x + k, 4),
                code::LOAD_HALF_AT_X => load(x + k, 2),
                code::LOAD_BYTE_AT_X => load(x + k, 1),
                _ => Some(a),
            };
            let Some(loaded) = loaded else { return 0 };
            a = loaded;
            match code {
                code::LOAD_SLOT => a = slots[k as usize],
                code::LOAD_X => x = k,
                code::LOAD_X_SLOT => x = slots[k as usize],
                code::STORE => slots[k as usize] = a,
                code::STORE_X => slots[k as usize] = x,
                code::ADD => a = a.wrapping_add(k),
                code::ADD_X => a = a.wrapping_add(x),
                code::MULTIPLY => a = a.wrapping_mul(k),
                code::AND => a &= k,
                code::SHIFT_RIGHT => a >>= k,
                code::XOR_X => a ^= x,
                code::JUMP => at += k as usize,
                code::JUMP_EQUAL => at += usize::from(if a == k { jt } else { jf }),
                code::RETURN => return k,
                code::RETURN_A => return a,
                code::A_TO_X => x = a,
                code::X_TO_A => a = x,
                _ => {}
            }
        }
    }

    fn ipv4(from: u32, to: u32) -> Vec<u8> {
        let mut header = vec![0x45; 12];
        header.extend(from.to_be_bytes());
        header.extend(to.to_be_bytes());
        header
    }

    fn ipv6(from: u128, to: u128) -> Vec<u8> {
        let mut header = vec![0x60; 8];
        header.extend(from.to_be_bytes());
        header.extend(to.to_be_bytes());
        header
    }

    #[test]
    fn both_directions_meet_behind_every_wrapping() {
        let program = hosts();
        let (here, there) = (ipv4(0x0a00_0001, 0xc633_6407), ipv4(0xc633_6407, 0x0a00_0001));
        let plain = run(&program, 0x0800, &here);
        assert_ne!(plain, 0);
        let wrapped = |kind: u16, before: &[u8], packet: &[u8]| {
            run(&program, kind, &[before, packet].concat())
        };
        let tag = [0x01, 0x23, 0x08, 0x00];
        let tags = [0x01, 0x23, 0x81, 0x00, 0x00, 0x07, 0x08, 0x00];
        let labels = [0, 1, 0, 9, 0, 2, 0, 9, 0, 3, 0, 9, 0, 4, 1, 9];
        let tagged_label = [0x00, 0x05, 0x88, 0x47, 0, 1, 1, 64];
        let session = [0x11, 0, 0, 9, 0, 22, 0x00, 0x21];
        for (kind, before) in [
            (0x0800, &[][..]),
            (0x8100, &tag),
            (0x9100, &tags),
            (0x8847, &labels),
            (0x8848, &labels[12..]),
            (0x8100, &tagged_label),
            (0x8864, &session),
        ] {
            assert_eq!(wrapped(kind, before, &here), plain, "{kind:04x} {before:?}");
            assert_eq!(wrapped(kind, before, &there), plain, "{kind:04x} {before:?}");
        }
        let (here, there) = (ipv6(1 << 125 | 1, 2 << 125 | 9), ipv6(2 << 125 | 9, 1 << 125 | 1));
        assert_eq!(run(&program, 0x86dd, &here), run(&program, 0x86dd, &there));
        assert_eq!(wrapped(0x8847, &labels, &here), run(&program, 0x86dd, &there));
    }

    #[test]
    fn what_has_no_hosts_goes_to_the_first_lane() {
        let program = hosts();
        let packet = ipv4(1, 2);
        let five = [0; 20];
        for (kind, data) in [
            (0x0806, packet.clone()),
            (0x0800, packet[..19].to_vec()),
            (0x8100, vec![0]),
            (0x8847, [&five[..], &packet].concat()),
            (0x8864, [&[0; 6][..], &[0xc0, 0x21], &packet].concat()),
        ] {
            assert_eq!(run(&program, kind, &data), 0, "{kind:04x}");
        }
    }

    /// The fullest lane has at most a fifth more than its share.
    fn assert_even(hashes: impl Iterator<Item = u32>, what: &str) {
        let hashes: Vec<u32> = hashes.collect();
        for lanes in [2, 3, 4, 7, 8] {
            let mut count = vec![0; lanes];
            for hash in &hashes {
                count[*hash as usize % lanes] += 1;
            }
            let fair = hashes.len() / lanes;
            let bounds = fair * 4 / 5..=fair * 6 / 5;
            assert!(count.iter().all(|got| bounds.contains(got)), "{what}: {count:?}");
        }
    }

    #[test]
    fn neighbours_spread() {
        let program = hosts();
        let v4 = |from, to| run(&program, 0x0800, &ipv4(from, to));
        let v6 = |from, to| run(&program, 0x86dd, &ipv6(from, to));
        let net = 0x2001_0db8_u128 << 96;
        let other = 0x2a00_1450_u128 << 96;
        assert_even((0..4096).map(|n| v4(0x0a00_0000 + n, 0xc633_6401)), "one server");
        assert_even((0..4096).map(|n| v4(0x0a00_0000 + n, 0x0a01_0000 + n)), "twins");
        assert_even((0..4096).map(|n| v4(0x0a00_0000 + (n << 8), 0xc633_6401)), "gateways");
        assert_even((0..4096).map(|n| v4(0x0a00_0000 + (n & 63), 0xac10_0000 + (n >> 6))), "mesh");
        assert_even((0..4096).map(|n| v6(net + n, other)), "one server, IPv6");
        assert_even((0..4096).map(|n| v6(net + n, net + n + 4096)), "twins, IPv6");
        assert_even((0..4096).map(|n| v6(net + (n << 64), other + 1)), "subnets, IPv6");
    }

    #[test]
    fn the_kernel_takes_programs_of_this_length() {
        assert!(hosts().len() < 4096, "{}", hosts().len());
    }
}
