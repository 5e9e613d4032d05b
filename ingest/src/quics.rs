//! QUIC handshakes of a lane that are under way: each holds the pieces of its client's hello, until that is whole.

use crate::flow::{End, Entry};
use crate::handshakes::{Handshakes, Whose};
use crate::hint::ClientHello;
use crate::names::quic::{Conversation, Outcome, begins};

/// Handshakes by flow.
#[derive(Debug)]
pub(crate) struct Quics {
    held: Handshakes<Conversation>,
}

impl Quics {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { held: Handshakes::new(Conversation::octets) }
    }

    /// Takes a datagram that looks like QUIC; the client's hello, once it is whole.
    pub(crate) fn hear(
        &mut self,
        entry: &Entry<'_>,
        datagram: &[u8],
        clock: i64,
    ) -> Option<ClientHello> {
        // One conversation, whichever end speaks.
        let whose = Whose::of(entry, End::Low);
        let mut held = match self.held.take(&whose, clock) {
            Some(held) => held,
            None if begins(datagram) => self.held.begin(Conversation::default(), clock),
            None => return None,
        };
        match held.state.take(datagram) {
            Outcome::Hello(hello) => return Some(hello),
            Outcome::More => self.held.hold(whose, held),
            Outcome::Spent => self.held.refuse(),
            Outcome::NotQuic => {}
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
