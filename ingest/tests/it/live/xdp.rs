//! `AF_XDP` over a wire: what goes in comes out, what does not is counted, and the host has its frames back afterwards.

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, Instant};

use caps::{CapSet, Capability};
use ingest::block::{Memory, Walk};
use ingest::source::SourceError;
use ingest::source::live::{Fanout, LiveSettings, LiveSource, Parcel};
use ingest::source::xdp::{Mode, XdpSource};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::live::lab::{End, SOURCE, TAP, Wire};

const MIB: usize = 1 << 20;

fn settings() -> LiveSettings {
    LiveSettings {
        interface: TAP.to_owned(),
        lanes: 2,
        ring_bytes: 2 * MIB,
        block_bytes: MIB,
        retire: Duration::from_millis(20),
        fanout_group: 1,
        fanout: Fanout::Hosts,
        promiscuous: true,
        force: false,
        kernel_filter: None,
    }
}

/// A wire whose packets are so long at most.
fn wire_of(mtu: u32) -> Option<Wire> {
    let wire = Wire::lay()?;
    for end in [End::Source, End::Tap] {
        wire.set(end, &format!("mtu {mtu}"));
    }
    Some(wire)
}

fn open(wire: &Wire, settings: &LiveSettings) -> Result<XdpSource, SourceError> {
    wire.at(End::Tap, || XdpSource::open(settings))
}

fn why(result: Result<XdpSource, SourceError>) -> String {
    let error = result.unwrap_err();
    format!(
        "{error}: {}",
        std::error::Error::source(&error).map_or_else(String::new, ToString::to_string)
    )
}

/// Polls until so many frames came, or a while longer than they need.
fn walks(source: &mut XdpSource, wanted: usize) -> Vec<Walk> {
    let (mut found, mut walks) = (0, Vec::new());
    let until = Instant::now() + Duration::from_secs(3);
    while found < wanted && Instant::now() < until {
        source
            .poll(Duration::from_secs(2), &mut |parcel| {
                let Parcel::Any(frames) = parcel else { panic!("{parcel:?}") };
                let packets = frames.packets();
                let walk = frames.walk(1, Vec::new());
                assert_eq!(walk.frames.len() as u64, packets);
                found += walk.frames.len();
                walks.push(walk);
            })
            .unwrap();
    }
    walks
}

fn bytes_of(walks: &[Walk]) -> Vec<Vec<u8>> {
    let frames = |walk: &Walk| {
        let memory: Arc<dyn Memory> = Arc::clone(&walk.memory);
        let bytes = walk.frames.iter().map(move |at| {
            assert_eq!((at.lane, at.captured), (1, at.original));
            at.frame(memory.bytes()).bytes.to_vec()
        });
        bytes.collect::<Vec<_>>()
    };
    walks.iter().flat_map(frames).collect()
}

/// An Ethernet header from one host to another, so many tags, then octets that tell one frame from the others.
fn frame(number: u32, tags: u16, length: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    for tag in 0..tags {
        frame.extend([0x81, 0, 0, 100 + u8::try_from(tag).unwrap()]);
    }
    // A type that nothing in the kernel takes an interest in.
    frame.extend([0x88, 0xb5]);
    frame.extend(number.to_be_bytes());
    let more = length.saturating_sub(frame.len());
    frame.extend((0..more).map(|at| (at as u8).wrapping_add(number as u8)));
    frame
}

fn mixed(mtu: usize) -> Vec<Vec<u8>> {
    let lengths = [60, 61, 128, 1000, mtu + 13, mtu + 14];
    (0..600)
        .map(|number| frame(number, (number % 3) as u16, lengths[number as usize % 6]))
        .collect()
}

