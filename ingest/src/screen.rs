//! Shows the numbers of a running probe on standard error every second: a table drawn in place on a terminal, elsewhere one line.

use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::wants_colour;
use crate::metrics::Metrics;
use crate::stats::{Look, Snapshot, frame, line};

const EVERY: Duration = Duration::from_secs(1);
/// How often it looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// Shows the numbers until told to stop, and once more at the end.
pub fn watch(metrics: &Metrics, stop: &AtomicBool) {
    let mut screen = Screen::new();
    let (mut before, mut since) = (Snapshot::of(metrics), Instant::now());
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        if since.elapsed() >= EVERY || stop.load(Ordering::Relaxed) {
            let (after, elapsed) = (Snapshot::of(metrics), since.elapsed());
            since += elapsed;
            screen.show(&before, &after, elapsed);
            before = after;
        }
    }
}

/// Where it is shown.
struct Screen {
    is_terminal: bool,
    look: Look,
    /// Lines of the table drawn last.
    drawn: usize,
}

impl Screen {
    fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let look = if wants_colour(is_terminal) { Look::Coloured } else { Look::Plain };
        Self { is_terminal, look, drawn: 0 }
    }

    /// A closed standard error is no reason to stop counting.
    fn show(&mut self, before: &Snapshot, after: &Snapshot, elapsed: Duration) {
        let mut text = String::new();
        if self.is_terminal {
            let table = frame(before, after, elapsed, self.look);
            text = redrawn(&table, self.drawn);
            self.drawn = table.lines().count();
        } else {
            text.push_str(&line(before, after, elapsed));
            text.push('\n');
        }
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// A table over the one of `lines` lines above the cursor (ECMA-48: CUU, EL, ED; lines that are too long are cut, not wrapped).
fn redrawn(table: &str, lines: usize) -> String {
    let up = if lines == 0 { String::new() } else { format!("\u{1b}[{lines}A") };
    format!("{up}\u{1b}[?7l{}\u{1b}[J\u{1b}[?7h", table.replace('\n', "\u{1b}[K\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_drawn_over_the_last() {
        let first = redrawn("a\nb\n", 0);
        assert_eq!(first, "\u{1b}[?7la\u{1b}[K\nb\u{1b}[K\n\u{1b}[J\u{1b}[?7h");
        assert!(redrawn("a\n", 2).starts_with("\u{1b}[2A"));
    }

    #[test]
    fn it_stops_when_told() {
        let (metrics, stop) = (Metrics::default(), AtomicBool::new(false));
        let began = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| watch(&metrics, &stop));
            stop.store(true, Ordering::Relaxed);
        });
        assert!(began.elapsed() < EVERY, "{:?}", began.elapsed());
    }
}
