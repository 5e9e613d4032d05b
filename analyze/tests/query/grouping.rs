//! Groupings by words say what groupings by texts say: of any rows, in any files, and with little memory.

use analyze::session::{Limits, Session};
use proptest::prelude::*;
use schemas::flow::FlowRow;

use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow, named};

/// Each as an analyst asks it, with the same keys in a form that hides the words: text put together a row at a time.
const QUESTIONS: [(usize, &str, &str); 8] = [
    (1, "server_name", "(server_name || left(src_ip, 0))"),
    (1, "vendor_of(server_name)", "vendor_of((server_name || left(src_ip, 0)))"),
    (
        1,
        "coalesce(vendor_of(server_name), 'nobody')",
        "coalesce(vendor_of((server_name || left(src_ip, 0))), 'nobody')",
    ),
    (1, "character_length(server_name)", "character_length((server_name || left(src_ip, 0)))"),
    (
        2,
        "country(dst_ip), date_trunc('hour', flow_start)",
        "country((dst_ip || left(src_ip, 0))), date_trunc('hour', flow_start)",
    ),
    (
        3,
        "server_name, dst_port, ech_offered",
        "(server_name || left(src_ip, 0)), dst_port, ech_offered",
    ),
    (
        4,
        "server_name IS NULL, proto, dst_ip, flow_part",
        "(server_name || left(src_ip, 0)) IS NULL, (proto || left(src_ip, 0)), (dst_ip || left(src_ip, 0)), flow_part",
    ),
    (
        2,
        "server_name LIKE '%mi.com', server_name",
        "(server_name || left(src_ip, 0)) LIKE '%mi.com', (server_name || left(src_ip, 0))",
    ),
];

/// What is summed, and of which rows.
const SUMS: [(&str, &str); 4] = [
    ("count(*), sum(bytes), min(flow_start)", "TRUE"),
    ("count(dst_port), count(DISTINCT src_port), avg(src_bytes)", "dst_port > 400"),
    ("sum(bytes) FILTER (WHERE dst_port = 443), count(server_name)", "server_name LIKE '%i%'"),
    ("max(server_name), count(*)", "flow_start >= '2014-09-23T15:00:00Z'"),
];

fn any_flow() -> impl Strategy<Value = FlowRow> {
    let name = prop::sample::select(vec![None, Some("api.xiaomi.com"), Some("mi.com"), Some("i")]);
    let address = prop::sample::select(vec!["8.8.8.8", "119.29.29.29", "2001:db8::1", "10.0.0.1"]);
    let port = prop::option::of(prop::sample::select(vec![53, 80, 443]));
    (name, address, port, 0..3_i64, any::<Option<bool>>()).prop_map(
        |(name, address, port, hour, ech)| {
            let plain = flow(BEGIN + hour * HOUR, address);
            let row = name.map_or_else(|| plain.clone(), |name| named(plain.clone(), name));
            FlowRow {
                dst_port: port,
                ech_offered: ech,
                src_port: Some(port.unwrap_or(7) * 2),
                ..row
            }
        },
    )
}

async fn compare(session: &Session, keys: (usize, &str, &str), (sums, rows): (&str, &str)) {
    let (count, words, texts) = keys;
    let by = (1..=count).map(|key| key.to_string()).collect::<Vec<_>>().join(", ");
    let question = |keys: &str| {
        format!("SELECT {keys}, {sums} FROM flows WHERE {rows} GROUP BY {by} ORDER BY {by}")
    };
    let by_words = ask(session, &question(words)).await.unwrap();
    let by_texts = ask(session, &question(texts)).await.unwrap();
    assert_eq!(by_words, by_texts, "{}", question(words));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn words_and_texts_say_the_same(
        files in prop::collection::vec(prop::collection::vec(any_flow(), 1..60), 1..5),
    ) {
        let engine = tokio::runtime::Builder::new_current_thread().build().unwrap();
        engine.block_on(async {
            let mut fixture = Fixture::new();
            for rows in &files {
                fixture.publish(rows);
            }
            let session = fixture.session().await;
            for keys in QUESTIONS {
                for sums in SUMS {
                    compare(&session, keys, sums).await;
                }
            }
        });
    }
}

