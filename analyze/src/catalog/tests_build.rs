//! A catalog of one's own: built, written, loaded; and wrong files refused in words.
//! Every refusal names the file, and the line where there is one.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::catalog::{BuildInputs, Catalog, Date, Feed};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Files of a build in a folder of their own.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

const VENDOR: &str = "[[vendor]]\nkey = \"acme\"\nname = \"Acme\"\nparent = \"Acme\"\nseat = \"TW\"\n\
                      makes_devices = true\nrole = \"operator\"\n";

/// Small feeds for every table.
fn small(files: &Files) -> BuildInputs {
    BuildInputs {
        country: vec![Feed::at(files.put("c.csv", "198.51.0.0,198.51.99.255,TW\n2400::/16,JP\n"))],
        network: vec![Feed::at(files.put("n.csv", "198.51.0.0,198.51.99.255,64500,\"Acme, Inc.\"\n"))],
        network_country: vec![Feed::at(files.put("r.csv", "198.51.0.0,198.51.49.255,SG\n"))],
        maker: vec![Feed::at(files.put("m.csv", "prefix,organisation,CC\n64CC2E,Acme Ltd,TW\n"))],
        vendors: vec![files.put(
            "v.toml",
            &format!("{VENDOR}own_systems = [64500]\nmakers = [\"ACME Ltd\"]\ndomains = [\"acme.example\"]\n"),
        )],
        vendors_only: true,
        ..BuildInputs::default()
    }
}

#[test]
fn a_catalog_of_ones_own_is_built_written_and_loaded() {
    let files = Files::new();
    let built = Catalog::build(&small(&files)).unwrap();
    let path = files.0.path().join("own.outflow-catalog");
    built.write(&path).unwrap();
    let loaded = Catalog::load(&path).unwrap();
    assert_eq!(loaded.snapshot(), built.snapshot());
    assert_ne!(loaded.snapshot().id, Catalog::shipped().unwrap().snapshot().id);
    for one in [&built, &loaded] {
        assert_eq!(one.vendors().count(), 1);
        assert_eq!(one.place(ip("198.51.1.1")).country, Some("TW"));
        assert_eq!(one.place(ip("2400:1::1")).country, Some("JP"));
        let near = one.network(ip("198.51.49.255"), Date::LATEST).unwrap();
        assert_eq!((near.country, near.vendor), (Some("SG"), Some("acme")));
        let far = one.network(ip("198.51.50.0"), Date::LATEST).unwrap();
        assert_eq!((far.country, far.organisation), (None, "Acme, Inc."));
        assert_eq!(one.maker([0x64, 0xcc, 0x2e, 0, 0, 1]).unwrap().vendor, Some("acme"));
        assert_eq!(one.domain("www.acme.example", Date::LATEST).unwrap().vendor, "acme");
    }
    // The same content is the same file, and a second build the same id.
    let first = std::fs::read(&path).unwrap();
    Catalog::build(&small(&files)).unwrap().write(&path).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), first);
    let mut torn = first;
    torn.truncate(torn.len() / 2);
    std::fs::write(&path, torn).unwrap();
    let message = Catalog::load(&path).unwrap_err().to_string();
    assert!(
        message.contains("its checksum does not hold") && message.contains("catalog build"),
        "{message}"
    );
}

#[test]
fn what_is_not_given_is_kept_and_a_vendor_may_be_replaced() {
    let files = Files::new();
    let vendor = VENDOR.replace("acme", "xiaomi") + "domains = [\"mi.example\"]\n";
    let shipped = Catalog::shipped().unwrap();
    let inputs =
        BuildInputs { vendors: vec![files.put("v.toml", &vendor)], ..BuildInputs::default() };
    let built = Catalog::build(&inputs).unwrap();
    assert_eq!(built.vendors().count(), 38);
    assert_eq!(built.domain("www.mi.example", Date::LATEST).unwrap().vendor, "xiaomi");
    assert!(built.domain("www.xiaomi.com", Date::LATEST).is_none());
    assert_eq!(built.place(ip("42.62.48.10")).country, Some("CN"));
    assert_eq!(
        built.snapshot().sizes.country_ranges_v4,
        shipped.snapshot().sizes.country_ranges_v4
    );
    let same = Catalog::build(&BuildInputs::default()).unwrap();
    assert_eq!(same.snapshot(), shipped.snapshot());
}

