//! What hosts ask the network itself, and say of themselves while they do: names (DNS), addresses (DHCP), neighbours (mDNS, LLMNR).

use schemas::devices::DeviceRow;
use schemas::{Mac, Text};

use crate::datagram::{Datagrams, Piece, Said};
use crate::decode::{Decoder, protocol};
use crate::delivery::Delivery;
use crate::dialogue::{Dialogue, Seen};
use crate::flow::FlowKey;
use crate::frame::Frame;
use crate::hint::DnsMessage;
use crate::names::{dhcp, dns};
use crate::observation::Observation;
use crate::record::micros;
use crate::service::Service;

/// A protocol of the network's own services, told by its port and then by its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Talk {
    /// RFC 1035.
    Dns,
    /// RFC 2131.
    Dhcp,
    /// RFC 8415.
    Dhcpv6,
    /// RFC 6762: about neighbours, so that no flow is named by it.
    Mdns,
    /// RFC 4795: the same.
    Llmnr,
}

impl Talk {
    /// What a flow's packets are looked through for.
    #[inline]
    pub(crate) fn of(key: &FlowKey) -> Option<Self> {
        // Most have ports of neither kind.
        let may_talk = |port: u16| port < 68 || port == 547 || port.wrapping_sub(5_353) < 3;
        if may_talk(key.low.port) || may_talk(key.high.port) { Self::by_ports(key) } else { None }
    }

    fn by_ports(key: &FlowKey) -> Option<Self> {
        let talk = match (Self::at(key.low.port), Self::at(key.high.port)) {
            (Some(low), Some(high)) => low.min(high),
            (low, high) => low.or(high)?,
        };
        let is_heard = match key.ip_proto {
            protocol::UDP => true,
            protocol::TCP => talk == Self::Dns,
            _ => false,
        };
        is_heard.then_some(talk)
    }

    const fn at(port: u16) -> Option<Self> {
        match port {
            53 => Some(Self::Dns),
            67 => Some(Self::Dhcp),
            547 => Some(Self::Dhcpv6),
            5353 => Some(Self::Mdns),
            5355 => Some(Self::Llmnr),
            _ => None,
        }
    }

    /// Word of the column `service`.
    pub(crate) const fn service(self) -> Service {
        match self {
            Self::Dns => Service::Dns,
            Self::Dhcp => Service::Dhcp,
            Self::Dhcpv6 => Service::Dhcpv6,
            Self::Mdns => Service::Mdns,
            Self::Llmnr => Service::Llmnr,
        }
    }
}

/// A payload, and where it was seen.
pub(crate) struct Spoken<'a> {
    pub(crate) payload: &'a [u8],
    pub(crate) frame: Frame<'a>,
    pub(crate) seen: Seen,
    pub(crate) clock: i64,
    /// The beginning of a datagram that comes in pieces.
    pub(crate) is_piece: bool,
}

/// A lane's ear for them.
#[derive(Debug)]
pub(crate) struct Inquiry {
    sensor: Text,
    decoder: Decoder,
    dialogue: Dialogue,
    datagrams: Datagrams,
}

impl Inquiry {
    /// Nothing heard yet.
    pub(crate) fn new(sensor: Text, decoder: Decoder) -> Self {
        Self {
            dialogue: Dialogue::new(sensor.clone()),
            datagrams: Datagrams::default(),
            sensor,
            decoder,
        }
    }

    /// Listens to a payload; whether it is a message of this kind.
    pub(crate) fn hear(&mut self, talk: Talk, spoken: &Spoken<'_>, draft: &mut Delivery) -> bool {
        let Spoken { payload, frame, seen, .. } = spoken;
        match talk {
            Talk::Dns if spoken.is_piece => dns::message(payload).is_some(),
            Talk::Dns => {
                let Some(message) = dns::message(payload) else { return false };
                self.hear_message(&message, seen, spoken.clock, draft);
                true
            }
            Talk::Dhcp => self.lease(dhcp::v4(payload), "dhcp", seen, draft),
            Talk::Dhcpv6 => self.lease(dhcp::v6(payload, seen.from), "dhcpv6", seen, draft),
            Talk::Mdns => {
                let Some(name) = dns::announcement(payload, seen.from) else { return false };
                draft.devices.extend(name.map(|name| DeviceRow {
                    mac: self.sender(frame),
                    ip: Some(seen.from),
                    mdns_name: Some(name),
                    ..self.blank("mdns", seen.ts_ns)
                }));
                true
            }
            Talk::Llmnr => dns::message(payload).is_some(),
        }
    }

