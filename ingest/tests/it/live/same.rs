//! The same frames give the same flows, whether they come from a file, a ring, AF_XDP or pnet.

use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use ingest::filter::Filter;
use ingest::frame::{Frame, LinkType};
use ingest::source::synthetic::Plan;

use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, assert_closed, count, number};
use crate::live::frames::{Wrap, flow};
use crate::live::lab::{End, Sender, TAP, Wire};
use crate::live::probe::{Books, Ground, Probe};

/// Longer than the test: no flow is cut by time, whatever a frame's time is.
const TIME_OUT_NS: i64 = 3_600_000_000_000;
const TIME_OUTS: &str = "--active-timeout 1h --idle-timeout 1h";
/// Between two frames of the file: as on the wire, all of them fit into a few seconds.
const STEP_US: u64 = 20;

/// What follows from the moment, or from the name of the source.
const SET_ASIDE: [&str; 9] = [
    "flow_start",
    "flow_end",
    "flow_first_seen",
    "duration_us",
    "flow_id",
    "dns_names_at",
    // A connection that has ended is exported after some seconds, or at the end of the run.
    "flow_end_reason",
    "interface",
    "sensor_id",
];

/// The command of a probe with so many lanes.
pub(crate) fn on_lanes(lanes: usize, store: &Path, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outflow-ingest"));
    command.args(["-i", TAP, "--sensor", "lab", "--lanes", &lanes.to_string(), "--store"]);
    command.arg(store).args(words.split_whitespace());
    command
}

/// Frames in their order, so many a second.
pub(crate) fn pace(sender: &Sender, frames: &[Vec<u8>], per_second: u64) -> u64 {
    let batch = 32;
    let pause = Duration::from_micros(1_000_000 * batch as u64 / per_second);
    let mut sent = 0;
    for frames in frames.chunks(batch) {
        sent += sender.send(frames);
        thread::sleep(pause);
    }
    sent
}

/// The frames of the day, tags and tunnels and fragments among them.
fn day() -> Vec<Vec<u8>> {
    let frames: Vec<Vec<u8>> = Plan::national_day(2014).frames().map(|frame| frame.bytes).collect();
    let tagged = frames.iter().filter(|frame| frame[12..14] == [0x81, 0]).count();
    assert!(tagged > 100, "{tagged} tagged frames show nothing");
    frames
}

fn is_let_through(filter: &Filter, bytes: &[u8]) -> bool {
    let original = u32::try_from(bytes.len()).unwrap();
    filter.matches(&Frame { bytes, original, ts_ns: 0, link: LinkType::Ethernet })
}

/// Rows without what is set aside.
fn facts(rows: &[Row]) -> Vec<String> {
    facts_without(rows, "")
}

/// The same, without one more column.
fn facts_without(rows: &[Row], aside: &str) -> Vec<String> {
    let is_kept = |column: &str| column != aside && !SET_ASIDE.contains(&column);
    let kept = |row: &Row| {
        let mut cells: Vec<_> = row.clone().into_iter().collect();
        cells.retain(|(column, _)| is_kept(column));
        // Candidates stand in the order of their minutes, and a replay may begin in one and end in the next.
        for (_, names) in cells.iter_mut().filter(|(column, _)| column == "dns_names") {
            let mut sorted: Vec<&str> = names.trim_matches(['[', ']']).split(", ").collect();
            sorted.sort_unstable();
            *names = sorted.join(", ");
        }
        format!("{cells:?}")
    };
    let mut lines: Vec<String> = rows.iter().map(kept).collect();
    lines.sort();
    lines
}

/// The rows that these frames make as a file.
fn as_a_file(frames: &[Vec<u8>]) -> Vec<Row> {
    let lab = Lab::new();
    let packets: Vec<Packet> = (1_400_000_000_000_000_u64..)
        .step_by(usize::try_from(STEP_US).unwrap())
        .zip(frames)
        .map(|(ts_us, bytes)| Packet {
            ts_us,
            bytes: bytes.clone(),
            original: u32::try_from(bytes.len()).unwrap(),
        })
        .collect();
    let file = lab.write("day.pcap", &pcap(Order::Little, false, 1, &packets));
    let mut args = lab.args(&[file]);
    (args.active_timeout, args.idle_timeout) = (TIME_OUT_NS, TIME_OUT_NS);
    assert_closed(&ingest::run(&args).unwrap());
    lab.rows("flows")
}

/// What these frames are on the wire.
fn on_the_wire(frames: &[Vec<u8>], lanes: usize, words: &str) -> Option<Books> {
    let wire = Wire::lay()?;
    for end in [End::Source, End::Tap] {
        // Room for the longest frame of the day, and short enough for AF_XDP.
        wire.set(end, "mtu 3200");
    }
    let ground = Ground::new();
    let words = format!("{TIME_OUTS} {words}");
    let probe = Probe::run(&wire, on_lanes(lanes, &ground.store(), &words));
    let sent = pace(&wire.sender(), frames, 15_000);
    assert_eq!(sent, wire.received(End::Tap).packets, "the wire lost some itself");
    // pnet has no count by which to know that all has been read.
    thread::sleep(Duration::from_millis(500));
    probe.end();
    let books = Books::of(&ground.store());
    books.assert_closed();
    Some(books)
}

