//! The probe for a long time, under traffic that changes: a day in a loop, floods, bursts, VLANs.

use std::error::Error;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use schemas::store::Store;

use crate::balance::Sums;
use crate::live::lab::{End, Sender, Wire};
use crate::live::process::{descriptors, rest, status};
use crate::live::receiver::{Running, Stage, probe};
use crate::live::run::{FLAT_OUT, check};
use crate::live::traffic;
use crate::live::verdict::{Sample, judge};

const SEED: u64 = 7;
const FLOOD_FRAMES: u64 = 200_000;
/// A burst, and the silence after it.
const BURST: Duration = Duration::from_millis(200);
const SILENCE: Duration = Duration::from_millis(800);
/// A piece of a phase: so soon an end is noticed.
const PIECE: Duration = Duration::from_millis(500);

/// How long, and how much.
#[derive(Debug, clap::Args)]
pub struct SoakArgs {
    /// How long
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: u64,
    /// Seconds between two samples
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    every: u64,
    /// Packets a second of the day and of VLANs; a flood has twice as many, a burst what the sender reaches
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u64).range(100..=FLAT_OUT / 2))]
    rate: u64,
    /// Growth of memory over the last two thirds that is still called flat, KiB in an hour
    #[arg(long, value_name = "KIB", default_value_t = 4_096)]
    slope_max: u32,
    /// The probe's program [default: the one beside this]
    #[arg(long, value_name = "PATH")]
    probe: Option<PathBuf>,
}

/// One kind of traffic for a time.
struct Phase {
    frames: Vec<Vec<u8>>,
    per_second: u64,
    seconds: u64,
    is_in_bursts: bool,
}

/// A minute of everything.
fn phases(rate: u64) -> [Phase; 4] {
    let day = traffic::day(SEED);
    let tagged = traffic::tagged(&day);
    let flood = traffic::flood(FLOOD_FRAMES);
    let phase =
        |frames, per_second, seconds| Phase { frames, per_second, seconds, is_in_bursts: false };
    [
        phase(day.clone(), rate, 30),
        phase(flood, rate * 2, 10),
        Phase { is_in_bursts: true, ..phase(day, FLAT_OUT, 10) },
        phase(tagged, rate, 10),
    ]
}

/// Sends phase after phase until it is over; gives how many packets.
fn play(sender: &Sender, phases: &[Phase], is_over: &AtomicBool) -> u64 {
    let mut sent = 0;
    for phase in phases.iter().cycle() {
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(phase.seconds) {
            if is_over.load(Ordering::Relaxed) {
                return sent;
            }
            let time = if phase.is_in_bursts { BURST } else { PIECE };
            sent += sender.send_for(&phase.frames, phase.per_second, time);
            if phase.is_in_bursts {
                thread::sleep(SILENCE);
            }
        }
    }
    sent
}

/// The page of counters of a running probe.
struct Page(String);

impl Page {
    fn fetch(socket: &Path) -> Result<Self, Box<dyn Error>> {
        let mut line = UnixStream::connect(socket)?;
        line.set_read_timeout(Some(Duration::from_secs(10)))?;
        line.write_all(b"GET /metrics HTTP/1.1\r\nHost: soak\r\n\r\n")?;
        line.shutdown(Shutdown::Write)?;
        let mut text = String::new();
        line.read_to_string(&mut text)?;
        Ok(Self(text))
    }

    /// Sum over the labels of a name.
    fn sum(&self, name: &str) -> Result<i64, Box<dyn Error>> {
        let ours = self.0.lines().filter(|line| {
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']))
        });
        let values: Result<Vec<i64>, _> =
            ours.map(|line| line.rsplit(' ').next().unwrap_or_default().parse()).collect();
        let values = values?;
        if values.is_empty() {
            Err(format!("the probe tells no {name}").into())
        } else {
            Ok(values.iter().sum())
        }
    }
}

fn sample(running: &Running, socket: &Path, began: Instant) -> Result<Sample, Box<dyn Error>> {
    let process = running.process();
    let gone = |error| format!("the probe is gone ({error}): {}", running.said());
    let memory_kib = status(process, "VmRSS").map_err(gone)?;
    let descriptors = descriptors(process)?.try_into()?;
    let page = Page::fetch(socket)?;
    Ok(Sample {
        second: began.elapsed().as_secs(),
        memory_kib,
        threads: status(process, "Threads")?,
        descriptors,
        balance_error: page.sum("outflow_balance_error_packets")?,
        seen: page.sum("outflow_packets_seen_total")?,
        drops: page.sum("outflow_kernel_drops_total")?,
        rows_lost: page.sum("outflow_rows_lost_total")?,
        flows: page.sum("outflow_flow_table_entries")?,
    })
}

