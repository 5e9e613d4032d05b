//! Plans QUIC handshakes as datagrams, which vary in what clients, servers and networks vary in.
//!
//! The hello in pieces, over datagrams, in any order and twice; Retry and version negotiation; ids of any length; coalesced packets.

use crate::source::synthetic::quic::{
    Ids, QuicVersion, Seal, chlo, clear, crypto, negotiation, opaque, retry,
};
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tls::{Hello, Version};
use crate::source::synthetic::wire::{Wire, length16};

/// Octets of frames in a datagram: with header and tag it has some 1,300.
const FRAMES_MAX: usize = 1_180;
/// Octets of a piece that go into one frame.
const PIECE_MAX: usize = 1_000;

/// A datagram: whether the client sends it, and its octets.
pub(crate) type Sent = (bool, Vec<u8>);

/// A number below `limit`.
pub(crate) fn below(rng: &mut Rng, limit: usize) -> usize {
    usize::try_from(rng.below(u64::try_from(limit).unwrap_or(0))).unwrap_or(0)
}

pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for at in 1..items.len() {
        items.swap(at, below(rng, at + 1));
    }
}

/// The hello of TLS 1.3 without its record, with transport parameters, some so long that it needs two datagrams.
fn hello(version: QuicVersion, name: Option<&str>, rng: &mut Rng) -> Vec<u8> {
    let mut hello = Hello::plain(Version::Tls13, name);
    hello.alpn = if version == QuicVersion::V1 { &["h3"] } else { &["h3-29", "h3-27"] };
    hello.session_id = 0;
    hello.grease = rng.below(2) == 0;
    hello.ech = rng.below(3) == 0;
    let mut message = hello.record(rng).split_off(5);
    let octets = if rng.below(3) == 0 { 1_184 + below(rng, 200) } else { 8 + below(rng, 60) };
    let code = if matches!(version, QuicVersion::V1 | QuicVersion::V2) { 0x0039 } else { 0xffa5 };
    // One parameter of a reserved number (RFC 9000 section 18.1) that is as long as it has to be.
    let extension = Wire::of(|w| {
        w.u16(code).sized16(|w| {
            w.u8(27).u16(0x4000 | length16(octets));
            w.bytes(&rng.bytes(octets));
        });
    });
    // Lengths of the message, in three octets, and of its extensions, in two; neither suites nor methods move.
    let suites = usize::from(message.get(40).copied().unwrap_or(0));
    grow(&mut message, 2, extension.len());
    grow(&mut message, 41 + suites + 2, extension.len());
    message.extend(extension);
    message
}

/// Adds to the number of two octets at a place.
fn grow(message: &mut [u8], at: usize, by: usize) {
    if let Some(place) = message.get_mut(at..at + 2)
        && let Ok(pair) = <[u8; 2]>::try_from(&*place)
    {
        let sum = usize::from(u16::from_be_bytes(pair)) + by;
        place.copy_from_slice(&length16(sum).to_be_bytes());
    }
}

/// A hello cut in pieces, each with its offset; in any order where that is asked for.
pub(crate) fn pieces<'a>(hello: &'a [u8], is_wild: bool, rng: &mut Rng) -> Vec<(usize, &'a [u8])> {
    let (mut pieces, mut at) = (Vec::new(), 0);
    let largest = if is_wild { 20 + below(rng, 600) } else { PIECE_MAX };
    while at < hello.len() {
        let count = if is_wild { 1 + below(rng, largest) } else { largest }.min(hello.len() - at);
        // No more pieces than a reader has to hold apart.
        let count = if pieces.len() < 12 { count } else { (hello.len() - at).min(PIECE_MAX) };
        pieces.extend(hello.get(at..at + count).map(|piece| (at, piece)));
        at += count;
    }
    if is_wild {
        shuffle(&mut pieces, rng);
    }
    pieces
}

/// The frames of each datagram that carries a part of the hello.
fn flight(
    hello: &[u8],
    is_wild: bool,
    write: fn(&mut Wire, usize, &[u8]),
    rng: &mut Rng,
) -> Vec<Vec<u8>> {
    let mut flight = vec![Vec::new()];
    for (offset, piece) in pieces(hello, is_wild, rng) {
        let is_full =
            flight.last().is_none_or(|frames| frames.len() + piece.len() + 24 > FRAMES_MAX);
        if is_full || (is_wild && flight.len() < 5 && rng.below(6) == 0) {
            flight.push(Vec::new());
        }
        // Padding in between, now and then.
        let padding = if is_wild && rng.below(4) == 0 { 5 } else { 0 };
        if let Some(frames) = flight.last_mut() {
            frames.extend(Wire::of(|w| write(w.bytes(&vec![0; padding]), offset, piece)));
        }
    }
    for frames in &mut flight {
        frames.resize(FRAMES_MAX, 0);
    }
    if is_wild && rng.below(4) == 0 {
        let again = rng.pick(&flight).cloned();
        flight.extend(again);
    }
    flight
}

