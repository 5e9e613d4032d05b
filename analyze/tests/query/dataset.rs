//! The tables hold exactly what the manifest names, and planning touches no more than it must.

use std::fs;

use analyze::session::Limits;
use schemas::Micros;
use schemas::flow::FlowRow;
use schemas::ledger::LedgerRow;

use crate::capture::row as interval;
use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow, named};

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

/// Flows that end in an hour began in it or before.
#[tokio::test]
async fn files_are_pruned_by_every_time_that_the_manifest_states() {
    let mut fixture = Fixture::new();
    let paths: Vec<_> = (0..3)
        .map(|hour| {
            let late = flow(BEGIN + hour * HOUR, "8.8.8.8");
            let early =
                FlowRow { flow_start: Micros(late.flow_start.0 - HOUR / 2), ..late.clone() };
            fixture.publish(&[early, late])
        })
        .collect();
    let session = fixture.session().await;
    let sql = "EXPLAIN SELECT dst_ip FROM flows WHERE flow_start >= '2014-09-23T14:30:00Z' AND flow_start < '2014-09-23T15:30:00Z'";
    let plan = ask(&session, sql).await.unwrap().join("\n");
    assert_eq!(plan.matches(".parquet").count(), 1, "{plan}");
    let unknown =
        "EXPLAIN SELECT dst_ip FROM flows WHERE dns_names_at IS NULL OR flow_start IS NULL";
    let plan = ask(&session, unknown).await.unwrap().join("\n");
    assert_eq!(plan.matches(".parquet").count(), 3, "{plan}");
    // Octets that would be an error if they were read: the first hour has all that is asked for.
    let place = fixture.dir.path().join(&paths[2]);
    fs::write(&place, vec![0; fs::read(&place).unwrap().len()]).unwrap();
    let limits = Limits { partitions: 1, ..Limits::default() };
    let session = fixture.session_within(&limits).await;
    let first =
        "SELECT flow_id FROM flows WHERE dst_ip = '8.8.8.8' ORDER BY flow_start, flow_id LIMIT 2";
    assert_eq!(ask(&session, first).await.unwrap().len(), 2);
    assert!(ask(&session, &first.replace("LIMIT 2", "LIMIT 5")).await.is_err());
}

/// One filter only, in the scan: a second one would hold rows back until many have come, and an early end would come late.
#[tokio::test]
async fn rows_of_one_text_are_those_that_have_it() {
    let mut fixture = Fixture::new();
    for hour in 0..3 {
        let row = |n: i64| {
            let server = if n % 2 == 0 { "8.8.8.8" } else { "9.9.9.9" };
            let plain = flow(BEGIN + hour * HOUR + n % 7, server);
            let row = if n % 3 == 0 { named(plain, "mi.com") } else { plain };
            FlowRow { flow_id: n, ..row }
        };
        fixture.publish(&(0..500).map(row).collect::<Vec<_>>());
    }
    let session = fixture.session().await;
    let same =
        "SELECT flow_start, flow_id FROM flows WHERE {} AND src_port > 0 ORDER BY 1, 2 LIMIT 100";
    for sql in [
        same,
        "SELECT count(*) FROM flows WHERE {}",
        "SELECT count(*), min(flow_id) FROM (SELECT flow_id FROM flows WHERE {} LIMIT 30) WHERE flow_id >= 0 HAVING count(*) = 30 AND min(flow_id) % 3 = 0",
        "SELECT server_name, dst_ip, count(*) FROM flows WHERE {} OR dst_port = 1 GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT server_name, dst_ip, count(*) FROM flows WHERE {} AND dst_ip = '8.8.8.8' GROUP BY 1, 2 ORDER BY 1, 2",
        "SELECT one.flow_id, count(*) FROM flows one JOIN flows two USING (dst_ip) WHERE one.{} AND two.flow_id = 3 GROUP BY 1 ORDER BY 1 LIMIT 5",
    ] {
        let late = ask(&session, &sql.replace("{}", "server_name = 'mi.com'")).await.unwrap();
        let plain = ask(&session, &sql.replace("{}", "server_name LIKE 'mi.co_'")).await.unwrap();
        assert_eq!(late, plain, "{sql}");
        assert!(!late.is_empty(), "{sql}");
    }
    let sql = "EXPLAIN SELECT flow_id FROM flows WHERE server_name = 'mi.com' ORDER BY flow_start LIMIT 9";
    let plan = ask(&session, sql).await.unwrap().join("\n");
    assert!(!plan.contains("FilterExec"), "{plan}");
}

#[tokio::test]
async fn a_file_without_the_column_has_no_such_row() {
    let mut fixture = Fixture::new();
    let plain = interval(BEGIN, BEGIN + HOUR);
    let told = LedgerRow { detail: Some("moved".into()), ..plain.clone() };
    fixture.publish_ledger(&[told, plain.clone()], |_| true);
    fixture.publish_ledger(&[plain], |column| column.name != "detail");
    let session = fixture.session().await;
    for (rows, count) in
        [("detail = 'moved'", "1"), ("detail = 'new'", "0"), ("sensor_id <> ''", "3")]
    {
        let sql = format!("SELECT count(*) FROM ledger WHERE {rows}");
        assert_eq!(ask(&session, &sql).await.unwrap(), [count], "{rows}");
    }
}
