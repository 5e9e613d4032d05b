//! The whole live pipeline with a source, a clock and a link that the test holds in its hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{Sender, bounded};
use schemas::Text;
use schemas::devices::DeviceRow;
use schemas::dns::DnsRow;
use schemas::flow::FlowRow;
use schemas::ledger::LedgerRow;
use schemas::store::StoreError;

use crate::archive::Archive;
use crate::block::{FrameRef, Walk};
use crate::config::PacketArgs;
use crate::delivery::Delivery;
use crate::direction::Inside;
use crate::flow::Limits;
use crate::frame::LinkType;
use crate::lane::{Lane, LaneSettings};
use crate::ledger::Account;
use crate::live::capture::{Capture, CaptureParts, Opened, Periods};
use crate::live::clock::{Clock, Moment};
use crate::live::link::{Link, Links};
use crate::live::work::Worker;
use crate::metrics::Metrics;
use crate::privacy::{Privacy, Released};
use crate::record::RowStyle;
use crate::resolution::Resolutions;
use crate::rows::Rows;
use crate::sink::Sink;
use crate::source::live::{KernelCounters, LiveSource, Parcel};
use crate::source::{SourceError, Tagger};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
/// Noon, so that a day either way is another partition.
const NOON: i64 = 1_411_473_600 * SECOND;

/// Of a socket just opened.
const FRESH: KernelCounters = KernelCounters {
    packets: Some(0),
    drops: Some(0),
    freezes: Some(0),
    xdp_rx_dropped: None,
    xdp_rx_ring_full: None,
    xdp_fill_ring_empty: None,
};

/// What the test moves.
#[derive(Default)]
struct World {
    wall_ns: i64,
    steady_ns: i64,
    link: Link,
    /// Frames that have arrived: lane, time, octets.
    arrived: VecDeque<(usize, i64, Vec<u8>)>,
    counters: Vec<KernelCounters>,
    is_gone: bool,
    opened: usize,
}

type Shared = Arc<Mutex<World>>;

struct Hand(Shared);

impl Clock for Hand {
    fn wall_ns(&self) -> i64 {
        self.0.lock().unwrap().wall_ns
    }
    fn steady_ns(&self) -> i64 {
        self.0.lock().unwrap().steady_ns
    }
}

impl Links for Hand {
    fn look(&mut self) -> Link {
        self.0.lock().unwrap().link
    }
}

impl LiveSource for Hand {
    fn backend(&self) -> &'static str {
        "tpacket_v3"
    }
    fn timestamp_source(&self) -> &'static str {
        "ring"
    }
    fn poll(&mut self, _: Duration, give: &mut dyn FnMut(Parcel)) -> Result<(), SourceError> {
        let mut world = self.0.lock().unwrap();
        if world.is_gone {
            return Err(SourceError::Gone("hand".to_owned()));
        }
        while let Some((lane, ts_ns, bytes)) = world.arrived.pop_front() {
            let length = u32::try_from(bytes.len()).unwrap();
            let frame = FrameRef {
                ts_ns,
                offset: 0,
                captured: length,
                original: length,
                link: LinkType::Ethernet,
                lane: 0,
            };
            let walk = Walk { memory: Arc::new(bytes), frames: vec![frame], super_frames: 0 };
            give(Parcel::Lane(lane, Box::new(walk)));
        }
        Ok(())
    }
    fn counters(&mut self) -> Vec<KernelCounters> {
        self.0.lock().unwrap().counters.clone()
    }
    fn stop(&mut self) {}
    fn is_drained(&mut self) -> bool {
        true
    }
}

/// Keeps rows where the test can look at them.
#[derive(Default)]
struct Memory {
    flows: Vec<FlowRow>,
    ledger: Vec<LedgerRow>,
    cuts: Vec<(i64, Vec<LedgerRow>, bool)>,
}

