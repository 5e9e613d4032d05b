//! One flow in the table: counters since the last record, and what is known of the flow.

use std::sync::Arc;

use crate::decode::{Detail, protocol};
use crate::flow::room::allocated;
use crate::flow::{Acknowledged, End, FlowKey, Gaps, Heard, Initiator, NameRoom, State};
use crate::hint::{ClientHello, Hint, Ja4};
use crate::names::text::before_nul;
use crate::observation::{Observation, Sequence, tcp};

/// Names kept besides the first.
const FURTHER_NAMES_MAX: usize = 8;
/// Where a name stood that any other outranks: the server said it, and of many.
const CERTIFICATE: &str = "tls_cert";

/// Counters of one direction since the last record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Packets.
    pub packets: u64,
    /// IP-layer octets.
    pub bytes: u64,
    /// Octets of transport payload.
    pub payload_bytes: u64,
    /// OR of TCP flags.
    pub tcp_flags: u8,
}

/// What named the flow; allocated when something does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Protocol seen.
    pub service: Option<&'static str>,
    /// First name of the server.
    pub server_name: Option<Arc<str>>,
    /// Where that stood.
    pub source: Option<&'static str>,
    /// Further names.
    pub further: Vec<Arc<str>>,
    /// First ALPN protocol offered.
    pub alpn: Option<Arc<str>>,
    /// Highest TLS version offered.
    pub tls_version: Option<&'static str>,
    /// Fingerprint of the client hello.
    pub ja4: Option<Ja4>,
    /// Whether ECH was offered.
    pub ech_offered: Option<bool>,
    /// User-Agent of the first request.
    pub user_agent: Option<Arc<str>>,
}

impl Names {
    fn name(&mut self, name: Option<Arc<str>>, source: &'static str) {
        let Some(name) = name else { return };
        // What most programs take for the name, and then all that was sent.
        if source != CERTIFICATE
            && let Some(beginning) = before_nul(&name)
        {
            self.name(Some(beginning.into()), source);
        }
        if self.source == Some(CERTIFICATE) && source != CERTIFICATE {
            let outranked = self.server_name.replace(Arc::clone(&name));
            self.source = Some(source);
            self.further.retain(|other| *other != name);
            let outranked = outranked.filter(|other| *other != name);
            if self.further.len() < FURTHER_NAMES_MAX {
                self.further.splice(..0, outranked);
            }
            return;
        }
        match &self.server_name {
            None => {
                self.server_name = Some(name);
                self.source = Some(source);
            }
            Some(first) if *first == name || self.further.contains(&name) => {}
            Some(_) if self.further.len() < FURTHER_NAMES_MAX => self.further.push(name),
            Some(_) => {}
        }
    }

    /// Octets that hang on it.
    fn octets(&self) -> usize {
        let texts = [&self.server_name, &self.alpn, &self.user_agent].into_iter().flatten();
        let list = match self.further.capacity() {
            0 => 0,
            names => allocated(names * size_of::<Arc<str>>()),
        };
        list + texts.chain(&self.further).map(|text| text_octets(Some(text))).sum::<usize>()
    }

    fn greet(&mut self, hello: ClientHello, service: &'static str, source: &'static str) {
        self.service.get_or_insert(service);
        self.name(hello.server_name, source);
        self.alpn = self.alpn.take().or(hello.alpn);
        // A hello is learned from while it comes: there may be more in it, never less.
        self.tls_version = self.tls_version.or(hello.version);
        self.ja4 = self.ja4.or(hello.ja4);
        self.ech_offered = self.ech_offered.max(Some(hello.ech_offered));
    }

    /// Takes in what a payload said.
    pub fn learn(&mut self, hint: Hint) {
        match hint {
            Hint::Tls(hello) => self.greet(hello, "tls", "tls_sni"),
            Hint::Quic(mut hello) => {
                hello.ja4 = hello.ja4.map(|ja4| ja4.over(b'q'));
                self.greet(hello, "quic", "quic_sni");
            }
            Hint::Dtls(mut hello) => {
                hello.ja4 = hello.ja4.map(|ja4| ja4.over(b'd'));
                self.greet(hello, "dtls", "dtls_sni");
            }
            Hint::Certificate(certificate) => {
                self.service.get_or_insert("tls");
                for name in certificate.names {
                    self.name(Some(name), CERTIFICATE);
                }
            }
            Hint::Http(request) => {
                self.service.get_or_insert("http");
                let source = if request.is_connect { "http_connect" } else { "http_host" };
                self.name(request.target, source);
                self.name(request.host, source);
                self.user_agent = self.user_agent.take().or(request.user_agent);
            }
            Hint::Spoken(spoken) => {
                self.service.get_or_insert(spoken.service);
                self.name(spoken.name, spoken.service);
            }
        }
    }
}

