//! A handshake: the datagrams of a flow, until the client's hello is whole.
//!
//! Only the client's packets open with the client's keys, so nobody has to say which way a datagram went.

use crate::hint::ClientHello;
use crate::names::pieces::{MESSAGE_MAX, Pieces};
use crate::names::quic::dialect::{FrameSet, Greeting};
use crate::names::quic::frames::pieces;
use crate::names::quic::gquic;
use crate::names::quic::header::{FIRST_ID_MIN, ID_MAX, Kind, Packet, first};
use crate::names::quic::keys::Keys;
use crate::names::tls;

/// Packets of a flow that are tried, each with each of its keys.
const TRIES_MAX: u8 = 8;
/// Packets of a datagram that are looked at.
const PACKETS_MAX: usize = 8;

/// What a datagram brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// What was opened is no hello.
    NoHello,
    /// The hello is not whole yet.
    More,
    /// The hello, as far as it is kept.
    Hello(ClientHello),
    /// A bound was met before there was a hello.
    Spent,
}

/// A connection id, held in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id {
    octets: [u8; ID_MAX],
    count: usize,
}

impl Id {
    fn of(octets: &[u8]) -> Self {
        let mut id = Self { octets: [0; ID_MAX], count: octets.len().min(ID_MAX) };
        id.octets.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
        id
    }

    fn bytes(&self) -> &[u8] {
        self.octets.get(..self.count).unwrap_or_default()
    }
}

/// Keys that opened a packet.
#[derive(Debug, Clone, Copy)]
struct Proven {
    version: u32,
    /// What they were made from.
    origin: Id,
    keys: Keys,
    /// The client's own id.
    client: Id,
}

/// The state of a handshake: at most the octets of one message, and some 150 beside them.
#[derive(Debug, Clone, Default)]
pub struct Conversation {
    proven: Option<Proven>,
    /// What the server wants to be called since its Retry.
    retried: Option<Id>,
    hello: Pieces,
    /// Where it begins.
    from: usize,
    greeting: Option<Greeting>,
    is_over: bool,
    tries: u8,
}

impl Conversation {
    /// Takes a datagram of either direction.
    pub fn take(&mut self, datagram: &[u8]) -> Outcome {
        if let Some((frames, set)) = gquic::clear(datagram) {
            if !self.may_try() {
                return Outcome::Spent;
            }
            self.hear(frames, set, Greeting::Chlo);
            return self.outcome();
        }
        let mut rest = datagram;
        for _ in 0..PACKETS_MAX {
            let Some((packet, next)) = first(rest) else { break };
            rest = next;
            match packet.kind {
                Kind::Initial { number_at } => {
                    if let Some(frames) = self.open(&packet, number_at) {
                        self.hear(&frames, packet.dialect.frames, packet.dialect.greeting);
                    }
                }
                // The client makes new keys of it (RFC 9001 section 5.2); its hello stays as it is (RFC 9000 section 17.2.5.2).
                Kind::Retry => self.retried = Some(Id::of(packet.from)),
                Kind::Other => {}
            }
        }
        self.outcome()
    }

    /// Octets of memory that hang on it.
    pub fn octets(&self) -> usize {
        self.hello.octets()
    }

    fn may_try(&mut self) -> bool {
        self.is_over |= self.tries >= TRIES_MAX;
        self.tries = self.tries.saturating_add(1);
        !self.is_over
    }

    /// The frames of an Initial, if it is the client's.
    fn open(&mut self, packet: &Packet<'_>, number_at: usize) -> Option<Vec<u8>> {
        let proven = self.proven;
        if let Some(Proven { version, origin, keys, client }) = proven {
            if packet.to == client.bytes() && packet.from != client.bytes() {
                // The server's.
                return None;
            }
            if !self.may_try() {
                return None;
            }
            // What began in one version goes on in a compatible one with keys made from the same id (RFC 9369 section 4.1).
            let keys = if version == packet.version {
                keys
            } else {
                Keys::of_client(packet.dialect, origin.bytes())?
            };
            if let Some(frames) = keys.open(packet.bytes, number_at) {
                return Some(frames);
            }
        }
        let origin = Id::of(packet.to);
        let may_be_first = packet.to.len() >= FIRST_ID_MIN || self.retried == Some(origin);
        let is_new =
            proven.is_none_or(|proven| (proven.origin, proven.version) != (origin, packet.version));
        if !may_be_first || !is_new || !self.may_try() {
            return None;
        }
        let keys = Keys::of_client(packet.dialect, packet.to)?;
        let frames = keys.open(packet.bytes, number_at)?;
        if proven.is_some_and(|proven| proven.version != packet.version) {
            // Begun anew after a version negotiation: another hello.
            self.hello = Pieces::default();
        }
        let client = Id::of(packet.from);
        self.proven = Some(Proven { version: packet.version, origin, keys, client });
        Some(frames)
    }

