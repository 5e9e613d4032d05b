//! The command line: one file for each subcommand, and what they share.
//!
//! Data go to standard output, everything else to standard error; exit 0 done, 1 failed, 2 usage or configuration, 3 done but incomplete.

mod catalog;
mod catalog_diff;
mod compact;
mod demo;
mod describe;
mod doctor;
mod engine;
mod exit;
mod ingest;
mod line;
mod meta;
mod quantity;
mod reference;
mod report;
mod rollup;
mod shell;
mod sql;
mod statement;
mod store;
mod tending;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Which vendors, in which countries, receive how much of a network's traffic, and how do we know?
#[derive(Debug, Parser)]
#[command(name = "outflow", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "\
Begin with:
  outflow demo                                     a national day, from packets to a report
  outflow ingest -r capture.pcap --store store     packets of your own into a store
  outflow sql --store store                        ask it
  outflow report --store store --date 2014-09-22 --timezone Asia/Taipei --out report")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Turn packets into flows, losing count of none
    Ingest(Box<ingest::Args>),
    /// Look for what would lose packets on an interface, and say what to type
    Doctor(Box<doctor::Args>),
    /// Ask a store, or a capture, in SQL
    Sql(sql::Args),
    /// Write the report of a day: a page, JSON and CSV
    Report(report::Args),
    /// Look into a store, verify it, or keep it in order
    #[command(subcommand)]
    Store(store::Command),
    /// Look into the catalog of countries, networks and vendors, or build one
    #[command(subcommand)]
    Catalog(catalog::Command),
    /// Play a national day from packets to a report, and hold it against what was planned
    Demo(demo::Args),
    /// Print the reference of all columns as Markdown
    Columns,
    /// Print the reference of all functions as Markdown
    Functions,
}

/// Runs the program.
pub fn main() -> ExitCode {
    match ingest::command_line() {
        Ok(words) => exit::code(run(Cli::parse_from(words).command)),
        Err(code) => code,
    }
}

fn run(command: Command) -> anyhow::Result<exit::Done> {
    match command {
        Command::Ingest(args) => ingest::run(&args),
        Command::Doctor(args) => Ok(doctor::run(&args)),
        Command::Sql(args) => sql::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Store(command) => store::run(&command),
        Command::Catalog(command) => catalog::run(&command),
        Command::Demo(args) => demo::run(&args),
        Command::Columns => reference::print_columns(),
        Command::Functions => reference::print_functions(),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
