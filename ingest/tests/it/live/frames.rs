//! Frames to put on the wire: the same flow in every wrapping.

/// What stands between the Ethernet addresses and the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrap {
    Plain,
    Vlan,
    QinQ,
    OldQinQ,
    Mpls,
    VlanMpls,
    PppOe,
    Ipv6,
    Fragments,
    Vxlan,
}

impl Wrap {
    pub(crate) const ALL: [Self; 10] = [
        Self::Plain,
        Self::Vlan,
        Self::QinQ,
        Self::OldQinQ,
        Self::Mpls,
        Self::VlanMpls,
        Self::PppOe,
        Self::Ipv6,
        Self::Fragments,
        Self::Vxlan,
    ];
}

/// An Ethernet frame: EtherType and what comes before the packet, then the packet.
pub(crate) fn ethernet(before: &[u8], packet: &[u8]) -> Vec<u8> {
    let addresses = [0x02, 0, 0, 0, 0, 0xaa, 0x02, 0, 0, 0, 0, 0xbb];
    [&addresses, before, packet].concat()
}

/// An IPv4 packet; `fragment` is the field of flags and offset (RFC 791).
pub(crate) fn ipv4(hosts: [u32; 2], protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0x12, 0x34];
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0]);
    packet.extend(hosts.iter().flat_map(|host| host.to_be_bytes()));
    packet.extend(payload);
    packet
}

fn ipv6(hosts: [u128; 2], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x60, 0, 0, 0, length[0], length[1], 17, 64];
    packet.extend(hosts.iter().flat_map(|host| host.to_be_bytes()));
    packet.extend(payload);
    packet
}

pub(crate) fn udp(ports: [u16; 2], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    let fields = [ports[0], ports[1], length, 0];
    let mut packet: Vec<u8> = fields.iter().flat_map(|field| field.to_be_bytes()).collect();
    packet.extend(payload);
    packet
}

/// The frames of one direction of a flow; each ends in the number of the flow, so that the reader knows it again.
pub(crate) fn flow(wrap: Wrap, number: u32, is_back: bool) -> Vec<Vec<u8>> {
    let turn = |pair: [u16; 2]| if is_back { [pair[1], pair[0]] } else { pair };
    let mut hosts = [0x0a00_0000 + number, 0xc000_0200 + number % 16];
    if is_back {
        hosts.reverse();
    }
    let mark = number.to_be_bytes();
    let port = 1024 + u16::try_from(number).unwrap();
    let ports = turn([port, 443]);
    let packet = ipv4(hosts, 17, 0, &udp(ports, &mark));
    let before: &[u8] = match wrap {
        Wrap::Plain => &[8, 0],
        // A VLAN for each direction, as some networks have.
        Wrap::Vlan => &[0x81, 0, 0, 10 + u8::from(is_back), 8, 0],
        Wrap::QinQ => &[0x88, 0xa8, 0x20, 100, 0x81, 0, 0, 20, 8, 0],
        Wrap::OldQinQ => &[0x91, 0, 0, 100, 0x81, 0, 0, 20, 8, 0],
        Wrap::Mpls => &[0x88, 0x47, 1, 2, 0, 9, 1, 3, 1 + u8::from(is_back) * 2, 9],
        Wrap::VlanMpls => &[0x81, 0, 0, 30, 0x88, 0x47, 1, 3, 1, 9],
        Wrap::PppOe => &[0x88, 0x64, 0x11, 0, 0, 5, 0, 34, 0, 0x21],
        Wrap::Ipv6 => {
            let net = 0x2001_0db8_u128 << 96;
            let mut hosts = [net + u128::from(number), net + (1 << 64) + 7];
            if is_back {
                hosts.reverse();
            }
            return vec![ethernet(&[0x86, 0xdd], &ipv6(hosts, &udp(ports, &mark)))];
        }
        Wrap::Fragments => {
            let whole = udp(ports, &[0x5a; 16]);
            let tail = [&[0x5a; 12], &mark[..]].concat();
            return vec![
                ethernet(&[8, 0], &packet),
                ethernet(&[8, 0], &ipv4(hosts, 17, 0x2000, &[&whole[..], &mark].concat())),
                ethernet(&[8, 0], &ipv4(hosts, 17, 3, &tail)),
            ];
        }
        Wrap::Vxlan => {
            // Each end chooses the outer source port from what is inside, so that the directions have nothing but the hosts in common.
            let outer = [49152 + port % 16000 + u16::from(is_back) * 57, 4789];
            let inner = ethernet(&[8, 0], &packet);
            let vxlan = udp(outer, &[&[8, 0, 0, 0, 0, 0, 7, 0], &inner[..]].concat());
            return vec![ethernet(&[8, 0], &ipv4(hosts, 17, 0, &vxlan))];
        }
    };
    vec![ethernet(before, &packet)]
}

/// The number that [`flow`] has put at the end of a frame.
pub(crate) fn number_of(frame: &[u8]) -> u32 {
    u32::from_be_bytes(frame[frame.len() - 4..].try_into().unwrap())
}

/// Frames of this length that end in their number.
pub(crate) fn numbered(count: u32, length: usize) -> Vec<Vec<u8>> {
    let room = length - 14 - 20 - 8 - 4;
    let frame = |number: u32| {
        let payload = [&vec![0x33; room][..], &number.to_be_bytes()].concat();
        ethernet(&[8, 0], &ipv4([0x0a00_0001, 0x0a00_0002], 17, 0, &udp([5, 6], &payload)))
    };
    (0..count).map(frame).collect()
}
