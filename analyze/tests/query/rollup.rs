//! Rollups say what the flows do, hour by hour, and are made again when they would not.

use analyze::rollup::{Done, Roller};
use analyze::session::Limits;
use schemas::flow::FlowRow;
use schemas::store::{Bucket, verify};

use crate::fixture::{BEGIN, Fixture, HOUR, ask, catalog, flow, ip, named};

const DAY: i64 = 24 * HOUR;
/// Midnight before.
const MIDNIGHT: i64 = BEGIN / DAY * DAY;

const SUMS: &str = "sum(bytes_up), sum(bytes_down), sum(packets_up), sum(packets_down), sum(flows)";
const CELLS: &str =
    "direction, service_vendor, operator, server_country, vendor_country, device_vendor, evidence";

async fn roll(fixture: &Fixture, run: &str, until: i64) -> [Done; 2] {
    let store = fixture.store();
    let tending = store.tend().unwrap();
    let mut roller = Roller {
        store: &store,
        tending: &tending,
        catalog: catalog(),
        limits: Limits { partitions: 2, ..Limits::default() },
        run: run.to_owned(),
        until,
        begun: 0,
    };
    roller.roll().await.unwrap()
}

/// Flows of some services and clients about an hour.
fn traffic(hour: i64) -> Vec<FlowRow> {
    let at = MIDNIGHT + hour * HOUR;
    let mut rows = Vec::new();
    for number in 0..20 {
        let (name, address) = match number % 4 {
            0 => ("api.account.xiaomi.com", "42.62.48.137"),
            1 => ("www.apple.com", "17.253.144.10"),
            2 => ("line.naver.jp", "147.92.128.1"),
            _ => ("nobody.example", "8.8.8.8"),
        };
        let mut row = named(flow(at + number * 60_000_000, address), name);
        row.src_ip = ip(&format!("10.0.0.{}", number % 7));
        row.flow_part = i32::from(number % 5 == 0);
        row.src_bytes += number;
        if number == 11 {
            (row.src_ip, row.dst_ip, row.direction) = (row.dst_ip, row.src_ip, "inbound");
        }
        rows.push(row);
    }
    rows
}

/// What the flows say of each bucket, in the columns of a rollup.
fn from_flows(bucket: &str) -> String {
    let up = |what: &str| {
        format!("sum(CASE direction WHEN 'inbound' THEN dst_{what} ELSE src_{what} END)")
    };
    let down = |what: &str| {
        format!("sum(CASE direction WHEN 'inbound' THEN src_{what} ELSE dst_{what} END)")
    };
    format!(
        "SELECT date_trunc('{bucket}', flow_end) AS bucket, {CELLS}, {}, {}, {}, {}, count(*) FILTER (WHERE flow_part = 0) AS flows
         FROM attributed GROUP BY ALL_COLUMNS ORDER BY ALL_COLUMNS",
        up("bytes"), down("bytes"), up("packets"), down("packets")
    )
    .replace("ALL_COLUMNS", "1, 2, 3, 4, 5, 6, 7, 8")
}

fn from_rollup(table: &str) -> String {
    format!(
        "SELECT bucket_start, {CELLS}, {SUMS} FROM {table} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
    )
}

async fn assert_equal(fixture: &Fixture) {
    let session = fixture.session().await;
    for (table, bucket) in [("rollup_hourly", "hour"), ("rollup_daily", "day")] {
        let flows = ask(&session, &from_flows(bucket)).await.unwrap();
        assert_eq!(ask(&session, &from_rollup(table)).await.unwrap(), flows, "{table}");
        assert!(flows.len() >= 4, "{flows:?}");
    }
    let clients = "SELECT sketch_count(sketch_merge(clients)) FROM rollup_daily";
    let exact = "SELECT count(DISTINCT CASE direction WHEN 'inbound' THEN dst_ip ELSE src_ip END) FROM flows";
    assert_eq!(ask(&session, clients).await.unwrap(), ask(&session, exact).await.unwrap());
    assert_eq!(verify(&fixture.store()).unwrap().findings, []);
}

