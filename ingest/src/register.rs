//! Which device has said what of itself, and when: said again within the hour, or in HTTP within the day, it is no news.
//!
//! Kept by the single writer, so that the number of lanes changes nothing. Bounded: a device forgotten early tells its facts once more.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, Hash};
use std::net::IpAddr;

use hashbrown::{DefaultHashBuilder, HashMap};
use schemas::devices::DeviceRow;

/// Facts remembered at a time, for each of the two spans.
const FACTS_MAX: usize = 65_536;
const HOUR_US: i64 = 3_600_000_000;
const DAY_US: i64 = 24 * HOUR_US;

/// Device, address, and a hash of what was said.
type Key = (Option<[u8; 6]>, Option<IpAddr>, u64);

/// What was said of late.
#[derive(Debug)]
pub(crate) struct Register {
    hour: Span,
    day: Span,
    /// Of a seed that nobody outside knows: else facts could be made to look like others.
    hasher: DefaultHashBuilder,
}

impl Register {
    pub(crate) fn new() -> Self {
        Self {
            hour: Span::of(HOUR_US),
            day: Span::of(DAY_US),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Whether a row is news; takes note of it.
    pub(crate) fn is_news(&mut self, row: &DeviceRow) -> bool {
        let key = (row.mac.map(|mac| mac.0), row.ip, self.hasher.hash_one(facts(row)));
        let span = if row.http_user_agent.is_some() { &mut self.day } else { &mut self.hour };
        span.is_news(key, row.ts.0)
    }

    /// Forgotten early because there were too many, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.hour.evictions + self.day.evictions
    }
}

/// All that a row says beside its time, in an order.
pub(crate) fn facts(row: &DeviceRow) -> impl Hash + Ord + use<> {
    let device = (row.mac.map(|mac| mac.0), row.ip, row.source);
    let dhcp = [&row.dhcp_hostname, &row.dhcp_vendor_class, &row.dhcp_parameters];
    (device, dhcp.map(Clone::clone), row.mdns_name.clone(), row.http_user_agent.clone())
}

/// What was said within a span of time.
#[derive(Debug)]
struct Span {
    us: i64,
    said: HashMap<Key, i64>,
    /// In order of arrival.
    order: VecDeque<(i64, Key)>,
    evictions: u64,
}

impl Span {
    fn of(us: i64) -> Self {
        Self { us, said: HashMap::new(), order: VecDeque::new(), evictions: 0 }
    }

    fn is_news(&mut self, key: Key, at_us: i64) -> bool {
        // Packets may come out of order, and a clock be set back.
        let is_late = |since: i64| at_us.abs_diff(since) >= self.us.unsigned_abs();
        if self.said.get(&key).is_some_and(|since| !is_late(*since)) {
            return false;
        }
        while let Some(&(since, oldest)) = self.order.front() {
            if !is_late(since) && self.order.len() < FACTS_MAX {
                break;
            }
            self.order.pop_front();
            if self.said.get(&oldest) == Some(&since) {
                self.said.remove(&oldest);
                self.evictions += u64::from(!is_late(since));
            }
        }
        self.order.push_back((at_us, key));
        self.said.insert(key, at_us);
        true
    }
}

#[cfg(test)]
mod tests {
    use schemas::{Mac, Micros};

    use super::*;

    fn row(number: u32, at_s: i64, agent: Option<&str>) -> DeviceRow {
        let [a, b, c, d] = number.to_be_bytes();
        DeviceRow {
            ts: Micros(at_s * 1_000_000),
            mac: Some(Mac([2, 0, a, b, c, d])),
            ip: None,
            dhcp_hostname: agent.is_none().then(|| "host".into()),
            dhcp_vendor_class: None,
            dhcp_parameters: None,
            mdns_name: None,
            http_user_agent: agent.map(Into::into),
            source: if agent.is_some() { "http" } else { "dhcp" },
            sensor_id: "tap".into(),
        }
    }

    #[test]
    fn the_same_is_news_again_after_an_hour_or_a_day() {
        let mut register = Register::new();
        for (agent, span) in [(None, 3_600), (Some("MIUI/1"), 86_400)] {
            let mut news = |number, at_s| register.is_news(&row(number, at_s, agent));
            assert!(news(1, 100_000) && !news(1, 100_000) && news(2, 100_001));
            assert!(!news(1, 100_000 + span - 1) && !news(1, 100_000 - span + 1), "out of order");
            assert!(news(1, 100_000 + span) && !news(1, 100_001 + span));
            assert!(news(1, 50), "a clock that was set back");
        }
        assert!(
            register
                .is_news(&DeviceRow { dhcp_vendor_class: Some("x".into()), ..row(1, 90, None) })
        );
        assert_eq!(register.evictions(), 0);
    }

    #[test]
    fn a_flood_of_devices_is_bounded_and_counted() {
        let mut register = Register::new();
        let many = u32::try_from(FACTS_MAX).unwrap() + 1_000;
        assert!((0..many).all(|number| register.is_news(&row(number, 0, None))));
        assert_eq!((register.hour.said.len(), register.hour.order.len()), (FACTS_MAX, FACTS_MAX));
        assert_eq!(register.evictions(), 1_000);
        assert!(register.is_news(&row(0, 0, None)), "forgotten");
        assert!(!register.is_news(&row(many - 1, 0, None)), "remembered");
        assert!(register.is_news(&row(0, 3_600, None)));
        assert_eq!(register.hour.order.len(), 1, "what is too old goes uncounted");
        assert_eq!(register.evictions(), 1_001);
    }
}
