//! What a run did, as the operator reads it: the balance, and what was not readable.

use std::fmt;
use std::path::PathBuf;

use schemas::ledger::LedgerRow;

use crate::sink::Written;
use crate::source::Damage;
use crate::total::difference;

/// A run that published.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Folder of the store.
    pub store: PathBuf,
    /// Rows and ledger.
    pub written: Written,
    /// Files published.
    pub files: usize,
    /// Sources that could not be read to their end.
    pub damages: Vec<Damage>,
    /// Frames the reader handed over, counted by itself.
    pub packets_read: u64,
    /// What the operator should hear of the disk.
    pub notices: Vec<String>,
    /// Finished rows that the disk did not take.
    pub rows_lost: u64,
}

impl Outcome {
    /// The sum of a column over the ledger.
    fn sum(&self, column: impl Fn(&LedgerRow) -> i64) -> i64 {
        self.written.ledger.iter().map(column).sum()
    }

    /// Sum of the absolute differences: 0 when all books close.
    pub fn difference(&self) -> i64 {
        let read = i64::try_from(self.packets_read).unwrap_or(i64::MAX);
        (read - self.sum(|row| row.packets_seen)).abs() + self.sum(difference)
    }

    /// What the operator should hear in any case, a line each.
    pub fn complaints(&self) -> Vec<String> {
        let damages = self.damages.iter().map(|damage| format!("incomplete: {damage}"));
        let lost = (self.rows_lost > 0).then(|| {
            let rows = grouped(self.rows_lost.cast_signed());
            format!("incomplete: {rows} finished rows were dropped, for the disk took them not")
        });
        let notices = self.notices.iter().map(|notice| format!("note: {notice}"));
        damages.chain(lost).chain(notices).collect()
    }

    /// Whether all that was there is in the store.
    pub fn is_complete(&self) -> bool {
        self.damages.is_empty() && self.rows_lost == 0 && self.difference() == 0
    }
}

