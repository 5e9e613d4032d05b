//! What is judged by more than the flow at hand: names that others saw at its server, and devices behind its client's address.

use analyze::session::Limits;
use schemas::Mac;
use schemas::flow::FlowRow;

use crate::fixture::{BEGIN, Fixture, HOUR, ask, flow, ip, named};

/// Nobody's, no cloud's, and no content network's.
const RENTED: &str = "115.200.201.230";
const AKAMAI: &str = "203.69.138.10";
const LINE_OWN: &str = "147.92.128.1";
const MINUTE: i64 = HOUR / 60;

/// A flow of another client than the one who was told names.
fn nameless(at: i64, dst_ip: &str) -> FlowRow {
    FlowRow { src_ip: ip("10.0.0.9"), ..flow(at, dst_ip) }
}

async fn judged(fixture: &Fixture, what: &str) -> Vec<String> {
    let sql = format!(
        "SELECT {what} FROM attributed WHERE server_name IS NULL ORDER BY flow_start, dst_ip"
    );
    ask(&fixture.session().await, &sql).await.unwrap()
}

const WHOSE: &str = "service_vendor, evidence, rule_id, contested_with";

#[tokio::test]
async fn an_address_with_one_vendors_names_is_the_vendors() {
    for (at, query, address, expected) in [
        (BEGIN - MINUTE, "a.miui.com", RENTED, "xiaomi|E2|domain:miui.com|-"),
        (BEGIN - 7 * MINUTE, "a.miui.com", RENTED, "-|E0|-|-"),
        (BEGIN + MINUTE, "a.miui.com", RENTED, "-|E0|-|-"),
        (BEGIN - MINUTE, "shop.example", RENTED, "-|E0|-|-"),
        (BEGIN - MINUTE, "a.miui.com", AKAMAI, "-|E0|-|-"),
        (BEGIN - MINUTE, "a.miui.com", LINE_OWN, "xiaomi|E2|domain:miui.com|line (E1)"),
        (BEGIN - MINUTE, "line.me", LINE_OWN, "line|E1|asn:38631|-"),
    ] {
        let mut fixture = Fixture::new();
        fixture.publish(&[nameless(BEGIN, address)]);
        fixture.publish_answer(at, query, address);
        assert_eq!(judged(&fixture, WHOSE).await, [expected], "{query} at {address}");
    }
}

#[tokio::test]
async fn two_vendors_names_leave_an_address_nobodys() {
    let mut fixture = Fixture::new();
    fixture.publish(&[nameless(BEGIN, RENTED), nameless(BEGIN + 30 * HOUR, RENTED)]);
    fixture.publish_answer(BEGIN - MINUTE, "a.miui.com", RENTED);
    fixture.publish_answer(BEGIN - 20 * HOUR, "www.samsung.com", RENTED);
    fixture.publish_answer(BEGIN + 30 * HOUR - MINUTE, "a.miui.com", RENTED);
    assert_eq!(judged(&fixture, "service_vendor, evidence").await, ["-|E0", "xiaomi|E2"]);
}

#[tokio::test]
async fn a_name_on_another_flow_counts_for_a_day() {
    let mut fixture = Fixture::new();
    let times = [-25, -23, 23, 25].map(|hours| nameless(BEGIN + hours * HOUR, RENTED));
    fixture.publish(&times);
    fixture.publish(&[named(flow(BEGIN, RENTED), "a.miui.com")]);
    let all = ["-|E0", "xiaomi|E2", "xiaomi|E2", "-|E0"];
    assert_eq!(judged(&fixture, "service_vendor, evidence").await, all);
    // How much is asked for decides nothing.
    let session = fixture.session().await;
    for (hours, expected) in [(-25, "-"), (-23, "xiaomi"), (23, "xiaomi"), (25, "-")] {
        let (from, to) = (BEGIN + hours * HOUR - 1, BEGIN + hours * HOUR + 2_000);
        let sql = format!(
            "SELECT service_vendor FROM attributed WHERE flow_end BETWEEN to_timestamp_micros({from}) AND to_timestamp_micros({to})"
        );
        assert_eq!(ask(&session, &sql).await.unwrap(), [expected], "{hours} h");
        assert_eq!(
            ask(&fixture.session().await, &sql).await.unwrap(),
            [expected],
            "{hours} h alone"
        );
    }
}

