//! QUIC and DTLS handshakes through the probe, and through tshark, which shares no line of code with either it or the generator.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use ingest::source::synthetic::{DtlsVersion, Plan, QuicVersion};

use crate::lab::{Lab, assert_closed, flows_of, skip};

const SEED: u64 = 9_000;
const COUNT: u32 = 500;

/// Names by client and its port.
type Names = BTreeMap<String, String>;

fn written(lab: &Lab, plan: &Plan) -> PathBuf {
    let path = lab.path("quic.pcap");
    plan.write_pcap(File::create(&path).unwrap()).unwrap();
    path
}

fn planned(plan: &Plan) -> Names {
    let named = plan.truth().iter().filter_map(|flow| {
        Some((format!("{} {}", flow.src_ip, flow.src_port), flow.server_name.clone()?))
    });
    named.collect()
}

#[test]
fn every_handshake_gives_its_name() {
    let lab = Lab::new();
    for (version, is_wild) in QuicVersion::ALL.into_iter().flat_map(|v| [(v, false), (v, true)]) {
        let plan = Plan::quic(SEED, version, COUNT, is_wild);
        assert_eq!(plan.truth().len(), COUNT as usize);
        let path = written(&lab, &plan);
        for lanes in [1, 2] {
            let (outcome, rows) =
                flows_of(std::slice::from_ref(&path), |args| args.lanes = Some(lanes));
            assert_closed(&outcome);
            let found: Names = rows
                .iter()
                .filter_map(|row| {
                    let name = row.get("server_name")?.clone();
                    assert_eq!(row["server_name_source"], "quic_sni");
                    Some((format!("{} {}", row["src_ip"], row["src_port"]), name))
                })
                .collect();
            assert_eq!(found, planned(&plan), "{version:?}, wild: {is_wild}, {lanes} lanes");
            let is_tls = version.is_sealed();
            for row in rows {
                assert_eq!(row["service"], "quic");
                assert_eq!(row.get("tls_version").map(String::as_str), is_tls.then_some("TLSv13"));
                assert_eq!(row.contains_key("alpn"), is_tls);
            }
        }
    }
}

#[test]
fn every_dtls_handshake_gives_its_name() {
    let lab = Lab::new();
    for (version, is_wild) in DtlsVersion::ALL.into_iter().flat_map(|v| [(v, false), (v, true)]) {
        let plan = Plan::dtls(SEED, version, COUNT, is_wild);
        let path = written(&lab, &plan);
        for lanes in [1, 2] {
            let (outcome, rows) =
                flows_of(std::slice::from_ref(&path), |args| args.lanes = Some(lanes));
            assert_closed(&outcome);
            assert_eq!(rows.len(), COUNT as usize);
            let found = rows.iter().filter_map(|row| {
                let name = row.get("server_name")?.clone();
                assert_eq!(row["server_name_source"], "dtls_sni");
                Some((format!("{} {}", row["src_ip"], row["src_port"]), name))
            });
            assert_eq!(found.collect::<Names>(), planned(&plan), "{version:?}, wild: {is_wild}");
            let (spoken, ja4) = match version {
                DtlsVersion::V10 => ("DTLSv10", "dd1d"),
                DtlsVersion::V12 => ("DTLSv12", "dd2d"),
                DtlsVersion::V13 => ("DTLSv13", "dd3d"),
            };
            for row in rows {
                assert_eq!(
                    (row["service"].as_str(), row["tls_version"].as_str()),
                    ("dtls", spoken)
                );
                let is_named = row.contains_key("server_name");
                assert_eq!(row["tls_ja4"].starts_with(ja4), is_named, "{row:?}");
            }
        }
    }
}

/// A field of the packets that a filter selects, by client and port.
fn tsharks(path: &Path, field: &str) -> Names {
    let mut command = Command::new("tshark");
    command.arg("-n").arg("-r").arg(path).args(["-T", "fields", "-E", "separator=/t"]);
    // QUIC on other ports than its own is found by its heuristics.
    command.args(["--enable-heuristic", "quic", "-d", "udp.port==4433,dtls", "-Y", field]);
    for field in ["ip.src", "ipv6.src", "udp.srcport", field] {
        command.args(["-e", field]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut names = Names::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [v4, v6, port, name] = cells[..] else { panic!("{line}") };
        let name = name.split(',').next().unwrap_or_default();
        names.insert(format!("{v4}{v6} {port}"), name.trim_end_matches('.').to_ascii_lowercase());
    }
    names
}

#[test]
fn tshark_reads_what_was_planned() {
    let is_there = Command::new("tshark").arg("-v").output().is_ok_and(|out| out.status.success());
    if !is_there {
        return skip("tshark_reads_what_was_planned", "tshark is wanted");
    }
    let lab = Lab::new();
    for version in QuicVersion::ALL {
        // Not known to it.
        let (q44, q47) = (QuicVersion::Q044, QuicVersion::Q047);
        if [q44, q47, QuicVersion::Q048, QuicVersion::Q049].contains(&version) {
            continue;
        }
        let plan = Plan::quic(SEED, version, COUNT, false);
        let is_tls = version.is_sealed();
        let field = if is_tls { "tls.handshake.extensions_server_name" } else { "gquic.tag.sni" };
        assert_eq!(tsharks(&written(&lab, &plan), field), planned(&plan), "{version:?}");
    }
    for version in DtlsVersion::ALL {
        let plan = Plan::dtls(SEED, version, COUNT, false);
        let found = tsharks(&written(&lab, &plan), "dtls.handshake.extensions_server_name");
        assert_eq!(found, planned(&plan), "{version:?}");
    }
}

/// The QUIC rows of the list of names that two other tools agree on.
#[test]
fn names_that_two_other_tools_agree_on_are_found() {
    let Some(folder) = std::env::var_os("OUTFLOW_CAPTURES") else {
        eprintln!("SKIPPED: OUTFLOW_CAPTURES names no folder of captures");
        return;
    };
    let folder = Path::new(&folder);
    let list = fs::read_to_string(folder.join("expected_names.csv")).unwrap();
    let mut compared = 0;
    for line in list.lines() {
        let cells: Vec<&str> = line.split(',').collect();
        let [file, _, a_ip, a_port, b_ip, b_port, "quic", name, .., "both"] = cells[..] else {
            continue;
        };
        let (_, rows) = flows_of(&[folder.join(file)], |_| {});
        let row = rows.iter().find(|row| {
            let ends = [("src_ip", "src_port"), ("dst_ip", "dst_port")]
                .map(|(ip, port)| (row[ip].as_str(), row.get(port).map_or("", String::as_str)));
            ends == [(a_ip, a_port), (b_ip, b_port)] || ends == [(b_ip, b_port), (a_ip, a_port)]
        });
        let row = row.unwrap_or_else(|| panic!("{line}: no such flow"));
        assert_eq!(row.get("server_name").map(String::as_str), Some(name), "{line}");
        assert_eq!(row["server_name_source"], "quic_sni");
        compared += 1;
    }
    assert!(compared > 0, "the list has no QUIC");
}