fn assert_carries(mtu: u32, mode: Mode) {
    let Some(wire) = wire_of(mtu) else { return };
    let mut source = open(&wire, &settings()).unwrap();
    assert_eq!(source.mode(), mode);
    assert!(source.loses_tags().is_some());
    assert_eq!((source.backend(), source.timestamp_source()), ("af_xdp", "user"));
    let sent = mixed(mtu as usize);
    let before = now_ns();
    wire.send(&sent);
    let walks = walks(&mut source, sent.len());
    let after = now_ns();
    assert!(bytes_of(&walks) == sent, "{} frames of {}", bytes_of(&walks).len(), sent.len());
    assert_eq!(walks.iter().map(|walk| walk.super_frames).sum::<u64>(), 0);
    let mut times = walks.iter().flat_map(|walk| &walk.frames).map(|at| at.ts_ns);
    assert!(times.all(|time| (before..=after).contains(&time)));
    assert_eq!(source.counters().len(), 2);
    for lane in source.counters() {
        assert_eq!((lane.packets, lane.drops, lane.xdp_rx_ring_full), (None, Some(0), Some(0)));
    }
}

fn now_ns() -> i64 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    i64::try_from(since.as_nanos()).unwrap()
}

#[test]
fn frames_come_through_in_the_driver() {
    assert_carries(1500, Mode { native: true, zero_copy: false });
}

#[test]
fn frames_come_through_in_the_general_path_where_the_driver_declines() {
    // veth takes no program where a packet may be longer than what its page leaves.
    assert_carries(3818, Mode { native: false, zero_copy: false });
}

#[test]
fn packets_longer_than_a_page_are_refused_with_the_remedy() {
    let Some(wire) = wire_of(3819) else { return };
    let why = why(open(&wire, &settings()));
    assert!(why.contains("MTU is 3819") && why.contains("mtu 3818"), "{why}");
}

#[test]
fn chunks_come_back() {
    let Some(wire) = wire_of(1500) else { return };
    let small = LiveSettings { ring_bytes: 1, lanes: 1, ..settings() };
    let mut source = open(&wire, &small).unwrap();
    let sender = wire.sender();
    let mut all = Vec::new();
    // 64 chunks; ten times as many frames, never more than 30 at once.
    for round in 0..22 {
        let sent: Vec<_> = (0..30).map(|at| frame(round * 30 + at, 0, 100)).collect();
        sender.send(&sent);
        all.extend(bytes_of(&walks(&mut source, 30)));
    }
    let sent: Vec<_> = (0..660).map(|number| frame(number, 0, 100)).collect();
    assert!(all == sent, "{} frames of 660", all.len());
    assert_eq!(source.counters()[0].drops, Some(0));
}

#[test]
fn frames_without_a_chunk_are_counted() {
    let Some(wire) = wire_of(1500) else { return };
    let small = LiveSettings { ring_bytes: 1, lanes: 1, ..settings() };
    let mut source = open(&wire, &small).unwrap();
    let sent: Vec<_> = (0..200).map(|number| frame(number, 0, 100)).collect();
    wire.send(&sent[..30]);
    let mut held = walks(&mut source, 30);
    let kept_from = held.len();
    wire.send(&sent[30..]);
    held.extend(walks(&mut source, 34));
    assert!(bytes_of(&held) == sent[..64], "what is held is not written over");
    let counted = source.counters()[0];
    assert_eq!(counted.drops, Some(136), "{counted:?}");
    assert_eq!(counted.xdp_rx_dropped.unwrap() + counted.xdp_rx_ring_full.unwrap(), 136);
    assert!(counted.xdp_fill_ring_empty > Some(0), "{counted:?}");
    // Part of it given back while nothing comes, so much is there again; the frames still held stay as they were.
    let kept = held.split_off(kept_from);
    assert!(!kept.is_empty());
    let given: usize = held.iter().map(|walk| walk.frames.len()).sum();
    let unchanged = bytes_of(&kept);
    let more: Vec<_> = (1000..1000 + given as u32).map(|number| frame(number, 0, 100)).collect();
    let found = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(50));
            drop(held);
            std::thread::sleep(Duration::from_millis(100));
            wire.send(&more);
        });
        walks(&mut source, given)
    });
    assert!(bytes_of(&found) == more, "the kernel got no chunks while it had none");
    assert!(bytes_of(&kept) == unchanged);
    // Frames outlive their source.
    drop(source);
    assert!(bytes_of(&kept) == unchanged);
}

