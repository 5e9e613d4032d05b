//! What a report tells under a smallest number of clients: no sum or difference of its figures, over all its tables, is of fewer.
//!
//! Each record's octets are a power of two of its own, so that every figure of octets says which records it is of.

use std::collections::BTreeSet;

use schemas::Mac;
use schemas::flow::FlowRow;
use serde_json::Value;

use crate::capture::reported;
use crate::fixture::{BEGIN, Fixture, HOUR, flow, ip};

const CLIENTS_MIN: usize = 3;
const CLIENTS: u64 = 12;
const RECORDS: u64 = 40;
/// Sets of records that are tried, of all that can be computed.
const SETS_MAX: usize = 1_500;

const SERVERS: [&str; 6] = [
    "203.69.138.10",
    "115.200.201.230",
    "147.92.128.1",
    "17.253.50.116",
    "47.241.35.73",
    "8.8.8.8",
];
const NAMES: [Option<&str>; 6] = [
    None,
    Some("a.miui.com"),
    Some("www.apple.com"),
    Some("line.me"),
    Some("shop.example"),
    Some("www.samsung.com"),
];
const DIRECTIONS: [&str; 8] =
    ["outbound", "outbound", "outbound", "outbound", "outbound", "unknown", "inbound", "internal"];

/// Numbers that look random, from a seed (Knuth, MMIX).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Low numbers come more often, as some services and hours do.
        let pick = |word: u64| (word >> 33) % sides;
        let first = pick(self.0);
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        first.min(pick(self.0))
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        let sides = u64::try_from(list.len()).unwrap();
        list[usize::try_from(self.roll(sides)).unwrap()]
    }
}

/// A record and who its client is.
fn record(n: u64, dice: &mut Dice) -> (FlowRow, u64) {
    let client = dice.roll(CLIENTS);
    let hour = i64::try_from(dice.roll(5)).unwrap() - 2;
    let mut row = flow(BEGIN + hour * HOUR + i64::try_from(n).unwrap(), dice.pick(&SERVERS));
    (row.src_bytes, row.dst_bytes) = (1 << n, 1 << n);
    row.server_name = dice.pick(&NAMES).map(Into::into);
    row.server_name_source = row.server_name.as_ref().map(|_| "tls_sni");
    row.dns_names = dice.pick(&NAMES).into_iter().map(Into::into).collect();
    row.direction = dice.pick(&DIRECTIONS);
    let last = u8::try_from(client).unwrap();
    let maker = if client.is_multiple_of(3) { [0x64, 0x09, 0x80] } else { [0x0c, 0xe4, 0x41] };
    row.src_mac = Some(Mac([maker[0], maker[1], maker[2], 0, 0, last]));
    row.src_ip = ip(&format!("10.0.4.{client}"));
    if row.direction == "inbound" {
        std::mem::swap(&mut row.src_ip, &mut row.dst_ip);
        std::mem::swap(&mut row.src_mac, &mut row.dst_mac);
    }
    (row, client)
}

/// All figures of octets sent, wherever they stand.
fn figures(value: &Value, found: &mut BTreeSet<u64>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_u64().filter(|_| name.ends_with("bytes_up")) {
                    Some(figure) => _ = found.insert(figure),
                    None => figures(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| figures(value, found)),
        _ => {}
    }
}

/// What can be computed from sets by taking sets out of those that hold them and putting together those that share nothing.
fn computed(mut sets: BTreeSet<u64>) -> BTreeSet<u64> {
    loop {
        let known: Vec<u64> = sets.iter().copied().collect();
        for (one, other) in known.iter().flat_map(|one| known.iter().map(move |other| (one, other)))
        {
            if one & other == *other {
                sets.insert(one & !other);
            } else if one & other == 0 {
                sets.insert(one | other);
            }
            if sets.len() > SETS_MAX {
                return sets;
            }
        }
        if sets.len() == known.len() {
            return sets;
        }
    }
}

/// A day of records, each with its client.
struct Day {
    fixture: Fixture,
    clients: Vec<u64>,
}

impl Day {
    fn of(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let records = (0..RECORDS).map(|n| record(n, &mut dice));
        let (rows, clients): (Vec<FlowRow>, Vec<u64>) = records.unzip();
        let mut fixture = Fixture::new();
        fixture.publish(&rows);
        Self { fixture, clients }
    }

    /// The sets of records that the figures of its report are of.
    async fn told(&self, clients_min: Option<usize>) -> BTreeSet<u64> {
        let clients_min = clients_min.map(|clients| clients.try_into().unwrap());
        let report = reported(&self.fixture, clients_min).await;
        let mut sets = BTreeSet::new();
        figures(&serde_json::to_value(&report).unwrap(), &mut sets);
        sets.remove(&0);
        sets
    }

    /// The clients of the set that has the fewest, of all that can be computed.
    fn fewest(&self, sets: BTreeSet<u64>) -> usize {
        let clients = |set: u64| {
            let within = self.clients.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1);
            within.map(|(_, client)| *client).collect::<BTreeSet<_>>().len()
        };
        computed(sets).into_iter().filter(|set| *set != 0).map(clients).min().unwrap()
    }
}

#[tokio::test]
async fn no_difference_of_figures_is_of_few_clients() {
    let mut figures = 0;
    for seed in 1..=4 {
        let day = Day::of(seed);
        let told = day.told(Some(CLIENTS_MIN)).await;
        figures += told.len();
        let fewest = day.fewest(told);
        assert!(fewest >= CLIENTS_MIN, "seed {seed}: a figure of {fewest} clients can be had");
    }
    assert!(figures >= 40, "hiding few clients must not hide everything: {figures} figures");
}

#[tokio::test]
async fn where_all_is_told_single_clients_are() {
    let day = Day::of(1);
    assert_eq!(day.fewest(day.told(None).await), 1);
}
