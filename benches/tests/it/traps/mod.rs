//! The ways in which traffic misleads, T01 to T30, as one table: each goes as frames through the probe into a store, and is asked back as SQL.
//!
//! `cargo test -p benches traps -- --nocapture` prints it. `OUTFLOW_SEED=n` draws the day anew, `OUTFLOW_SCALE=m` plays 200 districts of it (1 GB).

mod day;
mod dns;
mod frames;
mod made;
mod shapes;

use std::fmt::Write as _;
use std::io::{self, Write as _};

use crate::lab::Row;

/// A trap: what must be so of every record that it leaves, and what must be so of none.
pub(crate) struct Trap {
    id: &'static str,
    what: &'static str,
    how: &'static str,
    must: &'static str,
    must_not: &'static str,
}

const fn trap(
    id: &'static str,
    [what, how]: [&'static str; 2],
    must: &'static str,
    must_not: &'static str,
) -> Trap {
    Trap { id, what, how, must, must_not }
}

impl Trap {
    /// Two columns: whether a record is as it must be, and whether it is as it must not.
    fn columns(&self) -> String {
        format!("coalesce({}, false), coalesce({}, false)", self.must, self.must_not)
    }

    /// Whether a record holds, by the two columns from `at` on.
    fn holds(row: &Row, at: usize) -> bool {
        row[at].as_deref() == Some("true") && row[at + 1].as_deref() == Some("false")
    }
}

/// What became of a trap.
#[derive(Default)]
pub(crate) struct Found {
    /// IP octets that were sent.
    planned: u64,
    /// IP octets of records that are as they must be.
    held: u64,
    broken: Vec<String>,
}

impl Found {
    /// Adds a record; a broken one is kept with what it says.
    fn add(&mut self, octets: u64, holds: bool, said: impl FnOnce() -> String) {
        if holds {
            self.held += octets;
        } else {
            self.broken.push(said());
        }
    }

    fn check(&mut self, holds: bool, said: &str) {
        if !holds {
            self.broken.push(said.to_owned());
        }
    }

    fn is_held(&self) -> bool {
        self.planned == self.held && self.held > 0 && self.broken.is_empty()
    }
}

/// A trap that is no part of the day, and the way it goes.
type Made = (Trap, fn(&Trap) -> Found);

/// Those that the scenario is made around.
const IDS: [&str; 33] = [
    "T01", "T02", "T03", "T03b", "T04", "T04b", "T05", "T05b", "T06", "T07", "T08", "T09", "T10",
    "T11", "T12", "T13", "T14", "T15", "T16", "T17", "T18", "T19", "T20", "T21", "T22", "T23",
    "T24", "T25", "T26", "T27", "T28", "T29", "T30",
];

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn table(rows: &[(&Trap, Found)], day: &str) -> String {
    let mut text = format!("The day: {day}\n\n");
    writeln!(text, "{:<5} {:<6} {:>13} {:>13}  trap", "id", "", "planned", "as must be").unwrap();
    for (trap, found) in rows {
        let word = if found.is_held() { "held" } else { "BROKEN" };
        let Trap { id, what, how, must, must_not } = trap;
        writeln!(text, "{id:<5} {word:<6} {:>13} {:>13}  {what}", found.planned, found.held)
            .unwrap();
        for (name, said) in [("by", how), ("must", must), ("not", must_not)] {
            writeln!(text, "{:41}{name:<5}{}", "", words(said)).unwrap();
        }
        for said in found.broken.iter().take(5) {
            writeln!(text, "{:41}FOUND {said}", "").unwrap();
        }
        if found.broken.len() > 5 {
            writeln!(text, "{:41}FOUND {} more", "", found.broken.len() - 5).unwrap();
        }
    }
    let held = rows.iter().filter(|(_, found)| found.is_held()).count();
    writeln!(text, "\n{held} of {} held", rows.len()).unwrap();
    text
}

#[test]
fn traps_t01_to_t30() {
    let (said, mut rows) = day::play();
    let made: Vec<Made> = made::all().into_iter().chain(dns::all()).chain(shapes::all()).collect();
    rows.extend(made.iter().map(|(trap, run)| (trap, run(trap))));
    rows.sort_by_key(|(trap, _)| trap.id);
    let told: Vec<&str> = rows.iter().map(|(trap, _)| trap.id).collect();
    let text = table(&rows, &said);
    let is_whole = rows.iter().all(|(_, found)| found.is_held());
    if is_whole {
        println!("{text}");
    } else {
        // Past the harness, whatever it is told to keep.
        io::stderr().write_all(text.as_bytes()).unwrap();
    }
    assert_eq!(told, IDS, "every trap has one row");
    assert!(is_whole, "a trap is broken, see the table");
}
