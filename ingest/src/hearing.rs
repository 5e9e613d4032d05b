//! What a packet with a payload says, given to whoever understands it.

use schemas::Text;

use crate::datagram::Piece;
use crate::decode::{Decoder, protocol};
use crate::delivery::{Delivery, Desk, Outbox};
use crate::dialogue::Seen;
use crate::flow::{End, Entry, FlowKey, NameRoom, Observed};
use crate::frame::Frame;
use crate::hellos::Hellos;
use crate::inquiry::{Inquiry, Spoken, Talk};
use crate::listening::{Ear, Segment};
use crate::names;
use crate::observation::{Observation, Sequence, tcp};

/// A packet with payload, at a time.
pub(crate) struct Speech<'a> {
    pub(crate) frame: Frame<'a>,
    pub(crate) observation: &'a Observation,
    pub(crate) clock: i64,
    /// Its numbers, where it is a whole TCP segment.
    pub(crate) sequence: Option<Sequence>,
}

/// Whether the payload of a whole packet is worth hearing: asked of each as long as its flow may be named.
#[inline]
pub(crate) fn is_worth_hearing(
    entry: &mut Entry<'_>,
    observation: &Observation,
    bytes: &[u8],
) -> bool {
    let Some(payload) = payload(observation, bytes) else { return false };
    let is_talk = Talk::of(&observation.key).is_some();
    match observation.key.ip_proto {
        protocol::TCP if is_talk | names::may_begin(payload) => true,
        protocol::TCP => entry.awaits(End::sender(observation.has(Observation::FORWARD))),
        protocol::UDP => is_talk | names::may_begin_datagram(payload),
        _ => false,
    }
}

/// A lane's hearing.
#[derive(Debug)]
pub(crate) struct Hearing {
    inquiry: Inquiry,
    hellos: Hellos,
}

impl Hearing {
    /// Nothing heard yet.
    pub(crate) fn new(sensor: Text, decoder: Decoder) -> Self {
        Self { inquiry: Inquiry::new(sensor, decoder), hellos: Hellos::new() }
    }

    /// Listens to a payload.
    pub(crate) fn hear<O: Outbox>(
        &mut self,
        observed: Observed<'_>,
        speech: &Speech<'_>,
        desk: &mut Desk<O>,
    ) {
        let Observed { mut entry, room, .. } = observed;
        let Speech { frame, observation, .. } = speech;
        let Some(payload) = payload(observation, frame.bytes) else { return };
        let from = End::sender(observation.has(Observation::FORWARD));
        match (Talk::of(&observation.key), observation.key.ip_proto) {
            (Some(talk), _) => self.hear_talk(talk, (entry, room), (payload, speech), desk),
            (None, protocol::TCP) => self.hear_stream((entry, room), (payload, speech), desk),
            (None, protocol::UDP) => {
                if Hellos::looks_like(payload)
                    && entry.wants_names(from)
                    && let Some(hello) = self.hellos.hear(&entry, payload, speech.clock)
                {
                    entry.learn(hello, room);
                }
            }
            (None, _) => {}
        }
    }

    /// Listens to what hosts ask the network.
    fn hear_talk<O: Outbox>(
        &mut self,
        talk: Talk,
        (mut entry, room): (Entry<'_>, &mut NameRoom),
        (payload, speech): (&[u8], &Speech<'_>),
        desk: &mut Desk<O>,
    ) {
        let Speech { frame, observation, clock, .. } = *speech;
        let seen = Seen::of(observation, observation.key, entry.flow_id());
        let is_talk = if observation.key.ip_proto == protocol::TCP {
            let mut messages = Vec::new();
            let (handshakes, dns) = (&mut desk.handshakes, Some(&mut messages));
            let mut ear = Ear { entry: entry.again(), room, handshakes, dns };
            ear.hear(&segment(payload, speech));
            for message in &messages {
                self.inquiry.hear_message(message, &seen, clock, &mut desk.draft);
            }
            !messages.is_empty()
        } else {
            let is_piece = observation.has(Observation::FRAGMENT);
            let spoken = Spoken { payload, frame, seen, clock, is_piece };
            self.inquiry.hear(talk, &spoken, &mut desk.draft)
        };
        desk.send_lookups();
        if is_talk {
            entry.speaks(talk.service());
        }
    }

    /// Listens to a stream that may be named.
    fn hear_stream<O>(
        &mut self,
        (entry, room): (Entry<'_>, &mut NameRoom),
        (payload, speech): (&[u8], &Speech<'_>),
        desk: &mut Desk<O>,
    ) {
        let had_agent = entry.user_agent().is_some();
        let mut ear = Ear { entry, room, handshakes: &mut desk.handshakes, dns: None };
        ear.hear(&segment(payload, speech));
        // A flow has one device: its first word is enough.
        if !had_agent && let Some(agent) = ear.entry.user_agent() {
            let device = self.inquiry.device(agent, &speech.frame, speech.observation);
            desk.draft.devices.extend(device);
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

/// What a packet carries, as far as it was captured.
#[inline]
fn payload<'a>(observation: &Observation, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let start = usize::from(observation.payload_at);
    let end = bytes.len().min(start + observation.payload_bytes() as usize);
    bytes.get(start..end)
}

/// A payload and its place in the stream.
fn segment<'a>(payload: &'a [u8], speech: &Speech<'_>) -> Segment<'a> {
    let Speech { observation, clock, sequence, .. } = speech;
    // A SYN takes a number, and data may come with it (RFC 7413).
    let syn = u32::from(observation.tcp_flags & tcp::SYN != 0);
    Segment {
        payload,
        is_whole: payload.len() == observation.payload_bytes() as usize,
        number: sequence.map(|sequence| sequence.number.wrapping_add(syn)),
        from: End::sender(observation.has(Observation::FORWARD)),
        clock: *clock,
    }
}
