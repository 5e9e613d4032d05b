//! Builds DTLS hellos as clients send them, and plans many, in fragments, records and datagrams of any order.

use crate::source::synthetic::cast::{
    APPLE_B, GOOGLE_A, HUAWEI_A, SAMSUNG_A, Service, Transport, XIAOMI_B,
};
use crate::source::synthetic::draft::{Draft, Opening};
use crate::source::synthetic::hellos::name;
use crate::source::synthetic::openings::{below, pieces, shuffle};
use crate::source::synthetic::place::Place;
use crate::source::synthetic::plan::Plan;
use crate::source::synthetic::quics::packets;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::SECOND;
use crate::source::synthetic::tls::{Hello, Version};
use crate::source::synthetic::truth::DAY_START_NS;
use crate::source::synthetic::wire::Wire;

/// Where the cookie stands: behind version, random, and a session id of no octets.
const COOKIE_AT: usize = 35;
/// The extension with the versions offered, 1.3 and 1.2, as TLS has it.
const OFFERED: [u8; 9] = [0, 43, 0, 5, 4, 3, 4, 3, 3];

/// Versions that are planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DtlsVersion {
    /// RFC 4347.
    V10,
    /// RFC 6347.
    V12,
    /// RFC 9147.
    V13,
}

impl DtlsVersion {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::V10, Self::V12, Self::V13];
}

/// A part of a handshake message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// Number of the message.
    pub(crate) number: u16,
    /// Octets of the message.
    pub(crate) octets: usize,
    /// Where in it the part begins.
    pub(crate) from: usize,
    pub(crate) bytes: &'a [u8],
}

/// What a client hello holds: that of TLS with other versions, and a cookie.
pub(crate) fn hello(
    version: DtlsVersion,
    name: Option<&str>,
    cookie: &[u8],
    rng: &mut Rng,
) -> Vec<u8> {
    let tls = match version {
        DtlsVersion::V10 => Version::Tls11,
        DtlsVersion::V12 => Version::Tls12,
        DtlsVersion::V13 => Version::Tls13,
    };
    let mut hello = Hello::plain(tls, name);
    hello.session_id = 0;
    // Behind the headers of record and message.
    let mut body = hello.record(rng).split_off(9);
    let legacy: u16 = if version == DtlsVersion::V10 { 0xfeff } else { 0xfefd };
    body.splice(..2, legacy.to_be_bytes());
    let offered = body.windows(OFFERED.len()).position(|octets| octets == OFFERED);
    if let Some(at) = offered {
        body.splice(at + 5..at + OFFERED.len(), [0xfe, 0xfc, 0xfe, 0xfd]);
    }
    let cookie = Wire::of(|w| {
        w.sized8(|w| {
            w.bytes(cookie);
        });
    });
    body.splice(COOKIE_AT..COOKIE_AT, cookie);
    body
}

/// A datagram of records, each with these parts of client hellos.
pub(crate) fn datagram(records: &[&[Part<'_>]]) -> Vec<u8> {
    Wire::of(|w| {
        for (number, parts) in (0..).zip(records) {
            w.bytes(&[22, 0xfe, 0xfd, 0, 0, 0, 0]).u32(number).sized16(|w| {
                for part in *parts {
                    w.u8(1);
                    u24(w, part.octets);
                    w.u16(part.number);
                    u24(w, part.from);
                    w.sized24(|w| {
                        w.bytes(part.bytes);
                    });
                }
            });
        }
    })
}

fn u24(w: &mut Wire, value: usize) {
    let [.., high, middle, low] = value.to_be_bytes();
    w.bytes(&[high, middle, low]);
}

/// The server's wish for a cookie (RFC 6347 section 4.2.1).
fn verify(cookie: &[u8]) -> Vec<u8> {
    Wire::of(|w| {
        w.bytes(&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0]).sized16(|w| {
            let octets = 3 + cookie.len();
            w.u8(3);
            u24(w, octets);
            w.bytes(&[0; 5]);
            u24(w, octets);
            w.u16(0xfefd).sized8(|w| {
                w.bytes(cookie);
            });
        });
    })
}

/// A hello in datagrams, whole or in wild order.
fn flight(body: &[u8], number: u16, is_wild: bool, rng: &mut Rng) -> Vec<Vec<u8>> {
    let pieces = pieces(body, is_wild, rng).into_iter();
    let octets = body.len();
    let mut parts: Vec<Part<'_>> =
        pieces.map(|(from, bytes)| Part { number, octets, from, bytes }).collect();
    if is_wild {
        parts.extend(rng.pick(&parts).copied());
        shuffle(&mut parts, rng);
    }
    let in_record = if is_wild { 1 + below(rng, 3) } else { 1 };
    let records: Vec<&[Part<'_>]> = parts.chunks(in_record).collect();
    // No more datagrams than a reader looks at.
    let datagrams = if is_wild { 1 + below(rng, 4) } else { 1 };
    records.chunks(records.len().div_ceil(datagrams)).map(datagram).collect()
}

impl Plan {
    /// `count` handshakes of `version`; every fiftieth names nobody. Where it `is_wild`, some servers want a cookie, and hellos come in pieces of any order.
    pub fn dtls(seed: u64, version: DtlsVersion, count: u32, is_wild: bool) -> Self {
        let clients = [XIAOMI_B, SAMSUNG_A, APPLE_B, HUAWEI_A, GOOGLE_A];
        let mut draft = Draft::new(seed);
        for (index, handset) in (0..count).zip(clients.iter().cycle()) {
            let mut rng = Rng::of(seed, &format!("{version:?}/{index}"), "dtls");
            let [.., host] = index.to_be_bytes();
            let place = Place::v4([198, 51, 100, host], 0, "").without_asn();
            let service = Service::nobody("", Transport::Datagrams, 4_433, place);
            let opening = Opening { handset, service: &service, proto: 17, port: None, trap: None };
            let path = draft.open(opening);
            let named = (index % 50 != 49).then(|| name(&mut rng));
            if let Some(name) = &named {
                draft.named(&path, name, "dtls_sni");
            }
            let says = |cookie: &[u8], number, rng: &mut Rng| {
                let body = hello(version, named.as_deref(), cookie, rng);
                flight(&body, number, is_wild, rng).into_iter().map(|datagram| (true, datagram))
            };
            let mut sent: Vec<_> = says(&[], 0, &mut rng).collect();
            if is_wild && rng.below(3) == 0 {
                let cookie = rng.bytes(20);
                sent.push((false, verify(&cookie)));
                sent.extend(says(&cookie, 1, &mut rng));
            }
            // Of the next epoch, which is encrypted.
            let mut content = vec![23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, 1, 0, 200];
            content.extend(rng.bytes(200));
            sent.push((false, content));
            draft.extend(packets(path, DAY_START_NS + i64::from(index) * SECOND, sent));
        }
        Self::of(draft)
    }
}
