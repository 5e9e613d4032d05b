//! The same words given to tcpdump, where both mean the same: frames without tags and labels, and without ARP.

use std::fs;
use std::process::Command;

use ingest::filter::Filter;
use ingest::frame::LinkType;
use ingest::source::synthetic::Plan;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

use crate::filter::agree::whole;
use crate::filter::frames::{ethernet, expression};
use crate::forge::{Order, Packet, pcap};
use crate::lab::Lab;

/// Expressions asked of tcpdump; each is a process.
const EXPRESSIONS: usize = 150;

/// Says aloud that tcpdump is not there; fails where all tools are required.
fn has_tcpdump() -> bool {
    if Command::new("tcpdump").arg("--version").output().is_ok() {
        return true;
    }
    let required = std::env::var_os("OUTFLOW_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "OUTFLOW_REQUIRE_TOOLS=1, but tcpdump is not there");
    eprintln!("SKIPPED: filters are not compared with tcpdump's, which is not there");
    false
}

/// Whether both should see the same: no tags, no labels, no ARP, whole headers, no extension headers of IPv6.
fn is_plain(frame: &[u8]) -> bool {
    match frame.get(12..) {
        Some([8, 0, first, rest @ ..]) => *first == 0x45 && rest.len() >= 27,
        Some([0x86, 0xdd, first, rest @ ..]) => {
            let next = rest.get(5).copied().unwrap_or_default();
            first >> 4 == 6 && rest.len() >= 47 && ![0, 43, 44, 60].contains(&next)
        }
        _ => false,
    }
}

#[test]
fn tcpdump_lets_the_same_frames_through() {
    if !has_tcpdump() {
        return;
    }
    let day = Plan::national_day(3);
    let mut runner = TestRunner::deterministic();
    let mut any = |count: usize| -> Vec<Vec<u8>> {
        (0..count).map(|_| ethernet().new_tree(&mut runner).unwrap().current()).collect()
    };
    let mut frames: Vec<Vec<u8>> = any(20_000).into_iter().filter(|f| is_plain(f)).collect();
    let untagged = day.frames().map(|frame| [&frame.bytes[..12], &frame.bytes[16..]].concat());
    frames.extend(untagged.filter(|frame| is_plain(frame)).take(3_000));
    assert!(frames.len() > 4_000, "{}", frames.len());
    let packets: Vec<Packet> = frames
        .iter()
        .enumerate()
        .map(|(number, bytes)| Packet {
            ts_us: 1_000_000 * number as u64,
            bytes: bytes.clone(),
            original: bytes.len() as u32,
        })
        .collect();
    let lab = Lab::new();
    let capture = lab.write("plain.pcap", &pcap(Order::Little, false, 1, &packets));
    let mut divided = 0;
    let (mut asked, mut runner) = (0, TestRunner::deterministic());
    while asked < EXPRESSIONS {
        let text = expression().new_tree(&mut runner).unwrap().current();
        // These shift or widen what is asked there; and a number takes its word from before only here.
        if ["vlan", "mpls", "proto", "arp"].iter().any(|word| text.contains(word)) {
            continue;
        }
        asked += 1;
        let filter = Filter::parse(&text).unwrap();
        let ours: Vec<usize> = (0..frames.len())
            .filter(|at| filter.matches(&whole(&frames[*at], LinkType::Ethernet)))
            .collect();
        let output = Command::new("tcpdump")
            .args(["-tt", "-n", "-q", "-r"])
            .arg(&capture)
            .args(["-w", "-", &text])
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            // What can never be true is an error there.
            assert!(why.contains("rejects all packets"), "{text}: {why}");
            assert!(ours.is_empty(), "{text}: {why}");
            continue;
        }
        assert_eq!(times(&output.stdout), ours, "{text}");
        divided += usize::from(!ours.is_empty() && ours.len() < frames.len());
    }
    assert!(divided > EXPRESSIONS / 3, "{divided}");
    fs::remove_file(capture).unwrap();
}

/// The seconds of a capture's packets, which are their numbers.
fn times(capture: &[u8]) -> Vec<usize> {
    let (mut at, mut times) = (24, Vec::new());
    let word = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap()) as usize;
    while at < capture.len() {
        times.push(word(at));
        at += 16 + word(at + 8);
    }
    times
}
