//! Rings of the kernel: every frame as it was sent, every drop counted, and nothing lost when something goes wrong.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use caps::{CapSet, Capability};
use ingest::source::live::{Instruction, LiveSettings, LiveSource, Parcel};
use ingest::source::{RingSource, SourceError};
use nix::time::{ClockId, clock_gettime};

use crate::live::frames::{Wrap, ethernet, flow, number_of, numbered};
use crate::live::lab::{End, TAP, Wire};
use crate::live::tap::{Caught, counted, settings};

fn open(wire: &Wire, settings: &LiveSettings) -> RingSource {
    wire.at(End::Tap, || RingSource::open(settings).unwrap())
}

/// A ring of a few blocks of 64 KiB.
fn small(blocks: usize) -> LiveSettings {
    LiveSettings { ring_bytes: blocks << 16, ..settings(1) }
}

fn numbers(caught: &Caught) -> BTreeSet<u32> {
    let numbers: BTreeSet<u32> = caught.bytes().into_iter().map(number_of).collect();
    assert_eq!(numbers.len() as u64, caught.count(), "a frame came twice");
    numbers
}

/// CPU time of this thread.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap().into()
}

fn cpu_since(before: Duration) -> Duration {
    cpu().saturating_sub(before)
}

#[test]
fn every_frame_comes_as_it_was_sent() {
    let Some(wire) = Wire::lay() else { return };
    let mut source = open(&wire, &settings(1));
    assert_eq!((source.backend(), source.timestamp_source()), ("tpacket_v3", "software"));
    wire.sender_at(End::Tap).send(&flow(Wrap::Plain, 1, false));
    let mut frames = Vec::new();
    for number in 0..50 {
        for wrap in Wrap::ALL {
            frames.extend(flow(wrap, number, number % 2 == 1));
        }
    }
    let jumbo = vec![0x45; 9000];
    // Jumbo, jumbo with a tag, ARP, a length where the type would be, a tag of priority only, a tag and next to nothing (the kernel
    // throws away what has less behind a tag).
    frames.push(ethernet(&[8, 0], &jumbo));
    frames.push(ethernet(&[0x81, 0, 0xef, 0xff, 8, 0], &jumbo));
    frames.push(ethernet(&[8, 6], &[1; 46]));
    frames.push(ethernet(&[0, 38], &[0x42; 38]));
    frames.push(ethernet(&[0x81, 0, 0xe0, 0, 8, 0], &[0x45; 46]));
    frames.push(ethernet(&[0x81, 0, 0, 1, 0x86, 0xdd], &[6, 0]));
    let before = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    wire.send(&frames);
    let mut caught = Caught::default();
    caught.until(&mut source, frames.len() as u64);
    caught.rest(&mut source).unwrap();
    assert_eq!(caught.count(), frames.len() as u64);
    for (number, (got, sent)) in caught.bytes().into_iter().zip(&frames).enumerate() {
        assert_eq!(got, sent, "frame {number}");
    }
    assert_eq!(caught.super_frames, 0);
    let after = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as i64;
    assert!(caught.times.iter().all(|at| (before..=after).contains(at)), "times of this moment");
    assert_eq!(counted(&mut source), (frames.len() as u64, 0));
    assert_eq!(wire.received(End::Tap).packets, frames.len() as u64);
}

#[test]
fn an_overflow_is_counted_to_the_packet() {
    let Some(wire) = Wire::lay() else { return };
    let mut source = open(&wire, &small(2));
    let mut caught = Caught::default();
    // Three times the reader sleeps, and three times it comes back.
    for _ in 0..3 {
        wire.send(&numbered(3000, 200));
        let (count, dropped) = (caught.count(), counted(&mut source).1);
        caught.rest(&mut source).unwrap();
        assert!(caught.count() > count && dropped > 1000, "{dropped} dropped");
        wire.send(&numbered(100, 200));
        let kept = caught.count() + 100;
        caught.until(&mut source, kept);
        assert_eq!(counted(&mut source).1, dropped, "awake, it loses nothing");
    }
    let received = wire.received(End::Tap).packets;
    assert_eq!(received, 3 * 3100);
    assert_eq!(counted(&mut source), (received, received - caught.count()));
    assert!(source.counters()[0].freezes.unwrap() >= 3);
}