#[test]
fn a_wrong_line_is_refused_with_file_line_and_why() {
    let vendor = |rest: &str| format!("{VENDOR}{rest}");
    for (table, text, line, why) in [
        (
            "country",
            "1.0.0.0,1.0.0.255,TW\n1.0.2.0,1.0.1.255,TW\n".to_owned(),
            2,
            "ends (1.0.1.255) before it starts",
        ),
        ("country", "1.0.0.0/40,TW\n".to_owned(), 1, "prefix length 40 is too large for IPv4"),
        ("country", "# x\n1.0.0.0,1.0.0.255,tw\n".to_owned(), 2, "\"tw\" is no country code"),
        ("country", "1.0.0.0,::1,TW\n".to_owned(), 1, "different IP versions"),
        ("country", "1.0.0.0,1.0.0.255\n".to_owned(), 1, "write start,end,CC"),
        ("country", "1.0.0,1.0.0.255,TW\n".to_owned(), 1, "\"1.0.0\" is no IP address"),
        ("network", "1.0.0.0,1.0.0.255,ASx,Acme\n".to_owned(), 1, "\"ASx\" is no AS number"),
        ("network", "1.0.0.0,1.0.0.255,1,Acme, Inc.\n".to_owned(), 1, "quote an organisation"),
        ("maker", "64CC2,Acme,TW\n".to_owned(), 1, "no MAC prefix of 24, 28 or 36 bits"),
        ("maker", "64CC2G,Acme,TW\n".to_owned(), 1, "no hexadecimal digit"),
        ("maker", "{\n \"64CC2E\": 1\n}\n".to_owned(), 2, "expected a string"),
        (
            "special",
            "prefix,name,embeds_ipv4_at\n10.0.0.0/8,x,16\n".to_owned(),
            2,
            "on an IPv6 prefix",
        ),
        ("anycast", "8.8.8.0/24,x\n".to_owned(), 1, "the first line must be the heading"),
        ("anycast", "prefix,name\n8.8.8.1/24,x\n".to_owned(), 2, "write 8.8.8.0/24"),
        ("anycast", "prefix,name\n8.8.8.8,x\n8.8.8.8,y\n".to_owned(), 3, "stated twice"),
        ("networks", "asn,kind,name\n1,own,x\n".to_owned(), 2, "neither cloud nor cdn"),
        (
            "vendors",
            vendor("domains = [\"xiaomi.com\"]\n"),
            8,
            "stated already in vendors/xiaomi.toml",
        ),
        (
            "vendors",
            vendor("domains = [\n  \"a.example\",\n  \"a.example\",\n]\n"),
            10,
            "stated already in line 9",
        ),
        ("vendors", vendor("domains = [\"samsung\"]\n"), 8, "a single label"),
        ("vendors", vendor("own_systems = [38631]\n"), 8, "\"as38631\" is stated already"),
        (
            "vendors",
            vendor("own_prefixes = [\"10.0.0.0/33\"]\n"),
            8,
            "prefix length 33 is too large",
        ),
        ("vendors", vendor("colour = 1\n"), 8, "unknown field `colour`"),
        ("vendors", vendor("").replace("TW", "TWN"), 5, "\"TWN\" is no country code"),
        ("vendors", vendor("").replace("acme", "a b"), 2, "key \"a b\""),
        ("vendors", vendor(VENDOR), 9, "vendor \"acme\" is stated already"),
        ("vendors", vendor("").replace("operator", "king"), 7, "unknown variant `king`"),
    ] {
        let files = Files::new();
        let path = files.put("wrong.txt", &text);
        let mut inputs = BuildInputs::default();
        match table {
            "country" => inputs.country = vec![Feed::at(&path)],
            "network" => inputs.network = vec![Feed::at(&path)],
            "maker" => inputs.maker = vec![Feed::at(&path)],
            "special" => inputs.special = Some(path.clone()),
            "anycast" => inputs.anycast = Some(path.clone()),
            "networks" => inputs.networks = Some(path.clone()),
            _ => inputs.vendors = vec![path.clone()],
        }
        let message = Catalog::build(&inputs).unwrap_err().to_string();
        let place = format!("{}, line {line}: ", path.display());
        assert!(message.starts_with(&place) && message.contains(why), "{table}: {message}");
    }
}

#[test]
fn wrong_files_are_refused_as_a_whole() {
    let files = Files::new();
    let build = |country: Feed| {
        Catalog::build(&BuildInputs { country: vec![country], ..BuildInputs::default() })
            .unwrap_err()
            .to_string()
    };
    assert!(build(Feed::at("/nowhere/x.csv")).contains("could not read /nowhere/x.csv"));
    assert!(build(Feed::at(files.put("e.csv", "# nothing\n"))).contains("it has no country range"));
    let twice = files.put("t.csv", "1.0.0.0/24,TW\n1.0.0.0/24,JP\n");
    assert!(build(Feed::at(twice)).contains("1.0.0.0 to 1.0.0.255 is stated twice"));
    let mut dated = Feed::at(files.put("d.csv", "1.0.0.0/24,TW\n"));
    dated.date = Some("yesterday".to_owned());
    assert!(build(dated).contains("\"yesterday\" is no date"));
    let torn = files.put("m.mmdb", "x\u{ab}");
    std::fs::write(&torn, b"xx\xab\xcd\xefMaxMind.com\xe1").unwrap();
    assert!(build(Feed::at(torn)).contains("it is no whole mmdb file"));
    let gz = files.put("g.csv.gz", "no gzip");
    assert!(build(Feed::at(gz)).contains("could not read"));
    assert!(Catalog::load(&files.put("x.outflow-catalog", "")).is_err());
}

