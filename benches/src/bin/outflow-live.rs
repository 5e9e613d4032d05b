//! The probe on a wire of its own: the highest rate without loss beside its peers, system calls, and the soak. Needs Linux and root.
//!
//! `cargo build --release -p ingest && cargo build --release -p benches --no-default-features` builds it beside the probe, without the SQL engine;
//! then `target/release/outflow-live rates --strace` and `target/release/outflow-live soak --minutes 30`.

use std::error::Error;
use std::io;
use std::process::ExitCode;

use benches::live::count::count;
use benches::live::rates::{RatesArgs, rates};
use benches::live::soak::{SoakArgs, soak};
use clap::Parser;

/// Measures the probe on a pair of interfaces between two network namespaces
#[derive(Debug, Parser)]
enum Task {
    /// The highest rate without loss: the probe, a bare ring, softflowd, nfpcapd
    Rates(RatesArgs),
    /// The probe for a long time under changing traffic: memory, threads, descriptors, balance
    Soak(SoakArgs),
    /// Count the frames of an interface until the standard input ends
    #[command(hide = true)]
    Count {
        /// The interface
        #[arg(long)]
        interface: String,
        /// Memory of the ring, MiB
        #[arg(long)]
        ring_mb: usize,
    },
}

#[expect(clippy::print_stdout, reason = "a count is what this program is for")]
fn run(task: &Task) -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout();
    match task {
        Task::Rates(args) => rates(args, &mut out),
        Task::Soak(args) => soak(args, &mut out),
        Task::Count { interface, ring_mb } => {
            println!("{}", count(interface, *ring_mb)?.packets);
            Ok(true)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the operator's line; tables go to standard output")]
fn main() -> ExitCode {
    match run(&Task::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("outflow-live: {error}");
            ExitCode::FAILURE
        }
    }
}
