//! Traps that are more than one session: answers forgotten or given to others, many behind one address, several hosts on one
//! connection, resolvers that are everywhere.

use std::net::Ipv4Addr;

use crate::source::synthetic::cast::{
    APPLE_A, APPLE_B, GOOGLE_A, HUAWEI_A, Handset, PRIVATE, ROUTER, SAMSUNG_B, Service,
    Transport::{Datagrams, Http, Stream, Tls12, TlsNameless},
};
use crate::source::synthetic::draft::{Draft, Opening};
use crate::source::synthetic::http::response;
use crate::source::synthetic::place::Place;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::session::{Asked, Session, ask};
use crate::source::synthetic::tcp::{Close, SECOND, Tcp};
use crate::source::synthetic::truth::DAY_START_NS;

const RESOLVER: Place = Place::v4([168, 95, 1, 1], 3_462, "TW").exact();
const CDN_STALE: Place = Place::v4([203, 69, 138, 90], 20_940, "TW").shared();
const CDN_TWO: Place = Place::v4([203, 69, 138, 101], 20_940, "TW").shared();
const CDN_HOSTS: Place = Place::v4([203, 69, 138, 112], 20_940, "TW").shared();
const RENTED_CN: Place = Place::v4([42, 62, 48, 99], 23_724, "CN");

pub(crate) fn plan(draft: &mut Draft) {
    told_otherwise(draft);
    many_behind_one(draft);
    several_hosts(draft);
    anycast(draft);
}

/// T04b: TLS that names nobody, where the DNS says nothing that holds.
fn told_otherwise(draft: &mut Draft) {
    let told = |draft: &mut Draft, handset: Handset, vendor, name, place: Place, at_s: i64| {
        let handset = draft.drawn.caller(&handset);
        let service = Service::of(vendor, name, Tls12, draft.drawn.place(place));
        let resolver = Service::nobody("", Datagrams, 53, RESOLVER);
        let asked = Asked { handset: &handset, resolver: &resolver, service: &service };
        ask(draft, asked, DAY_START_NS + at_s * SECOND, None);
    };
    told(draft, APPLE_B, "xiaomi", "resolver.msg.xiaomi.net", CDN_STALE, 12_000);
    told(draft, APPLE_A, "xiaomi", "app.chat.xiaomi.net", RENTED_CN, 22_000);
    told(draft, PRIVATE, "xiaomi", "cdn.alt.cn.miui.com", CDN_TWO, 32_000);
    told(draft, PRIVATE, "apple", "iosapps.itunes.apple.com", CDN_TWO, 32_010);
    // The time to live is 300 s.
    let spoken = [
        (APPLE_B, None, CDN_STALE, 12_900),
        (HUAWEI_A, Some("xiaomi"), RENTED_CN, 22_040),
        (PRIVATE, None, CDN_TWO, 32_050),
    ];
    for (index, (handset, vendor, place, at_s)) in spoken.into_iter().enumerate() {
        let handset = draft.drawn.caller(&handset);
        let place = draft.drawn.place(place);
        let service = Service { vendor, ..Service::nobody("", TlsNameless, 443, place) };
        let id = format!("T04b/{index}");
        let mut session = Session::of(&handset, &service, &id);
        session.start_ns = DAY_START_NS + at_s * SECOND;
        session.volume = 4_001 + 10 * index + draft.drawn.extra(&id, 900);
        session.trap = Some("T04b");
        session.plan(draft);
    }
}

/// Behind one address, and one router.
const AGENTS: [&str; 5] = [
    "Dalvik/1.6.0 (Linux; U; Android 4.4.4; HM NOTE 1LTE MIUI/KHIMIBH10.0)",
    "Dalvik/1.6.0 (Linux; U; Android 4.4.2; SM-N9005 Build/KOT49H)",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 8_0 like Mac OS X) AppleWebKit/600.1.4",
    "Dalvik/1.6.0 (Linux; U; Android 4.2.2; HUAWEI P6-U06 Build/HuaweiP6-U06)",
    "Dalvik/1.6.0 (Linux; U; Android 4.4.4; Nexus 5 Build/KTU84P)",
];

