//! The guard on a real kernel: what a confined process can still do, and what it cannot.
//!
//! Confinement cannot be undone, so a program of its own tries it: `ingest/examples/confined.rs`, which cargo builds beside the tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::forge::{Order, Shape, pcap};
use crate::lab::{rows_of, sum};
use crate::live::lab::{End, TAP, Wire, skip};

const SIGSYS: i32 = 31;
const SIGABRT: i32 = 6;
const NET_RAW: u64 = 1 << 13;
const NET_ADMIN: u64 = 1 << 12;
const IPC_LOCK: u64 = 1 << 14;
const BPF: u64 = 1 << 39;

/// What a probe does all day.
const WORK: [&str; 8] = [
    "publish",
    "open a packet socket",
    "list interfaces",
    "read a counter",
    "read routes",
    "make a pair of sockets",
    "write where allowed",
    "answer",
];
/// What it has no business with, and survives.
const MISCHIEF: [&str; 13] = [
    "read a file",
    "read a file of root",
    "list a folder",
    "write a file",
    "write a file in a thread",
    "start a program",
    "connect a free socket",
    "connect",
    "bind",
    "send a datagram",
    "become root",
    "signal the parent",
    "read the parent's words",
];

/// Folders for a trial, all of them within everybody's reach: `store` is not there yet.
struct Trial {
    folder: TempDir,
    listener: TcpListener,
}

struct Told {
    lines: BTreeMap<String, String>,
    status: ExitStatus,
}

impl Told {
    fn of(&self, line: &str) -> &str {
        self.lines.get(line).unwrap_or_else(|| panic!("{line:?} is not in {:?}", self.lines))
    }

    /// A number of the kernel's status.
    fn number(&self, line: &str, word: &str, radix: u32) -> u64 {
        let found = self.of(line).split("; ").find_map(|item| item.strip_prefix(word));
        let digits = found.unwrap_or_else(|| panic!("{word} is not in {}", self.of(line)));
        let digits = digits.trim_start_matches(':').split_whitespace().next().unwrap();
        u64::from_str_radix(digits, radix).unwrap()
    }

    fn assert_capabilities(&self, line: &str, kept: u64) {
        for (set, wanted) in
            [("CapPrm", kept), ("CapEff", kept), ("CapInh", 0), ("CapBnd", kept), ("CapAmb", 0)]
        {
            assert_eq!(self.number(line, set, 16), wanted, "{set} of {}", self.of(line));
        }
    }
}

