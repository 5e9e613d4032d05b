//! What else is on an access network: address resolution, neighbours' announcements, pings, clocks.
//!
//! Frames without IP belong to no flow; a right ledger counts them all the same.

use pnet::packet::ethernet::EtherType;

use crate::source::synthetic::cast::{
    GATEWAY_MAC, GOOGLE_A, HUAWEI_A, Handset, SAMSUNG_A, Service, Transport, XIAOMI_A,
};
use crate::source::synthetic::draft::{Draft, Opening};
use crate::source::synthetic::packet::{Body, Echo, Link, Packet, Quirk, Segment, Wrap};
use crate::source::synthetic::place::Place;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::{MILLI, SECOND};
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::Wire;
use crate::source::synthetic::wrapped::link_header;

const NEAR_V4: Place = Place::v4([210, 71, 128, 42], 3_462, "TW");
const NEAR_V6: Place = Place::v6(0x2001_b000_0400_0000_0000_0000_5e43_a98f, 3_462, "TW");
const CLOCK: Place = Place::v4([220, 128, 79, 70], 3_462, "TW");

/// Plans the background of the day.
pub(crate) fn plan(draft: &mut Draft) {
    for slot in 0..24 {
        let at_ns = DAY_START_NS + (slot * 3_600 + 311) * SECOND;
        bare(draft, at_ns, arp());
        bare(draft, at_ns + 7 * SECOND, lldp());
        bare(draft, at_ns + 9 * SECOND, spanning_tree());
    }
    ping(draft, &XIAOMI_A, NEAR_V4, DAY_START_NS + 5_000 * SECOND);
    ping(draft, &SAMSUNG_A, NEAR_V6, DAY_START_NS + 44_000 * SECOND);
    clock(draft, &HUAWEI_A, DAY_START_NS + 20_000 * SECOND);
    clock(draft, &GOOGLE_A, DAY_START_NS + 70_000 * SECOND);
}

fn bare(draft: &mut Draft, ts_ns: i64, frame: Vec<u8>) {
    let body = Body::Bare(frame);
    draft.push(Packet { ts_ns, flow: None, up: true, body, quirk: Quirk::None });
}

/// The gateway asks who has a handset's address (RFC 826).
fn arp() -> Vec<u8> {
    let link =
        Link { src: GATEWAY_MAC, dst: [0xff; 6], vlan: Some(XIAOMI_A.vlan), wrap: Wrap::None };
    let mut frame = link_header(link, EtherType(0x0806));
    frame.extend_from_slice(&Wire::of(|w| {
        w.words(&[1, 0x0800, 0x0604, 1]).bytes(&GATEWAY_MAC).bytes(&[10, 20, 0, 1]);
        w.bytes(&[0; 6]).bytes(&XIAOMI_A.v4.octets());
    }));
    frame
}

/// The switch announces itself (IEEE 802.1AB): chassis, port, time to live, end.
fn lldp() -> Vec<u8> {
    let link = Link {
        src: GATEWAY_MAC,
        dst: [0x01, 0x80, 0xc2, 0, 0, 0x0e],
        vlan: None,
        wrap: Wrap::None,
    };
    let mut frame = link_header(link, EtherType(0x88cc));
    frame.extend_from_slice(&Wire::of(|w| {
        w.u16(0x0207).u8(4).bytes(&GATEWAY_MAC);
        w.u16(0x0404).u8(7).bytes(b"1/7").words(&[0x0602, 120, 0]);
    }));
    frame
}

/// A bridge protocol message (IEEE 802.1D): its type field is a length.
fn spanning_tree() -> Vec<u8> {
    let link =
        Link { src: GATEWAY_MAC, dst: [0x01, 0x80, 0xc2, 0, 0, 0], vlan: None, wrap: Wrap::None };
    let mut frame = link_header(link, EtherType(38));
    frame.extend_from_slice(&Wire::of(|w| {
        w.bytes(&[0x42, 0x42, 0x03, 0, 0, 0, 0, 0]);
        w.u16(0x8000).bytes(&GATEWAY_MAC).u32(0).u16(0x8000).bytes(&GATEWAY_MAC);
        w.words(&[0x8001, 0, 20 << 8, 2 << 8, 15 << 8]);
    }));
    frame
}

fn ping(draft: &mut Draft, handset: &Handset, place: Place, start_ns: i64) {
    let service = Service::nobody("", Transport::Datagrams, 0, place);
    let handset = &draft.drawn.caller(handset);
    let proto = if place.address.is_ipv4() { 1 } else { 58 };
    let path = draft.open(Opening { handset, service: &service, proto, port: None, trap: None });
    let mut rng = Rng::of(draft.seed, handset.id, "ping");
    let ident = rng.word();
    for sequence in 1..=4 {
        let at_ns = start_ns + i64::from(sequence) * SECOND;
        for reply in [false, true] {
            let echo = Echo { reply, ident, sequence, payload: vec![b'.'; 48] };
            let ts_ns = at_ns + if reply { 11 * MILLI } else { 0 };
            draft.push(path.packet(ts_ns, !reply, Segment::Echo(echo)).ident(rng.word()));
        }
    }
}

/// A clock is asked and answers (RFC 5905).
fn clock(draft: &mut Draft, handset: &Handset, start_ns: i64) {
    let service = Service::nobody("", Transport::Datagrams, 123, CLOCK);
    let handset = &draft.drawn.caller(handset);
    let path =
        draft.open(Opening { handset, service: &service, proto: 17, port: None, trap: None });
    for up in [true, false] {
        let (client, server) = (path.client.port(), path.server.port());
        let (src_port, dst_port) = if up { (client, server) } else { (server, client) };
        // Version 4, client or server, then stratum, poll interval and precision.
        let payload = Wire::of(|w| {
            w.bytes(&[if up { 0x23 } else { 0x24 }, if up { 0 } else { 2 }, 6, 0xec]);
            w.bytes(&[0; 44]);
        });
        let segment = Segment::Udp { src_port, dst_port, payload };
        let ts_ns = start_ns + if up { 0 } else { 9 * MILLI };
        draft.push(path.packet(ts_ns, up, segment));
    }
}
