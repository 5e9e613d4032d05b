//! What a session refuses, and how it says so.

use std::time::Duration;

use analyze::session::{Limits, SessionError};

use crate::fixture::{BEGIN, Fixture, ask, flow};

#[tokio::test]
async fn nothing_can_be_changed() {
    let mut wrong = Vec::new();
    let fixture = Fixture::new();
    let session = fixture.session().await;
    let out = fixture.dir.path().join("out");
    let copy = format!("COPY (SELECT 1) TO '{}' STORED AS CSV", out.display());
    let outside = "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'";
    for sql in [
        copy.as_str(),
        &format!("EXPLAIN ANALYZE {copy}"),
        outside,
        "CREATE TABLE t AS SELECT 1",
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE VIEW attributed AS SELECT 1",
        "CREATE SCHEMA s",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "DROP TABLE flows",
        "DROP VIEW attributed",
        "INSERT INTO flows SELECT * FROM flows",
        "DELETE FROM flows",
        "UPDATE flows SET bytes = 0",
        "TRUNCATE TABLE flows",
        "SET datafusion.execution.batch_size = 17",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "BEGIN",
    ] {
        let error = session.collect(sql).await.unwrap_err();
        let text = error.to_string();
        println!("{sql}\n    {text}");
        let sentence = !text.contains('\n') && !text.contains("backtrace");
        if !sentence || !matches!(error, SessionError::Refused(_)) {
            wrong.push(format!("{sql}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!out.exists());
    assert_eq!(ask(&session, "SELECT count(*) FROM attributed").await.unwrap(), ["0"]);
}

#[tokio::test]
async fn questions_are_answered() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    let session = fixture.session().await;
    for sql in [
        "SELECT 1",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "VALUES (1), (2)",
        "EXPLAIN SELECT * FROM attributed",
        "EXPLAIN ANALYZE SELECT count(*) FROM attributed WHERE service_vendor = 'google'",
        "SHOW TABLES",
        "SHOW COLUMNS FROM attributed",
        "SHOW ALL",
        "SHOW FUNCTIONS LIKE 'country'",
        "DESCRIBE attributed",
        "SELECT * FROM information_schema.columns",
    ] {
        assert!(!ask(&session, sql).await.unwrap().is_empty(), "{sql}");
    }
    let tables = ask(&session, "SHOW TABLES").await.unwrap().join("\n");
    for table in ["flows", "dns", "devices", "ledger", "attributed"] {
        assert!(tables.contains(&format!("|{table}|")), "{tables}");
    }
    assert_eq!(ask(&session, "SHOW datafusion.execution.time_zone").await.unwrap().len(), 1);
}

#[tokio::test]
async fn errors_are_one_sentence() {
    let mut wrong = Vec::new();
    let session = Fixture::new().session().await;
    for (sql, parts) in [
        ("SELECT src_byte FROM flows", &["src_byte", "src_bytes"][..]),
        ("SELECT contry(dst_ip) FROM flows", &["contry", "country"]),
        ("SELECT * FROM flow", &["flow"]),
        ("SELEC 1", &["could not be read"]),
        ("", &["No SQL"]),
        ("SELECT 1; SELECT 2", &["one at a time"]),
        ("SELECT * FROM '/etc/passwd'", &["not found"]),
        ("SELECT * FROM 'file:///etc/passwd'", &["not found"]),
        (
            "SELECT ip_in(src_ip, '10.0.0.0/40') FROM flows",
            &["ip_in", "cidr", "10.0.0.0/40", "ADDRESS/LENGTH"],
        ),
        ("SELECT ip_in('10.0.0.1', 'x')", &["ip_in", "cidr"]),
        (
            "SELECT community_id('1.2.3.4', 1, '1.2.3.5', 2, 300)",
            &["community_id", "ip_proto", "255"],
        ),
        ("SELECT community_id('1.2.3.4', 1, '1.2.3.5', 2, 6, -1)", &["community_id", "seed"]),
        ("SELECT country(1, 2)", &["country"]),
    ] {
        let error = ask(&session, sql).await.unwrap_err();
        assert!(!error.contains('\n') && !error.contains("backtrace"), "{sql}: {error}");
        println!("{sql}\n    {error}");
        if !parts.iter().all(|part| error.contains(part)) {
            wrong.push(format!("{sql}: {error}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn time_and_memory_have_bounds() {
    let limits =
        Limits { timeout: Some(Duration::from_millis(100)), partitions: 2, ..Limits::default() };
    let session = Fixture::new().session_within(&limits).await;
    let endless = "SELECT count(*) FROM generate_series(1, 100000000) a, generate_series(1, 100000) b WHERE a.value % 7 = b.value % 11";
    let error = ask(&session, endless).await.unwrap_err();
    assert!(error.contains("longer than 0.1 s") && error.contains("--timeout"), "{error}");
    let limits = Limits { memory_bytes: 1 << 20, partitions: 1, ..Limits::default() };
    let session = Fixture::new().session_within(&limits).await;
    let hungry = "SELECT count(*) FROM generate_series(1, 1000000) a JOIN generate_series(1, 1000000) b ON a.value = b.value";
    let error = ask(&session, hungry).await.unwrap_err();
    assert!(error.contains("--memory") && !error.contains('\n'), "{error}");
}
