//! Each handset renews its address twice a day, and says on the way what it is (RFC 2131 section 4.4.5).
//!
//! The words are those that such devices send; which handset says which is invented.

use std::net::{IpAddr, Ipv4Addr};

use crate::source::synthetic::cast::{
    APPLE_A, APPLE_B, DESK, GOOGLE_A, HUAWEI_A, Handset, PRIVATE, SAMSUNG_A, SAMSUNG_B, Service,
    Transport, XIAOMI_A, XIAOMI_B,
};
use crate::source::synthetic::draft::{Draft, Opening};
use crate::source::synthetic::packet::Segment;
use crate::source::synthetic::place::Place;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::{MILLI, SECOND};
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::Wire;

/// Vendor class (option 60) and wishes (55).
type System = (&'static str, &'static [u8]);

const ANDROID: System = ("android-dhcp-9", &[1, 3, 6, 15, 26, 28, 51, 58, 59, 43]);
const APPLE: System = ("", &[1, 121, 3, 6, 15, 119, 252]);
const WINDOWS: System = ("MSFT 5.0", &[1, 15, 3, 6, 44, 46, 47, 31, 33, 121, 249, 43]);

/// Who has which host name (option 12) and system.
const CLIENTS: [(Handset, &str, System); 10] = [
    (XIAOMI_A, "Redmi-Note", ANDROID),
    (XIAOMI_B, "MI3W-xiaomishouji", ANDROID),
    (SAMSUNG_A, "Galaxy-S5", ANDROID),
    (SAMSUNG_B, "Galaxy-Note3", ANDROID),
    (APPLE_A, "iPhone", APPLE),
    (APPLE_B, "Mei-de-iPhone", APPLE),
    (HUAWEI_A, "HUAWEI_P7", ANDROID),
    (GOOGLE_A, "android-3f1c9a0b77d2e514", ANDROID),
    (DESK, "WS-0021", WINDOWS),
    (PRIVATE, "android-b80cd41e2f96a753", ANDROID),
];

/// Servers of the office and of the carrier.
const OFFICE: Place = Place::special(IpAddr::V4(Ipv4Addr::new(10, 20, 0, 2)));
const CARRIER: Place = Place::special(IpAddr::V4(Ipv4Addr::new(100, 72, 0, 2)));

/// Plans all renewals.
pub(crate) fn plan(draft: &mut Draft) {
    for (slot, (handset, hostname, (class, wishes))) in (0_i64..).zip(&CLIENTS) {
        let place = if handset.vlan == 10 { OFFICE } else { CARRIER };
        let service = Service::nobody("", Transport::Datagrams, 67, place);
        let handset = &draft.drawn.handset(handset);
        for hour in [1, 13] {
            let opening =
                Opening { handset, service: &service, proto: 17, port: Some(68), trap: None };
            let path = draft.open(opening);
            let at_ns = DAY_START_NS + (hour * 3_600 + slot * 97) * SECOND;
            let id =
                Rng::of(draft.seed, handset.id, if hour == 1 { "lease" } else { "renewal" }).word();
            for up in [true, false] {
                let payload = Wire::of(|w| {
                    head(w, handset, (up, id));
                    if up {
                        w.u16(0x3501).u8(3).u8(12).sized8(|w| {
                            w.bytes(hostname.as_bytes());
                        });
                        if !class.is_empty() {
                            w.u8(60).sized8(|w| {
                                w.bytes(class.as_bytes());
                            });
                        }
                        w.u8(55).sized8(|w| {
                            w.bytes(wishes);
                        });
                    } else {
                        w.u16(0x3501).u8(5).u16(0x3304).u32(86_400);
                    }
                    w.u8(255);
                });
                let (src_port, dst_port) = if up { (68, 67) } else { (67, 68) };
                let segment = Segment::Udp { src_port, dst_port, payload };
                let ts_ns = at_ns + if up { 0 } else { 4 * MILLI };
                draft.push(path.packet(ts_ns, up, segment).ident(id));
            }
        }
    }
}

/// The fixed part of a request, or of its answer.
fn head(w: &mut Wire, handset: &Handset, (up, id): (bool, u16)) {
    let address = handset.v4.octets();
    w.bytes(&[if up { 1 } else { 2 }, 1, 6, 0]).u32(u32::from(id)).u32(0);
    w.bytes(&address).bytes(if up { &[0; 4] } else { &address });
    // Servers, relays, and the rest of the hardware address; names of none.
    w.bytes(&[0; 8]).bytes(&handset.mac).bytes(&[0; 10 + 64 + 128]);
    w.bytes(&[99, 130, 83, 99]);
}
