//! The shipped catalog says what it must, address by address and name by name.
//! What a table may lose in a refresh and what it may not is decided here.

use std::net::IpAddr;
use std::sync::OnceLock;

use crate::catalog::mac::parse_mac;
use crate::catalog::{Catalog, Date, MacKind, NetworkKind};

fn catalog() -> &'static Catalog {
    static SHIPPED: OnceLock<Catalog> = OnceLock::new();
    SHIPPED.get_or_init(|| Catalog::shipped().unwrap())
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn owner(name: &str) -> Option<(&'static str, Option<&'static str>)> {
    catalog().domain(name, Date::LATEST).map(|found| (found.vendor, found.product))
}

#[test]
fn the_shipped_catalog_is_as_large_as_promised() {
    let snapshot = catalog().snapshot();
    assert_eq!(snapshot.sizes.vendors, 38);
    assert!(snapshot.sizes.domains >= 1_500, "{:?}", snapshot.sizes);
    assert!(snapshot.sizes.products >= 15);
    assert!(
        snapshot.sizes.country_ranges_v4 > 300_000 && snapshot.sizes.country_ranges_v6 > 300_000
    );
    assert_eq!(snapshot.id.len(), 16);
    assert_eq!(snapshot.date.as_deref(), Some("2026-11-22"));
    let tables: Vec<&str> = snapshot.sources.iter().map(|source| source.table.as_str()).collect();
    assert_eq!(
        tables,
        ["country", "network", "network", "network_country", "network_country", "maker", "rules"]
    );
    for source in &snapshot.sources {
        assert_eq!(source.sha256.len(), 64, "{source:?}");
        assert!(source.rows > 0 && source.date.is_some(), "{source:?}");
        assert_ne!(source.licence, "not stated", "{source:?}");
    }
}

#[test]
fn anchors_hold() {
    let mut held = 0;
    let text = include_str!("../../catalog/anchors.csv");
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let [address, asn, owner, country] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let place = catalog().place(ip(address));
        assert_eq!((place.country, place.anycast), (Some(country), false), "{line}");
        let network = catalog().network(ip(address), Date::LATEST).unwrap();
        assert_eq!(network.asn.to_string(), asn, "{line}");
        if catalog().vendor(owner).is_some() {
            assert_eq!(network.vendor, Some(owner), "{line}");
        }
        held += 1;
    }
    assert!(held >= 60);
}

#[test]
fn special_ranges_have_no_country_but_that_of_an_embedded_address() {
    for address in [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "169.254.1.1",
        "172.31.255.255",
        "192.168.0.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.251",
        "239.255.255.250",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::fb",
        "2001:10::1",
        "2001:1f:ffff::1",
        "2001:2::1",
        "2001:db8::1",
        "2001::1",
        "100::1",
        "3fff::1",
        "64:ff9b::10.0.0.1",
        "2002:c0a8:0001::1",
    ] {
        let place = catalog().place(ip(address));
        assert!(place.country.is_none() && place.special.is_some(), "{address}: {place:?}");
        assert!(catalog().network(ip(address), Date::LATEST).is_none(), "{address}");
    }
    let kakao = catalog().place(ip("42.62.48.10"));
    assert_eq!(kakao.country, Some("CN"));
    for inside in ["64:ff9b::42.62.48.10", "2002:2a3e:300a::1", "::ffff:42.62.48.10"] {
        assert_eq!(catalog().place(ip(inside)), kakao, "{inside}");
        assert_eq!(catalog().network(ip(inside), Date::LATEST).unwrap().asn, 23_724, "{inside}");
    }
    // Just outside.
    assert_eq!(catalog().place(ip("172.32.0.1")).special, None);
    assert_eq!(catalog().place(ip("2001:200::1")).country, Some("JP"));
}

#[test]
fn anycast_is_nowhere() {
    for address in [
        "8.8.8.8",
        "8.8.4.4",
        "1.1.1.1",
        "1.0.0.1",
        "9.9.9.9",
        "208.67.222.222",
        "13.107.42.14",
        "104.16.1.1",
        "198.41.0.4",
        "2001:4860:4860::8888",
        "2606:4700:4700::1111",
        "64:ff9b::8.8.8.8",
        "2002:0808:0808::1",
    ] {
        let place = catalog().place(ip(address));
        assert!(place.anycast && place.country.is_none(), "{address}: {place:?}");
    }
    assert_eq!(catalog().network(ip("8.8.8.8"), Date::LATEST).unwrap().vendor, Some("google"));
    let one = catalog().network(ip("1.1.1.1"), Date::LATEST).unwrap();
    assert_eq!((one.kind, one.vendor), (NetworkKind::Own, Some("cloudflare")));
    let carried = catalog().network(ip("104.16.1.1"), Date::LATEST).unwrap();
    assert_eq!((carried.kind, carried.vendor), (NetworkKind::Cdn, Some("cloudflare")));
}

#[test]
fn a_cloud_is_an_operator_and_an_own_network_is_evidence() {
    let push = catalog().network(ip("47.241.35.73"), Date::LATEST).unwrap();
    assert_eq!((push.asn, push.kind, push.vendor), (45_102, NetworkKind::Cloud, Some("alibaba")));
    assert_eq!(
        (push.country, catalog().place(ip("47.241.35.73")).country),
        (Some("US"), Some("SG"))
    );
    assert_eq!(catalog().asn_vendor(38_631, Date::LATEST), Some(("line", NetworkKind::Own)));
    assert_eq!(catalog().asn_vendor(20_940, Date::LATEST), Some(("akamai", NetworkKind::Cdn)));
    assert_eq!(catalog().asn_vendor(8_075, Date::LATEST), Some(("microsoft", NetworkKind::Cloud)));
    assert_eq!(catalog().asn_vendor(23_724, Date::LATEST), None);
    assert_eq!(catalog().organisation(38_631), Some("LINE Corporation"));
    assert!(catalog().name_owner_addresses_known("apple", Date::LATEST));
    for vendor in ["xiaomi", "oppo", "vivo", "nobody"] {
        assert!(!catalog().name_owner_addresses_known(vendor, Date::LATEST), "{vendor}");
    }
}

