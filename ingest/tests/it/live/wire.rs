//! The wire itself: it carries what is sent, counts it, and says nothing of its own.

use std::thread;
use std::time::Duration;

use crate::forge::{Order, Shape, pcap};
use crate::live::lab::{End, Received, Wire, frames_of};

#[test]
fn a_wire_carries_what_is_sent_and_nothing_else() {
    let Some(wire) = Wire::lay() else { return };
    thread::sleep(Duration::from_millis(200));
    assert_eq!(wire.received(End::Tap), Received::default(), "somebody spoke first");
    let frames = vec![vec![0x55; 60]; 1000];
    assert_eq!(wire.send(&frames), 1000);
    let counted = wire.received(End::Tap);
    assert_eq!(counted, Received { packets: 1000, bytes: 60_000 });
    let begin = std::time::Instant::now();
    let sent = wire.sender().send_for(&frames, 5000, Duration::from_millis(400));
    assert!((1000..=2100).contains(&sent), "{sent} in {:?}", begin.elapsed());
    assert_eq!(wire.received(End::Tap).packets, 1000 + sent);
    assert_eq!(wire.received(End::Source), Received::default());
    wire.cut();
    wire.connect();
    assert_eq!(wire.received(End::Tap), Received::default(), "the new pair begins at nothing");
    let shown = wire.command(End::Tap, "ip").args(["-o", "link"]).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("tap0"));
}

#[test]
fn a_capture_is_taken_apart_into_its_frames() {
    let packets = [Shape::udp(1, (1, 2), (3, 4), 5), Shape::udp(2, (1, 2), (3, 4), 500)];
    let packets = packets.map(|shape| shape.packet());
    let frames: Vec<Vec<u8>> = packets.iter().map(|packet| packet.bytes.clone()).collect();
    assert_eq!(frames_of(&pcap(Order::Little, false, 1, &packets)), frames);
}
