//! The same packet in every wrapper.

/// A packet to be wrapped: from its IP header on, and whether it goes from the higher address to the lower.
#[derive(Clone, Copy)]
pub(crate) struct Inner<'a> {
    pub(crate) ip: &'a [u8],
    pub(crate) is_back: bool,
}

impl Inner<'_> {
    fn is_v6(self) -> bool {
        self.ip[0] >> 4 == 6
    }

    fn ethertype(self) -> [u8; 2] {
        if self.is_v6() { [0x86, 0xdd] } else { [8, 0] }
    }

    fn ppp(self) -> [u8; 2] {
        if self.is_v6() { [0, 0x57] } else { [0, 0x21] }
    }

    fn protocol(self) -> u8 {
        if self.is_v6() { 41 } else { 4 }
    }

    /// What each end chooses for itself differs by direction.
    fn chosen(self) -> u8 {
        u8::from(self.is_back)
    }

    /// The customer's frame.
    fn frame(self) -> Vec<u8> {
        frame(&self.ethertype(), self.ip)
    }
}

/// A wrapper: its name, what `tunnel_stack` must say, the octets it adds to the outermost IP packet, and how it is made.
pub(crate) struct Wrap {
    pub(crate) name: &'static str,
    pub(crate) stack: Option<&'static str>,
    pub(crate) adds: i64,
    pub(crate) make: fn(Inner<'_>) -> Vec<u8>,
}

const fn wrap(name: &'static str, adds: i64, make: fn(Inner<'_>) -> Vec<u8>) -> Wrap {
    Wrap { name, stack: None, adds, make }
}

impl Wrap {
    const fn stack(self, stack: &'static str) -> Self {
        Self { stack: Some(stack), ..self }
    }
}

fn frame(types: &[u8], payload: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 0xaa, 2, 0, 0, 0, 0, 0xbb], types, payload].concat()
}

/// An IPv4 packet with a right check sum, between the ends of a tunnel.
pub(crate) fn ip4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut header =
        [0x45, 0, high, low, 0, 9, 0, 0, 64, protocol, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2];
    let sum: u32 =
        header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    let sum = !(((sum >> 16) + (sum & 0xffff)) as u16);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
    [&header, payload].concat()
}

fn ip6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut header = vec![0x60, 0, 0, 0, high, low, next, 64];
    header.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    header.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    [&header, payload].concat()
}

fn udp(port: u16, payload: &[u8]) -> Vec<u8> {
    let [high, low] = port.to_be_bytes();
    let [l0, l1] = u16::try_from(8 + payload.len()).unwrap().to_be_bytes();
    [&[0xc0, 0x01, high, low, l0, l1, 0, 0], payload].concat()
}

/// Over IPv4 and Ethernet.
fn over_ip(protocol: u8, header: &[u8], payload: &[u8]) -> Vec<u8> {
    frame(&[8, 0], &ip4(protocol, &[header, payload].concat()))
}

/// The same, over UDP.
fn over_udp(port: u16, header: &[u8], payload: &[u8]) -> Vec<u8> {
    over_ip(17, &udp(port, &[header, payload].concat()), &[])
}

fn authenticated(p: Inner<'_>) -> Vec<u8> {
    // Next header, length in words less two (RFC 4302 section 2.2), reserved, SPI, sequence, three words of check value.
    let header = |next| [&[next, 4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1][..], &[0xee; 12]].concat();
    let mut ip = p.ip.to_vec();
    let (at, next, length) = if p.is_v6() { (40, 6, 4) } else { (20, 9, 2) };
    let added = header(std::mem::replace(&mut ip[next], 51));
    let stated = u16::from_be_bytes([ip[length], ip[length + 1]]) + 24;
    ip[length..length + 2].copy_from_slice(&stated.to_be_bytes());
    ip.splice(at..at, added);
    frame(&p.ethertype(), &ip)
}

fn gtp(p: Inner<'_>) -> Vec<u8> {
    // Sequence, N-PDU, and an extension header of a PDU session (type 0x85) of one word.
    let more = [0, 7, 0, 0x85, 1, 0x10, 9, 0];
    let [high, low] = u16::try_from(more.len() + p.ip.len()).unwrap().to_be_bytes();
    let header = [&[0x36, 255, high, low, 0, 0, 1, p.chosen()][..], &more].concat();
    over_udp(2152, &header, p.ip)
}

