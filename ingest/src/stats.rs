//! What a running probe shows every second, as text: made from two readings of its numbers and the time between them, and nothing else.

use std::fmt::Write as _;
use std::time::Duration;

use crate::metrics::{LaneMetrics, Metrics};

/// Lanes shown one by one; a terminal has only so many lines.
const LANES_SHOWN: usize = 16;

/// A reading of a lane's numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneReading {
    /// Frames seen.
    pub packets: u64,
    /// Their octets.
    pub wire_bytes: u64,
    /// Packets the kernel dropped.
    pub drops: u64,
    /// Rows of `flows` made.
    pub rows: u64,
    /// Flows in the table.
    pub flows: u64,
    /// Flows it can hold.
    pub capacity: u64,
    /// Packets counted by the kernel, not yet handed over.
    pub pending: u64,
}

/// A reading of all numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Interface.
    pub interface: String,
    /// Kind of source.
    pub backend: &'static str,
    /// Whether the link is up.
    pub is_up: bool,
    /// Each lane.
    pub lanes: Vec<LaneReading>,
    /// Octets in the spool.
    pub spool_bytes: u64,
    /// Octets free where the store is.
    pub disk_free_bytes: u64,
    /// Finished rows dropped.
    pub rows_lost: u64,
    /// Gaps in the ledger.
    pub gaps: u64,
    /// Difference of the ledger so far.
    pub balance_error: i64,
}

impl Snapshot {
    /// Reads all numbers now.
    pub fn of(metrics: &Metrics) -> Self {
        Self {
            interface: metrics.interface.clone(),
            backend: metrics.backend,
            is_up: metrics.link_up.get() > 0,
            lanes: metrics.lanes.iter().map(LaneReading::of).collect(),
            spool_bytes: unsigned(metrics.spool_bytes.get()),
            disk_free_bytes: unsigned(metrics.disk_free_bytes.get()),
            rows_lost: metrics.disk.rows_lost.get(),
            gaps: metrics.gaps.get(),
            balance_error: metrics.balance_error.get(),
        }
    }

    fn total(&self) -> LaneReading {
        self.lanes.iter().fold(LaneReading::default(), |sum, lane| LaneReading {
            packets: sum.packets + lane.packets,
            wire_bytes: sum.wire_bytes + lane.wire_bytes,
            drops: sum.drops + lane.drops,
            rows: sum.rows + lane.rows,
            flows: sum.flows + lane.flows,
            capacity: sum.capacity + lane.capacity,
            pending: sum.pending + lane.pending,
        })
    }
}

impl LaneReading {
    fn of(lane: &LaneMetrics) -> Self {
        Self {
            packets: lane.counters.packets_seen.get(),
            wire_bytes: lane.counters.wire_bytes.get(),
            drops: lane.counters.kernel_drops.get(),
            rows: lane.counters.rows_exported.get(),
            flows: unsigned(lane.table_entries.get()),
            capacity: unsigned(lane.table_capacity.get()),
            pending: unsigned(lane.ring_pending.get()),
        }
    }
}

/// Counts of things are never below 0.
fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

/// How the text is meant to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Letters only.
    Plain,
    /// What was lost stands out.
    Coloured,
}

/// A table of a few lines: each lane, the total, the disk.
pub fn frame(before: &Snapshot, after: &Snapshot, elapsed: Duration, look: Look) -> String {
    let mut text = String::new();
    let state = if after.is_up { "link up" } else { "link down" };
    let state = if after.is_up { state.to_owned() } else { alarm(state, look) };
    // Writing to a string does not fail.
    let _ = writeln!(text, "{} ({}), {state}", after.interface, after.backend);
    let _ = writeln!(
        text,
        "lane   packets/s    bits/s      flows  table  drops/s       drops  pending  rows/s"
    );
    for (number, lane) in after.lanes.iter().enumerate().take(LANES_SHOWN) {
        let old = before.lanes.get(number).copied().unwrap_or_default();
        row(&mut text, &number.to_string(), &Rates::of(&old, lane, elapsed), look);
    }
    if let Some(more) = after.lanes.len().checked_sub(LANES_SHOWN + 1) {
        let _ = writeln!(text, "and {} lanes more", more + 1);
    }
    row(&mut text, "all", &Rates::of(&before.total(), &after.total(), elapsed), look);
    let flag = |text: String, is_bad: bool| if is_bad { alarm(&text, look) } else { text };
    let lost = flag(format!("rows lost {}", after.rows_lost), after.rows_lost > 0);
    let gaps = flag(format!("gaps {}", after.gaps), after.gaps > 0);
    let balance = flag(format!("balance {}", after.balance_error), after.balance_error != 0);
    let (spool, free) = (octets(after.spool_bytes), octets(after.disk_free_bytes));
    let _ = writeln!(text, "spool {spool}  disk free {free}  {lost}  {gaps}  {balance}");
    text
}

