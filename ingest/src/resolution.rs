//! Which names a client had been given for an address when its flow began: the probe's candidates for evidence, not a judgement.
//!
//! Kept by the single writer, so that the number of lanes changes nothing. Answers that repeat within a minute are one, and one that a later answer has
//! replaced goes as soon as no flow can still come that began before it. Bounded; what ends soonest goes first, and that is counted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;

use hashbrown::HashMap;
use schemas::flow::FlowRow;
use schemas::{Micros, Text};
use smallvec::SmallVec;

use crate::hint::Resolved;
use crate::record::micros;

/// Answers kept at a time.
const ANSWERS_MAX: usize = 262_144;
/// Of these, for one client and one address.
const PAIR_MAX: usize = 64;
/// Names given on one flow.
const CANDIDATES_MAX: usize = 4;
/// Answers of the same minute that say the same are one, of the time of the first.
const MINUTE_NS: i64 = 60_000_000_000;
/// How long after its time to live an answer still counts: applications hold on to addresses.
const GRACE_NS: i64 = 300_000_000_000;
/// Longer times to live are taken for this.
const TTL_MAX_S: u32 = 86_400;
/// Flows whose names are remembered for their later parts.
const FLOWS_MAX: usize = 131_072;

#[derive(Debug, Clone)]
struct Told {
    name: Text,
    at_ns: i64,
    until_ns: i64,
    /// Which of the ends waited for is this one's.
    id: u64,
}

type Pair = (IpAddr, IpAddr);
/// Candidates of a flow, and the time of the newest answer.
type Candidates = (Vec<Text>, Option<Micros>);

/// What clients were told.
#[derive(Debug)]
pub(crate) struct Resolutions {
    told: HashMap<Pair, SmallVec<[Told; 1]>>,
    /// One for each answer, perhaps of an end that was put off meanwhile.
    ends: BinaryHeap<Reverse<(i64, u64, Pair)>>,
    ids: u64,
    // Names of flows that go on after a record: two generations, the older one dropped when the younger is full or has lasted as long as it can be needed.
    going_on: [HashMap<i64, Candidates>; 2],
    next_generation: i64,
    hold_ns: i64,
    evictions: u64,
}

impl Resolutions {
    /// `hold_ns`: how long after its beginning the first record of a flow can come.
    pub(crate) fn new(hold_ns: i64) -> Self {
        Self {
            told: HashMap::new(),
            ends: BinaryHeap::new(),
            ids: 0,
            going_on: [HashMap::new(), HashMap::new()],
            next_generation: i64::MIN,
            hold_ns,
            evictions: 0,
        }
    }

    /// Takes note of an answer.
    pub(crate) fn learn(&mut self, resolved: &Resolved) {
        let lasts = i64::from(resolved.ttl_s.min(TTL_MAX_S)) * 1_000_000_000 + GRACE_NS;
        for address in &resolved.addresses {
            self.ids += 1;
            let new = Told {
                name: resolved.name.clone(),
                at_ns: resolved.ts_ns,
                until_ns: resolved.ts_ns.saturating_add(lasts),
                id: self.ids,
            };
            self.add((resolved.client, *address), new);
        }
    }

    fn add(&mut self, pair: Pair, mut new: Told) {
        let told = self.told.entry(pair).or_default();
        prolong(told, &mut new);
        if let Some(same) = same_minute(told, &new) {
            same.at_ns = same.at_ns.min(new.at_ns);
            same.until_ns = same.until_ns.max(new.until_ns);
        } else if let Some(old) = outlived(told, &new.name, new.at_ns.saturating_sub(self.hold_ns))
        {
            *old = Told { id: old.id, ..new };
        } else if told.len() >= PAIR_MAX {
            self.evictions += 1;
            if let Some(first) = told.iter_mut().min_by_key(|told| (told.until_ns, told.at_ns)) {
                *first = Told { id: first.id, ..new };
            }
        } else {
            self.ends.push(Reverse((new.until_ns, new.id, pair)));
            told.push(new);
            while self.ends.len() > ANSWERS_MAX {
                self.evictions += u64::from(self.drop_first());
            }
        }
    }

    /// Drops what ends first; `false` if its end was only put off.
    fn drop_first(&mut self) -> bool {
        let Some(Reverse((end_ns, id, pair))) = self.ends.pop() else { return false };
        let Some(told) = self.told.get_mut(&pair) else { return false };
        let Some(at) = told.iter().position(|told| told.id == id) else { return false };
        if let Some(later) = told.get(at).map(|told| told.until_ns).filter(|until| *until > end_ns)
        {
            self.ends.push(Reverse((later, id, pair)));
            return false;
        }
        told.swap_remove(at);
        if told.is_empty() {
            self.told.remove(&pair);
        }
        true
    }