impl Archive for Memory {
    fn flows(&mut self, rows: &Released<Rows<FlowRow>>) -> Result<(), StoreError> {
        self.flows.extend_from_slice(rows);
        Ok(())
    }
    fn dns(&mut self, _: &Released<Rows<DnsRow>>) -> Result<(), StoreError> {
        Ok(())
    }
    fn device(&mut self, _: &Released<DeviceRow>) -> Result<(), StoreError> {
        Ok(())
    }
    fn ledger(&mut self, row: &LedgerRow) -> Result<(), StoreError> {
        self.ledger.push(row.clone());
        Ok(())
    }
    fn cut(&mut self, wall_ns: i64, rows: &[LedgerRow], rotate: bool) -> Result<(), StoreError> {
        self.cuts.push((wall_ns, rows.to_vec(), rotate));
        Ok(())
    }
}

/// A UDP packet between two hosts, told apart by `port`.
fn frame(port: u16, is_back: bool) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    bytes.extend([0x45, 0, 0, 38, 0, 0, 0x40, 0, 64, 17, 0, 0]);
    let (a, b) = ([10, 0, 0, 1], [192, 0, 2, 1]);
    let (from, to) = if is_back { (b, a) } else { (a, b) };
    bytes.extend(from);
    bytes.extend(to);
    let (near, far) = (port.to_be_bytes(), 9_999u16.to_be_bytes());
    let (from, to) = if is_back { (far, near) } else { (near, far) };
    bytes.extend(from);
    bytes.extend(to);
    bytes.extend([0, 18, 0, 0]);
    bytes.extend([0x55; 10]);
    bytes
}

/// The pipeline, and the test's hand on it.
struct Trial<'a> {
    world: Shared,
    capture: Capture<'a>,
}

impl Trial<'_> {
    /// A packet arrives at the lane, stamped by the wall clock.
    fn arrive(&self, lane: usize, port: u16, is_back: bool) {
        let mut world = self.world.lock().unwrap();
        let ts_ns = world.wall_ns;
        let packets = &mut world.counters[lane].packets;
        *packets = packets.map(|packets| packets + 1);
        world.arrived.push_back((lane, ts_ns, frame(port, is_back)));
    }

    /// Time goes on in steps of 50 ms.
    fn pass(&mut self, ns: i64) {
        for _ in 0..ns / 50_000_000 {
            {
                let mut world = self.world.lock().unwrap();
                world.wall_ns += 50_000_000;
                world.steady_ns += 50_000_000;
            }
            assert!(self.capture.step());
        }
    }

    fn with(&self, change: impl FnOnce(&mut World)) {
        change(&mut self.world.lock().unwrap());
    }
}

/// A lane with a small table and short times.
fn lane(
    number: u8,
    (sensor, interface): (&Text, &Text),
    writer: Sender<Delivery>,
) -> Lane<Sender<Delivery>> {
    let settings = LaneSettings {
        lane: number,
        limits: Limits {
            active_timeout_ns: 60 * SECOND,
            idle_timeout_ns: 5 * SECOND,
            flows_max: 1_000,
        },
        seed: 7,
        style: RowStyle {
            sensor: sensor.clone(),
            inside: Inside::default(),
            interface: Some(interface.clone()),
        },
        filter: None,
        packets: PacketArgs::default(),
    };
    Lane::new(settings, writer)
}

