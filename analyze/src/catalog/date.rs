//! Days, and the time in which a statement of the catalog holds.
//! A vendor changes hands and a network its owner, so what an answer rests on has a date.

use std::fmt;

use schemas::store::layout::civil_from_days;
use serde::{Deserialize, Serialize};

const DAY_US: i64 = 86_400_000_000;

/// A day of the Gregorian calendar, counted from 1970-01-01 (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(i32);

impl Date {
    /// Before all others.
    pub const EARLIEST: Self = Self(i32::MIN);
    /// After all others: what holds at last.
    pub const LATEST: Self = Self(i32::MAX);

    /// The day of an instant in µs since 1970.
    pub fn of_micros(micros: i64) -> Self {
        // 2^63 µs are fewer days than 2^31.
        Self(i32::try_from(micros.div_euclid(DAY_US)).unwrap_or(i32::MAX))
    }

    /// A day written YYYY-MM-DD; the text says why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let number = |range| {
            let part: &str = text.get(range)?;
            part.bytes().all(|byte| byte.is_ascii_digit()).then(|| part.parse::<i32>().ok())?
        };
        let shape = |(at, byte): (usize, u8)| (byte == b'-') == (at == 4 || at == 7);
        let civil = (number(0..4), number(5..7), number(8..10));
        let (Some(year @ 1990..), Some(month @ 1..=12), Some(day)) = civil else {
            return Err(no_date(text));
        };
        let date = Self::of_civil(year, month, day);
        let is_whole = text.len() == 10 && text.bytes().enumerate().all(shape);
        // A day that the month does not have is another day when it is written again.
        if is_whole && date.to_string() == text { Ok(date) } else { Err(no_date(text)) }
    }

    /// Years begin in March here, so that the day that comes and goes is their last.
    fn of_civil(year: i32, month: i32, day: i32) -> Self {
        let year = if month <= 2 { year - 1 } else { year };
        let (era, year) = (year.div_euclid(400), year.rem_euclid(400));
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        Self(era * 146_097 + year * 365 + year / 4 - year / 100 + day_of_year - 719_468)
    }
}

impl Default for Date {
    /// What is asked without a date is asked of the newest state.
    fn default() -> Self {
        Self::LATEST
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

/// From the first day on which a statement holds to the first on which it does not; open where nothing is stated.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Validity {
    /// The first day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Date>,
    /// The first day after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
}

impl Validity {
    /// Whether it holds on that day.
    pub fn holds(&self, at: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_to.is_none_or(|to| at < to)
    }

    /// Whether there is a day on which both hold.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let ends_before = |one: &Self, two: &Self| {
            one.valid_to.zip(two.valid_from).is_some_and(|(to, from)| to <= from)
        };
        !ends_before(self, other) && !ends_before(other, self)
    }

    /// The days on which something changes.
    pub(crate) fn changes(self) -> impl Iterator<Item = Date> {
        self.valid_from.into_iter().chain(self.valid_to)
    }

    /// What a rule's id says of it: nothing for one that always holds.
    pub(crate) fn mark(&self) -> String {
        if *self == Self::default() { String::new() } else { format!("@{self}") }
    }
}

impl fmt::Display for Validity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |date: Option<Date>| date.map_or_else(String::new, |date| date.to_string());
        write!(f, "{}..{}", text(self.valid_from), text(self.valid_to))
    }
}

fn no_date(text: &str) -> String {
    format!("\"{text}\" is no date; write YYYY-MM-DD")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text).unwrap()
    }

    #[test]
    fn days_are_counted_as_the_calendar_has_them() {
        assert_eq!(date("2014-09-22"), Date::of_micros(1_411_344_000_000_000));
        assert_eq!(date("2014-09-22"), Date::of_micros(1_411_344_000_000_000 + DAY_US - 1));
        assert_eq!(date("2000-02-29").0 + 1, date("2000-03-01").0);
        for day in (7_305..40_000).step_by(13) {
            assert_eq!(date(&Date(day).to_string()), Date(day));
        }
        for wrong in
            ["2026-02-29", "2026-13-01", "2026-6-1", "01.06.2026", "", "2026-06-0é", "1989-12-31"]
        {
            assert!(Date::parse(wrong).is_err(), "{wrong}");
        }
        assert!(!Date::EARLIEST.to_string().is_empty() && !Date::LATEST.to_string().is_empty());
    }

    #[test]
    fn a_statement_holds_from_its_first_day_to_the_day_after_its_last() {
        let (a, b, c) = (date("2013-04-01"), date("2021-03-01"), date("2023-10-01"));
        let early = Validity { valid_from: Some(a), valid_to: Some(b) };
        let late = Validity { valid_from: Some(b), valid_to: None };
        assert!(early.holds(a) && !early.holds(b) && late.holds(b) && late.holds(Date::LATEST));
        assert!(!early.overlaps(&late) && !late.overlaps(&early));
        assert!(early.overlaps(&Validity::default()) && Validity::default().holds(Date::EARLIEST));
        assert!(late.overlaps(&Validity { valid_from: Some(c), valid_to: None }));
        assert_eq!(early.mark(), "@2013-04-01..2021-03-01");
        assert_eq!(
            (late.mark(), Validity::default().mark()),
            ("@2021-03-01..".into(), String::new())
        );
    }
}
