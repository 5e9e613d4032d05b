//! The same traffic under two catalogs: each cell that moves, with the rules, and nothing else.

use std::sync::Arc;

use analyze::catalog::{BuildInputs, Catalog};
use analyze::session::{Limits, Session};

use crate::fixture::{BEGIN, Fixture, HOUR, ask, catalog, flow, named};

const DIFF: &str = include_str!("../../sql/catalog/diff.sql");
const RENTED: &str = "115.200.201.230";
const AKAMAI: &str = "203.69.138.10";

/// As shipped, but for a vendor that owned a Xiaomi domain until the end of 2014 and another that nobody owns.
fn other(fixture: &Fixture) -> Arc<Catalog> {
    let path = fixture.dir.path().join("acme.toml");
    let acme = "[[vendor]]\nkey = \"acme\"\nname = \"Acme\"\nparent = \"Acme\"\nseat = \"TW\"\n\
                makes_devices = false\nrole = \"operator\"\ndomains = [\"shop.example\"]\n\
                [[vendor.period]]\nvalid_to = \"2015-01-01\"\ndomains = [\"a.miui.com\"]\n";
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
    let after = other(&fixture);
    let session = Session::open(&fixture.store(), after, &Limits::default()).await.unwrap();
    let session = session.beside(&catalog());
    assert_eq!(
        ask(&session, DIFF).await.unwrap(),
        [
            "xiaomi|TW|acme|TW|E4|E4|domain:miui.com|domain:a.miui.com@..2015-01-01|2|2000|4000",
            "-|CN|acme|CN|E0|E2|-|domain:shop.example|1|1000|2000",
            "-|CN|acme|CN|E0|E4|-|domain:shop.example|1|1000|2000",
        ]
    );
    let same = fixture.session().await.beside(&catalog());
    assert_eq!(ask(&same, DIFF).await.unwrap(), [""; 0]);
}
