//! Disks that are full, and disks that are slow: capture goes on, and what is lost is counted.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use schemas::store::{Store, verify};

use crate::lab::Row;
use crate::live::lab::{Wire, skip};
use crate::live::probe::{Books, Ground, Probe, Stream, counter, number_of, spooled};
use crate::tmpfs::Disk;

/// After there is room again, rows are on disk within this time.
const RESUMES: Duration = Duration::from_secs(5);

/// And all that waited within this: a full backlog, with the optimiser off and other tests beside.
const CATCHES_UP: Duration = Duration::from_secs(90);

#[test]
fn a_full_disk_stops_no_capture_and_is_used_again() {
    let Some(wire) = Wire::lay_alone() else { return };
    let ground = Ground::new();
    let Some(disk) = Disk::mount(ground.path("disk"), "24m") else { return };
    let store = disk.store();
    Store::open_or_create(&store).unwrap();
    let filler = disk.fill();
    let socket = ground.path("counters/socket");
    fs::create_dir(ground.path("counters")).unwrap();
    let words = "--idle-timeout 300ms --rotate 1s --spool-mb 16 --metrics";
    let probe = Probe::start(&wire, &store, &format!("{words} {}", socket.display()));
    eprintln!("started on a full disk in {:?}", probe.start_took);
    let mut stream = Stream::new(&wire, 1);
    let mut seen = 0;
    for _ in 0..12 {
        stream.run(15_000, Duration::from_secs(1));
        thread::sleep(Duration::from_millis(300));
        let now = counter(&socket, "outflow_packets_seen_total");
        assert!(now > seen, "capture stands still at {now}: {}", probe.said());
        seen = now;
    }
    assert!(counter(&socket, "outflow_write_errors_total") > 0);
    assert_eq!(counter(&socket, "outflow_rows_published_total"), 0);
    assert!(counter(&socket, "outflow_rows_lost_total") > 0, "the test is too small");
    fs::remove_file(filler).unwrap();
    let freed = Instant::now();
    stream.run(500, Duration::from_secs(1));
    let published = || counter(&socket, "outflow_rows_published_total");
    while published() == 0 {
        assert!(freed.elapsed() < RESUMES, "writing does not resume: {}", probe.said());
        thread::sleep(Duration::from_millis(20));
    }
    eprintln!("the first rows are published {:?} after there is room", freed.elapsed());
    // What had to wait comes after.
    let all = stream.flows().cast_signed();
    while published() + counter(&socket, "outflow_rows_lost_total") < all {
        assert!(freed.elapsed() < CATCHES_UP, "of {all} only {}: {}", published(), probe.said());
        thread::sleep(Duration::from_millis(100));
    }
    eprintln!("and all of them after {:?}", freed.elapsed());
    let ended = probe.stop(Signal::SIGTERM);
    assert_eq!(ended.code, Some(3), "rows were lost: {}", ended.said);
    assert!(ended.took < RESUMES, "{:?}", ended.took);
    let books = assert_all_counted(&store, &stream);
    // The oldest were dropped, but for the few that were on their way to the disk.
    let half = books.flows.len() as u64 / 2;
    let is_new = |row: &&Row| number_of(&row["src_ip"], &row["src_port"]) >= stream.flows() - half;
    assert_eq!(books.flows.iter().filter(is_new).count() as u64, half);
}

/// Every frame was seen, and every row is there or counted as lost.
fn assert_all_counted(store: &Path, stream: &Stream) -> Books {
    let books = Books::of(store);
    books.assert_closed();
    let (seen, lost) = (books.total("packets_seen"), books.total("rows_lost"));
    eprintln!("{} sent, {seen} seen, {} rows, {lost} lost", stream.sent, books.flows.len());
    assert_eq!((books.total("kernel_drops"), books.total("open_lost")), (0, 0));
    assert_eq!(seen, stream.sent.cast_signed());
    assert_eq!(books.flows.len() as u64 + lost.unsigned_abs(), stream.flows());
    assert!(spooled(store).is_empty(), "{:?}", spooled(store));
    assert_eq!(verify(&Store::open(store).unwrap()).unwrap().findings, []);
    books
}

/// A disk so slow is waited for until the last rows are safe, but not until they are published.
const SLOW_END: Duration = Duration::from_secs(20);
/// A disk on which every fsync takes two seconds.
const SLOW: &str = "
#include <unistd.h>
#include <sys/syscall.h>
int fsync(int file) { sleep(2); return syscall(SYS_fsync, file); }
int fdatasync(int file) { sleep(2); return syscall(SYS_fdatasync, file); }
";

#[test]
fn a_slow_disk_drops_nothing() {
    let Some(wire) = Wire::lay_alone() else { return };
    let ground = Ground::new();
    let (source, shim) = (ground.path("slow.c"), ground.path("slow.so"));
    fs::write(&source, SLOW).unwrap();
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&shim).arg(&source).status();
    if !built.is_ok_and(|status| status.success()) {
        return skip("the slow disk is made with cc, which is not there");
    }
    let mut command = Probe::command(&ground.store(), "--idle-timeout 300ms");
    command.env("LD_PRELOAD", &shim);
    let probe = Probe::run(&wire, command);
    let mut stream = Stream::new(&wire, 20);
    stream.run(20_000, Duration::from_secs(10));
    assert!(stream.sent > 190_000, "the sender is too slow: {}", stream.sent);
    let ended = probe.stop(Signal::SIGTERM);
    eprintln!("ended in {:?}: {}", ended.took, ended.said);
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(ended.took < SLOW_END, "{:?}", ended.took);
    // What a disk so slow left over.
    Probe::start(&wire, &ground.store(), "").end();
    let books = Books::of(&ground.store());
    books.assert_whole(stream.sent);
    assert_eq!(books.flows.len() as u64, stream.flows());
}
