//! A wire between two network namespaces: frames that go in at one end come out at the other, and nothing else does.
//!
//! Both ends are silent: no addresses, no ARP, no IPv6, so that what was sent, what the interface counted and what was captured can be compared to the
//! packet. A test begins with `let Some(wire) = Wire::lay() else { return };`; the wire and its namespaces are taken away when it is dropped.

use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, SockaddrLike, bind,
    sendmmsg, socket,
};
use nix::unistd::geteuid;

/// Name of the interface that is captured on, in its namespace.
pub(crate) const TAP: &str = "tap0";
/// Name of the interface that sends, in the other namespace.
pub(crate) const SOURCE: &str = "src0";
/// Room for every frame of the tests.
const MTU: u32 = 9000;
/// Frames handed to the kernel in one call.
const BATCH: usize = 64;

static WIRES: AtomicU32 = AtomicU32::new(0);

/// An end of the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Where frames are sent.
    Source,
    /// Where they are captured.
    Tap,
}

impl End {
    /// Name of its interface.
    pub(crate) fn interface(self) -> &'static str {
        match self {
            Self::Source => SOURCE,
            Self::Tap => TAP,
        }
    }
}

/// What an interface has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Received {
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// Two namespaces and a pair of interfaces.
#[derive(Debug)]
pub(crate) struct Wire {
    source: String,
    tap: String,
    _turn: Turn,
}

/// Tests that may run beside others, and whether one runs that may not.
static TURNS: (Mutex<(u32, bool)>, Condvar) = (Mutex::new((0, false)), Condvar::new());

/// The right to load the machine: beside others, or alone, for what needs all of it would take from the others what they count on.
#[derive(Debug)]
struct Turn {
    is_alone: bool,
}

impl Turn {
    fn take(is_alone: bool) -> Self {
        let (turns, bell) = &TURNS;
        let turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = |(beside, alone): &mut (u32, bool)| *alone || is_alone && *beside > 0;
        let mut turns = bell.wait_while(turns, busy).unwrap_or_else(PoisonError::into_inner);
        if is_alone {
            turns.1 = true;
        } else {
            turns.0 += 1;
        }
        Self { is_alone }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut turns = TURNS.0.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_alone {
            turns.1 = false;
        } else {
            turns.0 -= 1;
        }
        TURNS.1.notify_all();
    }
}