/// T12: 200 handsets of five makers; every tenth shows no agent.
fn many_behind_one(draft: &mut Draft) {
    let place = draft.drawn.place(Place::v4([211, 249, 57, 120], 23_576, "KR").own("naver"));
    let spoken = Service::of("naver", "m.naver.com", Http, place);
    let silent = Service::of("naver", "m.naver.com", Tls12, place);
    let mut shared = draft.drawn.handset(&ROUTER);
    shared.id = "shared";
    shared.v4 = Ipv4Addr::from_bits(shared.v4.to_bits() + 14);
    for (index, agent) in (0_i64..200).zip(AGENTS.iter().cycle()) {
        let handset = shared_agent(shared, agent);
        let id = format!("T12/{index}");
        let service = if index % 10 == 9 { &silent } else { &spoken };
        let mut session = Session::of(&handset, service, &id);
        session.start_ns = DAY_START_NS + (40_000 + 7 * index) * SECOND;
        session.volume = 901;
        session.turns = 1;
        session.trap = Some("T12");
        // The router's own resolver asked once for all of them.
        session.lookup_ns = None;
        session.plan(draft);
    }
}

const fn shared_agent(mut handset: Handset, agent: &'static str) -> Handset {
    handset.agent = agent;
    handset
}

/// T20: one connection with three hosts, a proxy's CONNECT, a target with a host of its own, a host with a port.
fn several_hosts(draft: &mut Draft) {
    let scenes: [(&str, &str, &[&str]); 4] = [
        (
            "tracking.miui.com",
            "http_host",
            &[
                "GET /1 HTTP/1.1\r\nHost: tracking.miui.com\r\n\r\n",
                "GET /2 HTTP/1.1\r\nHost: www.apple.com\r\n\r\n",
                "GET /3 HTTP/1.1\r\nHost: www.naver.com\r\n\r\n",
            ],
        ),
        (
            "api.account.xiaomi.com",
            "http_connect",
            &[
                "CONNECT api.account.xiaomi.com:443 HTTP/1.1\r\nHost: api.account.xiaomi.com:443\r\n\r\n",
            ],
        ),
        (
            "a.hiphotos.miui.com",
            "http_host",
            &["GET http://a.hiphotos.miui.com/x HTTP/1.1\r\nHost: a.hiphotos.miui.com\r\n\r\n"],
        ),
        (
            "o2o.api.xiaomi.com",
            "http_host",
            &["POST /y HTTP/1.1\r\nHost: o2o.api.xiaomi.com:8080\r\nContent-Length: 0\r\n\r\n"],
        ),
    ];
    let handset = draft.drawn.caller(&SAMSUNG_B);
    let place = draft.drawn.place(CDN_HOSTS);
    for (index, (name, source, requests)) in (0_i64..).zip(scenes) {
        let service =
            Service { vendor: Some("xiaomi"), ..Service::nobody("", Stream, 8_080, place) };
        let opening = Opening {
            handset: &handset,
            service: &service,
            proto: 6,
            port: None,
            trap: Some("T20"),
        };
        let path = draft.open(opening);
        draft.named(&path, name, source);
        let mut rng = Rng::of(draft.seed, name, "hosts");
        let start_ns = DAY_START_NS + (50_000 + 600 * index) * SECOND;
        let mut tcp = Tcp::open(path, start_ns, false, &mut rng);
        for request in requests {
            tcp.say(true, request.as_bytes());
            tcp.say(false, &response(700, &mut rng));
        }
        tcp.close(Close::Fin);
        draft.extend(tcp.packets);
    }
}

/// T15: lookups at resolvers that are everywhere.
fn anycast(draft: &mut Draft) {
    let google = Place::v4([8, 8, 8, 8], 15_169, "").own("google").anycast();
    let cloudflare = Place::v4([1, 1, 1, 1], 13_335, "").own("cloudflare").anycast();
    let clock = Service::nobody(
        "time.stdtime.gov.tw",
        Datagrams,
        123,
        Place::v4([220, 128, 79, 70], 3_462, "TW"),
    );
    let resolvers = [("google", google, GOOGLE_A), ("cloudflare", cloudflare, PRIVATE)];
    for (index, (vendor, place, handset)) in (0_i64..).zip(resolvers) {
        let handset = draft.drawn.caller(&handset);
        let resolver = Service::of(vendor, "", Datagrams, place).port(53);
        for hour in [3, 9, 15, 21] {
            let asked = Asked { handset: &handset, resolver: &resolver, service: &clock };
            let at_ns = DAY_START_NS + (hour * 3_600 + index * 60) * SECOND;
            ask(draft, asked, at_ns, Some("T15"));
        }
    }
}
