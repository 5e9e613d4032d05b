//! The portable source gives the same frames, but for the outermost VLAN tag.

use std::time::Duration;

use ingest::source::live::{KernelCounters, LiveSource};
use ingest::source::{PnetSource, SourceError};

use crate::live::frames::{Wrap, ethernet, flow, numbered};
use crate::live::lab::{End, Wire};
use crate::live::tap::{Caught, settings};

#[test]
fn pnet_gives_the_same_frames() {
    let Some(wire) = Wire::lay() else { return };
    let mut source = wire.at(End::Tap, || PnetSource::open(&settings(2)).unwrap());
    assert_eq!((source.backend(), source.timestamp_source()), ("pnet", "user"));
    wire.sender_at(End::Tap).send(&flow(Wrap::Plain, 1, false));
    let mut frames = numbered(50, 1000);
    frames.push(ethernet(&[8, 0], &vec![0x45; 9000]));
    for wrap in [Wrap::Mpls, Wrap::Ipv6, Wrap::Fragments, Wrap::Vxlan] {
        frames.extend(flow(wrap, 7, false));
    }
    wire.send(&frames);
    let mut caught = Caught::default();
    caught.until(&mut source, frames.len() as u64);
    assert_eq!(caught.bytes(), frames);
    assert_eq!(source.counters(), [KernelCounters::default(); 2]);

    // The kernel keeps the tag to itself.
    wire.send(&flow(Wrap::Vlan, 9, false));
    let mut caught = Caught::default();
    caught.until(&mut source, 1);
    assert_eq!(caught.bytes(), flow(Wrap::Plain, 9, false));

    wire.set(End::Tap, "down");
    source.poll(Duration::from_millis(10), &mut |_| {}).unwrap();
    source.poll(Duration::from_millis(10), &mut |_| {}).unwrap();
    wire.set(End::Tap, "up");
    wire.send(&numbered(20, 60));
    let mut caught = Caught::default();
    caught.until(&mut source, 20);
    caught.stop(&mut source);
    wire.send(&numbered(20, 60));
    caught.rest(&mut source).unwrap();
    assert_eq!(caught.count(), 20, "nothing comes after the stop");
    wire.cut();
    let gone = caught.rest(&mut source).unwrap_err();
    assert!(matches!(&gone, SourceError::Gone(name) if name == "tap0"), "{gone}");
}