/// Plays a scene with so many lanes; gives what was kept. All books must close.
fn play(lanes: usize, scene: impl FnOnce(&mut Trial<'_>)) -> Memory {
    let world = Shared::default();
    {
        let mut world = world.lock().unwrap();
        world.wall_ns = NOON;
        world.link = Link { exists: true, is_up: true, ..Link::default() };
        world.counters = vec![FRESH; lanes];
    }
    let metrics = Metrics::default();
    let hand = Hand(Arc::clone(&world));
    let interface: Text = "hand".into();
    let sensor: Text = "trial".into();
    thread::scope(|scope| {
        let (writer, deliveries) = bounded(64);
        let mut exits = Vec::new();
        for number in 0..lanes {
            let (send, messages) = bounded(1_024);
            exits.push(send);
            let number = u8::try_from(number).unwrap();
            let lane = lane(number, (&sensor, &interface), writer.clone());
            let interface = interface.clone();
            let worker = Worker { number, lane, messages, interface, metrics: &metrics };
            scope.spawn(move || worker.run());
        }
        let accounts =
            (0..lanes).map(|lane| Account::new(sensor.clone(), lane, "tpacket_v3")).collect();
        let mut sink =
            Sink::live(Memory::default(), accounts, (Resolutions::new(DAY), Privacy::default()));
        let keeper = scope.spawn(move || {
            for delivery in deliveries {
                sink.take(delivery).unwrap();
            }
            sink.end()
        });
        let opener = Arc::clone(&world);
        let capture = Capture::new(CaptureParts {
            clock: &hand,
            links: Box::new(Hand(Arc::clone(&world))),
            open: Box::new(move || {
                let mut world = opener.lock().unwrap();
                if world.is_gone {
                    return Err(SourceError::Gone("hand".to_owned()));
                }
                world.opened += 1;
                world.counters = vec![FRESH; lanes];
                Ok(Box::new(Hand(Arc::clone(&opener))))
            }),
            source: Box::new(Hand(Arc::clone(&world))),
            opened: Opened {
                at: Moment::of(&hand),
                link: Link { exists: true, is_up: true, ..Link::default() },
            },
            lanes: exits,
            writer,
            metrics: &metrics,
            interface,
            tagger: Tagger::pinned(lanes),
            periods: Periods { interval_ns: 10 * SECOND, rotate_ns: 10 * SECOND, retire_ns: 0 },
        });
        let mut trial = Trial { world: Arc::clone(&world), capture };
        scene(&mut trial);
        let seen = trial.capture.run(&|| true);
        let (memory, _) = keeper.join().unwrap();
        check(&memory, seen);
        memory
    })
}

/// Every row's books close, and all rows together.
fn check(memory: &Memory, seen: u64) {
    let ledger = &memory.ledger;
    for row in ledger {
        assert_eq!((row.balance_error, row.wire_balance_error, row.ip_balance_error), (0, 0, 0));
        assert_eq!(row.kernel_balance_error.unwrap_or(0), 0, "{row:?}");
        assert!(row.ts_start <= row.ts_end, "{row:?}");
    }
    let sum = |column: fn(&LedgerRow) -> i64| ledger.iter().map(column).sum::<i64>();
    assert_eq!(sum(|row| row.packets_seen), i64::try_from(seen).unwrap());
    assert_eq!(sum(|row| row.exported), memory.flows.iter().map(|row| row.packets).sum::<i64>());
    assert_eq!(ledger.iter().rfind(|row| row.kind == "interval").unwrap().ring_pending, Some(0));
    for row in &memory.flows {
        assert!(row.duration_us >= 0 && row.flow_start <= row.flow_end, "{row:?}");
        assert!(row.flow_first_seen <= row.flow_start, "{row:?}");
    }
}

fn day_of(row: &FlowRow) -> i64 {
    row.flow_end.0.div_euclid(DAY / 1_000)
}

#[test]
fn a_clock_set_by_a_day_makes_no_false_time() {
    for (step, lanes) in
        [(DAY, 1), (-DAY, 1), (DAY, 2), (-DAY, 2), (3 * SECOND, 1), (-3 * SECOND, 2)]
    {
        let kept = play(lanes, |trial| {
            for second in 0..20 {
                for lane in 0..lanes {
                    trial.arrive(lane, 1_000 + u16::try_from(lane).unwrap(), second % 2 == 1);
                }
                trial.pass(SECOND);
                if second == 9 {
                    trial.with(|world| world.wall_ns += step);
                }
            }
        });
        assert_eq!(
            kept.flows.iter().map(|row| row.packets).sum::<i64>(),
            20 * i64::try_from(lanes).unwrap()
        );
        // No record reaches over a step back, nor over one that is longer than the idle time-out: each has the time of one side of it.
        for row in kept.flows.iter().filter(|_| step != 3 * SECOND) {
            assert!(row.duration_us <= 11_000_000, "{step}: {row:?}");
        }
        if step.abs() == DAY {
            let noon = NOON.div_euclid(DAY);
            let days: Vec<i64> = kept.flows.iter().map(day_of).collect();
            assert!(days.contains(&noon) && days.contains(&(noon + step / DAY)), "{days:?}");
        }
        let events: Vec<_> = kept.ledger.iter().filter(|row| row.kind == "event").collect();
        assert_eq!(events.len(), 1, "{events:?}");
        assert_eq!(events[0].clock_step_us, step / 1_000);
        let steps = kept.ledger.iter().filter(|row| row.kind == "interval" && row.queue == 0);
        assert_eq!(steps.map(|row| row.clock_step_us).sum::<i64>(), step / 1_000);
    }
}

#[test]
fn an_idle_flow_is_kept_within_a_second_of_its_time_out_though_nothing_else_comes() {
    let kept = play(1, |trial| {
        trial.arrive(0, 1_000, false);
        // Idle after 5 s: a second later it must have left the table.
        trial.pass(6 * SECOND);
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while trial.capture.waiting() > 0 {
            assert!(std::time::Instant::now() < until);
            thread::yield_now();
        }
    });
    assert_eq!(kept.flows[0].flow_end_reason, "idle");
    // The cut after it carries what the ledger would say: exported, nothing open.
    let cut = kept.cuts.iter().find(|(at, ..)| *at >= NOON + 6 * SECOND).unwrap();
    assert_eq!((cut.1[0].exported, cut.1[0].open_lost), (1, Some(0)));
    let before = kept.cuts.iter().find(|(at, ..)| *at < NOON + 5 * SECOND).unwrap();
    assert_eq!((before.1[0].exported, before.1[0].open_lost), (0, Some(1)));
}

#[test]
fn a_link_that_goes_down_and_comes_back_is_a_gap() {
    let kept = play(2, |trial| {
        trial.arrive(0, 1, false);
        trial.pass(2 * SECOND);
        trial.with(|world| world.link.is_up = false);
        trial.pass(15 * SECOND);
        trial.with(|world| world.link.is_up = true);
        trial.pass(SECOND);
        trial.arrive(1, 2, false);
        trial.pass(5 * SECOND);
    });
    let gaps: Vec<_> = kept.ledger.iter().filter(|row| row.kind == "gap").collect();
    assert_eq!(gaps.len(), 1);
    let length = gaps[0].ts_end.0 - gaps[0].ts_start.0;
    assert!((14_500_000..15_500_000).contains(&length), "{length}");
    let covered = kept.ledger.iter().filter(|row| row.kind == "interval" && row.queue == 0);
    let covered: i64 = covered.map(|row| row.coverage_s).sum();
    assert!((6..=8).contains(&covered), "{covered}");
}

#[test]
fn an_interface_made_anew_is_captured_again_and_its_counters_go_on() {
    let kept = play(1, |trial| {
        for port in 0..5 {
            trial.arrive(0, port, false);
        }
        trial.pass(SECOND);
        // One packet was counted that nobody will ever read.
        trial.with(|world| {
            world.counters[0].packets = Some(6);
            world.is_gone = true;
            world.link = Link::default();
        });
        trial.pass(12 * SECOND);
        trial.with(|world| {
            world.is_gone = false;
            world.link = Link { exists: true, is_up: true, ..Link::default() };
        });
        trial.pass(SECOND);
        trial.arrive(0, 9, false);
        trial.pass(SECOND);
        assert_eq!(trial.world.lock().unwrap().opened, 1);
    });
    let sum =
        |column: fn(&LedgerRow) -> Option<i64>| kept.ledger.iter().filter_map(column).sum::<i64>();
    assert_eq!(sum(|row| row.kernel_packets), 7);
    assert_eq!(sum(|row| row.kernel_drops), 1);
    assert_eq!(kept.ledger.iter().filter(|row| row.kind == "gap").count(), 1);
}

#[test]
fn a_flow_on_two_lanes_is_counted_as_astray() {
    let kept = play(2, |trial| {
        for (lane, port) in [(0, 1), (0, 2), (1, 3), (0, 4)] {
            trial.arrive(lane, port, false);
        }
        for (lane, port) in [(1, 1), (1, 2), (1, 3), (0, 4)] {
            trial.arrive(lane, port, true);
        }
        trial.pass(8 * SECOND);
    });
    let sum =
        |column: fn(&LedgerRow) -> Option<i64>| kept.ledger.iter().filter_map(column).sum::<i64>();
    assert_eq!(sum(|row| row.wrong_lane_flows), 2);
    assert_eq!(sum(|row| row.one_way_rows), 4);
}
