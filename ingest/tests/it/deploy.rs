//! What is shipped for the field: settings that the probe takes, units that are tight, alerts on counters that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use ingest::exposition::exposition;
use ingest::metrics::{LaneMetrics, Metrics};

use crate::live::lab::skip;

/// Most exposed that a service may be, in tenths: 0 is tightest, 100 wide open.
const EXPOSURE_MAX: &str = "20";

fn deploy(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("deploy").join(name)
}

#[test]
fn units_are_tight_and_sound() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skip("there is no systemd-analyze");
    }
    let folder = fs::read_dir(deploy("systemd")).unwrap().map(|found| found.unwrap().path());
    let units: Vec<PathBuf> =
        folder.filter(|path| path.extension().is_some_and(|kind| kind == "service")).collect();
    assert!(units.len() >= 3, "{units:?}");
    for unit in units {
        let judged = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager"])
            .arg(format!("--threshold={EXPOSURE_MAX}"))
            .arg(&unit)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&judged.stdout).into_owned();
        let words = String::from_utf8_lossy(&judged.stderr);
        if !told.contains("Overall exposure") && words.contains("unrecognized option") {
            return skip("this systemd-analyze judges only what is installed");
        }
        assert!(judged.status.success() && told.contains("Overall exposure"), "{told}{words}");
        // What systemd does not know, it passes over: then a fence is missing.
        assert!(!words.contains("nknown"), "{unit:?}: {words}");
    }
}

#[test]
fn the_example_of_settings_is_taken() {
    let told = Command::new(env!("CARGO_BIN_EXE_outflow-ingest"))
        .args(["-i", "lo", "--dump", "--config"])
        .arg(deploy("probe.toml"))
        .output()
        .unwrap();
    let (settings, words) =
        (String::from_utf8_lossy(&told.stdout), String::from_utf8_lossy(&told.stderr));
    assert!(told.status.success(), "{words}");
    assert!(settings.contains("/var/lib/outflow/store"), "{settings}");
}

#[test]
fn alerts_name_counters_that_exist() {
    let metrics = Metrics { lanes: vec![LaneMetrics::default()], ..Metrics::default() };
    let page = exposition(&metrics);
    let names: BTreeSet<&str> =
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let rules = fs::read_to_string(deploy("prometheus/outflow.rules.yml")).unwrap();
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    let mut used = 0;
    for (at, _) in rules.match_indices("outflow_") {
        let name: String = rules[at..].chars().take_while(|c| is_name(*c)).collect();
        assert!(names.contains(name.as_str()), "{name} is not among {names:?}");
        used += 1;
    }
    assert!(used >= 10, "{used}");
}
