//! What an entry of the manifest stands instead of: rows that were published before and now lie in its files.
//!
//! The unit is a folder of a publication: all of its files of one hour, day or month. A reader that sees the new entry leaves those out, so the rename
//! that publishes it swaps all at once; whether the old files are gone already is then nobody's business.

use serde::{Deserialize, Serialize};

/// Publications of one run, by number: all from the first to the last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Name of the run.
    pub boot: String,
    /// Number of the first.
    pub first: u64,
    /// Number of the last.
    pub last: u64,
}

impl Span {
    /// Whether a publication is among them.
    pub fn holds(&self, boot: &str, seq: u64) -> bool {
        self.boot == boot && (self.first..=self.last).contains(&seq)
    }
}

/// As few spans as hold these publications and no other, in order.
pub(crate) fn spans<'a>(publications: impl IntoIterator<Item = (&'a str, u64)>) -> Vec<Span> {
    let mut all: Vec<(&str, u64)> = publications.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    let run = all.chunk_by(|(boot, seq), (next, after)| boot == next && seq + 1 == *after);
    let span = |run: &[(&str, u64)]| {
        let ((boot, first), (_, last)) = (run.first()?, run.last()?);
        Some(Span { boot: (*boot).to_owned(), first: *first, last: *last })
    };
    run.filter_map(span).collect()
}

/// Spans that hold what any of these do.
pub(crate) fn joined(mut all: Vec<Span>) -> Vec<Span> {
    all.sort_unstable();
    let mut joined: Vec<Span> = Vec::new();
    for span in all {
        match joined.last_mut() {
            Some(last) if last.boot == span.boot && span.first <= last.last + 1 => {
                last.last = last.last.max(span.last);
            }
            _ => joined.push(span),
        }
    }
    joined
}

/// What an entry replaces, and what of it must not be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replaced {
    /// The folder below its table's in which a replaced file lay: `date=2014-09-23/hour=14`.
    pub partition: String,
    /// Who observed the rows: the numbers of one run on an interface, or runs over captures. They are refused if they come again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<Span>,
    /// Entries that replaced some of these before, and are replaced themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Span>,
    /// Programs that wrote the rows first, with their version of the columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub software: Vec<String>,
}

impl Replaced {
    /// Whether rows of this publication lie here now.
    pub fn keeps(&self, boot: &str, seq: u64) -> bool {
        self.publications.iter().any(|span| span.holds(boot, seq))
    }

    /// Whether the rows come from an interface.
    pub fn is_live(&self) -> bool {
        self.publications.iter().any(|span| span.first > 0)
    }

    /// The end of the entry's name, by which those that may keep a publication are found without reading.
    pub(crate) fn guard(&self) -> String {
        let (Some(first), Some(last)) = (self.publications.first(), self.publications.last())
        else {
            return String::new();
        };
        if self.is_live() {
            format!(".{}-{:06}-{:06}", first.boot, first.first, last.last)
        } else {
            format!(".{CAPTURES}")
        }
    }
}

/// The guard of runs over captures.
const CAPTURES: &str = "captures";

/// Whether an entry of this name may keep a publication.
pub(crate) fn may_keep(name: &str, (boot, seq): (&str, u64)) -> bool {
    let Some((_, guard)) = name.strip_suffix(".json").and_then(|name| name.split_once('.')) else {
        return false;
    };
    if seq == 0 {
        return guard == CAPTURES;
    }
    let mut parts = guard.rsplitn(3, '-');
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (Some(last), Some(first)) = (number(), number()) else { return false };
    parts.next() == Some(boot) && (first..=last).contains(&seq)
}

/// The folder of a file below that of its table.
pub(crate) fn partition_of(path: &str) -> &str {
    let below = path.split_once('/').map_or(path, |(_, below)| below);
    below.rsplit_once('/').map_or("", |(folder, _)| folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(boot: &str, first: u64, last: u64) -> Span {
        Span { boot: boot.into(), first, last }
    }

    #[test]
    fn spans_hold_what_was_given_and_nothing_else() {
        let given = [("b", 3), ("a", 0), ("b", 1), ("b", 2), ("b", 5), ("b", 5)];
        let held = spans(given);
        assert_eq!(held, [span("a", 0, 0), span("b", 1, 3), span("b", 5, 5)]);
        for seq in 0..9 {
            let holds = held.iter().any(|span| span.holds("b", seq));
            assert_eq!(holds, given.contains(&("b", seq)), "{seq}");
        }
        assert_eq!(
            joined([held.clone(), vec![span("b", 4, 4)]].concat()),
            [span("a", 0, 0), span("b", 1, 5)]
        );
        assert_eq!(joined([held.clone(), held.clone()].concat()), held);
    }

    #[test]
    fn a_name_says_what_its_entry_may_keep() {
        let replaced = |publications| Replaced {
            partition: "date=2014-09-23/hour=14".into(),
            publications,
            earlier: vec![],
            software: vec![],
        };
        let name = |publications| format!("c-000001-0123{}.json", replaced(publications).guard());
        let live = name(vec![span("b1", 2, 3), span("b1", 7, 9)]);
        assert_eq!(live, "c-000001-0123.b1-000002-000009.json");
        for (seq, may) in [(0, false), (1, false), (2, true), (5, true), (9, true), (10, false)] {
            assert_eq!(may_keep(&live, ("b1", seq)), may, "{seq}");
        }
        assert!(!may_keep(&live, ("b2", 5)));
        let captures = name(vec![span("b1", 0, 0), span("b2", 0, 0)]);
        assert!(may_keep(&captures, ("b9", 0)) && !may_keep(&captures, ("b1", 1)));
        assert!(!may_keep(&name(vec![]), ("b1", 0)));
        assert!(!may_keep("b1-000001-0123.json", ("b1", 1)));
    }

    #[test]
    fn the_partition_is_what_lies_between_table_and_name() {
        assert_eq!(
            partition_of("flows/date=1970-01-01/hour=00/a.parquet"),
            "date=1970-01-01/hour=00"
        );
        assert_eq!(partition_of("rollup_daily/month=1970-01/a.parquet"), "month=1970-01");
        assert_eq!(partition_of("flows/a.parquet"), "");
    }
}
