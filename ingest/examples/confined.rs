//! Confines itself as the probe does, then tries what a probe must be able to do and what an intruder would; prints each outcome on a line.
//!
//! Confinement cannot be undone, so the tests in `ingest/tests/it/guard.rs` run this program. It reads its instructions from the standard input, a word and
//! its value on each line: `mode`, `source`, `user`, `store`, `extra`, `outside`, `port`, `interface`, `thread`, and `try`, which may be repeated.

#![expect(clippy::unwrap_used, reason = "whoever runs this sees at once what failed")]
#![expect(clippy::print_stdout, reason = "the outcomes are what it is for")]

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, IoSliceMut, Read as _, Write as _};
use std::net::{SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use clap::ValueEnum as _;
use ingest::IngestArgs;
use ingest::config::{Sandbox, SourceKind};
use ingest::guard::{Confinement, confine};
use ingest::source::live::{Fanout, LiveSettings, LiveSource, Parcel};
use ingest::source::xdp::XdpSource;
use ingest::source::{PnetSource, RingSource, SourceError};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, socket};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::{Uid, getppid, setuid};

/// What was opened while that was still possible.
struct Before {
    listener: TcpListener,
    free: std::os::fd::OwnedFd,
}

struct Orders(BTreeMap<String, Vec<String>>);

impl Orders {
    fn read() -> Self {
        let mut orders: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in io::stdin().lines() {
            let line = line.unwrap();
            let (word, value) = line.split_once(' ').unwrap();
            orders.entry(word.to_owned()).or_default().push(value.to_owned());
        }
        Self(orders)
    }
    fn all(&self, word: &str) -> &[String] {
        self.0.get(word).map_or(&[], Vec::as_slice)
    }
    fn get(&self, word: &str) -> Option<&str> {
        self.all(word).first().map(String::as_str)
    }
    fn source(&self) -> SourceKind {
        SourceKind::from_str(self.get("source").unwrap_or("ring"), false).unwrap()
    }
    fn path(&self, word: &str) -> &Path {
        Path::new(self.get(word).unwrap())
    }
}

fn main() {
    let orders = Orders::read();
    let before = Before {
        listener: TcpListener::bind("127.0.0.1:0").unwrap(),
        free: socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None).unwrap(),
    };
    if orders.get("thread").is_some() {
        thread::spawn(thread::park);
    }
    let confined = confine(&Confinement {
        mode: Sandbox::from_str(orders.get("mode").unwrap(), false).unwrap(),
        store: orders.path("store"),
        extra_write: orders.all("extra").iter().map(Into::into).collect(),
        user: orders.get("user"),
        source: orders.source(),
        metrics_port: Some(before.listener.local_addr().unwrap().port()),
    });
    match confined {
        Ok(confined) => println!("confined: {confined}"),
        Err(error) => return println!("refused: {error}"),
    }
    for attempt in orders.all("try") {
        println!("{attempt}: {}", try_out(attempt, &orders, &before));
    }
}

fn try_out(attempt: &str, orders: &Orders, before: &Before) -> String {
    match attempt {
        "read a file" => told(File::open("/etc/passwd")),
        "read a file of root" => told(File::open("/etc/shadow")),
        "list a folder" => told(fs::read_dir("/etc")),
        "write a file" => told(fs::write(orders.path("outside").join("note"), "note")),
        "write a file in a thread" => {
            let path = orders.path("outside").join("other");
            thread::spawn(move || told(fs::write(path, "note"))).join().unwrap()
        }
        "write where allowed" => told(fs::write(orders.path("extra").join("note"), "note")),
        "start a program" => told(Command::new("/bin/true").status()),
        "become a program" => Command::new("/bin/true").exec().to_string(),
        "connect" => told(TcpStream::connect(there(orders))),
        "connect a free socket" => {
            let SocketAddr::V4(there) = there(orders) else { unreachable!() };
            told(connect(before.free.as_raw_fd(), &SockaddrIn::from(there)))
        }
        "bind" => told(TcpListener::bind("127.0.0.1:0")),
        "bind a free socket" => {
            let any: SocketAddrV4 = "127.0.0.1:0".parse().unwrap();
            told(bind(before.free.as_raw_fd(), &SockaddrIn::from(any)))
        }
        "send a datagram" => told(UdpSocket::bind("127.0.0.1:0")),
        "become root" => told(setuid(Uid::from_raw(0))),
        "signal the parent" => told(nix::sys::signal::kill(getppid(), None)),
        "look into the parent" => {
            let mut octets = [0; 8];
            let place = [RemoteIoVec { base: 0x1000, len: 8 }];
            told(process_vm_readv(getppid(), &mut [IoSliceMut::new(&mut octets)], &place))
        }
        "read the parent's words" => told(fs::read(format!("/proc/{}/environ", getppid()))),
        "leave the namespace" => told(nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)),
        "abort" => std::process::abort(),
        "open a packet socket" => told(packet_socket()),
        "list interfaces" => told(nix::ifaddrs::getifaddrs()),
        "read a counter" => told(fs::read("/sys/class/net/lo/statistics/rx_packets")),
        "read routes" => told(fs::read("/proc/thread-self/net/route")),
        "make a pair of sockets" => told(UnixStream::pair()),
        "answer" => told(answer(&before.listener)),
        "publish" => told(publish(orders)),
        "status" => status("/proc/self/status"),
        "status of a thread" => {
            thread::spawn(|| status("/proc/thread-self/status")).join().unwrap()
        }
        "capture" => told(capture(orders)),
        other => format!("{other:?} is not known"),
    }
}