#[tokio::test]
async fn a_long_flow_is_judged_as_of_its_first_packet() {
    let mut fixture = Fixture::new();
    let late = BEGIN + 60 * HOUR;
    let part =
        FlowRow { flow_first_seen: schemas::Micros(BEGIN), flow_part: 9, ..nameless(late, RENTED) };
    fixture.publish(&[part]);
    fixture.publish_answer(BEGIN - MINUTE, "a.miui.com", RENTED);
    assert_eq!(judged(&fixture, "service_vendor, evidence").await, ["xiaomi|E2"]);
}

#[tokio::test]
async fn what_others_were_told_is_a_second_witness_and_names_on_flows_are_none() {
    let ask_named = async |fixture: &Fixture| {
        let sql = "SELECT evidence, name_ip_mismatch FROM attributed ORDER BY flow_start";
        ask(&fixture.session().await, sql).await.unwrap()
    };
    let mut fixture = Fixture::new();
    let spoofed = |at| named(nameless(at, RENTED), "www.apple.com");
    fixture.publish(&[spoofed(BEGIN), spoofed(BEGIN + 1)]);
    assert_eq!(ask_named(&fixture).await, ["E4|true", "E4|true"]);
    fixture.publish_answer(BEGIN - MINUTE, "a.miui.com", RENTED);
    assert_eq!(ask_named(&fixture).await, ["E4|true", "E4|true"]);
    let mut fixture = Fixture::new();
    fixture.publish(&[named(nameless(BEGIN, RENTED), "a.miui.com")]);
    assert_eq!(ask_named(&fixture).await, ["E4|false"]);
    fixture.publish_answer(BEGIN - MINUTE, "b.miui.com", RENTED);
    assert_eq!(ask_named(&fixture).await, ["E5|false"]);
}

#[tokio::test]
async fn behind_nat_a_device_is_named_by_its_own_flow_only() {
    let says =
        |at, agent: &str| FlowRow { http_user_agent: Some(agent.into()), ..flow(at, RENTED) };
    let redmi = "Dalvik/1.6.0 (Linux; U; Android 4.3; HM 1SW MIUI/JHBTWBF29.0)";
    let galaxy = "Dalvik/1.6.0 (Linux; U; Android 4.4.2; SM-G900I Build/KOT49H)";
    let mut fixture = Fixture::new();
    let rows = [says(BEGIN, redmi), flow(BEGIN + 1, RENTED), flow(BEGIN + 50 * HOUR, RENTED)];
    fixture.publish(&rows);
    let what = "device_vendor, device_evidence";
    let one = ["xiaomi|user_agent", "xiaomi|oui", "xiaomi|oui"];
    assert_eq!(judged(&fixture, what).await, one);
    fixture.publish(&[says(BEGIN + 2, galaxy)]);
    let many = ["xiaomi|user_agent", "-|multiple", "samsung|user_agent", "xiaomi|oui"];
    assert_eq!(judged(&fixture, what).await, many);
}

#[tokio::test]
async fn a_mac_with_many_addresses_is_a_routers() {
    let client = |n: i64| FlowRow { src_ip: ip(&format!("10.0.1.{n}")), ..flow(BEGIN + n, RENTED) };
    let mut fixture = Fixture::new();
    fixture.publish(&(0..8).map(client).collect::<Vec<_>>());
    assert!(judged(&fixture, "device_vendor").await.iter().all(|vendor| vendor == "xiaomi"));
    fixture.publish(&[client(8)]);
    assert!(judged(&fixture, "device_vendor").await.iter().all(|vendor| vendor == "-"));
    let alone = Mac([0x64, 0x09, 0x80, 0x1d, 0x52, 0x0b]);
    fixture.publish(&[FlowRow { src_mac: Some(alone), ..client(9) }]);
    assert_eq!(judged(&fixture, "device_vendor").await.last().unwrap(), "xiaomi");
}

