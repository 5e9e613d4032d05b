//! The ordinary traffic of the national day: which handset calls which service, and how much.
//!
//! Cell i carries 10,007·(i+1) bytes of payload, so a sum that comes out wrong tells which cells
//! went astray.

use crate::source::synthetic::cast::{
    APPLE_A, APPLE_B, DESK, GOOGLE_A, HUAWEI_A, Handset, PRIVATE, SAMSUNG_A, SAMSUNG_B, Service,
    Transport::{Http, Msnp, Tls12, Tls13},
    XIAOMI_A, XIAOMI_B,
};
use crate::source::synthetic::draft::Draft;
use crate::source::synthetic::place::Place;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::session::Session;
use crate::source::synthetic::tcp::{Close, SECOND};
use crate::source::synthetic::truth::DAY_START_NS;

/// Payload of cell 0; cell i carries i+1 times as much.
pub(crate) const CELL_UNIT: usize = 10_007;

/// How the sessions of a cell differ from the usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Usual,
    /// The name is looked up before the first session of the day only.
    RemembersName,
    /// Two long sessions that say something every 20 seconds.
    KeepsOpen,
    /// The client resets instead of closing.
    Resets,
    /// The last packets are never seen.
    NeverCloses,
}

/// A handset's use of a service during the day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) handset: Handset,
    pub(crate) service: Service<'static>,
    habit: Habit,
}

const fn call(handset: Handset, service: Service<'static>, habit: Habit) -> Call {
    Call { handset, service, habit }
}

const EDGE: &[&str] = &["app.mi.com.edgekey.net", "e7412.a.akamaiedge.net"];
const GOOGLE_V6: Place = Place::v6(0x2404_f340_0000_0000_0000_0000_3807_49bb, 15_169, "SG");
const APPLE_V6: Place = Place::v6(0x2620_0149_0a1f_0000_0000_0000_ebf8_371b, 714, "US");
const LINE_V6: Place = Place::v6(0x2400_dcc0_0000_0000_0000_0000_2108_c37f, 38_631, "JP");
const SAMSUNG_V6: Place = Place::v6(0x2404_0181_0000_0000_0000_0000_11af_e205, 6_619, "KR");
const XIAOMI_V6: Place = Place::v6(0x2402_5ec0_0000_0000_0000_0000_c6b9_543f, 23_724, "CN");