#[test]
fn every_receive_queue_is_covered() {
    let Some(wire) = wire_of(1500) else { return };
    wire.cut();
    let exec = wire.command(End::Tap, "ip");
    let tap = exec.get_args().nth(2).unwrap().to_str().unwrap().to_owned();
    let pair = format!(
        "link add {SOURCE} numtxqueues 4 numrxqueues 4 type veth peer name {TAP} netns {tap} numtxqueues 4 numrxqueues 4"
    );
    let made = wire.command(End::Source, "ip").args(pair.split(' ')).status().unwrap();
    assert!(made.success());
    for end in [End::Source, End::Tap] {
        wire.set(end, "arp off multicast off up");
    }
    let mut source = open(&wire, &LiveSettings { ring_bytes: 4 * MIB, ..settings() }).unwrap();
    assert_eq!(source.statistics().len(), 4);
    // UDP between many hosts, for the sender's hash chooses the queue.
    let sent: Vec<_> = (0..400_u16).map(datagram).collect();
    wire.send(&sent);
    let walks = walks(&mut source, sent.len());
    let mut memories: Vec<_> = walks.iter().map(|walk| walk.memory.bytes().as_ptr()).collect();
    memories.sort_unstable();
    memories.dedup();
    assert!(memories.len() > 1, "all came through one queue: nothing is shown");
    let (mut found, mut wanted) = (bytes_of(&walks), sent);
    found.sort_unstable();
    wanted.sort_unstable();
    assert!(found == wanted, "{} frames of {}", found.len(), wanted.len());
}