fn done(buckets: u64, files: u64) -> (u64, u64) {
    (buckets, files)
}

fn counts(done: [Done; 2]) -> [(u64, u64); 2] {
    done.map(|done| (done.buckets, done.files))
}

#[tokio::test]
async fn sums_are_those_of_the_flows() {
    let mut fixture = Fixture::new();
    for hour in [0, 1, 14, 23, 24, 30, 47] {
        fixture.publish(&traffic(hour));
    }
    // The last hour has not ended.
    let open = MIDNIGHT + 2 * DAY - 1;
    assert_eq!(counts(roll(&fixture, "r1", open).await), [done(6, 2), done(1, 1)]);
    assert_eq!(counts(roll(&fixture, "r2", open).await), [done(0, 0), done(0, 0)]);
    // Now it has, and the first day is over for a day: its names are all known.
    let over = MIDNIGHT + 2 * DAY;
    assert_eq!(counts(roll(&fixture, "r3", over).await), [done(5, 2), done(2, 1)]);
    assert_equal(&fixture).await;
    // Rows that come late, of an hour that was there and of one that was not.
    fixture.publish(&traffic(14));
    fixture.publish(&traffic(15));
    assert_eq!(counts(roll(&fixture, "r4", over).await), [done(2, 1), done(1, 1)]);
    assert_equal(&fixture).await;
    assert_eq!(counts(roll(&fixture, "r5", over).await), [done(0, 0), done(0, 0)]);
    let entries = fixture.store().entries().unwrap();
    let rolled: Vec<_> = entries.iter().filter(|entry| entry.rolled.is_some()).collect();
    assert_eq!(rolled.len(), 3, "two days and a month");
    assert!(rolled.iter().all(|entry| entry.files.len() == 1));
    let mut buckets = rolled.iter().flat_map(|entry| &entry.rolled.as_ref().unwrap().buckets);
    let late = |bucket: &&Bucket| bucket.start == MIDNIGHT + 14 * HOUR;
    assert!(matches!(buckets.find(late), Some(Bucket { rows: 40, is_settled: true, .. })));
}

#[tokio::test]
async fn compaction_is_no_reason_to_roll_up_again() {
    use schemas::store::compact::{Bounds, Compactor};
    let mut fixture = Fixture::new();
    fixture.publish(&traffic(3));
    fixture.publish(&traffic(3));
    let over = MIDNIGHT + 3 * DAY;
    assert_eq!(counts(roll(&fixture, "r1", over).await), [done(1, 1), done(1, 1)]);
    {
        let store = fixture.store();
        let tending = store.tend().unwrap();
        let mut compactor = Compactor::new(&store, &tending, ("c1".into(), Bounds::default()));
        let heaps = compactor.heaps(i64::MAX).unwrap();
        assert_eq!(heaps.len(), 1, "rollups are not merged");
        compactor.compact(&heaps[0]).unwrap();
    }
    assert_eq!(counts(roll(&fixture, "r2", over).await), [done(0, 0), done(0, 0)]);
    assert_equal(&fixture).await;
}

#[tokio::test]
async fn sketches_are_made_merged_and_counted() {
    let mut fixture = Fixture::new();
    fixture.publish(&traffic(0));
    let session = fixture.session().await;
    let ask = |sql: &'static str| ask(&session, sql);
    assert_eq!(
        ask("SELECT sketch_count(sketch(src_ip)) FROM flows WHERE direction = 'outbound'")
            .await
            .unwrap(),
        ["7"]
    );
    assert_eq!(
        ask("SELECT sketch_count(sketch(site)) FROM flows").await.unwrap(),
        ["0"],
        "null is no value"
    );
    let merged = "SELECT sketch_count(sketch_merge(s)) FROM (SELECT dst_port, sketch(dst_ip) AS s FROM flows GROUP BY 1)";
    assert_eq!(ask(merged).await.unwrap(), ["5"]);
    assert_eq!(ask("SELECT sketch_count(NULL)").await.unwrap(), ["-"]);
    let error = ask("SELECT sketch_count(X'0905')").await.unwrap_err();
    assert!(error.contains("no sketch"), "{error}");
}
