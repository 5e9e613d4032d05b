//! The traps that are scenes of the day: among all other traffic, by what is planned of each flow and by words of their own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;

use ingest::source::synthetic::{Nation, Plan, TruthFlow};

use crate::attributed::{Ends, ends, planned_ends};
use crate::lab::{Lab, Row, SEED, seed};
use crate::traps::{Found, Trap, trap};

const SCENE: &str = "scene of the day";

/// In the order of their bits.
const TRAPS: [Trap; 24] = [
    trap(
        "T01",
        ["a vendor's name at a CDN's address", SCENE],
        "service_vendor = 'xiaomi' AND evidence = 'E5' AND operator LIKE '%Akamai%' AND server_country = 'TW'",
        "service_vendor = 'akamai' OR server_country = 'CN'",
    ),
    trap(
        "T02",
        ["three vendors at one address at one time", SCENE],
        "server_country = 'TW' AND service_vendor = CASE WHEN server_name LIKE '%.xiaomi.com' THEN 'xiaomi'
         WHEN server_name LIKE '%.samsungapps.com' THEN 'samsung' WHEN server_name LIKE '%.apple.com' THEN 'apple' END",
        "service_vendor IS NULL OR service_vendor = 'akamai'",
    ),
    trap(
        "T03",
        ["a name behind an encrypted hello, asked for before", SCENE],
        "service_vendor = 'xiaomi' AND evidence = 'E3' AND ech = 'real'",
        "service_vendor = 'cloudflare'",
    ),
    trap(
        "T03b",
        ["an encrypted hello that means nothing", SCENE],
        "service_vendor = 'google' AND evidence = 'E5' AND ech = 'grease'",
        "service_vendor IS NULL",
    ),
    trap(
        "T04",
        ["no name on the flow, the DNS half a minute before", SCENE],
        "service_vendor = 'xiaomi' AND evidence = 'E3' AND server_country = 'CN'",
        "service_vendor IS NULL",
    ),
    trap(
        "T04b",
        ["DNS that is out of date, a stranger's, or of two vendors", SCENE],
        "(service_vendor IS NULL AND evidence = 'E0') OR (service_vendor = 'xiaomi' AND evidence = 'E2')",
        "evidence IN ('E3', 'E4', 'E5')",
    ),
    trap(
        "T05",
        ["nothing but an address of the vendor's own", SCENE],
        "service_vendor = 'line' AND evidence = 'E1' AND server_country = 'JP'",
        "service_vendor IS NULL",
    ),
    trap(
        "T05b",
        ["nothing but an address of a cloud", SCENE],
        "service_vendor IS NULL AND operator LIKE '%Alibaba%' AND country_disputed",
        "service_vendor IN ('xiaomi', 'alibaba')",
    ),
    trap(
        "T06",
        ["one direction is seen; of the server's a certificate", SCENE],
        "(service_vendor = 'xiaomi' AND evidence = 'E5' AND dst_packets = 0)
         OR (service_vendor = 'line' AND evidence = 'E2' AND server_name_source = 'tls_cert' AND src_packets = 0)",
        "direction <> 'outbound' OR dst_port <> 443 OR (src_bytes > 0 AND dst_bytes > 0)",
    ),
    trap(
        "T10",
        ["the capture begins amid the flow", SCENE],
        "server_name IS NULL AND coalesce(service_vendor, '-') || evidence IN ('appleE1', 'xiaomiE3', '-E0')",
        "direction <> 'outbound' OR dst_port <> 443",
    ),
    trap(
        "T12",
        ["200 handsets of five makers behind one address", SCENE],
        "CASE WHEN http_user_agent IS NULL THEN device_vendor IS NULL AND device_evidence = 'multiple'
         ELSE device_evidence = 'user_agent' AND device_vendor = CASE WHEN http_user_agent LIKE '%MIUI/%' THEN 'xiaomi'
         WHEN http_user_agent LIKE '%SM-N9005%' THEN 'samsung' WHEN http_user_agent LIKE '%iPhone%' THEN 'apple'
         WHEN http_user_agent LIKE '%HUAWEI%' THEN 'huawei' WHEN http_user_agent LIKE '%Nexus%' THEN 'google' END END",
        "device_evidence IN ('oui', 'dhcp')",
    ),
    trap(
        "T13",
        ["a vendor's name at a rented address", SCENE],
        "service_vendor = 'apple' AND evidence = 'E4' AND name_ip_mismatch AND server_country = 'CN'",
        "NOT name_ip_mismatch",
    ),
    trap(
        "T14",
        ["names that resemble a vendor's", SCENE],
        "CASE WHEN server_name LIKE '%line.me' THEN service_vendor = 'line'
         ELSE service_vendor IS NULL AND evidence = 'E0' END",
        "service_vendor = 'xiaomi'",
    ),
    trap(
        "T15",
        ["resolvers that are everywhere", SCENE],
        "anycast AND server_country IS NULL AND service_vendor IN ('google', 'cloudflare')",
        "server_country IS NOT NULL",
    ),
    trap(
        "T16",
        ["addresses of a special kind", SCENE],
        "service_vendor IS NULL AND NOT anycast AND CASE WHEN dst_ip LIKE '64:ff9b::%' OR dst_ip LIKE '2002:%'
         THEN server_country = 'TW' ELSE server_country IS NULL END",
        "server_country IN ('US', 'JP')",
    ),
    trap(
        "T17",
        ["padding, cut frames, lengths of 0, check sequences", SCENE],
        "service_vendor IN ('naver', 'samsung', 'google', 'apple') AND evidence = 'E5'",
        "wire_bytes <= bytes",
    ),
    trap(
        "T18",
        ["one set of addresses and ports, two connections", SCENE],
        "evidence = 'E4' AND service_vendor = CASE WHEN server_name LIKE '%.mistat.xiaomi.com' THEN 'xiaomi'
         WHEN server_name LIKE '%itunes.apple.com' THEN 'apple' END",
        "service_vendor IS NULL",
    ),
    trap(
        "T20",
        ["several hosts, CONNECT, a whole URI, a port", SCENE],
        "service_vendor = 'xiaomi' AND evidence = 'E4' AND server_name NOT LIKE '%:%' AND CASE
         WHEN server_name = 'tracking.miui.com' THEN array_to_string(server_names, ' ') = 'www.apple.com www.naver.com'
         WHEN server_name = 'api.account.xiaomi.com' THEN server_name_source = 'http_connect'
         ELSE server_name_source = 'http_host' END",
        "server_name IS NULL OR service_vendor IN ('apple', 'naver')",
    ),
    trap(
        "T21",
        ["a hello in many segments, out of order, twice; one of 1.8 kB", SCENE],
        "evidence = 'E5' AND service_vendor = CASE WHEN server_name LIKE '%vas.samsungapps.com' THEN 'samsung'
         WHEN server_name LIKE '%gateway.icloud.com' THEN 'apple' END",
        "server_name IS NULL",
    ),
    trap(
        "T22",
        ["QUIC 1, 2, draft 29, Q046; in pieces, after Retry; moved to another port", SCENE],
        "CASE WHEN service = 'quic' AND server_name IS NOT NULL THEN evidence = 'E5' ELSE evidence = 'E3' END
         AND service_vendor IN ('google', 'apple', 'meta', 'xiaomi')",
        "service_vendor IS NULL",
    ),
    trap(
        "T23",
        ["Messenger, and messenger.com", SCENE],
        "CASE WHEN server_name LIKE '%www.messenger.com' THEN service_vendor = 'meta'
         WHEN server_name LIKE '%login.live.com' THEN service_vendor = 'microsoft'
         ELSE service_vendor = 'microsoft' AND service_product = 'messenger' END",
        "service_vendor IS NULL",
    ),
    trap(
        "T24",
        ["LINE below Naver's domain", SCENE],
        "service_vendor = CASE WHEN server_name LIKE '%www.naver.jp' THEN 'naver' ELSE 'line' END",
        "server_name LIKE '%line.naver.jp' AND service_vendor = 'naver'",
    ),
    trap(
        "T25",
        ["no name on the flow, and the DNS leads through a CDN's", SCENE],
        "service_vendor = 'xiaomi' AND evidence = 'E3' AND operator LIKE '%Akamai%'",
        "service_vendor = 'akamai'",
    ),
    trap(
        "T29",
        ["a virtual router's, a router's and a random MAC address", SCENE],
        "device_vendor IS NULL AND src_mac IS NOT NULL",
        "device_vendor IS NOT NULL",
    ),
];

