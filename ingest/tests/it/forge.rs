//! Captures made by hand: formats, byte orders, and what is wrong with them.

/// Octets in either order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        if self == Self::Little { value.to_le_bytes() } else { value.to_be_bytes() }
    }
}

/// One packet to be captured.
#[derive(Clone, Debug)]
pub(crate) struct Packet {
    pub(crate) ts_us: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) original: u32,
}

/// A UDP or TCP packet over IPv4 on Ethernet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) ts_us: u64,
    pub(crate) from: (u8, u16),
    pub(crate) to: (u8, u16),
    pub(crate) proto: u8,
    pub(crate) tcp_flags: u8,
    pub(crate) payload: u16,
}

impl Shape {
    pub(crate) fn udp(ts_us: u64, from: (u8, u16), to: (u8, u16), payload: u16) -> Self {
        Self { ts_us, from, to, proto: 17, tcp_flags: 0, payload }
    }

    /// IP-layer octets.
    pub(crate) fn octets(&self) -> u16 {
        20 + if self.proto == 6 { 20 } else { 8 } + self.payload
    }

    pub(crate) fn packet(&self) -> Packet {
        let mut bytes = vec![2, 0, 0, 0, 0, self.to.0, 2, 0, 0, 0, 0, self.from.0, 8, 0];
        bytes.extend(self.ip());
        bytes.resize(bytes.len().max(60), 0);
        let original = u32::try_from(bytes.len()).unwrap();
        Packet { ts_us: self.ts_us, bytes, original }
    }

    /// From the IP header on.
    pub(crate) fn ip(&self) -> Vec<u8> {
        let mut ip = vec![0x45, 0];
        ip.extend(self.octets().to_be_bytes());
        ip.extend([0, 1, 0, 0, 64, self.proto, 0, 0, 10, 0, 0, self.from.0, 10, 0, 0, self.to.0]);
        ip.extend(self.from.1.to_be_bytes());
        ip.extend(self.to.1.to_be_bytes());
        if self.proto == 6 {
            ip.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, self.tcp_flags, 0xff, 0xff, 0, 0, 0, 0]);
        } else {
            ip.extend((8 + self.payload).to_be_bytes());
            ip.extend([0, 0]);
        }
        ip.resize(usize::from(self.octets()), 0x2e);
        ip
    }
}

/// A pcap file; `nano` writes the ns magic and ns.
pub(crate) fn pcap(order: Order, nano: bool, link: u32, packets: &[Packet]) -> Vec<u8> {
    let mut file = order.u32(if nano { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }).to_vec();
    file.extend([order.u16(2), order.u16(4)].concat());
    file.extend([order.u32(0), order.u32(0), order.u32(262_144), order.u32(link)].concat());
    for packet in packets {
        let seconds = u32::try_from(packet.ts_us / 1_000_000).unwrap();
        let fraction =
            u32::try_from(packet.ts_us % 1_000_000).unwrap() * if nano { 1_000 } else { 1 };
        file.extend([order.u32(seconds), order.u32(fraction)].concat());
        file.extend(order.u32(u32::try_from(packet.bytes.len()).unwrap()));
        file.extend(order.u32(packet.original));
        file.extend(&packet.bytes);
    }
    file
}

/// A pcapng block.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = order.u32(u32::try_from(body.len() + 12).unwrap());
    [&order.u32(kind)[..], &length, &body, &length].concat()
}

/// A pcapng section header.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let mut body = order.u32(0x1a2b_3c4d).to_vec();
    body.extend([order.u16(1), order.u16(0)].concat());
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

/// An interface; `resolution` is `if_tsresol`.
pub(crate) fn interface(order: Order, link: u16, resolution: Option<u8>) -> Vec<u8> {
    let mut body = [order.u16(link), order.u16(0)].concat();
    body.extend(order.u32(0));
    if let Some(resolution) = resolution {
        body.extend([order.u16(9), order.u16(1)].concat());
        body.extend([resolution, 0, 0, 0]);
        body.extend([0; 4]);
    }
    block(order, 1, &body)
}

/// An enhanced packet; `units` is its time in the interface's resolution.
pub(crate) fn enhanced(order: Order, interface: u32, units: u64, packet: &Packet) -> Vec<u8> {
    let high = u32::try_from(units >> 32).unwrap();
    let low = u32::try_from(units & 0xffff_ffff).unwrap();
    let captured = u32::try_from(packet.bytes.len()).unwrap();
    let mut body: Vec<u8> = [interface, high, low, captured, packet.original]
        .iter()
        .flat_map(|&word| order.u32(word))
        .collect();
    body.extend(&packet.bytes);
    block(order, 6, &body)
}

/// A simple packet.
pub(crate) fn simple(order: Order, packet: &Packet) -> Vec<u8> {
    block(order, 3, &[&order.u32(packet.original)[..], &packet.bytes].concat())
}

/// An obsolete packet block.
pub(crate) fn obsolete(order: Order, interface: u16, units: u64, packet: &Packet) -> Vec<u8> {
    let mut body = [order.u16(interface), order.u16(0)].concat();
    for word in
        [units >> 32, units & 0xffff_ffff, packet.bytes.len() as u64, u64::from(packet.original)]
    {
        body.extend(order.u32(u32::try_from(word).unwrap()));
    }
    body.extend(&packet.bytes);
    block(order, 2, &body)
}
