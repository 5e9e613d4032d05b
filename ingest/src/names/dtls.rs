//! DTLS in clear: the client's hello, in any fragments, records and datagrams (RFC 6347 section 4.2, RFC 9147 section 5).

use crate::names::cursor::Cursor;
use crate::names::pieces::{MESSAGE_MAX, Pieces};
use crate::names::quic::Outcome;
use crate::names::tls::{self, CLIENT_HELLO, DATAGRAM, RECORD_HANDSHAKE};

/// Datagrams that are looked into for one hello.
const DATAGRAMS_MAX: u8 = 16;
/// Where the first message of the first record tells what it is.
const KIND_AT: usize = 13;

/// Whether a datagram begins with a client's hello, or a part of it.
pub fn looks_like(datagram: &[u8]) -> bool {
    // Nothing is encrypted in epoch 0.
    matches!(datagram, [RECORD_HANDSHAKE, DATAGRAM, 0xfd | 0xff, 0, 0, ..])
        && datagram.get(KIND_AT) == Some(&CLIENT_HELLO)
}

/// A hello under way.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    /// Which of the client's messages it is.
    number: u16,
    /// Octets that it has.
    octets: usize,
    pieces: Pieces,
    datagrams: u8,
}

/// A part of a message.
struct Fragment<'a> {
    kind: u8,
    octets: usize,
    number: u16,
    offset: usize,
    bytes: &'a [u8],
}

impl Conversation {
    /// Takes a datagram.
    pub fn take(&mut self, datagram: &[u8]) -> Outcome {
        self.datagrams += 1;
        let mut records = Cursor(datagram);
        while let Some(content) = record(&mut records) {
            let mut messages = Cursor(content);
            while let Some(fragment) = Fragment::read(&mut messages) {
                if fragment.kind == CLIENT_HELLO {
                    self.add(&fragment);
                }
            }
        }
        let body = self.pieces.beginning();
        // What lies beyond the bound is not needed to know the beginning.
        let is_there = self.octets > 0 && body.len() >= self.octets.min(MESSAGE_MAX);
        if !is_there && self.datagrams < DATAGRAMS_MAX {
            return Outcome::More;
        }
        match tls::hello(body, body.len() >= self.octets, DATAGRAM) {
            Some(hello) if is_there || hello.server_name.is_some() => Outcome::Hello(hello),
            _ if is_there => Outcome::NoHello,
            _ => Outcome::Spent,
        }
    }

    fn add(&mut self, fragment: &Fragment<'_>) {
        // With a cookie the client says its hello again, under the next number: parts of the two do not mix.
        if (self.number, self.octets) != (fragment.number, fragment.octets) {
            self.pieces = Pieces::default();
            (self.number, self.octets) = (fragment.number, fragment.octets);
        }
        self.pieces.add(fragment.offset, fragment.bytes);
    }

    /// Octets of memory that hang on it.
    pub(crate) fn octets(&self) -> usize {
        self.pieces.octets()
    }
}

/// The content of the next handshake record (RFC 6347 section 4.1); of one that was cut, what is there.
fn record<'a>(records: &mut Cursor<'a>) -> Option<&'a [u8]> {
    if records.u8()? != RECORD_HANDSHAKE || records.u8()? != DATAGRAM {
        return None;
    }
    records.u8()?;
    // Epoch 0, and the number of the record in it.
    if records.u16()? != 0 {
        return None;
    }
    records.take(6)?;
    let octets = records.u16()?;
    Some(records.up_to(usize::from(octets)))
}