#[test]
fn a_block_that_a_lane_holds_is_not_given_twice() {
    let Some(wire) = Wire::lay() else { return };
    let mut source = open(&wire, &small(8));
    let sender = wire.sender();
    let frames = numbered(20_000, 400);
    let (mut caught, mut held) = (Caught::default(), Vec::new());
    let mut sent = 0;
    // Every third block stays with a lane for a while; those come back latest first.
    for (round, chunk) in frames.chunks(100).enumerate() {
        sent += sender.send(chunk);
        let mut blocks: usize = 0;
        source
            .poll(Duration::from_millis(30), &mut |parcel| {
                blocks += 1;
                if blocks.is_multiple_of(3) || (round % 5 == 0 && held.len() < 4) {
                    held.push(parcel);
                } else {
                    caught.take(parcel);
                }
            })
            .unwrap();
        if round % 20 == 19 {
            held.drain(..).rev().for_each(|parcel: Parcel| caught.take(parcel));
        }
    }
    held.drain(..).for_each(|parcel| caught.take(parcel));
    caught.stop(&mut source);
    numbers(&caught);
    let (packets, drops) = counted(&mut source);
    assert_eq!((packets, packets - drops), (sent, caught.count()));
}

#[test]
fn a_held_block_keeps_its_bytes_and_costs_no_spin() {
    let Some(wire) = Wire::lay() else { return };
    let mut source = open(&wire, &small(3));
    let frames = numbered(10, 300);
    wire.send(&frames);
    let mut held = None;
    while held.is_none() {
        source.poll(Duration::from_millis(50), &mut |parcel| held = Some(parcel)).unwrap();
    }
    // The newest block is a lane's: the kernel calls that readable, and waiting must be cheap all the same.
    let (begin, spent) = (Instant::now(), cpu());
    let mut polls = 0;
    while begin.elapsed() < Duration::from_millis(300) {
        source.poll(Duration::from_millis(50), &mut |_| {}).unwrap();
        polls += 1;
    }
    assert!(polls <= 310, "{polls} polls in 300 ms");
    let spent = cpu_since(spent);
    assert!(spent < Duration::from_millis(60), "{spent:?} of CPU in 300 ms");
    // Meanwhile the other two blocks are filled, read, and then there is no room: that is counted.
    let mut caught = Caught::default();
    wire.send(&numbered(2000, 300));
    caught.rest(&mut source).unwrap();
    let (packets, drops) = counted(&mut source);
    assert!(drops > 0);
    assert_eq!(packets, 10 + drops + caught.count());
    let mut first = Caught::default();
    first.take(held.unwrap());
    assert_eq!(first.bytes(), frames, "what a lane holds, nobody writes to");
    // It goes on where it stood.
    wire.send(&numbered(10, 300));
    let more = caught.count() + 10;
    caught.until(&mut source, more);
}

#[test]
fn a_link_that_goes_down_and_up_is_waited_for() {
    let Some(wire) = Wire::lay() else { return };
    wire.set(End::Tap, "down");
    // Opened while it is down, with a group of rings.
    let mut source = open(&wire, &settings(4));
    let mut caught = Caught::default();
    let mut expected = 0;
    for _ in 0..3 {
        let (begin, spent) = (Instant::now(), cpu());
        while begin.elapsed() < Duration::from_millis(200) {
            source.poll(Duration::from_millis(50), &mut |_| {}).unwrap();
        }
        let spent = cpu_since(spent);
        assert!(spent < Duration::from_millis(40), "{spent:?} of CPU while down");
        wire.set(End::Tap, "up");
        let frames: Vec<_> = (0..500).flat_map(|n| flow(Wrap::Plain, n, false)).collect();
        expected += wire.send(&frames);
        caught.until(&mut source, expected);
        wire.set(End::Tap, "down");
    }
    caught.rest(&mut source).unwrap();
    assert_eq!(counted(&mut source), (expected, 0));
    assert!((0..4).all(|lane| caught.frames.iter().any(|(at, _)| *at == lane)), "all lanes");
}

