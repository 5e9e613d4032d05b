//! Plans many TLS hellos, each in one segment of a connection of its own.
//!
//! They vary in what real clients vary in, so that a reader of names is not tuned to one of them.

use crate::source::synthetic::cast::{
    APPLE_A, APPLE_B, GOOGLE_A, HUAWEI_A, SAMSUNG_A, SAMSUNG_B, Service, Transport, XIAOMI_A,
    XIAOMI_B,
};
use crate::source::synthetic::draft::{Draft, Opening};
use crate::source::synthetic::place::Place;
use crate::source::synthetic::plan::Plan;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::{Close, SECOND, Tcp};
use crate::source::synthetic::tls::{Hello, Version};
use crate::source::synthetic::truth::DAY_START_NS;

const DOMAINS: [&str; 6] =
    ["example.com", "example.net", "example.org", "test", "xn--fsq.example", "invalid"];
const PROTOCOLS: [&[&str]; 5] =
    [&["h2", "http/1.1"], &["http/1.1"], &[], &["spdy/3.1", "http/1.1"], &["x-unheard-of"]];

/// A name of one to six labels, now and then of 63 letters a label.
pub(crate) fn name(rng: &mut Rng) -> String {
    let mut labels = Vec::new();
    for _ in 0..=rng.below(4) {
        let length = if rng.below(20) == 0 { 63 } else { 1 + rng.below(14) };
        let length = usize::try_from(length).unwrap_or(1);
        labels.push(rng.text(length).into_iter().map(char::from).collect::<String>());
    }
    labels.push((*rng.pick(&DOMAINS).unwrap_or(&"test")).to_owned());
    if rng.below(40) == 0 { labels.join(".").to_ascii_uppercase() } else { labels.join(".") }
}

/// A hello that differs from the one before in everything a client may choose.
fn hello<'a>(version: Version, name: Option<&'a str>, rng: &mut Rng) -> Hello<'a> {
    let mut hello = Hello::plain(version, name);
    hello.alpn = rng.pick(&PROTOCOLS).copied().unwrap_or(&[]);
    hello.session_id = if rng.below(2) == 0 { 32 } else { 0 };
    if matches!(version, Version::Tls12 | Version::Tls13) {
        hello.grease = rng.below(2) == 0;
        hello.padded = rng.below(3) == 0;
    }
    hello.ech = version == Version::Tls13 && rng.below(3) == 0;
    hello
}

impl Plan {
    /// `count` hellos of `version`; every fiftieth, and all of SSL 3.0, name nobody.
    pub fn hellos(seed: u64, version: Version, count: u32) -> Self {
        let clients =
            [XIAOMI_A, XIAOMI_B, SAMSUNG_A, SAMSUNG_B, APPLE_A, APPLE_B, HUAWEI_A, GOOGLE_A];
        let mut draft = Draft::new(seed);
        for (index, handset) in (0..count).zip(clients.iter().cycle()) {
            let mut rng = Rng::of(seed, &format!("{version:?}/{index}"), "hello");
            let [_, _, _, host] = index.to_be_bytes();
            // Documentation addresses (RFC 5737, RFC 3849): nobody's.
            let place = if index % 5 == 4 {
                Place::v6(0x2001_0db8_00aa << 80 | u128::from(host), 0, "").without_asn()
            } else {
                Place::v4([203, 0, 113, host], 0, "").without_asn()
            };
            let service = Service::nobody("", Transport::Tls12, 443, place);
            let opening = Opening { handset, service: &service, proto: 6, port: None, trap: None };
            let path = draft.open(opening);
            let named = (version != Version::Ssl30 && index % 50 != 49).then(|| name(&mut rng));
            if let Some(name) = &named {
                draft.named(&path, name, "tls_sni");
            }
            let start_ns = DAY_START_NS + i64::from(index) * SECOND;
            let record = hello(version, named.as_deref(), &mut rng).record(&mut rng);
            let mut tcp = Tcp::open(path, start_ns, false, &mut rng);
            tcp.say(true, &record);
            tcp.close(Close::Reset);
            draft.extend(tcp.packets);
        }
        Self::of(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::{Plan, Version};

    #[test]
    fn every_hello_is_one_segment_of_its_own_connection() {
        for version in [Version::Ssl30, Version::Tls10, Version::Tls12, Version::Tls13] {
            let plan = Plan::hellos(5, version, 200);
            assert_eq!(plan.truth().len(), 200);
            assert!(plan.truth().iter().all(|flow| flow.src_packets == 4 && flow.connection == 0));
            let named = plan.truth().iter().filter(|flow| flow.server_name.is_some()).count();
            assert_eq!(named, if version == Version::Ssl30 { 0 } else { 196 });
        }
    }
}
