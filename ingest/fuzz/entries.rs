//! What is done with bytes from outside: the entries of the fuzz targets, which the stored inputs go through as a plain test as well.

#![allow(dead_code, reason = "each target uses one of the entries")]

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::LazyLock;

use ingest::Inside;
use ingest::config::PacketArgs;
use ingest::decode::Decoder;
use ingest::delivery::{Delivery, Outbox};
use ingest::flow::Limits;
use ingest::frame::{Frame, LinkType};
use ingest::hint::{DnsData, Hint};
use ingest::lane::{Lane, LaneSettings};
use ingest::names::quic::{Conversation, Outcome};
use ingest::names::{dhcp, dns, dtls, of_tcp};
use ingest::record::RowStyle;
use ingest::source::{FileSource, Pool, Tagger};

/// Names are bounded before they are escaped, and an octet becomes four at most.
const TEXT_MAX: usize = 512 * 4;

/// A frame: an octet for the link type, two for what it had beyond the captured octets, and these.
pub(crate) fn decode(data: &[u8]) {
    let [kind, more_high, more_low, bytes @ ..] = data else { return };
    let Some(&link) = LinkType::ALL.get(usize::from(*kind) % LinkType::ALL.len()) else { return };
    let captured = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let original = captured.saturating_add(u32::from(u16::from_be_bytes([*more_high, *more_low])));
    let frame = Frame { bytes, original, ts_ns: 0, link };
    let decoder = Decoder::default();
    let decoded = decoder.decode(&frame);
    assert_eq!(decoded.is_ok(), decoder.detail(&frame).is_some(), "both walk the same way");
    let hash = decoder.lane_hash(&frame);
    let Ok(decoded) = decoded else {
        return assert_eq!(hash, 0, "what has no hosts goes where 0 goes");
    };
    let observation = decoded.observation;
    assert_eq!(observation.wire_bytes, original);
    assert!(usize::from(observation.payload_at) <= bytes.len());
    assert!(observation.payload_bytes() <= observation.ip_bytes);
    assert!(observation.key.low <= observation.key.high);
    if let Some(payload) = bytes.get(usize::from(observation.payload_at)..) {
        names(payload);
    }
}

/// A payload: whatever name is read from it is short and printable.
pub(crate) fn names(payload: &[u8]) {
    let check = |text: &str| {
        assert!(text.len() <= TEXT_MAX, "{} octets", text.len());
        assert!(text.bytes().all(|octet| (b' '..=b'~').contains(&octet)), "{text:?}");
    };
    match of_tcp(payload) {
        Some(Hint::Tls(hello) | Hint::Quic(hello) | Hint::Dtls(hello)) => {
            hello.server_name.iter().chain(&hello.alpn).for_each(|text| check(text));
        }
        Some(Hint::Certificate(certificate)) => {
            certificate.names.iter().for_each(|text| check(text));
        }
        Some(Hint::Http(request)) => {
            let names = request.target.iter().chain(&request.host);
            names.chain(&request.user_agent).for_each(|text| check(text));
        }
        Some(Hint::Spoken(spoken)) => spoken.name.iter().for_each(|text| check(text)),
        None => {}
    }
    for outcome in
        [dtls::Conversation::default().take(payload), Conversation::default().take(payload)]
    {
        if let Outcome::Hello(hello) = outcome {
            hello.server_name.iter().chain(&hello.alpn).for_each(|text| check(text));
        }
    }
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for lease in [dhcp::v4(payload), dhcp::v6(payload, client)].into_iter().flatten() {
        let texts = [lease.hostname, lease.vendor_class, lease.parameters];
        texts.iter().flatten().for_each(|text| check(text));
    }
    dns::announcement(payload, client).flatten().iter().for_each(|name| check(name));
    if let Some(message) = dns::message(payload) {
        check(&message.query);
        for answer in &message.answers {
            if let DnsData::Name(name) = &answer.data {
                check(name);
            }
        }
    }
}

/// What a lane handed over.
#[derive(Default)]
struct Count {
    packets: u64,
    ignored: u64,
    seen: u64,
    open: u64,
}

impl Outbox for &mut Count {
    fn send(&mut self, delivery: Delivery) -> bool {
        for row in delivery.rows.iter() {
            assert!(row.duration_us >= 0 && row.packets > 0);
            self.packets += u64::try_from(row.packets).unwrap_or(0);
        }
        if let Some(end) = &delivery.interval {
            self.seen += end.tally.seen.packets;
            self.ignored += end.tally.ignored.iter().sum::<u64>();
            self.open = end.open.packets;
        }
        true
    }
}

/// A capture: each of its frames ends in a record or is ignored, with a table much too small for it too.
pub(crate) fn container(data: &[u8]) {
    static POOL: LazyLock<Pool> = LazyLock::new(|| Pool::new(4));
    // Unpacking is the work of libraries with fuzzers of their own.
    if matches!(data, [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..]) {
        return;
    }
    let input = Box::new(std::io::Cursor::new(data.to_vec()));
    let Ok(mut source) = FileSource::of(Path::new("fuzzed"), input, &POOL) else { return };
    let limits =
        Limits { active_timeout_ns: 60_000_000_000, idle_timeout_ns: 15_000_000_000, flows_max: 4 };
    let style = RowStyle { sensor: "fuzz".into(), inside: Inside::default(), interface: None };
    let settings = LaneSettings {
        lane: 0,
        limits,
        seed: 7,
        style,
        filter: None,
        packets: PacketArgs::default(),
    };
    let (mut count, mut frames) = (Count::default(), 0);
    let (mut lane, mut tagger) = (Lane::new(settings, &mut count), Tagger::new(1));
    loop {
        let blocks = source.read(&mut tagger);
        if blocks.is_empty() {
            break;
        }
        for block in &blocks {
            frames += block.refs().len() as u64;
            assert!(lane.take(block));
        }
    }
    assert!(source.offset() <= data.len() as u64);
    lane.finish(tagger.sequence(), None);
    assert_eq!((count.seen, count.open), (frames, 0));
    assert_eq!(count.packets + count.ignored, frames, "every frame went somewhere");
}
