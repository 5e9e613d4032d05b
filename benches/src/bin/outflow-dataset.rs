//! Makes a store to ask questions of, of as many rows as wanted, without a probe and without the SQL engine.
//!
//! `cargo build --release -p benches --no-default-features --bin outflow-dataset`, then
//! `target/release/outflow-dataset make --rows 10000000 --out DIR`. `benches::dataset` says what is in it.

use std::error::Error;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use benches::contest::real;
use benches::cpu;
use benches::dataset::write::{Made, Plan};
use clap::Parser;
use mimalloc::MiMalloc;

// That of the probe.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// What a size on paper is computed for.
const BILLION: f64 = 1e9;

/// Makes data sets
#[derive(Debug, Parser)]
enum Task {
    /// Write a store
    Make {
        /// Rows of flows
        #[arg(long, default_value_t = 10_000_000)]
        rows: u64,
        /// Days they are spread over
        #[arg(long, default_value_t = 7)]
        days: u32,
        /// What they are drawn from: the same seed makes the same files
        #[arg(long, default_value_t = 7)]
        seed: u64,
        /// Hours written at the same time
        #[arg(long, default_value_t = 2)]
        threads: usize,
        /// Folder of the store; new or empty
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// What writing took so far, in one line.
fn line(made: &Made, cpu: Duration, wall: Duration) -> String {
    let (rows, bytes) = (real(made.rows.max(1)), real(made.bytes));
    let seconds = cpu.as_secs_f64();
    format!(
        "{} rows in {} hours, {} bytes, {:.1} bytes a row, {seconds:.1} CPU s, {:.0} rows a CPU second, {:.1} s",
        made.rows,
        made.hours,
        made.bytes,
        bytes / rows,
        rows / seconds,
        wall.as_secs_f64()
    )
}

#[expect(clippy::print_stderr, reason = "progress, on a terminal only")]
fn run(task: &Task) -> Result<(), Box<dyn Error + Send + Sync>> {
    let Task::Make { rows, days, seed, threads, out } = task;
    let plan = Plan { rows: *rows, days: *days, seed: *seed, threads: *threads };
    let (began, is_watched) = (Instant::now(), io::stderr().is_terminal());
    let made = plan.make(out, |made| {
        if is_watched {
            let percent = made.rows * 100 / rows.max(&1);
            eprint!("\r{percent:>3} %  {} rows, {} bytes", made.rows, made.bytes);
        }
    })?;
    if is_watched {
        eprintln!();
    }
    let (cpu, wall) = (cpu::own()?, began.elapsed());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", line(&made, cpu, wall))?;
    if made.rows > 0 {
        let times = BILLION / real(made.rows);
        let gigabytes = real(made.bytes) * times / 1e9;
        let minutes = cpu.as_secs_f64() * times / 60.0;
        writeln!(stdout, "a billion such rows: {gigabytes:.0} GB, {minutes:.0} CPU minutes")?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the operator's line")]
fn main() -> ExitCode {
    match run(&Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outflow-dataset: {error}");
            ExitCode::FAILURE
        }
    }
}
