//! `completeness(from, to)`: what is open and what was lost bound what anybody could have had, and samples have an interval.

use schemas::flow::FlowRow;
use schemas::ledger::LedgerRow;

use crate::capture::row as interval;
use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow, named};

const RENTED: &str = "115.200.201.230";
const AKAMAI: &str = "203.69.138.10";
const APPLE: &str = "17.253.50.116";

/// 1 000 octets each to xiaomi, xiaomi contested with apple, apple, apple at an address that speaks against it, and nobody.
fn flows() -> [FlowRow; 5] {
    let mut contested = named(flow(BEGIN + 1, AKAMAI), "a.miui.com");
    contested.dns_names = vec!["www.apple.com".into()];
    [
        named(flow(BEGIN, AKAMAI), "a.miui.com"),
        contested,
        named(flow(BEGIN + 2, APPLE), "www.apple.com"),
        named(flow(BEGIN + 3, RENTED), "www.apple.com"),
        flow(BEGIN + 4, AKAMAI),
    ]
}

fn ledger(kernel_drops: i64) -> LedgerRow {
    LedgerRow {
        packets_seen: 900,
        kernel_drops: Some(kernel_drops),
        ..interval(BEGIN, BEGIN + HOUR)
    }
}

async fn told(fixture: &Fixture, what: &str) -> Vec<String> {
    let sql = format!(
        "SELECT {what} FROM completeness('2014-09-23', '2014-09-24T00:00:00Z') ORDER BY vendor"
    );
    ask(&fixture.session().await, &sql).await.unwrap()
}

#[tokio::test]
async fn everything_open_could_be_one_vendors() {
    let mut fixture = Fixture::new();
    fixture.publish(&flows());
    let bounds = "vendor, bytes_up, share_percent, at_most_bytes_up, at_most_percent";
    assert_eq!(
        told(&fixture, bounds).await,
        ["apple|1000|20.0|-|-", "xiaomi|2000|40.0|-|-", "-|2000|40.0|-|-"],
        "no ledger, no bound"
    );
    fixture.publish_ledger(&[ledger(0)], |_| true);
    assert_eq!(
        told(&fixture, bounds).await,
        ["apple|1000|20.0|4000|80.0", "xiaomi|2000|40.0|4000|80.0", "-|2000|40.0|3000|60.0"]
    );
    let whole = "DISTINCT attributed_percent, contested_percent, mismatch_percent, unattributed_percent, lost_percent";
    let sql = format!("SELECT {whole} FROM completeness('2014-09-23', '2014-09-24')");
    let session = fixture.session().await;
    assert_eq!(ask(&session, &sql).await.unwrap(), ["60.0|20.0|20.0|20.0|0.0"]);
    let empty = ask(&session, "SELECT * FROM completeness('2015-09-23', '2015-09-24')").await;
    assert_eq!(empty.unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_was_lost_could_be_anybodys() {
    let mut fixture = Fixture::new();
    fixture.publish(&flows());
    fixture.publish_ledger(&[ledger(100)], |_| true);
    // A tenth of the packets: at the mean size 5 000 / 9 octets.
    assert_eq!(
        told(&fixture, "vendor, at_most_bytes_up, at_most_percent, lost_percent").await,
        ["apple|4556|82.0|10.0", "xiaomi|4556|82.0|10.0", "-|3556|64.0|10.0"]
    );
}

#[tokio::test]
async fn a_bound_says_of_what_and_is_none_where_loss_was_not_counted() {
    let day = BEGIN - 14 * HOUR;
    let whole =
        LedgerRow { kernel_drops: Some(0), packets_seen: 9, ..interval(day, day + 24 * HOUR) };
    let hour =
        LedgerRow { ts_end: schemas::Micros(day + HOUR), coverage_s: 3_600, ..whole.clone() };
    let uncounted = LedgerRow { kernel_drops: None, ..hour.clone() };
    let capture = LedgerRow { backend: "file", ..uncounted.clone() };
    for (rows, expected) in [
        (vec![whole.clone()], "3000|0.0|all that passed|100.0"),
        (vec![hour.clone()], "3000|0.0|what was watched|4.1666"),
        (vec![whole, capture.clone()], "3000|0.0|what was watched|100.0"),
        (vec![capture], "3000|0.0|what was captured|-"),
        (
            vec![uncounted],
            "-|-|unknown: in 1 of 1 intervals nobody counted what the kernel dropped|4.1666",
        ),
        (vec![], "-|-|unknown: the ledger has no row of this time|-"),
    ] {
        let mut fixture = Fixture::new();
        fixture.publish(&flows());
        if !rows.is_empty() {
            fixture.publish_ledger(&rows, |_| true);
        }
        let what = "at_most_bytes_up, lost_percent, at_most_of, watched_percent";
        let told = told(&fixture, what).await;
        assert_eq!(told.last().unwrap(), expected);
    }
}

#[tokio::test]
async fn a_sample_has_an_interval() {
    let mut fixture = Fixture::new();
    let sampled = FlowRow { sampling_rate: 10, ..named(flow(BEGIN, APPLE), "www.apple.com") };
    fixture.publish(&[sampled, named(flow(BEGIN + 1, AKAMAI), "a.miui.com")]);
    fixture.publish_ledger(&[ledger(0)], |_| true);
    // 1.96 * sqrt(1000 * 1500 * 10 * 9)
    assert_eq!(
        told(&fixture, "vendor, bytes_up, scaled_bytes_up, margin_95, at_most_bytes_up").await,
        ["apple|1000|10000|22774|32774", "xiaomi|1000|1000|0|1000"]
    );
}

#[tokio::test]
async fn times_that_are_none_are_told() {
    let session = Fixture::new().session().await;
    for (call, said) in [
        ("completeness()", "two times"),
        ("completeness('2014-09-23')", "two times"),
        ("completeness('today', '2014-09-23')", "is no time"),
        ("completeness(NULL, '2014-09-23')", "is no time"),
        ("completeness(random(), '2014-09-23')", "as text"),
    ] {
        let error = ask(&session, &format!("SELECT * FROM {call}")).await.unwrap_err();
        assert!(error.contains(said), "{call}: {error}");
    }
}
