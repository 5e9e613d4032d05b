//! `outflow-ingest`: the lean probe, without SQL engine.

use std::process::ExitCode;

use clap::Parser;
use ingest::config::{IngestArgs, Start, checked, start};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Turns captures into flow records: one Parquet row for each export interval of a biflow, and a ledger that accounts for every packet.
#[derive(Debug, Parser)]
#[command(name = "outflow-ingest", version, after_help = HELP)]
struct Cli {
    #[command(flatten)]
    args: IngestArgs,
}

const HELP: &str = "\
Examples:
  outflow-ingest -r day.pcap --store store --inside 10.0.0.0/8
  zcat day.pcap.gz | outflow-ingest -r - --store store
  outflow-ingest -i eth0 --store store --dump > probe.toml
  outflow-ingest --config probe.toml --check

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but incomplete (a capture was damaged).";

fn main() -> ExitCode {
    let cli = match start(1) {
        Start::Go(words) => Cli::parse_from(words),
        Start::Done(code) => return code,
    };
    if cli.args.config.check {
        return checked(&cli.args);
    }
    ingest::report(&cli.args, &ingest::run(&cli.args))
}
