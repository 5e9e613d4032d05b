//! Why a report could not be made.

use std::path::PathBuf;

use thiserror::Error;

use crate::report::day::DayError;
use crate::session::SessionError;

/// A report that could not be made.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The day is none.
    #[error(transparent)]
    Day(#[from] DayError),
    /// A question failed.
    #[error("the question {question} of the report failed")]
    Question {
        /// File in `sql/reports`.
        question: &'static str,
        /// Why.
        source: Box<SessionError>,
    },
    /// An answer had another shape than its row type: a fault of this program.
    #[error("the answer to {question} could not be read; please report this as a fault")]
    Shape {
        /// File in `sql/reports`.
        question: &'static str,
        /// What was found instead.
        why: String,
    },
    /// Nothing was recorded on the day.
    #[error("no flow began on {date} ({zone}){}", dates_hint(.dates))]
    NoData {
        /// The day asked for.
        date: String,
        /// Its zone.
        zone: String,
        /// The days that have data, in order.
        dates: Vec<String>,
    },
    /// All clients of the day are fewer than a figure may be of.
    #[error(
        "fewer than {clients_min} clients were seen on {date}, and a report would tell of single ones; allow fewer with --min-clients"
    )]
    TooFew {
        /// The day asked for.
        date: String,
        /// How many there have to be.
        clients_min: i64,
    },
    /// The page could not be rendered.
    #[error("the page could not be rendered")]
    Page(#[source] askama::Error),
    /// A file could not be written.
    #[error("could not write {path:?}; give a folder that may be written and has room")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// The first and last few dates, and how many there are.
fn dates_hint(dates: &[String]) -> String {
    match dates {
        [] => "; the store has no flows yet: `outflow ingest` brings some in".to_owned(),
        [only] => format!("; the store has data of {only}"),
        [.., last] if dates.len() <= 8 => {
            let others = dates.len() - 1;
            format!(
                "; the store has data of {} and {last}",
                dates.get(..others).unwrap_or(&[]).join(", ")
            )
        }
        [first, .., last] => {
            format!("; the store has data of {} days between {first} and {last}", dates.len())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_without_data_names_those_with_some() {
        let text = |days: &[&str]| {
            let dates = days.iter().map(|day| (*day).to_owned()).collect();
            ReportError::NoData { date: "2014-09-30".into(), zone: "UTC".into(), dates }.to_string()
        };
        assert_eq!(
            text(&["2014-09-22"]),
            "no flow began on 2014-09-30 (UTC); the store has data of 2014-09-22"
        );
        assert!(text(&["a", "b", "c"]).ends_with("of a, b and c"));
        assert!(text(&[]).contains("no flows yet"));
        assert!(text(&["a"; 9]).ends_with("of 9 days between a and a"));
    }
}
