//! The national day through the probe: what was planned is what is found, per flow, whatever the number of lanes.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use ingest::source::synthetic::{Plan, Version};

use crate::lab::{Lab, Row, assert_closed, flows_of, number};

const SEED: u64 = 2014;

fn write(lab: &Lab, plan: &Plan) -> PathBuf {
    let path = lab.path("day.pcap");
    plan.write_pcap(File::create(&path).unwrap()).unwrap();
    path
}

/// Flow: proto, client, server; packets and octets of both directions, frame octets.
type Sums = BTreeMap<(i64, String, String), [i64; 5]>;

fn end(row: &Row, ip: &str, port: &str) -> String {
    format!("{} {}", row[ip], row.get(port).map_or("0", String::as_str))
}

fn found(rows: &[Row]) -> Sums {
    let mut sums = Sums::new();
    for row in rows {
        let key = (
            number(row, "ip_proto"),
            end(row, "src_ip", "src_port"),
            end(row, "dst_ip", "dst_port"),
        );
        let sum = sums.entry(key).or_default();
        for (total, column) in sum.iter_mut().zip([
            "src_packets",
            "dst_packets",
            "src_bytes",
            "dst_bytes",
            "wire_bytes",
        ]) {
            *total += number(row, column);
        }
    }
    sums
}

fn planned(plan: &Plan) -> Sums {
    let mut sums = Sums::new();
    for flow in plan.truth() {
        let key = (
            i64::from(flow.proto),
            format!("{} {}", flow.src_ip, flow.src_port),
            format!("{} {}", flow.dst_ip, flow.dst_port),
        );
        let sum = sums.entry(key).or_default();
        let volume = [
            flow.src_packets,
            flow.dst_packets,
            flow.src_ip_bytes,
            flow.dst_ip_bytes,
            flow.wire_bytes,
        ];
        for (total, value) in sum.iter_mut().zip(volume) {
            *total += i64::try_from(value).unwrap();
        }
    }
    sums
}

#[test]
fn the_day_is_found_as_planned() {
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    let path = write(&lab, &plan);
    let mut before: Option<Vec<String>> = None;
    for lanes in [1, 2, 4] {
        let (outcome, rows) =
            flows_of(std::slice::from_ref(&path), |args| args.lanes = Some(lanes));
        assert_closed(&outcome);
        let (found, planned) = (found(&rows), planned(&plan));
        for (key, sums) in &planned {
            assert_eq!(found.get(key), Some(sums), "{key:?} {lanes}");
        }
        assert_eq!(found.len(), planned.len());
        let mut lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
        lines.sort();
        assert!(before.is_none_or(|before| before == lines), "{lanes} lanes give other rows");
        before = Some(lines);
    }
}

#[test]
fn every_name_of_the_day_is_found_on_its_connection() {
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    let (_, rows) = flows_of(&[write(&lab, &plan)], |_| {});
    let mut wanted: Vec<String> = plan
        .truth()
        .iter()
        .filter_map(|flow| {
            Some(format!("{} {} {}", flow.src_ip, flow.src_port, flow.server_name.as_ref()?))
        })
        .collect();
    let mut got: Vec<String> = rows
        .iter()
        .filter(|row| row["flow_part"] == "0")
        .filter_map(|row| {
            Some(format!("{} {}", end(row, "src_ip", "src_port"), row.get("server_name")?))
        })
        .collect();
    wanted.sort();
    got.sort();
    assert_eq!(got, wanted);
}

#[test]
fn hellos_of_every_version_are_read() {
    let lab = Lab::new();
    for (version, word) in [
        (Version::Tls10, "TLSv10"),
        (Version::Tls11, "TLSv11"),
        (Version::Tls12, "TLSv12"),
        (Version::Tls13, "TLSv13"),
    ] {
        let plan = Plan::hellos(SEED, version, 500);
        let (_, rows) = flows_of(&[write(&lab, &plan)], |_| {});
        let by_port: BTreeMap<_, _> =
            rows.iter().map(|row| (end(row, "src_ip", "src_port"), row)).collect();
        for flow in plan.truth() {
            let row = by_port[&format!("{} {}", flow.src_ip, flow.src_port)];
            assert_eq!(
                row.get("server_name"),
                flow.server_name.as_ref(),
                "{version:?} {}",
                flow.src_port
            );
            assert_eq!(row.get("tls_version").map(String::as_str), Some(word));
        }
    }
}

#[test]
fn names_asked_before_are_on_the_flow() {
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    let (_, rows) = flows_of(&[write(&lab, &plan)], |_| {});
    for flow in plan.truth().iter().filter(|flow| flow.evidence == "E3") {
        let key = format!("{} {}", flow.src_ip, flow.src_port);
        let parts: Vec<&Row> = rows
            .iter()
            .filter(|row| {
                end(row, "src_ip", "src_port") == key && row["dst_ip"] == flow.dst_ip.to_string()
            })
            .collect();
        assert!(!parts.is_empty(), "{key}");
        assert!(parts.iter().all(|row| row.contains_key("dns_names")), "{key} {parts:?}");
    }
}

#[test]
fn the_ledger_of_the_day_is_the_same_for_any_number_of_lanes() {
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    let path = write(&lab, &plan);
    let first_us = plan.truth().iter().map(|flow| flow.first_ns / 1_000).min().unwrap();
    for lanes in [1, 2, 4, 8] {
        let (outcome, _) = flows_of(std::slice::from_ref(&path), |args| args.lanes = Some(lanes));
        let ledger = &outcome.written.ledger;
        let sum =
            |column: fn(&schemas::ledger::LedgerRow) -> i64| ledger.iter().map(column).sum::<i64>();
        assert_eq!(
            sum(|row| row.packets_seen),
            sum(|row| row.exported) + sum(|row| row.ignored_arp + row.ignored_non_ip)
        );
        assert!(
            ledger.iter().all(|row| row.ts_start.0 >= first_us - 3_600_000_000 && row.ts_end >= row.ts_start),
            "{lanes} lanes: a row lies outside the day"
        );
    }
}