fn l2tp(p: Inner<'_>) -> Vec<u8> {
    let ppp = [&[0xff, 3][..], &p.ppp(), p.ip].concat();
    // Length, sequence and an offset of two octets; the session is the receiver's.
    let [high, low] = u16::try_from(16 + ppp.len()).unwrap().to_be_bytes();
    let header = [0x4a, 2, high, low, 0, 5, 0, p.chosen(), 0, 1, 0, 2, 0, 2, 0, 0];
    over_udp(1701, &header, &ppp)
}

fn erspan_3(p: Inner<'_>) -> Vec<u8> {
    // Version 2, a platform sub-header behind the twelve octets.
    let header = [&[0x20, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1][..], &[0; 8]].concat();
    over_ip(47, &[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1][..], &header].concat(), &p.frame())
}

fn plain(p: Inner<'_>) -> Vec<u8> {
    p.frame()
}

/// A tag for each direction, as some networks have.
fn vlan(p: Inner<'_>) -> Vec<u8> {
    frame(&[&[0x81, 0, 0, 10 + p.chosen()][..], &p.ethertype()].concat(), p.ip)
}

pub(crate) const VXLAN_42: [u8; 8] = [8, 0, 0, 0, 0, 0, 42, 0];
const LABELS: [u8; 14] = [0x88, 0x47, 0, 1, 0, 64, 0, 2, 0, 64, 0, 3, 1, 64];

