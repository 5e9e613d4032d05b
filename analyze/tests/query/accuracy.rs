//! `dns_accuracy(from, to)`: what the DNS join says, held against the names on flows.

use schemas::flow::FlowRow;

use crate::fixture::{BEGIN, Fixture, ask, flow, ip, named};

const AKAMAI: &str = "203.69.138.10";

fn told(n: i64, name: &str, answers: &[&str]) -> FlowRow {
    let dns_names = answers.iter().map(|name| (*name).into()).collect();
    let src_ip = ip(&format!("10.0.3.{n}"));
    FlowRow { dns_names, src_ip, ..named(flow(BEGIN + n, AKAMAI), name) }
}

#[tokio::test]
async fn the_join_is_held_against_names_on_flows() {
    let mut later = told(2, "a.miui.com", &["a.miui.com"]);
    (later.flow_part, later.src_bytes) = (1, 500);
    let mut hidden = told(3, "cloudflare-ech.com", &["a.miui.com"]);
    hidden.ech_offered = Some(true);
    let mut silent = told(4, "", &["a.miui.com"]);
    (silent.server_name, silent.server_name_source) = (None, None);
    let mut inbound = told(5, "a.miui.com", &["www.apple.com"]);
    inbound.direction = "inbound";
    let mut fixture = Fixture::new();
    fixture.publish(&[
        told(1, "A.miui.com.", &["b.xiaomi.com", "a.miui.com"]),
        told(2, "a.miui.com", &["b.miui.com"]),
        later,
        told(6, "www.apple.com", &["a.miui.com"]),
        told(7, "shop.example", &["a.miui.com"]),
        told(8, "a.miui.com", &["www.apple.com", "a.miui.com"]),
        named(flow(BEGIN + 9, AKAMAI), "a.miui.com"),
        hidden,
        silent,
        inbound,
    ]);
    let ask = async |what: &str| {
        let sql = format!("SELECT {what} FROM dns_accuracy('2014-09-23', '2014-09-24')");
        ask(&fixture.session().await, &sql).await.unwrap()
    };
    assert_eq!(
        ask("flows, bytes_up, clients, claimed_flows, claimed_bytes_up, agreed_flows, agreed_bytes_up, differing_clients").await,
        ["5|5500|5|4|4500|2|2500|3"]
    );
    assert_eq!(
        ask("owner_percent, owner_bytes_percent, name_percent, name_bytes_percent").await,
        ["50.0|55.5556|40.0|45.4545"]
    );
    // 1 000 each of what is silent and what hides, of 10 500; the inbound flow sent 2 000.
    assert_eq!(
        ask("dns_only_bytes_up, dns_only_clients, dns_only_percent").await,
        ["2000|2|19.0476"]
    );
    let nothing = "SELECT flows, owner_percent, dns_only_percent FROM dns_accuracy('2015-09-23', '2015-09-24')";
    assert_eq!(super::fixture::ask(&fixture.session().await, nothing).await.unwrap(), ["0|-|-"]);
}
