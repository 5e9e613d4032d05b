//! Does the store still hold what was published? Every byte is read again and held against the manifest.
//!
//! Parquet as written here has no checksums of its own, so without this a flipped bit is a silently different answer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::store::StoreError;
use crate::store::layout::Store;
use crate::store::listing::in_force;
use crate::store::manifest::{FileRecord, HashWriter, hex};

/// One thing that is wrong with a store.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum Finding {
    /// An entry of the manifest is damaged.
    #[error("{0}")]
    Manifest(String),
    /// A published file is gone.
    #[error("{0} is missing: {1} rows of its table are lost; restore it from a copy")]
    Missing(String, u64),
    /// A published file changed.
    #[error("{0} is damaged: {1}; restore it from a copy")]
    Damaged(String, String),
    /// A file that nobody published lies where readers look.
    #[error("{0} is not in the manifest: tools that read the folders would count it; move it away")]
    Stranger(String),
}

/// What a check went through.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Their rows.
    pub rows: u64,
    /// What is wrong, in order of path.
    pub findings: Vec<Finding>,
}

/// Reads everything that was published and reports what differs from the manifest.
pub fn verify(store: &Store) -> Result<Checked, StoreError> {
    let mut checked = Checked::default();
    let named = Named::of(store, &mut checked.findings)?;
    for file in named.files.values().flatten() {
        check_file(store, file, &mut checked);
    }
    for table in crate::tables() {
        let mut found = Vec::new();
        walk(&store.root().join(table.name), &mut found);
        for path in found {
            let relative =
                path.strip_prefix(store.root()).unwrap_or(&path).to_string_lossy().into_owned();
            if !named.files.contains_key(&relative) {
                checked.findings.push(Finding::Stranger(relative));
            }
        }
    }
    // The store goes on while it is read: what was published or replaced since is no finding.
    if checked.findings.iter().any(Finding::is_of_a_moment) {
        let now = Named::of(store, &mut Vec::new())?;
        checked.findings.retain(|finding| match finding {
            Finding::Missing(path, _) => !now.is_replaced(path),
            Finding::Stranger(path) => !now.files.contains_key(path),
            Finding::Manifest(_) | Finding::Damaged(..) => true,
        });
    }
    Ok(checked)
}

/// What the manifest names: the record of each file that counts, none for one that was replaced and may be gone.
struct Named {
    files: BTreeMap<String, Option<FileRecord>>,
}

impl Named {
    fn of(store: &Store, damaged: &mut Vec<Finding>) -> Result<Self, StoreError> {
        let mut entries = Vec::new();
        for (_, entry) in store.listed()? {
            match entry {
                Ok(entry) => entries.push(entry),
                Err(error) => damaged.push(Finding::Manifest(error.to_string())),
            }
        }
        let all = entries.iter().flat_map(|entry| &entry.files);
        let mut files: BTreeMap<_, _> = all.map(|file| (file.path.clone(), None)).collect();
        let counting = in_force(entries).into_iter().flat_map(|entry| entry.files);
        files.extend(counting.map(|file| (file.path.clone(), Some(file))));
        Ok(Self { files })
    }

    /// Whether nothing needs this file any more.
    fn is_replaced(&self, path: &str) -> bool {
        !matches!(self.files.get(path), Some(Some(_)))
    }
}

impl Finding {
    /// Whether it may be that the store only changed while it was read.
    const fn is_of_a_moment(&self) -> bool {
        matches!(self, Self::Missing(..) | Self::Stranger(_))
    }
}

fn check_file(store: &Store, record: &FileRecord, checked: &mut Checked) {
    let Some(path) = store.locate(&record.path) else {
        checked.findings.push(Finding::Missing(record.path.clone(), record.rows));
        return;
    };
    match inspect(&path, record) {
        Ok(()) => {
            checked.files += 1;
            checked.bytes += record.bytes;
            checked.rows += record.rows;
        }
        Err(why) => checked.findings.push(Finding::Damaged(record.path.clone(), why)),
    }
}