#[test]
fn a_deleted_interface_is_gone_after_its_last_frame() {
    let Some(wire) = Wire::lay() else { return };
    // Blocks that would be handed over long after the deletion.
    let slow = LiveSettings { retire: Duration::from_millis(300), ..settings(2) };
    for round in 0..2 {
        let mut source = open(&wire, &slow);
        let frames: Vec<_> = (0..100).flat_map(|n| flow(Wrap::Plain, n, false)).collect();
        wire.send(&frames);
        wire.cut();
        let (mut caught, begin) = (Caught::default(), Instant::now());
        let gone = loop {
            let polled = source.poll(Duration::from_millis(250), &mut |parcel| caught.take(parcel));
            if let Err(error) = polled {
                break error;
            }
            assert!(begin.elapsed() < Duration::from_secs(2), "it does not notice");
        };
        assert!(matches!(&gone, SourceError::Gone(name) if name == TAP), "{gone}");
        assert_eq!(caught.count(), 100, "round {round}");
        assert_eq!(counted(&mut source), (100, 0));
        let absent = wire.at(End::Tap, || RingSource::open(&slow).unwrap_err());
        assert!(absent.to_string().contains("there are: lo"), "{absent}");
        wire.connect();
    }
}

#[test]
fn a_stop_under_load_hands_over_all_that_was_counted() {
    let Some(wire) = Wire::lay() else { return };
    let frames: Vec<_> = (0..2000).flat_map(|n| flow(Wrap::Plain, n, n % 2 == 0)).collect();
    for kernel_filter in [None, Some(only(0x0800))] {
        let mut source = open(&wire, &LiveSettings { kernel_filter, ..settings(2) });
        let (mut caught, is_over, sender) =
            (Caught::default(), AtomicBool::new(false), wire.sender());
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    sender.send_for(&frames, 40_000, Duration::from_millis(20));
                }
            });
            let begin = Instant::now();
            while begin.elapsed() < Duration::from_millis(300) {
                source.poll(Duration::from_millis(50), &mut |parcel| caught.take(parcel)).unwrap();
            }
            let took = caught.stop(&mut source);
            assert!(took < Duration::from_millis(500), "{took:?}");
            let (count, counted) = (caught.count(), counted(&mut source));
            assert!(count > 1000, "{count}");
            assert_eq!(counted, (count, 0));
            caught.rest(&mut source).unwrap();
            assert_eq!(caught.count(), count, "nothing comes after the stop");
            assert_eq!(self::counted(&mut source), counted);
            is_over.store(true, Ordering::Relaxed);
        });
    }
}

/// A filter that accepts one `EtherType`.
fn only(ethertype: u32) -> Vec<Instruction> {
    vec![
        Instruction { code: 0x28, jt: 0, jf: 0, k: 12 },
        Instruction { code: 0x15, jt: 0, jf: 1, k: ethertype },
        Instruction { code: 0x06, jt: 0, jf: 0, k: u32::MAX },
        Instruction { code: 0x06, jt: 0, jf: 0, k: 0 },
    ]
}

#[test]
fn the_filter_in_the_kernel_lets_in_what_it_accepts() {
    let Some(wire) = Wire::lay() else { return };
    for lanes in [1, 3] {
        let filter = Some(only(0x0806));
        let mut source = open(&wire, &LiveSettings { kernel_filter: filter, ..settings(lanes) });
        let mut frames = numbered(100, 100);
        frames.insert(50, ethernet(&[8, 6], &[7; 28]));
        wire.send(&frames);
        let mut caught = Caught::default();
        caught.rest(&mut source).unwrap();
        assert_eq!(caught.bytes(), [&frames[50]]);
        assert_eq!(counted(&mut source), (1, 0), "what is rejected is not counted");
    }
    let broken = vec![Instruction { code: 0xffff, jt: 0, jf: 0, k: 0 }];
    let settings = LiveSettings { kernel_filter: Some(broken), ..settings(1) };
    let refused = wire.at(End::Tap, || RingSource::open(&settings).unwrap_err());
    assert!(refused.to_string().contains("filter"), "{refused}");
}

