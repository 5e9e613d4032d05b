//! What a report says of the capture: hand-made rows of the ledger, published like any others, and every sentence they lead to.

use std::process::Command;

use analyze::report::{CellRow, Day, Report};
use schemas::Micros;
use schemas::flow::FlowRow;
use schemas::ledger::LedgerRow;

use crate::fixture::{BEGIN, Fixture, catalog, flow};

/// 2014-09-23 00:00 UTC.
const DAY: i64 = 1_411_430_400_000_000;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// An interval of lane 0 in which nothing came.
#[expect(clippy::too_many_lines, reason = "one line for each column")]
pub(crate) fn row(from: i64, to: i64) -> LedgerRow {
    LedgerRow {
        ts_start: Micros(from),
        ts_end: Micros(to),
        sensor_id: "tap".into(),
        interface: "eth1".into(),
        queue: 0,
        backend: "tpacket_v3",
        kind: "interval",
        packets_seen: 0,
        open_start: 0,
        open_end: 0,
        exported: 0,
        ignored_link_type: 0,
        ignored_arp: 0,
        ignored_non_ip: 0,
        ignored_truncated: 0,
        ignored_malformed: 0,
        ignored_too_deep: 0,
        ignored_duplicate: None,
        duplicates: None,
        kernel_packets: None,
        kernel_drops: None,
        ring_pending: None,
        kernel_freezes: None,
        xdp_rx_dropped: None,
        xdp_rx_ring_full: None,
        xdp_fill_ring_empty: None,
        nic_rx_packets: None,
        nic_rx_dropped: None,
        nic_rx_errors: None,
        queue_drops: 0,
        filtered: None,
        wire_filtered: None,
        super_frames: None,
        tcp_acks: None,
        tcp_ack_gaps: None,
        length_exceeds_frame: 0,
        wire_bytes: 0,
        wire_open_start: 0,
        wire_open_end: 0,
        wire_exported: 0,
        wire_ignored: 0,
        ip_bytes: 0,
        ip_open_start: 0,
        ip_open_end: 0,
        ip_exported: 0,
        flow_table_entries: 0,
        flow_evictions: 0,
        fragments_unmatched: 0,
        dns_evictions: 0,
        names_refused: None,
        duplicates_forgotten: None,
        rows_written: 0,
        one_way_rows: None,
        wrong_lane_flows: None,
        rows_lost: None,
        rows_lost_packets: None,
        rows_lost_wire_bytes: None,
        rows_lost_ip_bytes: None,
        open_lost: None,
        wire_open_lost: None,
        ip_open_lost: None,
        coverage_s: (to - from) / SECOND,
        link_up: None,
        clock_step_us: 0,
        kernel_balance_error: None,
        timestamp_source: None,
        balance_error: 0,
        wire_balance_error: 0,
        ip_balance_error: 0,
        detail: None,
    }
}

/// An interval of a ring: 1 000 packets came and are in records.
fn ring(from: i64, to: i64, queue: i32) -> LedgerRow {
    LedgerRow {
        queue,
        packets_seen: 1_000,
        exported: 1_000,
        kernel_packets: Some(1_000),
        kernel_drops: Some(0),
        kernel_balance_error: Some(0),
        ring_pending: Some(0),
        kernel_freezes: Some(0),
        filtered: Some(0),
        super_frames: Some(0),
        rows_written: 10,
        one_way_rows: Some(1),
        wrong_lane_flows: Some(0),
        // The lane's thread is rarely on time: whole seconds are rounded down.
        coverage_s: (to - from) / SECOND - i64::from(queue),
        ..row(from, to)
    }
}

fn noted(kind: &'static str, from: i64, to: i64, detail: &str) -> LedgerRow {
    LedgerRow {
        kind,
        filtered: Some(0),
        detail: Some(detail.into()),
        coverage_s: 0,
        ..row(from, to)
    }
}

fn capture() -> LedgerRow {
    LedgerRow {
        backend: "file",
        interface: "day.pcap".into(),
        packets_seen: 500,
        exported: 460,
        filtered: Some(40),
        ..row(DAY + HOUR, DAY + 2 * HOUR)
    }
}

