//! DNS that does not come as one datagram: in fragments (trap T11), over TCP, with loops and two questions (T26).

use std::collections::{BTreeMap, BTreeSet};

use crate::captures::words_of;
use crate::cuts::{Cut, cuts};
use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, assert_closed, count, sum};

const CLIENT: u8 = 7;
const RESOLVER: u8 = 53;

/// An IPv4 packet on Ethernet; `place` is the word of flags and offset.
fn packet(
    ts_us: u64,
    (from, to): (u8, u8),
    (proto, id, place): (u8, u16, u16),
    body: &[u8],
) -> Packet {
    let mut bytes = vec![2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0, 0x45, 0];
    bytes.extend(u16::try_from(20 + body.len()).unwrap().to_be_bytes());
    bytes.extend([id.to_be_bytes(), place.to_be_bytes()].concat());
    bytes.extend([64, proto, 0, 0, 10, 0, 0, from, 10, 0, 0, to]);
    bytes.extend(body);
    let original = u32::try_from(bytes.len()).unwrap();
    Packet { ts_us, bytes, original }
}

fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [&from.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload].concat()
}

/// Questions for `name.example`, and this many answers: the last is 10.0.0.99.
fn message(name: &str, questions: u16, answers: u16) -> Vec<u8> {
    let flags = if answers == 0 { 0x0100_u16 } else { 0x8180 };
    let mut bytes = [[0x12, 0x34], flags.to_be_bytes(), questions.to_be_bytes()].concat();
    bytes.extend(answers.to_be_bytes());
    bytes.extend([0; 4]);
    for _ in 0..questions {
        bytes.push(u8::try_from(name.len()).unwrap());
        bytes.extend(name.as_bytes());
        bytes.extend(b"\x07example\0\0\x01\0\x01");
    }
    for number in 1..=answers {
        // A long text first, so that the address that matters lies in the last fragment.
        if number < answers {
            bytes.extend(b"\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x78\x77");
            bytes.extend([b'x'; 119]);
        } else {
            bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x0a\0\0\x63");
        }
    }
    bytes
}

/// The answer in three fragments of 1,024 octets at most, in this order; and a connection to the address it gives.
fn scene(order: &[usize]) -> Vec<Packet> {
    let datagram = udp(53, 40_000, &message("t11", 1, 20));
    let pieces: Vec<(u16, &[u8])> = (0..).step_by(128).zip(datagram.chunks(1_024)).collect();
    assert_eq!(pieces.len(), 3);
    let mut packets =
        vec![packet(0, (CLIENT, RESOLVER), (17, 1, 0), &udp(40_000, 53, &message("t11", 1, 0)))];
    for (nth, which) in order.iter().enumerate() {
        let (offset, bytes) = pieces[*which];
        let place = offset | if *which == 2 { 0 } else { 0x2000 };
        let ts_us = 1_000 + nth as u64;
        packets.push(packet(ts_us, (RESOLVER, CLIENT), (17, 9, place), bytes));
    }
    packets.push(packet(2_000_000, (CLIENT, 99), (17, 2, 0), &udp(40_001, 4_000, b"hello")));
    packets
}

/// Rows of `dns` and `flows`; the books are closed and no octet is missing.
fn rows(packets: &[Packet]) -> (Vec<Row>, Vec<Row>) {
    let lab = Lab::new();
    let capture = lab.write("t.pcap", &pcap(Order::Little, false, 1, packets));
    let outcome = ingest::run(&lab.args(&[capture])).unwrap();
    assert_closed(&outcome);
    let flows = lab.rows("flows");
    let octets: usize = packets.iter().map(|packet| packet.bytes.len() - 14).sum();
    assert_eq!(sum(&flows, "bytes"), count(octets));
    (lab.rows("dns"), flows)
}

fn names_on(flows: &[Row], address: &str) -> Option<String> {
    let flow = flows.iter().find(|row| row["dst_ip"] == address).unwrap();
    flow.get("dns_names").cloned()
}

#[test]
fn t11_an_answer_in_three_fragments_is_read_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let (dns, flows) = rows(&scene(&order));
        assert_eq!(dns.len(), 1, "{order:?} {dns:?}");
        assert_eq!(dns[0]["query"], "t11.example");
        assert!(dns[0]["answers"].ends_with("10.0.0.99]"), "{order:?}");
        assert_eq!(names_on(&flows, "10.0.0.99").as_deref(), Some("[t11.example]"), "{order:?}");
        assert_eq!(flows.len(), 2, "fragments belong to the flow of their first");
        assert_eq!(
            flows.iter().filter(|row| row.get("service").is_some_and(|s| s == "dns")).count(),
            1
        );
    }
}