/// What the day is, as words, and its truth; the capture is in the lab.
fn planned(lab: &Lab) -> (String, Vec<TruthFlow>) {
    let scale = std::env::var("OUTFLOW_SCALE").unwrap_or_default();
    let seed = seed();
    let path = lab.path("plan.pcap");
    let mut out = io::BufWriter::new(File::create(&path).unwrap());
    let (what, frames, truth) = match (scale.as_str(), seed) {
        ("m", seed) => {
            let nation = Nation::medium(seed.unwrap_or(SEED));
            let (frames, truth) = nation.write_pcap(&mut out).unwrap();
            (
                format!("{} districts drawn with seed {}", nation.districts, nation.seed),
                frames,
                truth,
            )
        }
        ("", seed) => {
            let plan = seed.map_or_else(|| Plan::national_day(SEED), |seed| Plan::drawn(seed, 0));
            let what =
                seed.map_or_else(|| "as cast".to_owned(), |seed| format!("drawn with seed {seed}"));
            (what, plan.write_pcap(&mut out).unwrap(), plan.truth().to_vec())
        }
        (other, _) => panic!("OUTFLOW_SCALE={other}: only m is known"),
    };
    drop(out);
    let octets = std::fs::metadata(&path).unwrap().len();
    (
        format!("{what}; {} connections, {frames} frames, {octets} octets of capture", truth.len()),
        truth,
    )
}

