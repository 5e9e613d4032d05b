//! The traps: flows on which an answer made the easy way is wrong.
//!
//! Trap k carries 701·(k+1) bytes of payload; those that are more than one session have volumes of their own.

use crate::source::synthetic::asides;
use crate::source::synthetic::cast::Service;
use crate::source::synthetic::draft::Draft;
use crate::source::synthetic::packet::Wrap;
use crate::source::synthetic::scenes::{SCENES, Stage};
use crate::source::synthetic::session::{Oddity, Session};
use crate::source::synthetic::tcp::{MILLI, SECOND};
use crate::source::synthetic::truth::{DAY_START_NS, Rule};

/// Payload of trap 0; trap k carries k+1 times as much.
pub(crate) const TRAP_UNIT: usize = 701;

/// What must, and must not, come out of each trap.
pub(crate) const RULES: [Rule; 24] = [
    rule("T01", "vendor xiaomi E5; operator akamai; country TW", "country CN or vendor akamai"),
    rule("T02", "each flow its own name's vendor; country TW", "one vendor for the address"),
    rule("T03", "vendor xiaomi E3 by the DNS; ech real", "vendor cloudflare"),
    rule("T03b", "vendor google by the name", "the name left out because an ECH was offered"),
    rule("T04", "vendor xiaomi E3; country CN", "unattributed"),
    rule("T04b", "expired or of two vendors: none; a stranger's: xiaomi E2", "a guess"),
    rule("T05", "vendor line E1; country JP", "unattributed"),
    rule("T05b", "unattributed; operator alibaba", "vendor xiaomi or alibaba"),
    rule("T06", "what is seen of one direction; client and server right", "directions swapped"),
    rule("T10", "by DNS or network or none; roles by ports", "client and server swapped"),
    rule(
        "T12",
        "makers by each flow's agent; else multiple",
        "the router's maker or the first agent's",
    ),
    rule("T13", "vendor apple E4; name_ip_mismatch; country CN", "apple without the flag"),
    rule("T14", "line for the last two; else unattributed", "vendor xiaomi"),
    rule("T15", "google and cloudflare; anycast without a country", "country US or AU"),
    rule("T16", "no country; behind 64:ff9b:: and 2002:: the embedded address's TW", "US or JP"),
    rule("T17", "bytes as the IP header says; length 0 as on the wire", "padding or FCS counted"),
    rule("T18", "xiaomi E4 then apple E4; bytes by connection", "all to the first name"),
    rule("T20", "the first Host; further ones kept; CONNECT; port left out", "lost names"),
    rule("T21", "the name of a hello in many segments", "no name"),
    rule("T22", "the name of each version; the moved part by DNS", "a flow without vendor"),
    rule("T23", "microsoft messenger; messenger.com is meta", "one for the other"),
    rule("T24", "line; naver; line", "naver for line.naver.jp"),
    rule("T25", "vendor xiaomi E3 by the name asked", "vendor akamai"),
    rule("T29", "no maker", "a maker by a router's or a random address"),
];

const fn rule(trap: &'static str, must: &'static str, must_not: &'static str) -> Rule {
    Rule { trap, must, must_not }
}

/// Between two scenes: a name looked up for one is forgotten before the next.
const BETWEEN_NS: i64 = 25 * 60 * SECOND;

/// Plans every trap.
pub(crate) fn plan(draft: &mut Draft) {
    let mut before = (DAY_START_NS, DAY_START_NS, 0);
    for (index, scene) in SCENES.iter().enumerate() {
        let id = format!("{}/{index}", scene.trap);
        let name = draft.drawn.name(&scene.service, &id);
        let place = draft.drawn.place(scene.service.place);
        let service = Service { name: &name, place, ..scene.service };
        let mut handset = draft.drawn.caller(&scene.handset);
        if scene.oddity != Oddity::None {
            // What is odd about a frame is its own, and not its wrapper's.
            handset.wrap = Wrap::None;
        }
        let mut session = Session::of(&handset, &service, &id);
        let slot = i64::try_from(index).unwrap_or(0);
        let delay_ns = draft.drawn.delay_ns(&id, 4 * 60 * SECOND);
        session.start_ns = DAY_START_NS + slot * BETWEEN_NS + 20 * 60 * SECOND + delay_ns;
        session.volume = TRAP_UNIT * (index + 1) + draft.drawn.extra(&id, 4_000);
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
            Stage::Moved => session.start_ns = end_ns + SECOND,
        }
        let (end_ns, port) = session.plan(draft);
        before = (session.start_ns, end_ns, port);
    }
    asides::plan(draft);
}