    /// Takes a message of DNS.
    pub(crate) fn hear_message(
        &mut self,
        message: &DnsMessage,
        seen: &Seen,
        clock: i64,
        draft: &mut Delivery,
    ) {
        draft.resolved.extend(self.dialogue.hear(message, seen, clock, &mut draft.dns));
    }

    /// Takes note of what a client says in DHCP.
    fn lease(
        &self,
        lease: Option<dhcp::Lease>,
        source: &'static str,
        seen: &Seen,
        draft: &mut Delivery,
    ) -> bool {
        let Some(lease) = lease else { return false };
        if lease != dhcp::Lease::default() {
            draft.devices.push(DeviceRow {
                mac: lease.mac.map(Mac),
                ip: lease.ip,
                dhcp_hostname: lease.hostname,
                dhcp_vendor_class: lease.vendor_class,
                dhcp_parameters: lease.parameters,
                ..self.blank(source, seen.ts_ns)
            });
        }
        true
    }

    /// What a request says of the device that sent it, where its MAC address is there too.
    pub(crate) fn device(
        &self,
        agent: &Text,
        frame: &Frame<'_>,
        observation: &Observation,
    ) -> Option<DeviceRow> {
        Some(DeviceRow {
            mac: Some(self.sender(frame)?),
            ip: Some(Seen::of(observation, observation.key, 0).from),
            http_user_agent: Some(agent.clone()),
            ..self.blank("http", frame.ts_ns)
        })
    }

    /// MAC address of the sender.
    fn sender(&self, frame: &Frame<'_>) -> Option<Mac> {
        self.decoder.detail(frame)?.link.source_mac.map(Mac)
    }

    fn blank(&self, source: &'static str, ts_ns: i64) -> DeviceRow {
        DeviceRow {
            ts: micros(ts_ns),
            mac: None,
            ip: None,
            dhcp_hostname: None,
            dhcp_vendor_class: None,
            dhcp_parameters: None,
            mdns_name: None,
            http_user_agent: None,
            source,
            sensor_id: self.sensor.clone(),
        }
    }

    /// Takes a fragment; `flow` is its flow's key and id where its ports are known.
    pub(crate) fn piece(
        &mut self,
        piece: &Piece<'_>,
        flow: Option<(FlowKey, i64)>,
        draft: &mut Delivery,
    ) {
        let Piece { observation, fragment, .. } = piece;
        if observation.key.ip_proto != protocol::UDP {
            return;
        }
        let seen = match flow {
            Some((key, flow_id)) if Talk::of(&key) == Some(Talk::Dns) => {
                Some(Seen::of(observation, key, flow_id))
            }
            Some(_) => return self.datagrams.drop(observation, fragment),
            None => None,
        };
        let said = self.datagrams.take(piece, seen);
        self.hear_whole(said, piece.clock, draft);
    }

    fn hear_whole(&mut self, said: Vec<Said>, clock: i64, draft: &mut Delivery) {
        for (payload, seen) in said {
            if let Some(message) = dns::message(&payload) {
                self.hear_message(&message, &seen, clock, draft);
            }
        }
    }

    /// Gives up on what has waited too long.
    pub(crate) fn sweep(&mut self, clock: i64, draft: &mut Delivery) {
        let said = self.datagrams.sweep(clock);
        self.hear_whole(said, clock, draft);
        self.dialogue.sweep(clock, &mut draft.dns);
    }

    /// Gives up on all that waits.
    pub(crate) fn flush(&mut self, clock: i64, draft: &mut Delivery) {
        let said = self.datagrams.flush();
        self.hear_whole(said, clock, draft);
        self.dialogue.flush(&mut draft.dns);
    }

    /// What was given up early because too much waited, so far.
    pub(crate) const fn evictions(&self) -> u64 {
        self.dialogue.evictions() + self.datagrams.evictions()
    }
}