    /// Forgets answers that no flow still to come can have begun under.
    pub(crate) fn expire(&mut self, clock: i64) {
        while let Some(Reverse((end_ns, ..))) = self.ends.peek() {
            if end_ns.saturating_add(self.hold_ns) >= clock {
                break;
            }
            self.drop_first();
        }
        if clock >= self.next_generation {
            self.begin_generation();
            self.next_generation = clock.saturating_add(self.hold_ns);
        }
    }

    fn begin_generation(&mut self) {
        let [young, old] = &mut self.going_on;
        std::mem::swap(young, old);
        young.clear();
    }

    /// Fills in the candidates of a record.
    pub(crate) fn name(&mut self, row: &mut FlowRow) {
        let known = if row.flow_part > 0 { self.remembered(row.flow_id).cloned() } else { None };
        (row.dns_names, row.dns_names_at) =
            known.unwrap_or_else(|| self.candidates((row.src_ip, row.dst_ip), row.flow_first_seen));
        if row.flow_end_reason == "active" && !row.dns_names.is_empty() {
            self.remember(row.flow_id, (row.dns_names.clone(), row.dns_names_at));
        }
    }

    fn remembered(&self, flow_id: i64) -> Option<&Candidates> {
        self.going_on.iter().find_map(|flows| flows.get(&flow_id))
    }

    fn remember(&mut self, flow_id: i64, candidates: Candidates) {
        if self.going_on.first().is_some_and(|young| young.len() >= FLOWS_MAX) {
            self.begin_generation();
        }
        let [young, _] = &mut self.going_on;
        young.insert(flow_id, candidates);
    }

    fn candidates(&self, pair: Pair, born: Micros) -> Candidates {
        let Some(told) = self.told.get(&pair) else { return Candidates::default() };
        let born_us = born.0;
        // Of each name: when it was last told before the flow, and how long that lasts.
        let mut known: Vec<(&Text, i64, i64)> = Vec::new();
        for Told { name, at_ns, until_ns, .. } in told {
            if micros(*at_ns).0 > born_us {
                continue;
            }
            match known.iter_mut().find(|(other, ..)| *other == name) {
                Some((_, at, until)) => {
                    (*at, *until) = ((*at).max(*at_ns), (*until).max(*until_ns));
                }
                None => known.push((name, *at_ns, *until_ns)),
            }
        }
        known.retain(|(_, _, until)| born_us <= micros(*until).0);
        known.sort_by(|(a, a_at, _), (b, b_at, _)| b_at.cmp(a_at).then_with(|| a.cmp(b)));
        let newest = known.first().map(|(_, at, _)| micros(*at));
        (known.iter().take(CANDIDATES_MAX).map(|&(name, ..)| name.clone()).collect(), newest)
    }

    /// Answers forgotten early because there were too many, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.evictions
    }
}

/// The answer of the same minute that says the same.
fn same_minute<'a>(told: &'a mut [Told], new: &Told) -> Option<&'a mut Told> {
    let minute = new.at_ns.div_euclid(MINUTE_NS);
    told.iter_mut().find(|told| told.at_ns.div_euclid(MINUTE_NS) == minute && told.name == new.name)
}

/// A newer answer for a name lasts at least as long as an older one: the name stays known, of the newer one's time.
fn prolong(told: &mut [Told], new: &mut Told) {
    for told in told {
        if told.name != new.name {
            continue;
        }
        if told.at_ns <= new.at_ns {
            new.until_ns = new.until_ns.max(told.until_ns);
        } else {
            told.until_ns = told.until_ns.max(new.until_ns);
        }
    }
}