#[tokio::test]
async fn a_routers_day_is_whole_whatever_is_asked() {
    // The first of its nine addresses spoke a minute after midnight, the last in the afternoon.
    let midnight = BEGIN - 14 * HOUR;
    let client = |n: i64| FlowRow {
        src_ip: ip(&format!("10.0.1.{n}")),
        ..flow(midnight + MINUTE + n * 2 * HOUR, RENTED)
    };
    let mut fixture = Fixture::new();
    for n in 0..9 {
        fixture.publish(&[client(n)]);
    }
    let from = midnight + 32 * HOUR;
    fixture.publish(&[FlowRow { src_ip: ip("10.0.1.8"), ..flow(from, RENTED) }]);
    let sql = format!(
        "SELECT device_vendor FROM attributed WHERE flow_start >= to_timestamp_micros({from}) AND flow_end >= to_timestamp_micros({from})"
    );
    assert_eq!(ask(&fixture.session().await, &sql).await.unwrap(), ["-"], "by itself");
    let all = "SELECT device_vendor FROM attributed ORDER BY flow_start DESC LIMIT 1";
    assert_eq!(ask(&fixture.session().await, all).await.unwrap(), ["-"], "among all");
}

#[tokio::test]
async fn an_encrypted_hello_needs_a_key_that_was_offered_before() {
    for (minutes, expected) in
        [(-1, "unknown"), (-23 * 60, "unknown"), (-25 * 60, "grease"), (60, "grease")]
    {
        let mut fixture = Fixture::new();
        let hello = FlowRow { ech_offered: Some(true), ..named(flow(BEGIN, AKAMAI), "a.miui.com") };
        fixture.publish(&[hello]);
        fixture.publish_offer(BEGIN + minutes * MINUTE, "a.miui.com");
        let told = ask(&fixture.session().await, "SELECT ech FROM attributed").await.unwrap();
        assert_eq!(told, [expected], "{minutes} min");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_no_evidence_and_far_days_take_no_room() {
    let address = |n: i64| format!("115.200.{}.{}", 200 + n / 200, 1 + n % 200);
    let mut fixture = Fixture::new();
    fixture.publish(&[nameless(BEGIN, RENTED)]);
    fixture.publish_answer(BEGIN - MINUTE, "a.miui.com", RENTED);
    let later = |n: i64| named(flow(BEGIN + 200 * HOUR + n, &address(n)), "a.miui.com");
    fixture.publish(&(0..300).map(later).collect::<Vec<_>>());
    let limits = Limits { addresses_max: 20, partitions: 2, ..Limits::default() };
    let session = fixture.session_within(&limits).await;
    let sql =
        "SELECT vendor, bytes_up, remembered_percent FROM completeness('2014-09-23', '2014-09-24')";
    assert_eq!(ask(&session, sql).await.unwrap(), ["xiaomi|1000|100.0"]);
    let all = "SELECT count(*) FROM attributed WHERE evidence = 'E2'";
    assert_eq!(ask(&fixture.session().await, all).await.unwrap(), ["1"]);
    let more = FlowRow { src_ip: ip("10.0.0.9"), server_name: None, ..later(7) };
    let more: Vec<FlowRow> = (0..300)
        .map(|n| FlowRow { dst_ip: ip(&address(n)), flow_id: 9_000 + n, ..more.clone() })
        .collect();
    fixture.publish(&more);
    let told = ask(&fixture.session().await, all).await.unwrap();
    assert_eq!(told, ["301"]);
    let session = fixture.session_within(&limits).await;
    let few: i64 = ask(&session, all).await.unwrap().first().unwrap().parse().unwrap();
    assert!((1..=20).contains(&few), "{few}");
    let percent = ask(&session, "SELECT remembered_percent()").await.unwrap();
    assert!(percent.first().unwrap().parse::<f64>().unwrap() <= 12.5, "{percent:?}");
}
