//! A calendar day in a time zone, as two points of universal time.
//!
//! A day begins at the first instant that bears its date there, so days of 23 and 25 hours come out right.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::kernels::cast::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit};
use serde::Serialize;
use thiserror::Error;

const STEP_US: i64 = 15 * 60 * 1_000_000;
const DAY_US: i64 = 86_400 * 1_000_000;
/// No zone is further than this from Greenwich.
const OFFSET_MAX_US: i64 = 26 * 3_600 * 1_000_000;

/// A date or zone that does not exist.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DayError {
    /// Not a date.
    #[error("{0:?} is not a date; write it as YYYY-MM-DD, for example 2014-09-22")]
    Date(String),
    /// Not a time zone.
    #[error(
        "{0:?} is not a time zone; give a name such as Asia/Taipei or UTC, or an offset such as +08:00"
    )]
    Zone(String),
}

/// A day of a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Day {
    /// `YYYY-MM-DD`.
    pub date: String,
    /// Name of the time zone, or its offset.
    pub zone: String,
    /// Its first instant, µs since 1970 UTC.
    pub from: i64,
    /// The first instant after it.
    pub to: i64,
}

impl Day {
    /// The day called `date` in `zone`.
    pub fn new(date: &str, zone: &str) -> Result<Self, DayError> {
        let days = day_number(date).ok_or_else(|| DayError::Date(date.to_owned()))?;
        let next = date_text(days + 1).ok_or_else(|| DayError::Date(date.to_owned()))?;
        let begin = |days: i32, date: &str| {
            first_instant(days, date, zone).ok_or_else(|| DayError::Zone(zone.to_owned()))
        };
        let (from, to) = (begin(days, date)?, begin(days + 1, &next)?);
        Ok(Self { date: date.to_owned(), zone: zone.to_owned(), from, to })
    }

    /// The dates that the instants `micros` bear in this day's zone.
    pub fn dates_of(&self, micros: &[i64]) -> Vec<String> {
        let mut dates = local_dates(micros, &self.zone).unwrap_or_default();
        dates.sort();
        dates.dedup();
        dates
    }

    /// The time of day of an instant in this day's zone, `HH:MM:SS`.
    pub fn clock(&self, micros: i64) -> String {
        let text = local_texts(&[micros], &self.zone).and_then(|mut texts| texts.pop());
        text.as_deref().and_then(|text| text.get(11..19)).unwrap_or("unknown").to_owned()
    }
}

fn strict<T>(cast: impl FnOnce(&CastOptions<'static>) -> T) -> T {
    cast(&CastOptions { safe: false, ..CastOptions::default() })
}

fn day_number(date: &str) -> Option<i32> {
    let shape = |(index, byte): (usize, u8)| {
        if matches!(index, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    if date.len() != 10 || !date.bytes().enumerate().all(shape) {
        return None;
    }
    let text: ArrayRef = Arc::new(StringArray::from_iter_values([date]));
    let days = strict(|options| cast_with_options(&text, &DataType::Date32, options)).ok()?;
    days.as_primitive::<Date32Type>().iter().next().flatten()
}

fn date_text(days: i32) -> Option<String> {
    local_dates(&[i64::from(days) * DAY_US], "UTC")?.pop()
}

/// The local dates of instants; none if there is no such zone.
fn local_dates(micros: &[i64], zone: &str) -> Option<Vec<String>> {
    local_texts(micros, zone)?.iter().map(|text| text.get(..10).map(str::to_owned)).collect()
}

/// Instants as `YYYY-MM-DDTHH:MM:SS…` in a zone; none if there is no such zone.
fn local_texts(micros: &[i64], zone: &str) -> Option<Vec<String>> {
    // The kernel would take any text for a zone until a value is printed.
    let local: ArrayRef =
        Arc::new(TimestampMicrosecondArray::from(micros.to_vec()).with_timezone(zone));
    debug_assert_eq!(
        local.data_type(),
        &DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
    );
    let text = strict(|options| cast_with_options(&local, &DataType::Utf8, options)).ok()?;
    text.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
}

/// The first instant that bears this date in the zone, to a quarter of an hour: no zone changes its offset at an odder time of day.
fn first_instant(days: i32, date: &str, zone: &str) -> Option<i64> {
    let midnight_utc = i64::from(days) * DAY_US;
    let steps: Vec<i64> = (-OFFSET_MAX_US..=OFFSET_MAX_US)
        .step_by(usize::try_from(STEP_US).ok()?)
        .map(|offset| midnight_utc + offset)
        .collect();
    let dates = local_dates(&steps, zone)?;
    let found = dates.iter().position(|local| local.as_str() >= date)?;
    steps.get(found).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_US: i64 = 3_600_000_000;

    #[test]
    fn days_begin_where_the_zone_says() {
        let cases = [
            ("2014-09-22", "UTC", 1_411_344_000, 24),
            ("2014-09-22", "Asia/Taipei", 1_411_315_200, 24),
            ("2014-09-22", "+08:00", 1_411_315_200, 24),
            ("2014-09-22", "America/New_York", 1_411_358_400, 24),
            ("2026-03-29", "Europe/Vienna", 1_774_738_800, 23),
            ("2026-10-25", "Europe/Vienna", 1_792_879_200, 25),
            // The clocks went from 24:00 to 01:00: the day began at one o'clock.
            ("2018-11-04", "America/Sao_Paulo", 1_541_300_400, 23),
            ("2024-02-29", "Asia/Kathmandu", 1_709_144_100, 24),
        ];
        for (date, zone, from, hours) in cases {
            let day = Day::new(date, zone).unwrap();
            assert_eq!(day.from, from * 1_000_000, "{date} {zone}");
            assert_eq!((day.to - day.from) / HOUR_US, hours, "{date} {zone}");
        }
    }

    #[test]
    fn what_is_no_date_or_zone_is_told() {
        for bad in ["2014-02-30", "2014-9-22", "22.09.2014", "", "2014-09-22T00", "today"] {
            assert_eq!(Day::new(bad, "UTC"), Err(DayError::Date(bad.to_owned())));
        }
        for bad in ["Mars/Olympus", "", "8"] {
            assert_eq!(Day::new("2014-09-22", bad), Err(DayError::Zone(bad.to_owned())));
        }
    }

    #[test]
    fn instants_have_dates() {
        let day = Day::new("2014-09-22", "Asia/Taipei").unwrap();
        let found = day.dates_of(&[day.to, day.from, day.from - 1, day.to - 1]);
        assert_eq!(found, ["2014-09-21", "2014-09-22", "2014-09-23"]);
        assert_eq!(day.clock(day.from), "00:00:00");
        assert_eq!(day.clock(day.to - 1), "23:59:59");
        assert_eq!(day.clock(day.from + 3_661_500_000), "01:01:01");
    }
}
