//! However a stream is cut, shuffled and sent again: the names on its flow are those of the stream in one piece.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ingest::block::Block;
use ingest::decode::Decoder;
use ingest::frame::{Frame, LinkType};
use ingest::names;
use ingest::source::synthetic::{Plan, Version};
use ingest::source::{FileSource, Pool, Tagger};

use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, flows_of};

const SYN: u8 = 2;
const ACK: u8 = 16;
const COLUMNS: [&str; 9] = [
    "service",
    "server_name",
    "server_name_source",
    "server_names",
    "alpn",
    "tls_version",
    "tls_ja4",
    "ech_offered",
    "http_user_agent",
];

/// Chances that are the same in every run (a linear congruence).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// Pieces of a stream in the order of their arrival: first octet and the one after the last.
pub(crate) type Cut = Vec<(usize, usize)>;

fn pieces(marks: &BTreeSet<usize>, octets: usize) -> Cut {
    let begins = std::iter::once(0).chain(marks.iter().copied());
    begins.zip(marks.iter().copied().chain([octets])).collect()
}

/// In one piece, every way in two pieces and in either order, and `random` ways in up to twelve, shuffled and with repetitions of any part.
pub(crate) fn cuts(octets: usize, random: usize) -> Vec<Cut> {
    let mut cuts = vec![vec![(0, octets)]];
    for mark in 1..octets {
        cuts.push(vec![(0, mark), (mark, octets)]);
        cuts.push(vec![(mark, octets), (0, mark)]);
    }
    let mut chance = Chance(octets as u64);
    for _ in 0..random {
        let marks = (0..=chance.below(11)).map(|_| 1 + chance.below(octets - 1)).collect();
        let mut cut = pieces(&marks, octets);
        for _ in 0..chance.below(5) {
            let from = chance.below(octets);
            cut.push((from, from + 1 + chance.below(octets - from)));
        }
        for place in (1..cut.len()).rev() {
            cut.swap(place, chance.below(place + 1));
        }
        cuts.push(cut);
    }
    cuts
}

/// A segment from client `flow`.
fn segment(flow: usize, number: u32, flags: u8, payload: &[u8]) -> Packet {
    let octets = u16::try_from(40 + payload.len()).unwrap();
    let [_, _, high, low] = u32::try_from(flow).unwrap().to_be_bytes();
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    bytes.extend(octets.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 64, 6, 0, 0, 10, 1, high, low, 203, 0, 113, 1]);
    bytes.extend([0x9c, 0x40, 1, 0xbb]);
    bytes.extend(number.to_be_bytes());
    bytes.extend([0, 0, 0, 9, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    bytes.extend(payload);
    let original = u32::try_from(bytes.len()).unwrap();
    Packet { ts_us: 0, bytes, original }
}

fn facts(row: &Row) -> Vec<Option<&String>> {
    COLUMNS.iter().map(|column| row.get(*column)).collect()
}

/// Sends a stream in all these ways, each on a connection of its own, and gives the row all of them must be.
fn sent(stream: &[u8], cuts: &[Cut], lanes: u16) -> Row {
    let mut packets = Vec::new();
    for (flow, cut) in cuts.iter().enumerate() {
        // Every other stream passes the end of the numbers.
        let begin = if flow % 2 == 0 { 7 } else { 0_u32.wrapping_sub(stream.len() as u32 / 2) };
        packets.push(segment(flow, begin.wrapping_sub(1), SYN, &[]));
        for &(from, to) in cut {
            packets.push(segment(flow, begin.wrapping_add(from as u32), ACK, &stream[from..to]));
        }
    }
    for (packet, ts_us) in packets.iter_mut().zip(1_400_000_000_000_000..) {
        packet.ts_us = ts_us;
    }
    let lab = Lab::new();
    let path = lab.write("cuts.pcap", &pcap(Order::Little, false, 1, &packets));
    let (_, rows) = flows_of(&[path], |args| args.lanes = Some(lanes.into()));
    assert_eq!(rows.len(), cuts.len());
    let by_client: BTreeMap<&str, &Row> =
        rows.iter().map(|row| (row["src_ip"].as_str(), row)).collect();
    let whole = by_client["10.1.0.0"];
    for (flow, cut) in cuts.iter().enumerate() {
        let row = by_client[format!("10.1.{}.{}", flow >> 8, flow & 255).as_str()];
        assert_eq!(facts(row), facts(whole), "cut {cut:?}");
    }
    whole.clone()
}

/// Client hellos of a plan.
fn planned(version: Version, count: u32) -> Vec<Vec<u8>> {
    let plan = Plan::hellos(11, version, count);
    let payload = |bytes: &[u8], original| {
        let frame = Frame { bytes, original, ts_ns: 0, link: LinkType::Ethernet };
        let at = Decoder::default().decode(&frame).ok()?.observation.payload_at;
        (at != 0).then(|| bytes[usize::from(at)..].to_vec())
    };
    let frames = plan.frames();
    frames.filter_map(|planned| payload(&planned.bytes, planned.original_length)).collect()
}

fn with_length(octets: &[u8]) -> Vec<u8> {
    [&u16::try_from(octets.len()).unwrap().to_be_bytes(), octets].concat()
}

/// A hello in records of `record` octets, with the name behind a post-quantum key share of 1,216 octets (X25519MLKEM768).
fn post_quantum(name: &str, record: usize) -> Vec<u8> {
    let extension = |kind: u16, body: &[u8]| [&kind.to_be_bytes()[..], &with_length(body)].concat();
    let share = [&[0x11, 0xec][..], &with_length(&[5; 1_216])].concat();
    let host = [&[0][..], &with_length(name.as_bytes())].concat();
    let extensions = [
        extension(51, &with_length(&share)),
        extension(10, &with_length(&[0x11, 0xec, 0, 29])),
        extension(13, &with_length(&[4, 3, 8, 4])),
        extension(65_037, &[0; 250]),
        extension(43, &[2, 3, 4]),
        extension(16, &with_length(&[2, b'h', b'2'])),
        extension(0, &with_length(&host)),
    ];
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0x13, 0x01, 1, 0]);
    body.extend(with_length(&extensions.concat()));
    let message = [&[1, 0][..], &with_length(&body)].concat();
    let records = message.chunks(record);
    records.flat_map(|part| [&[22, 3, 1][..], &with_length(part)].concat()).collect()
}