impl<'a> Fragment<'a> {
    /// The next fragment of a record (RFC 6347 section 4.2.2).
    fn read(messages: &mut Cursor<'a>) -> Option<Self> {
        let (kind, octets, number) = (messages.u8()?, messages.u24()?, messages.u16()?);
        let (offset, count) = (messages.u24()?, messages.u24()?);
        Some(Self { kind, octets, number, offset, bytes: messages.up_to(count) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::source::synthetic::DtlsVersion;
    use crate::source::synthetic::dtls::{Part, datagram, hello};
    use crate::source::synthetic::rng::Rng;

    fn name_of(outcome: &Outcome) -> Option<&str> {
        match outcome {
            Outcome::Hello(hello) => hello.server_name.as_deref(),
            _ => None,
        }
    }

    fn body(version: DtlsVersion, cookie: usize) -> Vec<u8> {
        let mut rng = Rng::of(1, "dtls", "test");
        hello(version, Some("cut.example.net"), &vec![7; cookie], &mut rng)
    }

    fn part(body: &[u8], number: u16, (from, to): (usize, usize)) -> Part<'_> {
        Part { number, from, bytes: &body[from..to], octets: body.len() }
    }

    #[test]
    fn rfc9147_versions_are_told_and_the_fingerprint_is_that_of_datagrams() {
        for (version, name, ja4) in [
            (DtlsVersion::V10, "DTLSv10", "dd1d"),
            (DtlsVersion::V12, "DTLSv12", "dd2d"),
            (DtlsVersion::V13, "DTLSv13", "dd3d"),
        ] {
            let body = body(version, 0);
            let datagram = datagram(&[&[part(&body, 0, (0, body.len()))]]);
            assert!(looks_like(&datagram));
            let Outcome::Hello(hello) = Conversation::default().take(&datagram) else {
                panic!("{version:?}")
            };
            assert_eq!(
                (hello.server_name.as_deref(), hello.version),
                (Some("cut.example.net"), Some(name))
            );
            assert!(hello.ja4.unwrap().over(b'd').to_string().starts_with(ja4));
        }
    }

    #[test]
    fn rfc6347_the_hello_with_the_cookie_is_another() {
        let (first, again) = (body(DtlsVersion::V12, 0), body(DtlsVersion::V12, 20));
        let mut talk = Conversation::default();
        let one = datagram(&[&[part(&first, 0, (0, 60))]]);
        assert_eq!(talk.take(&one), Outcome::More);
        for (from, to) in [(50, again.len()), (0, 50)] {
            let outcome = talk.take(&datagram(&[&[part(&again, 1, (from, to))]]));
            assert_eq!(name_of(&outcome).is_some(), from == 0);
        }
    }

    #[test]
    fn datagrams_are_bounded_and_a_name_already_there_is_kept() {
        let body = body(DtlsVersion::V12, 0);
        let most = datagram(&[&[part(&body, 0, (0, body.len() - 1))]]);
        for (sent, name) in
            [(most, Some("cut.example.net")), (datagram(&[&[part(&body, 0, (9, 40))]]), None)]
        {
            let mut talk = Conversation::default();
            let mut last = talk.take(&sent);
            for _ in 1..DATAGRAMS_MAX {
                assert_eq!(last, Outcome::More);
                last = talk.take(&sent);
            }
            assert_eq!((name_of(&last), last == Outcome::Spent), (name, name.is_none()));
        }
    }

    proptest! {
        #[test]
        fn any_cut_order_and_repetition_gives_the_same_name(
            version in prop::sample::select(&DtlsVersion::ALL[..]),
            cuts in prop::collection::vec(any::<Index>(), 0..10),
            order in any::<u64>(),
            (in_record, in_datagram) in (1..4_usize, 1..4_usize),
        ) {
            let body = body(version, 32);
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len())).collect();
            ends.extend([0, body.len()]);
            ends.sort_unstable();
            let mut parts: Vec<Part<'_>> =
                ends.windows(2).map(|pair| part(&body, 1, (pair[0], pair[1]))).collect();
            parts.push(parts[0]);
            let mut rng = Rng::of(order, "order", "test");
            parts.sort_by_cached_key(|_| rng.next());
            let records: Vec<&[Part<'_>]> = parts.chunks(in_record).collect();
            let mut talk = Conversation::default();
            let mut named = None;
            for records in records.chunks(in_datagram) {
                let datagram = datagram(records);
                prop_assert!(looks_like(&datagram));
                let outcome = talk.take(&datagram);
                prop_assert!(named.is_some() || !matches!(outcome, Outcome::NoHello | Outcome::Spent));
                named = named.or_else(|| name_of(&outcome).map(str::to_owned));
                prop_assert!(talk.octets() <= MESSAGE_MAX + 1_024);
            }
            prop_assert_eq!(named.as_deref(), Some("cut.example.net"));
        }

        #[test]
        fn hostile_octets_are_survived(
            octets in prop::collection::vec(any::<u8>(), 0..200),
            damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
            cut in any::<Index>(),
        ) {
            let body = body(DtlsVersion::V13, 8);
            let mut broken = datagram(&[&[part(&body, 0, (0, 90))], &[part(&body, 0, (90, body.len()))]]);
            for (place, octet) in damage {
                let place = place.index(broken.len());
                broken[place] = octet;
            }
            broken.truncate(cut.index(broken.len() + 1));
            let mut talk = Conversation::default();
            for _ in 0..3 {
                talk.take(&broken);
                talk.take(&octets);
            }
            prop_assert!(talk.octets() <= MESSAGE_MAX + 1_024);
        }
    }
}
