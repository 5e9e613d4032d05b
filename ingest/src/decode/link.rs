//! From the first byte of a frame to its IP header: Ethernet, cooked captures, PPP, and the tags between.

use schemas::reject::Reject;

use crate::decode::bytes::{array, be16, be32, u8_at};
use crate::decode::layer::{Kind, Layer};
use crate::decode::opened::{self, Inside};
use crate::decode::plausible;
use crate::frame::{Frame, LinkType};

/// Headers walked in one frame at most.
const DEPTH_MAX: usize = 16;

mod ethertype {
    pub(super) const IPV4: u16 = 0x0800;
    pub(super) const ARP: u16 = 0x0806;
    pub(super) const RARP: u16 = 0x8035;
    pub(super) const TRILL: u16 = 0x22f3;
    pub(super) const CTAG: u16 = 0x8100;
    pub(super) const IPV6: u16 = 0x86dd;
    pub(super) const MPLS: u16 = 0x8847;
    pub(super) const MPLS_UPSTREAM: u16 = 0x8848;
    pub(super) const PPPOE_SESSION: u16 = 0x8864;
    pub(super) const STAG: u16 = 0x88a8;
    pub(super) const BACKBONE: u16 = 0x88e7;
    pub(super) const FABRIC_PATH: u16 = 0x8903;
    pub(super) const CISCO_METADATA: u16 = 0x8909;
    pub(super) const VN_TAG: u16 = 0x8926;
    pub(super) const E_TAG: u16 = 0x893f;
    pub(super) const QINQ_OLD: [u16; 2] = [0x9100, 0x9200];
    /// From here on the field is a type, below it a length (IEEE 802.3 section 3.2.6).
    pub(super) const MIN: u16 = 0x0600;
}

/// What lies between the first byte and the IP header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Link {
    /// Where the IP header begins.
    pub ip_at: usize,
    /// MAC of the sender.
    pub source_mac: Option<[u8; 6]>,
    /// MAC of the receiver.
    pub target_mac: Option<[u8; 6]>,
    /// Outermost VLAN.
    pub vlan: Option<u16>,
    /// Next VLAN inwards.
    pub inner_vlan: Option<u16>,
    /// Top MPLS label.
    pub mpls: Option<u32>,
    /// Outermost of the wrappers that lie between.
    pub carrier: Option<Layer>,
}

impl Link {
    fn carried(&mut self, kind: Kind, id: Option<u32>) {
        self.carrier.get_or_insert(Layer { kind, id });
    }
}

/// What comes next while walking inwards.
enum Next {
    Ethertype(u16),
    Ppp,
    Ip,
}

/// Finds the IP header.
pub fn strip(frame: &Frame<'_>) -> Result<Link, Reject> {
    let mut link = Link::default();
    let next = first(frame, &mut link)?;
    walk(frame.bytes, link, next)
}

/// Finds the IP header inside a tunnel.
pub(crate) fn strip_inside(bytes: &[u8], at: usize, inside: Inside) -> Result<Link, Reject> {
    let mut link = Link { ip_at: at, ..Link::default() };
    let next = match inside {
        Inside::Ip => Next::Ip,
        Inside::Ppp => Next::Ppp,
        Inside::Ethertype(number) => Next::Ethertype(number),
        Inside::Llc => llc(bytes, &mut link)?,
        Inside::Ethernet => ethernet(bytes, &mut link)?,
    };
    walk(bytes, link, next)
}

fn walk(bytes: &[u8], mut link: Link, mut next: Next) -> Result<Link, Reject> {
    for _ in 0..DEPTH_MAX {
        next = match next {
            Next::Ip => return Ok(link),
            Next::Ppp => ppp(bytes, &mut link)?,
            Next::Ethertype(number) => ethertype(bytes, number, &mut link)?,
        };
    }
    Err(Reject::TooDeep)
}

