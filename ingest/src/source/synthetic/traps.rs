//! The traps: flows on which an answer made the easy way is wrong.
//!
//! Trap k carries 1,009·(k+1) bytes of payload (T15 apart: lookups are as long as they are).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::source::synthetic::cast::{
    APPLE_A, DESK, GOOGLE_A, HUAWEI_A, Handset, PRIVATE, SAMSUNG_A, SAMSUNG_B, Service,
    Transport::{Datagrams, Http, Msnp, Stream, Tls12, Tls13, Tls13GreaseEch, TlsNameless},
    XIAOMI_A, XIAOMI_B,
};
use crate::source::synthetic::draft::Draft;
use crate::source::synthetic::place::Place;
use crate::source::synthetic::session::{Asked, Oddity, Session, ask};
use crate::source::synthetic::tcp::{MILLI, SECOND};
use crate::source::synthetic::truth::{DAY_START_NS, Rule};

/// Payload of trap 0; trap k carries k+1 times as much.
pub(crate) const TRAP_UNIT: usize = 1_009;

/// How a scene stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Its own time.
    Apart,
    /// The name was looked up 30 seconds before.
    LateLookup,
    /// No lookup is seen.
    NoLookup,
    /// Begins 100 ms after the one before, and overlaps it.
    Together,
    /// Same addresses and ports as the one before, 20 seconds after its close; no lookup is seen.
    SamePort,
}

/// One session that a trap is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) trap: &'static str,
    pub(crate) handset: Handset,
    pub(crate) service: Service,
    stage: Stage,
    oddity: Oddity,
}

const fn scene(trap: &'static str, handset: Handset, service: Service) -> Scene {
    Scene { trap, handset, service, stage: Stage::Apart, oddity: Oddity::None }
}

impl Scene {
    const fn stage(mut self, stage: Stage) -> Self {
        self.stage = stage;
        self
    }

    const fn oddity(mut self, oddity: Oddity) -> Self {
        self.oddity = oddity;
        self
    }
}

const fn special6(bits: u128) -> Place {
    Place::special(IpAddr::V6(Ipv6Addr::from_bits(bits)))
}

/// A CDN's servers in Taiwan.
const CDN: Place = Place::v4([203, 69, 138, 10], 20_940, "TW").shared();
const CDN_SHARED: Place = Place::v4([203, 69, 138, 16], 20_940, "TW").shared();
const CDN_REUSED: Place = Place::v4([203, 69, 138, 23], 20_940, "TW").shared();
const CDN_LINE: Place = Place::v4([203, 69, 138, 42], 20_940, "TW").shared();
const RENTED_US: Place = Place::v4([50, 234, 30, 237], 7_922, "US");
const RENTED_CN: Place = Place::v4([112, 73, 103, 232], 4_837, "CN");
const PRIVATE_10: Place = Place::special(IpAddr::V4(Ipv4Addr::new(10, 99, 1, 1)));
const CARRIER_NAT: Place = Place::special(IpAddr::V4(Ipv4Addr::new(100, 64, 77, 1)));
const NEIGHBOUR: Place = special6(0xfe80 << 112 | 0x0001);
const ALL_NODES: Place = special6(0xff02 << 112 | 0x0001);
const ORCHID: Place = special6(0x2001_0010 << 96 | 0x51);
/// 210.71.128.42, which is in Taiwan, behind NAT64 and as a 6to4 host.
const NAT64: Place = Place::v6(0x0064_ff9b << 96 | 0xd247_802a, 0, "TW").without_asn();
const SIX_TO_FOUR: Place = Place::v6(0x2002_d247_802a << 80 | 1, 0, "TW").without_asn();
const LINE_JP: Place = Place::v4([103, 2, 30, 154], 38_631, "JP").own("line");
const NAVER_KR: Place = Place::v4([111, 91, 139, 250], 23_576, "KR").own("naver");
const GOOGLE_US: Place = Place::v4([136, 23, 58, 62], 15_169, "US").own("google");
const MICROSOFT: Place = Place::v4([137, 70, 158, 194], 8_070, "US").own("microsoft");

