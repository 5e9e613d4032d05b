//! Other people's tools read the store as we wrote it: DuckDB, pandas with pyarrow, and polars.
//!
//! The script sums and checks types by itself; the figures it must find are counted on this side.

use std::process::Command;

use ingest::source::synthetic::Plan;

use crate::lab::{Lab, SEED, skip};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/peers/readers.py");
const MODULES: &str = "import duckdb, pandas, pyarrow, polars";

#[test]
fn the_store_is_read_by_others() {
    let available = Command::new("python3").args(["-c", MODULES]).output();
    if !available.is_ok_and(|output| output.status.success()) {
        return skip("readers", "python3 with duckdb, pandas, pyarrow and polars is wanted");
    }
    let lab = Lab::new();
    let plan = Plan::national_day(SEED);
    let outcome = lab.ingest(&plan);
    let written = &outcome.written;
    let truth = plan.truth();
    let told = |value: fn(&ingest::source::synthetic::TruthFlow) -> u64| -> u64 {
        truth.iter().map(value).sum()
    };
    let wanted = [
        ("flows", written.flow_rows),
        ("dns", written.dns_rows),
        ("ledger", written.ledger.len() as u64),
        ("src_packets", told(|flow| flow.src_packets)),
        ("dst_packets", told(|flow| flow.dst_packets)),
        ("src_bytes", told(|flow| flow.src_ip_bytes)),
        ("dst_bytes", told(|flow| flow.dst_ip_bytes)),
        ("wire_bytes", told(|flow| flow.wire_bytes)),
        ("packets_seen", outcome.packets_read),
    ];
    let output = Command::new("python3")
        .arg(SCRIPT)
        .arg(lab.path("store"))
        .args(wanted.map(|(name, value)| format!("{name}={value}")))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{}{}", text[0], text[1]);
    for tool in ["duckdb", "pandas", "polars"] {
        assert!(text[0].lines().any(|line| line.starts_with(&format!("{tool} ok"))), "{}", text[0]);
    }
}