/// Every lane's books show every frame, and no row of the flows differs.
fn assert_same(found: &Books, frames: &[Vec<u8>], (what, aside): (&str, &str)) {
    assert_eq!(found.total("packets_seen"), count(frames.len()), "{what}");
    for nothing in ["kernel_drops", "queue_drops", "rows_lost", "wrong_lane_flows"] {
        assert_eq!(found.total(nothing), 0, "{what}: {nothing}");
    }
    let (found, wanted) = (&found.flows, &as_a_file(frames));
    assert_lines(&facts_without(found, aside), &facts_without(wanted, aside), what);
}

fn assert_lines(found: &[String], wanted: &[String], what: &str) {
    let missing: Vec<_> = wanted.iter().filter(|line| !found.contains(line)).take(3).collect();
    let foreign: Vec<_> = found.iter().filter(|line| !wanted.contains(line)).take(3).collect();
    assert!(
        found == wanted,
        "{what}: {} rows, wanted {}\nmissing {missing:#?}\nforeign {foreign:#?}",
        found.len(),
        wanted.len()
    );
}

#[test]
fn a_ring_gives_the_flows_of_the_file() {
    let frames = day();
    for lanes in [1, 2, 4] {
        let Some(books) = on_the_wire(&frames, lanes, "--ring-mb 16") else { return };
        assert_eq!(books.total("kernel_packets"), count(frames.len()));
        assert_same(&books, &frames, (&format!("ring, {lanes} lanes"), ""));
    }
}

#[test]
fn af_xdp_gives_the_flows_of_the_file() {
    let frames = day();
    for lanes in [1, 2] {
        let Some(books) = on_the_wire(&frames, lanes, "--source xdp") else { return };
        // All frames of a batch have one time, so an answer and a flow of the same batch came together: which answers were valid when the flow began, and
        // which of them was the newest, follows from the times.
        assert_same(&books, &frames, (&format!("AF_XDP, {lanes} lanes"), "dns_names"));
    }
}

#[test]
fn pnet_gives_the_flows_of_the_file() {
    // It loses the outer tag, and says so.
    let frames: Vec<Vec<u8>> =
        day().into_iter().filter(|frame| frame[12..14] != [0x81, 0]).collect();
    let Some(books) = on_the_wire(&frames, 1, "--source pnet") else { return };
    assert_same(&books, &frames, ("pnet", ""));
}

#[test]
fn a_tunnel_with_ports_by_direction_stays_together_by_hosts_and_is_counted_as_astray_by_hash() {
    // A packet each way: the ports of the outer packets differ by direction.
    let frames: Vec<Vec<u8>> = (1..=200)
        .flat_map(|of| [flow(Wrap::Vxlan, of, false), flow(Wrap::Vxlan, of, true)])
        .flatten()
        .collect();
    for (words, astray) in
        [("--fanout hosts --ring-mb 4", false), ("--fanout hash --ring-mb 4", true)]
    {
        let Some(books) = on_the_wire(&frames, 2, words) else { return };
        assert_eq!(books.total("packets_seen"), count(frames.len()));
        let (wrong, one_way) = (books.total("wrong_lane_flows"), books.total("one_way_rows"));
        if astray {
            assert!(
                wrong > 0 && one_way == 2 * wrong,
                "{words}: {wrong} astray, {one_way} one-way"
            );
        } else {
            assert_eq!((wrong, one_way), (0, 0), "{words}");
            assert_eq!(books.flows.len(), 200);
        }
    }
}

#[test]
fn a_filter_lets_the_same_through_here_and_in_the_kernel() {
    let frames = day();
    for words in ["tcp port 443", "not host 10.0.0.1 and not vlan", "udp or icmp"] {
        let filter = Filter::parse(words).unwrap();
        let wanted: Vec<Vec<u8>> =
            frames.iter().filter(|frame| is_let_through(&filter, frame)).cloned().collect();
        let rejected = frames.len() - wanted.len();
        assert!(!wanted.is_empty() && rejected > 0, "{words} shows nothing");
        let lines = facts(&as_a_file(&wanted));
        let Some(here) = on_the_wire(&frames, 2, &format!("--ring-mb 16 {words}")) else { return };
        assert_eq!(here.total("packets_seen"), count(frames.len()));
        assert_eq!(here.total("filtered"), count(rejected), "{words}");
        assert!(here.ledger.iter().all(|row| row.contains_key("filtered")));
        assert_lines(&facts(&here.flows), &lines, &format!("{words}, here"));
        let kernel = format!("--ring-mb 16 --kernel-filter {words}");
        let Some(kernel) = on_the_wire(&frames, 2, &kernel) else { return };
        assert_eq!(kernel.total("packets_seen"), count(wanted.len()), "{words}");
        assert_eq!(kernel.total("kernel_packets"), count(wanted.len()), "{words}");
        assert!(kernel.ledger.iter().all(|row| !row.contains_key("filtered")));
        for row in kernel.kind("interval").iter().chain(&here.kind("interval")) {
            assert_eq!(number(row, "kernel_balance_error"), 0, "{row:?}");
        }
        assert_lines(&facts(&kernel.flows), &lines, &format!("{words}, in the kernel"));
    }
}