/// The total on one line, for logs.
pub fn line(before: &Snapshot, after: &Snapshot, elapsed: Duration) -> String {
    let rates = Rates::of(&before.total(), &after.total(), elapsed);
    let now = &rates.now;
    format!(
        "{}: packets/s {} bits/s {} flows {} table {}% drops/s {} drops {} pending {} rows/s {} spool {} free {} rows-lost {} gaps {} balance {}",
        after.interface,
        rates.packets,
        rates.bits,
        now.flows,
        rates.fill(),
        rates.drops,
        now.drops,
        now.pending,
        rates.rows,
        after.spool_bytes,
        after.disk_free_bytes,
        after.rows_lost,
        after.gaps,
        after.balance_error,
    )
}

/// What came a second, and what is.
struct Rates {
    packets: u64,
    bits: u64,
    drops: u64,
    rows: u64,
    now: LaneReading,
}

impl Rates {
    fn of(old: &LaneReading, now: &LaneReading, elapsed: Duration) -> Self {
        let rate = |old: u64, now: u64| {
            let ns = elapsed.as_nanos().max(1);
            let grown = u128::from(now.saturating_sub(old)) * 1_000_000_000;
            u64::try_from((grown + ns / 2) / ns).unwrap_or(u64::MAX)
        };
        Self {
            packets: rate(old.packets, now.packets),
            bits: rate(old.wire_bytes, now.wire_bytes).saturating_mul(8),
            drops: rate(old.drops, now.drops),
            rows: rate(old.rows, now.rows),
            now: *now,
        }
    }

    /// How full the table is, percent.
    fn fill(&self) -> u64 {
        (self.now.flows * 100).checked_div(self.now.capacity).unwrap_or_default()
    }
}

fn row(text: &mut String, name: &str, rates: &Rates, look: Look) {
    let Rates { packets, bits, drops, rows, now } = rates;
    let (drops_now, drops_ever) = (format!("{:>7}", scaled(*drops)), format!("{:>10}", now.drops));
    let drops_now = if *drops > 0 { alarm(&drops_now, look) } else { drops_now };
    let drops_ever = if now.drops > 0 { alarm(&drops_ever, look) } else { drops_ever };
    let _ = writeln!(
        text,
        "{name:>4}{:>12}{:>10}{:>11}{:>6}%  {drops_now}  {drops_ever}{:>9}{:>8}",
        scaled(*packets),
        scaled(*bits),
        now.flows,
        rates.fill(),
        scaled(now.pending),
        scaled(*rows),
    );
}

/// A text that should be seen.
fn alarm(text: &str, look: Look) -> String {
    match look {
        Look::Plain => text.to_owned(),
        Look::Coloured => format!("\u{1b}[31;1m{text}\u{1b}[0m"),
    }
}

/// A number in at most five places: 999, 1.23k, 45.6M.
fn scaled(value: u64) -> String {
    shortened(value, 1000, &["", "k", "M", "G", "T", "P", "E"])
}

fn octets(value: u64) -> String {
    shortened(value, 1024, &[" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"])
}