fn first(frame: &Frame<'_>, link: &mut Link) -> Result<Next, Reject> {
    let bytes = frame.bytes;
    let number = |at| be16(bytes, at).ok_or(Reject::Truncated);
    match frame.link {
        LinkType::Ethernet => ethernet(bytes, link),
        LinkType::RawIp => Ok(Next::Ip),
        LinkType::Null | LinkType::Loop => {
            link.ip_at = 4;
            family(bytes, frame.link)
        }
        LinkType::Ppp => Ok(Next::Ppp),
        LinkType::PppEther => {
            link.ip_at = 6;
            Ok(Next::Ppp)
        }
        LinkType::PppDirection => {
            link.ip_at = 1;
            Ok(Next::Ppp)
        }
        LinkType::CiscoHdlc => {
            link.ip_at = 4;
            Ok(Next::Ethertype(number(2)?))
        }
        LinkType::Sll => {
            // ARPHRD_ETHER and six octets of address; the receiver is not recorded.
            if number(4)? == 6 {
                link.source_mac = array(bytes, 6);
            }
            link.ip_at = 16;
            Ok(Next::Ethertype(number(14)?))
        }
        LinkType::Sll2 => {
            if u8_at(bytes, 11) == Some(6) {
                link.source_mac = array(bytes, 12);
            }
            link.ip_at = 20;
            Ok(Next::Ethertype(number(0)?))
        }
        LinkType::Unknown => Err(Reject::LinkType),
    }
}

/// An Ethernet header where the walk stands.
fn ethernet(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    let at = link.ip_at;
    let next = be16(bytes, at + 12).ok_or(Reject::Truncated)?;
    link.target_mac = array(bytes, at);
    link.source_mac = array(bytes, at + 6);
    link.ip_at = at + 14;
    Ok(Next::Ethertype(next))
}

/// Protocol families of the systems that write loopback captures; IPv6 has a number for each of them.
fn family(bytes: &[u8], link: LinkType) -> Result<Next, Reject> {
    let mut family = be32(bytes, 0).ok_or(Reject::Truncated)?;
    if link == LinkType::Null && family > 0xffff {
        family = family.swap_bytes();
    }
    match family {
        2 | 10 | 24 | 28 | 30 => Ok(Next::Ip),
        // Some writers put an EtherType there.
        _ => u16::try_from(family).map(Next::Ethertype).map_err(|_| Reject::NonIp),
    }
}

fn ethertype(bytes: &[u8], number: u16, link: &mut Link) -> Result<Next, Reject> {
    use ethertype as ty;
    let at = link.ip_at;
    match number {
        ty::IPV4 | ty::IPV6 => Ok(Next::Ip),
        ty::ARP | ty::RARP => Err(Reject::Arp),
        ty::CTAG | ty::STAG => tag(bytes, link),
        _ if ty::QINQ_OLD.contains(&number) => tag(bytes, link),
        ty::MPLS | ty::MPLS_UPSTREAM => mpls(bytes, link),
        ty::PPPOE_SESSION => {
            link.ip_at = at + 6;
            Ok(Next::Ppp)
        }
        ty::CISCO_METADATA | ty::E_TAG => skip(bytes, link, 6),
        ty::VN_TAG => skip(bytes, link, 4),
        ty::FABRIC_PATH => {
            link.ip_at = at + 2;
            ethernet(bytes, link)
        }
        ty::BACKBONE => backbone(bytes, link),
        ty::TRILL => trill(bytes, link),
        opened::NSH => service(bytes, link),
        _ if number < ty::MIN => llc(bytes, link),
        _ => Err(Reject::NonIp),
    }
}

/// A header of no interest before the next `EtherType`.
fn skip(bytes: &[u8], link: &mut Link, octets: usize) -> Result<Next, Reject> {
    let next = be16(bytes, link.ip_at + octets).ok_or(Reject::Truncated)?;
    link.ip_at += octets + 2;
    Ok(Next::Ethertype(next))
}

