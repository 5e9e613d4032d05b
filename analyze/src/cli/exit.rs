//! How the program ends: its exit code, and one line that says why.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use datafusion::arrow::error::ArrowError;
use schemas::store::StoreError;

use crate::output::printable::printable;
use crate::report::{DayError, ReportError};

/// A run that came to its end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Done {
    /// Everything was done.
    Complete,
    /// Done, but something is missing or wrong, which has been said.
    Incomplete,
    /// The answer was told already, with its code.
    Said(ExitCode),
}

/// What was asked cannot be done as it was asked.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error with a wrong request as its cause.
pub(crate) fn usage(text: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(text.into()))
}

/// A note to the user, beside the data; a closed standard error is no reason to stop.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "outflow: {}", one_line(text));
}

/// The exit code of a result; an error is told in one line.
pub(crate) fn code(result: anyhow::Result<Done>) -> ExitCode {
    match result {
        Ok(Done::Complete) => ExitCode::SUCCESS,
        Ok(Done::Incomplete) => ExitCode::from(3),
        Ok(Done::Said(code)) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            note(&chain(&error));
            ExitCode::from(if is_usage(&error) { 2 } else { 1 })
        }
    }
}

/// The error and its causes; a cause that the text before it holds already is left out.
pub(crate) fn chain(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    printable(&words.join(" ")).into_owned()
}

/// Whoever read our output has seen enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| {
        if let Some(ArrowError::IoError(_, error)) = cause.downcast_ref::<ArrowError>() {
            return broken(error);
        }
        cause.downcast_ref::<io::Error>().is_some_and(broken)
    })
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let store = cause.downcast_ref::<StoreError>();
        cause.is::<Usage>()
            || cause.is::<DayError>()
            || matches!(cause.downcast_ref::<ReportError>(), Some(ReportError::Day(_)))
            || matches!(
                store,
                Some(
                    StoreError::NotAStore(_) | StoreError::Occupied(_) | StoreError::SensorName(_)
                )
            )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn errors_are_one_line_and_have_their_code() {
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        let broken = Err::<Done, _>(pipe).context("could not write");
        assert!(is_broken_pipe(&broken.unwrap_err()));
        let wrong = usage("no such\nthing\u{1b}[2J");
        assert!(is_usage(&wrong));
        let chained = wrong.context("could not start");
        assert!(is_usage(&chained));
        assert_eq!(one_line(&chain(&chained)), "could not start: no such thing\\u{1b}[2J");
        assert!(!is_usage(&anyhow::anyhow!("x")));
    }
}
