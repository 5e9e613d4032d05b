//! Shares, and how large a vendor's share could be at most.
//!
//! What nobody could be named for, what is contested, what stands apart, what was lost and what nobody watched might all have been one vendor's; so a share without its
//! largest possible value is half an answer.

use serde::Serialize;

use crate::report::balance::Balance;
use crate::report::coverage::Coverage;
use crate::report::figures::Totals;

/// Part of a whole as a percentage with four decimals; 0 of nothing.
pub(crate) fn percent(part: i64, whole: i64) -> f64 {
    if whole <= 0 {
        return 0.0;
    }
    let scaled = (i128::from(part) * 2_000_000 / i128::from(whole) + 1).div_euclid(2);
    f64::from(i32::try_from(scaled).unwrap_or(i32::MAX)) / 10_000.0
}

/// How much of the answer is certain.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Completeness {
    /// Share of octets sent out that a vendor was named for.
    pub attributed_percent: f64,
    /// Share that nobody could be named for.
    pub unattributed_percent: f64,
    /// Share under names that the address speaks against.
    pub mismatch_percent: f64,
    /// Share where two pieces of evidence name two vendors.
    pub contested_percent: f64,
    /// Share that went to servers whose country two sources see differently.
    pub country_disputed_percent: f64,
    /// Share of packets known to have passed that are in no record; 0 where no row of the ledger tells.
    pub lost_percent: f64,
    /// Whether that is all: somebody counted, in every interval of an interface.
    pub is_loss_counted: bool,
    /// Share of the day in which the least watched interface was watched; none for captures.
    pub covered_percent: Option<f64>,
}

impl Completeness {
    /// From the sums and the balance.
    pub fn of(totals: &Totals, balance: &Balance, coverage: &Coverage) -> Self {
        let of_up = |part| percent(part, totals.bytes_up);
        Self {
            attributed_percent: of_up(totals.attributed_bytes_up),
            unattributed_percent: of_up(totals.unattributed_bytes_up),
            mismatch_percent: of_up(totals.mismatch_bytes_up),
            contested_percent: of_up(totals.contested_bytes_up),
            country_disputed_percent: of_up(totals.disputed_bytes_up),
            lost_percent: percent(balance.lost_ppm().unwrap_or(0), 1_000_000),
            is_loss_counted: balance.intervals > 0 && balance.kernel_uncounted == 0,
            covered_percent: coverage.least().map(|row| percent(row.ppm(), 1_000_000)),
        }
    }
}

/// The largest share of what was sent out that a vendor with `bytes_up` (of these `contested` in doubt) could have had.
///
/// Everything open is given to it: unattributed, mismatched, contested between others, the lost packets at the mean size of the seen ones, and the time in
/// which nobody watched at the mean rate of the rest. Where loss was not counted there is no such share. What may have been lost before the probe is an estimate and not in it.
pub(crate) fn largest_possible_percent(
    vendor: (i64, i64),
    totals: &Totals,
    completeness: &Completeness,
) -> Option<f64> {
    if !completeness.is_loss_counted {
        return None;
    }
    let (bytes_up, contested) = vendor;
    let contested_elsewhere = (totals.contested_bytes_up - contested).max(0);
    let could =
        bytes_up + totals.unattributed_bytes_up + totals.mismatch_bytes_up + contested_elsewhere;
    let seen = percent(could.min(totals.bytes_up), totals.bytes_up);
    let lost = completeness.lost_percent;
    let covered = completeness.covered_percent.unwrap_or(100.0);
    let known = (1.0 - lost / 100.0) * covered / 100.0;
    let share = 100.0 - (100.0 - seen) * known;
    Some((share * 10_000.0).round() / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals() -> Totals {
        Totals {
            bytes_up: 1_000,
            bytes_down: 0,
            packets: 10,
            flows: 1,
            records: 1,
            clients: 1,
            unattributed_clients: 1,
            mismatch_clients: 1,
            vendors: 2,
            countries: 1,
            attributed_bytes_up: 700,
            unattributed_bytes_up: 200,
            mismatch_bytes_up: 100,
            contested_bytes_up: 50,
            disputed_bytes_up: 0,
            anycast_bytes_up: 0,
            missed_bytes: 0,
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the figures are rounded to four decimals")]
    fn everything_open_could_be_one_vendors() {
        let of = |balance: &Balance| Completeness::of(&totals(), balance, &Coverage::default());
        let none = of(&Balance { intervals: 1, ..Balance::default() });
        assert_eq!(none.unattributed_percent, 20.0);
        assert_eq!(largest_possible_percent((300, 50), &totals(), &none), Some(60.0));
        assert_eq!(largest_possible_percent((300, 0), &totals(), &none), Some(65.0));
        for unknown in [
            Balance::default(),
            Balance { intervals: 2, kernel_uncounted: 1, ..Balance::default() },
        ] {
            assert_eq!(largest_possible_percent((300, 50), &totals(), &of(&unknown)), None);
        }
        let dropped =
            Balance { intervals: 1, packets_seen: 900, kernel_drops: 100, ..Balance::default() };
        let lossy = Completeness::of(&totals(), &dropped, &Coverage::default());
        assert_eq!(lossy.lost_percent, 10.0);
        assert_eq!(largest_possible_percent((300, 50), &totals(), &lossy), Some(64.0));
        let rows = Balance {
            packets_seen: 1_000,
            kernel_drops: 0,
            rows_lost_packets: 60,
            open_lost: 40,
            ..dropped
        };
        let rows = Completeness::of(&totals(), &rows, &Coverage::default());
        assert_eq!(largest_possible_percent((300, 50), &totals(), &rows), Some(64.0));
        let half = Completeness { covered_percent: Some(50.0), ..lossy };
        assert_eq!(largest_possible_percent((300, 50), &totals(), &half), Some(82.0));
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the figures are rounded to four decimals")]
    fn percentages_are_rounded_and_bounded() {
        assert_eq!(percent(1, 3), 33.3333);
        assert_eq!(percent(2, 3), 66.6667);
        assert_eq!(percent(5, 0), 0.0);
        assert_eq!(percent(i64::MAX, i64::MAX), 100.0);
    }
}