#[test]
fn what_is_whose_depends_on_the_day() {
    let files = Files::new();
    let dated = "own_systems = [64500]\ndomains = [\"acme.example\"]\n\
        [[vendor.product]]\nkey = \"mail\"\nname = \"Mail\"\ndomains = []\n\
        [[vendor.period]]\nvalid_to = \"2015-01-01\"\nparent = \"Elder\"\nseat = \"KR\"\n\
        own_prefixes = [\"198.51.1.0/24\"]\nproduct = \"mail\"\ndomains = [\"m.other.example\"]\n";
    let other = VENDOR.replace("acme", "other")
        + "domains = [\"other.example\"]\n[[vendor.period]]\nvalid_from = \"2015-01-01\"\n\
           own_prefixes = [\"198.51.1.0/24\"]\ndomains = [\"m.other.example\"]\n";
    let inputs = BuildInputs {
        vendors: vec![
            files.put("a.toml", &format!("{VENDOR}{dated}")),
            files.put("o.toml", &other),
        ],
        ..small(&files)
    };
    let built = Catalog::build(&inputs).unwrap();
    let path = files.0.path().join("dated.outflow-catalog");
    built.write(&path).unwrap();
    let loaded = Catalog::load(&path).unwrap();
    assert_eq!(loaded.snapshot(), built.snapshot());
    let undated = BuildInputs { vendors: vec![], ..small(&files) };
    assert_ne!(Catalog::build(&undated).unwrap().snapshot().id, built.snapshot().id);
    let day = |text| Date::parse(text).unwrap();
    let (before, since) = (day("2014-12-31"), day("2015-01-01"));
    for one in [&built, &loaded] {
        let owner =
            |at| one.domain("x.m.other.example", at).map(|found| (found.vendor, found.rule_id));
        assert_eq!(owner(before), Some(("acme", "domain:m.other.example@..2015-01-01".into())));
        assert_eq!(owner(since), Some(("other", "domain:m.other.example@2015-01-01..".into())));
        let network = |at| one.network(ip("198.51.1.1"), at).and_then(|network| network.vendor);
        assert_eq!((network(before), network(since)), (Some("acme"), Some("other")));
        assert_eq!(one.network(ip("198.51.2.1"), since).unwrap().vendor, Some("acme"));
        let acme = one.vendor("acme").unwrap();
        assert_eq!((acme.parent(before), acme.seat(before)), ("Elder", "KR"));
        assert_eq!((acme.parent(since), acme.seat(since)), ("Acme", "TW"));
        assert_eq!(
            (one.period_of(before), one.period_of(day("2026-01-01"))),
            (Date::EARLIEST, since)
        );
        let told = one.explain("m.other.example", before).to_string();
        assert!(told.contains("on 2014-12-31") && told.contains("(Elder), seat KR"), "{told}");
        assert!(!one.name_owner_addresses_known("other", before));
        assert!(one.name_owner_addresses_known("other", since));
    }
}

#[test]
fn a_wrong_period_is_refused() {
    let to = "[[vendor.period]]\nvalid_to = \"2020-02-01\"\n";
    let domains = "domains = [\"a.example\"]\n";
    for (rest, line, why) in [
        (format!("{domains}{to}{domains}"), 11, "stated already in line 8"),
        (format!("[[vendor.period]]\n{domains}"), 8, "needs valid_from or valid_to"),
        (to.replace("02-01", "02-30"), 9, "is no date"),
        (format!("{to}valid_from = \"2020-02-01\"\n"), 8, "ends (2020-02-01) before it begins"),
        (format!("{to}product = \"x\"\n"), 10, "none of acme's"),
        (format!("{to}seat = \"XX\"\n"), 10, "no country code"),
        (format!("{to}parent = \"A\"\n{to}seat = \"JP\"\n"), 11, "for one day"),
    ] {
        let files = Files::new();
        let path = files.put("wrong.toml", &format!("{VENDOR}{rest}"));
        let inputs = BuildInputs { vendors: vec![path.clone()], ..BuildInputs::default() };
        let message = Catalog::build(&inputs).unwrap_err().to_string();
        let place = format!("{}, line {line}: ", path.display());
        assert!(message.starts_with(&place) && message.contains(why), "{message}");
    }
}