/// How a handshake goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Course {
    /// The hello comes in pieces, of any order.
    pub(crate) is_wild: bool,
    /// The server does not know the version that is offered first.
    pub(crate) is_negotiated: bool,
    /// The server wants to see a token first.
    pub(crate) is_retried: bool,
}

impl Course {
    pub(crate) fn drawn(is_wild: bool, rng: &mut Rng) -> Self {
        Self {
            is_wild,
            is_negotiated: is_wild && rng.below(8) == 0,
            is_retried: is_wild && rng.below(6) == 0,
        }
    }
}

/// The first datagrams of a connection, as far as anybody can read them.
pub(crate) fn beginning(
    version: QuicVersion,
    name: Option<&str>,
    course: Course,
    rng: &mut Rng,
) -> Vec<Sent> {
    if version.is_sealed() {
        let hello = hello(version, name, rng);
        sealed(version, &hello, course, rng)
    } else {
        // All of it in one frame, as clients have it, unless it is to be cut.
        let padding = 300 + below(rng, 300);
        let hello = chlo(name, padding, rng);
        google(version, &hello, course.is_wild, rng)
    }
}

/// A connection of an IETF version.
fn sealed(version: QuicVersion, hello: &[u8], course: Course, rng: &mut Rng) -> Vec<Sent> {
    let is_wild = course.is_wild;
    let mut server = {
        let count = 8 + below(rng, 13);
        rng.bytes(count)
    };
    let client = {
        let count = if rng.below(4) == 0 { 0 } else { 1 + below(rng, 20) };
        rng.bytes(count)
    };
    let mut sent = Vec::new();
    let frames = flight(hello, is_wild, crypto, rng);
    if course.is_negotiated {
        // A version of the reserved kind, which no server knows (RFC 9000 section 15).
        let content = rng.bytes(1_180);
        let unknown = Wire::of(|w| {
            w.u8(0xc0).u32(0x4a5a_6a7a);
            for id in [&server, &client] {
                w.sized8(|w| {
                    w.bytes(id);
                });
            }
            w.bytes(&content);
        });
        sent.push((true, unknown));
        sent.push((false, negotiation(version, Ids { to: &client, from: &server })));
    }
    let mut token = Vec::new();
    if course.is_retried {
        let seal = Seal::new(version, &server, true);
        for (number, frames) in (0..).zip(&frames) {
            sent.push((
                true,
                seal.initial(Ids { to: &server, from: &client }, &[], number, frames),
            ));
        }
        token = rng.bytes(40);
        let other = {
            let count = 1 + below(rng, 20);
            rng.bytes(count)
        };
        sent.push((false, retry(version, Ids { to: &client, from: &other }, &token, rng)));
        server = other;
    }
    let seal = Seal::new(version, &server, true);
    let ids = Ids { to: &server, from: &client };
    for (number, frames) in (8..).zip(&frames) {
        let mut datagram = seal.initial(ids, &token, number, frames);
        if is_wild && rng.below(4) == 0 {
            let early = rng.bytes(60);
            datagram.extend(opaque(version, 1, ids, &early));
        }
        sent.push((true, datagram));
    }
    let own = rng.bytes(8);
    let answer = Wire::of(|w| {
        w.bytes(&[2, 8, 0, 0, 0]);
        crypto(w, 0, &[2, 0, 0, 2, 3, 3]);
        w.bytes(&[0; 60]);
    });
    let ids = Ids { to: &client, from: &own };
    let mut datagram = Seal::new(version, &server, false).initial(ids, &[], 0, &answer);
    let rest = rng.bytes(900);
    datagram.extend(opaque(version, 2, ids, &rest));
    sent.push((false, datagram));
    sent
}

/// A connection of one of Google's in the clear.
fn google(version: QuicVersion, hello: &[u8], is_wild: bool, rng: &mut Rng) -> Vec<Sent> {
    let octets = if matches!(version, QuicVersion::Q047 | QuicVersion::Q048) && is_wild {
        8 + below(rng, 11)
    } else {
        8
    };
    let id = rng.bytes(octets);
    let flight = flight(hello, is_wild, version.piece(), rng);
    flight.iter().map(|frames| (true, clear(version, &id, frames, rng))).collect()
}
