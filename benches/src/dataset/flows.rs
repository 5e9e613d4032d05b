//! One flow of a made data set: who talks to whom, what the probe would have read of it, how it went. Of a hundred flows 90 go out, 5 come in, 5 stay inside.

use std::net::IpAddr;

use schemas::flow::FlowRow;
use schemas::{Mac, Micros, Text};

use crate::dataset::blank::blank;
use crate::dataset::course::{ACTIVE_US, IDLE_US, course, weigh};
use crate::dataset::random::{Curve, Random};
use crate::dataset::service::{Chosen, ICMP, ICMPV6, Services, TCP};
use crate::dataset::world::{Client, Name, World};

/// On the way out.
const GATEWAY: Mac = Mac([0x00, 0x1b, 0x21, 0x00, 0x00, 0x01]);

/// What all flows are drawn from.
#[derive(Debug)]
pub struct Drawing {
    world: World,
    services: Services,
    duration_us: Curve,
    sensor: Text,
    interface: Text,
}

/// Who talks to whom.
struct Ends<'a> {
    src_ip: IpAddr,
    dst_ip: IpAddr,
    macs: [Mac; 2],
    direction: &'static str,
    name: Option<&'a Text>,
    alias: Option<&'a Text>,
}

impl Drawing {
    /// That of a seed.
    pub fn new(seed: u64, sensor: &str) -> Self {
        Self {
            world: World::new(seed),
            services: Services::new(seed),
            duration_us: Curve::new(1.5e6, 1.8, 3.6e9),
            sensor: sensor.into(),
            interface: "eth0".into(),
        }
    }

    /// Who talks to whom; the name is one that the service may show.
    fn ends(&self, random: &mut Random) -> Option<Ends<'_>> {
        let client = self.world.client(random)?;
        match random.below(100) {
            0..90 => {
                // Some services and some users go by the address alone.
                let name = if random.percent(96) { self.world.name(random) } else { None };
                Some(self.outwards(client, name, random)?)
            }
            90..95 => {
                let (name, host) = self.world.host(random)?;
                let src_ip = self.world.server(None, random)?;
                let (dst_ip, macs) = (host.towards(src_ip), [GATEWAY, host.mac]);
                let name = Some(name);
                Some(Ends { src_ip, dst_ip, macs, direction: "inbound", name, alias: None })
            }
            _ => {
                let (name, host) = self.world.host(random)?;
                let v4 = IpAddr::from([0, 0, 0, 0]);
                let (src_ip, dst_ip) = (client.towards(v4), host.towards(v4));
                let (macs, name) = ([client.mac, host.mac], Some(name));
                Some(Ends { src_ip, dst_ip, macs, direction: "internal", name, alias: None })
            }
        }
    }

    fn outwards<'a>(
        &'a self,
        client: &Client,
        name: Option<&'a Name>,
        random: &mut Random,
    ) -> Option<Ends<'a>> {
        let dst_ip = self.world.server(name, random)?;
        Some(Ends {
            src_ip: client.towards(dst_ip),
            dst_ip,
            macs: [client.mac, GATEWAY],
            direction: "outbound",
            name: name.map(|name| &name.text),
            alias: name.and_then(|name| name.alias.as_ref()),
        })
    }

    /// A new flow that was told at `at_us`, in the hour that began at `begin_us`, and how much longer it goes on.
    pub fn flow(
        &self,
        (begin_us, at_us): (i64, i64),
        random: &mut Random,
    ) -> Option<(FlowRow, i64)> {
        let (chosen, ends) = (self.services.pick(random)?, self.ends(random)?);
        let whole_us = i64::from(self.duration_us.pick(random));
        let course = course(chosen, whole_us, random);
        let left_us = if course.reason == "active" { whole_us - ACTIVE_US } else { 0 };
        let silence_us = match course.reason {
            "idle" if at_us - begin_us > IDLE_US + 1_000_000 => IDLE_US + random.up_to(250_000),
            _ => random.up_to(1 + u32::try_from((at_us - begin_us).min(250_000)).unwrap_or(0)),
        };
        let end_us = at_us - silence_us;
        let start_us = end_us - whole_us.min(ACTIVE_US);
        let mut row = self.row(&ends, chosen, (start_us, end_us), random);
        row.conn_state = course.state;
        row.flow_end_reason = course.reason;
        let is_tcp = row.ip_proto == TCP;
        let [sent, received] = course.flags.map(|flags| is_tcp.then_some(flags));
        (row.src_tcp_flags, row.dst_tcp_flags) = (sent, received);
        row.missed_bytes = is_tcp.then_some(0);
        if course.is_answered {
            tell(&mut row, &ends, chosen, random);
        }
        let (up, down) = chosen.payload(random);
        let (up, down) = if course.is_answered { (up, Some(down)) } else { (0, None) };
        weigh(&mut row, up, down);
        Some((row, left_us))
    }

    /// A row without traffic.
    fn row(
        &self,
        ends: &Ends<'_>,
        chosen: Chosen<'_>,
        (start_us, end_us): (i64, i64),
        random: &mut Random,
    ) -> FlowRow {
        let service = chosen.service();
        let is_v6 = ends.dst_ip.is_ipv6();
        let (ip_proto, proto, echo) = match service.ip_proto {
            ICMP if is_v6 => (ICMPV6, "icmpv6", Some(128)),
            ICMP => (ICMP, "icmp", Some(8)),
            other => (other, service.proto, None),
        };
        let [src_mac, dst_mac] = ends.macs.map(Some);
        FlowRow {
            flow_start: Micros(start_us),
            flow_end: Micros(end_us),
            flow_first_seen: Micros(start_us),
            duration_us: end_us - start_us,
            flow_id: random.bits().cast_signed(),
            interface: Some(self.interface.clone()),
            ip_version: if is_v6 { 6 } else { 4 },
            ip_proto,
            proto,
            src_ip: ends.src_ip,
            dst_ip: ends.dst_ip,
            src_port: service.port.map(|_| 32_768 + random.below(28_232).cast_signed()),
            dst_port: service.port,
            icmp_type: echo,
            icmp_code: echo.map(|_| 0),
            src_mac,
            dst_mac,
            initiator_evidence: if ip_proto == TCP { "syn" } else { "port" },
            direction: ends.direction,
            dscp: Some(if random.percent(3) { 46 } else { 0 }),
            ..blank(self.sensor.clone())
        }
    }
}

/// What the payload showed.
fn tell(row: &mut FlowRow, ends: &Ends<'_>, chosen: Chosen<'_>, random: &mut Random) {
    let service = chosen.service();
    row.service = service.service;
    if let (Some(source), Some(name)) = (service.name_source, ends.name) {
        row.server_name = Some(name.clone());
        row.server_name_source = Some(source);
    }
    // The resolver of the others is out of sight.
    if let Some(name) = ends.name.filter(|_| random.percent(35)) {
        row.dns_names = [Some(name), ends.alias].into_iter().flatten().cloned().collect();
        row.dns_names_at = Some(Micros(row.flow_start.0 - 1 - random.up_to(60_000_000)));
    }
    if let Some(hello) = chosen.hello(random) {
        row.alpn = hello.alpn;
        row.tls_version = Some(hello.version);
        row.tls_ja4 = Some(hello.ja4);
        row.ech_offered = Some(hello.ech);
    }
    row.http_user_agent = chosen.agent(random);
}
