//! How much of the day somebody watched, and when nobody did.

use serde::{Deserialize, Serialize};

/// One interface of a sensor on the day.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WatchedRow {
    /// Name of the sensor.
    pub sensor_id: String,
    /// Its interface.
    pub interface: String,
    /// Time in which it was watched, µs.
    pub covered_us: i64,
    /// Length of the day, µs.
    pub day_us: i64,
}

impl WatchedRow {
    /// Share of the day, in millionths, rounded down so that a hole is never nothing.
    pub fn ppm(&self) -> i64 {
        if self.day_us <= 0 {
            return 0;
        }
        let scaled = i128::from(self.covered_us.max(0)) * 1_000_000 / i128::from(self.day_us);
        i64::try_from(scaled).unwrap_or(1_000_000).min(1_000_000)
    }
}

/// A time in which an interface was not watched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GapRow {
    /// Name of the sensor.
    pub sensor_id: String,
    /// Its interface.
    pub interface: String,
    /// Begin, µs since 1970 UTC.
    pub from_us: i64,
    /// End.
    pub to_us: i64,
    /// Why, as the probe said it.
    pub why: String,
    /// How many there are on the day, this one and those that are not listed among them.
    pub all_gaps: i64,
}

/// What is known of the time in which packets could be seen; of captures nothing is.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Coverage {
    /// Every interface on which something was captured.
    pub watched: Vec<WatchedRow>,
    /// The longest gaps, in the order of time.
    pub gaps: Vec<GapRow>,
}

impl Coverage {
    /// From the interfaces, and the gaps with the longest first.
    pub fn new(watched: Vec<WatchedRow>, mut gaps: Vec<GapRow>) -> Self {
        gaps.sort_by(|a, b| {
            let place = |gap: &GapRow| (gap.from_us, gap.to_us);
            place(a).cmp(&place(b)).then_with(|| a.interface.cmp(&b.interface))
        });
        Self { watched, gaps }
    }

    /// The interface that was watched least.
    pub fn least(&self) -> Option<&WatchedRow> {
        self.watched.iter().min_by_key(|row| row.ppm())
    }

    /// Gaps beyond those listed.
    pub fn unlisted_gaps(&self) -> i64 {
        let all = self.gaps.first().map_or(0, |gap| gap.all_gaps);
        all - i64::try_from(self.gaps.len()).unwrap_or(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(interface: &str, covered_us: i64) -> WatchedRow {
        let day_us = 86_400_000_000;
        WatchedRow { sensor_id: "tap".into(), interface: interface.into(), covered_us, day_us }
    }

    #[test]
    fn a_hole_is_never_nothing() {
        assert_eq!(row("a", 86_400_000_000).ppm(), 1_000_000);
        assert_eq!(row("a", 86_399_999_999).ppm(), 999_999);
        assert_eq!(row("a", 85_536_000_000).ppm(), 990_000);
        assert_eq!(row("a", -1).ppm(), 0);
        assert_eq!(WatchedRow { day_us: 0, ..row("a", 1) }.ppm(), 0);
    }

    #[test]
    fn the_least_watched_interface_speaks_for_all() {
        let coverage = Coverage::new(vec![row("a", 80), row("b", 7_000_000), row("c", 90)], vec![]);
        assert_eq!(coverage.least().unwrap().interface, "a");
        assert!(Coverage::default().least().is_none());
    }

    #[test]
    fn gaps_stand_in_the_order_of_time_and_the_rest_is_counted() {
        let gap = |from_us, to_us| GapRow {
            sensor_id: "tap".into(),
            interface: "a".into(),
            from_us,
            to_us,
            why: String::new(),
            all_gaps: 25,
        };
        let coverage = Coverage::new(vec![], vec![gap(50, 90), gap(10, 20)]);
        assert_eq!(coverage.gaps.first().unwrap().from_us, 10);
        assert_eq!(coverage.unlisted_gaps(), 23);
        assert_eq!(Coverage::default().unlisted_gaps(), 0);
    }
}
