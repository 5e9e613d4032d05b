//! The balance of packets over a day, and the one formula for how much of them was lost.

use serde::{Deserialize, Serialize};

/// The balance of packets over the intervals that touch the day. A column that a row lacks counts as nothing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Rows of the ledger that are intervals.
    pub intervals: i64,
    /// Of these, those of an interface; the others are of captures.
    pub live_intervals: i64,
    /// Sensors among all rows.
    pub sensors: i64,
    /// Sum of `packets_seen` of the ledger.
    pub packets_seen: i64,
    /// Sum of `open_start` of the ledger.
    pub open_start: i64,
    /// Sum of `open_end` of the ledger.
    pub open_end: i64,
    /// Sum of `exported` of the ledger.
    pub exported: i64,
    /// Sum of `ignored_link_type` of the ledger.
    pub ignored_link_type: i64,
    /// Sum of `ignored_arp` of the ledger.
    pub ignored_arp: i64,
    /// Sum of `ignored_non_ip` of the ledger.
    pub ignored_non_ip: i64,
    /// Sum of `ignored_truncated` of the ledger.
    pub ignored_truncated: i64,
    /// Sum of `ignored_malformed` of the ledger.
    pub ignored_malformed: i64,
    /// Sum of `ignored_too_deep` of the ledger.
    pub ignored_too_deep: i64,
    /// Sum of `ignored_duplicate` of the ledger.
    pub ignored_duplicate: i64,
    /// Sum of `duplicates` of the ledger.
    pub duplicates: i64,
    /// Sum of `kernel_packets` of the ledger.
    pub kernel_packets: i64,
    /// Sum of `kernel_drops` of the ledger.
    pub kernel_drops: i64,
    /// Sum of `kernel_freezes` of the ledger.
    pub kernel_freezes: i64,
    /// Sum of `nic_rx_packets` of the ledger.
    pub nic_rx_packets: i64,
    /// Sum of `nic_rx_dropped` of the ledger.
    pub nic_rx_dropped: i64,
    /// Sum of `nic_rx_errors` of the ledger.
    pub nic_rx_errors: i64,
    /// Sum of `queue_drops` of the ledger.
    pub queue_drops: i64,
    /// Sum of `filtered` of the ledger.
    pub filtered: i64,
    /// Sum of `super_frames` of the ledger.
    pub super_frames: i64,
    /// Sum of `tcp_acks` of the ledger.
    pub tcp_acks: i64,
    /// Sum of `tcp_ack_gaps` of the ledger.
    pub tcp_ack_gaps: i64,
    /// Sum of `rows_lost` of the ledger.
    pub rows_lost: i64,
    /// Sum of `rows_lost_packets` of the ledger.
    pub rows_lost_packets: i64,
    /// Sum of `open_lost` of the ledger.
    pub open_lost: i64,
    /// Sum of `ip_bytes` of the ledger.
    pub ip_bytes: i64,
    /// Rows of `flows` made in intervals that know which of them are one-way.
    pub rows_judged: i64,
    /// Of these, with packets in one direction only.
    pub one_way_rows: i64,
    /// Flows whose two directions came to different lanes.
    pub wrong_lane_flows: i64,
    /// Sum of the sizes of `balance_error` of the ledger.
    pub balance_error: i64,
    /// Sum of the sizes of `wire_balance_error` of the ledger.
    pub wire_balance_error: i64,
    /// Sum of the sizes of `ip_balance_error` of the ledger.
    pub ip_balance_error: i64,
    /// Sum of the sizes of `kernel_balance_error` of the ledger.
    pub kernel_balance_error: i64,
    /// Intervals whose source counts what it drops; captures do not.
    pub kernel_counted: i64,
    /// Intervals of an interface where nobody counts what the kernel drops.
    pub kernel_uncounted: i64,
    /// Intervals of an interface whose filter ran in the kernel.
    pub kernel_filtered: i64,
    /// Times the machine's clock was set.
    pub clock_steps: i64,
    /// The largest of those, µs either way.
    pub largest_clock_step_us: i64,
    /// Rows that tell of a gap.
    pub gaps: i64,
}

impl Balance {
    /// Packets that were left out for a counted reason.
    pub fn ignored(&self) -> i64 {
        self.ignored_link_type
            + self.ignored_arp
            + self.ignored_non_ip
            + self.ignored_truncated
            + self.ignored_malformed
            + self.ignored_too_deep
            + self.ignored_duplicate
    }

    /// Packets that flows still open took along, less those that open flows had brought.
    pub fn still_open(&self) -> i64 {
        self.open_end - self.open_start
    }

    /// Packets in records that reached the disk.
    pub fn kept(&self) -> i64 {
        self.exported - self.rows_lost_packets
    }

    /// Packets that are known to have passed and are in no record: dropped by the kernel or for a full lane, with rows the disk did not take, with
    /// flows open when the probe was killed.
    pub fn lost(&self) -> i64 {
        self.kernel_drops + self.queue_drops + self.rows_lost_packets + self.open_lost
    }

    /// Whether nothing went a way that nobody counted.
    pub fn is_closed(&self) -> bool {
        let errors = [
            self.balance_error,
            self.wire_balance_error,
            self.ip_balance_error,
            self.kernel_balance_error,
        ];
        errors == [0; 4]
    }

