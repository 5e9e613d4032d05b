//! DNS messages (RFC 1035 section 4): first question and a bounded answer section; of mDNS (RFC 6762) the hosts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemas::Text;

use crate::decode::bytes::{array, be16, be32};
use crate::hint::{DnsAnswer, DnsData, DnsMessage};
use crate::names::pieces::MESSAGE_MAX;
use crate::names::text::{Spelling, escape, spelled};

/// Records of an answer section that are kept.
const ANSWERS_MAX: usize = 32;
/// Questions beyond the first that are skipped; behind more, nothing is read.
const QUESTIONS_MAX: u16 = 8;
/// Parameters of a service binding that are looked at.
const PARAMETERS_MAX: usize = 32;
/// Labels walked for one name, pointers included: hostile pointers can form a circle.
const STEPS_MAX: usize = 128;
const NAME_MAX: usize = 255;

const HEADER_OCTETS: usize = 12;

mod kind {
    pub(super) const A: u16 = 1;
    pub(super) const NS: u16 = 2;
    pub(super) const CNAME: u16 = 5;
    pub(super) const PTR: u16 = 12;
    pub(super) const AAAA: u16 = 28;
    pub(super) const SVCB: u16 = 64;
    pub(super) const HTTPS: u16 = 65;
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
    let mut read = Answers::default();
    if let Some(at) = skip_questions(payload, at, be16(payload, 4)? - 1) {
        read.section(payload, at, be16(payload, 6)?);
    }
    Some(DnsMessage {
        id: be16(payload, 0)?,
        response: flags & 0x8000 != 0,
        rcode: u8::try_from(flags & 0x0f).unwrap_or_default(),
        query,
        query_type,
        ech: read.ech,
        answers: read.answers,
    })
}

/// What a stream begins with, where each message stands behind its length (RFC 1035 section 4.2.2).
pub(crate) enum Framed {
    /// No message.
    Nothing,
    /// Too little to tell.
    Short,
    /// A message that is not all there.
    Partial,
    /// A message, and the octets that it takes with its length. Of one that is longer than is put together, or that is cut, what is there.
    Message(DnsMessage, usize),
}

/// Reads a message from where its length stands; where that is cut, no more of it will come.
pub(crate) fn framed(bytes: &[u8], is_cut: bool) -> Framed {
    let Some(length) = be16(bytes, 0).map(usize::from) else {
        return if bytes.is_empty() { Framed::Partial } else { Framed::Short };
    };
    let rest = bytes.get(2..).unwrap_or_default();
    let content = rest.get(..length).unwrap_or(rest);
    // Of a message there is always a header, and it asks one thing or a few.
    let is_likely = length >= HEADER_OCTETS
        && be16(content, 2).is_none_or(|flags| flags & 0x7800 == 0)
        && be16(content, 4).is_none_or(|questions| (1..=QUESTIONS_MAX).contains(&questions));
    if !is_likely {
        return Framed::Nothing;
    }
    let is_there = content.len() == length;
    if !is_there && !is_cut && (2 + length <= MESSAGE_MAX || content.len() < HEADER_OCTETS) {
        return Framed::Partial;
    }
    message(content).map_or(Framed::Nothing, |message| Framed::Message(message, 2 + length))
}

fn skip_questions(payload: &[u8], mut at: usize, count: u16) -> Option<usize> {
    if count > QUESTIONS_MAX {
        return None;
    }
    for _ in 0..count {
        at = skip_name(payload, at)? + 4;
    }
    Some(at)
}

/// What the records of an answer section say.
#[derive(Default)]
struct Answers {
    answers: Vec<DnsAnswer>,
    ech: Option<bool>,
}

impl Answers {
    /// A message cut short keeps the answers before the cut.
    fn section(&mut self, payload: &[u8], mut at: usize, count: u16) {
        for _ in 0..usize::from(count).min(ANSWERS_MAX) {
            let Some((record, next)) = Record::read(payload, at) else { break };
            if self.take(payload, &record).is_none() {
                break;
            }
            at = next;
        }
    }

    fn take(&mut self, payload: &[u8], record: &Record<'_>) -> Option<()> {
        let data = match (record.kind, record.address()) {
            (_, Some(address)) => DnsData::Address(address),
            (kind::NS | kind::CNAME | kind::PTR, _) => {
                DnsData::Name(name(payload, record.data_at)?.0)
            }
            (kind::SVCB | kind::HTTPS, _) => return self.binding(payload, record),
            (other, _) => DnsData::Other(other),
        };
        self.push(record.ttl_s, data);
        Some(())
    }

