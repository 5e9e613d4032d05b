//! Client hellos that come in datagrams, by QUIC or DTLS: of each that is under way, the pieces until it is whole.

use crate::flow::{End, Entry};
use crate::handshakes::{Handshakes, Whose};
use crate::hint::{ClientHello, Hint};
use crate::names::quic::Outcome;
use crate::names::{dtls, quic};

/// A handshake of either kind.
#[derive(Debug)]
enum Talk {
    Quic(quic::Conversation),
    Dtls(dtls::Conversation),
}

impl Talk {
    /// What begins with a datagram.
    fn begin(datagram: &[u8]) -> Option<Self> {
        if dtls::looks_like(datagram) {
            return Some(Self::Dtls(dtls::Conversation::default()));
        }
        quic::begins(datagram).then(|| Self::Quic(quic::Conversation::default()))
    }

    fn octets(&self) -> usize {
        match self {
            Self::Quic(talk) => talk.octets(),
            Self::Dtls(talk) => talk.octets(),
        }
    }
}

/// Handshakes by flow.
#[derive(Debug)]
pub(crate) struct Hellos {
    held: Handshakes<Talk>,
}

impl Hellos {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { held: Handshakes::new(Talk::octets) }
    }

    /// Whether a datagram may be of a handshake.
    pub(crate) fn looks_like(datagram: &[u8]) -> bool {
        quic::looks_like(datagram) || dtls::looks_like(datagram)
    }

    /// Takes a datagram that looks like one; the client's hello, once it is whole.
    pub(crate) fn hear(&mut self, entry: &Entry<'_>, datagram: &[u8], clock: i64) -> Option<Hint> {
        // One conversation, whichever end speaks.
        let whose = Whose::of(entry, End::Low);
        let mut held = match self.held.take(&whose, clock) {
            Some(held) => held,
            None => self.held.begin(Talk::begin(datagram)?, clock),
        };
        let (outcome, hint): (_, fn(ClientHello) -> Hint) = match &mut held.state {
            Talk::Quic(talk) => (talk.take(datagram), Hint::Quic),
            Talk::Dtls(talk) => (talk.take(datagram), Hint::Dtls),
        };
        match outcome {
            Outcome::Hello(hello) => return Some(hint(hello)),
            Outcome::More => self.held.hold(whose, held),
            Outcome::Spent => self.held.refuse(),
            Outcome::NoHello => {}
        }
        None
    }

    /// Forgets what has taken too long.
    pub(crate) fn sweep(&mut self, clock: i64) {
        self.held.sweep(clock);
    }

    /// Forgets all.
    pub(crate) fn forget(&mut self) {
        self.held.clear();
    }

    /// Hellos given up because a bound was met, so far.
    pub(crate) const fn refused(&self) -> u64 {
        self.held.refused()
    }
}