/// A bad day of two lanes behind a filter in the kernel: a kill at 3:00, a link down at 5:10, and every kind of loss.
fn bad_day() -> Vec<LedgerRow> {
    let mut rows = Vec::new();
    for hour in (0..24).filter(|hour| *hour != 3) {
        for queue in 0..2 {
            let from = DAY + hour * HOUR;
            let mut row = LedgerRow { filtered: None, ..ring(from, from + HOUR, queue) };
            match (hour, queue) {
                (5, _) => row.coverage_s = 3_000,
                (7, 0) => {
                    (row.kernel_packets, row.kernel_drops) = (Some(1_100), Some(100));
                    row.kernel_freezes = Some(2);
                    (row.queue_drops, row.exported) = (50, 950);
                    row.super_frames = Some(3);
                    row.wrong_lane_flows = Some(4);
                }
                (8, 1) => (row.rows_lost, row.rows_lost_packets) = (Some(2), Some(30)),
                (9, 0) => (row.open_lost, row.exported) = (Some(20), 980),
                (10, 0) => {
                    (row.tcp_acks, row.tcp_ack_gaps) = (Some(2_000), Some(5));
                    row.nic_rx_packets = Some(50_000);
                    row.nic_rx_dropped = Some(6);
                    row.nic_rx_errors = Some(7);
                }
                _ => {}
            }
            rows.push(row);
        }
    }
    let at = DAY + 11 * HOUR;
    let step = noted("event", at, at, "the clock was set by -90.500 s");
    rows.extend([
        noted("gap", DAY + 3 * HOUR, DAY + 3 * HOUR + 30 * MINUTE, "the probe did not run"),
        noted("gap", DAY + 5 * HOUR + 10 * MINUTE, DAY + 5 * HOUR + 20 * MINUTE, "eth1 was away"),
        LedgerRow { clock_step_us: -90_500_000, ..step },
        capture(),
    ]);
    rows
}

#[tokio::test]
async fn a_row_that_tells_of_few_clients_is_merged() {
    let client = |n: i64, to: &str, name: &str| {
        let src_ip = crate::fixture::ip(&format!("10.0.2.{n}"));
        crate::fixture::named(FlowRow { src_ip, ..flow(BEGIN + n, to) }, name)
    };
    let mut fixture = Fixture::new();
    let mut rows: Vec<FlowRow> =
        (0..12).map(|n| client(n, "203.69.138.10", "a.miui.com")).collect();
    rows.extend((0..11).map(|n| client(n, "42.62.48.137", "b.miui.com")));
    rows.extend((0..10).map(|n| client(n, "17.253.50.116", "www.apple.com")));
    rows.push(client(1, "47.241.35.73", "c.miui.com"));
    rows.push(client(2, "147.92.128.1", "line.me"));
    fixture.publish(&rows);
    let all = report(&fixture).await;
    let k = reported(&fixture, Some(5)).await;
    let vendors = |report: &Report| -> Vec<(String, i64)> {
        report.vendors.iter().map(|v| (v.row.vendor.clone(), v.row.bytes_up)).collect()
    };
    let cells = |report: &Report| -> Vec<(String, i64)> {
        let cells = report.vendor_country.iter().filter(|cell| cell.flows > 0);
        let name =
            |cell: &CellRow| format!("{} {}", cell.vendor.as_deref().unwrap_or("-"), cell.place);
        cells.map(|cell| (name(cell), cell.bytes_up)).collect()
    };
    assert_eq!(vendors(&all).len(), 3);
    assert_eq!(vendors(&k), [("xiaomi".into(), 24_000), ("other".into(), 11_000)]);
    assert_eq!(
        cells(&k),
        [
            ("xiaomi TW".into(), 12_000),
            ("xiaomi other".into(), 12_000),
            ("other other".into(), 11_000)
        ]
    );
    let sum = |rows: Vec<(String, i64)>| rows.iter().map(|(_, bytes)| bytes).sum::<i64>();
    assert_eq!((sum(cells(&k)), sum(cells(&all))), (35_000, 35_000));
    let told = serde_json::to_string(&k).unwrap();
    assert!(!told.contains("line.me") && !told.contains("\"SG\""), "{told}");
    assert_eq!(k.clients_min, Some(5));
}

async fn report(fixture: &Fixture) -> Report {
    reported(fixture, None).await
}

pub(crate) async fn reported(fixture: &Fixture, clients_min: Option<i64>) -> Report {
    let day = Day::new("2014-09-23", "UTC").unwrap();
    let session = fixture.session().await;
    Report::gather(&session, (&fixture.store(), clients_min), &catalog(), &day).await.unwrap()
}

fn plain(text: &[String]) -> Vec<String> {
    text.iter().map(|line| line.replace('\u{202f}', " ")).collect()
}

