//! Signals end the probe soon, and what was open is exported and published.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use schemas::store::{Store, verify};

use crate::live::lab::Wire;
use crate::live::probe::Stream;
use crate::live::probe::{Books, Ground, Probe, number_of, numbered, publish_rest, spooled};
use crate::tmpfs::Disk;

/// Longest time between a signal and the end.
const END: Duration = Duration::from_secs(5);

#[test]
fn thousands_of_open_flows_are_flushed() {
    let frames: Vec<Vec<u8>> = (0..30_000).map(numbered).collect();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let Some(wire) = Wire::lay() else { return };
        let ground = Ground::new();
        let probe = Probe::start(&wire, &ground.store(), "");
        let sent = wire.send(&frames);
        let ended = probe.stop(signal);
        eprintln!("{signal}: {sent} open flows flushed in {:?}", ended.took);
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(ended.took < END, "{:?}", ended.took);
        let books = Books::of(&ground.store());
        books.assert_whole(sent);
        assert_eq!(books.flows.len(), frames.len());
        assert!(books.flows.iter().all(|row| row["flow_end_reason"] == "forced"));
        assert!(spooled(&ground.store()).is_empty(), "{:?}", spooled(&ground.store()));
    }
}

#[test]
fn frames_that_still_pour_in_hold_nothing_up() {
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    let frames: Vec<Vec<u8>> = (0..20_000).map(numbered).collect();
    let probe = Probe::start(&wire, &ground.store(), "");
    let is_over = AtomicBool::new(false);
    let (sent, ended) = thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let (sender, mut sent) = (wire.sender(), 0);
            while !is_over.load(Ordering::Relaxed) {
                sent += sender.send(&frames);
            }
            sent
        });
        thread::sleep(Duration::from_secs(2));
        let ended = probe.stop(Signal::SIGTERM);
        is_over.store(true, Ordering::Relaxed);
        (flood.join().unwrap(), ended)
    });
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.took < END, "{:?}", ended.took);
    publish_rest(&wire, &ground.store());
    let books = Books::of(&ground.store());
    books.assert_closed();
    let (kernel, dropped) = (books.total("kernel_packets"), books.total("kernel_drops"));
    eprintln!("{sent} sent, {kernel} counted, {dropped} dropped, ended in {:?}", ended.took);
    assert!(kernel > 0 && kernel <= sent.cast_signed());
    assert_eq!(books.total("packets_seen"), kernel - dropped);
}

#[test]
fn a_full_disk_holds_nothing_up_and_what_was_spooled_is_published_later() {
    let Some(wire) = Wire::lay() else { return };
    let ground = Ground::new();
    let Some(disk) = Disk::mount(ground.path("disk"), "6m") else { return };
    let store = disk.store();
    let probe = Probe::start(&wire, &store, "--idle-timeout 300ms");
    let mut stream = Stream::new(&wire, 1);
    stream.run(1_000, Duration::from_secs(2));
    let safe = stream.flows();
    // Finished within a second, on disk within another.
    thread::sleep(Duration::from_millis(2_500));
    let filler = disk.fill();
    stream.run(2_000, Duration::from_secs(2));
    let ended = probe.stop(Signal::SIGTERM);
    eprintln!("ended in {:?}: {}", ended.took, ended.said);
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.took < END, "{:?}", ended.took);
    assert!(ended.said.contains("No space left on device"), "{}", ended.said);
    fs::remove_file(filler).unwrap();
    Probe::start(&wire, &store, "").end();
    let books = Books::of(&store);
    books.assert_closed();
    let mut found: Vec<u64> =
        books.flows.iter().map(|row| number_of(&row["src_ip"], &row["src_port"])).collect();
    found.sort_unstable();
    assert!(found.iter().copied().take_while(|flow| *flow < safe).eq(0..safe));
    assert_eq!(books.kind("gap").len(), 1);
    assert!(spooled(&store).is_empty());
    assert_eq!(verify(&Store::open(&store).unwrap()).unwrap().findings, []);
}
