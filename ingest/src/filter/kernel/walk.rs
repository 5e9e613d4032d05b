//! The way to the IP header and its ports, as instructions: the same way, with the same bounds, as in `view.rs`.
//!
//! What is found is kept in the scratch memory of the program, where the questions look for it. Register X is where the walk stands. Nothing is loaded
//! from behind the end of the frame: the kernel would reject the frame at once, also where the filter says `not`.

use crate::filter::error::FilterError;
use crate::filter::kernel::assembler::{Assembler, Label, code};
use crate::filter::primitive::{EXTENSIONS_MAX, TAGS_MAX, number};
use crate::frame::LinkType;

/// Words of scratch memory; there are 16.
pub(crate) mod slot {
    use crate::filter::primitive::TAGS_MAX;

    pub(crate) const VERSION: u32 = 0;
    pub(crate) const IP_AT: u32 = 1;
    pub(crate) const PROTOCOL: u32 = 2;
    pub(crate) const SOURCE_PORT: u32 = 3;
    pub(crate) const TARGET_PORT: u32 = 4;
    /// 1 for ARP.
    pub(crate) const ARP: u32 = 5;
    pub(crate) const VLAN: [u32; TAGS_MAX] = [6, 7, 8, 9];
    pub(crate) const LABEL: [u32; TAGS_MAX] = [10, 11, 12, 13];
    /// Octets on the wire.
    pub(crate) const LENGTH: u32 = 14;
    pub(super) const SPARE: u32 = 15;
}

/// What is in a slot where nothing was found.
pub(crate) const NONE: u32 = u32::MAX;

/// Octets of an Ethernet header.
pub(crate) const ETHERNET_OCTETS: u32 = 14;

/// Data beside the frame (`SKF_AD_OFF` of `linux/filter.h`, a negative offset): the kernel takes the outer tag out of the bytes.
const BESIDE: u32 = 0xffff_f000;
const OUTER_TAG: u32 = BESIDE + 44;
const OUTER_TAG_PRESENT: u32 = BESIDE + 48;

/// Writes the walk; the program goes on behind it with all slots filled.
pub(crate) fn write(assembler: &mut Assembler, link: LinkType) -> Result<(), FilterError> {
    let end = assembler.label();
    clear(assembler);
    let mut walk = Walk { assembler, end };
    match link {
        LinkType::Ethernet => walk.ethernet(),
        LinkType::RawIp => {
            walk.assembler.plain(code::LOAD_X, 0);
            walk.ip();
        }
        _ => return Err(FilterError::Link),
    }
    assembler.place(end);
    Ok(())
}

fn clear(assembler: &mut Assembler) {
    assembler.plain(code::LOAD_LENGTH, 0);
    assembler.plain(code::STORE, slot::LENGTH);
    assembler.plain(code::LOAD, 0);
    for slot in [slot::VERSION, slot::IP_AT, slot::ARP] {
        assembler.plain(code::STORE, slot);
    }
    assembler.plain(code::LOAD, NONE);
    let numbers = [slot::PROTOCOL, slot::SOURCE_PORT, slot::TARGET_PORT];
    for slot in numbers.into_iter().chain(slot::VLAN).chain(slot::LABEL) {
        assembler.plain(code::STORE, slot);
    }
}

struct Walk<'a> {
    assembler: &'a mut Assembler,
    /// Where the walk ends, whatever it has found.
    end: Label,
}

