//! The scenes of the traps, each a session, in the order of their volumes: the smallest ones carry no handshake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::source::synthetic::cast::{
    APPLE_A, APPLE_B, DESK, GOOGLE_A, HUAWEI_A, Handset, PRIVATE, ROUTER, SAMSUNG_A, SAMSUNG_B,
    Service,
    Transport::{
        Datagrams, Http, Msnp, Quic, QuicWild, Stream, Tls12, Tls13, Tls13Ech, Tls13GreaseEch,
        TlsNameless,
    },
    VIRTUAL, XIAOMI_A, XIAOMI_B,
};
use crate::source::synthetic::place::Place;
use crate::source::synthetic::quic::QuicVersion;
use crate::source::synthetic::session::Oddity;

/// How a scene stands to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
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
    /// The same handset from another port, a second after the one before; no lookup is seen.
    Moved,
}

/// One session that a trap is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene {
    pub(crate) trap: &'static str,
    pub(crate) handset: Handset,
    pub(crate) service: Service<'static>,
    pub(crate) stage: Stage,
    pub(crate) oddity: Oddity,
}

const fn scene(trap: &'static str, handset: Handset, service: Service<'static>) -> Scene {
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
const CDN_ALIAS: Place = Place::v4([203, 69, 138, 77], 20_940, "TW").shared();
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
const APPLE_US: Place = Place::v4([17, 253, 50, 116], 714, "US").own("apple");
const META_US: Place = Place::v4([157, 240, 118, 98], 32_934, "US").own("meta");
const XIAOMI_HK: Place = Place::v4([103, 43, 246, 220], 63_915, "HK").own("xiaomi");
const SAMSUNG_KR: Place = Place::v4([112, 107, 182, 61], 6_619, "KR").own("samsung");
/// Cloudflare's, in front of many.
const FRONT_AT: Place = Place::v4([104, 16, 1, 1], 13_335, "").shared().anycast();
const MICROSOFT: Place = Place::v4([137, 70, 158, 194], 8_070, "US").own("microsoft");

/// Every scene.
pub(crate) const SCENES: [Scene; 55] = [
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
        Service::nobody(
            "",
            Stream,
            5_222,
            Place::v4([47, 241, 35, 73], 45_102, "SG").shared().exact(),
        ),
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
    scene("T03", HUAWEI_A, Service::of("xiaomi", "api.account.xiaomi.com", Tls13Ech, FRONT_AT)),
    scene(
        "T25",
        APPLE_B,
        Service::of("xiaomi", "app.market.xiaomi.com", TlsNameless, CDN_ALIAS)
            .chain(&["app.market.xiaomi.com.edgekey.net", "e7412.a.akamaiedge.net"]),
    ),
    scene(
        "T22",
        GOOGLE_A,
        Service::of("google", "www.google.com", Quic(QuicVersion::V1), GOOGLE_US),
    ),
    scene("T22", APPLE_A, Service::of("apple", "mask.icloud.com", Quic(QuicVersion::V2), APPLE_US)),
    scene(
        "T22",
        SAMSUNG_B,
        Service::of("meta", "graph.facebook.com", Quic(QuicVersion::Draft29), META_US),
    ),
    scene(
        "T22",
        GOOGLE_A,
        Service::of("google", "play.google.com", Quic(QuicVersion::Q046), GOOGLE_US),
    ),
    scene(
        "T22",
        XIAOMI_A,
        Service::of("xiaomi", "update.miui.com", QuicWild(QuicVersion::V1), CDN),
    ),
    scene("T22", XIAOMI_A, Service::of("xiaomi", "", Datagrams, CDN).port(443)).stage(Stage::Moved),
    scene("T21", SAMSUNG_A, Service::of("samsung", "vas.samsungapps.com", Tls12, SAMSUNG_KR))
        .oddity(Oddity::Split),
    scene("T21", APPLE_A, Service::of("apple", "gateway.icloud.com", Tls13, APPLE_US))
        .oddity(Oddity::PostQuantum),
    scene("T06", XIAOMI_B, Service::of("xiaomi", "api.io.mi.com", Tls12, XIAOMI_HK))
        .oddity(Oddity::OnlyUp),
    scene("T06", SAMSUNG_A, Service::of("line", "obs.line-apps.com", Tls12, LINE_JP))
        .stage(Stage::NoLookup)
        .oddity(Oddity::OnlyDown),
    scene("T10", APPLE_B, Service::of("apple", "gs-loc.apple.com", Tls12, APPLE_US))
        .stage(Stage::NoLookup)
        .oddity(Oddity::MidFlow),
    scene("T10", XIAOMI_A, Service::of("xiaomi", "i.mi.com", Tls12, CDN_ALIAS))
        .oddity(Oddity::MidFlow),
    scene("T10", DESK, Service::nobody("gmi.com", Tls12, 443, RENTED_CN))
        .stage(Stage::NoLookup)
        .oddity(Oddity::MidFlow),
    scene("T29", VIRTUAL, Service::of("naver", "www.naver.com", Tls12, NAVER_KR)),
    scene("T29", ROUTER, Service::of("line", "w.line.me", Tls12, LINE_JP)),
    scene("T29", PRIVATE, Service::of("naver", "m.naver.com", Tls13, NAVER_KR)),
];
