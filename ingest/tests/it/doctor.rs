//! The doctor on real interfaces: what it finds, and that what it says to type mends it.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use ingest::config::{LiveArgs, SourceKind};
use ingest::doctor::{Check, Report, Verdict, examine};
use nix::sched::{CloneFlags, setns};
use nix::unistd::geteuid;

use crate::lab::skip;

/// A namespace with a pair of interfaces, `va` and `vb`.
struct Yard(String);

impl Drop for Yard {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

impl Yard {
    /// None, said aloud, where that cannot be had.
    fn new(test: &str) -> Option<Self> {
        let runs = |program: &str| Command::new(program).arg("--version").output().is_ok();
        if !geteuid().is_root() || !runs("ip") || !runs("ethtool") {
            skip(test, "it takes root, ip and ethtool");
            return None;
        }
        let yard = Self(format!("of{}{}", std::process::id(), test.len()));
        assert!(Command::new("ip").args(["netns", "add", &yard.0]).status().unwrap().success());
        yard.types("ip link add va type veth peer name vb");
        yard.types("ip link set va up");
        yard.types("ip link set vb up");
        Some(yard)
    }

    /// Types a command in the namespace; what follows three blanks is a comment.
    fn types(&self, line: &str) {
        let words = line.split("   #").next().unwrap().split_whitespace();
        let run = Command::new("ip").args(["netns", "exec", &self.0]).args(words).output().unwrap();
        assert!(run.status.success(), "{line}: {run:?}");
    }

    fn examine(&self, live: &LiveArgs, interface: &str) -> Report {
        let path = format!("/var/run/netns/{}", self.0);
        thread::scope(|scope| {
            let examined = scope.spawn(|| {
                setns(File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
                examine(interface, live, None)
            });
            examined.join().unwrap()
        })
    }

    fn check(&self, live: &LiveArgs, name: &str) -> Check {
        let report = self.examine(live, "va");
        report.check(name).unwrap_or_else(|| panic!("no check {name} in\n{report}")).clone()
    }
}

#[test]
fn what_it_says_to_type_mends_it() {
    let Some(yard) = Yard::new("what_it_says_to_type_mends_it") else { return };
    let ring = LiveArgs::default();
    let xdp = LiveArgs { source: SourceKind::Xdp, ..LiveArgs::default() };
    yard.types("ethtool -K va gro on tso on gso on");
    yard.types("ip link set va mtu 9000");
    for (live, name, before) in [
        (&ring, "gro", Verdict::Warn),
        (&ring, "tso", Verdict::Warn),
        (&ring, "gso", Verdict::Warn),
        (&xdp, "mtu", Verdict::Fail),
    ] {
        let check = yard.check(live, name);
        assert_eq!(check.verdict, before, "{check:?}");
        assert!(!check.why.is_empty());
        let command = check.mend.unwrap();
        assert!(command.contains("va"), "{command}");
        yard.types(&command);
        assert_eq!(yard.check(live, name).verdict, Verdict::Good, "after {command}");
    }
    yard.types("ip link set va down");
    let link = yard.check(&ring, "link");
    assert_eq!((link.verdict, link.mend.as_deref()), (Verdict::Fail, Some("ip link set va up")));
    assert!(!yard.examine(&ring, "va").is_usable());
    yard.types("ip link set va up");
    yard.types("ip link set vb down");
    // The other end hears of it a moment later.
    let until = Instant::now() + Duration::from_secs(5);
    while yard.check(&ring, "link").verdict != Verdict::Warn {
        assert!(Instant::now() < until, "{:?}", yard.check(&ring, "link"));
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_block_holds_the_largest_frame() {
    let Some(yard) = Yard::new("a_block_holds_the_largest_frame") else { return };
    yard.types("ip link set va mtu 9000");
    let small = LiveArgs { block_kb: 8, ..LiveArgs::default() };
    let check = yard.check(&small, "mtu");
    assert_eq!((check.verdict, check.mend.as_deref()), (Verdict::Fail, Some("--block-kb 16")));
    let large = LiveArgs { block_kb: 16, ..LiveArgs::default() };
    assert_eq!(yard.check(&large, "mtu").verdict, Verdict::Good);
}

#[test]
fn it_agrees_with_ethtool() {
    let Some(yard) = Yard::new("it_agrees_with_ethtool") else { return };
    let report = yard.examine(&LiveArgs::default(), "va");
    assert!(report.check("interface").unwrap().found.ends_with(", veth"), "{report}");
    yard.types("ethtool -K va gro off");
    let shown = Command::new("ip").args(["netns", "exec", &yard.0, "ethtool", "-k", "va"]).output();
    let shown = String::from_utf8(shown.unwrap().stdout).unwrap();
    let report = yard.examine(&LiveArgs { source: SourceKind::Pnet, ..LiveArgs::default() }, "va");
    for (name, word) in [
        ("gro", "generic-receive-offload"),
        ("lro", "large-receive-offload"),
        ("tso", "tcp-segmentation-offload"),
        ("gso", "generic-segmentation-offload"),
        ("vlan offload", "rx-vlan-offload"),
    ] {
        let is_on = shown.lines().any(|line| line.trim().starts_with(&format!("{word}: on")));
        let check = report.check(name).unwrap();
        assert_eq!(check.found.starts_with("on"), is_on, "{check:?}\n{shown}");
        assert_ne!(check.verdict, Verdict::Unknown, "{check:?}");
    }
    // A veth has no ring of a card, and the doctor does not make one up.
    assert_eq!(report.check("card ring").unwrap().verdict, Verdict::Unknown, "{report}");
}

#[test]
fn an_interface_that_is_not_there_is_said_with_those_that_are() {
    let report = examine("nowhere0", &LiveArgs::default(), None);
    let check = report.check("interface").unwrap();
    assert!(check.verdict == Verdict::Fail && check.found.contains("lo"), "{report}");
    assert!(!report.is_usable() && report.check("gro").is_none());
    // Longer than a name can be, and with what a name cannot hold.
    for odd in ["a-name-that-is-too-long-for-linux", "", "a\0b"] {
        assert!(!examine(odd, &LiveArgs::default(), None).is_usable());
    }
}

#[test]
fn the_loopback_and_a_store_are_examined() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("deep/store");
    let live = LiveArgs { spool_mb: 1, ..LiveArgs::default() };
    let report = examine("lo", &live, Some(&store));
    for name in ["link", "promiscuous", "store"] {
        assert_eq!(report.check(name).unwrap().verdict, Verdict::Good, "{report}");
    }
    assert!(!store.exists(), "nothing is made");
    for name in ["clock", "memory", "kernel", "landlock", "disk room", "inodes", "permissions"] {
        assert!(report.check(name).is_some(), "{name} in\n{report}");
    }
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    let report = examine("lo", &live, Some(folder.path()));
    assert_eq!(report.check("store").unwrap().verdict, Verdict::Fail, "{report}");
    let huge = LiveArgs { spool_mb: u32::MAX, ring_mb: 65_536, ..LiveArgs::default() };
    let report = examine("lo", &huge, Some(Path::new("store")));
    let room = report.check("disk room").unwrap();
    assert!(room.verdict == Verdict::Fail && room.mend.is_some(), "{report}");
}