impl Trial {
    fn begin() -> Option<Self> {
        if !geteuid().is_root() {
            skip("giving root away takes root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let trial = Self { folder, listener: TcpListener::bind("127.0.0.1:0").unwrap() };
        for place in ["extra", "outside"] {
            fs::create_dir(trial.path(place)).unwrap();
            fs::set_permissions(trial.path(place), Permissions::from_mode(0o777)).unwrap();
        }
        let shape = Shape::udp(1_000_000, (1, 1), (2, 53), 5).packet();
        fs::write(trial.path("extra/a.pcap"), pcap(Order::Little, false, 1, &[shape])).unwrap();
        Some(trial)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn orders(&self, more: &[(&str, &str)], attempts: &[&str]) -> String {
        let mut orders = format!("port {}\n", self.listener.local_addr().unwrap().port());
        for place in ["store", "extra", "outside"] {
            writeln!(orders, "{place} {}", self.path(place).display()).unwrap();
        }
        for (word, value) in more.iter().copied().chain(attempts.iter().map(|it| ("try", *it))) {
            writeln!(orders, "{word} {value}").unwrap();
        }
        orders
    }

    fn run(&self, more: &[(&str, &str)], attempts: &[&str]) -> Told {
        self.run_as(&mut Command::new(program()), &self.orders(more, attempts), &|| {})
    }

    /// Runs a command that runs the program; knocks at its door when it says where that is, and sends when it listens.
    fn run_as(&self, command: &mut Command, orders: &str, send: &dyn Fn()) -> Told {
        let command = command.current_dir(self.folder.path());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(orders.as_bytes()).unwrap();
        let mut lines = BTreeMap::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let (what, outcome) = line.split_once(": ").unwrap();
            if what == "listening" {
                send();
            }
            if what == "port" {
                let mut door = TcpStream::connect(format!("127.0.0.1:{outcome}")).unwrap();
                let mut echo = [0; 4];
                door.write_all(b"ping").unwrap();
                door.read_exact(&mut echo).unwrap();
                assert_eq!(&echo, b"ping");
            }
            lines.insert(what.to_owned(), outcome.to_owned());
        }
        Told { lines, status: child.wait().unwrap() }
    }
}

/// The program, beside this one.
fn program() -> PathBuf {
    let beside = std::env::current_exe().unwrap();
    let path = beside.parent().unwrap().parent().unwrap().join("examples/confined");
    let shown = path.display();
    assert!(path.exists(), "{shown} is missing: cargo build -p ingest --example confined");
    path
}

fn nobody() -> User {
    User::from_name("nobody").unwrap().unwrap()
}

fn owner(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().uid()
}

#[test]
fn a_confined_probe_does_its_work_and_no_mischief() {
    let Some(trial) = Trial::begin() else { return };
    let attempts: Vec<&str> = MISCHIEF
        .into_iter()
        .chain(["bind a free socket"])
        .chain(WORK)
        .chain(["status", "status of a thread"])
        .collect();
    let told = trial.run(&[("mode", "try"), ("user", "nobody")], &attempts);
    assert!(told.status.success(), "{:?}", told.lines);
    for work in WORK {
        assert_eq!(told.of(work), "ok", "{work}");
    }
    for mischief in MISCHIEF {
        let outcome = told.of(mischief);
        assert!(
            outcome.contains("denied")
                || outcome.contains("EPERM")
                || outcome.contains("permitted"),
            "{mischief}: {outcome}"
        );
    }
    // Only Landlock can tell one bind from another, from its fourth version on.
    if told.of("confined").contains("in part") || told.of("confined").contains("no Landlock") {
        skip("this kernel's Landlock knows no ports");
    } else {
        assert!(told.of("bind a free socket").starts_with("EACCES"));
    }
    for line in ["status", "status of a thread"] {
        told.assert_capabilities(line, NET_RAW);
        assert_eq!(told.number(line, "NoNewPrivs", 10), 1);
        assert_eq!(told.number(line, "Seccomp", 10), 2);
        assert_eq!(told.number(line, "Uid", 10), u64::from(nobody().uid.as_raw()));
        assert_eq!(told.number(line, "Gid", 10), u64::from(nobody().gid.as_raw()));
    }
    assert_eq!(sum(&rows_of(&trial.path("store"), "flows"), "packets"), 1);
    assert_eq!(owner(&trial.path("store")), nobody().uid.as_raw());
    let line = told.of("confined");
    assert!(line.starts_with("user nobody (uid ") && line.contains("only CAP_NET_RAW"), "{line}");
}

/// The same program without a sandbox: the attempts above fail because of it, not because they could not succeed.
#[test]
fn without_a_sandbox_mischief_succeeds() {
    let Some(trial) = Trial::begin() else { return };
    let attempts = [
        "read a file",
        "list a folder",
        "write a file",
        "write a file in a thread",
        "start a program",
        "bind a free socket",
        "connect",
        "bind",
        "send a datagram",
        "leave the namespace",
        "publish",
        "status",
    ];
    let told = trial.run(&[("mode", "off"), ("user", "nobody")], &attempts);
    for attempt in
        attempts.into_iter().filter(|it| !matches!(*it, "status" | "leave the namespace"))
    {
        assert_eq!(told.of(attempt), "ok", "{attempt}");
    }
    // Root is given away all the same.
    assert!(told.of("leave the namespace").starts_with("EPERM"));
    told.assert_capabilities("status", NET_RAW);
    assert_eq!(told.number("status", "NoNewPrivs", 10), 0);
    assert!(told.of("confined").ends_with("no sandbox"), "{}", told.of("confined"));
}

#[test]
fn what_only_an_intruder_does_ends_the_process() {
    let Some(trial) = Trial::begin() else { return };
    for deed in ["become a program", "look into the parent", "leave the namespace"] {
        let told = trial.run(&[("mode", "try")], &[deed]);
        assert_eq!(told.status.signal(), Some(SIGSYS), "{deed}: {:?}", told.lines);
    }
    // An end of its own stays what it is.
    let told = trial.run(&[("mode", "try")], &["abort"]);
    assert_eq!(told.status.signal(), Some(SIGABRT), "{:?}", told.lines);
}

#[test]
fn all_or_an_error_that_says_what_is_missing() {
    let Some(trial) = Trial::begin() else { return };
    let best = trial.run(&[("mode", "try")], &[]);
    let told = trial.run(&[("mode", "require")], &["publish"]);
    let line = best.of("confined");
    if ["no Landlock", "in part", "no seccomp"].iter().any(|lack| line.contains(lack)) {
        assert!(told.of("refused").contains("--sandbox require"), "{}", told.of("refused"));
    } else {
        assert!(told.of("confined").contains("Landlock ABI"), "{}", told.of("confined"));
        assert_eq!(told.of("publish"), "ok");
    }
}

#[test]
fn a_thread_outside_the_sandbox_is_refused() {
    let Some(trial) = Trial::begin() else { return };
    let told = trial.run(&[("mode", "try"), ("thread", "yes")], &[]);
    assert!(told.of("refused").starts_with("2 threads"), "{}", told.of("refused"));
}

#[test]
fn af_xdp_keeps_what_it_takes_to_open_it_again() {
    let Some(trial) = Trial::begin() else { return };
    let told = trial.run(&[("mode", "try"), ("source", "xdp")], &["status", "publish"]);
    told.assert_capabilities("status", NET_RAW | NET_ADMIN | IPC_LOCK | BPF);
    assert_eq!(told.of("publish"), "ok");
}

#[test]
fn an_interface_can_be_opened_from_within() {
    let Some(trial) = Trial::begin() else { return };
    let Some(wire) = Wire::lay() else { return };
    // AF_XDP carries no more.
    wire.set(End::Tap, "mtu 1500");
    let sender = wire.sender();
    let frames = vec![vec![0xff; 100]; 64];
    for source in ["ring", "xdp", "pnet"] {
        let orders = [("mode", "try"), ("source", source), ("interface", TAP)];
        let told = trial.run_as(
            &mut wire.command(End::Tap, program().to_str().unwrap()),
            &trial.orders(&orders, &["capture"]),
            &|| assert_eq!(sender.send(&frames), 64),
        );
        assert_eq!(told.of("capture"), "ok", "{source}: {}", told.of("confined"));
    }
}

#[test]
fn root_by_wish_is_root_without_its_powers() {
    let Some(trial) = Trial::begin() else { return };
    let told = trial.run(
        &[("mode", "try"), ("user", "root")],
        &["status", "publish", "read a file of root", "open a packet socket"],
    );
    assert_eq!(told.number("status", "Uid", 10), 0);
    told.assert_capabilities("status", NET_RAW);
    assert_eq!(told.of("publish"), "ok");
    assert_eq!(told.of("open a packet socket"), "ok");
    assert!(told.of("read a file of root").contains("denied"));
}

#[test]
fn a_store_of_root_is_handed_over_and_nothing_else() {
    let Some(trial) = Trial::begin() else { return };
    let store = trial.path("store");
    fs::create_dir_all(store.join("_manifest")).unwrap();
    fs::create_dir_all(store.join("_tmp/run")).unwrap();
    fs::create_dir_all(store.join("flows/date=2026-11-22")).unwrap();
    fs::write(store.join("_manifest/entry"), "entry").unwrap();
    fs::write(trial.path("letter"), "private").unwrap();
    symlink(trial.path("letter"), store.join("_tmp/link")).unwrap();
    fs::hard_link(trial.path("letter"), store.join("_tmp/twin")).unwrap();
    let told = trial.run(&[("mode", "try"), ("user", "nobody")], &[]);
    assert!(told.lines.contains_key("confined"), "{:?}", told.lines);
    let nobody = nobody().uid.as_raw();
    for given in ["", "_manifest", "_manifest/entry", "_tmp", "_tmp/run", "flows/date=2026-11-22"] {
        assert_eq!(owner(&store.join(given)), nobody, "{given}");
    }
    assert_eq!(owner(&trial.path("letter")), 0);
    assert_eq!(owner(&store.join("_tmp/link")), 0);
    // The owner of a store is who writes it, unless another is named.
    let told = trial.run(&[("mode", "try")], &["status"]);
    assert_eq!(told.number("status", "Uid", 10), u64::from(nobody));
}

#[test]
fn a_folder_that_is_not_ours_to_give_is_refused() {
    let Some(trial) = Trial::begin() else { return };
    let store = trial.path("store");
    // Root's, but no store.
    fs::create_dir(&store).unwrap();
    fs::write(store.join("letter"), "private").unwrap();
    let told = trial.run(&[("mode", "try"), ("user", "nobody")], &[]);
    assert!(told.of("refused").contains("chown -R nobody"), "{}", told.of("refused"));
    assert_eq!((owner(&store), owner(&store.join("letter"))), (0, 0));
    // Somebody else's.
    fs::remove_file(store.join("letter")).unwrap();
    chown(&store, Some(1), Some(1)).unwrap();
    let told = trial.run(&[("mode", "try"), ("user", "nobody")], &[]);
    assert!(told.of("refused").contains("chown -R nobody"), "{}", told.of("refused"));
    assert_eq!(owner(&store), 1);
    let told = trial.run(&[("mode", "try"), ("user", "no-such-user")], &[]);
    assert!(told.of("refused").contains("no user \"no-such-user\""), "{}", told.of("refused"));
}

#[test]
fn who_is_not_root_is_confined_as_well() {
    let Some(trial) = Trial::begin() else { return };
    // Where cargo puts programs, others may not be let in.
    let copy = trial.path("confined");
    fs::copy(program(), &copy).unwrap();
    fs::create_dir(trial.path("store")).unwrap();
    let user = nobody();
    chown(trial.path("store"), Some(user.uid.as_raw()), None).unwrap();
    let run = |more: &[(&str, &str)], attempts: &[&str]| {
        let mut command = Command::new(&copy);
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        trial.run_as(&mut command, &trial.orders(more, attempts), &|| {})
    };
    let told = run(
        &[("mode", "try")],
        &["status", "publish", "read a file", "write a file", "open a packet socket"],
    );
    assert!(told.of("confined").contains("no capabilities"), "{}", told.of("confined"));
    assert_eq!(told.number("status", "CapPrm", 16), 0);
    assert_eq!(told.number("status", "Seccomp", 10), 2);
    assert_eq!(told.of("publish"), "ok");
    for mischief in ["read a file", "write a file"] {
        assert!(told.of(mischief).contains("denied"), "{}", told.of(mischief));
    }
    assert!(told.of("open a packet socket").starts_with("EPERM"));
    let told = run(&[("mode", "try"), ("user", "root")], &[]);
    assert!(told.of("refused").contains("needs a start as root"), "{}", told.of("refused"));
}
