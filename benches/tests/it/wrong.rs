//! Days that nobody has seen: who calls what, under which name, where, how much and through which network is drawn from a seed that is
//! chosen when the test runs. `OUTFLOW_SEED=n` repeats one.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::{SystemTime, UNIX_EPOCH};

use analyze::catalog::{Catalog, Date};
use ingest::source::synthetic::{Expected, Nation, TruthFlow};

use crate::attributed::{Ends, ends, planned_ends};
use crate::lab::{Lab, Row, seed};

/// Octets whose vendor stands on a name of the flow itself, and how many of them are another's.
#[derive(Debug, Default)]
struct Named {
    octets: u64,
    wrong: u64,
}

impl Named {
    fn add(&mut self, octets: u64, is_wrong: bool) {
        self.octets += octets;
        self.wrong += if is_wrong { octets } else { 0 };
    }
}

/// Days drawn at a time.
const DISTRICTS: u32 = 3;
/// Traps at the boundary of a label: a name that contains a vendor's, an address in its network.
const BOUNDARY: [&str; 4] = ["T05", "T05b", "T14", "T24"];

fn drawn(lab: &Lab) -> (u64, Vec<TruthFlow>) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let chosen = || u64::try_from(now.as_micros()).unwrap();
    let seed = seed().unwrap_or_else(chosen);
    println!("OUTFLOW_SEED={seed} repeats this");
    let nation = Nation { seed, districts: DISTRICTS };
    let path = lab.path("drawn.pcap");
    let (_, truth) = nation.write_pcap(File::create(&path).unwrap()).unwrap();
    let outcome = ingest::run(&lab.args(path)).unwrap();
    assert!(outcome.is_complete(), "seed {seed}: {outcome}");
    (seed, truth)
}

#[test]
fn hardly_an_octet_with_a_name_goes_to_another_vendor() {
    let lab = Lab::new();
    let (seed, truth) = drawn(&lab);
    let rows = lab.ask(
        "SELECT ip_proto, src_ip, coalesce(src_port, 0), dst_ip, coalesce(dst_port, 0),
         CAST(flow_first_seen AS BIGINT), service_vendor, evidence, name_ip_mismatch, bytes, server_name FROM attributed",
    );
    let mut by_ends: BTreeMap<Ends, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        by_ends.entry(ends(row)).or_default().push(row);
    }
    let (mut all, mut boundary) = (Named::default(), Named::default());
    let (mut planned, mut found, mut wrong) = (0, 0, Vec::new());
    for flow in &truth {
        planned += flow.src_ip_bytes + flow.dst_ip_bytes;
        let life = flow.first_ns / 1_000..=flow.last_ns / 1_000;
        let records = by_ends.get(&planned_ends(flow)).into_iter().flatten();
        for row in records.filter(|row| life.contains(&row[5].as_ref().unwrap().parse().unwrap())) {
            let octets: u64 = row[9].as_ref().unwrap().parse().unwrap();
            found += octets;
            let is_wrong = row[6].as_deref() != flow.vendor;
            if is_wrong || row[7].as_deref() != Some(flow.evidence) {
                wrong.push(format!(
                    "{row:?}, planned {:?} {} {:?}",
                    flow.vendor, flow.evidence, flow.trap
                ));
            }
            if flow.trap.is_some_and(|trap| BOUNDARY.contains(&trap)) {
                boundary.add(octets, is_wrong);
            }
            if row[7].as_deref() >= Some("E4") && row[8].as_deref() == Some("false") {
                all.add(octets, is_wrong);
            }
        }
    }
    println!(
        "{} connections of {DISTRICTS} districts, {planned} octets; at E4 and above {all:?}; at label boundaries {boundary:?}; \
         {} records not as planned in vendor and rung",
        truth.len(),
        wrong.len()
    );
    let wrong = wrong.join("\n");
    assert_eq!(found, planned, "seed {seed}");
    assert!(all.octets > planned / 2, "seed {seed}: {all:?}");
    assert!(all.wrong * 1_000 <= all.octets * 3, "seed {seed}: {all:?}\n{wrong}");
    assert!(boundary.octets > 0 && boundary.wrong == 0, "seed {seed}: {boundary:?}\n{wrong}");
}

#[test]
fn the_seed_moves_names_addresses_sizes_makers_and_networks() {
    let lab = Lab::new();
    let truth: Vec<Vec<TruthFlow>> = [11, 12]
        .map(|seed| {
            let nation = Nation { seed, districts: 1 };
            nation.write_pcap(File::create(lab.path("x.pcap")).unwrap()).unwrap().1
        })
        .into();
    let different = |what: fn(&TruthFlow) -> Option<String>| {
        let [one, other] = [&truth[0], &truth[1]].map(|flows| {
            let mut all: Vec<_> =
                flows.iter().filter(|flow| flow.trap.is_none()).filter_map(what).collect();
            all.sort();
            all.dedup();
            all
        });
        let same = one.iter().filter(|value| other.contains(value)).count();
        assert!(same * 2 < one.len(), "{same} of {} are the same: {one:?}", one.len());
    };
    different(|flow| flow.server_name.clone());
    different(|flow| flow.vendor.map(|_| flow.dst_ip.to_string()));
    different(|flow| flow.vendor.map(|vendor| format!("{vendor} {}", flow.payload_bytes)));
    different(|flow| Some(format!("{:?} {:?}", flow.vendor?, flow.device_maker?)));
    different(|flow| flow.vendor.map(|vendor| format!("{vendor} {}", flow.wire_bytes)));
}

/// An address that is drawn lies near one that was checked: all that can be drawn have the same country and operator.
#[test]
fn every_host_of_a_planned_network_is_there_too() {
    let catalog = Catalog::shipped().unwrap();
    let at = catalog.period_of(Date::parse("2014-09-22").unwrap());
    let mut wrong = Vec::new();
    let lab = Lab::new();
    let nation = Nation { seed: 1, districts: 1 };
    let (_, truth) = nation.write_pcap(File::create(lab.path("x.pcap")).unwrap()).unwrap();
    let mut networks = BTreeMap::new();
    for flow in &truth {
        if let (std::net::IpAddr::V4(address), Expected::Country(country), Some(asn)) =
            (flow.dst_ip, flow.server_country, flow.operator_asn)
        {
            networks.insert(address.to_bits() >> 8, (country, asn));
        }
    }
    for (network, (country, asn)) in &networks {
        for host in 0..256 {
            let address = std::net::IpAddr::V4((network << 8 | host).into());
            let place = catalog.place(address);
            let operator = catalog.network(address, at).map(|network| network.asn);
            if (place.country, operator) != (Some(*country), Some(*asn)) || place.anycast {
                wrong.push(format!(
                    "{address}: {:?} {operator:?}, planned {country} {asn}",
                    place.country
                ));
            }
        }
    }
    assert!(networks.len() > 20, "{}", networks.len());
    assert!(wrong.is_empty(), "{}: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}
