//! The tables hold exactly what the manifest names, and planning touches no more than it must.

use std::fs;

use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow};

#[tokio::test]
async fn an_empty_store_has_empty_tables() {
    let session = Fixture::new().session().await;
    for table in ["flows", "dns", "devices", "ledger", "attributed"] {
        let sql = format!("SELECT count(*) FROM {table}");
        assert_eq!(ask(&session, &sql).await.unwrap(), ["0"], "{table}");
        let sql = format!("SELECT * FROM {table}");
        assert_eq!(ask(&session, &sql).await.unwrap(), [""; 0], "{table}");
    }
}

#[tokio::test]
async fn only_published_files_count() {
    let mut fixture = Fixture::new();
    let path = fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    let place = fixture.dir.path().join(&path);
    fs::copy(&place, place.with_file_name("stranger.parquet")).unwrap();
    let session = fixture.session().await;
    assert_eq!(ask(&session, "SELECT count(dst_ip) FROM flows").await.unwrap(), ["1"]);
}

#[tokio::test]
async fn a_missing_or_torn_file_is_an_error_with_its_name() {
    let mut fixture = Fixture::new();
    let early = fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    fixture.publish(&[flow(BEGIN + HOUR, "8.8.8.8")]);
    let place = fixture.dir.path().join(&early);
    let whole = fs::read(&place).unwrap();
    for (damage, why) in [(None, "not in the store"), (Some(&whole[..9]), "has 9 bytes")] {
        fs::remove_file(&place).unwrap();
        if let Some(bytes) = damage {
            fs::write(&place, bytes).unwrap();
        } else {
            fs::write(place.with_file_name("other"), b"").unwrap();
        }
        let session = fixture.session().await;
        let error = ask(&session, "SELECT sum(bytes) FROM flows").await.unwrap_err();
        for part in [early.as_str(), why, "outflow store verify"] {
            assert!(error.contains(part), "{error}");
        }
        let later = "SELECT sum(bytes) FROM flows WHERE flow_end >= '2014-09-23T15:00:00Z'";
        assert_eq!(ask(&session, later).await.unwrap(), ["3000"], "what is not asked is not read");
        fs::write(&place, &whole).unwrap();
    }
}

#[tokio::test]
async fn files_are_pruned_by_the_manifest() {
    let mut fixture = Fixture::new();
    for hour in 0..5 {
        fixture.publish(&[flow(BEGIN + hour * HOUR, "8.8.8.8")]);
    }
    let session = fixture.session().await;
    let plan = ask(
        &session,
        "EXPLAIN SELECT dst_ip FROM flows WHERE flow_end >= '2014-09-23T16:00:00Z' AND flow_end < '2014-09-23T17:00:00Z'",
    )
    .await
    .unwrap()
    .join("\n");
    assert_eq!(plan.matches(".parquet").count(), 1, "{plan}");
    assert!(plan.contains("hour=16"), "{plan}");
    let whole = ask(&session, "EXPLAIN SELECT count(*) FROM flows").await.unwrap().join("\n");
    assert!(!whole.contains(".parquet"), "the manifest knows how many rows there are: {whole}");
}
