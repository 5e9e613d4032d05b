//! `outflow-ingest`: the lean probe, without SQL engine.

use std::process::ExitCode;

use clap::Parser;
use ingest::config::IngestArgs;
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

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done but incomplete (a capture was damaged).";

fn main() -> ExitCode {
    let cli = Cli::parse();
    ingest::report(&cli.args, &ingest::run(&cli.args))
}
