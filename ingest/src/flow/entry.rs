//! One flow in the table: counters since the last record, and what is known of the flow.

use std::sync::Arc;

use crate::decode::{Detail, protocol};
use crate::flow::{End, FlowKey, Initiator, State};
use crate::hint::Hint;
use crate::observation::Observation;

/// Names kept besides the first.
const FURTHER_NAMES_MAX: usize = 8;
/// Payloads looked into before a flow counts as nameless.
const LOOKS_MAX: u8 = 8;

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
    /// Whether ECH was offered.
    pub ech_offered: Option<bool>,
    /// User-Agent of the first request.
    pub user_agent: Option<Arc<str>>,
}

impl Names {
    fn name(&mut self, name: Option<Arc<str>>, source: &'static str) {
        let Some(name) = name else { return };
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

    /// Takes in what a payload said.
    pub fn learn(&mut self, hint: Hint) {
        match hint {
            Hint::Tls(hello) => {
                self.service.get_or_insert("tls");
                self.name(hello.server_name, "tls_sni");
                self.alpn = self.alpn.take().or(hello.alpn);
                self.tls_version = self.tls_version.or(hello.version);
                self.ech_offered = self.ech_offered.or(Some(hello.ech_offered));
            }
            Hint::Http(request) => {
                self.service.get_or_insert("http");
                self.name(request.host, "http_host");
                self.user_agent = self.user_agent.take().or(request.user_agent);
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
    looks: u8,
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
    /// Original length of the frames.
    pub wire_bytes: u64,
    /// Fragments.
    pub fragments: u64,
    /// Its hash under the table's seed.
    pub hash: u64,
    /// Time of the flow's first packet.
    pub born_ns: i64,
    /// Names, once there are any.
    pub names: Option<Box<Names>>,
    /// Link layer, DSCP, ICMP and tunnel of the first packet.
    pub detail: Option<Box<Detail>>,
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
            fragments: 0,
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
            looks: 0,
        }
    }

    /// Adds a packet.
    pub fn observe(&mut self, observation: &Observation, clock: i64) {
        let from = End::sender(observation.has(Observation::FORWARD));
        let side = match from {
            End::Low => &mut self.low,
            End::High => &mut self.high,
        };
        side.packets += 1;
        side.bytes += u64::from(observation.ip_bytes);
        side.payload_bytes += u64::from(observation.payload_bytes);
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
        self.fragments = 0;
        self.start_ns = i64::MAX;
        self.end_ns = i64::MIN;
        self.part_clock = i64::MAX;
        self.part += 1;
    }

    /// Whether another payload is worth a look; counts the looks.
    pub fn wants_names(&mut self) -> bool {
        if self.key.ip_proto != protocol::TCP {
            return false;
        }
        // Requests follow one another on one connection; hellos do not.
        let is_http = self.names.as_ref().is_some_and(|names| names.service == Some("http"));
        if self.looks >= LOOKS_MAX && !is_http {
            return false;
        }
        self.looks = self.looks.saturating_add(1);
        true
    }

    /// Takes in what a payload said.
    pub fn learn(&mut self, hint: Hint) {
        self.names.get_or_insert_default().learn(hint);
    }
}
