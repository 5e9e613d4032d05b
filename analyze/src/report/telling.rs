//! What the ledger says about the capture, in sentences: the page, the terminal and `report.json` have the same.

use serde::Serialize;

use crate::output::printable::printable;
use crate::report::balance::Balance;
use crate::report::coverage::{Coverage, WatchedRow};
use crate::report::day::Day;
use crate::report::numbers::{grouped, millionths};

/// More packets lost than this of a million, and the report warns.
pub(crate) const LOST_PPM_MAX: i64 = 1_000;
/// Less of the day watched than this of a million, and the report warns.
pub(crate) const COVERED_PPM_MIN: i64 = 990_000;

/// The capture in words.
#[derive(Debug, Clone, Serialize)]
pub struct Telling {
    /// What must be known before any figure is cited; none on a good day.
    pub warnings: Vec<String>,
    /// What each figure of the ledger says.
    pub notes: Vec<String>,
    /// When nobody watched.
    pub gaps: Vec<String>,
}

impl Telling {
    /// Of a day.
    pub fn of(balance: &Balance, coverage: &Coverage, day: &Day) -> Self {
        let mut warnings = Vec::new();
        let lost_ppm = balance.lost_ppm().unwrap_or(0);
        if lost_ppm > LOST_PPM_MAX {
            warnings.push(format!(
                "{} of the packets were lost, more than {} ({}).",
                millionths(lost_ppm),
                millionths(LOST_PPM_MAX),
                losses(balance),
            ));
        }
        warnings.extend(
            coverage
                .watched
                .iter()
                .filter(|row| row.ppm() < COVERED_PPM_MIN)
                .map(|row| format!("{}, less than {}.", watched(row), millionths(COVERED_PPM_MIN))),
        );
        if !balance.is_closed() {
            warnings.push(format!(
                "The balance is not closed: {} packets went a way that nobody counted, {} between kernel and probe. This is a fault of the program.",
                grouped(balance.balance_error),
                grouped(balance.kernel_balance_error),
            ));
        }
        Self { warnings, notes: notes(balance, coverage), gaps: gaps(coverage, day) }
    }
}

fn losses(balance: &Balance) -> String {
    let parts = [
        (balance.kernel_drops, "dropped by the kernel"),
        (balance.queue_drops, "dropped because a lane was full"),
        (balance.rows_lost_packets, "in rows that the disk did not take"),
        (balance.open_lost, "in flows open when the probe was killed"),
    ];
    let said: Vec<String> = parts
        .iter()
        .filter(|(packets, _)| *packets != 0)
        .map(|(packets, how)| format!("{} {how}", grouped(*packets)))
        .collect();
    said.join(", ")
}

fn watched(row: &WatchedRow) -> String {
    format!(
        "{} was watched for {} of the day, {} of {}",
        place(&row.sensor_id, &row.interface),
        millionths(row.ppm()),
        span(row.covered_us),
        span(row.day_us),
    )
}

fn place(sensor: &str, interface: &str) -> String {
    format!("{} on {}", printable(sensor), printable(interface))
}

/// A length of time: `3 h 05 min 09 s`.
fn span(micros: i64) -> String {
    let seconds = micros.max(0) / 1_000_000;
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 0, rest) => format!("{rest} s"),
        (0, minutes, rest) => format!("{minutes} min {rest:02} s"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, 0) => format!("{hours} h {minutes:02} min"),
        (hours, minutes, rest) => format!("{hours} h {minutes:02} min {rest:02} s"),
    }
}

fn notes(balance: &Balance, coverage: &Coverage) -> Vec<String> {
    if balance.intervals == 0 {
        return vec![
            "The ledger has no rows for this day: how complete the figures are is not known."
                .to_owned(),
        ];
    }
    let mut said = vec![loss(balance)];
    said.extend(kernel(balance));
    said.extend(coverage.watched.iter().map(|row| format!("{}.", watched(row))));
    if balance.live_intervals < balance.intervals {
        said.push("Captures do not tell when nobody recorded: for them the share of the day is not known.".to_owned());
    }
    said.extend(filter(balance));
    said.extend(before_the_probe(balance));
    said.extend(oddities(balance));
    said
}

fn loss(balance: &Balance) -> String {
    let share = millionths(balance.lost_ppm().unwrap_or(0));
    match balance.lost() {
        0 => "No packet is known to be lost.".to_owned(),
        lost => format!("{} packets lost, {share}: {}.", grouped(lost), losses(balance)),
    }
}

fn kernel(balance: &Balance) -> Vec<String> {
    let mut said = Vec::new();
    if balance.kernel_packets > 0 {
        said.push(format!(
            "The kernel counted {} packets, {} of them dropped; its ring was full {} times. Difference to what the probe saw: {}.",
            grouped(balance.kernel_packets),
            grouped(balance.kernel_drops),
            grouped(balance.kernel_freezes),
            grouped(balance.kernel_balance_error),
        ));
    }
    if balance.kernel_uncounted > 0 {
        said.push(format!(
            "In {} of {} intervals nobody counted what the kernel dropped: the loss may be larger.",
            grouped(balance.kernel_uncounted),
            grouped(balance.live_intervals),
        ));
    }
    said
}

fn filter(balance: &Balance) -> Vec<String> {
    let mut said = Vec::new();
    if balance.kernel_filtered > 0 {
        said.push("The balance begins behind the filter: it ran in the kernel, and what it rejected nobody counted.".to_owned());
    }
    if balance.filtered > 0 {
        said.push(format!("{} packets did not match the filter.", grouped(balance.filtered)));
    }
    said
}