/// The cells, in the order of their volumes.
pub(crate) const CALLS: [Call; 24] = [
    call(
        XIAOMI_A,
        Service::of(
            "xiaomi",
            "api.account.xiaomi.com",
            Tls12,
            Place::v4([42, 62, 48, 21], 23_724, "CN"),
        ),
        Habit::Usual,
    ),
    call(
        XIAOMI_A,
        Service::of("xiaomi", "tracking.miui.com", Http, Place::v4([42, 62, 48, 35], 23_724, "CN")),
        Habit::Usual,
    ),
    call(XIAOMI_B, Service::of("xiaomi", "i.mi.com", Tls13, XIAOMI_V6), Habit::KeepsOpen),
    call(
        XIAOMI_B,
        Service::of(
            "xiaomi",
            "app.mi.com",
            Tls13,
            Place::v4([170, 33, 129, 167], 45_102, "SG").shared(),
        )
        .chain(EDGE),
        Habit::RemembersName,
    ),
    call(
        XIAOMI_A,
        Service::of(
            "xiaomi",
            "api.io.mi.com",
            Tls12,
            Place::v4([103, 43, 246, 220], 63_915, "HK").own("xiaomi"),
        ),
        Habit::Resets,
    ),
    call(
        SAMSUNG_A,
        Service::of(
            "line",
            "legy-jp.line-apps.com",
            Tls12,
            Place::v4([119, 235, 224, 183], 38_631, "JP").own("line"),
        ),
        Habit::KeepsOpen,
    ),
    call(
        SAMSUNG_A,
        Service::of("line", "w.line.me", Tls13, LINE_V6.own("line")),
        Habit::RemembersName,
    ),
    call(
        SAMSUNG_B,
        Service::of(
            "naver",
            "www.naver.com",
            Tls12,
            Place::v4([211, 249, 57, 120], 23_576, "KR").own("naver"),
        ),
        Habit::Usual,
    ),
    call(
        APPLE_A,
        Service::of(
            "naver",
            "static.naver.net",
            Http,
            Place::v4([61, 97, 177, 14], 23_576, "KR").own("naver"),
        ),
        Habit::Usual,
    ),
    call(
        DESK,
        Service::of(
            "microsoft",
            "config.messenger.msn.com",
            Tls12,
            Place::v4([131, 253, 75, 83], 8_070, "US").own("microsoft"),
        )
        .product("messenger"),
        Habit::Usual,
    ),
    call(
        DESK,
        Service::of(
            "microsoft",
            "messenger.hotmail.com",
            Msnp,
            Place::v4([131, 107, 123, 51], 3_598, "US").own("microsoft"),
        )
        .product("messenger"),
        Habit::KeepsOpen,
    ),
    call(
        APPLE_A,
        Service::of(
            "apple",
            "gateway.icloud.com",
            Tls13,
            Place::v4([17, 253, 50, 116], 714, "US").own("apple"),
        )
        .product("icloud"),
        Habit::Usual,
    ),
    call(
        APPLE_B,
        Service::of("apple", "gs-loc.apple.com", Tls12, APPLE_V6.own("apple")),
        Habit::NeverCloses,
    ),
    call(
        SAMSUNG_A,
        Service::of(
            "samsung",
            "vas.samsungapps.com",
            Http,
            Place::v4([112, 107, 182, 61], 6_619, "KR").own("samsung"),
        ),
        Habit::Usual,
    ),
    call(
        SAMSUNG_B,
        Service::of("samsung", "auth.samsungosp.com", Tls12, SAMSUNG_V6.own("samsung")),
        Habit::Resets,
    ),
    call(
        HUAWEI_A,
        Service::of(
            "huawei",
            "query.hicloud.com",
            Tls12,
            Place::v4([1, 94, 57, 223], 55_990, "CN").shared(),
        ),
        Habit::RemembersName,
    ),
    call(
        HUAWEI_A,
        Service::of(
            "huawei",
            "store.hicloud.com",
            Tls13,
            Place::v4([103, 215, 3, 53], 136_907, "HK").shared(),
        ),
        Habit::Usual,
    ),
    call(
        GOOGLE_A,
        Service::of(
            "google",
            "www.google.com",
            Tls13,
            Place::v4([136, 23, 58, 62], 15_169, "US").own("google"),
        ),
        Habit::Usual,
    ),
    call(
        GOOGLE_A,
        Service::of("google", "play.googleapis.com", Tls13, GOOGLE_V6.own("google")),
        Habit::Usual,
    ),
    call(
        GOOGLE_A,
        Service::of(
            "google",
            "connectivitycheck.gstatic.com",
            Http,
            Place::v4([172, 110, 32, 134], 15_169, "US").own("google"),
        ),
        Habit::RemembersName,
    ),
    call(
        SAMSUNG_B,
        Service::of(
            "kakao",
            "katalk.kakao.com",
            Tls12,
            Place::v4([211, 231, 106, 128], 38_099, "KR").own("kakao"),
        ),
        Habit::KeepsOpen,
    ),
    call(
        PRIVATE,
        Service::of(
            "meta",
            "graph.facebook.com",
            Tls13,
            Place::v4([157, 240, 118, 98], 32_934, "US").own("meta"),
        ),
        Habit::Usual,
    ),
    call(
        XIAOMI_B,
        Service::of(
            "google",
            "android.clients.google.com",
            Tls12,
            Place::v4([136, 23, 58, 62], 15_169, "US").own("google"),
        ),
        Habit::Usual,
    ),
    call(
        PRIVATE,
        Service::of(
            "tencent",
            "short.weixin.qq.com",
            Http,
            Place::v4([62, 234, 250, 97], 45_090, "CN").shared(),
        ),
        Habit::NeverCloses,
    ),
];

/// Plans every cell.
pub(crate) fn plan(draft: &mut Draft) {
    let ranks = draft.drawn.order(CALLS.len(), "volumes");
    for (call, rank) in CALLS.iter().zip(ranks) {
        spread(draft, call, CELL_UNIT * (rank + 1));
    }
}

/// Spreads a cell's volume over sessions in equal slots of the day.
fn spread(draft: &mut Draft, call: &Call, volume: usize) {
    let id = format!("{}/{}", call.handset.id, call.service.name);
    let name = draft.drawn.name(&call.service, &id);
    let place = draft.drawn.place(call.service.place);
    let service = Service { name: &name, place, ..call.service };
    let handset = draft.drawn.caller(&call.handset);
    let sessions = match call.habit {
        Habit::KeepsOpen => 2,
        _ if volume < 40_000 => 2,
        _ => 4 + draft.drawn.extra(&id, 3),
    };
    let mut rng = Rng::of(draft.seed, &id, "times");
    let share = volume / sessions;
    for index in 0..sessions {
        let id = format!("{id}/{index}");
        let mut session = Session::of(&handset, &service, &id);
        let slot = 24 * 3_600 * SECOND / i64::try_from(sessions).unwrap_or(1);
        // The first half of each slot: so that no name is remembered by accident.
        let begin = slot * i64::try_from(index).unwrap_or(0) + 60 * SECOND;
        session.start_ns = DAY_START_NS + rng.between(begin, slot / 2);
        session.volume = share;
        match call.habit {
            Habit::Usual => {}
            Habit::RemembersName if index == 0 => {}
            Habit::RemembersName => session.lookup_ns = None,
            Habit::KeepsOpen => (session.turns, session.pause_ns) = (8, 20 * SECOND),
            Habit::Resets => session.close = Close::Reset,
            Habit::NeverCloses => session.close = Close::Open,
        }
        if index + 1 == sessions {
            session.volume = volume - share * (sessions - 1);
        }
        session.plan(draft);
    }
}