/// Why a test cannot run here; with `OUTFLOW_REQUIRE_TOOLS=1` that is a failure.
pub(crate) fn skip(why: &str) {
    let required = std::env::var_os("OUTFLOW_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "OUTFLOW_REQUIRE_TOOLS=1, but {why}");
    eprintln!("SKIPPED: {why}");
}

fn ip(arguments: &str) -> Result<(), String> {
    let output = Command::new("ip")
        .args(arguments.split_whitespace())
        .output()
        .map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {arguments}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

impl Wire {
    /// A wire with both ends up; `None`, said aloud, where that needs rights or tools that are not there.
    pub(crate) fn lay() -> Option<Self> {
        Self::lay_in(false)
    }

    /// A wire while no other test has one.
    pub(crate) fn lay_alone() -> Option<Self> {
        Self::lay_in(true)
    }

    fn lay_in(is_alone: bool) -> Option<Self> {
        if !geteuid().is_root() {
            skip("laying a wire between network namespaces needs root");
            return None;
        }
        if let Err(why) = ip("-Version") {
            skip(&why);
            return None;
        }
        let number = WIRES.fetch_add(1, Ordering::Relaxed);
        let name = format!("of{}w{number}", std::process::id());
        let (source, tap) = (format!("{name}s"), format!("{name}t"));
        let wire = Self { source, tap, _turn: Turn::take(is_alone) };
        for namespace in [&wire.source, &wire.tap] {
            if let Err(why) = ip(&format!("netns add {namespace}")) {
                skip(&format!("network namespaces cannot be made: {why}"));
                return None;
            }
        }
        for end in [End::Source, End::Tap] {
            let quiet = ["all", "default"].map(|of| format!("net.ipv6.conf.{of}.disable_ipv6=1"));
            // A kernel without IPv6 has nothing to silence.
            let _ = wire.command(end, "sysctl").arg("-qw").args(quiet).output();
        }
        wire.connect();
        Some(wire)
    }

    fn namespace(&self, end: End) -> &str {
        match end {
            End::Source => &self.source,
            End::Tap => &self.tap,
        }
    }

    /// Makes the pair of interfaces, as at first or after [`Self::cut`].
    pub(crate) fn connect(&self) {
        let (source, tap) = (&self.source, &self.tap);
        ip(&format!(
            "link add {SOURCE} mtu {MTU} netns {source} type veth peer name {TAP} mtu {MTU} netns {tap}"
        ))
        .unwrap();
        for end in [End::Source, End::Tap] {
            self.change(end, "arp off multicast off up");
        }
        self.settle();
    }

    /// Waits until both ends carry traffic: the kernel notices a carrier with a delay, and until then throws away what is sent.
    fn settle(&self) {
        let begin = Instant::now();
        for end in [End::Source, End::Tap] {
            let carries = || {
                let output = self.command(end, "ip").args(["-o", "link", "show"]).output().unwrap();
                let text = String::from_utf8_lossy(&output.stdout).into_owned();
                let line = text.lines().find(|line| line.contains(end.interface()));
                line.is_some_and(|line| line.contains("state UP") && !line.contains("qdisc noop "))
            };
            while !carries() {
                assert!(begin.elapsed() < Duration::from_secs(30), "{end:?} does not come up");
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Deletes the pair of interfaces.
    pub(crate) fn cut(&self) {
        ip(&format!("-n {} link del {TAP}", self.tap)).unwrap();
    }

    /// Changes one interface as `ip link set` does: `up`, `down`, `mtu 1500`, `gso_max_segs 1` … After `up` (the other end is up) the wire carries traffic.
    pub(crate) fn set(&self, end: End, change: &str) {
        self.change(end, change);
        if change == "up" {
            self.settle();
        }
    }

    fn change(&self, end: End, change: &str) {
        let (namespace, name) = (self.namespace(end), end.interface());
        ip(&format!("-n {namespace} link set dev {name} {change}")).unwrap();
    }

    /// Gives both ends an address and lets them speak IPv4 with each other: 192.0.2.1 at the source, 192.0.2.2 at the tap.
    pub(crate) fn address(&self) {
        for (end, address) in [(End::Source, "192.0.2.1/24"), (End::Tap, "192.0.2.2/24")] {
            self.change(end, "arp on");
            let (namespace, name) = (self.namespace(end), end.interface());
            ip(&format!("-n {namespace} address add {address} dev {name}")).unwrap();
        }
    }

    /// A program that will run at one end.
    pub(crate) fn command(&self, end: End, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.namespace(end), program]);
        command
    }

    /// Runs `work` at one end, in a thread of its own. Sockets opened there stay at that end, whoever uses them later.
    pub(crate) fn at<T: Send>(&self, end: End, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(format!("/run/netns/{}", self.namespace(end))).unwrap();
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
                work()
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// What an end has received, by its own count.
    pub(crate) fn received(&self, end: End) -> Received {
        let table = self.at(end, || fs::read_to_string("/proc/thread-self/net/dev").unwrap());
        let name = end.interface();
        let line = table.lines().find_map(|line| line.trim().strip_prefix(name)).unwrap();
        let numbers: Vec<u64> = line
            .trim_start_matches(':')
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        Received { packets: numbers[1], bytes: numbers[0] }
    }

    /// A sender at the source.
    pub(crate) fn sender(&self) -> Sender {
        self.sender_at(End::Source)
    }

    /// A sender at either end.
    pub(crate) fn sender_at(&self, end: End) -> Sender {
        let name = end.interface();
        let socket = self.at(end, || {
            // Its protocol is 0 and stays so: it never receives.
            let (family, kind) = (AddressFamily::Packet, SockType::Raw);
            let socket = socket(family, kind, SockFlag::SOCK_CLOEXEC, None).unwrap();
            let address = getifaddrs()
                .unwrap()
                .filter(|interface| interface.interface_name == name)
                .find_map(|interface| interface.address?.as_link_addr().copied())
                .unwrap();
            assert_eq!(address.family(), Some(AddressFamily::Packet));
            bind(socket.as_raw_fd(), &address).unwrap();
            socket
        });
        Sender { socket }
    }

    /// Sends frames as fast as they go, and gives their number.
    pub(crate) fn send(&self, frames: &[Vec<u8>]) -> u64 {
        self.sender().send(frames)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for namespace in [&self.source, &self.tap] {
            let _ = ip(&format!("netns del {namespace}"));
        }
    }
}

/// Puts raw frames on the wire.
#[derive(Debug)]
pub(crate) struct Sender {
    socket: OwnedFd,
}

impl Sender {
    /// Sends frames as fast as they go; gives how many the kernel took, which is all of them.
    pub(crate) fn send(&self, frames: &[Vec<u8>]) -> u64 {
        let slices: Vec<[IoSlice<'_>; 1]> =
            frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
        let mut headers = MultiHeaders::<LinkAddr>::preallocate(BATCH, None);
        let addresses = [None; BATCH];
        let mut sent = 0;
        while sent < slices.len() {
            let batch = &slices[sent..slices.len().min(sent + BATCH)];
            let (to, flags) = (&addresses[..batch.len()], MsgFlags::empty());
            match sendmmsg(self.socket.as_raw_fd(), &mut headers, batch, to, [], flags) {
                Ok(results) => sent += results.count(),
                Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => thread::yield_now(),
                Err(error) => panic!("frame {sent}: {error}"),
            }
        }
        sent as u64
    }

    /// Sends frames over and over for a time, `per_second` of them at most; gives how many were sent.
    pub(crate) fn send_for(&self, frames: &[Vec<u8>], per_second: u64, time: Duration) -> u64 {
        let begin = Instant::now();
        let mut sent = 0;
        while begin.elapsed() < time {
            let due = begin.elapsed().as_micros() as u64 * per_second / 1_000_000;
            if due <= sent {
                thread::sleep(Duration::from_micros(200));
                continue;
            }
            let from = sent as usize % frames.len();
            let count = ((due - sent) as usize).min(4 * BATCH).min(frames.len() - from);
            sent += self.send(&frames[from..from + count]);
        }
        sent
    }
}

/// The frames of a capture: the records of a little-endian pcap file.
pub(crate) fn frames_of(pcap: &[u8]) -> Vec<Vec<u8>> {
    assert!(
        matches!(pcap[..4], [0xd4, 0xc3, 0xb2, 0xa1] | [0x4d, 0x3c, 0xb2, 0xa1]),
        "not little-endian pcap"
    );
    let mut frames = Vec::new();
    let mut at = 24;
    while at < pcap.len() {
        let length = u32::from_le_bytes(pcap[at + 8..at + 12].try_into().unwrap()) as usize;
        frames.push(pcap[at + 16..at + 16 + length].to_vec());
        at += 16 + length;
    }
    frames
}

/// A number that whoever runs a test may set.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}
