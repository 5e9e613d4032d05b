//! The probe as its operator runs it: the binary itself, on the tap of a wire, from its first line to its exit status, and the books it leaves.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::forge::Shape;
use crate::lab::{Row, number, rows_of, sum};
use crate::live::lab::{End, Sender, TAP, Wire};

/// What the probe says once its sockets are open and it is confined.
const READY: &str = "capturing on";
/// Nothing that a test waits for takes longer than this.
const PATIENCE: Duration = Duration::from_mins(1);

/// A folder that the unprivileged probe can reach, with a store in it.
pub(crate) struct Ground {
    folder: TempDir,
}

impl Ground {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Self { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }
}

/// A probe that runs.
pub(crate) struct Probe {
    child: Child,
    said: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
    began: Instant,
    /// From its start until it said that it captures.
    pub(crate) start_took: Duration,
}

/// A probe that ran.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit status; none when a signal ended it.
    pub(crate) code: Option<i32>,
    /// All it wrote to the standard error.
    pub(crate) said: String,
    /// From the signal to its end.
    pub(crate) took: Duration,
}

impl Probe {
    /// The command of a probe on the tap, with `words` added to its arguments.
    pub(crate) fn command(store: &Path, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_outflow-ingest"));
        command.args(["-i", TAP, "--sensor", "lab", "--lanes", "1", "--store"]).arg(store);
        command.args(words.split_whitespace());
        command
    }

    /// Starts a probe and waits until it captures.
    pub(crate) fn start(wire: &Wire, store: &Path, words: &str) -> Self {
        Self::run(wire, Self::command(store, words))
    }

    /// Starts a command at the tap and waits until it captures.
    pub(crate) fn run(wire: &Wire, command: Command) -> Self {
        let mut probe = Self::spawn(wire, command);
        probe.wait();
        probe
    }

    /// Starts a command at the tap.
    pub(crate) fn spawn(wire: &Wire, mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let began = Instant::now();
        // A child is born in the namespace of the thread that makes it.
        let mut child = wire.at(End::Tap, || command.spawn()).unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let listener = listen(child.stderr.take().unwrap(), Arc::clone(&said));
        Self { child, said, listener: Some(listener), began, start_took: Duration::ZERO }
    }

    /// Waits until it captures.
    pub(crate) fn wait(&mut self) {
        while !self.said().contains(READY) {
            let is_over = self.child.try_wait().unwrap();
            assert_eq!(is_over, None, "the probe ended at once: {}", self.said());
            assert!(self.began.elapsed() < PATIENCE, "no sign of capture: {}", self.said());
            thread::sleep(Duration::from_millis(2));
        }
        self.start_took = self.began.elapsed();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All it has said so far.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop(mut self, signal: Signal) -> Ended {
        let began = Instant::now();
        self.signal(signal);
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(began.elapsed() < PATIENCE, "{signal} does not end it: {}", self.said());
            thread::sleep(Duration::from_millis(1));
        };
        let took = began.elapsed();
        self.listener.take().unwrap().join().unwrap();
        Ended { code: status.code(), said: self.said(), took }
    }

    /// Ends it as an operator does; it must end well and soon.
    pub(crate) fn end(self) -> Ended {
        let ended = self.stop(Signal::SIGTERM);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(ended.took < Duration::from_secs(5), "it took {:?}", ended.took);
        ended
    }

    /// A number from `/proc/PID/status`, as it is written there: `VmHWM`, `CapEff`, `Seccomp` …
    pub(crate) fn status(&self, name: &str) -> String {
        status_of(Path::new(&format!("/proc/{}", self.pid())), name)
    }

    /// The same of each thread.
    pub(crate) fn status_of_threads(&self, name: &str) -> Vec<String> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        threads.map(|thread| status_of(&thread.unwrap().path(), name)).collect()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status_of(process: &Path, name: &str) -> String {
    let status = fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim().to_owned()
}

fn listen(stderr: ChildStderr, said: Arc<Mutex<String>>) -> JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines() {
            let mut said = said.lock().unwrap();
            said.push_str(&line.unwrap());
            said.push('\n');
        }
    })
}

/// The sum of a counter over its labels, as served on a unix socket (`--metrics PATH`).
pub(crate) fn counter(socket: &Path, name: &str) -> i64 {
    let mut line = UnixStream::connect(socket).unwrap();
    line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    line.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    line.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    line.read_to_string(&mut answer).unwrap();
    let values: Vec<i64> = answer
        .lines()
        .filter(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with('{') || rest.starts_with(' '))
        })
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as i64)
        .collect();
    assert!(!values.is_empty(), "no {name} in {answer}");
    values.iter().sum()
}

/// Files left in the spool of a store.
pub(crate) fn spooled(store: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(store.join("_spool")).into_iter().flatten();
    folder.map(|found| found.unwrap().path()).collect()
}

/// Starts again until what was left in the spool is published: a probe that is told to stop does not wait for a machine that is too busy.
pub(crate) fn publish_rest(wire: &Wire, store: &Path) {
    for _ in 0..10 {
        if spooled(store).is_empty() {
            return;
        }
        let probe = Probe::start(wire, store, "");
        thread::sleep(Duration::from_secs(1));
        probe.stop(Signal::SIGTERM);
    }
    panic!("left in the spool: {:?}", spooled(store));
}

