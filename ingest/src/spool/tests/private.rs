//! What the spool holds of people, and what it says of that.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use schemas::store::{SpoolFile, Store};

use crate::archive::Archive as _;
use crate::config::IngestArgs;
use crate::metrics::Metrics;
use crate::privacy::{Privacy, PrivacyArgs, Profile};
use crate::spool::keeper::Step;
use crate::spool::tests::lab::{SECOND_NS, SENSOR, START_US, flow};
use crate::spool::{SpoolSettings, open, recover};

/// Whether the address of all rows is in the spool, while they are there; the publication is looked at, too.
fn spooled(profile: Profile) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, [7; 32]).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let mut args = IngestArgs::of(Vec::new(), folder.path().join("store"));
    args.inside = vec!["192.0.2.0/24".parse().unwrap()];
    args.privacy = PrivacyArgs { privacy: Some(profile), privacy_key: Some(key) };
    let privacy = Privacy::of(&args).unwrap();

    let store = Store::open_or_create(&args.store).unwrap();
    let settings = SpoolSettings {
        store: store.clone(),
        sensor: SENSOR.into(),
        boot: "00b1".to_owned(),
        spool_max_bytes: 1 << 30,
        metrics: Arc::new(Metrics::default()),
        privacy: privacy.statement(),
    };
    let recovered = recover(&store, SENSOR, "00b1", i64::MAX).unwrap();
    let (mut intake, mut keeper, press) = open(settings, recovered);
    for id in 0..100 {
        intake.flows(&privacy.flows(vec![flow(id, START_US)].into())).unwrap();
    }
    intake.cut(START_US * 1_000, &[], false).unwrap();
    assert_eq!(keeper.step(), Step::Wrote);
    let is_spool = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "spool");
    let mut paths = fs::read_dir(store.spool()).unwrap().map(|entry| entry.unwrap().path());
    let path = paths.find(is_spool).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(SpoolFile::open(&path).unwrap().header.privacy, privacy.statement());

    intake.close(START_US * 1_000 + SECOND_NS).unwrap();
    keeper.run();
    assert_eq!(press.run().rows, 100);
    for entry in store.entries().unwrap() {
        let stated = privacy.statement().map(|stated| (stated.profile, stated.key_id));
        assert_eq!(entry.privacy.map(|stated| (stated.profile, stated.key_id)), stated);
    }
    bytes.windows(9).any(|window| window == b"192.0.2.1")
}

#[test]
fn rows_are_hidden_before_they_are_on_the_disk() {
    assert!(spooled(Profile::None), "in clear it is there");
    assert!(!spooled(Profile::Truncate));
    assert!(!spooled(Profile::Pseudonymise));
}
