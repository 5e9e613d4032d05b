//! A reader that stands still while frames pour in: what the ring had no room for is counted to the packet.

use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::live::frames::{Wrap, flow};
use crate::live::lab::{End, Wire};
use crate::live::probe::{Books, Ground, Probe};
use crate::live::same::on_lanes;

/// Longer than any pause the scheduler makes.
const STANDSTILL: Duration = Duration::from_millis(250);

/// Frames of many hosts, so that every lane has its share, each long enough to fill a ring of 1 MiB soon.
fn frames() -> Vec<Vec<u8>> {
    let long = |mut frame: Vec<u8>| {
        frame.resize(1_000, 0x77);
        frame
    };
    (0..5_000).flat_map(|number| flow(Wrap::Plain, number, false)).map(long).collect()
}

fn overflow(lanes: usize, words: &str) -> Option<()> {
    let wire = Wire::lay()?;
    for end in [End::Source, End::Tap] {
        wire.set(end, "mtu 1500");
    }
    let ground = Ground::new();
    let probe = Probe::run(&wire, on_lanes(lanes, &ground.store(), words));
    let frames = frames();
    let sender = wire.sender();
    sender.send(&frames[..500]);
    for _ in 0..2 {
        probe.signal(Signal::SIGSTOP);
        thread::sleep(STANDSTILL);
        sender.send(&frames);
        thread::sleep(STANDSTILL);
        probe.signal(Signal::SIGCONT);
        // It goes on as before.
        thread::sleep(Duration::from_millis(500));
        sender.send(&frames[..500]);
    }
    let ended = probe.end();
    let received = wire.received(End::Tap).packets.cast_signed();
    let books = Books::of(&ground.store());
    books.assert_closed();
    let (seen, drops) = (books.total("packets_seen"), books.total("kernel_drops"));
    assert!(drops > 1_000, "nothing overflowed: {drops}; {}", ended.said);
    assert!(seen >= 1_500, "{seen} seen");
    assert_eq!(drops, received - seen, "{words}, {lanes} lanes: of {received} received");
    assert_eq!(books.total("nic_rx_packets"), received);
    assert_eq!(books.total("queue_drops"), 0);
    eprintln!("{words}, {lanes} lanes: {received} received = {seen} seen + {drops} dropped");
    Some(())
}

#[test]
fn what_a_full_ring_drops_is_what_the_interface_received_and_nobody_saw() {
    for lanes in [1, 2] {
        if overflow(lanes, "--ring-mb 1 --block-kb 64").is_none() {
            return;
        }
    }
}

#[test]
fn what_af_xdp_drops_is_counted_as_well() {
    overflow(1, "--source xdp --ring-mb 1");
}
