//! The same traffic under two catalogs: each cell that moves, with the rules, and nothing else.

use std::collections::BTreeMap;
use std::sync::Arc;

use analyze::catalog::{BuildInputs, Catalog};
use analyze::session::{Limits, Session};
use schemas::flow::FlowRow;

use crate::fixture::{BEGIN, Fixture, HOUR, ask, catalog, flow, ip, named};

const DIFF: &str = include_str!("../../sql/catalog/diff.sql");
const RENTED: &str = "115.200.201.230";
const AKAMAI: &str = "203.69.138.10";
const MINUTE: i64 = HOUR / 60;

/// As shipped, but for a vendor that owned a Xiaomi domain until the end of 2014 and others besides.
fn other(fixture: &Fixture, domains: &str) -> Arc<Catalog> {
    let path = fixture.dir.path().join("acme.toml");
    let acme = format!(
        "[[vendor]]\nkey = \"acme\"\nname = \"Acme\"\nparent = \"Acme\"\nseat = \"TW\"\n\
         makes_devices = false\nrole = \"operator\"\ndomains = [{domains:?}]\n\
         [[vendor.period]]\nvalid_to = \"2015-01-01\"\ndomains = [\"a.miui.com\"]\n"
    );
    std::fs::write(&path, acme).unwrap();
    let inputs = BuildInputs { vendors: vec![path], ..BuildInputs::default() };
    Arc::new(Catalog::build(&inputs).unwrap())
}

#[tokio::test]
async fn cells_that_move_are_told_with_their_rules() {
    let year = 366 * 24 * HOUR;
    let mut fixture = Fixture::new();
    fixture.publish(&[
        named(flow(BEGIN, AKAMAI), "a.miui.com"),
        named(flow(BEGIN + 1, AKAMAI), "x.a.miui.com"),
        named(flow(BEGIN + 2, AKAMAI), "b.miui.com"),
        named(flow(BEGIN + 3, RENTED), "shop.example"),
        flow(BEGIN + 4, RENTED),
    ]);
    fixture.publish(&[named(flow(BEGIN + year, AKAMAI), "a.miui.com")]);
    let after = other(&fixture, "shop.example");
    let session = Session::open(&fixture.store(), after, &Limits::default()).await.unwrap();
    let session = session.beside(&catalog());
    assert_eq!(
        ask(&session, DIFF).await.unwrap(),
        [
            "xiaomi|TW|acme|TW|attributed|attributed|E4|E4|domain:miui.com|domain:a.miui.com@..2015-01-01|2|2000|4000",
            "-|CN|acme|CN|unattributed|attributed|E0|E2|-|domain:shop.example|1|1000|2000",
            "-|CN|acme|CN|unattributed|attributed|E0|E4|-|domain:shop.example|1|1000|2000",
        ]
    );
    let same = fixture.session().await.beside(&catalog());
    assert_eq!(ask(&same, DIFF).await.unwrap(), [""; 0]);
}

/// Names, answers and none, at times when an answer for the server was good and when it was not.
fn flows() -> Vec<FlowRow> {
    let mut rows = Vec::new();
    for (n, minutes) in [1, 2, 90, 91, 30 * 60].into_iter().enumerate() {
        let at = BEGIN + minutes * MINUTE + i64::try_from(n).unwrap();
        rows.push(flow(at, RENTED));
        rows.push(named(flow(at + 10, RENTED), "a.miui.com"));
        rows.push(named(flow(at + 20, "115.200.201.231"), "www.apple.com"));
        rows.push(FlowRow { dns_names: vec!["a.miui.com".into()], ..flow(at + 30, RENTED) });
        rows.push(FlowRow {
            ech_offered: Some(true),
            ..named(flow(at + 40, RENTED), "a.miui.com")
        });
        rows.push(FlowRow { direction: "internal", ..named(flow(at + 50, RENTED), "a.miui.com") });
        let came = named(flow(at + 60, "10.0.0.80"), "a.miui.com");
        rows.push(FlowRow { direction: "inbound", src_ip: ip(RENTED), ..came });
    }
    rows
}

/// What a row is, before or after.
type Side = Vec<String>;

async fn judged(fixture: &Fixture, catalog: Arc<Catalog>) -> BTreeMap<String, Side> {
    let session = Session::open(&fixture.store(), catalog, &Limits::default()).await.unwrap();
    let sql = "SELECT flow_id, coalesce(service_vendor, '-'), \
        CASE WHEN anycast THEN 'anycast' ELSE coalesce(server_country, 'none') END, \
        CASE WHEN service_vendor IS NULL THEN 'unattributed' WHEN name_ip_mismatch THEN 'mismatch' ELSE 'attributed' END, \
        evidence, coalesce(rule_id, '-'), bytes_up FROM attributed WHERE direction <> 'internal'";
    let rows = ask(&session, sql).await.unwrap();
    let cut = |row: &String| {
        let mut cells = row.split('|').map(str::to_owned);
        (cells.next().unwrap(), cells.collect())
    };
    rows.iter().map(cut).collect()
}

#[tokio::test]
async fn distinct_evidence_moves_as_the_rows_do() {
    let mut fixture = Fixture::new();
    fixture.publish(&flows());
    fixture.publish_answer(BEGIN, "b.miui.com", RENTED);
    let after = other(&fixture, "www.apple.com");
    let (a, b) = (judged(&fixture, catalog()).await, judged(&fixture, Arc::clone(&after)).await);
    let mut expected: BTreeMap<Side, (i64, i64)> = BTreeMap::new();
    for (id, before) in &a {
        let after = &b[id];
        if before[..3] != after[..3] {
            let pair = |n: usize| [before[n].clone(), after[n].clone()];
            let key =
                [[before[0].clone(), before[1].clone()], [after[0].clone(), after[1].clone()]];
            let key = [key.concat(), pair(2).to_vec(), pair(3).to_vec(), pair(4).to_vec()].concat();
            let sums = expected.entry(key).or_default();
            *sums = (sums.0 + 1, sums.1 + before[5].parse::<i64>().unwrap());
        }
    }
    let session = Session::open(&fixture.store(), after, &Limits::default()).await.unwrap();
    let found = ask(&session.beside(&catalog()), DIFF).await.unwrap();
    let found: BTreeMap<Side, (i64, i64)> = found
        .iter()
        .map(|row| {
            let cells: Vec<String> = row.split('|').map(str::to_owned).collect();
            let number = |n: usize| cells[n].parse().unwrap();
            (cells[..10].to_vec(), (number(10), number(11)))
        })
        .collect();
    assert_eq!(found, expected);
    let has = |word: &str| expected.keys().any(|key| key.iter().any(|cell| cell == word));
    assert!(["E3", "E4", "E5", "mismatch"].into_iter().all(has), "{expected:#?}");
}