#[tokio::test]
async fn a_plan_says_which_words_it_groups_by() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    let session = fixture.session().await;
    let sql =
        "EXPLAIN SELECT country(dst_ip), sum(bytes) FROM flows WHERE dst_port = 443 GROUP BY 1";
    let plan = ask(&session, sql).await.unwrap().join("\n");
    assert!(plan.contains("GroupingExec: keys=[country(word@0) of dst_ip]"), "{plan}");
    // A filter may look into words, too.
    let sql = "EXPLAIN SELECT dst_ip, sum(bytes) FROM flows WHERE dst_ip LIKE '8%' GROUP BY 1";
    let plan = ask(&session, sql).await.unwrap().join("\n");
    assert!(plan.contains("FilterExec: by_word(dst_ip@0 LIKE 8%)"), "{plan}");
    // What a sum needs stays text, and so does what few rows are picked by.
    for sql in [
        "EXPLAIN SELECT dst_ip, sum(bytes) FROM flows WHERE dst_ip = '8.8.8.8' GROUP BY 1",
        "EXPLAIN SELECT dst_ip, max(dst_ip) FROM flows GROUP BY 1",
        "EXPLAIN SELECT dst_port, sum(bytes) FROM flows GROUP BY 1",
    ] {
        let plan = ask(&session, sql).await.unwrap().join("\n");
        assert!(!plan.contains("GroupingExec"), "{plan}");
    }
}

#[tokio::test]
async fn with_little_memory_groups_are_handed_over_early() {
    let mut fixture = Fixture::new();
    let address = |n: i64| format!("10.{}.{}.{}", n >> 16, (n >> 8) & 255, n & 255);
    let rows: Vec<FlowRow> =
        (0..60_000).map(|n| flow(BEGIN + n % 3, &address(n % 20_000))).collect();
    fixture.publish(&rows);
    let sql = "SELECT count(*), sum(n), sum(b) FROM (SELECT dst_ip, count(*) n, sum(bytes) b FROM flows GROUP BY 1)";
    let limits = Limits { memory_bytes: 9 << 20, partitions: 2, ..Limits::default() };
    let little = fixture.session_within(&limits).await;
    assert_eq!(ask(&little, sql).await.unwrap(), ["20000|60000|180000000"]);
}

#[tokio::test]
async fn a_word_that_no_row_has_is_no_error() {
    let mut fixture = Fixture::new();
    let port =
        |name: &str, port| FlowRow { dst_port: Some(port), ..named(flow(BEGIN, "8.8.8.8"), name) };
    fixture.publish(&[port("12", 443), port("twelve", 80)]);
    let session = fixture.session().await;
    let sql = |port: i32| {
        format!(
            "SELECT CAST(server_name AS INT), count(*) FROM flows WHERE dst_port = {port} GROUP BY 1"
        )
    };
    assert_eq!(ask(&session, &sql(443)).await.unwrap(), ["12|1"]);
    assert!(ask(&session, &sql(80)).await.unwrap_err().contains("twelve"));
    let sql = "SELECT dst_port, count(*) FROM flows WHERE CAST(server_name AS INT) = 12 GROUP BY 1";
    assert!(ask(&session, sql).await.unwrap_err().contains("twelve"));
}

#[tokio::test]
async fn what_a_subquery_says_is_not_remembered() {
    let mut fixture = Fixture::new();
    fixture.publish(&[named(flow(BEGIN, "8.8.8.8"), "mi.com"), flow(BEGIN, "8.8.4.4")]);
    let session = fixture.session().await;
    for (sum, answer) in [("max(dst_ip)", "8.8.8.8"), ("min(dst_ip)", "8.8.4.4")] {
        let sql = format!(
            "SELECT coalesce(server_name, (SELECT {sum} FROM flows)) AS name, count(*) FROM flows GROUP BY 1 ORDER BY 1"
        );
        assert_eq!(ask(&session, &sql).await.unwrap(), [format!("{answer}|1"), "mi.com|1".into()]);
    }
}