    fn hear(&mut self, frames: &[u8], set: FrameSet, greeting: Greeting) {
        self.greeting = Some(greeting);
        for (offset, piece) in pieces(frames, set) {
            // Google's client says hello again behind its first, on the same stream, when the server has rejected that.
            if offset > self.from
                && greeting == Greeting::Chlo
                && piece.starts_with(b"CHLO")
                && self.hello.beginning().is_empty()
            {
                (self.from, self.hello) = (offset, Pieces::default());
            }
            // What lies beyond the bound is not needed to know the hello's beginning.
            if let Some(offset) = offset.checked_sub(self.from) {
                self.hello.add(offset, piece);
            }
        }
    }

    fn outcome(&mut self) -> Outcome {
        let message = self.hello.beginning();
        let (octets, read): (_, fn(&[u8]) -> _) = match self.greeting {
            Some(Greeting::Tls) => (tls::handshake_octets(message), tls::handshake_hello),
            Some(Greeting::Chlo) => (gquic::octets(message), gquic::hello),
            None => (None, |_| None),
        };
        let is_whole = octets.is_some_and(|octets| message.len() >= octets.min(MESSAGE_MAX));
        if is_whole || self.is_over {
            let hello = read(message).filter(|hello| is_whole || hello.server_name.is_some());
            let outcome = match hello {
                Some(hello) => Outcome::Hello(hello),
                None if is_whole => Outcome::NoHello,
                None => Outcome::Spent,
            };
            self.hello = Pieces::default();
            self.is_over = true;
            return outcome;
        }
        Outcome::More
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::source::synthetic::QuicVersion;
    use crate::source::synthetic::quic::{Ids, Seal, chlo, clear, crypto, opaque, retry};
    use crate::source::synthetic::rng::Rng;
    use crate::source::synthetic::tls::{Hello, Version};
    use crate::source::synthetic::wire::Wire;

    const CLIENT: &[u8] = b"client";
    const IDS: Ids<'_> = Ids { to: SERVER_ID, from: CLIENT };
    const SERVER_ID: &[u8] = b"8 octets";

    fn hello(name: &str) -> Vec<u8> {
        let mut rng = Rng::of(3, name, "hello");
        Hello::plain(Version::Tls13, Some(name)).record(&mut rng).split_off(5)
    }

    fn frames(pieces: &[(usize, &[u8])], write: fn(&mut Wire, usize, &[u8])) -> Vec<u8> {
        let mut frames = Wire::of(|w| pieces.iter().for_each(|(at, piece)| write(w, *at, piece)));
        frames.resize(frames.len().max(1_100), 0);
        frames
    }

    /// An Initial of the client with these pieces.
    fn initial(
        version: QuicVersion,
        ids: Ids<'_>,
        origin: &[u8],
        pieces: &[(usize, &[u8])],
    ) -> Vec<u8> {
        Seal::new(version, origin, true).initial(ids, b"token", 3, &frames(pieces, crypto))
    }

    fn name_of(outcome: &Outcome) -> Option<&str> {
        match outcome {
            Outcome::Hello(hello) => hello.server_name.as_deref(),
            _ => None,
        }
    }

    fn is_more(outcome: &Outcome) -> bool {
        *outcome == Outcome::More
    }

    #[test]
    fn rfc9001_a_retry_makes_new_keys_and_the_hello_goes_on() {
        let hello = hello("retried.example");
        let (first, second) = hello.split_at(90);
        let mut talk = Conversation::default();
        let one = initial(QuicVersion::V1, IDS, SERVER_ID, &[(0, first)]);
        assert!(is_more(&talk.take(&one)));
        // An id shorter than a client may make up: known from the Retry only.
        let mut rng = Rng::of(1, "retry", "test");
        let again = retry(QuicVersion::V1, Ids { to: CLIENT, from: b"new" }, b"token", &mut rng);
        assert!(is_more(&talk.take(&again)));
        let ids = Ids { to: b"new", from: CLIENT };
        let two = initial(QuicVersion::V1, ids, b"new", &[(90, second)]);
        assert_eq!(name_of(&talk.take(&two)), Some("retried.example"));
    }

    #[test]
    fn rfc9369_a_compatible_version_keeps_the_id_and_a_new_hello_does_not_mix() {
        let hello = hello("same.example");
        let (first, second) = hello.split_at(90);
        let one = initial(QuicVersion::V1, IDS, SERVER_ID, &[(0, first)]);
        let mut talk = Conversation::default();
        assert!(is_more(&talk.take(&one)));
        let ids = Ids { to: b"the server's own", from: CLIENT };
        let two = initial(QuicVersion::V2, ids, SERVER_ID, &[(90, second)]);
        assert_eq!(name_of(&talk.take(&two)), Some("same.example"));
        // After a version negotiation all begins anew, with another id.
        let mut talk = Conversation::default();
        let old = initial(QuicVersion::Draft29, IDS, SERVER_ID, &[(0, &[1, 0, 9, 0, 3, 3])]);
        assert!(is_more(&talk.take(&old)));
        let ids = Ids { to: b"another id", from: CLIENT };
        let new = initial(QuicVersion::V1, ids, b"another id", &[(0, &hello)]);
        assert_eq!(name_of(&talk.take(&new)), Some("same.example"));
    }

    #[test]
    fn what_the_server_sends_is_known_by_its_ids() {
        let hello = hello("both.example");
        let (first, second) = hello.split_at(90);
        let mut talk = Conversation::default();
        let answer = Ids { to: CLIENT, from: b"the server's own" };
        let answer =
            Seal::new(QuicVersion::V1, SERVER_ID, false).initial(answer, &[], 0, &[0; 200]);
        let one = initial(QuicVersion::V1, IDS, SERVER_ID, &[(0, first)]);
        assert!(is_more(&talk.take(&one)));
        let tries = talk.tries;
        for _ in 0..50 {
            assert!(is_more(&talk.take(&answer)));
        }
        assert_eq!(talk.tries, tries, "nothing of the server's is tried");
        let two = initial(QuicVersion::V1, IDS, SERVER_ID, &[(90, second)]);
        let coalesced = [two, opaque(QuicVersion::V1, 1, IDS, &[7; 90])].concat();
        assert_eq!(name_of(&talk.take(&coalesced)), Some("both.example"));
    }

    #[test]
    fn tries_are_bounded_and_a_name_already_there_is_kept() {
        let foreign =
            Seal::new(QuicVersion::V1, b"other keys", true).initial(IDS, &[], 1, &[0; 1_200]);
        let mut talk = Conversation::default();
        let outcomes: Vec<_> = (0..20).map(|_| talk.take(&foreign)).collect();
        assert!(outcomes.iter().take(usize::from(TRIES_MAX)).all(is_more));
        assert!(outcomes.iter().skip(usize::from(TRIES_MAX)).all(|o| *o == Outcome::Spent));

        let hello = hello("kept.example");
        let mut talk = Conversation::default();
        let most = &hello[..hello.len() - 1];
        assert!(is_more(&talk.take(&initial(QuicVersion::V1, IDS, SERVER_ID, &[(0, most)]))));
        let last = (0..20).map(|_| talk.take(&foreign)).find(|outcome| !is_more(outcome));
        assert_eq!(name_of(&last.unwrap()), Some("kept.example"));
    }

    #[test]
    fn a_second_hello_of_googles_names_too() {
        let mut rng = Rng::of(1, "second", "test");
        let hello = chlo(Some("again.example"), 40, &mut rng);
        let (first, second) = hello.split_at(60);
        let pieces: [(usize, &[u8]); 2] = [(1_024, first), (1_084, second)];
        for version in QuicVersion::ALL.into_iter().filter(|version| !version.is_sealed()) {
            let packet = clear(version, SERVER_ID, &frames(&pieces, version.piece()), &mut rng);
            let outcome = Conversation::default().take(&packet);
            assert_eq!(name_of(&outcome), Some("again.example"), "{version:?}");
        }
    }

    #[test]
    fn what_is_no_hello_is_declined() {
        let mut talk = Conversation::default();
        let other = initial(QuicVersion::V1, IDS, SERVER_ID, &[(0, &[2, 0, 0, 2, 3, 3])]);
        assert_eq!(talk.take(&other), Outcome::NoHello);
        // Nothing but what has its version, its fixed bit and ids within their bound begins anything.
        for damage in [(0, 0x40), (1, 7), (5, 21), (5, 7)] {
            let mut packet = initial(QuicVersion::V1, IDS, SERVER_ID, &[]);
            packet[damage.0] = damage.1;
            assert!(!crate::names::quic::begins(&packet), "{damage:?}");
        }
    }

    /// A version, and its client's datagrams for pieces of a message.
    fn datagram(version: QuicVersion, pieces: &[(usize, &[u8])]) -> Vec<u8> {
        if version.is_sealed() {
            return initial(version, IDS, SERVER_ID, pieces);
        }
        clear(
            version,
            SERVER_ID,
            &frames(pieces, version.piece()),
            &mut Rng::of(1, "clear", "test"),
        )
    }

    proptest! {
        #[test]
        fn any_cut_order_and_repetition_gives_the_same_name(
            version in prop::sample::select(&QuicVersion::ALL[..]),
            cuts in prop::collection::vec(any::<Index>(), 0..10),
            order in any::<u64>(),
            split in 1..7_usize,
        ) {
            let message = if version.is_sealed() {
                hello("cut.example.net")
            } else {
                chlo(Some("cut.example.net"), 300, &mut Rng::of(1, "chlo", "test"))
            };
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(message.len())).collect();
            ends.extend([0, message.len()]);
            ends.sort_unstable();
            let mut pieces: Vec<(usize, &[u8])> =
                ends.windows(2).map(|pair| (pair[0], &message[pair[0]..pair[1]])).collect();
            pieces.push(pieces[0]);
            let mut rng = Rng::of(order, "order", "test");
            pieces.sort_by_cached_key(|_| rng.next());
            // As many datagrams as may be tried, at most.
            let each = pieces.len().div_ceil(split);
            let mut talk = Conversation::default();
            let mut named = None;
            for pieces in pieces.chunks(each) {
                let outcome = talk.take(&datagram(version, pieces));
                prop_assert!(named.is_some() || !matches!(outcome, Outcome::NoHello | Outcome::Spent));
                named = named.or_else(|| name_of(&outcome).map(str::to_owned));
                prop_assert!(talk.octets() <= MESSAGE_MAX + 1_024);
            }
            prop_assert_eq!(named.as_deref(), Some("cut.example.net"));
        }

        #[test]
        fn hostile_octets_are_survived(
            version in prop::sample::select(&QuicVersion::ALL[..]),
            frames in prop::collection::vec(any::<u8>(), 0..200),
            damage in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
            cut in any::<Index>(),
        ) {
            let mut talk = Conversation::default();
            // Sealed with the right keys, whatever it is.
            let sealed = if version.is_sealed() {
                Seal::new(version, SERVER_ID, true).initial(IDS, &[], 1, &frames)
            } else {
                clear(version, SERVER_ID, &frames, &mut Rng::of(1, "clear", "test"))
            };
            talk.take(&sealed);
            let mut broken = datagram(version, &[(0, &hello("x.example"))]);
            for (place, octet) in damage {
                let place = place.index(broken.len());
                broken[place] = octet;
            }
            broken.truncate(cut.index(broken.len() + 1));
            crate::names::quic::begins(&broken);
            talk.take(&broken);
            Conversation::default().take(&frames);
        }
    }
}
