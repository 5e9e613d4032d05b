//! Plans many QUIC handshakes, each a connection of its own.
//!
//! They are all that is readable of it; what follows has a short header and says nothing.

use crate::source::synthetic::cast::{
    APPLE_B, GOOGLE_A, HUAWEI_A, SAMSUNG_A, Service, Transport, XIAOMI_B,
};
use crate::source::synthetic::draft::{Draft, Opening};
use crate::source::synthetic::hellos::name;
use crate::source::synthetic::openings::{Course, Sent, beginning};
use crate::source::synthetic::packet::{Packet, Segment};
use crate::source::synthetic::place::Place;
use crate::source::synthetic::plan::Plan;
use crate::source::synthetic::quic::QuicVersion;
use crate::source::synthetic::rng::Rng;
use crate::source::synthetic::tcp::{MILLI, Path, SECOND};
use crate::source::synthetic::truth::DAY_START_NS;

impl Plan {
    /// `count` handshakes of `version`, on any port; every fiftieth names nobody. Where it `is_wild`, hellos come in pieces of any order.
    pub fn quic(seed: u64, version: QuicVersion, count: u32, is_wild: bool) -> Self {
        let clients = [XIAOMI_B, SAMSUNG_A, APPLE_B, HUAWEI_A, GOOGLE_A];
        let mut draft = Draft::new(seed);
        for (index, handset) in (0..count).zip(clients.iter().cycle()) {
            let mut rng = Rng::of(seed, &format!("{version:?}/{index}"), "quic");
            let [.., host] = index.to_be_bytes();
            let place = if index % 5 == 4 {
                Place::v6(0x2001_0db8_00ab << 80 | u128::from(host), 0, "").without_asn()
            } else {
                Place::v4([198, 51, 100, host], 0, "").without_asn()
            };
            let port =
                if is_wild && rng.below(3) == 0 { 10_000 + rng.word() % 20_000 } else { 443 };
            let service = Service::nobody("", Transport::Datagrams, port, place);
            let opening = Opening { handset, service: &service, proto: 17, port: None, trap: None };
            let path = draft.open(opening);
            let named = (index % 50 != 49).then(|| name(&mut rng));
            if let Some(name) = &named {
                draft.named(&path, name, "quic_sni");
            }
            let course = Course::drawn(is_wild, &mut rng);
            let mut sent = beginning(version, named.as_deref(), course, &mut rng);
            // What follows has a short header and says nothing.
            for up in [true, false] {
                let mut content = rng.bytes(200);
                content.insert(0, 0x43);
                sent.push((up, content));
            }
            let start_ns = DAY_START_NS + i64::from(index) * SECOND;
            draft.extend(packets(path, start_ns, sent));
        }
        Self::of(draft)
    }
}

pub(crate) fn packets(path: Path, start_ns: i64, sent: Vec<Sent>) -> Vec<Packet> {
    let (client, server) = (path.client.port(), path.server.port());
    let times = (0_i64..).map(|nth| start_ns + nth * 3 * MILLI);
    times
        .zip(sent)
        .map(|(ts_ns, (up, payload))| {
            let (src_port, dst_port) = if up { (client, server) } else { (server, client) };
            path.packet(ts_ns, up, Segment::Udp { src_port, dst_port, payload })
        })
        .collect()
}
