//! A disk that fills up: nothing half-done becomes visible, the error says what to do, and the same command works once there is room.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use ingest::IngestError;
use ingest::source::synthetic::Plan;
use schemas::store::Store;

use crate::lab::{Lab, SEED};
use crate::tmpfs::Disk;

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn sentence(error: &IngestError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[test]
fn a_full_disk_publishes_nothing_and_is_no_dead_end() {
    let lab = Lab::new();
    let capture = lab.write(&Plan::national_day(SEED));
    for size in ["16k", "256k", "448k"] {
        let at = lab.path(size);
        let Some(disk) = Disk::mount(at.clone(), size) else { return };
        let mut args = lab.args(capture.clone());
        args.store = at.join("store");
        let error = ingest::run(&args).expect_err(size);
        let text = sentence(&error);
        assert!(text.contains("No space left") || text.contains("disk is full"), "{size}: {text}");
        assert!(text.contains(&*at.to_string_lossy()), "{size}: the place is named: {text}");
        assert_eq!(files(&at), Vec::<PathBuf>::new(), "{size}: {text}");
        if let Ok(store) = Store::open(&args.store) {
            assert_eq!(store.entries().unwrap(), [], "{size}");
        }
        disk.grow("64m");
        let outcome = ingest::run(&args).unwrap_or_else(|error| panic!("{}", sentence(&error)));
        assert!(outcome.is_complete(), "{size}: {outcome}");
        let entries = Store::open(&args.store).unwrap().entries().unwrap();
        assert_eq!(entries.len(), 1, "{size}");
        let checked = schemas::store::verify(&Store::open(&args.store).unwrap()).unwrap();
        assert_eq!(checked.findings, [], "{size}");
    }
}