fn before_the_probe(balance: &Balance) -> Vec<String> {
    let mut said = Vec::new();
    if balance.tcp_acks > 0 {
        let gaps = balance.tcp_ack_gaps.max(0);
        let ppm = i128::from(gaps) * 1_000_000 / i128::from(balance.tcp_acks);
        said.push(format!(
            "Estimate of what was lost before the probe: {} of {} TCP acknowledgements ({}) are of data that never came here. Losses counted above show in it as well.",
            grouped(gaps),
            grouped(balance.tcp_acks),
            millionths(i64::try_from(ppm).unwrap_or(i64::MAX)),
        ));
    }
    if balance.nic_rx_dropped > 0 || balance.nic_rx_errors > 0 {
        said.push(format!(
            "The interface itself dropped {} packets and found {} faulty, of {} it counted; they are not in the loss.",
            grouped(balance.nic_rx_dropped),
            grouped(balance.nic_rx_errors),
            grouped(balance.nic_rx_packets),
        ));
    }
    said
}

fn oddities(balance: &Balance) -> Vec<String> {
    let mut said = Vec::new();
    if balance.super_frames > 0 {
        said.push(format!(
            "{} frames were merged from several before the probe saw them (GRO, LRO): counts of packets are too low. `ethtool -K INTERFACE gro off lro off` ends it.",
            grouped(balance.super_frames),
        ));
    }
    if balance.duplicates > 0 {
        let ppm =
            i128::from(balance.duplicates) * 1_000_000 / i128::from(balance.packets_seen.max(1));
        said.push(format!(
            "{} packets ({}) were seen twice within 10 ms, as a mirror with two sides shows them; {} of them are left out of the figures.",
            grouped(balance.duplicates),
            millionths(i64::try_from(ppm).unwrap_or(i64::MAX)),
            grouped(balance.ignored_duplicate),
        ));
    }
    if balance.rows_judged > 0 {
        let ppm =
            i128::from(balance.one_way_rows.max(0)) * 1_000_000 / i128::from(balance.rows_judged);
        said.push(format!(
            "{} of the records have packets in one direction only.",
            millionths(i64::try_from(ppm).unwrap_or(i64::MAX)),
        ));
    }
    if balance.wrong_lane_flows > 0 {
        said.push(format!(
            "{} flows were split: their two directions came to different lanes, and each is a one-way flow.",
            grouped(balance.wrong_lane_flows),
        ));
    }
    if balance.clock_steps > 0 {
        let millis = balance.largest_clock_step_us / 1_000;
        said.push(format!(
            "The clock of a probe was set {}, by {}.{:03} s at most: times around it are in doubt.",
            if balance.clock_steps == 1 {
                "once".to_owned()
            } else {
                format!("{} times", grouped(balance.clock_steps))
            },
            grouped(millis / 1_000),
            millis % 1_000,
        ));
    }
    said
}

fn gaps(coverage: &Coverage, day: &Day) -> Vec<String> {
    let mut said: Vec<String> = coverage
        .gaps
        .iter()
        .map(|gap| {
            format!(
                "{} to {} ({}), {}: {}",
                day.clock(gap.from_us),
                if gap.to_us >= day.to { "24:00:00".to_owned() } else { day.clock(gap.to_us) },
                span(gap.to_us - gap.from_us),
                place(&gap.sensor_id, &gap.interface),
                printable(&gap.why),
            )
        })
        .collect();
    if coverage.unlisted_gaps() > 0 {
        said.push(format!("and {} more", grouped(coverage.unlisted_gaps())));
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day() -> Day {
        Day::new("2014-09-22", "Asia/Taipei").unwrap()
    }

    fn told(balance: &Balance) -> Telling {
        Telling::of(balance, &Coverage::default(), &day())
    }

    #[test]
    fn spans_are_read_aloud() {
        let cases = [
            (900_000, "0 s"),
            (61_000_000, "1 min 01 s"),
            (86_400_000_000, "24 h"),
            (11_100_000_000, "3 h 05 min"),
            (3_609_000_000, "1 h 00 min 09 s"),
        ];
        for (micros, text) in cases {
            assert_eq!(span(micros), text);
        }
    }

    #[test]
    fn a_quiet_capture_warns_of_nothing() {
        let quiet =
            Balance { intervals: 1, packets_seen: 100, exported: 100, ..Balance::default() };
        let told = told(&quiet);
        assert_eq!(told.warnings, [""; 0]);
        assert_eq!(told.notes.first().unwrap(), "No packet is known to be lost.");
    }

    #[test]
    fn the_limits_themselves_are_allowed() {
        let balance = |seen, drops| Balance {
            intervals: 1,
            packets_seen: seen,
            kernel_drops: drops,
            ..Balance::default()
        };
        assert_eq!(told(&balance(999_000, 1_000)).warnings, [""; 0]);
        assert_eq!(told(&balance(998_999, 1_001)).warnings.len(), 1);
        let covered = |covered_us| {
            let row = WatchedRow {
                sensor_id: "tap".into(),
                interface: "eth1".into(),
                covered_us,
                day_us: 86_400_000_000,
            };
            let coverage = Coverage::new(vec![row], vec![]);
            Telling::of(&balance(1, 0), &coverage, &day()).warnings.len()
        };
        assert_eq!((covered(85_536_000_000), covered(85_535_000_000)), (0, 1));
    }

    #[test]
    fn an_open_balance_warns() {
        let open = Balance { intervals: 1, balance_error: 3, ..Balance::default() };
        assert!(told(&open).warnings.first().unwrap().contains("not closed: 3 packets"));
    }
}
