//! DNS questions and their answers, brought together into one row each.

use std::collections::VecDeque;
use std::net::IpAddr;

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;
use schemas::dns::DnsRow;
use schemas::{Text, address_text};

use crate::flow::FlowKey;
use crate::hint::{DnsData, DnsMessage, Resolved};
use crate::names::dns::type_name;
use crate::observation::Observation;
use crate::record::micros;
use crate::rows::Rows;

/// Questions that wait for an answer at a time.
const WAITING_MAX: usize = 65_536;
/// How long they wait: resolvers give up after 5 to 10 s.
const PATIENCE_NS: i64 = 10_000_000_000;

/// Where a message was seen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// Its flow.
    pub key: FlowKey,
    /// The id of that flow.
    pub flow_id: i64,
    /// Sender.
    pub from: IpAddr,
    /// Receiver.
    pub to: IpAddr,
    /// Time of the packet, ns.
    pub ts_ns: i64,
}

impl Seen {
    /// Of a packet of the flow.
    pub(crate) fn of(observation: &Observation, key: FlowKey, flow_id: i64) -> Self {
        let (low, high) = (key.low.ip(key.ip_version), key.high.ip(key.ip_version));
        let is_forward = observation.has(Observation::FORWARD);
        let (from, to) = if is_forward { (low, high) } else { (high, low) };
        Self { key, flow_id, from, to, ts_ns: observation.ts_ns }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    key: FlowKey,
    id: u16,
    query: Text,
    query_type: u16,
}

/// Who asked whom, and when.
#[derive(Debug)]
struct Asked {
    client_ip: IpAddr,
    resolver_ip: IpAddr,
    ts_ns: i64,
    flow_id: i64,
    clock: i64,
}

impl Asked {
    fn of(seen: &Seen, (client_ip, resolver_ip): (IpAddr, IpAddr), clock: i64) -> Self {
        Self { client_ip, resolver_ip, ts_ns: seen.ts_ns, flow_id: seen.flow_id, clock }
    }

    /// The row of a question that nobody has answered.
    fn unanswered(&self, question: Question, sensor: &Text) -> DnsRow {
        DnsRow {
            ts: micros(self.ts_ns),
            client_ip: self.client_ip,
            resolver_ip: self.resolver_ip,
            query: question.query,
            query_type: type_name(question.query_type),
            rcode: None,
            answers: Vec::new(),
            answer_ttls: Vec::new(),
            answer_ech: None,
            rtt_us: None,
            sensor_id: sensor.clone(),
            flow_id: self.flow_id,
        }
    }
}

/// Questions waiting for their answers.
#[derive(Debug)]
pub(crate) struct Dialogue {
    sensor: Text,
    waiting: HashMap<Question, Asked>,
    order: VecDeque<(i64, Question)>,
    evictions: u64,
}

impl Dialogue {
    /// Nothing asked yet.
    pub(crate) fn new(sensor: Text) -> Self {
        Self { sensor, waiting: HashMap::new(), order: VecDeque::new(), evictions: 0 }
    }

    /// Takes a message; rows that are complete go to `rows`, what an answer tells its client is returned.
    pub(crate) fn hear(
        &mut self,
        message: &DnsMessage,
        seen: &Seen,
        clock: i64,
        rows: &mut Rows<DnsRow>,
    ) -> Option<Resolved> {
        let question = Question {
            key: seen.key,
            id: message.id,
            query: message.query.clone(),
            query_type: message.query_type,
        };
        if !message.response {
            self.ask(question, seen, clock, rows);
            return None;
        }
        let asked = self.waiting.remove(&question);
        let rtt_us = asked.as_ref().map(|asked| (seen.ts_ns - asked.ts_ns).max(0) / 1_000);
        let asked = asked.unwrap_or_else(|| Asked::of(seen, (seen.to, seen.from), clock));
        let mut row = asked.unanswered(question, &self.sensor);
        (row.answer_ech, row.rtt_us) = (message.ech, rtt_us);
        row.rcode = Some(i32::from(message.rcode));
        row.answers.reserve_exact(message.answers.len());
        row.answer_ttls.reserve_exact(message.answers.len());
        for answer in &message.answers {
            row.answers.push(match &answer.data {
                DnsData::Address(address) => address_text(*address),
                DnsData::Name(name) => name.clone(),
                DnsData::Other(kind) => type_name(*kind),
            });
            row.answer_ttls.push(i64::from(answer.ttl_s));
        }
        rows.push(row);
        resolved(message, seen)
    }

    fn ask(&mut self, question: Question, seen: &Seen, clock: i64, rows: &mut Rows<DnsRow>) {
        // What was answered stands in the order until its time has come: that is bounded too.
        while self.waiting.len() >= WAITING_MAX || self.order.len() >= 2 * WAITING_MAX {
            let Some((since, oldest)) = self.order.pop_front() else { break };
            self.evictions += u64::from(self.give_up(since, &oldest, rows));
        }
        let asked = Asked::of(seen, (seen.from, seen.to), clock);
        self.order.push_back((clock, question.clone()));
        match self.waiting.entry(question) {
            // Asked again before an answer came: the first question is a row without answer.
            Entry::Occupied(mut there) => {
                let earlier = there.insert(asked);
                rows.push(earlier.unanswered(there.key().clone(), &self.sensor));
            }
            Entry::Vacant(place) => {
                place.insert(asked);
            }
        }
    }

    fn give_up(&mut self, since: i64, question: &Question, rows: &mut Rows<DnsRow>) -> bool {
        if self.waiting.get(question).is_none_or(|asked| asked.clock != since) {
            return false;
        }
        let given_up = self.waiting.remove_entry(question);
        rows.extend(given_up.map(|(question, asked)| asked.unanswered(question, &self.sensor)));
        true
    }

    /// Gives up on questions that have waited too long.
    pub(crate) fn sweep(&mut self, clock: i64, rows: &mut Rows<DnsRow>) {
        while let Some((since, _)) = self.order.front() {
            if clock - since < PATIENCE_NS {
                break;
            }
            if let Some((since, question)) = self.order.pop_front() {
                self.give_up(since, &question, rows);
            }
        }
    }

    /// Gives up on all questions.
    pub(crate) fn flush(&mut self, rows: &mut Rows<DnsRow>) {
        while let Some((since, question)) = self.order.pop_front() {
            self.give_up(since, &question, rows);
        }
    }

    /// Questions given up early because too many waited, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.evictions
    }
}

/// What an answer tells the client: the addresses at the end of the chain, for as long as its shortest-lived record.
fn resolved(message: &DnsMessage, seen: &Seen) -> Option<Resolved> {
    let addresses: Vec<IpAddr> = message
        .answers
        .iter()
        .filter_map(|answer| match answer.data {
            DnsData::Address(address) => Some(address),
            _ => None,
        })
        .collect();
    if message.rcode != 0 || addresses.is_empty() {
        return None;
    }
    let ttl_s = message.answers.iter().map(|answer| answer.ttl_s).min()?;
    let name = message.query.clone();
    Some(Resolved { client: seen.to, name, addresses, ts_ns: seen.ts_ns, ttl_s })
}
