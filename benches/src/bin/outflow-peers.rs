//! The probe beside its peers.
use std::error::Error;
use std::fs::File;
use std::path::PathBuf;

use clap::Parser;
use ingest::source::synthetic::Mix;

/// x
#[derive(Debug, Parser)]
struct Arguments {
    /// out
    out: PathBuf,
    /// n
    #[arg(long, default_value_t = 2_000_000)]
    packets: u64,
    /// s
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[expect(clippy::print_stdout, reason = "what was written is what it tells")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let written =
        Mix::new(arguments.seed, arguments.packets).write_pcap(File::create(&arguments.out)?)?;
    println!("{written:?}");
    Ok(())
}