impl Walk<'_> {
    /// Ends the walk where fewer octets than these are left.
    fn need(&mut self, octets: u32) {
        self.assembler.plain(code::LOAD_LENGTH, 0);
        self.assembler.unless(code::IF_AT_LEAST_X, 0, self.end);
        self.assembler.plain(code::SUBTRACT_X, 0);
        self.assembler.unless(code::IF_AT_LEAST, octets, self.end);
    }

    fn load(&mut self, code: u16, at: u32) {
        self.assembler.plain(code, at);
    }

    fn keep(&mut self, slot: u32) {
        self.assembler.plain(code::STORE, slot);
    }

    /// Moves on by a number of octets.
    fn skip(&mut self, octets: u32) {
        self.assembler.plain(code::X_TO_A, 0);
        self.assembler.plain(code::ADD, octets);
        self.assembler.plain(code::A_TO_X, 0);
    }

    /// Moves on by as many octets as A says.
    fn skip_counted(&mut self) {
        self.assembler.plain(code::ADD_X, 0);
        self.assembler.plain(code::A_TO_X, 0);
    }

    fn ethernet(&mut self) {
        // X stands behind the EtherType that was read last.
        self.load(code::LOAD_X, ETHERNET_OCTETS);
        self.load(code::LOAD_LENGTH, 0);
        self.assembler.unless(code::IF_AT_LEAST, ETHERNET_OCTETS, self.end);
        let levels: [Label; TAGS_MAX + 1] = std::array::from_fn(|_| self.assembler.label());
        let [_, second, ..] = levels;
        let in_bytes = self.assembler.label();
        self.load(code::LOAD_WORD_ABSOLUTE, OUTER_TAG_PRESENT);
        self.assembler.when(code::IF_EQUAL, 0, in_bytes);
        self.load(code::LOAD_WORD_ABSOLUTE, OUTER_TAG);
        self.assembler.plain(code::AND, 0x0fff);
        let [outer, ..] = slot::VLAN;
        self.keep(outer);
        self.load(code::LOAD_MEMORY, slot::LENGTH);
        self.assembler.plain(code::ADD, 4);
        self.keep(slot::LENGTH);
        self.load(code::LOAD_HALF_ABSOLUTE, 12);
        self.assembler.jump(second);
        self.assembler.place(in_bytes);
        self.load(code::LOAD_HALF_ABSOLUTE, 12);
        let untagged = self.assembler.label();
        for (level, slot) in levels.into_iter().zip(slot::VLAN) {
            self.assembler.place(level);
            self.tag(slot, untagged);
        }
        let [.., last] = levels;
        self.assembler.place(last);
        self.assembler.place(untagged);
        self.kind();
    }

    /// A tag, if the EtherType in A says so; the one behind it comes into A.
    fn tag(&mut self, slot: u32, untagged: Label) {
        let tag = self.assembler.label();
        for kind in number::VLAN {
            self.assembler.when(code::IF_EQUAL, u32::from(kind), tag);
        }
        self.assembler.jump(untagged);
        self.assembler.place(tag);
        self.need(4);
        self.load(code::LOAD_HALF_AT_X, 0);
        self.assembler.plain(code::AND, 0x0fff);
        self.keep(slot);
        self.load(code::LOAD_HALF_AT_X, 2);
        self.keep(slot::SPARE);
        self.skip(4);
        self.load(code::LOAD_MEMORY, slot::SPARE);
    }

    /// By the EtherType in A.
    fn kind(&mut self) {
        let [ip, arp, mpls] = std::array::from_fn(|_| self.assembler.label());
        for kind in [number::IPV4, number::IPV6] {
            self.assembler.when(code::IF_EQUAL, u32::from(kind), ip);
        }
        for kind in number::MPLS {
            self.assembler.when(code::IF_EQUAL, u32::from(kind), mpls);
        }
        for kind in [number::ARP, number::RARP] {
            self.assembler.when(code::IF_EQUAL, u32::from(kind), arp);
        }
        self.assembler.jump(self.end);
        self.assembler.place(arp);
        self.load(code::LOAD, 1);
        self.keep(slot::ARP);
        self.assembler.jump(self.end);
        self.assembler.place(mpls);
        for slot in slot::LABEL {
            self.need(4);
            self.load(code::LOAD_WORD_AT_X, 0);
            self.keep(slot::SPARE);
            self.assembler.plain(code::SHIFT_RIGHT, 12);
            self.keep(slot);
            self.skip(4);
            self.load(code::LOAD_MEMORY, slot::SPARE);
            self.assembler.when(code::IF_ANY_BIT, 0x100, ip);
        }
        self.assembler.jump(self.end);
        self.assembler.place(ip);
        self.ip();
    }

    fn ip(&mut self) {
        let [v4, v6, ports] = std::array::from_fn(|_| self.assembler.label());
        self.need(20);
        self.load(code::LOAD_BYTE_AT_X, 0);
        self.assembler.plain(code::SHIFT_RIGHT, 4);
        self.assembler.when(code::IF_EQUAL, 4, v4);
        self.assembler.when(code::IF_EQUAL, 6, v6);
        self.assembler.jump(self.end);
        self.assembler.place(v4);
        self.found(4, 9);
        self.load(code::LOAD_HALF_AT_X, 6);
        self.assembler.when(code::IF_ANY_BIT, 0x1fff, self.end);
        self.load(code::LOAD_BYTE_AT_X, 0);
        self.assembler.plain(code::AND, 0x0f);
        self.assembler.plain(code::SHIFT_LEFT, 2);
        self.assembler.unless(code::IF_AT_LEAST, 20, self.end);
        self.skip_counted();
        self.assembler.jump(ports);
        self.assembler.place(v6);
        self.need(40);
        self.found(6, 6);
        self.skip(40);
        for _ in 0..EXTENSIONS_MAX {
            self.extension(ports);
        }
        self.assembler.place(ports);
        self.ports();
    }

    /// An IP header stands at X, its protocol so far behind that.
    fn found(&mut self, version: u32, protocol_at: u32) {
        self.load(code::LOAD, version);
        self.keep(slot::VERSION);
        self.assembler.plain(code::STORE_X, slot::IP_AT);
        self.load(code::LOAD_BYTE_AT_X, protocol_at);
        self.keep(slot::PROTOCOL);
    }

    /// One extension header of IPv6, if there is one.
    fn extension(&mut self, ports: Label) {
        let [options, fragment, next] = std::array::from_fn(|_| self.assembler.label());
        self.load(code::LOAD_MEMORY, slot::PROTOCOL);
        for kind in number::OPTIONS {
            self.assembler.when(code::IF_EQUAL, u32::from(kind), options);
        }
        self.assembler.when(code::IF_EQUAL, u32::from(number::FRAGMENT), fragment);
        self.assembler.jump(ports);
        self.assembler.place(fragment);
        self.need(8);
        self.load(code::LOAD_BYTE_AT_X, 0);
        self.keep(slot::PROTOCOL);
        self.load(code::LOAD_HALF_AT_X, 2);
        self.assembler.when(code::IF_ANY_BIT, 0xfff8, self.end);
        self.skip(8);
        self.assembler.jump(next);
        self.assembler.place(options);
        self.need(8);
        self.load(code::LOAD_BYTE_AT_X, 0);
        self.keep(slot::PROTOCOL);
        self.load(code::LOAD_BYTE_AT_X, 1);
        self.assembler.plain(code::SHIFT_LEFT, 3);
        self.assembler.plain(code::ADD, 8);
        self.skip_counted();
        self.assembler.place(next);
    }

    fn ports(&mut self) {
        let has_ports = self.assembler.label();
        self.load(code::LOAD_MEMORY, slot::PROTOCOL);
        for kind in number::WITH_PORTS {
            self.assembler.when(code::IF_EQUAL, u32::from(kind), has_ports);
        }
        self.assembler.jump(self.end);
        self.assembler.place(has_ports);
        self.need(4);
        self.load(code::LOAD_HALF_AT_X, 0);
        self.keep(slot::SOURCE_PORT);
        self.load(code::LOAD_HALF_AT_X, 2);
        self.keep(slot::TARGET_PORT);
    }
}