#[test]
fn t11_what_overlaps_comes_second_and_what_is_missing_is_not_made_up() {
    // The same place again, with other octets: the first stay.
    let mut twice = scene(&[0, 1, 1, 2]);
    for octet in twice[3].bytes.iter_mut().skip(34) {
        *octet = 0xc0;
    }
    let (dns, flows) = rows(&twice);
    assert!(dns[0]["answers"].ends_with("10.0.0.99]"));
    assert_eq!(names_on(&flows, "10.0.0.99").as_deref(), Some("[t11.example]"));
    // Without the first nobody knows whose pieces they are; the question stays unanswered.
    let (dns, flows) = rows(&scene(&[1, 2]));
    assert_eq!((dns.len(), dns[0].get("rcode")), (1, None));
    assert_eq!(names_on(&flows, "10.0.0.99"), None);
    // Without the last, the beginning counts, as far as it goes.
    let (dns, flows) = rows(&scene(&[0, 1]));
    assert_eq!((dns.len(), dns[0]["rcode"].as_str()), (1, "0"));
    assert!(dns[0]["answers"].matches("TXT").count() > 10, "{dns:?}");
    assert_eq!(names_on(&flows, "10.0.0.99"), None);
}

/// A segment that the resolver sends to a port.
fn segment(ts_us: u64, (to, number, flags): (u16, u32, u8), payload: &[u8]) -> Packet {
    let mut body = [53_u16.to_be_bytes(), to.to_be_bytes()].concat();
    body.extend(number.to_be_bytes());
    body.extend([0, 0, 0, 1, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    body.extend(payload);
    packet(ts_us, (RESOLVER, CLIENT), (6, 1, 0), &body)
}

/// A connection on port 53 of which the resolver sends these segments.
fn stream(segments: &[&[u8]]) -> Vec<Packet> {
    let mut number = 1_u32;
    let packets = segments.iter().enumerate().map(|(nth, payload)| {
        let at = number;
        number += u32::try_from(payload.len()).unwrap();
        segment(nth as u64 * 1_000, (40_000, at, 0x10), payload)
    });
    packets.collect()
}

fn prefixed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes()[..], message].concat()
}

#[test]
fn t26_messages_over_tcp_are_read() {
    let (one, two) = (message("one", 1, 1), message("two", 1, 2));
    let both = [prefixed(&one), prefixed(&two)].concat();
    let length = u16::try_from(one.len()).unwrap().to_be_bytes();
    let tail = [&both[..], &length].concat();
    let check = |scene: &str, segments: &[&[u8]], names: &[&str]| {
        let (dns, flows) = rows(&stream(segments));
        let found: Vec<&str> = dns.iter().map(|row| row["query"].as_str()).collect();
        let names: Vec<String> = names.iter().map(|name| format!("{name}.example")).collect();
        assert_eq!(found, names, "{scene}");
        let service = flows[0].get("service").map(String::as_str);
        assert_eq!(service, (!names.is_empty()).then_some("dns"), "{scene}");
    };
    check("alone", &[&prefixed(&one)], &["one"]);
    check("two in a segment", &[&both], &["one", "two"]);
    check("length apart", &[&length, &one, &prefixed(&two)], &["one", "two"]);
    check("length at the end", &[&tail, &one], &["one", "two", "one"]);
    check("none", &[b"SSH-2.0-x\r\n", b"GET / HTTP/1.1\r\n\r\n"], &[]);
}

/// What a connection says whose beginning was seen, in segments of any order: of each the first octet and the one after the last.
fn cut(stream: &[u8], cuts: &[Cut]) {
    let mut packets = Vec::new();
    for (port, cut) in (1_024..).zip(cuts) {
        // Every other stream passes the end of the numbers.
        let begin = if port % 2 == 0 { 7 } else { 0_u32.wrapping_sub(9) };
        packets.push(segment(0, (port, begin.wrapping_sub(1), 0x12), &[]));
        for &(from, to) in cut {
            let number = begin.wrapping_add(u32::try_from(from).unwrap());
            packets.push(segment(0, (port, number, 0x10), &stream[from..to]));
        }
    }
    for (packet, ts_us) in packets.iter_mut().zip(1_000..) {
        packet.ts_us = ts_us;
    }
    let (dns, flows) = rows(&packets);
    assert_eq!(flows.len(), cuts.len());
    let mut said: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for row in &dns {
        let words = (row["query"].as_str(), row["answers"].as_str());
        said.entry(row["flow_id"].as_str()).or_default().push(words);
    }
    for flow in &flows {
        let said = said.remove(flow["flow_id"].as_str()).unwrap_or_default();
        assert_eq!(said.len(), 4, "{} {said:?}", flow["dst_port"]);
        for ((query, answers), (name, count)) in said.iter().zip(MESSAGES) {
            assert_eq!(*query, format!("{name}.example"));
            assert_eq!(answers.matches(", ").count() + 1, usize::from(count));
        }
        assert_eq!(flow["service"], "dns");
    }
}

const MESSAGES: [(&str, u16); 4] = [("one", 1), ("two", 3), ("three", 12), ("four", 2)];