/// Every scene, in the order of their volumes: the smallest ones carry no handshake.
pub(crate) const SCENES: [Scene; 37] = [
    scene("T16", XIAOMI_A, Service::nobody("", Datagrams, 40_007, NEIGHBOUR)),
    scene("T16", SAMSUNG_A, Service::nobody("", Datagrams, 40_007, ALL_NODES)),
    scene("T16", SAMSUNG_B, Service::nobody("", Datagrams, 40_007, ORCHID)),
    scene("T16", XIAOMI_A, Service::nobody("", Stream, 40_011, PRIVATE_10)),
    scene("T16", XIAOMI_B, Service::nobody("", Stream, 40_011, CARRIER_NAT)),
    scene("T16", HUAWEI_A, Service::nobody("", Stream, 40_011, NAT64)),
    scene("T16", APPLE_A, Service::nobody("", Stream, 40_011, SIX_TO_FOUR)),
    scene(
        "T05",
        SAMSUNG_A,
        Service::of(
            "line",
            "",
            Datagrams,
            Place::v4([119, 235, 224, 147], 38_631, "JP").own("line"),
        )
        .port(29_070),
    ),
    scene(
        "T05b",
        XIAOMI_A,
        Service::nobody("", Stream, 5_222, Place::v4([47, 241, 35, 73], 45_102, "SG").shared()),
    ),
    scene("T14", PRIVATE, Service::nobody("notxiaomi.com", Tls12, 443, RENTED_US)),
    scene("T14", PRIVATE, Service::nobody("xiaomi.com.evil.tld", Tls12, 443, RENTED_US)),
    scene("T14", PRIVATE, Service::nobody("xiaomi-com.cn", Tls12, 443, RENTED_CN)),
    scene("T14", PRIVATE, Service::nobody("gmi.com", Tls13, 443, RENTED_US)),
    scene("T14", PRIVATE, Service::nobody("yumi.com", Tls13, 443, RENTED_US)),
    scene("T14", PRIVATE, Service::nobody("xn--xiomi-5ve.com", Tls12, 443, RENTED_CN)),
    scene("T14", SAMSUNG_A, Service::of("line", "API.LINE.ME", Tls12, CDN_LINE))
        .stage(Stage::NoLookup),
    scene("T14", SAMSUNG_A, Service::of("line", "line.me.", Tls12, CDN_LINE))
        .stage(Stage::NoLookup),
    scene("T13", XIAOMI_B, Service::of("apple", "www.apple.com", Tls12, RENTED_CN))
        .stage(Stage::NoLookup),
    scene(
        "T01",
        XIAOMI_A,
        Service::of("xiaomi", "update.miui.com", Tls12, CDN)
            .chain(&["update.miui.com.edgekey.net", "e9044.a.akamaiedge.net"]),
    ),
    scene("T02", XIAOMI_B, Service::of("xiaomi", "file.market.xiaomi.com", Tls12, CDN_SHARED)),
    scene("T02", SAMSUNG_A, Service::of("samsung", "img.samsungapps.com", Tls13, CDN_SHARED))
        .stage(Stage::Together),
    scene("T02", APPLE_A, Service::of("apple", "swcdn.apple.com", Tls12, CDN_SHARED))
        .stage(Stage::Together),
    scene("T03b", GOOGLE_A, Service::of("google", "mail.google.com", Tls13GreaseEch, GOOGLE_US)),
    scene(
        "T04",
        XIAOMI_B,
        Service::of(
            "xiaomi",
            "sdkconfig.ad.xiaomi.com",
            TlsNameless,
            Place::v4([42, 62, 48, 77], 23_724, "CN"),
        ),
    )
    .stage(Stage::LateLookup),
    scene("T17", SAMSUNG_B, Service::of("naver", "openapi.naver.com", Http, NAVER_KR))
        .oddity(Oddity::Plain),
    scene(
        "T17",
        SAMSUNG_B,
        Service::of(
            "samsung",
            "fota.samsungosp.com",
            Tls12,
            Place::v4([112, 106, 182, 92], 6_619, "KR").own("samsung"),
        ),
    )
    .oddity(Oddity::Cut),
    scene("T17", GOOGLE_A, Service::of("google", "www.googleapis.com", Tls13, GOOGLE_US))
        .oddity(Oddity::Offload),
    scene(
        "T17",
        APPLE_A,
        Service::of(
            "apple",
            "configuration.apple.com",
            Http,
            Place::v4([17, 253, 120, 88], 714, "US").own("apple"),
        ),
    )
    .oddity(Oddity::Fcs),
    scene("T18", PRIVATE, Service::of("xiaomi", "data.mistat.xiaomi.com", Tls12, CDN_REUSED))
        .stage(Stage::NoLookup),
    scene("T18", PRIVATE, Service::of("apple", "itunes.apple.com", Tls12, CDN_REUSED))
        .stage(Stage::SamePort),
    scene(
        "T23",
        DESK,
        Service::of(
            "microsoft",
            "login.live.com",
            Tls12,
            Place::v4([131, 107, 239, 86], 3_598, "US").own("microsoft"),
        ),
    ),
    scene(
        "T23",
        DESK,
        Service::of("microsoft", "messenger.hotmail.com", Msnp, MICROSOFT).product("messenger"),
    ),
    scene(
        "T23",
        DESK,
        Service::of("microsoft", "gateway.messenger.hotmail.com", Http, MICROSOFT)
            .product("messenger"),
    ),
    scene(
        "T23",
        DESK,
        Service::of(
            "meta",
            "www.messenger.com",
            Tls12,
            Place::v4([173, 252, 118, 122], 32_934, "US").own("meta"),
        ),
    ),
    scene("T24", SAMSUNG_A, Service::of("line", "gd2.line.naver.jp", Tls12, LINE_JP)),
    scene("T24", SAMSUNG_A, Service::of("naver", "www.naver.jp", Tls12, NAVER_KR)),
    scene("T24", SAMSUNG_A, Service::of("line", "obs.line-apps.com", Tls12, LINE_JP)),
];

