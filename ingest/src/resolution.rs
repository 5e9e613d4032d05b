//! Which names a client had been given for an address when its flow began: the probe's candidates for evidence, not a judgement.
//!
//! Kept by the single writer, so that the number of lanes changes nothing. Bounded; the oldest answers go first, and that is counted.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use hashbrown::HashMap;
use schemas::Micros;
use schemas::flow::FlowRow;

use crate::hint::Resolved;
use crate::record::micros;

/// Answers kept at a time.
const ANSWERS_MAX: usize = 262_144;
/// Names given on one flow.
const CANDIDATES_MAX: usize = 4;
/// How long after its time to live an answer still counts: applications hold on to addresses.
const GRACE_NS: i64 = 300_000_000_000;
/// Longer times to live are taken for this.
const TTL_MAX_S: u32 = 86_400;
/// Flows whose names are remembered for their later parts.
const FLOWS_MAX: usize = 131_072;

#[derive(Debug, Clone)]
struct Told {
    name: Arc<str>,
    at_ns: i64,
    until_ns: i64,
}

type Pair = (IpAddr, IpAddr);
/// Candidates of a flow, and the time of the newest answer.
type Candidates = (Vec<Arc<str>>, Option<Micros>);

/// What clients were told.
#[derive(Debug)]
pub(crate) struct Resolutions {
    told: HashMap<Pair, Vec<Told>>,
    order: VecDeque<(i64, Pair)>,
    // Names of flows that go on after a record: two generations, the older one dropped when the younger is full.
    going_on: [HashMap<i64, Candidates>; 2],
    hold_ns: i64,
    evictions: u64,
}

impl Resolutions {
    /// `hold_ns`: how long after its beginning the first record of a flow can come.
    pub(crate) fn new(hold_ns: i64) -> Self {
        Self {
            told: HashMap::new(),
            order: VecDeque::new(),
            going_on: [HashMap::new(), HashMap::new()],
            hold_ns,
            evictions: 0,
        }
    }

    /// Takes note of an answer.
    pub(crate) fn learn(&mut self, resolved: Resolved) {
        let lasts = i64::from(resolved.ttl_s.min(TTL_MAX_S)) * 1_000_000_000 + GRACE_NS;
        for address in resolved.addresses {
            let pair = (resolved.client, address);
            while self.order.len() >= ANSWERS_MAX {
                self.drop_oldest();
                self.evictions += 1;
            }
            let until_ns = resolved.ts_ns.saturating_add(lasts);
            self.order.push_back((until_ns, pair));
            self.told.entry(pair).or_default().push(Told {
                name: Arc::clone(&resolved.name),
                at_ns: resolved.ts_ns,
                until_ns,
            });
        }
    }

    fn drop_oldest(&mut self) {
        let Some((until_ns, pair)) = self.order.pop_front() else { return };
        if let Some(told) = self.told.get_mut(&pair) {
            if let Some(position) = told.iter().position(|told| told.until_ns == until_ns) {
                told.remove(position);
            }
            if told.is_empty() {
                self.told.remove(&pair);
            }
        }
    }

    /// Forgets answers that no flow still to come can have begun under.
    pub(crate) fn expire(&mut self, clock: i64) {
        while let Some((until_ns, _)) = self.order.front() {
            if until_ns.saturating_add(self.hold_ns) >= clock {
                break;
            }
            self.drop_oldest();
        }
    }

    /// Fills in the candidates of a record.
    pub(crate) fn name(&mut self, row: &mut FlowRow) {
        if row.flow_part > 0
            && let Some((names, at)) =
                self.going_on.iter().find_map(|flows| flows.get(&row.flow_id))
        {
            row.dns_names.clone_from(names);
            row.dns_names_at = *at;
        } else {
            self.candidates(row);
        }
        if row.flow_end_reason == "active" && !row.dns_names.is_empty() {
            let [young, old] = &mut self.going_on;
            if young.len() >= FLOWS_MAX {
                std::mem::swap(young, old);
                young.clear();
            }
            young.insert(row.flow_id, (row.dns_names.clone(), row.dns_names_at));
        }
    }

    fn candidates(&self, row: &mut FlowRow) {
        let Some(told) = self.told.get(&(row.src_ip, row.dst_ip)) else { return };
        let born_us = row.flow_first_seen.0;
        let mut valid: Vec<&Told> = told
            .iter()
            .filter(|told| micros(told.at_ns).0 <= born_us && born_us <= micros(told.until_ns).0)
            .collect();
        valid.sort_by(|a, b| b.at_ns.cmp(&a.at_ns).then_with(|| a.name.cmp(&b.name)));
        row.dns_names_at = valid.first().map(|told| micros(told.at_ns));
        for told in valid {
            if row.dns_names.len() < CANDIDATES_MAX && !row.dns_names.contains(&told.name) {
                row.dns_names.push(Arc::clone(&told.name));
            }
        }
    }

    /// Answers forgotten early because there were too many, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.evictions
    }
}
