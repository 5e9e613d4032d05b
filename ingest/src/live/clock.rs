//! The machine's two clocks, and how far one was moved against the other.

use std::time::Instant;

use crate::now;

/// A move of the clock smaller than this is the clock being disciplined, not set.
const STEP_NS: i64 = 500_000_000;

/// Where time comes from: the machine, or a test.
pub(crate) trait Clock: Send {
    /// ns since 1970 UTC; can be set.
    fn wall_ns(&self) -> i64;
    /// ns since some moment; cannot.
    fn steady_ns(&self) -> i64;
}

/// The machine's.
#[derive(Debug)]
pub(crate) struct MachineClock {
    since: Instant,
}

impl MachineClock {
    /// Begins now.
    pub(crate) fn new() -> Self {
        Self { since: Instant::now() }
    }
}

impl Clock for MachineClock {
    fn wall_ns(&self) -> i64 {
        now::wall_ns()
    }
    fn steady_ns(&self) -> i64 {
        i64::try_from(self.since.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// Both clocks at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// ns since 1970 UTC.
    pub wall_ns: i64,
    /// ns of the steady clock.
    pub steady_ns: i64,
}

impl Moment {
    /// Now.
    pub(crate) fn of(clock: &dyn Clock) -> Self {
        Self { wall_ns: clock.wall_ns(), steady_ns: clock.steady_ns() }
    }

    /// How far the wall clock was set since an earlier moment, if it was.
    pub(crate) const fn step_since(&self, earlier: &Self) -> Option<i64> {
        let moved = (self.wall_ns - earlier.wall_ns) - (self.steady_ns - earlier.steady_ns);
        if moved.abs() >= STEP_NS { Some(moved) } else { None }
    }
}