fn told<T, E: Display>(outcome: Result<T, E>) -> String {
    outcome.map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

fn there(orders: &Orders) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], orders.get("port").unwrap().parse().unwrap()))
}

fn packet_socket() -> nix::Result<()> {
    let flags = SockFlag::SOCK_CLOEXEC;
    socket(AddressFamily::Packet, SockType::Raw, flags, None).map(drop)
}

/// Tells its port, and answers whoever comes.
fn answer(listener: &TcpListener) -> io::Result<()> {
    println!("port: {}", listener.local_addr()?.port());
    let (mut guest, _) = listener.accept()?;
    let mut word = [0; 4];
    guest.read_exact(&mut word)?;
    guest.write_all(&word)
}

/// Opens an interface, as if it had been made anew, says so, and waits for packets.
fn capture(orders: &Orders) -> Result<(), String> {
    let settings = LiveSettings {
        interface: orders.get("interface").unwrap().to_owned(),
        lanes: 1,
        ring_bytes: 4 << 20,
        block_bytes: 1 << 18,
        retire: Duration::from_millis(20),
        fanout_group: 1,
        fanout: Fanout::Hosts,
        promiscuous: true,
        force: false,
        kernel_filter: None,
    };
    let mut source: Box<dyn LiveSource> = match orders.source() {
        SourceKind::Ring => Box::new(RingSource::open(&settings).map_err(|error| chain(&error))?),
        SourceKind::Xdp => Box::new(XdpSource::open(&settings).map_err(|error| chain(&error))?),
        SourceKind::Pnet => Box::new(PnetSource::open(&settings).map_err(|error| chain(&error))?),
    };
    println!("listening: yes");
    let mut packets = 0;
    for _ in 0..50 {
        let take = &mut |parcel| {
            let (Parcel::Lane(_, frames) | Parcel::Any(frames)) = parcel;
            packets += frames.packets();
        };
        source.poll(Duration::from_millis(100), take).map_err(|error| chain(&error))?;
        if packets > 0 {
            return Ok(());
        }
    }
    Err("no packet came".to_owned())
}

fn chain(error: &SourceError) -> String {
    let why = error.source().map(|why| format!(": {why}"));
    format!("{error}{}", why.unwrap_or_default())
}

/// The whole line: lanes, writer, files, fsync, rename.
fn publish(orders: &Orders) -> Result<(), String> {
    let capture = orders.path("extra").join("a.pcap");
    let mut args = IngestArgs::of(vec![capture], orders.path("store").to_owned());
    args.lanes = Some(2);
    let outcome = ingest::run(&args).map_err(|error| error.to_string())?;
    if outcome.is_complete() { Ok(()) } else { Err(outcome.to_string()) }
}

/// Numbers of the kernel's about this process, on one line.
fn status(path: &str) -> String {
    let words = ["Uid", "Gid", "Groups", "Cap", "NoNewPrivs", "Seccomp:"];
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| words.iter().any(|word| line.starts_with(word)));
    let lines: Vec<String> =
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    lines.join("; ")
}
