//! Three floors: `schemas` ← `ingest` ← `analyze`, and within a crate no way up.

use std::collections::BTreeMap;

use crate::tidy::judge;
use crate::tidy::lexer::{line_of, words};
use crate::tidy::tree::{declared, product, sources, texts};

/// A crate of ours, and those of ours it may use.
const FLOORS: [(&str, &[&str]); 4] = [
    ("schemas", &[]),
    ("ingest", &["schemas"]),
    ("analyze", &["schemas", "ingest"]),
    ("benches", &["schemas", "ingest", "analyze"]),
];

/// The one file in which the answer names the probe.
const STAIRS: &str = "analyze/src/cli/ingest.rs";

#[test]
fn manifests_name_only_lower_floors() {
    let mut broken = Vec::new();
    for (name, allowed) in FLOORS {
        let path = format!("{name}/Cargo.toml");
        let file = texts().iter().find(|file| file.path == path).unwrap();
        let manifest: toml::Table = file.text.parse().unwrap();
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(toml::Value::Table(entries)) = manifest.get(section) else { continue };
            for other in FLOORS.iter().map(|(other, _)| *other) {
                if entries.contains_key(other) && !allowed.contains(&other) {
                    broken.push((path.clone(), format!("{section} names {other}")));
                }
            }
        }
    }
    judge("schemas ← ingest ← analyze", &broken, &[]);
}

/// Whether a path of another crate begins at a position: `name::`, and not within a longer path.
fn begins_path(code: &str, at: usize, name: &str) -> bool {
    let is_path = code[at + name.len()..].starts_with("::");
    is_path && !code[..at].ends_with("::")
}

#[test]
fn code_names_only_lower_floors() {
    let mut broken = Vec::new();
    for source in product() {
        let (_, allowed) = FLOORS.iter().find(|(name, _)| *name == source.crate_name()).unwrap();
        // A module of that name, brought in or declared, is not the crate.
        let is_own = source.path != STAIRS
            && (source.shipped.contains("use crate::cli::ingest")
                || declared(source).iter().any(|(name, _)| name == "ingest"));
        for (other, _) in FLOORS {
            let is_program = source.path.ends_with("/main.rs") && other == source.crate_name();
            for at in words(&source.shipped, other) {
                if !begins_path(&source.shipped, at, other) || is_program {
                    continue;
                }
                let is_lower = allowed.contains(&other);
                let is_stairs = source.path == STAIRS || is_own || source.crate_name() != "analyze";
                if !is_lower || (other == "ingest" && !is_stairs) {
                    let line = line_of(&source.text, at);
                    broken.push((source.path.clone(), format!("{line}: names {other}")));
                }
            }
        }
    }
    judge("schemas ← ingest ← analyze, and the answer names the probe in one file", &broken, &[]);
}

#[test]
fn a_child_does_not_climb() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.ships()) {
        for at in words(&source.shipped, "super") {
            if source.shipped[at..].starts_with("super::") {
                broken.push((source.path.clone(), format!("{}", line_of(&source.text, at))));
            }
        }
    }
    judge("a child module says crate::, not super::", &broken, &[]);
}

#[test]
fn only_the_pipeline_knows_every_stage() {
    let stages = ["crate::source", "crate::lane", "crate::sink"];
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for source in product().filter(|source| source.crate_name() == "ingest") {
        let count = stages.iter().filter(|stage| words(&source.shipped, stage).next().is_some());
        known.insert(&source.path, count.count());
    }
    let all: Vec<_> = known.into_iter().filter(|(_, count)| *count == stages.len()).collect();
    assert_eq!(all, [("ingest/src/pipeline.rs", stages.len())]);
}
