//! The ways in which traffic misleads, each with the judgement it must get under the shipped catalog.

use analyze::attribution::{Evidence, Facts, Judgement, attribute};
use analyze::catalog::Date;

use crate::fixture::catalog;

/// An Akamai server in Taiwan, a rented one in China, an Alibaba one in Singapore, LINE's own, a provider's.
const AKAMAI_TW: &str = "203.69.138.10";
const RENTED_CN: &str = "115.200.201.230";
const ALIBABA_SG: &str = "47.241.35.73";
const LINE_OWN: &str = "147.92.128.1";
const NAVER_OWN: &str = "223.130.195.95";
const CLOUDFLARE: &str = "104.16.1.1";
const APPLE_OWN: &str = "17.253.50.116";

fn named(server_ip: &'static str, name: &'static str) -> Facts<'static> {
    Facts {
        server_ip: Some(server_ip),
        server_name: Some(name),
        server_name_source: Some("tls_sni"),
        ..Facts::default()
    }
}

fn resolved(server_ip: &'static str, names: &[&'static str]) -> Facts<'static> {
    Facts { server_ip: Some(server_ip), dns_names: names.to_vec(), ..Facts::default() }
}

fn with_dns(mut facts: Facts<'static>, names: &[&'static str]) -> Facts<'static> {
    facts.dns_names = names.to_vec();
    facts
}

fn judge(facts: Facts<'_>) -> String {
    let catalog = catalog();
    let judged = attribute(&catalog, &facts.of_the_judged_ends());
    row(&judged)
}

/// vendor rung country, then what is remarkable.
fn row(judged: &Judgement<'_>) -> String {
    let mut row = format!(
        "{} {} {}",
        judged.service_vendor.unwrap_or("-"),
        judged.evidence,
        judged.server.country.unwrap_or("-")
    );
    for (said, word) in [
        (judged.server.anycast, "anycast"),
        (judged.server.country_disputed, "disputed"),
        (judged.name_ip_mismatch, "mismatch"),
    ] {
        if said {
            row = format!("{row} {word}");
        }
    }
    judged.contested_with.iter().fold(row, |row, with| format!("{row} contested: {with}"))
}

