//! Processor time of child processes, as the kernel counts it when they have been waited for.
//!
//! Processor time and not time on the clock: a machine shared with others tells the former more truly. The kernel counts in ticks of 10 ms.

use std::fs;
use std::io;
use std::process::{Command, Output};
use std::time::Duration;

/// `sysconf(_SC_CLK_TCK)` of Linux on every processor this runs on.
const TICK: Duration = Duration::from_millis(10);
/// `cutime` and `cstime` in `/proc/self/stat`, counted after the name (proc(5)).
const FIELDS: [usize; 2] = [13, 14];

/// User and system time of all children waited for so far.
pub fn children() -> io::Result<Duration> {
    let text = fs::read_to_string("/proc/self/stat")?;
    // The name in parentheses may hold anything.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: Option<Vec<u32>> = FIELDS.iter().map(|at| fields.get(*at)?.parse().ok()).collect();
    let ticks = ticks.ok_or_else(|| io::Error::other("/proc/self/stat has an unknown form"))?;
    Ok(TICK * ticks.iter().sum::<u32>())
}

/// Runs a program to its end; gives what it printed and the processor time of it and its children.
pub fn measure(command: &mut Command) -> io::Result<(Output, Duration)> {
    let before = children()?;
    let output = command.output()?;
    Ok((output, children()?.saturating_sub(before)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_of_a_child_is_counted() {
        let script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done";
        let (output, time) = measure(Command::new("sh").args(["-c", script])).unwrap();
        assert!(output.status.success());
        assert!(time > Duration::ZERO, "{time:?}");
        let (_, idle) = measure(Command::new("sleep").arg("0.2")).unwrap();
        assert!(idle <= TICK * 2, "{idle:?}");
    }
}
