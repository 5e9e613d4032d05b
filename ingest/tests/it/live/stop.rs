//! Signals end the probe soon, and what was open is exported and published.

use nix::sys::signal::Signal;

use crate::forge::Shape;
use crate::live::lab::Wire;
use crate::live::probe::{Books, Ground, Probe};

/// Frames of as many flows.
fn frames(flows: u16) -> Vec<Vec<u8>> {
    (0..flows).map(|flow| Shape::udp(0, (1, flow + 1), (2, 9), 30).packet().bytes).collect()
}

#[test]
fn thousands_of_open_flows_are_flushed() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let Some(wire) = Wire::lay() else { return };
        let ground = Ground::new();
        let probe = Probe::start(&wire, &ground.store(), "");
        let sent = wire.send(&frames(20_000));
        let ended = probe.stop(signal);
        eprintln!("{}", ended.said);
        Books::of(&ground.store()).assert_whole(sent);
    }
}
