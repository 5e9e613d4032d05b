//! Three who must agree on every flow: the plan, our probe, and tshark, which shares no line of code with either.
//!
//! tshark's packets are summed here by unordered ends, so that time-outs and direction play no part.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use ingest::source::synthetic::{Plan, Version};

use crate::lab::{Lab, Row, SEED, skip};

const FIELDS: [&str; 19] = [
    "frame.len",
    "frame.protocols",
    "vlan.id",
    "ip.proto",
    "ip.src",
    "ip.dst",
    "ip.len",
    "ipv6.nxt",
    "ipv6.src",
    "ipv6.dst",
    "ipv6.plen",
    "tcp.srcport",
    "tcp.dstport",
    "udp.srcport",
    "udp.dstport",
    "tls.handshake.extensions_server_name",
    "http.host",
    "tls.handshake.type",
    "gquic.tag.sni",
];

/// What tshark 4.0 names otherwise, by protocol: further hosts on a connection, and a QUIC hello in pieces of any order.
const OTHERWISE: [(u8, &str); 3] =
    [(6, "www.apple.com"), (6, "www.naver.com"), (17, "update.miui.com")];

/// Address and port of one end.
type End = (String, u16);
/// Protocol and both ends, the smaller first.
type Ends = (u8, End, End);
/// Packets and octets sent by the smaller end, then by the other.
type Sums = BTreeMap<Ends, [u64; 4]>;
/// Names by flow.
type Names = BTreeSet<(Ends, String)>;

/// Puts ends in order; whether the sender is the first.
fn ordered(proto: u8, from: End, to: End) -> (Ends, bool) {
    let forward = from <= to;
    (if forward { (proto, from, to) } else { (proto, to, from) }, forward)
}

fn add(sums: &mut Sums, proto: u8, (from, to): (End, End), [sent, answered]: [[u64; 2]; 2]) {
    let (ends, forward) = ordered(proto, from, to);
    let [low, high] = if forward { [sent, answered] } else { [answered, sent] };
    let counts = [low[0], low[1], high[0], high[1]];
    for (sum, count) in sums.entry(ends).or_default().iter_mut().zip(counts) {
        *sum += count;
    }
}

/// Flows and names of a source of either.
#[derive(Debug, Default, PartialEq, Eq)]
struct View {
    sums: Sums,
    names: Names,
}

fn planned(plan: &Plan) -> View {
    let mut view = View::default();
    for flow in plan.truth() {
        let from = (flow.src_ip.to_string(), flow.src_port);
        let to = (flow.dst_ip.to_string(), flow.dst_port);
        let is_certified = flow.server_name_source == Some("tls_cert");
        if let Some(name) = flow.server_name.as_ref().filter(|_| !is_certified) {
            let (ends, _) = ordered(flow.proto, from.clone(), to.clone());
            view.names.insert((ends, name.clone()));
        }
        let sent = [flow.src_packets, flow.src_ip_bytes];
        let answered = [flow.dst_packets, flow.dst_ip_bytes];
        add(&mut view.sums, flow.proto, (from, to), [sent, answered]);
    }
    view
}

fn ours(lab: &Lab) -> View {
    let rows = lab.ask(
        "SELECT ip_proto, src_ip, coalesce(src_port, 0), dst_ip, coalesce(dst_port, 0), \
         src_packets, src_bytes, dst_packets, dst_bytes, \
         CASE WHEN server_name_source <> 'tls_cert' THEN server_name END FROM flows",
    );
    let mut view = View::default();
    for row in rows {
        let text = |column: usize| row[column].clone().unwrap();
        let count = |column: usize| text(column).parse::<u64>().unwrap();
        let end = |column: usize| (text(column), text(column + 1).parse().unwrap());
        let (proto, from, to) = (text(0).parse().unwrap(), end(1), end(3));
        if let Some(name) = &row[9] {
            let (ends, _) = ordered(proto, from.clone(), to.clone());
            view.names.insert((ends, name.clone()));
        }
        add(&mut view.sums, proto, (from, to), [[count(5), count(6)], [count(7), count(8)]]);
    }
    view
}