fn tag(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    let control = be16(bytes, link.ip_at).ok_or(Reject::Truncated)?;
    let number = be16(bytes, link.ip_at + 2).ok_or(Reject::Truncated)?;
    let id = control & 0x0fff;
    if link.vlan.is_none() {
        link.vlan = Some(id);
    } else if link.inner_vlan.is_none() {
        link.inner_vlan = Some(id);
    }
    link.ip_at += 4;
    Ok(Next::Ethertype(number))
}

fn mpls(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    for _ in 0..DEPTH_MAX {
        let entry = be32(bytes, link.ip_at).ok_or(Reject::Truncated)?;
        link.mpls.get_or_insert(entry >> 12);
        link.ip_at += 4;
        if entry & 0x100 != 0 {
            return beneath_labels(bytes, link, entry >> 12);
        }
    }
    Err(Reject::TooDeep)
}

/// The label says nothing of what follows: the version nibble says IP (RFC 4928), unless a frame shows itself whose first address begins with it (RFC 8469).
fn beneath_labels(bytes: &[u8], link: &mut Link, label: u32) -> Result<Next, Reject> {
    let at = link.ip_at;
    let is_frame = |at| plausible::ethernet(bytes, at, usize::MAX);
    let frame_at = match u8_at(bytes, at).ok_or(Reject::Truncated)? >> 4 {
        4 | 6 if !is_frame(at) || plausible::packet(bytes, at, usize::MAX) => return Ok(Next::Ip),
        // A control word (RFC 4448 section 4.6).
        0 if is_frame(at + 4) => at + 4,
        _ if is_frame(at) => at,
        _ => return Err(Reject::NonIp),
    };
    link.carried(Kind::EoMpls, Some(label));
    link.ip_at = frame_at;
    ethernet(bytes, link)
}

/// The tag of a backbone service (IEEE 802.1Q section 9.7), and the customer's frame.
fn backbone(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    let tag = be32(bytes, link.ip_at).ok_or(Reject::Truncated)?;
    link.carried(Kind::Pbb, Some(tag & 0x00ff_ffff));
    link.ip_at += 4;
    ethernet(bytes, link)
}

/// TRILL (RFC 6325 section 3.1): options of so many words behind the nicknames, and the frame.
fn trill(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    let words = be16(bytes, link.ip_at).ok_or(Reject::Truncated)? >> 6 & 0x1f;
    link.carried(Kind::Trill, None);
    link.ip_at += 6 + usize::from(words) * 4;
    ethernet(bytes, link)
}

/// NSH (RFC 8300 section 2): its length in words, what follows, and the path.
fn service(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    let (base, path) = (be32(bytes, link.ip_at), be32(bytes, link.ip_at + 4));
    let (base, path) = base.zip(path).ok_or(Reject::Truncated)?;
    let words = base >> 16 & 0x3f;
    if base >> 30 != 0 || words < 2 {
        return Err(Reject::Malformed);
    }
    link.carried(Kind::Nsh, Some(path >> 8));
    link.ip_at += words as usize * 4;
    match base & 0xff {
        1 | 2 => Ok(Next::Ip),
        3 => ethernet(bytes, link),
        4 => Ok(Next::Ethertype(opened::NSH)),
        5 => Ok(Next::Ethertype(ethertype::MPLS)),
        _ => Err(Reject::NonIp),
    }
}

/// LLC (IEEE 802.2) with the three ways in which IP follows it.
fn llc(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    let at = link.ip_at;
    match array::<3>(bytes, at).ok_or(Reject::Truncated)? {
        [0xaa, 0xaa, 0x03] => {
            if array::<3>(bytes, at + 3) != Some([0; 3]) {
                return Err(Reject::NonIp);
            }
            link.ip_at = at + 8;
            Ok(Next::Ethertype(be16(bytes, at + 6).ok_or(Reject::Truncated)?))
        }
        [0x06, 0x06, 0x03] => {
            link.ip_at = at + 3;
            Ok(Next::Ip)
        }
        _ => Err(Reject::NonIp),
    }
}

