//! What a program does before it ingests: settings are brought together, and shown or checked where that is all that was asked.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use pnet::datalink;

use crate::config::check::check;
use crate::config::dump::dump;
use crate::config::layers::{Layers, Problems};
use crate::config::{IngestArgs, environment};

/// Whether there is more to do.
#[derive(Debug)]
pub enum Start {
    /// The whole command line: the program's words, then those of file and environment, then what was typed.
    Go(Vec<OsString>),
    /// All that was asked is done.
    Done(ExitCode),
}

/// Brings the settings of this process together. The first `own` words are the program's: its name, and a subcommand.
pub fn start(own: usize) -> Start {
    let mut words = environment::typed();
    let typed = words.split_off(own.min(words.len()));
    let layers = match Layers::new(&typed, &environment::variables()) {
        Ok(layers) => layers,
        Err(problems) => return Start::Done(refuse(&problems)),
    };
    if layers.has("list_interfaces") {
        return Start::Done(show(&interfaces()));
    }
    if layers.has("dump") {
        return Start::Done(show(&dump(&layers)));
    }
    words.extend(layers.words());
    Start::Go(words)
}

/// Says whether arguments can be used here: exit status 0 or 2.
pub fn checked(args: &IngestArgs) -> ExitCode {
    let problems = check(args);
    if problems.is_empty() {
        show("the configuration can be used\n")
    } else {
        refuse(&Problems(problems))
    }
}

/// The interfaces of this machine, numbered.
fn interfaces() -> String {
    let mut text = String::new();
    for (number, interface) in datalink::interfaces().iter().enumerate() {
        let states = [
            (interface.is_up(), "Up"),
            (interface.is_running(), "Running"),
            (interface.is_loopback(), "Loopback"),
        ];
        let states: Vec<&str> =
            states.into_iter().filter(|(is, _)| *is).map(|(_, word)| word).collect();
        let mut addresses = String::new();
        for address in &interface.ips {
            // Writing to a string does not fail.
            let _ = write!(addresses, " {address}");
        }
        let (name, states) = (&interface.name, states.join(", "));
        let _ = writeln!(text, "{}.{name} [{states}]{addresses}", number + 1);
    }
    text
}

/// A closed output is no reason to fail: whoever reads has seen enough.
fn show(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn refuse(problems: &Problems) -> ExitCode {
    for line in &problems.0 {
        let _ = writeln!(io::stderr(), "outflow: {line}");
    }
    ExitCode::from(2)
}