/// A flow. What every packet touches stands first and together: the table is larger than the cache.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct Entry {
    /// Which flow.
    pub key: FlowKey,
    /// What the connection went through.
    pub state: State,
    /// Sender of the first packet.
    pub first: End,
    /// Clock at the last packet.
    pub last_clock: i64,
    /// Clock at the first packet since the last record; `i64::MAX` before it.
    pub part_clock: i64,
    /// Clock when the connection closed; `i64::MAX` before.
    pub closed_clock: i64,
    /// Earliest time since the last record.
    pub start_ns: i64,
    /// Latest time since the last record.
    pub end_ns: i64,
    /// Counters of the lower end.
    pub low: Side,
    /// Counters of the higher end.
    pub high: Side,
    /// How far each end's data was seen.
    pub gaps: Gaps,
    /// Original length of the frames.
    pub wire_bytes: u64,
    /// Octets of the tunnels around the packets.
    pub tunnel_bytes: u64,
    /// Fragments.
    pub fragments: u64,
    /// Octets acknowledged and not seen.
    pub missed_bytes: u64,
    /// Its hash under the table's seed.
    pub hash: u64,
    /// Time of the flow's first packet.
    pub born_ns: i64,
    /// How far its streams have been listened to.
    pub heard: Heard,
    /// Names, once there are any.
    pub names: Option<Box<Names>>,
    /// Link layer, DSCP, ICMP and tunnel of the first packet.
    pub detail: Option<Detail>,
    /// Records made so far.
    pub part: i32,
    /// Decided when the first record is made.
    pub initiator: Option<Initiator>,
}

impl Entry {
    /// A flow before its first packet.
    pub fn new(observation: &Observation, hash: u64, clock: i64) -> Self {
        let first = End::sender(observation.has(Observation::FORWARD));
        Self {
            key: observation.key,
            hash,
            low: Side::default(),
            high: Side::default(),
            wire_bytes: 0,
            tunnel_bytes: 0,
            fragments: 0,
            gaps: Gaps::default(),
            missed_bytes: 0,
            born_ns: observation.ts_ns,
            start_ns: i64::MAX,
            end_ns: i64::MIN,
            part_clock: i64::MAX,
            last_clock: clock,
            closed_clock: i64::MAX,
            state: State::new(first),
            part: 0,
            initiator: None,
            detail: None,
            first,
            names: None,
            heard: Heard::default(),
        }
    }

    /// Adds a packet, with its numbers where it is TCP.
    pub fn observe(
        &mut self,
        observation: &Observation,
        sequence: Option<Sequence>,
        clock: i64,
    ) -> Acknowledged {
        let from = End::sender(observation.has(Observation::FORWARD));
        let side = match from {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        };
        side.packets += 1;
        side.bytes += u64::from(observation.ip_bytes);
        side.payload_bytes += u64::from(observation.payload_bytes());
        side.tcp_flags |= observation.tcp_flags;
        self.wire_bytes += u64::from(observation.wire_bytes);
        self.fragments += u64::from(observation.has(Observation::FRAGMENT));
        self.start_ns = self.start_ns.min(observation.ts_ns);
        self.end_ns = self.end_ns.max(observation.ts_ns);
        self.part_clock = self.part_clock.min(clock);
        self.last_clock = self.last_clock.max(clock);
        self.state.observe(from, observation.tcp_flags);
        if self.closed_clock == i64::MAX && self.state.is_closed() {
            self.closed_clock = clock;
        }
        if self.key.ip_proto != protocol::TCP {
            return Acknowledged::default();
        }
        if observation.tcp_flags & tcp::SYN != 0
            && let Some(sequence) = sequence
        {
            self.heard.begin(from, sequence.number.wrapping_add(1));
        }
        let acknowledged = self.gaps.observe(observation, sequence);
        self.missed_bytes += u64::from(acknowledged.missed);
        acknowledged
    }