    /// Another name, or hints for the way (RFC 9460 section 2.2): an address that a client may take at once.
    fn binding(&mut self, payload: &[u8], record: &Record<'_>) -> Option<()> {
        let is_alias = be16(record.data, 0)? == 0;
        let (target, behind) = name(payload, record.data_at + 2)?;
        self.push(
            record.ttl_s,
            if target.is_empty() { DnsData::Other(record.kind) } else { DnsData::Name(target) },
        );
        if is_alias {
            return Some(());
        }
        let ech = self.ech.get_or_insert(false);
        let mut parameters = record.data.get(behind.checked_sub(record.data_at)?..)?;
        let mut hints = Vec::new();
        for _ in 0..PARAMETERS_MAX {
            let (Some(key), Some(length)) = (be16(parameters, 0), be16(parameters, 2)) else {
                break;
            };
            let Some((value, rest)) =
                parameters.get(4..).and_then(|rest| rest.split_at_checked(usize::from(length)))
            else {
                break;
            };
            match key {
                4 => hints.extend(
                    value
                        .as_chunks()
                        .0
                        .iter()
                        .map(|octets: &[u8; 4]| IpAddr::V4(Ipv4Addr::from(*octets))),
                ),
                5 => *ech = true,
                6 => hints.extend(
                    value
                        .as_chunks()
                        .0
                        .iter()
                        .map(|octets: &[u8; 16]| IpAddr::V6(Ipv6Addr::from(*octets))),
                ),
                _ => {}
            }
            parameters = rest;
        }
        for hint in hints {
            self.push(record.ttl_s, DnsData::Address(hint));
        }
        Some(())
    }

    fn push(&mut self, ttl_s: u32, data: DnsData) {
        if self.answers.len() < ANSWERS_MAX {
            self.answers.push(DnsAnswer { ttl_s, data });
        }
    }
}

/// A resource record (RFC 1035 section 4.1.3).
struct Record<'a> {
    kind: u16,
    ttl_s: u32,
    data_at: usize,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record at a position, and the position behind it.
    fn read(payload: &'a [u8], at: usize) -> Option<(Self, usize)> {
        let at = skip_name(payload, at)?;
        let data_at = at + 10;
        let end = data_at + usize::from(be16(payload, at + 8)?);
        let (kind, ttl_s) = (be16(payload, at)?, be32(payload, at + 4)?);
        Some((Self { kind, ttl_s, data_at, data: payload.get(data_at..end)? }, end))
    }

    fn address(&self) -> Option<IpAddr> {
        match (self.kind, self.data.len()) {
            (kind::A, 4) => array::<4>(self.data, 0).map(IpAddr::from),
            (kind::AAAA, 16) => array::<16>(self.data, 0).map(IpAddr::from),
            _ => None,
        }
    }
}

/// Whether it is an mDNS message, and the name that its sender announces for the address it has.
pub fn announcement(payload: &[u8], from: IpAddr) -> Option<Option<Text>> {
    let flags = be16(payload, 2)?;
    if flags & 0x7800 != 0 {
        return None;
    }
    let questions = be16(payload, 4)?;
    if flags & 0x8000 == 0 {
        return Some(None);
    }
    let mut at = skip_questions(payload, 12, questions)?;
    // Answers and additional records alike (RFC 6762 section 6).
    let count = [6, 8, 10].into_iter().filter_map(|at| be16(payload, at)).map(usize::from);
    for _ in 0..count.sum::<usize>().min(ANSWERS_MAX) {
        let Some((record, next)) = Record::read(payload, at) else { break };
        if record.address() == Some(from) {
            return Some(name(payload, at).map(|(name, _)| name));
        }
        at = next;
    }
    Some(None)
}