/// PPP (RFC 1661), with the address and control octets of RFC 1662 where they stand, and a protocol field of one or two octets.
fn ppp(bytes: &[u8], link: &mut Link) -> Result<Next, Reject> {
    if array::<2>(bytes, link.ip_at) == Some([0xff, 0x03]) {
        link.ip_at += 2;
    }
    let first = u8_at(bytes, link.ip_at).ok_or(Reject::Truncated)?;
    let protocol = if first & 1 == 1 {
        link.ip_at += 1;
        u16::from(first)
    } else {
        let number = be16(bytes, link.ip_at).ok_or(Reject::Truncated)?;
        link.ip_at += 2;
        number
    };
    match protocol {
        0x0021 | 0x0057 => Ok(Next::Ip),
        0x0281 | 0x0283 => Ok(Next::Ethertype(ethertype::MPLS)),
        _ => Err(Reject::NonIp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip_bytes(link: LinkType, bytes: &[u8]) -> Result<Link, Reject> {
        strip(&Frame { bytes, original: u32::try_from(bytes.len()).unwrap(), ts_ns: 0, link })
    }

    fn ethernet(rest: &[u8]) -> Vec<u8> {
        [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], rest].concat()
    }

    #[test]
    fn tags_are_walked_to_ip() {
        type Case<'a> = (&'a [u8], usize, Option<u16>, Option<u16>);
        let cases: [Case<'_>; 5] = [
            (&[0x08, 0x00, 0x45], 14, None, None),
            (&[0x81, 0x00, 0x60, 0x0a, 0x86, 0xdd], 18, Some(10), None),
            (&[0x88, 0xa8, 0, 100, 0x81, 0, 0, 20, 0x08, 0], 22, Some(100), Some(20)),
            (&[0x91, 0x00, 0, 1, 0x91, 0, 0, 2, 0x81, 0, 0, 3, 0x08, 0], 26, Some(1), Some(2)),
            (&[0x88, 0x64, 0x11, 0, 0, 1, 0, 4, 0x00, 0x21], 22, None, None),
        ];
        for (rest, ip_at, vlan, inner) in cases {
            let link = strip_bytes(LinkType::Ethernet, &ethernet(rest)).unwrap();
            assert_eq!((link.ip_at, link.vlan, link.inner_vlan), (ip_at, vlan, inner), "{rest:x?}");
        }
    }

    #[test]
    fn a_label_stack_ends_at_its_bottom() {
        let rest = [0x88, 0x47, 0x00, 0x01, 0x00, 0xff, 0x00, 0x02, 0x01, 0xff, 0x45];
        let link = strip_bytes(LinkType::Ethernet, &ethernet(&rest)).unwrap();
        assert_eq!((link.ip_at, link.mpls), (22, Some(16)));
    }

    #[test]
    fn what_is_not_ip_has_a_reason() {
        let cases: [(&[u8], Reject); 5] = [
            (&[0x08, 0x06], Reject::Arp),
            (&[0x88, 0xcc], Reject::NonIp),
            (&[0x00, 0x26, 0x42, 0x42, 0x03], Reject::NonIp),
            (&[0x81], Reject::Truncated),
            (&[0x81, 0, 0, 1].repeat(20), Reject::TooDeep),
        ];
        for (rest, reason) in cases {
            assert_eq!(strip_bytes(LinkType::Ethernet, &ethernet(rest)), Err(reason), "{rest:x?}");
        }
        assert_eq!(strip_bytes(LinkType::Unknown, &[0; 64]), Err(Reject::LinkType));
    }

    #[test]
    fn loopback_families_of_both_byte_orders() {
        for bytes in [[2u8, 0, 0, 0], [0, 0, 0, 2], [30, 0, 0, 0], [0, 0, 0, 24]] {
            assert_eq!(strip_bytes(LinkType::Null, &bytes).unwrap().ip_at, 4, "{bytes:?}");
        }
    }
}