/// What must not be said otherwise than planned, whatever a trap's own words.
fn as_planned(flow: &TruthFlow, row: &Row) -> bool {
    let country = match flow.server_country.label() {
        "anycast" | "special" => None,
        code => Some(code),
    };
    row[6].as_deref() == flow.vendor
        && row[7].as_deref() == Some(flow.evidence)
        && row[8].as_deref() == country
        && row[9].as_deref() == Some(if flow.name_ip_mismatch { "true" } else { "false" })
}

/// Plays the day; a row for each trap in it.
pub(crate) fn play() -> (String, Vec<(&'static Trap, Found)>) {
    static ALL: [Trap; 24] = TRAPS;
    let lab = Lab::new();
    let (said, truth) = planned(&lab);
    let outcome = ingest::run(&lab.args(lab.path("plan.pcap"))).unwrap();
    assert!(outcome.is_complete(), "{outcome}");
    // Each trap's two answers are two bits.
    let bits = |answer: fn(&Trap) -> &str| -> String {
        let sum: Vec<String> = (0..)
            .zip(&ALL)
            .map(|(bit, trap)| {
                format!("CASE WHEN {} THEN {} ELSE 0 END", answer(trap), 1_u64 << bit)
            })
            .collect();
        sum.join(" + ")
    };
    let rows = lab.ask(&format!(
        "SELECT ip_proto, src_ip, coalesce(src_port, 0), dst_ip, coalesce(dst_port, 0),
         CAST(flow_first_seen AS BIGINT), service_vendor, evidence, server_country, name_ip_mismatch,
         bytes, {}, {}, server_name, dns_names FROM attributed",
        bits(|trap| trap.must),
        bits(|trap| trap.must_not)
    ));
    let mut by_ends: BTreeMap<Ends, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        by_ends.entry(ends(row)).or_default().push(row);
    }
    let number = |row: &Row, at: usize| row[at].as_ref().unwrap().parse::<u64>().unwrap();
    let judged = (0..).zip(&ALL).map(|(bit, trap)| {
        let mut found = Found::default();
        for flow in truth.iter().filter(|flow| flow.trap == Some(trap.id)) {
            found.planned += flow.src_ip_bytes + flow.dst_ip_bytes;
            let life = flow.first_ns / 1_000..=flow.last_ns / 1_000;
            let records = by_ends.get(&planned_ends(flow)).into_iter().flatten();
            for row in
                records.filter(|row| life.contains(&row[5].as_ref().unwrap().parse().unwrap()))
            {
                let is = |at| number(row, at) >> bit & 1 == 1;
                let holds = is(11) && !is(12) && as_planned(flow, row);
                found.add(number(row, 10), holds, || {
                    format!("{row:?}; planned {:?} {}", flow.vendor, flow.evidence)
                });
            }
        }
        (trap, found)
    });
    (said, judged.collect())
}