/// A number in groups of three.
fn grouped(value: i64) -> String {
    let digits = value.unsigned_abs().to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if value < 0 { format!("-{text}") } else { text }
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn ratio(part: i64, whole: i64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// One line of the balance: packets, frame octets, IP octets.
fn line(f: &mut fmt::Formatter<'_>, name: &str, values: [i64; 3], note: &str) -> fmt::Result {
    let [packets, wire, ip] = values.map(grouped);
    writeln!(f, "{name:<22}{packets:>15}{wire:>20}{ip:>20}  {note}")
}

impl Outcome {
    fn balance(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<22}{:>15}{:>20}{:>20}", "ledger", "packets", "frame octets", "IP octets")?;
        let seen =
            [self.sum(|r| r.packets_seen), self.sum(|r| r.wire_bytes), self.sum(|r| r.ip_bytes)];
        line(f, "seen", seen, "")?;
        let exported =
            [self.sum(|r| r.exported), self.sum(|r| r.wire_exported), self.sum(|r| r.ip_exported)];
        let (rows, flows) = (self.written.flow_rows, self.written.flows);
        let note =
            format!("{} rows, {} flows", grouped(rows.cast_signed()), grouped(flows.cast_signed()));
        line(f, "exported", exported, &note)?;
        let reasons = [
            ("link type unknown", self.sum(|r| r.ignored_link_type)),
            ("ARP", self.sum(|r| r.ignored_arp)),
            ("other than IP", self.sum(|r| r.ignored_non_ip)),
            ("cut before addresses", self.sum(|r| r.ignored_truncated)),
            ("malformed", self.sum(|r| r.ignored_malformed)),
            ("too deep", self.sum(|r| r.ignored_too_deep)),
            ("duplicates", self.sum(|r| r.ignored_duplicate.unwrap_or(0))),
        ];
        let ignored = reasons.iter().map(|(_, count)| count).sum();
        line(f, "ignored", [ignored, self.sum(|r| r.wire_ignored), 0], "")?;
        for (reason, count) in reasons.into_iter().filter(|(_, count)| *count > 0) {
            writeln!(f, "  {reason:<20}{:>15}", grouped(count))?;
        }
        let filtered = self.sum(|r| r.filtered.unwrap_or(0));
        if filtered > 0 {
            let wire = self.sum(|r| r.wire_filtered.unwrap_or(0));
            line(f, "filtered", [filtered, wire, 0], "did not match the filter")?;
        }
        let difference = [
            self.sum(|r| r.balance_error),
            self.sum(|r| r.wire_balance_error),
            self.sum(|r| r.ip_balance_error),
        ];
        let is_closed = self.difference() == 0;
        line(
            f,
            "difference",
            difference,
            if is_closed { "closed" } else { "NOT CLOSED: please report this" },
        )
    }

    /// What the kernel and the interface counted before us; nothing for files.
    fn before_us(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let maybe = |column: fn(&LedgerRow) -> Option<i64>| {
            self.written.ledger.iter().filter_map(column).reduce(|a, b| a + b)
        };
        let (kernel, dropped) = (maybe(|r| r.kernel_packets), maybe(|r| r.kernel_drops));
        if let (Some(kernel), Some(dropped)) = (kernel, dropped) {
            let share = 1e6 * ratio(dropped, kernel);
            let note = format!("of {} the kernel counted: {share:.0} ppm", grouped(kernel));
            writeln!(f, "{:<22}{:>15}  {note}", "dropped by the kernel", grouped(dropped))?;
        }
        let dropped = self.sum(|r| r.queue_drops);
        if dropped > 0 {
            writeln!(f, "{:<22}{:>15}  a lane was full", "dropped by us", grouped(dropped))?;
        }
        let (acks, gaps) = (maybe(|r| r.tcp_acks), maybe(|r| r.tcp_ack_gaps));
        if let (Some(acks), Some(gaps @ 1..)) = (acks, gaps) {
            let share = 1e6 * ratio(gaps, acks);
            let note =
                format!("data acknowledged but never seen: {share:.0} ppm of acknowledgements");
            writeln!(f, "{:<22}{:>15}  {note} (an estimate)", "lost before us", grouped(gaps))?;
        }
        let merged = maybe(|r| r.super_frames).unwrap_or(0);
        if merged > 0 {
            let note =
                "merged by the interface (GRO, LRO): packets are too few; see outflow doctor";
            writeln!(f, "{:<22}{:>15}  {note}", "super-frames", grouped(merged))?;
        }
        Ok(())
    }

    /// Limits that were met, and oddities that were counted.
    fn remarks(&self) -> [(&'static str, i64, &'static str); 6] {
        let dns = self.sum(|r| r.dns_evictions) + self.written.answer_evictions.cast_signed();
        [
            (
                "longer than frame",
                self.sum(|r| r.length_exceeds_frame),
                "IP length beyond the frame; counted as written",
            ),
            (
                "evicted flows",
                self.sum(|r| r.flow_evictions),
                "table full; exported early, raise --max-flows",
            ),
            (
                "fragments alone",
                self.sum(|r| r.fragments_unmatched),
                "first piece never seen; counted without ports",
            ),
            (
                "seen twice",
                self.sum(|r| r.duplicates.unwrap_or(0) - r.ignored_duplicate.unwrap_or(0)),
                "copies within 10 ms, as of a mirror with two sides; --dedup leaves them out",
            ),
            ("DNS entries evicted", dns, "answers forgotten early; names may be missing"),
            (
                "devices forgotten",
                self.written.device_evictions.cast_signed(),
                "too many at once; what they say may be told twice",
            ),
        ]
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.balance(f)?;
        self.before_us(f)?;
        for (name, count, note) in self.remarks().into_iter().filter(|(_, count, _)| *count > 0) {
            writeln!(f, "{name:<22}{:>15}  {note}", grouped(count))?;
        }
        for complaint in self.complaints() {
            writeln!(f, "{complaint}")?;
        }
        write!(f, "{} files published in {}", self.files, self.store.display())
    }
}
