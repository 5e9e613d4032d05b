//! A connection that is longer than a day: it crosses every cut that is made of flows, and midnight.

use crate::source::synthetic::cast::{Service, Transport, XIAOMI_A};
use crate::source::synthetic::draft::Draft;
use crate::source::synthetic::place::Place;
use crate::source::synthetic::plan::Plan;
use crate::source::synthetic::session::Session;
use crate::source::synthetic::tcp::SECOND;
use crate::source::synthetic::truth::DAY_START_NS;

impl Plan {
    /// T19: one connection of 26 hours that says something every 20 seconds.
    pub fn long_connection(seed: u64) -> Self {
        let mut draft = Draft::new(seed);
        let place = Place::v4([103, 43, 246, 220], 63_915, "HK").own("xiaomi");
        let service = Service::of("xiaomi", "api.io.mi.com", Transport::Tls12, place);
        let mut session = Session::of(&XIAOMI_A, &service, "T19");
        session.start_ns = DAY_START_NS;
        (session.turns, session.pause_ns) = (26 * 180, 20 * SECOND);
        session.volume = session.turns * 300;
        session.trap = Some("T19");
        session.plan(&mut draft);
        Self::of(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, SECOND};

    #[test]
    fn the_long_connection_is_one_of_26_hours() {
        let plan = Plan::long_connection(5);
        let [_, flow] = plan.truth() else { panic!("a lookup and a connection") };
        assert!((flow.last_ns - flow.first_ns) / (3_600 * SECOND) == 26);
    }
}