    /// Packets lost of a million that would have reached a record, rounded up so that a loss is never nothing; none where no row tells.
    ///
    /// Without a filter it is `lost / (packets_seen + kernel_drops)`: what the kernel dropped had not been seen, everything else had. A filter stands
    /// between two losses, so the shares are multiplied: what was lost before it is a share of all packets, what was lost behind it one of those
    /// that matched.
    pub fn lost_ppm(&self) -> Option<i64> {
        const MILLION: i128 = 1_000_000;
        if self.intervals == 0 {
            return None;
        }
        let [seen, kernel_drops, queue_drops, filtered, rows, open] = [
            self.packets_seen,
            self.kernel_drops,
            self.queue_drops,
            self.filtered,
            self.rows_lost_packets,
            self.open_lost,
        ]
        .map(|packets| i128::from(packets.max(0)));
        // Rows and flows may have brought packets along from before the day.
        let lost_late = rows + open;
        let came = (seen + kernel_drops).max(queue_drops + kernel_drops);
        let walked = came - kernel_drops - queue_drops;
        let matched = (walked - filtered).max(lost_late);
        let share = |part: i128, whole: i128| if whole == 0 { (1, 1) } else { (part, whole) };
        let before = share(walked, came);
        let behind = share(matched - lost_late, matched);
        let whole = before.1 * behind.1;
        let lost = whole - before.0 * behind.0;
        // More than anybody counts in a day would not fit.
        let coarse = if whole > i128::MAX / MILLION { 1 << 20 } else { 1 };
        let (lost, whole) = (lost / coarse, whole / coarse);
        i64::try_from((lost * MILLION + whole - 1) / whole.max(1)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two captures: nothing in them tells of a loss.
    fn captures() -> Balance {
        Balance { intervals: 2, packets_seen: 10_000, exported: 10_000, ..Balance::default() }
    }

    /// A ring: 9 000 seen, of which 500 found their lane full, and 1 000 that the kernel dropped.
    fn ring() -> Balance {
        Balance {
            intervals: 1,
            live_intervals: 1,
            kernel_counted: 1,
            packets_seen: 9_000,
            kernel_packets: 10_000,
            kernel_drops: 1_000,
            queue_drops: 500,
            ..Balance::default()
        }
    }

    #[test]
    fn captures_lose_nothing_that_they_know_of() {
        assert_eq!((captures().lost(), captures().lost_ppm()), (0, Some(0)));
        let empty = Balance { intervals: 1, ..Balance::default() };
        assert_eq!(empty.lost_ppm(), Some(0));
        assert_eq!(Balance::default().lost_ppm(), None);
    }

    #[test]
    fn what_the_kernel_dropped_was_not_seen_and_the_rest_was() {
        assert_eq!((ring().lost(), ring().lost_ppm()), (1_500, Some(150_000)));
        // The kernel's own count holds its drops; taking it as what was seen besides them would give 136 364.
        assert_eq!(ring().kernel_packets, ring().packets_seen + ring().kernel_drops);
        let late = Balance { rows_lost_packets: 400, open_lost: 100, ..ring() };
        assert_eq!((late.lost(), late.lost_ppm()), (2_000, Some(200_000)));
        let all = Balance { kernel_drops: 7, packets_seen: 0, queue_drops: 0, ..ring() };
        assert_eq!(all.lost_ppm(), Some(1_000_000));
    }

    #[test]
    fn captures_and_rings_are_weighed_by_their_packets() {
        let mixture = Balance { intervals: 3, packets_seen: 19_000, ..ring() };
        assert_eq!((mixture.lost(), mixture.lost_ppm()), (1_500, Some(75_000)));
    }

    #[test]
    fn a_loss_is_never_nothing_and_the_limit_is_met_exactly() {
        let one = Balance { packets_seen: i64::MAX / 4, rows_lost_packets: 1, ..captures() };
        assert_eq!(one.lost_ppm(), Some(1));
        let limit = Balance { packets_seen: 2_997, kernel_drops: 3, ..captures() };
        assert_eq!(limit.lost_ppm(), Some(1_000));
        let more = Balance { packets_seen: 2_996, kernel_drops: 3, ..captures() };
        assert_eq!(more.lost_ppm(), Some(1_001));
    }

    #[test]
    fn what_a_filter_rejects_dilutes_no_loss_behind_it() {
        let matched = Balance { filtered: 9_000, rows_lost_packets: 500, ..captures() };
        assert_eq!(matched.lost_ppm(), Some(500_000));
        // Before it nobody knows what would have matched: the share is that of all.
        let before =
            Balance { packets_seen: 9_000, kernel_drops: 1_000, filtered: 8_990, ..captures() };
        assert_eq!(before.lost_ppm(), Some(100_000));
        let both = Balance { rows_lost_packets: 5, ..before };
        assert_eq!(both.lost_ppm(), Some(550_000));
    }

    #[test]
    fn packets_from_before_the_day_do_not_make_more_than_everything() {
        let late = Balance { packets_seen: 10, open_lost: 30, ..captures() };
        assert_eq!(late.lost_ppm(), Some(1_000_000));
        let idle = Balance { packets_seen: 0, open_lost: 30, ..captures() };
        assert_eq!(idle.lost_ppm(), Some(1_000_000));
        let odd = Balance { packets_seen: 3, queue_drops: 5, ..captures() };
        assert_eq!(odd.lost_ppm(), Some(1_000_000));
    }

    #[test]
    fn an_error_in_any_unit_opens_the_balance() {
        assert!(captures().is_closed());
        assert!(!Balance { kernel_balance_error: 1, ..captures() }.is_closed());
        assert!(!Balance { balance_error: 1, ..captures() }.is_closed());
    }
}
