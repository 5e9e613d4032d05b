//! Who listens at the tap: a bare counter, our probe, softflowd, nfpcapd; each a process of its own, and each asked for its own count.

use std::error::Error;
use std::fs;
use std::io::Read;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use schemas::store::Store;
use tempfile::TempDir;

use crate::balance::Sums;
use crate::cpu::children;
use crate::live::lab::{End, TAP, Wire};

/// Word by which this program calls itself to count.
pub(crate) const COUNT: &str = "count";
/// Where softflowd sends its records, to a socket that nobody reads.
const COLLECTOR: &str = "127.0.0.1:9995";
/// Flows the peers can hold: more than are sent.
const FLOWS_MAX: &str = "524288";
/// Nothing that is waited for takes longer than this.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(20);
/// From the first sign of a socket until everything about it is set up.
const SETTLE: Duration = Duration::from_millis(500);

/// A program that listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Receiver {
    /// Counts the frames of a ring and does nothing else.
    Ring,
    /// Our probe.
    Probe,
    /// softflowd.
    Softflowd,
    /// nfpcapd.
    Nfpcapd,
}

impl Receiver {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ring => "bare ring",
            Self::Probe => "outflow-ingest",
            Self::Softflowd => "softflowd",
            Self::Nfpcapd => "nfpcapd",
        }
    }

    /// The programs it needs that are not there, with the package that has them.
    pub(crate) fn lacks(self) -> Option<&'static str> {
        let (programs, package): (&[&str], _) = match self {
            Self::Ring | Self::Probe => return None,
            Self::Softflowd => (&["softflowd", "softflowctl"], "softflowd"),
            Self::Nfpcapd => (&["nfpcapd", "nfdump"], "nfdump"),
        };
        let is_there = |program: &&str| {
            let mut command = Command::new(program);
            let quiet = command.arg("-h").stdout(Stdio::null());
            quiet.stderr(Stdio::null()).stdin(Stdio::null()).status().is_ok()
        };
        (!programs.iter().all(|program| is_there(program))).then_some(package)
    }
}

/// Where receivers run.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) wire: &'a Wire,
    /// The probe's program.
    pub(crate) probe: PathBuf,
    /// Memory of everybody's ring, MiB.
    pub(crate) ring_mb: usize,
    /// Takes the records that softflowd sends, and lets them fall.
    _collector: UdpSocket,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(
        wire: &'a Wire,
        probe: PathBuf,
        ring_mb: usize,
    ) -> Result<Self, Box<dyn Error>> {
        let up = wire.command(End::Tap, "ip").args(["link", "set", "lo", "up"]).output()?;
        if !up.status.success() {
            return Err("the loopback at the tap does not come up".into());
        }
        let collector = wire.at(End::Tap, || UdpSocket::bind(COLLECTOR))?;
        Ok(Self { wire, probe, ring_mb, _collector: collector })
    }

    /// Sockets at the tap that packets are copied to.
    fn listeners(&self) -> Result<usize, Box<dyn Error>> {
        let table =
            self.wire.at(End::Tap, || fs::read_to_string("/proc/thread-self/net/packet"))?;
        let is_running = |line: &&str| line.split_whitespace().nth(5) == Some("1");
        Ok(table.lines().skip(1).filter(is_running).count())
    }
}

/// The program of the probe: the one named, or the one beside this program.
pub(crate) fn probe(named: Option<&Path>) -> Result<PathBuf, Box<dyn Error>> {
    let beside = std::env::current_exe()?.with_file_name("outflow-ingest");
    let path = named.map_or(beside, Path::to_owned);
    if path.is_file() {
        return Ok(fs::canonicalize(path)?);
    }
    Err(format!("{} is not there; cargo build --release -p ingest makes it", path.display()).into())
}

/// What a receiver says of itself when it has ended.
#[derive(Debug, Clone)]
pub(crate) struct Own {
    /// Packets it counted.
    pub(crate) packets: u64,
    /// The ledger, where there is one.
    pub(crate) ledger: Option<Sums>,
    /// User and system time of its whole life.
    pub(crate) cpu: Duration,
}

/// A receiver that listens.
#[derive(Debug)]
pub(crate) struct Running {
    receiver: Receiver,
    child: Child,
    folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a receiver and waits until it listens.
    pub(crate) fn start(receiver: Receiver, stage: &Stage<'_>) -> Result<Self, Box<dyn Error>> {
        let command = |folder: &Path| command(receiver, stage, folder);
        Self::launch(receiver, stage, command)
    }

    /// Starts our probe with more arguments, which may name things in its folder.
    pub(crate) fn probe(
        stage: &Stage<'_>,
        more: impl FnOnce(&Path, &mut Command),
    ) -> Result<Self, Box<dyn Error>> {
        Self::launch(Receiver::Probe, stage, |folder| {
            let mut command = command(Receiver::Probe, stage, folder)?;
            more(folder, &mut command);
            Ok(command)
        })
    }

