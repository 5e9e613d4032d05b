//! What programs cost, as the kernel counts it when they have been waited for: processor time, memory, time on the clock.
//!
//! Processor time is what is compared: a machine shared with others tells it more truly than time on the clock.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use nix::time::{ClockId, clock_gettime};

/// Word by which a program calls itself to measure another.
pub const MEASURE: &str = "measure";

/// What a program and all its children took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// User and system time.
    pub cpu: Duration,
    /// From its start to its end.
    pub wall: Duration,
    /// Memory of the largest of them at its largest, octets.
    pub rss_bytes: u64,
}

fn time_of(usage: &Usage) -> Duration {
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(micros.unsigned_abs())
}

/// User and system time of all children waited for so far.
pub fn children() -> io::Result<Duration> {
    Ok(time_of(&getrusage(UsageWho::RUSAGE_CHILDREN)?))
}

/// User and system time of this process so far.
pub fn own() -> io::Result<Duration> {
    Ok(time_of(&getrusage(UsageWho::RUSAGE_SELF)?))
}

/// Memory of this process at its largest, octets.
pub fn own_rss_bytes() -> io::Result<u64> {
    Ok(octets(getrusage(UsageWho::RUSAGE_SELF)?.max_rss()))
}

/// What the kernel counts in KiB.
fn octets(kib: i64) -> u64 {
    u64::try_from(kib).unwrap_or(0) * 1_024
}

/// User and system time of this thread so far.
pub fn thread() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Runs a program to its end and gives its cost; an error where it fails. Its memory is known only where this process has had no larger child.
pub fn run(command: &mut Command) -> io::Result<Cost> {
    let (before, began) = (children()?, Instant::now());
    let status = command.status()?;
    let wall = began.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    if !status.success() {
        return Err(io::Error::other(format!("{}: {status}", command.get_program().display())));
    }
    let rss_bytes = octets(usage.max_rss());
    Ok(Cost { cpu: time_of(&usage).saturating_sub(before), wall, rss_bytes })
}

impl Cost {
    /// In one line, for the process that asked for it.
    pub fn line(&self) -> String {
        format!("{} {} {}", self.cpu.as_nanos(), self.wall.as_nanos(), self.rss_bytes)
    }

    fn of_line(line: &str) -> Option<Self> {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().ok());
        let mut next = || numbers.next().flatten();
        Some(Self {
            cpu: Duration::from_nanos(next()?),
            wall: Duration::from_nanos(next()?),
            rss_bytes: next()?,
        })
    }
}

/// Runs a program under a process of its own that measures it (`own`, which understands [`MEASURE`]); gives what it printed, and its cost.
pub fn measure(own: &Path, command: &Command, folder: &Path) -> io::Result<(String, Cost)> {
    let told = folder.join("cost");
    let mut under = Command::new(own);
    under.arg(MEASURE).arg(&told).arg(command.get_program()).args(command.get_args());
    let output = under.output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(io::Error::other(format!("{}: {why}", command.get_program().display())));
    }
    let cost = Cost::of_line(&std::fs::read_to_string(&told)?);
    std::fs::remove_file(&told)?;
    let cost = cost.ok_or_else(|| io::Error::other("a cost that is none"))?;
    // Some of the peers tell their totals on one, some on the other.
    let text = [output.stdout, output.stderr].concat();
    Ok((String::from_utf8_lossy(&text).into_owned(), cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_a_child_is_counted() {
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let cost = run(Command::new("sh").args(["-c", script])).unwrap();
        assert!(cost.cpu > Duration::from_millis(5) && cost.rss_bytes > 100_000, "{cost:?}");
        let idle = run(Command::new("sleep").arg("0.2")).unwrap();
        assert!(idle.cpu <= Duration::from_millis(20), "{idle:?}");
        assert!(idle.wall >= Duration::from_millis(200), "{idle:?}");
        assert!(run(&mut Command::new("false")).is_err());
        assert_eq!(Cost::of_line(&cost.line()).unwrap().cpu, cost.cpu);
    }
}
