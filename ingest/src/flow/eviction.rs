//! Who has to go when a table is full, or nearly: flows of which only one end has spoken, the oldest first; and only if there is none, a silent one.

use crate::flow::expiry::AT_END;
use crate::flow::meter::Meter;
use crate::flow::table::view;
use crate::flow::{Export, FlowTable, Reason};

/// Established flows compared when one must go.
const SAMPLE: usize = 16;
/// One-sided flows passed over because they are busy, when one must go.
const SPARED: usize = 8;
/// How long a one-sided flow may be silent when the table is nearly full.
const FAST_IDLE_NS: i64 = 2_000_000_000;
/// Busy flows passed over in a sweep.
const SPARED_SWEEP: usize = 4_096;

impl FlowTable {
    /// Exports a flow before its time.
    fn evict(&mut self, place: u32, out: &mut impl Export) {
        if self.meter(place).is_some_and(Meter::has_packets) {
            let mut entry = view(&mut self.meters, &mut self.profiles, &self.details, place);
            out.export(&mut entry, Reason::Resources);
        }
        self.evictions += 1;
        self.remove(place);
    }

    /// Makes room for one flow: the oldest one-sided one that is not busy goes, and only if there is none, another.
    pub(super) fn make_room(&mut self, clock: i64, out: &mut impl Export) {
        let mut spared = 0;
        while let Some(place) = self.oldest_one_sided() {
            if spared < SPARED && self.spare(place, clock) {
                spared += 1;
            } else {
                return self.evict(place, out);
            }
        }
        if let Some(place) = self.most_silent(clock) {
            self.evict(place, out);
        }
    }

    /// The first of the one-sided flows; those that were answered leave the queue, each once.
    fn oldest_one_sided(&mut self) -> Option<u32> {
        while let Some(place) = self.one_sided.first() {
            if self.meter(place).is_some_and(|meter| meter.state.is_one_sided()) {
                return Some(place);
            }
            self.links.leave(&mut self.one_sided, place);
        }
        None
    }

    /// Sends a one-sided flow to the end of its queue if it is a stream of packets, and not just a knock.
    fn spare(&mut self, place: u32, clock: i64) -> bool {
        let is_busy = self.meter(place).is_some_and(|meter| {
            meter.packets() > 1 && clock.saturating_sub(meter.last_clock) < FAST_IDLE_NS
        });
        if is_busy {
            self.links.leave(&mut self.one_sided, place);
            self.links.push(&mut self.one_sided, place);
        }
        is_busy
    }

    /// Of some flows that were filed under the earliest deadline, the one silent for longest; all are filed anew.
    fn most_silent(&mut self, clock: i64) -> Option<u32> {
        let mut sample = [None; SAMPLE];
        for taken in &mut sample {
            // Places that were left come up too, each once: they cost nothing but the look.
            *taken = loop {
                match self.wheel.take() {
                    Some(filed) if self.meter(filed & !AT_END).is_none() => {
                        self.refile(filed, clock);
                    }
                    filed => break filed,
                }
            };
        }
        let refiled = sample.into_iter().flatten().filter_map(|filed| {
            let last_clock = self.refile(filed, clock)?;
            Some((last_clock, filed & !AT_END))
        });
        refiled.min().map(|(_, place)| place)
    }

    /// In a table that is nearly full one-sided flows go sooner.
    pub(super) fn relieve(&mut self, clock: i64, out: &mut impl Export) {
        let mut spared = 0;
        while self.len() > self.limits.pressure()
            && spared < SPARED_SWEEP
            && let Some(place) = self.oldest_one_sided()
        {
            let last = self.meter(place).map_or(i64::MIN, |meter| meter.last_clock);
            if clock.saturating_sub(last) >= FAST_IDLE_NS {
                self.evict(place, out);
            } else if self.spare(place, clock) {
                spared += 1;
            } else {
                break;
            }
        }
    }
}