/// Samples until the time is over.
fn watch(
    args: &SoakArgs,
    running: &Running,
    socket: &Path,
    out: &mut dyn Write,
) -> Result<Vec<Sample>, Box<dyn Error>> {
    let began = Instant::now();
    let end = Duration::from_secs(args.minutes * 60);
    let mut samples: Vec<Sample> = Vec::new();
    writeln!(
        out,
        "{:>7}{:>10}{:>9}{:>13}{:>9}{:>12}{:>11}{:>9}",
        "second", "RSS KiB", "threads", "descriptors", "balance", "packets", "drops", "flows"
    )?;
    while began.elapsed() < end {
        thread::sleep(Duration::from_secs(args.every).min(end.saturating_sub(began.elapsed())));
        let now = sample(running, socket, began)?;
        writeln!(
            out,
            "{:>7}{:>10}{:>9}{:>13}{:>9}{:>12}{:>11}{:>9}",
            now.second,
            now.memory_kib,
            now.threads,
            now.descriptors,
            now.balance_error,
            now.seen,
            now.drops,
            now.flows
        )?;
        out.flush()?;
        samples.push(now);
    }
    Ok(samples)
}

/// Runs it; whether all stayed as it was. Fails where the books do not close in the end.
pub fn soak(args: &SoakArgs, out: &mut dyn Write) -> Result<bool, Box<dyn Error>> {
    let program = probe(args.probe.as_deref())?;
    let Some(wire) = Wire::lay() else { return Ok(false) };
    let stage = Stage::new(&wire, program, 64)?;
    let phases = phases(args.rate);
    let sender = wire.sender();
    let running = Running::probe(&stage, |folder, command| {
        command.args(["--rotate", "10s", "--metrics"]).arg(folder.join("metrics"));
    })?;
    let socket = running.folder().join("metrics");
    let is_over = AtomicBool::new(false);
    let (samples, sent) = thread::scope(|scope| {
        let player = scope.spawn(|| play(&sender, &phases, &is_over));
        let samples = watch(args, &running, &socket, out);
        is_over.store(true, Ordering::Relaxed);
        (samples, player.join())
    });
    let (samples, sent) = (samples?, sent.map_err(|_| "the sender failed")?);
    rest(running.process())?;
    let (own, flows) = running.end_with(|folder| {
        Sums::of(&Store::open(folder.join("store"))?, schemas::flow::TABLE.name)
    })?;
    let ledger = own.ledger.ok_or("no ledger")?;
    let arrived = wire.received(End::Tap).packets;
    if sent != arrived {
        return Err(format!("{sent} packets were sent and {arrived} arrived").into());
    }
    check(&ledger, arrived)?;
    let [exported, made] = [ledger.of_column("exported")?, flows.of_column("packets")?];
    if exported != made {
        return Err(
            format!("the ledger says {exported} packets in rows, the rows say {made}").into()
        );
    }
    let drops = ledger.of_column("kernel_drops")?;
    let verdict = judge(&samples, f64::from(args.slope_max));
    let [threads, descriptors] = [verdict.threads, verdict.descriptors];
    writeln!(
        out,
        "\n{sent} packets sent, {drops} dropped by the kernel and counted, {exported} in rows; the books are closed\n\
         last two thirds: memory {:+.0} KiB/h, give or take {:.0} (flat is {} at most), threads {} to {}, descriptors {} to {}",
        verdict.slope.kib_per_hour,
        2.0 * verdict.slope.error,
        args.slope_max,
        threads[0],
        threads[1],
        descriptors[0],
        descriptors[1]
    )?;
    if args.minutes < 10 {
        writeln!(out, "under ten minutes a slope says little")?;
    }
    for fault in &verdict.faults {
        writeln!(out, "FAULT: {fault}")?;
    }
    writeln!(out, "verdict: {}", if verdict.faults.is_empty() { "steady" } else { "not steady" })?;
    Ok(verdict.faults.is_empty())
}