/// Frames of numbered flows, some packets each, one flow after the other at a steady rate: host and port of a flow's source are its number.
pub(crate) struct Stream {
    sender: Sender,
    packets_per_flow: u64,
    /// Frames sent.
    pub(crate) sent: u64,
}

/// Ports a host of the stream speaks from, and the first.
const PORTS: (u64, u16) = (60_000, 2_000);

impl Stream {
    pub(crate) fn new(wire: &Wire, packets_per_flow: u64) -> Self {
        Self { sender: wire.sender(), packets_per_flow, sent: 0 }
    }

    /// Flows sent so far, the last perhaps in part.
    pub(crate) const fn flows(&self) -> u64 {
        self.sent.div_ceil(self.packets_per_flow)
    }

    /// Sends for a time; gives the number of frames.
    pub(crate) fn run(&mut self, per_second: u64, time: Duration) -> u64 {
        let (began, before) = (Instant::now(), self.sent);
        while began.elapsed() < time {
            let due = before + began.elapsed().as_micros() as u64 * per_second / 1_000_000;
            let frames: Vec<Vec<u8>> =
                (self.sent..due).map(|frame| numbered(frame / self.packets_per_flow)).collect();
            self.sent += self.sender.send(&frames);
            thread::sleep(Duration::from_millis(1));
        }
        self.sent - before
    }
}

/// A frame of a numbered flow.
pub(crate) fn numbered(flow: u64) -> Vec<u8> {
    let (host, port) = (10 + flow / PORTS.0, (flow % PORTS.0) as u16 + PORTS.1);
    Shape::udp(0, (host.try_into().unwrap(), port), (2, 9), 30).packet().bytes
}

/// The number of a flow by its source.
pub(crate) fn number_of(src_ip: &str, src_port: &str) -> u64 {
    let host: u64 = src_ip.rsplit('.').next().unwrap().parse().unwrap();
    (host - 10) * PORTS.0 + src_port.parse::<u64>().unwrap() - u64::from(PORTS.1)
}

/// What the rows of a store add up to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sums {
    pub(crate) rows: i64,
    pub(crate) packets: i64,
    pub(crate) wire_bytes: i64,
    pub(crate) bytes: i64,
}

/// What a store says.
pub(crate) struct Books {
    pub(crate) flows: Vec<Row>,
    pub(crate) ledger: Vec<Row>,
}

impl Books {
    /// Of a store whose probes have ended.
    pub(crate) fn of(store: &Path) -> Self {
        Self { flows: rows_of(store, "flows"), ledger: rows_of(store, "ledger") }
    }

    /// The ledger's sum of a column; null counts nothing.
    pub(crate) fn total(&self, column: &str) -> i64 {
        let known = self.ledger.iter().filter(|row| row.contains_key(column));
        known.map(|row| number(row, column)).sum()
    }

    /// Rows of the ledger of a kind.
    pub(crate) fn kind(&self, kind: &str) -> Vec<&Row> {
        self.ledger.iter().filter(|row| row["kind"] == kind).collect()
    }

    /// Every row balances, and what the ledger says was exported is there or was counted as lost.
    pub(crate) fn assert_closed(&self) {
        self.assert_closed_with(Sums {
            rows: self.flows.len().try_into().unwrap(),
            packets: sum(&self.flows, "packets"),
            wire_bytes: sum(&self.flows, "wire_bytes"),
            bytes: sum(&self.flows, "bytes"),
        });
    }

    /// The same with the sums of the flows known.
    pub(crate) fn assert_closed_with(&self, made: Sums) {
        for row in &self.ledger {
            for error in ["balance_error", "wire_balance_error", "ip_balance_error"] {
                assert_eq!(number(row, error), 0, "{error} in {row:?}");
            }
            let kernel = row.get("kernel_balance_error");
            assert!(kernel.is_none_or(|error| error == "0"), "kernel_balance_error in {row:?}");
        }
        for (exported, made, lost) in [
            ("exported", made.packets, "rows_lost_packets"),
            ("wire_exported", made.wire_bytes, "rows_lost_wire_bytes"),
            ("ip_exported", made.bytes, "rows_lost_ip_bytes"),
            ("rows_written", made.rows, "rows_lost"),
        ] {
            assert_eq!(self.total(exported), made + self.total(lost), "{exported}");
        }
    }

    /// Closed, and not one of `sent` packets missed.
    pub(crate) fn assert_whole(&self, sent: u64) {
        self.assert_closed();
        assert_eq!(self.total("packets_seen"), sent.cast_signed());
        assert_eq!(self.total("kernel_packets"), sent.cast_signed());
        for nothing in ["kernel_drops", "queue_drops", "rows_lost", "open_lost"] {
            assert_eq!(self.total(nothing), 0, "{nothing}");
        }
        assert_eq!(sum(&self.flows, "packets"), sent.cast_signed());
    }
}
