//! One run: a receiver, so many packets a second for so long, and whether everybody agrees on how many there were.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};

use crate::balance::Sums;
use crate::live::float;
use crate::live::lab::{End, Received, Sender, Wire};
use crate::live::process::{Threads, rest, status};
use crate::live::receiver::{Own, Receiver, Running, Stage};

/// A rate nobody reaches: as fast as it goes.
pub(crate) const FLAT_OUT: u64 = 50_000_000;

/// Frames, at a rate, for a time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load<'a> {
    pub(crate) frames: &'a [Vec<u8>],
    pub(crate) per_second: u64,
    pub(crate) time: Duration,
}

/// What was sent and what the interface at the other end counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) packets: u64,
    pub(crate) arrived: u64,
    pub(crate) took: Duration,
}

impl Sent {
    /// Packets in a second.
    pub(crate) fn rate(&self) -> f64 {
        float(self.packets) / self.took.as_secs_f64()
    }
}

/// Sends a load.
pub(crate) fn send(wire: &Wire, sender: &Sender, load: Load<'_>) -> Sent {
    let Received { packets: before, .. } = wire.received(End::Tap);
    let began = Instant::now();
    let packets = sender.send_for(load.frames, load.per_second, load.time);
    let took = began.elapsed();
    let Received { packets: after, .. } = wire.received(End::Tap);
    Sent { packets, arrived: after - before, took }
}

/// How a run went.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) sent: Sent,
    /// What the receiver says.
    pub(crate) own: Own,
    /// Processor time of its threads while packets came, by name.
    pub(crate) threads: BTreeMap<String, Duration>,
    /// Most memory it ever had, KiB.
    pub(crate) memory_kib: u64,
}

impl Run {
    /// Packets that arrived and were not counted by the receiver.
    pub(crate) fn lost(&self) -> i64 {
        self.sent.arrived.cast_signed() - self.own.packets.cast_signed()
    }

    /// Whether the wire carried everything, and the receiver counted exactly that.
    pub(crate) fn is_whole(&self) -> bool {
        self.sent.packets == self.sent.arrived && self.lost() == 0
    }

    /// Processor time while packets came.
    pub(crate) fn busy(&self) -> Duration {
        self.threads.values().sum()
    }
}

/// Runs a receiver once. Fails where our own books do not close, whether packets were dropped or not.
pub(crate) fn run(
    receiver: Receiver,
    stage: &Stage<'_>,
    sender: &Sender,
    load: Load<'_>,
) -> Result<Run, Box<dyn Error>> {
    let running = Running::start(receiver, stage)?;
    let before = Threads::of(running.process())?;
    let sent = send(stage.wire, sender, load);
    rest(running.process())?;
    let threads = Threads::of(running.process())?.since(&before);
    let memory_kib = status(running.process(), "VmHWM")?;
    let own = running.end()?;
    if let Some(ledger) = &own.ledger {
        check(ledger, sent.arrived)?;
    }
    Ok(Run { sent, own, threads, memory_kib })
}

/// Columns of the ledger that must be nothing whatever happened.
const NOTHING: [&str; 7] = [
    "balance_error",
    "wire_balance_error",
    "ip_balance_error",
    "kernel_balance_error",
    "queue_drops",
    "open_lost",
    "rows_lost",
];

/// Holds a ledger against what arrived: each packet is seen or was dropped by the kernel.
pub(crate) fn check(ledger: &Sums, arrived: u64) -> Result<(), Box<dyn Error>> {
    for name in NOTHING {
        let found = ledger.of_column(name)?;
        if found != 0 {
            return Err(format!("the books do not close: {name} is {found}").into());
        }
    }
    let [kernel, drops, seen] = ["kernel_packets", "kernel_drops", "packets_seen"]
        .map(|name| ledger.of_column(name).unwrap_or(-1));
    if kernel != arrived.cast_signed() || kernel != drops + seen {
        let found =
            format!("{arrived} arrived, kernel_packets {kernel}, drops {drops}, seen {seen}");
        return Err(format!("the books do not close: {found}").into());
    }
    Ok(())
}
