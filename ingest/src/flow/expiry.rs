//! When a flow is cut, and when it is looked at again.

use crate::flow::meter::{Marks, Meter};
use crate::flow::wheel::Wheel;
use crate::flow::{Entry, Export, Limits, Reason};

/// How long after its close a connection waits for stragglers (Zeek's `tcp_close_delay`).
const LINGER_NS: i64 = 5_000_000_000;
/// Filed for the end of a closed connection: a bit that no place has.
pub(super) const AT_END: u32 = 1 << 31;

/// Files a connection that has closed for its end, beside what it is filed for already.
pub(super) fn file_end(entry: &mut Entry<'_>, place: u32, limits: Limits, wheel: &mut Wheel) {
    let marks = &mut entry.meter.marks;
    if marks.has(Marks::CLOSED) && !marks.has(Marks::FILED_END) {
        marks.set(Marks::FILED_END);
        wheel.file(deadline(entry, limits).1, place | AT_END);
    }
}

/// The earliest deadline of a flow that has not closed.
pub(super) fn open_deadline(meter: &Meter, limits: Limits) -> i64 {
    let active = meter.part_clock.saturating_add(limits.active_timeout_ns);
    active.min(meter.last_clock.saturating_add(limits.idle_timeout_ns))
}

/// The earliest deadline of a flow and what it means. The active time-out wins a tie.
pub(super) fn deadline(entry: &Entry<'_>, limits: Limits) -> (Reason, i64) {
    let Entry { meter, profile, .. } = entry;
    let active = meter.part_clock.saturating_add(limits.active_timeout_ns);
    let end = meter.closed_clock(profile.closed_ms).saturating_add(LINGER_NS);
    let idle = meter.last_clock.saturating_add(limits.idle_timeout_ns);
    let (reason, last) = if end <= idle { (Reason::End, end) } else { (Reason::Idle, idle) };
    if active <= last { (Reason::Active, active) } else { (reason, last) }
}

/// Makes the records that are due, in the order of their deadlines; whether the flow has ended.
pub(super) fn cut(
    entry: &mut Entry<'_>,
    limits: Limits,
    clock: i64,
    out: &mut impl Export,
) -> bool {
    loop {
        let (reason, at) = deadline(entry, limits);
        if clock < at {
            return false;
        }
        if entry.meter.has_packets() {
            out.export(entry, reason);
        }
        if reason != Reason::Active {
            return true;
        }
        entry.next_part();
    }
}
