//! Traps that are made of whole plans: thinned, wrapped, doubled, very long, at odd times.

use ingest::source::synthetic::Plan;

use crate::lab::SEED;
use crate::traps::frames::{Shot, judge, number, octets, play, sessions, shots};
use crate::traps::{Found, Made, Trap, trap};
use crate::wrap::{ALL, Inner};

const SECOND: i64 = 1_000_000_000;

pub(crate) fn all() -> Vec<Made> {
    vec![
        (
            trap(
                "T07",
                [
                    "a sample",
                    "every tenth frame of the day; the interval of declared samples is analyze's completeness.rs",
                ],
                "sampling_rate = 1 AND bytes_up + bytes_down = bytes",
                "bytes = 0",
            ),
            sampled,
        ),
        (
            trap(
                "T08",
                ["the same packets in every wrapper", "20 sessions in 39 wrappers, an hour apart"],
                "proto = 'tcp' AND dst_port = 443 AND server_name IS NOT NULL
                 AND (dst_ip LIKE '203.0.113.%' OR dst_ip LIKE '2001:db8:aa:%')",
                "src_ip LIKE '198.51.100.%' OR src_ip LIKE '2001:db8::_'",
            ),
            wrapped,
        ),
        (
            trap(
                "T09",
                [
                    "a mirror that shows each packet twice",
                    "the day, each frame again 20 us later on another VLAN; --dedup",
                ],
                "vlan_id IN (10, 20)",
                "vlan_id IN (11, 21)",
            ),
            doubled,
        ),
        (
            trap(
                "T19",
                ["a connection of 26 hours", "its own plan; something every 20 s"],
                "CASE WHEN dst_port = 443 THEN service_vendor = 'xiaomi' AND evidence = 'E5' ELSE dst_port = 53 END",
                "dst_port = 443 AND service_vendor IS NULL",
            ),
            long,
        ),
        (
            trap(
                "T27",
                [
                    "times out of order, equal, 0, after 2038, 1 ns apart",
                    "20 sessions in five captures",
                ],
                "duration_us >= 0 AND flow_end >= flow_start AND proto = 'tcp'",
                "flow_first_seen > flow_end",
            ),
            at_odd_times,
        ),
    ]
}

fn sampled(trap: &Trap) -> Found {
    let mut found = Found::default();
    let thinned: Vec<Shot> = Plan::national_day(SEED).frames().step_by(10).map(Shot::of).collect();
    let (lab, _) = play(&thinned, |_| {});
    judge(&lab, trap, octets(&thinned), &mut found);
    let scaled =
        "SELECT sum(scaled_bytes_up - bytes_up) FROM completeness('2014-09-21', '2014-09-24')";
    found.check(number(&lab, scaled) == 0, "scaled where no sampling was declared");
    found
}

/// Whether the sender has the higher address.
fn is_back(ip: &[u8]) -> bool {
    if ip[0] == 0x45 { ip[12..16] > ip[16..20] } else { ip[8..24] > ip[24..40] }
}

fn wrapped(trap: &Trap) -> Found {
    let mut found = Found::default();
    let sessions = sessions(20);
    let (mut all, mut planned, mut around, mut hour) = (Vec::new(), 0, 0, 0);
    for wrap in &ALL {
        for shot in &sessions {
            let ip = shot.packet();
            let bytes = (wrap.make)(Inner { ip, is_back: is_back(ip) });
            let original = u32::try_from(bytes.len()).unwrap();
            all.push(Shot { ts_ns: shot.ts_ns + hour * 3_600 * SECOND, bytes, original });
        }
        let packets = i64::try_from(sessions.len()).unwrap();
        // What AH protects is read, and AH counts as part of its packet.
        let own = if wrap.name == "ah" { 24 * packets } else { 0 };
        planned += octets(&sessions) + u64::try_from(own).unwrap();
        around += wrap.stack.map_or(0, |_| wrap.adds * packets);
        hour += 1;
    }
    let (lab, _) = play(&all, |_| {});
    judge(&lab, trap, planned, &mut found);
    let outer = number(&lab, "SELECT sum(tunnel_bytes) FROM flows");
    found.check(outer == around, &format!("{outer} octets of wrappers, planned {around}"));
    found
}

fn doubled(trap: &Trap) -> Found {
    let mut found = Found::default();
    let once: Vec<Shot> = shots(&Plan::national_day(SEED));
    let once: Vec<Shot> = once.into_iter().filter(|shot| shot.header().is_some()).collect();
    let mut all = once.clone();
    for shot in &once {
        let mut copy = shot.clone();
        copy.ts_ns += 20_000;
        // The last octet of the tag.
        copy.bytes[15] += 1;
        all.push(copy);
    }
    all.sort_by_key(|shot| shot.ts_ns);
    let (lab, _) = play(&all, |args| args.packets.dedup = true);
    judge(&lab, trap, octets(&once), &mut found);
    let copies = number(&lab, "SELECT sum(duplicates) FROM ledger");
    found.check(copies == i64::try_from(once.len()).unwrap(), &format!("{copies} copies counted"));
    found
}

fn long(trap: &Trap) -> Found {
    let mut found = Found::default();
    let all = shots(&Plan::long_connection(SEED));
    let (lab, _) = play(&all, |_| {});
    judge(&lab, trap, octets(&all), &mut found);
    let records = number(&lab, "SELECT count(*) FROM flows WHERE dst_port = 443");
    let flows = number(&lab, "SELECT count(*) FROM flows WHERE dst_port = 443 AND flow_part = 0");
    found.check(records >= 26 * 60 - 60, &format!("{records} records"));
    found.check(flows == 1, &format!("{flows} flows"));
    found
}

fn at_odd_times(trap: &Trap) -> Found {
    let mut found = Found::default();
    let plain = sessions(20);
    let captures: [fn(usize, &mut Shot); 5] = [
        |nth, shot| shot.ts_ns += if nth % 2 == 0 { 400_000_000 } else { 0 },
        |_, shot| shot.ts_ns = 1_411_315_200 * SECOND,
        |_, shot| shot.ts_ns = 0,
        |_, shot| shot.ts_ns += 2_500_000_000 * SECOND,
        |nth, shot| shot.ts_ns = 1_411_315_200 * SECOND + i64::try_from(nth).unwrap(),
    ];
    for change in captures {
        let mut all = plain.clone();
        all.iter_mut().enumerate().for_each(|(nth, shot)| change(nth, shot));
        let (lab, _) = play(&all, |_| {});
        judge(&lab, trap, octets(&all), &mut found);
    }
    found
}