/// A name as text, lower case, without the last dot, and the position behind it.
fn name(payload: &[u8], start: usize) -> Option<(Text, usize)> {
    let mut text = Spelling::new();
    let (mut at, mut behind) = (start, None);
    for _ in 0..STEPS_MAX {
        let length = usize::from(*payload.get(at)?);
        match length {
            0 => {
                text.make_ascii_lowercase();
                return Some((spelled(&text), behind.unwrap_or(at + 1)));
            }
            1..=63 => {
                if !text.is_empty() {
                    text.push(b'.');
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

/// The position behind a name. Where a pointer in it leads is not looked at.
fn skip_name(payload: &[u8], mut at: usize) -> Option<usize> {
    // No more labels than octets of a name.
    for _ in 0..STEPS_MAX {
        match usize::from(*payload.get(at)?) {
            0 => return Some(at + 1),
            length @ 1..=63 => at += 1 + length,
            192..=255 => return Some(at + 2),
            _ => return None,
        }
    }
    None
}

/// A type by name, as in Zeek's `qtype_name`.
pub fn type_name(number: u16) -> Text {
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
        kind::SVCB => "SVCB".into(),
        kind::HTTPS => "HTTPS".into(),
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

    /// A question for HTTPS records of `a.b`, and records with this data.
    fn bindings(records: &[&[u8]]) -> Vec<u8> {
        let mut bytes =
            b"\x12\x34\x81\x80\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x01b\x00\x00\x41\x00\x01"
                .to_vec();
        bytes[7] = u8::try_from(records.len()).unwrap();
        for data in records {
            bytes.extend(b"\xc0\x0c\x00\x41\x00\x01\x00\x00\x00\x3c");
            bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            bytes.extend(*data);
        }
        bytes
    }

    fn texts(message: &DnsMessage) -> Vec<String> {
        let text = |answer: &DnsAnswer| match &answer.data {
            DnsData::Address(address) => address.to_string(),
            DnsData::Name(name) => name.to_string(),
            DnsData::Other(kind) => type_name(*kind).to_string(),
        };
        message.answers.iter().map(text).collect()
    }

    #[test]
    fn rfc9460_hints_are_addresses_and_ech_is_noted() {
        let mut service = b"\0\x01\0\0\x01\0\x03\x02h2".to_vec();
        service.extend(b"\0\x04\0\x08\xcb\0\x71\x05\xcb\0\x71\x06\0\x05\0\x02\xaa\xbb");
        service.extend(b"\0\x06\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07");
        let read = message(&bindings(&[&service])).unwrap();
        assert_eq!(texts(&read), ["HTTPS", "203.0.113.5", "203.0.113.6", "2001:db8::7"]);
        assert_eq!(read.ech, Some(true));
        let read = message(&bindings(&[b"\0\x01\x01c\x01d\0", b"\0\0\x01e\0"])).unwrap();
        assert_eq!((texts(&read), read.ech), (vec!["c.d".into(), "e".into()], Some(false)));
        let alias = message(&bindings(&[b"\0\0\x01e\0"])).unwrap();
        assert_eq!((alias.ech, message(ANSWER).unwrap().ech), (None, None));
        // A length beyond the record ends the record, and a name that goes on behind it is none of its own.
        let cut = message(&bindings(&[b"\0\x01\0\0\x04\xff\xff", b"\0\x01\x01"])).unwrap();
        assert_eq!(texts(&cut), ["HTTPS"]);
    }

    #[test]
    fn hints_count_as_answers_and_are_bounded() {
        let mut service = b"\0\x01\0\0\x04\x01\x90".to_vec();
        service.extend([7; 400]);
        let read = message(&bindings(&[&service, &service])).unwrap();
        assert_eq!(read.answers.len(), ANSWERS_MAX);
    }

    #[test]
    fn of_two_questions_the_first_is_asked_and_many_hide_the_answers() {
        let mut two = ANSWER.to_vec();
        two[5] = 2;
        two.splice(29..29, *b"\x01z\0\0\x01\0\x01");
        let read = message(&two).unwrap();
        assert_eq!((&*read.query, read.answers.len()), ("api.line.me", 2));
        let mut many = ANSWER.to_vec();
        many[5] = 200;
        assert_eq!(message(&many).unwrap().answers, []);
    }

    #[test]
    fn rfc6762_a_host_announces_its_own_address() {
        let mut bytes = b"\0\0\x84\0\0\0\0\x01\0\0\0\x01".to_vec();
        bytes.extend(b"\x07_device\x05local\0\0\x10\0\x01\0\0\0\x78\0\x01\0");
        bytes.extend(b"\x06Galaxy\xc0\x14\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x07");
        let of = |bytes: &[u8], from: &str| announcement(bytes, from.parse().unwrap());
        assert_eq!(of(&bytes, "10.0.0.7"), Some(Some("galaxy.local".into())));
        assert_eq!(of(&bytes, "10.0.0.8"), Some(None), "another's address");
        bytes[2] = 0;
        assert_eq!(of(&bytes, "10.0.0.7"), Some(None), "known answers of a question");
        assert_eq!(of(b"\0\0\x84\0\0\0", "10.0.0.7"), Some(None));
        assert_eq!(of(b"\0\0\x28\0\0\0\0\0\0\0\0\0", "10.0.0.7"), None);
    }

    proptest! {
        #[test]
        fn any_record_is_survived(data in prop::collection::vec(any::<u8>(), 0..80), kind in 0..70_u8) {
            let mut bytes = bindings(&[&data, &data]);
            bytes[24] = kind;
            let read = message(&bytes).unwrap();
            prop_assert!(read.answers.len() <= ANSWERS_MAX);
            let _ = announcement(&bytes, IpAddr::V4(Ipv4Addr::LOCALHOST));
        }

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