/// The oldest answer for a name if another came after it and before `from_ns`: whatever is still to be named began later.
fn outlived<'a>(told: &'a mut [Told], name: &str, from_ns: i64) -> Option<&'a mut Told> {
    let ours = || told.iter().filter(|told| &*told.name == name).map(|told| told.at_ns);
    let oldest = ours().min()?;
    ours().any(|at_ns| oldest < at_ns && at_ns < from_ns).then_some(())?;
    told.iter_mut().find(|told| told.at_ns == oldest && &*told.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const HOLD_NS: i64 = 100 * SECOND;
    const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));

    fn answer(name: &str, at_s: i64, ttl_s: u32) -> Resolved {
        Resolved {
            client: CLIENT,
            name: name.into(),
            addresses: vec![SERVER],
            ts_ns: at_s * SECOND,
            ttl_s,
        }
    }

    fn named(resolutions: &Resolutions, born_s: i64) -> (Vec<Text>, Option<i64>) {
        let (names, at) = resolutions.candidates((CLIENT, SERVER), micros(born_s * SECOND));
        (names, at.map(|at| at.0 / 1_000_000))
    }

    /// What the answers say of a flow, from all of them at once.
    fn told(answers: &[(usize, i64, u32)], born_s: i64) -> (Vec<Text>, Option<i64>) {
        let mut minutes: BTreeMap<(usize, i64), (i64, i64)> = BTreeMap::new();
        for (name, at, ttl) in answers {
            let until = at + i64::from(*ttl) + 300;
            let first = minutes.entry((*name, at / 60)).or_insert((*at, until));
            *first = (first.0.min(*at), first.1.max(until));
        }
        let mut names: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
        for ((name, _), (at, until)) in minutes.into_iter().filter(|(_, (at, _))| *at <= born_s) {
            let newest = names.entry(name).or_insert((at, until));
            *newest = (newest.0.max(at), newest.1.max(until));
        }
        let mut names: Vec<_> =
            names.into_iter().filter(|(_, (_, until))| born_s <= *until).collect();
        names.sort_by_key(|(name, (at, _))| (-at, *name));
        let newest = names.first().map(|(_, (at, _))| *at);
        (names.iter().take(4).map(|(name, _)| format!("n{name}").into()).collect(), newest)
    }

    proptest! {
        #[test]
        fn all_that_can_still_be_asked_is_remembered(
            mut answers in prop::collection::vec((0..6_usize, 0..4_000_i64, prop_oneof![0..90_u32, Just(900)]), 0..120),
            flows in prop::collection::vec((0..120_usize, 0..100_i64), 40),
        ) {
            answers.sort_by_key(|(_, at, _)| *at);
            let mut resolutions = Resolutions::new(HOLD_NS);
            for (at, (name, at_s, ttl_s)) in answers.iter().enumerate() {
                resolutions.expire(at_s * SECOND);
                resolutions.learn(&answer(&format!("n{name}"), *at_s, *ttl_s));
                // Flows that began as long ago as they may have.
                for (_, ago) in flows.iter().filter(|(after, _)| *after == at) {
                    let born_s = at_s - ago;
                    prop_assert_eq!(named(&resolutions, born_s), told(&answers[..=at], born_s));
                }
            }
        }
    }

    #[test]
    fn who_asks_again_and_again_costs_no_more() {
        let mut resolutions = Resolutions::new(HOLD_NS);
        for second in 0..86_400 {
            resolutions.learn(&answer("again.example", second, 3_600));
            resolutions.expire(second * SECOND);
            assert!(resolutions.ends.len() <= 5, "{} after {second} s", resolutions.ends.len());
        }
        assert_eq!(resolutions.evictions(), 0);
        assert_eq!(named(&resolutions, 86_399), (vec!["again.example".into()], Some(86_340)));
    }

    #[test]
    fn flows_that_went_on_are_remembered_for_as_long_as_they_can() {
        let mut resolutions = Resolutions::new(HOLD_NS);
        let candidates = (vec!["on.example".into()], None);
        for second in 0..10_000 {
            resolutions.expire(second * SECOND);
            resolutions.remember(second, candidates.clone());
            let oldest = (second - HOLD_NS / SECOND).max(0);
            assert_eq!(resolutions.remembered(oldest), Some(&candidates));
            let kept: usize = resolutions.going_on.iter().map(HashMap::len).sum();
            assert!(kept <= 201, "{kept}");
        }
    }

    #[test]
    fn many_names_for_one_address_push_each_other_out_and_are_counted() {
        let mut resolutions = Resolutions::new(HOLD_NS);
        for name in 0..1_000 {
            resolutions.learn(&answer(&format!("n{name}.example"), name, 60));
        }
        assert_eq!(resolutions.ends.len(), PAIR_MAX);
        assert_eq!(resolutions.evictions(), 1_000 - PAIR_MAX as u64);
        let (names, at) = named(&resolutions, 1_000);
        assert_eq!((&*names[0], at), ("n999.example", Some(999)));
    }

    #[test]
    fn what_has_ended_is_forgotten() {
        let mut resolutions = Resolutions::new(HOLD_NS);
        resolutions.learn(&answer("long.example", 0, 86_400));
        resolutions.learn(&answer("short.example", 0, 60));
        resolutions.expire((360 + 100) * SECOND);
        assert_eq!(resolutions.ends.len(), 2);
        resolutions.expire((360 + 101) * SECOND);
        assert_eq!(resolutions.ends.len(), 1, "a longer one before it keeps nothing");
    }
}
