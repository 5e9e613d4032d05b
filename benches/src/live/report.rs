//! The table of rates, and our ledger beside it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use crate::live::float;
use crate::live::receiver::Receiver;
use crate::live::run::Run;

/// Columns of the ledger that are shown.
const SHOWN: [&str; 9] = [
    "kernel_packets",
    "kernel_drops",
    "packets_seen",
    "exported",
    "rows_written",
    "rows_lost",
    "kernel_balance_error",
    "balance_error",
    "wire_balance_error",
];

/// The highest rate at which a receiver lost nothing.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) receiver: Receiver,
    /// What was asked of the sender; nothing when every rate was too much.
    pub(crate) per_second: u64,
    pub(crate) runs: Vec<Run>,
    /// The sender did not reach it: the receiver may do more.
    pub(crate) is_unreached: bool,
}

impl Found {
    /// The slowest of the runs.
    fn rate(&self) -> Option<f64> {
        self.runs.iter().map(|run| run.sent.rate()).min_by(f64::total_cmp)
    }

    fn packets(&self) -> u64 {
        self.runs.iter().map(|run| run.sent.packets).sum()
    }

    fn ns_per_packet(&self, time: Duration) -> f64 {
        time.as_secs_f64() * 1e9 / float(self.packets())
    }
}

/// Prints a line for each receiver, the threads of the probe, and its ledger.
pub(crate) fn print(found: &[Found], out: &mut dyn Write) -> io::Result<()> {
    let ours = found.iter().find(|found| found.receiver == Receiver::Probe);
    let our_rate = ours.and_then(Found::rate);
    writeln!(
        out,
        "\n{:<16}{:>16}{:>8}{:>10}{:>11}{:>12}{:>18}",
        "receiver",
        "packets/s, lossless",
        "x ours",
        "CPU s/run",
        "ns/packet",
        "peak MiB",
        "sent = counted"
    )?;
    for found in found {
        let Some(rate) = found.rate() else {
            writeln!(out, "{:<16}lost something at every rate tried", found.receiver.name())?;
            continue;
        };
        let runs = u32::try_from(found.runs.len()).unwrap_or(1);
        let life: Duration = found.runs.iter().map(|run| run.own.cpu).sum();
        let busy: Duration = found.runs.iter().map(Run::busy).sum();
        let memory = found.runs.iter().map(|run| run.memory_kib).max().unwrap_or_default();
        writeln!(
            out,
            "{:<16}{:>19}{:>8}{:>10.2}{:>11.0}{:>12.0}{:>18}",
            found.receiver.name(),
            format!("{}{rate:.0}", if found.is_unreached { ">= " } else { "" }),
            our_rate.map_or("-".to_owned(), |ours| format!("{:.2}", rate / ours)),
            (life / runs).as_secs_f64(),
            found.ns_per_packet(busy),
            float(memory) / 1024.0,
            found.packets()
        )?;
    }
    writeln!(
        out,
        ">=: no faster while both share the processors, and nothing lost. CPU s/run: from start to exit, last records written; \
         ns/packet: of its threads while packets came. What the kernel does for a receiver falls on the sender."
    )?;
    ours.filter(|ours| !ours.runs.is_empty()).map_or(Ok(()), |ours| print_ours(ours, out))
}

fn print_ours(ours: &Found, out: &mut dyn Write) -> io::Result<()> {
    let mut threads: BTreeMap<&str, Duration> = BTreeMap::new();
    for (name, spent) in ours.runs.iter().flat_map(|run| &run.threads) {
        *threads.entry(name).or_default() += *spent;
    }
    write!(out, "threads of outflow-ingest, ns/packet (that of its name is the capture):")?;
    for (name, spent) in threads {
        write!(out, "  {name} {:.1}", ours.ns_per_packet(spent))?;
    }
    let last = ours.runs.last();
    write!(out, "\nits ledger, the last run, {} sent:", last.map_or(0, |run| run.sent.packets))?;
    for name in SHOWN {
        let ledger = last.and_then(|run| run.own.ledger.as_ref());
        if let Some(value) = ledger.and_then(|ledger| ledger.of_column(name).ok()) {
            write!(out, "  {name} {value}")?;
        }
    }
    writeln!(out)
}