/// All that are opened.
pub(crate) const ALL: [Wrap; 39] = [
    wrap("plain", 0, plain),
    wrap("vlan", 0, vlan),
    wrap("qinq", 0, |p| {
        frame(&[&[0x88, 0xa8, 0, 100, 0x81, 0, 0, 20][..], &p.ethertype()].concat(), p.ip)
    }),
    wrap("three tags", 0, |p| {
        let tags = [0x91, 0, 0, 1, 0x91, 0, 0, 2, 0x81, 0, 0, 3];
        frame(&[&tags[..], &p.ethertype()].concat(), p.ip)
    }),
    wrap("mpls", 0, |p| frame(&LABELS, p.ip)),
    wrap("pppoe", 0, |p| {
        let [high, low] = u16::try_from(2 + p.ip.len()).unwrap().to_be_bytes();
        frame(&[&[0x88, 0x64, 0x11, 0, 0, 5, high, low][..], &p.ppp()].concat(), p.ip)
    }),
    wrap("vn-tag", 0, |p| frame(&[&[0x89, 0x26, 0, 1, 0, 2][..], &p.ethertype()].concat(), p.ip)),
    wrap("e-tag", 0, |p| {
        frame(&[&[0x89, 0x3f, 0, 1, 0, 2, 0, 3][..], &p.ethertype()].concat(), p.ip)
    }),
    wrap("pbb", 0, |p| frame(&[0x88, 0xe7, 0, 0, 1, 44], &p.frame())).stack("pbb:300"),
    wrap("pbb, backbone tag", 0, |p| {
        frame(&[0x88, 0xa8, 0, 9, 0x88, 0xe7, 0, 0, 1, 44], &p.frame())
    })
    .stack("pbb:300"),
    wrap("trill", 0, |p| {
        // One word of options, six hops left, two nicknames.
        frame(&[0x22, 0xf3, 0, 0x46, 0, 1, 0, 2, 0, 0, 0, 0], &p.frame())
    })
    .stack("trill"),
    wrap("eompls", 0, |p| frame(&LABELS, &p.frame())).stack("eompls:48"),
    wrap("eompls, control word", 0, |p| frame(&LABELS, &[&[0, 0, 0, 9][..], &p.frame()].concat()))
        .stack("eompls:48"),
    wrap("eompls, an address like IP", 0, |p| {
        let mut inner = p.frame();
        inner[..6].copy_from_slice(&[0x45, 0, 0, 0x40, 0, 1]);
        frame(&LABELS, &inner)
    })
    .stack("eompls:48"),
    wrap("nsh", 0, |p| {
        // Type 1, next IPv4 or IPv6; path 7, and four words of context.
        let next = if p.is_v6() { 2 } else { 1 };
        let header = [&[0x0f, 0xc6, 1, next, 0, 0, 7, 255][..], &[0; 16]].concat();
        frame(&[0x89, 0x4f], &[&header, p.ip].concat())
    })
    .stack("nsh:7"),
    wrap("nsh, frame", 0, |p| frame(&[0x89, 0x4f, 0x0f, 0xc2, 2, 3, 0, 0, 7, 255], &p.frame()))
        .stack("nsh:7"),
    wrap("ah", 0, authenticated),
    wrap("ip in ip", 20, |p| over_ip(p.protocol(), &[], p.ip)).stack("ipip"),
    wrap("ip in ipv6", 40, |p| frame(&[0x86, 0xdd], &ip6(p.protocol(), p.ip))).stack("ipip"),
    wrap("gre", 36, |p| {
        let [high, low] = p.ethertype();
        over_ip(47, &[0xb0, 0, high, low, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1], p.ip)
    })
    .stack("gre:7"),
    wrap("gre, frame", 42, |p| over_ip(47, &[0x20, 0, 0x65, 0x58, 0, 0, 0, 7], &p.frame()))
        .stack("gre:7"),
    wrap("nvgre", 42, |p| over_ip(47, &[0x20, 0, 0x65, 0x58, 0, 0x20, 0, p.chosen()], &p.frame()))
        .stack("nvgre:8192"),
    wrap("pptp", 40, |p| {
        // The receiver's call, an acknowledgement.
        let [high, low] = u16::try_from(p.ip.len() + 4).unwrap().to_be_bytes();
        let header = [0x30, 0x81, 0x88, 0x0b, high, low, 0, p.chosen(), 0, 0, 0, 1, 0, 0, 0, 1];
        let ppp = [&[0xff, 3][..], &p.ppp()].concat();
        over_ip(47, &[&header[..], &ppp].concat(), p.ip)
    })
    .stack("pptp"),
    wrap("erspan 1", 38, |p| over_ip(47, &[0, 0, 0x88, 0xbe], &p.frame())).stack("erspan"),
    wrap("erspan 2", 50, |p| {
        let header = [0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 7, 0, 0, 0, 0];
        over_ip(47, &header, &p.frame())
    })
    .stack("erspan:7"),
    wrap("erspan 3", 62, erspan_3).stack("erspan:7"),
    wrap("gtp-u", 44, gtp).stack("gtp"),
    wrap("vxlan", 50, |p| over_udp(4789, &VXLAN_42, &p.frame())).stack("vxlan:42"),
    wrap("vxlan, another port", 50, |p| over_udp(8472, &VXLAN_42, &p.frame())).stack("vxlan:42"),
    wrap("vxlan-gpe with nsh", 44, |p| {
        let next = if p.is_v6() { 2 } else { 1 };
        let header = [0x0c, 0, 0, 4, 0, 0, 42, 0, 0x0f, 0xc2, 2, next, 0, 0, 7, 255];
        over_udp(4790, &header, p.ip)
    })
    .stack("vxlan:42/nsh:7"),
    wrap("geneve", 58, |p| {
        let header = [2, 0, 0x65, 0x58, 0, 0, 42, 0, 0, 1, 2, 1, 9, 9, 9, 9];
        over_udp(6081, &header, &p.frame())
    })
    .stack("geneve:42"),
    wrap("geneve, another port", 50, |p| {
        over_udp(7000, &[0, 0, 0x65, 0x58, 0, 0, 42, 0], &p.frame())
    })
    .stack("geneve:42"),
    wrap("l2tp", 48, l2tp).stack("l2tp"),
    wrap("l2tpv3", 46, |p| {
        // A cookie of four octets and a sublayer.
        let header = [0, 0, 1, p.chosen(), 0xc0, 0x0c, 0x1e, 0x55, 0x40, 0, 0, 1];
        over_ip(115, &header, &p.frame())
    })
    .stack("l2tpv3"),
    wrap("l2tpv3 over udp", 50, |p| over_udp(1701, &[0, 3, 0, 0, 0, 0, 1, p.chosen()], &p.frame()))
        .stack("l2tpv3"),
    wrap("lisp", 36, |p| over_udp(4341, &[0x08, 0, 0, 0, 0, 0, 42, 0], p.ip)).stack("lisp:42"),
    wrap("ayiya", 72, |p| {
        let header = [0x44, 0x52, 0x11, p.protocol(), 1, 2, 3, 4];
        over_udp(5072, &[&header[..], &[0xaa; 36]].concat(), p.ip)
    })
    .stack("ayiya"),
    wrap("capwap", 68, |p| {
        // Eight octets, then a frame of IEEE 802.11 from a station.
        let header = [0, 0x10, 0x03, 0, 0, 0, 0, 0];
        let wireless = [&[0x08, 0x01][..], &[2; 22], &[0xaa, 0xaa, 3, 0, 0, 0]].concat();
        over_udp(5247, &[&header[..], &wireless, &p.ethertype()].concat(), p.ip)
    })
    .stack("capwap"),
    wrap("gre in vxlan", 74, |p| {
        let [high, low] = p.ethertype();
        let gre = ip4(47, &[&[0, 0, high, low][..], p.ip].concat());
        over_udp(4789, &VXLAN_42, &frame(&[8, 0], &gre))
    })
    .stack("vxlan:42/gre"),
];