/// One packet as tshark prints it; none for frames without IP.
fn packet(cells: &Row) -> Option<(u8, End, End, u64)> {
    let first = |column: usize| {
        // Of several headers the outermost comes first: what an ICMP error quotes is no packet.
        cells[column].as_ref().map(|text| text.split(',').next().unwrap_or_default().to_owned())
    };
    let number = |column: usize| first(column).map(|text| text.parse::<u64>().unwrap());
    let tags = cells[2].as_ref().map_or(0, |tags| tags.split(',').count() as u64);
    let rest = number(0).unwrap() - 14 - 4 * tags;
    let protocols = cells[1].as_deref().unwrap_or_default();
    let (v4, v6) = (protocols.find(":ip"), protocols.find(":ipv6"));
    let is_v6 = v6.is_some() && v6 == v4;
    let proto = first(if is_v6 { 7 } else { 3 })?;
    let proto = u8::try_from(proto.parse::<u64>().unwrap()).unwrap();
    let ports = |tcp: usize, udp: usize| match proto {
        6 => first(tcp),
        17 => first(udp),
        _ => None,
    };
    let port = |tcp, udp| ports(tcp, udp).map_or(0, |text| text.parse().unwrap());
    let [src, dst] = if is_v6 { [8, 9] } else { [4, 5] };
    let octets = match number(if is_v6 { 10 } else { 6 }).unwrap() {
        0 => rest,
        length if is_v6 => 40 + length,
        length => length,
    };
    let (from, to) = ((first(src)?, port(11, 13)), (first(dst)?, port(12, 14)));
    Some((proto, from, to, octets))
}

fn tsharks(capture: &Path) -> View {
    let mut command = Command::new("tshark");
    command.args(["-n", "-o", "tcp.reassemble_out_of_order:TRUE", "-r"]).arg(capture).args([
        "-T",
        "fields",
        "-E",
        "separator=/t",
    ]);
    for field in FIELDS {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut view = View::default();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let cells: Row =
            line.split('\t').map(|cell| (!cell.is_empty()).then(|| cell.to_owned())).collect();
        assert_eq!(cells.len(), FIELDS.len(), "{line}");
        let Some((proto, from, to, octets)) = packet(&cells) else { continue };
        let (ends, _) = ordered(proto, from.clone(), to.clone());
        let is_hello = cells[17].as_deref().is_some_and(|kind| kind.split(',').any(|k| k == "1"));
        let sni = cells[15].as_deref().filter(|_| is_hello);
        let further = [&cells[16], &cells[18]].into_iter().filter_map(Option::as_deref);
        for name in sni.into_iter().chain(further).flat_map(|names| names.split(',')) {
            view.names.insert((ends.clone(), plain(name)));
        }
        add(&mut view.sums, proto, (from, to), [[1, octets], [0, 0]]);
    }
    view
}

/// A name as our columns have it: lower case, no last dot, no port.
fn plain(name: &str) -> String {
    let name = name.rsplit_once(':').map_or(name, |(host, _)| host);
    name.trim_end_matches('.').to_ascii_lowercase()
}

fn agree(plan: &Plan, what: &str) {
    let lab = Lab::new();
    lab.ingest(plan);
    let tshark = tsharks(&lab.path("plan.pcap"));
    let (planned, ours) = (planned(plan), ours(&lab));
    for (who, view) in [("ours", &ours), ("tshark", &tshark)] {
        let wrong: Vec<String> = view
            .sums
            .keys()
            .chain(planned.sums.keys())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .filter(|ends| view.sums.get(ends) != planned.sums.get(ends))
            .map(|ends| {
                format!("{ends:?}: {:?}, planned {:?}", view.sums.get(ends), planned.sums.get(ends))
            })
            .collect();
        assert!(wrong.is_empty(), "{what}, {who}: {} flows\n{}", wrong.len(), wrong.join("\n"));
        let is_tshark = who == "tshark";
        let names = view.names.symmetric_difference(&planned.names).filter(|((ends, ..), name)| {
            !(is_tshark && OTHERWISE.contains(&(*ends, name.as_str())))
        });
        let names: Vec<_> = names.collect();
        assert!(names.is_empty(), "{what}, {who}: names {names:#?}");
    }
}

fn tshark_is_there() -> bool {
    let is_there =
        Command::new("tshark").arg("-v").output().is_ok_and(|output| output.status.success());
    if !is_there {
        skip("tshark", "the program is wanted (Debian package tshark)");
    }
    is_there
}

#[test]
fn plan_probe_and_tshark_agree_on_the_day() {
    if tshark_is_there() {
        agree(&Plan::national_day(SEED), "day");
    }
}

#[test]
fn plan_probe_and_tshark_agree_on_hellos() {
    if !tshark_is_there() {
        return;
    }
    for version in [Version::Tls10, Version::Tls11, Version::Tls12, Version::Tls13] {
        let plan = Plan::hellos(SEED, version, 500);
        assert_eq!(plan.truth().iter().filter(|flow| flow.server_name.is_some()).count(), 490);
        agree(&plan, &format!("{version:?}"));
    }
}