    /// Packets since the last record.
    pub const fn packets(&self) -> u64 {
        self.low.packets + self.high.packets
    }

    /// IP-layer octets since the last record.
    pub const fn ip_bytes(&self) -> u64 {
        self.low.bytes + self.high.bytes
    }

    /// Starts the next record.
    pub fn next_part(&mut self) {
        self.low = Side::default();
        self.high = Side::default();
        self.wire_bytes = 0;
        self.tunnel_bytes = 0;
        self.fragments = 0;
        self.missed_bytes = 0;
        self.start_ns = i64::MAX;
        self.end_ns = i64::MIN;
        self.part_clock = i64::MAX;
        self.part += 1;
    }

    /// Whether another payload of an end is worth a look; counts the looks.
    pub fn wants_names(&mut self, of: End) -> bool {
        // Requests follow one another on one connection; hellos do not.
        let service = self.names.as_ref().and_then(|names| names.service);
        !matches!(service, Some("quic" | "dtls"))
            && self.heard.wants(of, matches!(service, Some("http" | "dns")))
    }

    /// What the client's software calls itself, if it did.
    pub fn user_agent(&self) -> Option<&Arc<str>> {
        self.names.as_ref()?.user_agent.as_ref()
    }

    /// Whether the client has named the server.
    pub fn is_named(&self) -> bool {
        let names = self.names.as_ref();
        names.is_some_and(|names| names.source.is_some_and(|source| source != CERTIFICATE))
    }

    /// Whether a client hello was seen to its end.
    pub fn has_hello(&self) -> bool {
        self.names.as_ref().is_some_and(|names| names.ja4.is_some())
    }

    /// Octets that the names take.
    pub fn name_octets(&self) -> usize {
        self.names.as_ref().map_or(0, |names| allocated(size_of::<Names>()) + names.octets())
    }

    /// Takes in what a payload said, if there is room.
    pub fn learn(&mut self, hint: Hint, room: &mut NameRoom) {
        self.change_names(octets_of(&hint), room, |names| names.learn(hint));
    }

    /// Takes note of the protocol spoken, if there is room.
    pub fn speaks(&mut self, service: &'static str, room: &mut NameRoom) {
        if self.names.as_ref().is_none_or(|names| names.service.is_none()) {
            self.change_names(0, room, |names| names.service = Some(service));
        }
    }

    /// Room is taken for all that may come, and what was not needed is given back.
    fn change_names(
        &mut self,
        octets: usize,
        room: &mut NameRoom,
        change: impl FnOnce(&mut Names),
    ) {
        let before = self.name_octets();
        let taken = octets + if before == 0 { allocated(size_of::<Names>()) } else { 0 };
        if room.take(taken) {
            change(self.names.get_or_insert_default());
            room.give_back((before + taken).saturating_sub(self.name_octets()));
        }
    }
}

/// Octets that a text takes.
fn text_octets(text: Option<&Arc<str>>) -> usize {
    text.map_or(0, |text| allocated(2 * size_of::<usize>() + text.len()))
}

/// Octets that a hint may add to the names of a flow: its texts, and the list of further names.
fn octets_of(hint: &Hint) -> usize {
    let texts: [Option<&Arc<str>>; 3] = match hint {
        Hint::Tls(hello) | Hint::Quic(hello) | Hint::Dtls(hello) => {
            [hello.server_name.as_ref(), hello.alpn.as_ref(), None]
        }
        Hint::Http(request) => {
            [request.target.as_ref(), request.host.as_ref(), request.user_agent.as_ref()]
        }
        Hint::Certificate(_) => [None; 3],
        Hint::Spoken(spoken) => [spoken.name.as_ref(), None, None],
    };
    let names: &[Arc<str>] =
        if let Hint::Certificate(certificate) = hint { &certificate.names } else { &[] };
    let texts = texts.into_iter().flatten().chain(names);
    let list = allocated(FURTHER_NAMES_MAX * size_of::<Arc<str>>());
    // A text with a NUL in it may be kept twice: up to there, and all of it.
    let copies = |text: &Arc<str>| 1 + usize::from(before_nul(text).is_some());
    texts.map(|text| copies(text) * text_octets(Some(text))).sum::<usize>() + list
}
