//! Editing a statement: when it is complete, and which words complete the one being typed.

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::cli::statement;
use crate::views::VIEWS;

const KEYWORDS: &[&str] = &[
    "SELECT",
    "FROM",
    "WHERE",
    "GROUP BY",
    "GROUP BY ALL",
    "ORDER BY",
    "LIMIT",
    "DESC",
    "HAVING",
    "DISTINCT",
    "JOIN",
    "LEFT JOIN",
    "USING",
    "WITH",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "BETWEEN",
    "LIKE",
    "IS NULL",
    "IS NOT NULL",
    "TIMESTAMP",
    "INTERVAL",
    "EXPLAIN",
    "EXPLAIN ANALYZE",
    "SHOW TABLES",
    "SHOW FUNCTIONS",
    "DESCRIBE",
    "count(*)",
    "count(DISTINCT ",
    "sum(",
    "date_bin(",
];

/// What the line editor asks while a statement is typed.
#[derive(Debug)]
pub(crate) struct LineHelper {
    words: Vec<String>,
}

impl LineHelper {
    /// Knows keywords, tables, columns and the given functions.
    pub(crate) fn new(functions: impl Iterator<Item = String>) -> Self {
        let mut words: Vec<String> = KEYWORDS.iter().map(|word| (*word).to_owned()).collect();
        for table in schemas::tables() {
            words.push(table.name.to_owned());
            words.extend(table.columns.iter().map(|column| column.name.to_owned()));
        }
        for view in VIEWS {
            words.push(view.name.to_owned());
            words.extend(view.columns.iter().map(|column| column.name.to_owned()));
        }
        words.extend(functions.map(|name| format!("{name}(")));
        words.sort();
        words.dedup();
        Self { words }
    }
}

/// Where the word before the cursor begins.
fn word_start(line: &str) -> usize {
    line.rfind(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(0, |at| {
        at + line.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
    })
}

impl Completer for LineHelper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _: &Context<'_>,
    ) -> Result<(usize, Vec<String>), ReadlineError> {
        let before = line.get(..pos).unwrap_or(line);
        let start = word_start(before);
        let typed = before.get(start..).unwrap_or("").to_lowercase();
        if typed.is_empty() {
            return Ok((start, Vec::new()));
        }
        let fits = |word: &&String| word.to_lowercase().starts_with(&typed);
        Ok((start, self.words.iter().filter(fits).cloned().collect()))
    }
}

impl Validator for LineHelper {
    fn validate(
        &self,
        context: &mut ValidationContext<'_>,
    ) -> Result<ValidationResult, ReadlineError> {
        let text = context.input().trim();
        let is_complete = text.is_empty() || text.starts_with('\\') || !statement::split(text).1;
        Ok(if is_complete { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for LineHelper {
    type Hint = String;
}

impl Highlighter for LineHelper {}
impl Helper for LineHelper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_after_what_is_no_letter() {
        let cases = [("select ser", 7), ("sum(by", 4), ("a", 0), ("", 0), ("x ≥ by", 6)];
        for (line, start) in cases {
            assert_eq!(word_start(line), start, "{line}");
        }
    }
}