#[test]
fn names_belong_to_the_longest_suffix_on_label_boundaries() {
    let messenger = Some(("line", Some("messenger")));
    for name in ["gd2.line.naver.jp", "LINE.NAVER.JP.", "API.LINE.ME", "line.me.", "line-apps.com"]
    {
        assert_eq!(owner(name), messenger, "{name}");
    }
    assert_eq!(owner("naver.jp"), Some(("naver", None)));
    assert_eq!(owner("api.account.xiaomi.com"), Some(("xiaomi", Some("account"))));
    assert_eq!(owner("app.mi.com"), Some(("xiaomi", None)));
    assert_eq!(owner("x.com"), Some(("twitter", None)));
    for name in [
        "notxiaomi.com",
        "xiaomi.com.evil.tld",
        "xiaomi-com.cn",
        "gmi.com",
        "yumi.com",
        "xn--xiaom-7ya.com",
        "netflix.com",
        "dropbox.com",
        "roblox.com",
        "e-msedge.net",
        "anycast.me",
        "",
        ".",
        "com",
        "samsung",
    ] {
        assert_eq!(owner(name), None, "{name}");
    }
}

#[test]
fn messenger_is_told_from_microsoft_and_from_meta() {
    for name in [
        "messenger.hotmail.com",
        "gateway.messenger.hotmail.com",
        "config.messenger.msn.com",
        "ows.messenger.msn.com",
        "byrdr.omega.contacts.msn.com",
        "sup.contacts.msn.com",
        "byfiles.storage.msn.com",
        "rsi.hotmail.com",
    ] {
        assert_eq!(owner(name), Some(("microsoft", Some("messenger"))), "{name}");
    }
    assert_eq!(owner("login.live.com"), Some(("microsoft", Some("account"))));
    assert_eq!(owner("ui.skype.com"), Some(("microsoft", Some("skype"))));
    assert_eq!(owner("www.microsoft.com"), Some(("microsoft", None)));
    assert_eq!(owner("www.messenger.com"), Some(("meta", Some("messenger"))));
    assert_eq!(owner("p42-keyvalueservice.icloud.com"), Some(("apple", Some("icloud"))));
}

#[test]
fn names_in_a_carriers_domain_are_weak() {
    for (name, vendor) in [
        ("bucket.s3.amazonaws.com", "amazon"),
        ("e1.a.akamaiedge.net", "akamai"),
        ("naver.com.akadns.net", "naver"),
    ] {
        let found = catalog().domain(name, Date::LATEST).unwrap();
        assert!(found.weak && found.vendor == vendor, "{name}: {found:?}");
    }
    let found = catalog().domain("WWW.Xiaomi.com", Date::LATEST).unwrap();
    assert!(!found.weak);
    assert_eq!(found.rule_id, "domain:xiaomi.com");
}

#[test]
fn makers_are_named_by_the_longest_prefix_and_only_by_assigned_addresses() {
    let mac = |text: &str| parse_mac(text).unwrap();
    let maker = catalog().maker(mac("64:cc:2e:01:02:03")).unwrap();
    assert_eq!((maker.vendor, maker.country), (Some("xiaomi"), Some("CN")));
    // 70:b3:d5 is handed on in blocks of 36 bits.
    let maker = catalog().maker(mac("70:b3:d5:7c:60:01")).unwrap();
    assert_eq!(maker.prefix_bits, 36);
    assert_eq!(maker.vendor, None);
    for (text, kind) in [
        ("66:cc:2e:01:02:03", MacKind::Local),
        ("00:00:5e:00:01:01", MacKind::VirtualRouter),
        ("00:00:00:00:00:00", MacKind::Zero),
    ] {
        assert_eq!(catalog().maker(mac(text)), None);
        assert_eq!(catalog().mac_kind(mac(text)), kind);
    }
    for vendor in ["apple", "samsung", "huawei", "oppo", "vivo", "honor", "zte", "asus"] {
        let listed = catalog().parts.rules.makers.iter().filter(|rule| rule.vendor == vendor);
        assert!(listed.count() > 0, "{vendor}");
    }
}

#[test]
fn an_explanation_shows_every_step() {
    let text = catalog().explain("47.241.35.73", Date::LATEST).to_string();
    for said in
        ["AS45102", "registered in US", "SG (DB-IP", "kind cloud", "operator alibaba (cloud)", "E0"]
    {
        assert!(text.contains(said), "{said} in {text}");
    }
    let text = catalog().explain("gd2.line.naver.jp", Date::LATEST).to_string();
    assert!(text.contains("longest suffix line.naver.jp is line, product messenger"), "{text}");
    assert!(text.contains("naver.jp of naver is shorter and gives way"), "{text}");
    let text = catalog().explain("2002:2a3e:300a::1", Date::LATEST).to_string();
    assert!(text.contains("42.62.48.10 is embedded"), "{text}");
    assert_eq!(catalog().explain("64:cc:2e:01:02:03", Date::LATEST).kind, "mac");
    assert_eq!(catalog().explain("da:a1:19:01:02:03", Date::LATEST).verdict, "no maker");
    assert!(
        catalog().explain("a\n\u{1b}[31m", Date::LATEST).to_string().contains("a\\n\\u{1b}[31m")
    );
}