    fn launch(
        receiver: Receiver,
        stage: &Stage<'_>,
        command: impl FnOnce(&Path) -> Result<Command, Box<dyn Error>>,
    ) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        // Whoever becomes another user must still reach it.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
        let mut command = command(folder.path())?;
        command.stderr(fs::File::create(folder.path().join("said"))?);
        let before = stage.listeners()?;
        let child = stage.wire.at(End::Tap, || command.spawn())?;
        let mut running = Self { receiver, child, folder };
        let began = Instant::now();
        while stage.listeners()? == before {
            if running.child.try_wait()?.is_some() {
                return Err(format!("{} ended at once: {}", receiver.name(), running.said()).into());
            }
            if began.elapsed() > PATIENCE {
                return Err(
                    format!("{} does not listen: {}", receiver.name(), running.said()).into()
                );
            }
            thread::sleep(LOOK);
        }
        thread::sleep(SETTLE);
        Ok(running)
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where it keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has written to the standard error.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(self.folder().join("said")).unwrap_or_default()
    }

    /// Ends it as an operator does, and asks what it has counted.
    pub(crate) fn end(self) -> Result<Own, Box<dyn Error>> {
        self.end_with(|_| Ok(())).map(|(own, ())| own)
    }

    /// The same, and looks at what it has left in its folder before that is taken away.
    pub(crate) fn end_with<T>(
        mut self,
        look: impl FnOnce(&Path) -> Result<T, Box<dyn Error>>,
    ) -> Result<(Own, T), Box<dyn Error>> {
        let own = self.stop()?;
        Ok((own, look(self.folder())?))
    }

    fn stop(&mut self) -> Result<Own, Box<dyn Error>> {
        let said_before = match self.receiver {
            Receiver::Softflowd => Some(softflowd_count(self.folder())?),
            _ => None,
        };
        if self.receiver == Receiver::Ring {
            drop(self.child.stdin.take());
        } else {
            kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGTERM)?;
        }
        let before = children()?;
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if began.elapsed() > PATIENCE {
                return Err(
                    format!("{} does not end: {}", self.receiver.name(), self.said()).into()
                );
            }
            thread::sleep(LOOK);
        };
        let cpu = children()?.saturating_sub(before);
        if !status.success() {
            return Err(format!("{}: {status}: {}", self.receiver.name(), self.said()).into());
        }
        let mut own = Own { packets: 0, ledger: None, cpu };
        match self.receiver {
            Receiver::Ring => {
                let mut text = String::new();
                self.child.stdout.take().ok_or("no output")?.read_to_string(&mut text)?;
                own.packets = text.trim().parse()?;
            }
            Receiver::Probe => {
                let store = Store::open(self.folder().join("store"))?;
                let ledger = Sums::of(&store, schemas::ledger::TABLE.name)?;
                own.packets = ledger.of_column("packets_seen")?.try_into()?;
                own.ledger = Some(ledger);
            }
            Receiver::Softflowd => own.packets = said_before.unwrap_or_default(),
            Receiver::Nfpcapd => own.packets = nfpcapd_count(self.folder())?,
        }
        Ok(own)
    }
}

fn command(
    receiver: Receiver,
    stage: &Stage<'_>,
    folder: &Path,
) -> Result<Command, Box<dyn Error>> {
    let ring = stage.ring_mb.to_string();
    let mut command = match receiver {
        Receiver::Ring => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([COUNT, "--interface", TAP, "--ring-mb", &ring]).stdin(Stdio::piped());
            command.stdout(Stdio::piped());
            return Ok(command);
        }
        Receiver::Probe => {
            let mut command = Command::new(&stage.probe);
            command.args(["-i", TAP, "--sensor", "bench", "--lanes", "1", "--ring-mb", &ring]);
            command.arg("--store").arg(folder.join("store"));
            command
        }
        Receiver::Softflowd => {
            let mut command = Command::new("softflowd");
            let bytes = (stage.ring_mb << 20).to_string();
            command.args(["-d", "-i", TAP, "-v", "9", "-n", COLLECTOR, "-m", FLOWS_MAX]);
            command.args(["-B", &bytes, "-t", "maxlife=60", "-t", "udp=30", "-t", "tcp=30"]);
            command.arg("-c").arg(folder.join("control")).arg("-p").arg(folder.join("pid"));
            command
        }
        Receiver::Nfpcapd => {
            let flows = folder.join("flows");
            fs::create_dir(&flows)?;
            let mut command = Command::new("nfpcapd");
            command.args(["-i", TAP, "-b", &ring, "-B", FLOWS_MAX, "-e", "60,30", "-w"]).arg(flows);
            command
        }
    };
    command.stdin(Stdio::null()).stdout(Stdio::null());
    Ok(command)
}

/// Packets that softflowd says it has processed.
fn softflowd_count(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("softflowctl");
    let output = command.arg("-c").arg(folder.join("control")).arg("statistics").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("Packets processed:"));
    Ok(line.ok_or_else(|| format!("softflowctl told no count: {text}"))?.trim().parse()?)
}

/// Packets in the records that nfpcapd has written.
fn nfpcapd_count(folder: &Path) -> Result<u64, Box<dyn Error>> {
    let mut command = Command::new("nfdump");
    let output =
        command.args(["-q", "-N", "-o", "fmt:%pkt", "-R"]).arg(folder.join("flows")).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut sum = 0;
    for word in text.split_whitespace() {
        sum += word.parse::<u64>()?;
    }
    Ok(sum)
}