/// A UDP datagram of eight octets, its addresses and ports by number.
fn datagram(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    frame.extend([0x45, 0, 0, 36, high, low, 0, 0, 64, 17, 0, 0]);
    frame.extend([10, 0, high, low, 10, 1, low, high]);
    frame.extend([high, low, 0, 53, 0, 16, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    frame
}

/// Whether a datagram from the source reaches a program at the tap.
fn host_hears(wire: &Wire, heard: &UdpSocket) -> bool {
    let speaker = wire.at(End::Source, || UdpSocket::bind("192.0.2.1:0").unwrap());
    heard.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    (0..5).any(|_| {
        // Refused while the address is not known at the link layer.
        let _ = speaker.send_to(b"hello", "192.0.2.2:5000");
        heard.recv(&mut [0; 16]).is_ok()
    })
}

fn shows_program(wire: &Wire) -> bool {
    let shown = wire.command(End::Tap, "ip").args(["-d", "link", "show", TAP]).output().unwrap();
    String::from_utf8_lossy(&shown.stdout).contains("prog/xdp")
}

#[test]
fn the_host_has_its_frames_back_when_the_source_stops_or_is_dropped() {
    let Some(wire) = wire_of(1500) else { return };
    wire.address();
    let heard = wire.at(End::Tap, || UdpSocket::bind("192.0.2.2:5000").unwrap());
    assert!(host_hears(&wire, &heard), "the wire carries nothing");
    let forced = LiveSettings { force: true, ..settings() };
    let mut source = open(&wire, &forced).unwrap();
    assert!(shows_program(&wire));
    assert!(!host_hears(&wire, &heard), "the host hears what was taken");
    source.stop();
    assert!(!shows_program(&wire));
    assert!(host_hears(&wire, &heard), "stopped, and the host still hears nothing");
    // What was taken before the stop is handed over after it.
    assert!(!source.is_drained());
    let mut taken = 0;
    for _ in 0..100 {
        source.poll(Duration::from_millis(50), &mut |_| taken += 1).unwrap();
        if source.is_drained() {
            break;
        }
    }
    assert!(source.is_drained() && taken > 0, "{taken}");
    drop(source);
    let source = open(&wire, &forced).unwrap();
    assert!(shows_program(&wire) && !host_hears(&wire, &heard));
    drop(source);
    assert!(!shows_program(&wire) && host_hears(&wire, &heard));
}

#[test]
fn an_interface_the_host_needs_is_refused() {
    let Some(wire) = wire_of(1500) else { return };
    let ip = |arguments: &str| {
        let done = wire.command(End::Tap, "ip").args(arguments.split(' ')).status().unwrap();
        assert!(done.success(), "ip {arguments}");
    };
    ip(&format!("route add default dev {TAP}"));
    let refused = why(open(&wire, &settings()));
    assert!(refused.contains("default route (IPv4)") && refused.contains("--force"), "{refused}");
    ip(&format!("route del default dev {TAP}"));
    wire.address();
    let refused = why(open(&wire, &settings()));
    assert!(refused.contains("has the address 192.0.2.2"), "{refused}");
    assert!(!shows_program(&wire));
    ip(&format!("address flush dev {TAP}"));
    drop(open(&wire, &settings()).unwrap());
}

#[test]
fn an_interface_that_is_deleted_is_gone() {
    let Some(wire) = wire_of(1500) else { return };
    let mut source = open(&wire, &settings()).unwrap();
    // A link that is down is no fault.
    wire.set(End::Tap, "down");
    source.poll(Duration::from_millis(20), &mut |parcel| panic!("{parcel:?}")).unwrap();
    wire.set(End::Tap, "up");
    let sent = [frame(1, 0, 60)];
    wire.send(&sent);
    assert!(bytes_of(&walks(&mut source, 1)) == sent, "nothing came after the link came back");
    wire.cut();
    let begin = Instant::now();
    let gone = source.poll(Duration::from_millis(100), &mut |_| ()).unwrap_err();
    assert!(matches!(&gone, SourceError::Gone(name) if name == TAP), "{gone}");
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert_eq!(source.counters().len(), 2, "what was counted is still known");
    // Made anew, it can be opened anew, beside what is left of the old one.
    wire.connect();
    for end in [End::Source, End::Tap] {
        wire.set(end, "mtu 1500");
    }
    let mut again = open(&wire, &settings()).unwrap();
    wire.send(&sent);
    assert!(bytes_of(&walks(&mut again, 1)) == sent);
}

#[test]
fn what_stands_in_the_way_is_named() {
    let Some(wire) = wire_of(1500) else { return };
    let other = LiveSettings { interface: "nowhere0".to_owned(), ..settings() };
    let refused = why(open(&wire, &other));
    assert!(refused.contains("\"nowhere0\"") && refused.contains("ip -br link"), "{refused}");
    let filtered = LiveSettings { kernel_filter: Some(Vec::new()), ..settings() };
    let refused = why(open(&wire, &filtered));
    assert!(refused.contains("--kernel-filter"), "{refused}");
    let first = open(&wire, &settings()).unwrap();
    let refused = why(open(&wire, &settings()));
    assert!(refused.contains("another XDP program"), "{refused}");
    drop(first);
    let refused = wire.at(End::Tap, || {
        // Of this thread only, which ends with the closure.
        caps::drop(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap();
        why(XdpSource::open(&settings()))
    });
    assert!(refused.contains("CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF"), "{refused}");
    let refused = wire.at(End::Tap, || {
        for right in [Capability::CAP_BPF, Capability::CAP_SYS_ADMIN] {
            caps::drop(None, CapSet::Effective, right).unwrap();
        }
        why(XdpSource::open(&settings()))
    });
    assert!(refused.contains("load the XDP program") && refused.contains("CAP_BPF"), "{refused}");
}

#[test]
fn four_rights_are_enough_and_too_little_memory_is_named() {
    let Some(wire) = wire_of(1500) else { return };
    let rights = [
        Capability::CAP_NET_RAW,
        Capability::CAP_NET_ADMIN,
        Capability::CAP_BPF,
        Capability::CAP_IPC_LOCK,
    ];
    wire.at(End::Tap, || {
        caps::set(None, CapSet::Effective, &rights.into_iter().collect()).unwrap();
        caps::set(None, CapSet::Permitted, &rights.into_iter().collect()).unwrap();
        drop(XdpSource::open(&settings()).unwrap());
    });
    let (_, hard) = getrlimit(Resource::RLIMIT_MEMLOCK).unwrap();
    setrlimit(Resource::RLIMIT_MEMLOCK, 1 << 20, hard).unwrap();
    let refused = wire.at(End::Tap, || {
        caps::drop(None, CapSet::Effective, Capability::CAP_IPC_LOCK).unwrap();
        why(XdpSource::open(&settings()))
    });
    assert!(refused.contains("LimitMEMLOCK=infinity"), "{refused}");
}
