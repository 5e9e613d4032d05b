//! The flows of one hour in the order in which a probe hands them on.
//!
//! The place of a row is when it was told. What ended by itself has its last packet there, what fell silent half a minute before, and a long flow comes
//! as a part for each minute.

use std::collections::VecDeque;

use schemas::Micros;
use schemas::flow::FlowRow;

use crate::dataset::course::{ACTIVE_US, weigh};
use crate::dataset::flows::Drawing;
use crate::dataset::random::Random;

/// Microseconds of an hour.
pub const HOUR_US: i64 = 3_600_000_000;

/// A flow of which there is more to tell.
struct Long {
    due_us: i64,
    left_us: i64,
    row: FlowRow,
}

/// All rows of an hour, as an iterator.
pub struct HourOfFlows<'a> {
    drawing: &'a Drawing,
    random: Random,
    begin_us: i64,
    rows: i64,
    told: i64,
    /// In the order in which they are due: all wait equally long.
    long: VecDeque<Long>,
}

impl std::fmt::Debug for HourOfFlows<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HourOfFlows").field("told", &self.told).finish_non_exhaustive()
    }
}

impl<'a> HourOfFlows<'a> {
    /// `rows` of them, from `begin_us` on. The same for the same seed, whatever other hours there are.
    pub fn new(drawing: &'a Drawing, seed: u64, begin_us: i64, rows: i64) -> Self {
        let random = Random::of(seed, "flows", begin_us.cast_unsigned());
        Self { drawing, random, begin_us, rows, told: 0, long: VecDeque::new() }
    }

    /// The next part of a long flow.
    fn go_on(&mut self, long: Long, at_us: i64) -> FlowRow {
        let Long { mut row, left_us, .. } = long;
        let random = &mut self.random;
        let start_us = row.flow_end.0 + random.up_to(50_000);
        let length_us = left_us.min(at_us - start_us).max(0);
        row.flow_part += 1;
        (row.flow_start, row.flow_end) = (Micros(start_us), Micros(start_us + length_us));
        row.duration_us = length_us;
        let left_us = left_us - ACTIVE_US;
        row.flow_end_reason = match left_us {
            1.. => "active",
            _ if row.src_tcp_flags.is_some() => "end",
            _ => "idle",
        };
        // As much again, more or less.
        let some = |of: i64, random: &mut Random| of * (50 + random.up_to(100)) / 100;
        let (up, down) = (row.src_payload_bytes, row.dst_payload_bytes);
        let (up, down) = (some(up, random), some(down, random));
        weigh(&mut row, up, Some(down));
        self.wait(&row, left_us, at_us);
        row
    }

    fn wait(&mut self, row: &FlowRow, left_us: i64, at_us: i64) {
        if left_us > 0 {
            let row = row.clone();
            self.long.push_back(Long { due_us: at_us + ACTIVE_US, left_us, row });
        }
    }
}

impl Iterator for HourOfFlows<'_> {
    type Item = FlowRow;

    fn next(&mut self) -> Option<FlowRow> {
        if self.told >= self.rows {
            return None;
        }
        let at_us = self.begin_us + self.told * HOUR_US / self.rows;
        self.told += 1;
        if let Some(long) = self.long.pop_front_if(|long| long.due_us <= at_us) {
            return Some(self.go_on(long, at_us));
        }
        let (row, left_us) = self.drawing.flow((self.begin_us, at_us), &mut self.random)?;
        self.wait(&row, left_us, at_us);
        Some(row)
    }
}
