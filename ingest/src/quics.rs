//! QUIC handshakes of a lane that are under way: each holds the pieces of its client's hello, until that is whole.

use std::collections::VecDeque;

use hashbrown::HashMap;

use crate::flow::FlowKey;
use crate::hint::ClientHello;
use crate::names::quic::{Conversation, Outcome, begins};

/// Handshakes held at a time, of some 4 KiB each at most.
const HELD_MAX: usize = 4_096;
/// How long a hello may take.
const PATIENCE_NS: i64 = 30_000_000_000;

/// A flow: its key, and the time of its first packet.
type Flow = (FlowKey, i64);

/// Handshakes by flow.
#[derive(Debug, Default)]
pub(crate) struct Quics {
    held: HashMap<Flow, Conversation>,
    /// When each began, oldest first; what is no longer held may still stand here.
    order: VecDeque<(i64, Flow)>,
    refused: u64,
}

impl Quics {
    /// Takes a datagram that looks like QUIC; the client's hello, once it is whole.
    pub(crate) fn hear(&mut self, flow: Flow, datagram: &[u8], clock: i64) -> Option<ClientHello> {
        if let Some(conversation) = self.held.get_mut(&flow) {
            let outcome = conversation.take(datagram);
            return self.settle(flow, outcome);
        }
        if !begins(datagram) {
            return None;
        }
        // Most hellos are whole at once and need not be held.
        let mut conversation = Conversation::default();
        let outcome = conversation.take(datagram);
        if outcome == Outcome::More {
            self.hold(flow, conversation, clock);
        }
        self.settle(flow, outcome)
    }

    fn settle(&mut self, flow: Flow, outcome: Outcome) -> Option<ClientHello> {
        match outcome {
            Outcome::More => None,
            Outcome::Hello(hello) => {
                self.held.remove(&flow);
                Some(hello)
            }
            Outcome::NotQuic | Outcome::Spent => {
                self.held.remove(&flow);
                self.refused += u64::from(outcome == Outcome::Spent);
                None
            }
        }
    }

    fn hold(&mut self, flow: Flow, conversation: Conversation, clock: i64) {
        // The list is bounded with the map: what is done stands in it until it is swept.
        while self.order.len() >= HELD_MAX {
            let Some((_, oldest)) = self.order.pop_front() else { break };
            self.refused += u64::from(self.held.remove(&oldest).is_some());
        }
        self.order.push_back((clock, flow));
        self.held.insert(flow, conversation);
    }

    /// Forgets what has taken too long.
    pub(crate) fn sweep(&mut self, clock: i64) {
        while let Some(&(since, flow)) = self.order.front()
            && since.saturating_add(PATIENCE_NS) <= clock
        {
            self.order.pop_front();
            self.held.remove(&flow);
        }
    }

    /// Forgets all.
    pub(crate) fn forget(&mut self) {
        self.held.clear();
        self.order.clear();
    }

    /// Hellos given up because a bound was met, so far.
    pub(crate) const fn refused(&self) -> u64 {
        self.refused
    }
}
