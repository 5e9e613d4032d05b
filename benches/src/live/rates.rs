//! The highest rate at which a receiver loses nothing: up a ladder of rates until it does, then down until it does not, several times in a row.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::live::lab::{Sender, Wire};
use crate::live::receiver::{Receiver, Stage, probe};
use crate::live::report::{self, Found};
use crate::live::run::{FLAT_OUT, Load, Run, run, send};
use crate::live::{float, trace, traffic};

/// From rung to rung, parts of a hundred.
const STEP_PERCENT: u64 = 115;
/// Rungs taken at once on the way up.
const STRIDE: usize = 4;
/// Part of a rate that must be reached for the rate to have been tried, of a hundred.
const REACHED_PERCENT: f64 = 95.0;

/// How to measure.
#[derive(Debug, clap::Args)]
pub struct RatesArgs {
    /// Flows in the traffic; a table for each number
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000])]
    flows: Vec<u32>,
    /// Who is measured
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Receiver::Ring, Receiver::Probe, Receiver::Softflowd, Receiver::Nfpcapd])]
    receivers: Vec<Receiver>,
    /// Runs in a row that must lose nothing
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Seconds of traffic in a run
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// First rate that is tried, packets a second
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    from: u64,
    /// Memory of each receiver's ring or buffer, MiB
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(2..=4096))]
    ring_mb: u16,
    /// Count the probe's system calls at the rate that was found
    #[arg(long)]
    strace: bool,
    /// The probe's program [default: the one beside this]
    #[arg(long, value_name = "PATH")]
    probe: Option<PathBuf>,
}

/// Whether the machine could do it here; an answer where it could not.
pub fn rates(args: &RatesArgs, out: &mut dyn Write) -> Result<bool, Box<dyn Error>> {
    let program = probe(args.probe.as_deref())?;
    let Some(wire) = Wire::lay() else { return Ok(false) };
    let stage = Stage::new(&wire, program, usize::from(args.ring_mb))?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let processors = std::thread::available_parallelism()?;
    writeln!(
        out,
        "sender and receivers share {processors} processors: ratios count, rates are this machine's\n\
         load of the machine before: {}\n\
         every receiver has {} MiB for packets that wait; softflowd copies the head of each packet only, all others its whole",
        load.trim(),
        args.ring_mb
    )?;
    let mut receivers = Vec::new();
    for receiver in &args.receivers {
        match receiver.lacks() {
            None => receivers.push(*receiver),
            Some(package) => {
                writeln!(out, "SKIPPED: {} (Debian package {package})", receiver.name())?;
            }
        }
    }
    for flows in &args.flows {
        let frames = traffic::mix(*flows);
        let sender = wire.sender();
        let time = Duration::from_secs(args.seconds);
        let load = Load { frames: &frames, per_second: FLAT_OUT, time };
        let alone = send(&wire, &sender, load).rate();
        writeln!(
            out,
            "\n{flows} flows, frames of 64, 594 and 1500 octets as 7:4:1; the sender alone, nobody listening: {alone:.0} packets/s"
        )?;
        let search = Search { stage: &stage, sender: &sender, load, runs: args.runs };
        let ladder = ladder(args.from, alone);
        let mut found = Vec::new();
        for receiver in &receivers {
            found.push(search.highest(*receiver, &ladder, out)?);
        }
        report::print(&found, out)?;
        if args.strace
            && let Some(ours) = found.iter().find(|found| found.receiver == Receiver::Probe)
        {
            trace::trace(&stage, &sender, Load { per_second: ours.per_second, ..load }, out)?;
        }
    }
    Ok(true)
}

/// Rates to try, rising to what the sender reaches alone.
fn ladder(from: u64, alone: f64) -> Vec<u64> {
    let mut rates = vec![];
    let mut rate = from;
    while float(rate) < alone {
        rates.push(rate);
        rate = rate * STEP_PERCENT / 100;
    }
    rates.push(FLAT_OUT);
    rates
}

struct Search<'a> {
    stage: &'a Stage<'a>,
    sender: &'a Sender,
    load: Load<'a>,
    runs: u32,
}

/// What became of a rate.
enum Tried {
    /// Nothing was lost.
    Whole(Run),
    /// Nothing was lost, but the sender did not reach the rate.
    Unreached(Run),
    /// Something was.
    Lossy,
}

impl Search<'_> {
    fn try_rate(
        &self,
        receiver: Receiver,
        per_second: u64,
        out: &mut dyn Write,
    ) -> Result<Tried, Box<dyn Error>> {
        let run = run(receiver, self.stage, self.sender, Load { per_second, ..self.load })?;
        let is_reached = run.sent.rate() * 100.0 >= float(per_second) * REACHED_PERCENT;
        let wanted = if per_second == FLAT_OUT { "all".to_owned() } else { per_second.to_string() };
        writeln!(
            out,
            "  {:<16} wanted {wanted:>8}/s, sent {:>8.0}/s, lost by the receiver {}, by the wire {}",
            receiver.name(),
            run.sent.rate(),
            run.lost(),
            run.sent.packets.cast_signed() - run.sent.arrived.cast_signed()
        )?;
        out.flush()?;
        Ok(match (run.is_whole(), is_reached) {
            (true, true) => Tried::Whole(run),
            (true, false) => Tried::Unreached(run),
            (false, _) => Tried::Lossy,
        })
    }

    /// The highest rung without loss, by one run each; one that lost something has another try.
    fn climb(
        &self,
        receiver: Receiver,
        ladder: &[u64],
        out: &mut dyn Write,
    ) -> Result<usize, Box<dyn Error>> {
        // All below `good` is known to be good, `bad` known to be too much.
        let (mut good, mut bad) = (0, ladder.len());
        let mut at = 0;
        while good < bad {
            let Some(rate) = ladder.get(at) else { break };
            let tried = match self.try_rate(receiver, *rate, out)? {
                Tried::Lossy => self.try_rate(receiver, *rate, out)?,
                tried => tried,
            };
            match tried {
                // A rung that was not reached now may be reached when the machine is quieter.
                Tried::Whole(_) | Tried::Unreached(_) => good = at + 1,
                Tried::Lossy => bad = at,
            }
            let is_capped = bad < ladder.len();
            at = if is_capped {
                usize::midpoint(good, bad)
            } else {
                (at + STRIDE).min(bad - 1).max(good)
            };
        }
        Ok(good.saturating_sub(1))
    }

    /// The highest rate at which several runs in a row lose nothing.
    fn highest(
        &self,
        receiver: Receiver,
        ladder: &[u64],
        out: &mut dyn Write,
    ) -> Result<Found, Box<dyn Error>> {
        let top = self.climb(receiver, ladder, out)?;
        for rate in ladder.iter().take(top + 1).rev() {
            let mut runs = Vec::new();
            let mut is_unreached = false;
            for _ in 0..self.runs {
                match self.try_rate(receiver, *rate, out)? {
                    Tried::Whole(run) => runs.push(run),
                    Tried::Unreached(run) => {
                        is_unreached = true;
                        runs.push(run);
                    }
                    Tried::Lossy => break,
                }
            }
            if runs.len() == self.runs as usize {
                return Ok(Found { receiver, per_second: *rate, runs, is_unreached });
            }
        }
        Ok(Found { receiver, per_second: 0, runs: Vec::new(), is_unreached: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder_ends_with_all_that_goes() {
        assert_eq!(ladder(1_000, 1_200.0), [1_000, 1_150, FLAT_OUT]);
        assert_eq!(ladder(1_000, 900.0), [FLAT_OUT]);
    }
}
