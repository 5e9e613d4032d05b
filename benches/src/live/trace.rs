//! System calls of each thread of the probe while packets come, as strace(1) counts them.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::live::float;
use crate::live::lab::Sender;
use crate::live::process::{Threads, rest};
use crate::live::receiver::{Running, Stage};
use crate::live::run::{Load, check, send};

/// How long strace may take to take hold, or to let go.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// An strace at one thread.
struct Tracer {
    name: String,
    thread: u32,
    child: Child,
    table: PathBuf,
}

impl Drop for Tracer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Tracer {
    fn attach(name: &str, running: &Running, thread: u32) -> Result<Self, Box<dyn Error>> {
        let table = running.folder().join(format!("calls-{thread}"));
        let mut command = Command::new("strace");
        command.args(["-c", "-p", &thread.to_string(), "-o"]).arg(&table);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let tracer = Self { name: name.to_owned(), thread, child, table };
        let status = format!("/proc/{}/task/{thread}/status", running.process());
        let began = Instant::now();
        while fs::read_to_string(&status)?.contains("TracerPid:\t0\n") {
            if began.elapsed() > PATIENCE {
                return Err(format!("strace does not get hold of {name}").into());
            }
            thread::sleep(LOOK);
        }
        Ok(tracer)
    }

    /// Calls by name, the most frequent first.
    fn calls(mut self) -> Result<Vec<(String, u64)>, Box<dyn Error>> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT)?;
        self.child.wait()?;
        let table = fs::read_to_string(&self.table)?;
        let mut calls = calls_of(&table);
        calls.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Ok(calls)
    }
}

/// Names and counts in the table of `strace -c`: share, seconds, microseconds a call, calls, errors where there are any, name.
fn calls_of(table: &str) -> Vec<(String, u64)> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (share, name) = (words.first()?, words.last()?);
        share.parse::<f64>().ok()?;
        let count = words.get(3)?.parse().ok()?;
        (*name != "total").then(|| ((*name).to_owned(), count))
    };
    table.lines().filter_map(line).collect()
}

/// Counts calls while a load comes, all threads at once, and prints them by thousand packets.
pub(crate) fn trace(
    stage: &Stage<'_>,
    sender: &Sender,
    load: Load<'_>,
    out: &mut dyn Write,
) -> Result<(), Box<dyn Error>> {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        return Ok(writeln!(out, "SKIPPED: system calls (Debian package strace)")?);
    }
    let running = Running::probe(stage, |_, _| ())?;
    let threads = Threads::of(running.process())?;
    let tracers: Result<Vec<Tracer>, _> =
        threads.names().map(|(thread, name)| Tracer::attach(name, &running, thread)).collect();
    let tracers = tracers?;
    let sent = send(stage.wire, sender, load);
    rest(running.process())?;
    let mut lines = Vec::new();
    for tracer in tracers {
        let is_capture = tracer.thread == running.process();
        let name = if is_capture { "capture".to_owned() } else { tracer.name.clone() };
        lines.push((name, tracer.calls()?));
    }
    let own = running.end()?;
    check(own.ledger.as_ref().ok_or("no ledger")?, sent.arrived)?;
    let lost = sent.arrived.cast_signed() - own.packets.cast_signed();
    writeln!(
        out,
        "system calls by thread, {} packets at {:.0}/s under strace, {lost} lost:",
        sent.packets,
        sent.rate()
    )?;
    let per_thousand = |count: u64| float(count) * 1e3 / float(sent.packets);
    for (name, calls) in lines {
        let all: u64 = calls.iter().map(|(_, count)| count).sum();
        write!(out, "  {name:<16}{all:>8} = {:>7.3} for 1,000 packets:", per_thousand(all))?;
        for (name, count) in calls {
            write!(out, "  {name} {count}")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_with_and_without_errors() {
        let table = "% time     seconds  usecs/call     calls    errors syscall\n\
                     ------ ----------- ----------- --------- --------- ----------------\n \
                     90,00\n  75.00    0.000300           3       100        20 futex\n  \
                     25.00    0.000100           1        50           poll\n\
                     ------ ----------- ----------- --------- --------- ----------------\n\
                     100.00    0.000400           2       150        20 total\n";
        assert_eq!(calls_of(table), [("futex".to_owned(), 100), ("poll".to_owned(), 50)]);
    }
}