#[test]
fn a_generated_hello_in_pieces_is_the_same_hello() {
    for version in [Version::Tls10, Version::Tls12, Version::Tls13] {
        for hello in planned(version, 4) {
            let row = sent(&hello, &cuts(hello.len(), 200), 2);
            assert_eq!(row["service"], "tls");
            assert_eq!(row["tls_ja4"].len(), 36);
        }
    }
}

#[test]
fn a_post_quantum_hello_is_read_from_any_segments_and_records() {
    let mut before = None;
    for record in [16_384, 1_000, 90] {
        let hello = post_quantum("pq.example", record);
        assert!(hello.len() > 1_500);
        for lanes in [1, 4] {
            let row = sent(&hello, &cuts(hello.len(), 200), lanes);
            assert_eq!(row["server_name"], "pq.example");
            let facts: Vec<Option<String>> =
                facts(&row).into_iter().map(Option::<&String>::cloned).collect();
            assert!(before.replace(facts.clone()).is_none_or(|before| before == facts));
        }
    }
}

#[test]
fn other_streams_in_pieces_say_the_same() {
    let hello = post_quantum("inside.example", 16_384);
    let after = |text: &str| [text.as_bytes(), &hello].concat();
    let request = "GET /x HTTP/1.1\r\nHost: one.example:8080\r\nUser-Agent: a/1\r\n\r\n";
    let second = "GET http://two.example/ HTTP/1.1\r\nHost: two.example\r\n\r\n";
    let xmpp = "<?xml version='1.0'?><stream:stream to='talk.example' version='1.0'>";
    let tls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
    for (stream, service, names) in [
        (format!("{request}{second}").into_bytes(), "http", ["one.example", "two.example"]),
        (
            after("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
            "http",
            ["a.example", "inside.example"],
        ),
        (after(&format!("{xmpp}{tls}")), "xmpp", ["talk.example", "inside.example"]),
        (after("EHLO me.example\r\nSTARTTLS\r\n"), "smtp", ["inside.example", ""]),
        (b"VER 1 MSNP8 CVR0\r\nUSR 2 TWN I me\r\n".to_vec(), "msnp", ["", ""]),
    ] {
        let row = sent(&stream, &cuts(stream.len(), 200), 2);
        assert_eq!(row["service"], service);
        let text = |column: &str| row.get(column).map_or("", String::as_str);
        assert_eq!(text("server_name"), names[0], "{service}");
        assert!(text("server_names").contains(names[1]), "{service}: {row:?}");
    }
}

/// Every client hello of a capture that lies whole in one segment.
fn hellos_of(path: &Path, found: &mut BTreeSet<Vec<u8>>) {
    let Ok(mut source) = FileSource::open(path, &Pool::new(8)) else { return };
    let mut tagger = Tagger::new(1);
    loop {
        let blocks = source.read(&mut tagger);
        if blocks.is_empty() {
            return;
        }
        for frame in blocks.iter().flat_map(Block::frames) {
            let Ok(decoded) = Decoder::default().decode(&frame) else { continue };
            let (at, key) = (usize::from(decoded.observation.payload_at), decoded.observation.key);
            let end = at + decoded.observation.payload_bytes() as usize;
            let Some(payload) = frame.bytes.get(at..end).filter(|_| key.ip_proto == 6) else {
                continue;
            };
            let is_hello = matches!(payload, [22, 3, _, _, _, 1, ..]);
            if is_hello && names::of_tcp(payload).is_some() {
                found.insert(payload.to_vec());
            }
        }
    }
}

#[test]
fn every_hello_of_the_captures_in_pieces_is_the_same_hello() {
    let Some(captures): Option<Vec<PathBuf>> = crate::captures::captures() else { return };
    let mut hellos = BTreeSet::new();
    for path in captures {
        hellos_of(&path, &mut hellos);
    }
    assert!(hellos.len() > 20, "{}", hellos.len());
    let octets: usize = hellos.iter().map(Vec::len).sum();
    for hello in &hellos {
        sent(hello, &cuts(hello.len(), 200), 2);
    }
    eprintln!(
        "{} hellos of {octets} octets in {} ways",
        hellos.len(),
        2 * octets + 200 * hellos.len()
    );
}