#[test]
fn merged_segments_are_counted() {
    let Some(wire) = Wire::lay() else { return };
    wire.set(End::Source, "mtu 1500");
    wire.set(End::Tap, "mtu 1500");
    wire.address();
    let large = LiveSettings { ring_bytes: 32 << 20, block_bytes: 1 << 20, ..settings(1) };
    let mut source = open(&wire, &large);
    let listener = wire.at(End::Tap, || TcpListener::bind("192.0.2.2:9").unwrap());
    let mut stream = wire.at(End::Source, || TcpStream::connect("192.0.2.2:9").unwrap());
    let reader = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::copy(&mut (&mut stream).take(4 << 20), &mut std::io::sink()).unwrap()
    });
    stream.write_all(&vec![0; 4 << 20]).unwrap();
    assert_eq!(reader.join().unwrap(), 4 << 20);
    let mut caught = Caught::default();
    caught.rest(&mut source).unwrap();
    assert!(caught.super_frames > 10 && caught.longest > 3000, "{}", caught.longest);
    let long = caught.bytes().iter().filter(|frame| frame.len() > 1522).count() as u64;
    assert!(caught.super_frames >= long, "{} of {long}", caught.super_frames);
    assert_eq!(counted(&mut source), (caught.count(), 0));
}

#[test]
fn what_does_not_fit_is_refused_with_the_remedy() {
    let Some(wire) = Wire::lay() else { return };
    let refused = |settings: &LiveSettings| {
        wire.at(End::Tap, || RingSource::open(settings).unwrap_err().to_string())
    };
    for (block_bytes, ring_bytes, expected) in [
        (3000, 1 << 20, "power of two"),
        (2048, 1 << 20, "at least a page"),
        (1 << 20, 1 << 20, "two blocks"),
        (0, 1 << 20, "power of two"),
    ] {
        let text = refused(&LiveSettings { block_bytes, ring_bytes, ..settings(1) });
        assert!(text.contains(expected), "{text}");
    }
    let text = refused(&LiveSettings { interface: "nosuch0".to_owned(), ..settings(1) });
    assert!(text.contains("there are:") && text.contains(TAP), "{text}");
    let text = wire.at(End::Tap, || {
        caps::drop(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap();
        RingSource::open(&settings(1)).unwrap_err().to_string()
    });
    assert!(text.contains("CAP_NET_RAW") && text.contains("setcap"), "{text}");
}

/// What a packet costs the reader. Run it alone: `cargo test -p ingest --release --test it -- --ignored --nocapture a_packet_costs`.
#[test]
#[ignore = "a measurement, to be run alone"]
fn a_packet_costs_the_reader_little() {
    let Some(wire) = Wire::lay() else { return };
    let large = LiveSettings {
        ring_bytes: 64 << 20,
        block_bytes: 1 << 20,
        retire: Duration::from_millis(20),
        ..settings(1)
    };
    let mut source = open(&wire, &large);
    let (frames, sender, is_over) = (numbered(4096, 100), wire.sender(), AtomicBool::new(false));
    let time = Duration::from_secs(5);
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let sent = sender.send_for(&frames, u64::MAX >> 24, time);
            is_over.store(true, Ordering::Relaxed);
            sent
        });
        let (mut packets, mut polls, mut walking) = (0_u32, 0_u32, Duration::ZERO);
        let (mut octets, mut side) = (0, Vec::with_capacity(1 << 14));
        let begin = cpu();
        while !is_over.load(Ordering::Relaxed) {
            polls += 1;
            source
                .poll(Duration::from_millis(50), &mut |parcel| {
                    let Parcel::Lane(lane, frames) = parcel else { panic!("a lane's") };
                    let begin = cpu();
                    let walk = frames.walk(lane as u8, std::mem::take(&mut side));
                    octets += walk.frames.iter().map(|at| u64::from(at.original)).sum::<u64>();
                    packets += walk.frames.len() as u32;
                    side = walk.frames;
                    side.clear();
                    drop(walk.memory);
                    walking += cpu_since(begin);
                })
                .unwrap();
        }
        let spent = cpu_since(begin);
        let sent = sending.join().unwrap();
        let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(packets);
        eprintln!(
            "{:.0} packets/s sent, {packets} read, {} dropped, {polls} polls: {:.1} ns CPU a packet in all, {:.1} of it to walk",
            f64::from(sent as u32) / time.as_secs_f64(),
            counted(&mut source).1,
            each(spent),
            each(walking),
        );
        assert_eq!(octets, u64::from(packets) * 100);
    });
}
