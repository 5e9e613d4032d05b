//! Vendor by country of the scenario, traps included: what the shipped catalog says of each flow is what was planned.
//!
//! All that differs is listed at once, for one wrong rule shows in many flows.

use std::collections::BTreeMap;

use ingest::source::synthetic::{Expected, Plan, TruthFlow};

use crate::lab::{Lab, Row, SEED};

/// Which flow: protocol, both ends.
pub(crate) type Ends = (u8, String, u16, String, u16);

const COLUMNS: &str = "ip_proto, src_ip, coalesce(src_port, 0), dst_ip, coalesce(dst_port, 0), \
    CAST(flow_first_seen AS BIGINT), service_vendor, evidence, server_country, anycast, \
    name_ip_mismatch, service_product, operator_asn, device_vendor, bytes_up, bytes_down";

/// One record, as judged.
#[derive(Debug)]
struct Judged {
    first_us: i64,
    cells: Row,
}

impl Judged {
    fn text(&self, column: usize) -> Option<&str> {
        self.cells[column].as_deref()
    }
}

pub(crate) fn ends(row: &Row) -> Ends {
    let text = |column: usize| row[column].clone().unwrap();
    let number = |column: usize| text(column).parse().unwrap();
    (text(0).parse().unwrap(), text(1), number(2), text(3), number(4))
}

pub(crate) fn planned_ends(flow: &TruthFlow) -> Ends {
    (flow.proto, flow.src_ip.to_string(), flow.src_port, flow.dst_ip.to_string(), flow.dst_port)
}

fn judged(lab: &Lab) -> BTreeMap<Ends, Vec<Judged>> {
    let mut flows: BTreeMap<Ends, Vec<Judged>> = BTreeMap::new();
    for row in lab.ask(&format!("SELECT {COLUMNS} FROM attributed")) {
        let first_us = row[5].as_ref().unwrap().parse().unwrap();
        flows.entry(ends(&row)).or_default().push(Judged { first_us, cells: row });
    }
    flows
}

/// What a record says other than planned, as lines.
fn differences(flow: &TruthFlow, record: &Judged) -> Vec<String> {
    let (country, anycast) = match flow.server_country {
        Expected::Country(code) => (Some(code), "false"),
        Expected::Anycast => (None, "true"),
        Expected::Special => (None, "false"),
    };
    let asn = flow.operator_asn.map(|asn| asn.to_string());
    let mut wanted = vec![
        ("service_vendor", 6, flow.vendor),
        ("evidence", 7, Some(flow.evidence)),
        ("server_country", 8, country),
        ("anycast", 9, Some(anycast)),
        ("name_ip_mismatch", 10, Some(if flow.name_ip_mismatch { "true" } else { "false" })),
    ];
    // What the plan does not assert may be anything.
    wanted.extend(flow.product.map(|product| ("service_product", 11, Some(product))));
    wanted.extend(asn.as_deref().map(|asn| ("operator_asn", 12, Some(asn))));
    wanted.extend(flow.device_maker.map(|maker| ("device_vendor", 13, Some(maker))));
    let wrong = wanted.into_iter().filter(|(_, at, planned)| record.text(*at) != *planned);
    let trap = flow.trap.unwrap_or("day");
    let (name, ends) = (flow.server_name.as_deref().unwrap_or("-"), planned_ends(flow));
    wrong
        .map(|(column, at, planned)| {
            let found = record.text(at);
            format!("{trap} {ends:?} {name}: {column} is {found:?}, planned {planned:?}")
        })
        .collect()
}

#[test]
fn every_flow_is_judged_as_planned() {
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    lab.ingest(&plan);
    let found = judged(&lab);
    let mut wrong = Vec::new();
    let mut records = 0;
    for flow in plan.truth() {
        let all = found.get(&planned_ends(flow)).map_or(&[][..], Vec::as_slice);
        let life = flow.first_ns / 1_000..=flow.last_ns / 1_000;
        let own: Vec<_> = all.iter().filter(|record| life.contains(&record.first_us)).collect();
        if own.is_empty() {
            wrong.push(format!("{:?} is not there", planned_ends(flow)));
        }
        records += own.len();
        wrong.extend(own.iter().flat_map(|record| differences(flow, record)));
        let octets = |column: usize| -> u64 {
            own.iter().map(|record| record.text(column).unwrap().parse::<u64>().unwrap()).sum()
        };
        if (octets(14), octets(15)) != (flow.src_ip_bytes, flow.dst_ip_bytes) {
            wrong.push(format!("{:?}: octets up and down", planned_ends(flow)));
        }
    }
    assert_eq!(records, found.values().map(Vec::len).sum::<usize>(), "records nobody planned");
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Flows, then packets and octets of both directions.
type Cells = BTreeMap<(String, String), [u64; 5]>;

fn planned_cells(plan: &Plan) -> Cells {
    let mut cells = Cells::new();
    for flow in plan.truth() {
        let key = (flow.vendor.unwrap_or("-").to_owned(), flow.server_country.label().to_owned());
        let counts = [1, flow.src_packets, flow.dst_packets, flow.src_ip_bytes, flow.dst_ip_bytes];
        for (sum, count) in cells.entry(key).or_default().iter_mut().zip(counts) {
            *sum += count;
        }
    }
    cells
}

#[test]
fn vendor_by_country_is_as_planned() {
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    lab.ingest(&plan);
    let rows = lab.ask(
        "SELECT coalesce(service_vendor, '-'), \
         CASE WHEN anycast THEN 'anycast' ELSE coalesce(server_country, 'special') END, \
         count(*) FILTER (WHERE flow_part = 0), sum(src_packets), sum(dst_packets), \
         sum(src_bytes), sum(dst_bytes) FROM attributed GROUP BY 1, 2",
    );
    let found: Cells = rows
        .into_iter()
        .map(|row| {
            let texts: Vec<String> = row.into_iter().map(Option::unwrap).collect();
            let numbers = [2, 3, 4, 5, 6].map(|column: usize| texts[column].parse().unwrap());
            ((texts[0].clone(), texts[1].clone()), numbers)
        })
        .collect();
    assert_eq!(found, planned_cells(&plan));
}