/// What must, and must not, come out of each trap.
pub(crate) const RULES: [Rule; 14] = [
    rule("T01", "vendor xiaomi E5; operator akamai; country TW", "country CN or vendor akamai"),
    rule("T02", "each flow its own name's vendor; country TW", "one vendor for the address"),
    rule("T03b", "vendor google by the name", "the name left out because an ECH was offered"),
    rule("T04", "vendor xiaomi E3; country CN", "unattributed"),
    rule("T05", "vendor line E1; country JP", "unattributed"),
    rule("T05b", "unattributed; operator alibaba", "vendor xiaomi or alibaba"),
    rule("T13", "vendor apple E4; name_ip_mismatch; country CN", "apple without the flag"),
    rule("T14", "line for the last two; else unattributed", "vendor xiaomi"),
    rule("T15", "google and cloudflare; anycast without a country", "country US or AU"),
    rule("T16", "no country; behind 64:ff9b:: and 2002:: the embedded address's TW", "US or JP"),
    rule("T17", "bytes as the IP header says; length 0 as on the wire", "padding or FCS counted"),
    rule("T18", "xiaomi E4 then apple E4; bytes by connection", "all to the first name"),
    rule("T23", "microsoft messenger; messenger.com is meta", "one for the other"),
    rule("T24", "line; naver; line", "naver for line.naver.jp"),
];

const fn rule(trap: &'static str, must: &'static str, must_not: &'static str) -> Rule {
    Rule { trap, must, must_not }
}

/// Plans every trap.
pub(crate) fn plan(draft: &mut Draft) {
    let mut before = (DAY_START_NS, DAY_START_NS, 0);
    for (index, scene) in SCENES.iter().enumerate() {
        let id = format!("{}/{index}", scene.trap);
        let mut session = Session::of(&scene.handset, &scene.service, &id);
        let slot = i64::try_from(index).unwrap_or(0);
        session.start_ns = DAY_START_NS + (slot * 37 + 20) * 60 * SECOND;
        session.volume = TRAP_UNIT * (index + 1);
        session.oddity = scene.oddity;
        session.trap = Some(scene.trap);
        let (start_ns, end_ns, port) = before;
        match scene.stage {
            Stage::Apart => {}
            Stage::LateLookup => session.lookup_ns = Some(30 * SECOND),
            Stage::NoLookup => session.lookup_ns = None,
            Stage::Together => session.start_ns = start_ns + 100 * MILLI,
            Stage::SamePort => {
                session.start_ns = end_ns + 20 * SECOND;
                session.port = Some(port);
                session.lookup_ns = None;
            }
        }
        let (end_ns, port) = session.plan(draft);
        before = (session.start_ns, end_ns, port);
    }
    anycast(draft);
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
        let resolver = Service::of(vendor, "", Datagrams, place).port(53);
        for hour in [3, 9, 15, 21] {
            let asked = Asked { handset: &handset, resolver: &resolver, service: &clock };
            let at_ns = DAY_START_NS + (hour * 3_600 + index * 60) * SECOND;
            ask(draft, asked, at_ns, Some("T15"));
        }
    }
}