fn check(traps: &[(&str, Facts<'static>, &str)]) {
    let judged = traps.iter().map(|(trap, facts, expected)| (trap, judge(facts.clone()), expected));
    let wrong: Vec<_> = judged.filter(|(_, judged, expected)| judged != *expected).collect();
    assert!(wrong.is_empty(), "trap, judged, expected: {wrong:#?}");
}

#[test]
fn names() {
    check(&[
        ("T01 CDN", named(AKAMAI_TW, "data.mistat.miui.com"), "xiaomi E4 TW"),
        ("T02 shared address", named(AKAMAI_TW, "iphone-ld.apple.com"), "apple E4 TW"),
        ("T02 shared address", named(AKAMAI_TW, "cdn.samsungcloud.com"), "samsung E4 TW"),
        (
            "T02 last DNS",
            with_dns(named(AKAMAI_TW, "a.miui.com"), &["www.apple.com", "a.miui.com"]),
            "xiaomi E4 TW",
        ),
        ("T04 DNS only", resolved(AKAMAI_TW, &["api.account.xiaomi.com"]), "xiaomi E3 TW"),
        ("T04 one owner", resolved(AKAMAI_TW, &["a.miui.com", "b.xiaomi.com"]), "xiaomi E3 TW"),
        ("T04b two vendors", resolved(AKAMAI_TW, &["a.miui.com", "www.apple.com"]), "- E0 TW"),
        ("T04b a stranger's too", resolved(AKAMAI_TW, &["a.miui.com", "shop.example"]), "- E0 TW"),
        ("T04b nobody's", resolved(AKAMAI_TW, &["shop.example"]), "- E0 TW"),
        ("T04b two vendors, own", resolved(LINE_OWN, &["a.miui.com", "apple.com"]), "line E1 JP"),
        ("T05 address only", resolved(LINE_OWN, &[]), "line E1 JP"),
        ("T05b cloud", resolved(ALIBABA_SG, &[]), "- E0 SG disputed"),
        ("T13 spoofed", named(RENTED_CN, "www.apple.com"), "apple E4 CN mismatch"),
        (
            "T13 but resolved",
            with_dns(named(RENTED_CN, "www.apple.com"), &["www.apple.com"]),
            "apple E5 CN",
        ),
        (
            "T13 but told among others",
            with_dns(named(RENTED_CN, "www.apple.com"), &["www.apple.com", "a.miui.com"]),
            "apple E4 CN",
        ),
        ("T13 own", named(APPLE_OWN, "www.apple.com"), "apple E5 US"),
        ("T13 not known", named(RENTED_CN, "api.account.xiaomi.com"), "xiaomi E4 CN"),
        (
            "T13 another's own",
            named(APPLE_OWN, "line.me"),
            "line E4 US mismatch contested: apple (E1)",
        ),
        ("T14", named(RENTED_CN, "notxiaomi.com"), "- E0 CN"),
        ("T14", named(RENTED_CN, "xiaomi.com.evil.tld"), "- E0 CN"),
        ("T14", named(RENTED_CN, "xiaomi-com.cn"), "- E0 CN"),
        ("T14", named(RENTED_CN, "gmi.com"), "- E0 CN"),
        ("T14", named(RENTED_CN, "yumi.com"), "- E0 CN"),
        ("T14", named(RENTED_CN, "xn--xiomi-7ve.com"), "- E0 CN"),
        ("T14", named(LINE_OWN, "API.LINE.ME"), "line E5 JP"),
        ("T14", named(LINE_OWN, "line.me."), "line E5 JP"),
    ]);
}

#[test]
fn addresses() {
    check(&[
        ("T15", resolved("8.8.8.8", &[]), "google E1 - anycast"),
        ("T15", resolved("1.1.1.1", &[]), "cloudflare E1 - anycast"),
        ("T16", resolved("10.1.2.3", &[]), "- E0 -"),
        ("T16", resolved("100.64.1.1", &[]), "- E0 -"),
        ("T16", resolved("fe80::1", &[]), "- E0 -"),
        ("T16", resolved("ff02::fb", &[]), "- E0 -"),
        ("T16", resolved("2001:10::1", &[]), "- E0 -"),
        ("T16 NAT64", resolved("64:ff9b::2ff1:2349", &[]), "- E0 SG disputed"),
        ("T16 6to4", resolved("2002:2ff1:2349::1", &[]), "- E0 SG disputed"),
        ("T24", named(LINE_OWN, "gd2.line.naver.jp"), "line E5 JP"),
        ("T24", named(NAVER_OWN, "www.naver.jp"), "naver E5 KR"),
        ("T24", named(LINE_OWN, "line-apps.com"), "line E5 JP"),
        ("no address", Facts::default(), "- E0 -"),
        (
            "an unowned name is no silence",
            with_dns(named(AKAMAI_TW, "x.example"), &["a.miui.com"]),
            "- E0 TW",
        ),
        (
            "an address is no name",
            with_dns(named(AKAMAI_TW, AKAMAI_TW), &["a.miui.com"]),
            "xiaomi E3 TW",
        ),
        (
            "DNS says another",
            with_dns(named(AKAMAI_TW, "a.miui.com"), &["www.apple.com"]),
            "xiaomi E4 TW contested: apple (E3)",
        ),
        (
            "DNS and owner differ",
            resolved(APPLE_OWN, &["a.miui.com"]),
            "xiaomi E3 US contested: apple (E1)",
        ),
    ]);
}

#[test]
fn an_inbound_flow_is_judged_by_its_address_alone() {
    let mut facts = named(LINE_OWN, "www.apple.com");
    facts.inbound = true;
    facts.dns_names = vec!["www.apple.com"];
    facts.user_agent = Some("CFNetwork/1");
    assert_eq!(judge(facts), "line E1 JP");
}

#[test]
fn a_certificate_is_weaker_than_a_name() {
    let mut facts = named(RENTED_CN, "www.apple.com");
    facts.server_name_source = Some("tls_cert");
    assert_eq!(judge(facts), "apple E2 CN");
}

#[test]
fn operators_countries_and_rules() {
    let catalog = catalog();
    let judged = attribute(&catalog, &named(AKAMAI_TW, "data.mistat.miui.com"));
    assert!(judged.server.operator.unwrap().contains("Akamai"), "{judged:?}");
    assert_eq!(judged.vendor_country, Some("CN"));
    assert_eq!(judged.rule_id.as_deref(), Some("domain:miui.com"));
    let judged = attribute(&catalog, &named(LINE_OWN, "gd2.line.naver.jp"));
    assert_eq!(judged.service_product, Some("messenger"));
    let judged = attribute(&catalog, &resolved(ALIBABA_SG, &[]));
    assert_eq!(judged.server.operator_asn, Some(45_102));
    assert_eq!(judged.evidence, Evidence::E0);
    let judged = attribute(&catalog, &resolved("1.1.1.1", &[]));
    assert_eq!(judged.rule_id.as_deref(), Some("prefix:1.1.1.0/24"));
}

#[test]
fn devices() {
    let catalog = catalog();
    let device = |mac, agent| {
        let facts = Facts { client_mac: mac, user_agent: agent, ..Facts::default() };
        let device = attribute(&catalog, &facts).device;
        (device.vendor.map(str::to_owned), device.evidence)
    };
    let (xiaomi, random) = (Some("64:09:80:1d:52:0a"), Some("da:31:07:c4:5b:9e"));
    let redmi = Some("Dalvik/1.6.0 (Linux; U; Android 4.3; HM 1SW MIUI/JHBTWBF29.0)");
    let samsung = Some("Dalvik/1.6.0 (Linux; U; Android 4.4.2; SM-G900I Build/KOT49H)");
    assert_eq!(device(xiaomi, None), (Some("xiaomi".into()), Some("oui")));
    assert_eq!(device(xiaomi, redmi), (Some("xiaomi".into()), Some("user_agent")));
    assert_eq!(device(random, samsung), (Some("samsung".into()), Some("user_agent")));
    assert_eq!(device(xiaomi, samsung), (None, Some("conflict")));
    assert_eq!(device(random, None), (None, None));
    assert_eq!(device(Some("00:00:5e:00:01:0a"), None), (None, None));
    assert_eq!(device(Some("no mac"), Some("Line/12")), (None, None));
}

#[test]
fn an_encrypted_hello_hides_a_name_only_behind_a_front() {
    let catalog = catalog();
    let offered = |mut facts: Facts<'static>, advertised| {
        facts.ech_offered = Some(true);
        facts.ech_advertised = advertised;
        let judged = attribute(&catalog, &facts);
        (judged.ech, row(&judged))
    };
    let front = named(CLOUDFLARE, "cloudflare-ech.com");
    let resolved_front = with_dns(front.clone(), &["api.account.xiaomi.com"]);
    let genuine = named(AKAMAI_TW, "a.miui.com");
    for (trap, (facts, advertised), expected) in [
        ("T03", (resolved_front, true), ("real", "xiaomi E3 - anycast")),
        ("T03 no DNS", (front.clone(), false), ("real", "- E0 - anycast")),
        ("T03b GREASE", (genuine.clone(), false), ("grease", "xiaomi E4 TW")),
        ("T03b nobody's", (named(AKAMAI_TW, "x.example"), false), ("grease", "- E0 TW")),
        ("a key was there", (genuine, true), ("unknown", "xiaomi E4 TW")),
        ("no name", (resolved(AKAMAI_TW, &[]), false), ("unknown", "- E0 TW")),
    ] {
        let (ech, judged) = offered(facts, advertised);
        assert_eq!((ech, judged.as_str()), expected, "{trap}");
    }
    let plain = attribute(&catalog, &front);
    assert_eq!((plain.ech, row(&plain).as_str()), ("none", "cloudflare E4 - anycast"));
}

#[test]
fn a_flow_is_judged_as_of_its_day() {
    let catalog = catalog();
    let line = |day: &str| {
        let at = catalog.period_of(Date::parse(day).unwrap());
        let facts = Facts { at, ..named(LINE_OWN, "gd2.line.naver.jp") };
        let judged = attribute(&catalog, &facts);
        (judged.service_vendor, judged.vendor_country, judged.vendor_parent)
    };
    assert_eq!(line("2014-09-22"), (Some("line"), Some("JP"), Some("Naver Corp")));
    assert_eq!(line("2022-01-01"), (Some("line"), Some("JP"), Some("Z Holdings")));
    assert_eq!(line("2023-10-01"), (Some("line"), Some("JP"), Some("LY Corporation")));
}

#[test]
fn a_vendors_word_in_a_clouds_host_name_names_nobody() {
    let weak = "naver.com.akadns.net";
    check(&[
        ("weak name", named(AKAMAI_TW, weak), "- E0 TW"),
        ("weak answer", resolved(AKAMAI_TW, &[weak]), "- E0 TW"),
        ("a weak answer spoils", resolved(AKAMAI_TW, &["www.naver.com", weak]), "- E0 TW"),
        ("the address still counts", named(LINE_OWN, "bucket.s3.amazonaws.com"), "line E1 JP"),
    ]);
}
