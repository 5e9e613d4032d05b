//! What a packet with a payload says, given to whoever understands it.

use std::sync::Arc;

use crate::datagram::Piece;
use crate::decode::{Decoder, protocol};
use crate::delivery::{Delivery, Desk};
use crate::dialogue::Seen;
use crate::flow::{End, FlowKey, Observed};
use crate::frame::Frame;
use crate::hellos::Hellos;
use crate::inquiry::{Inquiry, Spoken, Talk};
use crate::listening::{Ear, Segment};
use crate::observation::{Observation, Sequence, tcp};

/// A packet with payload, at a time.
pub(crate) struct Speech<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) observation: &'a Observation,
    pub(crate) clock: i64,
    /// Its numbers, where it is a whole TCP segment.
    pub(crate) sequence: Option<Sequence>,
}

/// A lane's hearing.
#[derive(Debug)]
pub(crate) struct Hearing {
    inquiry: Inquiry,
    hellos: Hellos,
}

impl Hearing {
    /// Nothing heard yet.
    pub(crate) fn new(sensor: Arc<str>, decoder: Decoder) -> Self {
        Self { inquiry: Inquiry::new(sensor, decoder), hellos: Hellos::new() }
    }

    /// Listens to a payload.
    pub(crate) fn hear<O>(
        &mut self,
        observed: Observed<'_>,
        speech: &Speech<'_>,
        desk: &mut Desk<O>,
    ) {
        let Observed { mut entry, room, .. } = observed;
        let Speech { frame, observation, clock, sequence } = speech;
        let start = usize::from(observation.payload_at);
        let end = frame.bytes.len().min(start + observation.payload_bytes() as usize);
        let Some(payload) = frame.bytes.get(start..end) else { return };
        let key = observation.key;
        let from = End::sender(observation.has(Observation::FORWARD));
        // A SYN takes a number, and data may come with it (RFC 7413).
        let syn = u32::from(observation.tcp_flags & tcp::SYN != 0);
        let segment = Segment {
            payload,
            is_whole: payload.len() == observation.payload_bytes() as usize,
            number: sequence.map(|sequence| sequence.number.wrapping_add(syn)),
            from,
            clock: *clock,
        };
        if let Some(talk) = Talk::of(&key) {
            let seen = Seen::of(observation, key, entry.flow_id());
            let is_talk = if key.ip_proto == protocol::TCP {
                let mut messages = Vec::new();
                let (handshakes, dns) = (&mut desk.handshakes, Some(&mut messages));
                Ear { entry: entry.again(), room, handshakes, dns }.hear(&segment);
                for message in &messages {
                    self.inquiry.hear_message(message, &seen, *clock, &mut desk.draft);
                }
                !messages.is_empty()
            } else {
                let is_piece = observation.has(Observation::FRAGMENT);
                let spoken = Spoken { payload, frame: *frame, seen, clock: *clock, is_piece };
                self.inquiry.hear(talk, &spoken, &mut desk.draft)
            };
            if is_talk {
                entry.speaks(talk.word(), room);
            }
        } else if key.ip_proto == protocol::TCP {
            let had_agent = entry.user_agent().is_some();
            let mut ear = Ear { entry, room, handshakes: &mut desk.handshakes, dns: None };
            ear.hear(&segment);
            // A flow has one device: its first word is enough.
            if !had_agent && let Some(agent) = ear.entry.user_agent() {
                desk.draft.devices.extend(self.inquiry.device(agent, frame, observation));
            }
        } else if key.ip_proto == protocol::UDP
            && Hellos::looks_like(payload)
            && entry.wants_names(from)
            && let Some(hello) = self.hellos.hear(&entry, payload, *clock)
        {
            entry.learn(hello, room);
        }
    }

    /// Takes a fragment; `flow` is its flow's key and id where its ports are known.
    pub(crate) fn piece(
        &mut self,
        piece: &Piece<'_>,
        flow: Option<(FlowKey, i64)>,
        draft: &mut Delivery,
    ) {
        self.inquiry.piece(piece, flow, draft);
    }

    /// Gives up on what has waited too long.
    pub(crate) fn sweep(&mut self, clock: i64, draft: &mut Delivery) {
        self.inquiry.sweep(clock, draft);
        self.hellos.sweep(clock);
    }

    /// Gives up on all that waits.
    pub(crate) fn flush(&mut self, clock: i64, draft: &mut Delivery) {
        self.inquiry.flush(clock, draft);
        self.hellos.forget();
    }

    /// DNS questions and answers given up early because too much waited, so far.
    pub(crate) const fn dns_evictions(&self) -> u64 {
        self.inquiry.evictions()
    }

    /// Handshakes given up because too many were under way or they took too much, so far.
    pub(crate) const fn refused(&self) -> u64 {
        self.hellos.refused()
    }
}
