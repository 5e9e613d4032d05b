//! A flow table under attack: who has to go, and what memory it takes.

use std::fs;
use std::process::Command;

use ingest::decode::{Detail, Link, Tunnel};
use ingest::flow::{
    Arrival, Endpoint, Ends, Entry, Export, FlowKey, FlowTable, Limits, Reason, State, TICK_NS,
};
use ingest::hint::{ClientHello, Hint};
use ingest::observation::Observation;
use schemas::Text;

const SECOND_NS: i64 = 1_000_000_000;

/// Counts what is exported, by reason.
#[derive(Default)]
struct Count {
    packets: u64,
    one_sided: u64,
    two_sided: u64,
}

impl Export for Count {
    fn export(&mut self, entry: &mut Entry<'_>, reason: Reason) {
        self.packets += entry.packets();
        if reason == Reason::Resources {
            let by_state = if State::is_one_sided(entry.state()) {
                &mut self.one_sided
            } else {
                &mut self.two_sided
            };
            *by_state += 1;
        }
    }
}

/// A TCP packet of a flow, from its lower end or the other.
fn packet(number: u64, forward: bool, clock: i64) -> Observation {
    let end = |first: u8, port| {
        let mut address = [0; 16];
        address[0] = first;
        address[1..9].copy_from_slice(&number.to_be_bytes());
        Endpoint { address, port }
    };
    let (key, _) =
        FlowKey::of(&Ends { from: end(1, 40_000), to: end(2, 443), ip_proto: 6, ip_version: 6 });
    Observation {
        key,
        tcp_flags: 0x10,
        bits: u8::from(forward) * Observation::FORWARD,
        ts_ns: clock,
        ip_bytes: 40,
        wire_bytes: 60,
        header_bytes: 40,
        payload_at: 0,
    }
}

fn limits(flows_max: usize) -> Limits {
    Limits { active_timeout_ns: 60 * SECOND_NS, idle_timeout_ns: 30 * SECOND_NS, flows_max }
}

/// A table, its clock, and what became of everything.
struct Attack {
    table: FlowTable,
    count: Count,
    given: u64,
}

impl Attack {
    fn new(flows_max: usize) -> Self {
        Self { table: FlowTable::new(limits(flows_max), 7), count: Count::default(), given: 0 }
    }

    fn send(&mut self, number: u64, forward: bool, clock: i64) -> bool {
        let observation = packet(number, forward, clock);
        let hash = self.table.hash(&observation.key);
        let arrival = Arrival { hash, clock, place: None, sequence: None, tunnel_octets: 0 };
        self.given += 1;
        self.table.observe(&observation, arrival, || None, &mut self.count).is_new
    }

    fn assert_nothing_lost(&mut self) {
        assert_eq!(self.count.packets + self.table.open().packets, self.given);
        self.table.flush(i64::MIN, &mut self.count);
        assert_eq!(self.count.packets, self.given);
    }
}

#[test]
fn established_flows_stay_while_a_half_open_one_is_there() {
    let mut attack = Attack::new(1_000);
    for number in 0..900 {
        attack.send(number, true, 0);
        attack.send(number, false, 1);
    }
    for number in 10_000..60_000 {
        attack.send(number, true, i64::try_from(number).unwrap());
    }
    assert_eq!((attack.table.len(), attack.count.two_sided), (1_000, 0));
    assert_eq!(attack.count.one_sided, 50_000 - 100);
    assert!((0..900).all(|number| !attack.send(number, true, SECOND_NS)), "all still known");
    // Nobody half-open is left when these are answered: then an established one goes, one for one.
    for number in 59_900..60_000 {
        attack.send(number, false, SECOND_NS);
    }
    attack.send(70_000, true, SECOND_NS);
    assert_eq!((attack.count.two_sided, attack.count.one_sided), (1, 49_900));
    attack.assert_nothing_lost();
}

#[test]
fn the_oldest_half_open_flow_goes_first_and_a_busy_one_later() {
    let mut attack = Attack::new(100);
    for number in 0..100 {
        attack.send(number, true, i64::try_from(number).unwrap());
    }
    attack.send(0, true, 200);
    for number in 1_000..1_050 {
        attack.send(number, true, 300);
    }
    // Flow 0 sends on, 1 to 50 knocked once and long ago.
    assert!(!attack.send(0, true, 400));
    assert!((51..100).all(|number| !attack.send(number, true, 400)));
    assert!(attack.send(1, true, 500));
    attack.assert_nothing_lost();
}

