//! The questions of a filter as instructions, asked of what the walk has left in the scratch memory.

use crate::filter::kernel::assembler::{Assembler, Ways, code};
use crate::filter::kernel::walk::{ETHERNET_OCTETS, NONE, slot};
use crate::filter::primitive::{Ends, Network, Primitive, Side};

/// Writes a question; the program goes on at one of the ways.
pub(crate) fn write(assembler: &mut Assembler, asked: &Primitive, ways: Ways) {
    match *asked {
        Primitive::Version(version) => equals(assembler, slot::VERSION, u32::from(version), ways),
        Primitive::Arp => equals(assembler, slot::ARP, 1, ways),
        Primitive::Protocol { version, number } => {
            if let Some(version) = version {
                assembler.plain(code::LOAD_MEMORY, slot::VERSION);
                assembler.unless(code::IF_EQUAL, u32::from(version), ways.no);
            }
            equals(assembler, slot::PROTOCOL, u32::from(number), ways);
        }
        Primitive::Address { ends, network } => address(assembler, ends, network, ways),
        Primitive::Port { ends, protocol, first, last } => {
            if let Some(protocol) = protocol {
                assembler.plain(code::LOAD_MEMORY, slot::PROTOCOL);
                assembler.unless(code::IF_EQUAL, u32::from(protocol), ways.no);
            }
            port(assembler, ends, (first, last), ways);
        }
        Primitive::Mac { ends, mac } => hardware(assembler, ends, mac, ways),
        Primitive::Vlan(id) => one_of(assembler, slot::VLAN, id.map(u32::from), ways),
        Primitive::Label(label) => one_of(assembler, slot::LABEL, label, ways),
        Primitive::AtMost(octets) => {
            assembler.plain(code::LOAD_MEMORY, slot::LENGTH);
            assembler.branch(code::IF_GREATER, octets, Ways { yes: ways.no, no: ways.yes });
        }
        Primitive::AtLeast(octets) => {
            assembler.plain(code::LOAD_MEMORY, slot::LENGTH);
            assembler.branch(code::IF_AT_LEAST, octets, ways);
        }
    }
}

fn equals(assembler: &mut Assembler, slot: u32, value: u32, ways: Ways) {
    assembler.plain(code::LOAD_MEMORY, slot);
    assembler.branch(code::IF_EQUAL, value, ways);
}

/// Any tag or label at all, or this one among those there are.
fn one_of(assembler: &mut Assembler, slots: [u32; 4], value: Option<u32>, ways: Ways) {
    let Some(value) = value else {
        let [outermost, ..] = slots;
        return equals(assembler, outermost, NONE, Ways { yes: ways.no, no: ways.yes });
    };
    for slot in slots {
        assembler.plain(code::LOAD_MEMORY, slot);
        assembler.when(code::IF_EQUAL, value, ways.yes);
    }
    assembler.jump(ways.no);
}

/// Asks one end after the other, as many as it takes.
fn of_ends(
    assembler: &mut Assembler,
    ends: Ends,
    ways: Ways,
    ask: impl Fn(&mut Assembler, Side, Ways),
) {
    let other = assembler.label();
    match ends {
        Ends::Source => return ask(assembler, Side::Source, ways),
        Ends::Target => return ask(assembler, Side::Target, ways),
        Ends::Either => ask(assembler, Side::Source, Ways { no: other, ..ways }),
        Ends::Both => ask(assembler, Side::Source, Ways { yes: other, ..ways }),
    }
    assembler.place(other);
    ask(assembler, Side::Target, ways);
}

fn port(assembler: &mut Assembler, ends: Ends, (first, last): (u16, u16), ways: Ways) {
    of_ends(assembler, ends, ways, |assembler, side, ways| {
        let slot = if side == Side::Source { slot::SOURCE_PORT } else { slot::TARGET_PORT };
        assembler.plain(code::LOAD_MEMORY, slot);
        if first == last {
            return assembler.branch(code::IF_EQUAL, u32::from(first), ways);
        }
        assembler.unless(code::IF_AT_LEAST, u32::from(first), ways.no);
        let beyond = Ways { yes: ways.no, no: ways.yes };
        assembler.branch(code::IF_GREATER, u32::from(last), beyond);
    });
}

fn address(assembler: &mut Assembler, ends: Ends, network: Network, ways: Ways) {
    let version = if matches!(network, Network::V4 { .. }) { 4 } else { 6 };
    assembler.plain(code::LOAD_MEMORY, slot::VERSION);
    assembler.unless(code::IF_EQUAL, version, ways.no);
    assembler.plain(code::LOAD_X_MEMORY, slot::IP_AT);
    of_ends(assembler, ends, ways, |assembler, side, ways| match network {
        Network::V4 { bits, mask } => {
            let at = if side == Side::Source { 12 } else { 16 };
            word(assembler, at, (bits, mask), ways);
        }
        Network::V6 { bits, mask } => {
            let start = if side == Side::Source { 8 } else { 24 };
            for (number, shift) in [(0, 96), (1, 64), (2, 32), (3, 0)] {
                let part = |whole: u128| {
                    u32::try_from(whole >> shift & u128::from(u32::MAX)).unwrap_or_default()
                };
                if part(mask) != 0 {
                    let yes = assembler.label();
                    let at = start + 4 * number;
                    word(assembler, at, (part(bits), part(mask)), Ways { yes, ..ways });
                    assembler.place(yes);
                }
            }
            assembler.jump(ways.yes);
        }
    });
}

/// A word of an address behind X.
fn word(assembler: &mut Assembler, at: u32, (bits, mask): (u32, u32), ways: Ways) {
    assembler.plain(code::LOAD_WORD_AT_X, at);
    if mask != u32::MAX {
        assembler.plain(code::AND, mask);
    }
    assembler.branch(code::IF_EQUAL, bits, ways);
}

fn hardware(assembler: &mut Assembler, ends: Ends, mac: [u8; 6], ways: Ways) {
    let [m0, m1, rest @ ..] = mac;
    let (head, tail) = (u32::from(u16::from_be_bytes([m0, m1])), u32::from_be_bytes(rest));
    assembler.plain(code::LOAD_LENGTH, 0);
    assembler.unless(code::IF_AT_LEAST, ETHERNET_OCTETS, ways.no);
    of_ends(assembler, ends, ways, |assembler, side, ways| {
        let at = if side == Side::Source { 6 } else { 0 };
        assembler.plain(code::LOAD_WORD_ABSOLUTE, at + 2);
        assembler.unless(code::IF_EQUAL, tail, ways.no);
        assembler.plain(code::LOAD_HALF_ABSOLUTE, at);
        assembler.branch(code::IF_EQUAL, head, ways);
    });
}
