//! DNS messages (RFC 1035 section 4): first question and a bounded answer section.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use crate::decode::bytes::{array, be16, be32};
use crate::hint::{DnsAnswer, DnsData, DnsMessage};
use crate::names::text::escape;

/// Records of an answer section that are kept.
const ANSWERS_MAX: usize = 32;
/// Labels walked for one name, pointers included: hostile pointers can form a circle.
const STEPS_MAX: usize = 128;
const NAME_MAX: usize = 255;

mod kind {
    pub(super) const A: u16 = 1;
    pub(super) const NS: u16 = 2;
    pub(super) const CNAME: u16 = 5;
    pub(super) const PTR: u16 = 12;
    pub(super) const AAAA: u16 = 28;
}

/// Reads a message; `None` where it is none or carries no question.
pub fn message(payload: &[u8]) -> Option<DnsMessage> {
    let flags = be16(payload, 2)?;
    // Only standard queries; an inverse query or an update names nothing that a client will connect to.
    if flags & 0x7800 != 0 || be16(payload, 4)? == 0 {
        return None;
    }
    let (query, mut at) = name(payload, 12)?;
    let query_type = be16(payload, at)?;
    at += 4;
    for _ in 1..be16(payload, 4)?.min(4) {
        at = name(payload, at)?.1 + 4;
    }
    let count = usize::from(be16(payload, 6)?).min(ANSWERS_MAX);
    let mut answers = Vec::with_capacity(count);
    for _ in 0..count {
        // A message cut short keeps the answers before the cut.
        let Some((answer, next)) = record(payload, at) else { break };
        answers.push(answer);
        at = next;
    }
    Some(DnsMessage {
        id: be16(payload, 0)?,
        response: flags & 0x8000 != 0,
        rcode: u8::try_from(flags & 0x0f).unwrap_or_default(),
        query: query.into(),
        query_type,
        answers,
    })
}

fn record(payload: &[u8], at: usize) -> Option<(DnsAnswer, usize)> {
    let (_, at) = name(payload, at)?;
    let record_type = be16(payload, at)?;
    let ttl_s = be32(payload, at + 4)?;
    let length = usize::from(be16(payload, at + 8)?);
    let data_at = at + 10;
    let data = match (record_type, length) {
        (kind::A, 4) => DnsData::Address(IpAddr::V4(Ipv4Addr::from(array::<4>(payload, data_at)?))),
        (kind::AAAA, 16) => {
            DnsData::Address(IpAddr::V6(Ipv6Addr::from(array::<16>(payload, data_at)?)))
        }
        (kind::NS | kind::CNAME | kind::PTR, _) => {
            DnsData::Name(Arc::from(name(payload, data_at)?.0))
        }
        _ => DnsData::Other(record_type),
    };
    payload.get(..data_at + length)?;
    Some((DnsAnswer { ttl_s, data }, data_at + length))
}

/// A name as text, lower case, without the last dot, and the position behind it.
fn name(payload: &[u8], start: usize) -> Option<(String, usize)> {
    let mut text = String::new();
    let (mut at, mut behind) = (start, None);
    for _ in 0..STEPS_MAX {
        let length = usize::from(*payload.get(at)?);
        match length {
            0 => {
                text.make_ascii_lowercase();
                return Some((text, behind.unwrap_or(at + 1)));
            }
            1..=63 => {
                if !text.is_empty() {
                    text.push('.');
                }
                escape(&mut text, payload.get(at + 1..at + 1 + length)?);
                at += 1 + length;
                if text.len() > NAME_MAX * 4 {
                    return None;
                }
            }
            192..=255 => {
                let pointer = usize::from(be16(payload, at)? & 0x3fff);
                behind.get_or_insert(at + 2);
                // Pointers go back (RFC 1035 section 4.1.4); this and the step limit end every walk.
                if pointer >= at {
                    return None;
                }
                at = pointer;
            }
            _ => return None,
        }
    }
    None
}

/// A type by name, as in Zeek's `qtype_name`.
pub fn type_name(number: u16) -> Arc<str> {
    match number {
        kind::A => "A".into(),
        kind::NS => "NS".into(),
        kind::CNAME => "CNAME".into(),
        6 => "SOA".into(),
        kind::PTR => "PTR".into(),
        15 => "MX".into(),
        16 => "TXT".into(),
        kind::AAAA => "AAAA".into(),
        33 => "SRV".into(),
        35 => "NAPTR".into(),
        43 => "DS".into(),
        46 => "RRSIG".into(),
        48 => "DNSKEY".into(),
        64 => "SVCB".into(),
        65 => "HTTPS".into(),
        255 => "ANY".into(),
        other => format!("TYPE{other}").into(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &[u8] = b"\x12\x34\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00\
        \x03API\x04LINE\x02me\x00\x00\x01\x00\x01\
        \xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x06\x03cdn\xc0\x10\
        \xc0\x29\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04\xcb\x68\x99\x01";

    #[test]
    fn rfc1035_question_chain_and_address() {
        let read = message(ANSWER).unwrap();
        assert_eq!(
            (read.id, read.response, &*read.query, read.query_type),
            (0x1234, true, "api.line.me", 1)
        );
        assert_eq!(
            read.answers,
            [
                DnsAnswer { ttl_s: 60, data: DnsData::Name("cdn.line.me".into()) },
                DnsAnswer { ttl_s: 30, data: DnsData::Address("203.104.153.1".parse().unwrap()) },
            ]
        );
    }

    #[test]
    fn a_circle_of_pointers_ends() {
        let circle = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\xc0\x0c\0\x01\0\x01";
        assert_eq!(message(circle), None);
        let two = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\xc0\x0e\xc0\x0c\0\x01\0\x01";
        assert_eq!(message(two), None);
    }

    proptest! {
        #[test]
        fn any_damage_is_survived(position in 0..80usize, octet in any::<u8>(), cut in 0..90usize) {
            let mut bytes = ANSWER.to_vec();
            if let Some(slot) = bytes.get_mut(position) {
                *slot = octet;
            }
            bytes.truncate(cut);
            if let Some(read) = message(&bytes) {
                prop_assert!(read.answers.len() <= ANSWERS_MAX && read.query.len() <= NAME_MAX * 4 + 256);
            }
        }
    }
}