#[test]
fn half_open_flows_age_fast_in_a_table_that_is_nearly_full_and_only_there() {
    for (knocks, left) in [(700_u64, 800_usize), (900, 875)] {
        let mut attack = Attack::new(1_000);
        for number in 0..100 {
            attack.send(number, true, 0);
            attack.send(number, false, 0);
        }
        for number in 10_000..10_000 + knocks {
            attack.send(number, true, SECOND_NS);
        }
        let before = attack.table.len();
        let mut clock = SECOND_NS;
        while clock < 3 * SECOND_NS {
            attack.table.sweep(clock, &mut attack.count);
            assert_eq!(attack.table.len(), before, "not before two seconds");
            clock += TICK_NS;
        }
        attack.table.sweep(clock, &mut attack.count);
        assert_eq!(attack.table.len(), left);
        assert_eq!(attack.table.evictions(), attack.count.one_sided);
        assert_eq!(attack.count.two_sided, 0);
        attack.assert_nothing_lost();
    }
}

#[test]
fn idle_and_closed_flows_are_cut_within_two_ticks_of_their_time() {
    let mut attack = Attack::new(1_000);
    attack.send(1, true, 0);
    // A reset closes.
    let mut reset = packet(2, true, 0);
    reset.tcp_flags = 0x04;
    let hash = attack.table.hash(&reset.key);
    let arrival = Arrival { hash, clock: 0, place: None, sequence: None, tunnel_octets: 0 };
    attack.table.observe(&reset, arrival, || None, &mut attack.count);
    attack.given += 1;
    for (until, left) in [(5, 1), (30, 0)] {
        attack.table.sweep(until * SECOND_NS - 1, &mut attack.count);
        assert_eq!(attack.table.len(), left + 1);
        attack.table.sweep(until * SECOND_NS + 2 * TICK_NS, &mut attack.count);
        assert_eq!(attack.table.len(), left);
    }
    attack.assert_nothing_lost();
}

/// Resident octets of this process.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = text.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

const FLOOD: &str = "flood::a_flood_in_a_process_of_its_own";

#[test]
#[ignore = "run by the test below, in a process of its own"]
fn a_flood_in_a_process_of_its_own() {
    // Of the whole process: a second table lies partly where the first one lay.
    let before = resident();
    for flows_max in [200_000, 300_000] {
        let mut attack = Attack::new(flows_max);
        let allowed = limits(flows_max).table_bytes();
        let mut highest = 0;
        let name: Text = "a".repeat(120).into();
        for number in 0..2_500_000 {
            let clock = i64::try_from(number).unwrap() * 2_000;
            if number % 100_000 == 0 {
                attack.table.sweep(clock, &mut attack.count);
            }
            let observation = packet(number, number % 2 == 0, clock);
            let hash = attack.table.hash(&observation.key);
            let arrival = Arrival { hash, clock, place: None, sequence: None, tunnel_octets: 0 };
            // The worst there is: everything in a tunnel, each by a way of its own, and everything has a name.
            let detail = || {
                let tunnel = Some(Box::new(Tunnel::default()));
                let link = Link { mpls: u32::try_from(number).ok(), ..Link::default() };
                Some(Detail { link, dscp: 0, icmp: None, tunnel })
            };
            let mut observed =
                attack.table.observe(&observation, arrival, detail, &mut attack.count);
            attack.given += 1;
            let hello =
                ClientHello { server_name: Some(name.to_uppercase().into()), ..Default::default() };
            observed.entry.learn(Hint::Tls(hello), observed.room);
            // Every third is answered.
            if number % 3 == 0 {
                attack.send(number, number % 2 != 0, clock);
            }
            if number % 50_000 == 0 {
                highest = highest.max(resident().saturating_sub(before));
            }
        }
        println!("{flows_max} flows: {highest} of {allowed} octets allowed");
        assert!(attack.table.names_refused() > 0, "the room for names was never full");
        assert!(highest <= allowed + allowed / 20, "{highest} > {allowed} + 5 %");
        assert!(highest >= allowed / 2, "{highest}: a formula that allows everything says nothing");
        attack.assert_nothing_lost();
    }
}

#[test]
fn memory_stays_within_the_formula_under_a_flood() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", FLOOD, "--ignored", "--nocapture", "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}
