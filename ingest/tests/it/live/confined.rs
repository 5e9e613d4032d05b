//! The running probe, looked at from outside: what it may do, by the kernel's word.

use crate::live::lab::Wire;
use crate::live::probe::{Books, Ground, Probe, counter};

/// The bit of `CAP_NET_RAW` (capability.h).
const NET_RAW: u64 = 1 << 13;

#[test]
fn a_probe_started_by_root_keeps_one_right() {
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    let words = format!("--metrics {}", ground.path("socket").display());
    let probe = Probe::start(&wire, &ground.store(), &words);
    let sent = wire.send(&vec![vec![0x55; 60]; 1_000]);
    // All its threads are there by the time it has counted something.
    while counter(&ground.path("socket"), "outflow_packets_seen_total") == 0 {}
    assert_eq!(probe.status("Name"), "outflow-ingest");
    let threads = probe.status_of_threads("Uid");
    assert!(threads.len() >= 6, "capture, lane, writer, keeper, press, endpoint: {threads:?}");
    for ids in threads.into_iter().chain(probe.status_of_threads("Gid")) {
        assert!(ids.split_whitespace().all(|id| id != "0"), "somebody is root: {ids}");
    }
    for set in ["CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"] {
        for held in probe.status_of_threads(set) {
            let held = u64::from_str_radix(&held, 16).unwrap();
            assert_eq!(held & !NET_RAW, 0, "{set}: {held:x}");
            assert!(set != "CapEff" || held == NET_RAW, "{set}: {held:x}");
        }
    }
    for (name, value) in [("NoNewPrivs", "1"), ("Seccomp", "2")] {
        for is in probe.status_of_threads(name) {
            assert_eq!(is, value, "{name}");
        }
    }
    probe.end();
    let books = Books::of(&ground.store());
    books.assert_closed();
    assert_eq!(books.total("packets_seen"), sent.cast_signed());
}