#[test]
fn messages_over_tcp_are_the_same_however_they_are_cut_shuffled_and_sent_again() {
    let messages = MESSAGES.map(|(name, answers)| prefixed(&message(name, 1, answers)));
    let stream = messages.concat();
    assert!(stream.len() > 1_500);
    cut(&stream, &cuts(stream.len(), 200));
}

#[test]
fn a_message_over_tcp_that_is_too_long_is_counted_and_those_behind_it_are_read() {
    let (long, two) = (message("long", 1, 32), message("two", 1, 1));
    let padded = [&long[..], &[0; 2_000]].concat();
    let stream = [prefixed(&padded), prefixed(&two), prefixed(&message("three", 1, 1))].concat();
    let mut packets = vec![segment(0, (40_000, 0, 0x12), &[])];
    for (nth, part) in (0_u32..).zip(stream.chunks(1_400)) {
        packets.push(segment(u64::from(nth) + 1, (40_000, 1 + nth * 1_400, 0x10), part));
    }
    let lab = Lab::new();
    let capture = lab.write("t.pcap", &pcap(Order::Little, false, 1, &packets));
    let outcome = ingest::run(&lab.args(&[capture])).unwrap();
    assert_closed(&outcome);
    let dns = lab.rows("dns");
    let queries: Vec<&str> = dns.iter().map(|row| row["query"].as_str()).collect();
    assert_eq!(queries, ["long.example", "two.example", "three.example"]);
    assert!(dns[0]["answers"].matches("TXT").count() > 5, "what is in the first segment");
    let refused: i64 = outcome.written.ledger.iter().filter_map(|row| row.names_refused).sum();
    assert_eq!(refused, 1);
}

#[test]
fn t26_loops_end_and_of_two_questions_the_first_counts() {
    let looped =
        b"\x12\x34\x81\x80\0\x01\0\x01\0\0\0\0\x01a\xc0\x0c\0\x01\0\x01\xc0\x0c\0\x01\0\x01";
    let send = |payload: &[u8]| {
        rows(&[packet(0, (RESOLVER, CLIENT), (17, 1, 0), &udp(53, 40_000, payload))])
    };
    let (dns, flows) = send(looped);
    assert!(dns.is_empty() && !flows[0].contains_key("service"));
    let (dns, _) = send(&message("both", 2, 1));
    assert_eq!(
        (dns.len(), dns[0]["query"].as_str(), dns[0]["answers"].as_str()),
        (1, "both.example", "[10.0.0.99]")
    );
}

#[test]
fn more_datagrams_in_pieces_than_are_kept_are_counted() {
    let datagram = udp(53, 40_000, &message("t11", 1, 20));
    let beginning =
        |id: u16| packet(u64::from(id), (RESOLVER, CLIENT), (17, id, 0x2000), &datagram[..1_024]);
    let packets: Vec<Packet> = (1..=100).map(beginning).collect();
    let lab = Lab::new();
    let capture = lab.write("t.pcap", &pcap(Order::Little, false, 1, &packets));
    let outcome = ingest::run(&lab.args(&[capture])).unwrap();
    assert_closed(&outcome);
    let evicted: i64 = outcome.written.ledger.iter().map(|row| row.dns_evictions).sum();
    assert_eq!(evicted, 100 - 64);
    assert_eq!(lab.rows("dns").len(), 100, "what they begin with is read in any case");
}

/// Captures with questions of which there is no row, and why.
const OTHER_QUESTIONS: [&str; 5] = [
    // Within HTTP/2.
    "dns-over-http2-post/dns_over_https_POST.pcap",
    // Neither is a query: an operation code that is not assigned, and an update.
    "dns-invalid-opcode/input.pcap",
    "dns/dynamic-update.pcap",
    // On ports that are not DNS's.
    "vxlan-decoder-01/input.pcap",
    // Of a link type that is not known here.
    "LINKTYPE_USER2_PKTAP.pcap",
];

#[test]
fn real_questions_are_those_another_tool_reads() {
    let test = "real_questions_are_those_another_tool_reads";
    let Some(captures) = words_of(test, "dns_q") else { return };
    let (mut asked, mut missing) = (0, Vec::new());
    for (capture, questions) in captures {
        if OTHER_QUESTIONS.iter().any(|other| capture.ends_with(other)) {
            continue;
        }
        let lab = Lab::new();
        ingest::run(&lab.args(std::slice::from_ref(&capture))).unwrap();
        let rows = lab.rows("dns");
        let found: BTreeSet<&str> = rows.iter().map(|row| row["query"].as_str()).collect();
        asked += questions.len();
        let unfound = questions
            .iter()
            .filter(|name| !found.contains(if *name == "<root>" { "" } else { name.as_str() }));
        missing.extend(unfound.map(|name| format!("{} {name}", capture.display())));
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(asked >= 100, "{asked}");
}