/// Reads a file and holds it against its record; an error says what differs.
pub(crate) fn inspect(path: &Path, record: &FileRecord) -> Result<(), String> {
    let mut file = File::open(path).map_err(|e| e.to_string())?;
    let bytes = file.metadata().map_err(|e| e.to_string())?.len();
    if bytes != record.bytes {
        return Err(format!("it has {bytes} bytes, the manifest says {}", record.bytes));
    }
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut HashWriter(&mut hasher)).map_err(|e| e.to_string())?;
    if hex(&hasher.finalize()) != record.sha256 {
        return Err("its checksum is not the one in the manifest".to_owned());
    }
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| e.to_string())?;
    let rows = reader.metadata().file_metadata().num_rows();
    if u64::try_from(rows) != Ok(record.rows) {
        return Err(format!("it holds {rows} rows, the manifest says {}", record.rows));
    }
    Ok(())
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(listing) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = listing.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            walk(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::dns::{self, DnsBatch, DnsRow};
    use crate::kinds::Micros;
    use crate::store::layout::Hour;
    use crate::store::{Entry, Input, Publisher};

    const TS: i64 = 1_411_480_800_000_000;

    fn publish(store: &Store, boot: &str, inputs: Vec<Input>) -> Result<Entry, StoreError> {
        let mut publisher = Publisher::begin(store, "tap", boot)?;
        let mut batch = DnsBatch::default();
        for i in 0..100 {
            batch.append(&DnsRow {
                ts: Micros(TS + i),
                client_ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)),
                resolver_ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 53)),
                query: format!("host{i}.example").into(),
                query_type: "A".into(),
                rcode: Some(0),
                answers: vec!["192.0.2.1".into()],
                answer_ttls: vec![60],
                answer_ech: None,
                rtt_us: (i % 2 == 0).then_some(i),
                sensor_id: "tap".into(),
                flow_id: i,
            });
        }
        let mut file = publisher.stage(&dns::TABLE, Hour::of_micros(TS))?;
        file.append(&batch.finish().unwrap(), (TS, TS + 99))?;
        publisher.seal(file)?;
        publisher.commit(inputs, false)
    }

    fn capture(name: &str) -> Input {
        Input { name: name.into(), bytes: 7, sha256_ends: "ab".into() }
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(dir.path().join("store")).unwrap();
        let entry = publish(&store, "b1", vec![]).unwrap();
        assert_eq!(verify(&store).unwrap().findings, []);
        assert_eq!(verify(&store).unwrap().rows, 100);
        let path = store.root().join(&entry.files[0].path);
        let good = fs::read(&path).unwrap();
        for position in (0..good.len()).step_by(good.len() / 40) {
            let mut bad = good.clone();
            bad[position] ^= 1 << (position % 8);
            fs::write(&path, bad).unwrap();
            let findings = verify(&store).unwrap().findings;
            assert!(
                matches!(findings[..], [Finding::Damaged(..)]),
                "byte {position}: {findings:?}"
            );
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        assert!(matches!(verify(&store).unwrap().findings[..], [Finding::Damaged(..)]));
        fs::remove_file(&path).unwrap();
        assert!(matches!(verify(&store).unwrap().findings[..], [Finding::Missing(_, 100)]));
    }

    #[test]
    fn a_flipped_bit_in_the_manifest_and_a_stranger_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(dir.path()).unwrap();
        publish(&store, "b1", vec![]).unwrap();
        fs::write(dir.path().join("dns/zero.parquet"), b"").unwrap();
        assert!(matches!(verify(&store).unwrap().findings[..], [Finding::Stranger(_)]));
        fs::remove_file(dir.path().join("dns/zero.parquet")).unwrap();
        let path = store.entry_paths().unwrap().remove(0);
        let text = fs::read_to_string(&path).unwrap().replace("\"rows\": 100", "\"rows\": 101");
        fs::write(&path, text).unwrap();
        let findings = verify(&store).unwrap().findings;
        assert!(
            matches!(findings[..], [Finding::Manifest(_), Finding::Stranger(_)]),
            "{findings:?}"
        );
    }

    #[test]
    fn the_same_capture_is_refused_for_the_same_sensor() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(dir.path()).unwrap();
        publish(&store, "b1", vec![capture("a.pcap")]).unwrap();
        let refused = publish(&store, "b2", vec![capture("copy.pcap")]);
        assert!(matches!(refused, Err(StoreError::AlreadyIngested { .. })), "{refused:?}");
        assert_eq!(store.entries().unwrap().len(), 1);
    }

    #[test]
    fn a_run_that_died_is_finished_or_cleared() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open_or_create(dir.path()).unwrap();
        let entry = publish(&store, "b1", vec![]).unwrap();
        let place = store.root().join(&entry.files[0].path);
        // As if the machine had died between the manifest entry and the rename.
        let tmp = store.tmp("b1");
        fs::create_dir_all(&tmp).unwrap();
        fs::write(tmp.join("lock"), b"").unwrap();
        fs::rename(&place, tmp.join(crate::store::layout::staged_name(&entry.files[0].path)))
            .unwrap();
        assert_eq!(verify(&store).unwrap().findings, [], "readable before it is moved");
        // And another that never committed.
        let never = store.tmp("b2");
        fs::create_dir_all(&never).unwrap();
        fs::write(never.join("lock"), b"").unwrap();
        let store = Store::open_or_create(dir.path()).unwrap();
        assert!(place.is_file() && !tmp.exists() && !never.exists());
        assert_eq!(verify(&store).unwrap().findings, []);
    }
}