#[tokio::test]
async fn a_bad_day_is_told_in_full() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    fixture.publish_ledger(&bad_day(), |_| true);
    let report = report(&fixture).await;
    let losses = "100 dropped by the kernel, 50 dropped because a lane was full, \
                  30 in rows that the disk did not take, 20 in flows open when the probe was killed";
    let watched = "tap on eth1 was watched for 95.1388 % of the day, 22 h 50 min of 24 h";
    let told = &report.capture;
    assert_eq!(
        plain(&told.warnings),
        [
            format!("0.4293 % of the packets were lost, more than 0.1 % ({losses})."),
            format!("{watched}, less than 99 %."),
        ]
    );
    assert_eq!(
        plain(&told.notes),
        [
            format!("200 packets lost, 0.4293 %: {losses}."),
            "The kernel counted 46 100 packets, 100 of them dropped; its ring was full 2 times. \
             Difference to what the probe saw: 0."
                .to_owned(),
            format!("{watched}."),
            "Captures do not tell when nobody recorded: for them the share of the day is not known."
                .to_owned(),
            "The balance begins behind the filter: it ran in the kernel, and what it rejected nobody counted."
                .to_owned(),
            "40 packets did not match the filter.".to_owned(),
            "Estimate of what was lost before the probe: 5 of 2 000 TCP acknowledgements (0.25 %) are of data \
             that never came here. Losses counted above show in it as well."
                .to_owned(),
            "The interface itself dropped 6 packets and found 7 faulty, of 50 000 it counted; they are not in \
             the loss."
                .to_owned(),
            "3 frames were merged from several before the probe saw them (GRO, LRO): counts of packets are too \
             low. `ethtool -K INTERFACE gro off lro off` ends it."
                .to_owned(),
            "10 % of the records have packets in one direction only.".to_owned(),
            "4 flows were split: their two directions came to different lanes, and each is a one-way flow."
                .to_owned(),
            "The clock of a probe was set once, by 90.500 s at most: times around it are in doubt.".to_owned(),
        ]
    );
    assert_eq!(
        told.gaps,
        [
            "03:00:00 to 03:30:00 (30 min 00 s), tap on eth1: the probe did not run",
            "03:30:00 to 04:00:00 (30 min 00 s), tap on eth1: the ledger has no row",
            "05:10:00 to 05:20:00 (10 min 00 s), tap on eth1: eth1 was away",
        ]
    );
    assert_eq!(report.completeness.covered_percent, Some(95.1388));
    exit_and_page_warn(&fixture);
}

fn exit_and_page_warn(fixture: &Fixture) {
    let out = fixture.dir.path().join("report");
    let run = Command::new(env!("CARGO_BIN_EXE_outflow"))
        .args(["report", "--date", "2014-09-23", "--store"])
        .arg(fixture.dir.path())
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(3), "{told}");
    assert!(told.contains("outflow: 0.4293 % of the packets were lost"), "{told}");
    let page = std::fs::read_to_string(out.join("report.html")).unwrap();
    let (banner, text) = (page.find("This day is not complete"), page.find("class=\"answer\""));
    assert!(banner.unwrap() < text.unwrap(), "the warning stands before the answer");
    for said in ["begins behind the filter", "03:30:00 to 04:00:00", "lost: a lane was full"] {
        assert!(page.contains(said), "the page must say {said}");
    }
    if let Some(kept) = std::env::var_os("OUTFLOW_KEEP_PAGE") {
        std::fs::copy(out.join("report.html"), kept).unwrap();
    }
}

#[tokio::test]
async fn a_good_day_of_a_ring_has_no_warning() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    // From the evening before to the morning after, in intervals that no midnight cuts.
    let rows: Vec<LedgerRow> = (-3..170)
        .map(|part| DAY + part * 511 * SECOND)
        .flat_map(|from| [ring(from, from + 511 * SECOND, 0), ring(from, from + 511 * SECOND, 1)])
        .collect();
    fixture.publish_ledger(&rows, |_| true);
    let report = report(&fixture).await;
    assert_eq!(report.capture.warnings, [""; 0]);
    assert_eq!(report.capture.gaps, [""; 0]);
    assert_eq!(report.completeness.covered_percent, Some(100.0));
    assert_eq!(report.ledger.lost_ppm(), Some(0));
    assert!(report.is_complete());
}

#[tokio::test]
async fn a_probe_that_died_in_the_evening_is_missed() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    fixture.publish_ledger(&[ring(DAY, DAY + 20 * HOUR, 0)], |_| true);
    let report = report(&fixture).await;
    assert!(!report.is_complete());
    assert_eq!(
        report.capture.gaps,
        ["20:00:00 to 24:00:00 (4 h), tap on eth1: the ledger has no row"]
    );
}

#[tokio::test]
async fn many_gaps_are_counted_and_the_longest_are_listed() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    let gap = |n: i64| {
        let from = DAY + n * HOUR / 2;
        noted("gap", from, from + (n + 1) * MINUTE / 2, "eth1 was away")
    };
    let mut rows: Vec<LedgerRow> = (0..25).map(gap).collect();
    rows.push(ring(DAY, DAY + 24 * HOUR, 0));
    fixture.publish_ledger(&rows, |_| true);
    let gaps = report(&fixture).await.capture.gaps;
    assert_eq!(gaps.len(), 21);
    assert_eq!(
        gaps.first().unwrap(),
        "02:30:00 to 02:33:00 (3 min 00 s), tap on eth1: eth1 was away"
    );
    assert_eq!(gaps.last().unwrap(), "and 5 more");
}

#[tokio::test]
async fn a_store_from_before_these_columns_is_read() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8")]);
    let old = LedgerRow { filtered: None, exported: 500, ..capture() };
    fixture.publish_ledger(&[old], |column| !column.nullable);
    let report = report(&fixture).await;
    assert_eq!(report.ledger.lost_ppm(), Some(0));
    assert_eq!(report.ledger.exported, 500);
    assert_eq!(report.completeness.covered_percent, None);
    assert_eq!(
        plain(&report.capture.notes),
        [
            "No packet is known to be lost.",
            "Captures do not tell when nobody recorded: for them the share of the day is not known.",
        ]
    );
    assert!(report.is_complete());
}
