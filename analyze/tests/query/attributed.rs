//! The view: its columns, which end it judges, and that each row is judged once.

use analyze::views::ATTRIBUTED;
use schemas::Mac;

use crate::fixture::{BEGIN, Fixture, ask, flow, ip, named};

#[tokio::test]
async fn its_columns_are_those_declared_in_order() {
    let session = Fixture::new().session().await;
    let view = session.context().table("attributed").await.unwrap();
    let found: Vec<_> =
        view.schema().fields().iter().map(|f| (f.name().as_str(), f.data_type().clone())).collect();
    let flows = session.context().table("flows").await.unwrap();
    let mut expected: Vec<_> = flows
        .schema()
        .fields()
        .iter()
        .map(|f| (f.name().as_str(), f.data_type().clone()))
        .collect();
    expected.extend(ATTRIBUTED.columns.iter().map(|column| (column.name, (column.data_type)())));
    assert_eq!(found, expected);
}

#[tokio::test]
async fn direction_decides_which_end_is_judged() {
    let mut fixture = Fixture::new();
    let outbound = named(flow(BEGIN, "17.253.50.116"), "www.apple.com");
    let mut inbound = named(flow(BEGIN + 1, "10.0.0.80"), "www.example.com");
    inbound.direction = "inbound";
    inbound.src_ip = ip("17.253.50.116");
    inbound.dst_mac = Some(Mac([0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a]));
    inbound.src_mac = Some(Mac([0x0c, 0xe4, 0x41, 0x52, 0x8f, 0x37]));
    let mut internal = flow(BEGIN + 2, "10.0.0.80");
    internal.direction = "internal";
    let mut unknown = flow(BEGIN + 3, "17.253.50.116");
    unknown.direction = "unknown";
    fixture.publish(&[outbound, inbound, internal, unknown]);
    let session = fixture.session().await;
    let sql = "SELECT direction, service_vendor, evidence, server_country, device_vendor, bytes_up, bytes_down FROM attributed ORDER BY flow_start";
    assert_eq!(
        ask(&session, sql).await.unwrap(),
        [
            "outbound|apple|E5|US|xiaomi|1000|2000",
            "inbound|apple|E1|US|xiaomi|2000|1000",
            "internal|-|E0|-|xiaomi|1000|2000",
            "unknown|apple|E1|US|xiaomi|1000|2000",
        ]
    );
}

#[tokio::test]
async fn each_row_is_judged_once() {
    let mut fixture = Fixture::new();
    fixture.publish(&[flow(BEGIN, "8.8.8.8"), flow(BEGIN + 1, "1.1.1.1")]);
    let session = fixture.session().await;
    for sql in [
        "SELECT * FROM attributed",
        "SELECT service_vendor, server_country, sum(bytes_up) FROM attributed GROUP BY 1, 2",
        "SELECT service_vendor, evidence FROM attributed WHERE service_vendor = 'google' AND evidence > 'E0' AND bytes > 5",
        "SELECT a.operator FROM attributed a WHERE a.anycast AND flow_end > '2014-01-01T00:00:00Z' ORDER BY a.operator LIMIT 3",
    ] {
        let plan = ask(&session, &format!("EXPLAIN {sql}")).await.unwrap();
        let physical = plan.iter().find(|line| line.starts_with("physical_plan")).cloned();
        let physical = physical.unwrap_or_else(|| plan.join("\n"));
        assert_eq!(physical.matches("attribute(").count(), 1, "{sql}\n{}", plan.join("\n"));
    }
    let plan = ask(&session, "EXPLAIN SELECT sum(bytes) FROM attributed").await.unwrap().join("\n");
    assert!(!plan.contains("attribute("), "what is not asked is not judged: {plan}");
    let plan = ask(
        &session,
        "EXPLAIN SELECT operator FROM attributed WHERE flow_end < '2014-01-01T00:00:00Z'",
    )
    .await
    .unwrap()
    .join("\n");
    assert!(!plan.contains(".parquet"), "times prune through the view: {plan}");
}