/// Three places of a number and its unit; cut, not rounded, so that it never shows more than there is.
fn shortened(value: u64, step: u64, units: &[&str]) -> String {
    let (mut unit, mut size) = (0, 1_u64);
    while unit + 1 < units.len() && value / size >= step {
        (unit, size) = (unit + 1, size * step);
    }
    let name = units.get(unit).copied().unwrap_or_default();
    let (whole, rest) = (value / size, u128::from(value % size));
    let part = |tenths: u128| rest * tenths / u128::from(size);
    match whole {
        _ if unit == 0 => format!("{whole}{name}"),
        0..10 => format!("{whole}.{:02}{name}", part(100)),
        10..100 => format!("{whole}.{}{name}", part(10)),
        _ => format!("{whole}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readings() -> (Snapshot, Snapshot) {
        let lane = LaneReading { capacity: 1000, ..LaneReading::default() };
        let before = Snapshot {
            interface: "eth0".to_owned(),
            backend: "tpacket_v3",
            is_up: true,
            lanes: vec![lane, LaneReading { drops: 3, ..lane }],
            disk_free_bytes: 5 << 30,
            ..Snapshot::default()
        };
        let mut after = before.clone();
        after.lanes[0] = LaneReading {
            packets: 2_469_000,
            wire_bytes: 1_234_567_890,
            rows: 1998,
            flows: 455,
            pending: 12_345,
            ..lane
        };
        after.lanes[1].drops = 13;
        after.spool_bytes = 13_000_000;
        (before, after)
    }

    #[test]
    fn a_table_of_lanes() {
        let (before, after) = readings();
        let expected = "\
eth0 (tpacket_v3), link up
lane   packets/s    bits/s      flows  table  drops/s       drops  pending  rows/s
   0       1.23M     4.93G        455    45%        0           0    12.3k     999
   1           0         0          0     0%        5          13        0       0
 all       1.23M     4.93G        455    22%        5          13    12.3k     999
spool 12.3 MiB  disk free 5.00 GiB  rows lost 0  gaps 0  balance 0
";
        assert_eq!(frame(&before, &after, Duration::from_secs(2), Look::Plain), expected);
    }

    #[test]
    fn colours_flag_losses_only_and_move_nothing() {
        let (before, mut after) = readings();
        let calm = frame(&before, &before.clone(), Duration::from_secs(1), Look::Coloured);
        // The three drops of before are still drops.
        assert_eq!(calm.matches("\u{1b}[31;1m").count(), 2, "{calm}");
        (after.is_up, after.balance_error, after.rows_lost, after.gaps) = (false, -1, 2, 1);
        let plain = frame(&before, &after, Duration::from_secs(2), Look::Plain);
        let coloured = frame(&before, &after, Duration::from_secs(2), Look::Coloured);
        for word in ["link down", "balance -1", "rows lost 2", "gaps 1"] {
            assert!(coloured.contains(&format!("\u{1b}[31;1m{word}\u{1b}[0m")), "{coloured}");
        }
        assert_eq!(coloured.replace("\u{1b}[31;1m", "").replace("\u{1b}[0m", ""), plain);
    }

    #[test]
    fn a_line_for_logs() {
        let (before, after) = readings();
        let expected = "eth0: packets/s 1234500 bits/s 4938271560 flows 455 table 22% drops/s 5 drops 13 pending 12345 \
             rows/s 999 spool 13000000 free 5368709120 rows-lost 0 gaps 0 balance 0";
        assert_eq!(line(&before, &after, Duration::from_secs(2)), expected);
    }

    #[test]
    fn many_lanes_no_time_and_counters_that_run_back() {
        let mut after = readings().1;
        after.lanes = vec![after.lanes[0]; 64];
        let text = frame(&Snapshot::default(), &after, Duration::ZERO, Look::Plain);
        assert!(text.contains("and 48 lanes more") && text.lines().count() == 21, "{text}");
        let text = frame(&after, &Snapshot::default(), Duration::from_secs(1), Look::Plain);
        assert!(text.contains(" all           0         0"), "{text}");
    }

    #[test]
    fn numbers_in_few_places() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.00k"),
            (9999, "9.99k"),
            (99_999, "99.9k"),
            (999_999, "999k"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(scaled(value), text);
        }
        assert_eq!((octets(1023), octets(u64::MAX)), ("1023 B".to_owned(), "15.9 EiB".to_owned()));
    }
}
