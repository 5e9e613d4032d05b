//! An interface seen through a packet socket that receives nothing: it answers questions and holds promiscuous mode.
//!
//! Both end with the socket: an interface is left as it was found even when the process is killed.

#![expect(unsafe_code, reason = "ioctl(2) and setsockopt(2) take pointers to structures")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::source::sys::xdp::answer;

/// `ETHTOOL_GFLAGS`, of these `ETH_FLAG_RXVLAN`, and `ETHTOOL_GCHANNELS`, of linux/ethtool.h.
const GET_FLAGS: u32 = 0x25;
const FLAG_RECEIVE_VLAN: u32 = 1 << 8;
const GET_CHANNELS: u32 = 0x3c;
/// `PACKET_ADD_MEMBERSHIP` and `PACKET_MR_PROMISC` of `linux/if_packet.h`.
const ADD_MEMBERSHIP: i32 = 1;
const PROMISCUOUS: u16 = 1;

/// `struct ifreq` where its union holds a number.
#[repr(C)]
struct NumberRequest {
    name: [u8; libc::IFNAMSIZ],
    number: i32,
    rest: [u8; 20],
}

/// `struct ifreq` where its union holds a pointer.
#[repr(C)]
struct ToolRequest<T> {
    name: [u8; libc::IFNAMSIZ],
    question: *mut T,
    rest: [u8; 16],
}

const _: () = assert!(size_of::<NumberRequest>() == size_of::<libc::ifreq>());
const _: () = assert!(size_of::<ToolRequest<Channels>>() == size_of::<libc::ifreq>());

/// `struct ethtool_channels`.
#[repr(C)]
#[derive(Default)]
struct Channels {
    command: u32,
    max_rx: u32,
    max_tx: u32,
    max_other: u32,
    max_combined: u32,
    rx: u32,
    tx: u32,
    other: u32,
    combined: u32,
}

/// `struct ethtool_value`.
#[repr(C)]
struct Flags {
    command: u32,
    flags: u32,
}

/// `struct packet_mreq`.
#[repr(C)]
struct Membership {
    interface: i32,
    kind: u16,
    address_length: u16,
    address: [u8; 8],
}

/// An interface.
#[derive(Debug)]
pub(crate) struct Device {
    control: OwnedFd,
    name: [u8; libc::IFNAMSIZ],
    index: i32,
}

impl Device {
    /// The interface of that name.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let mut padded = [0; libc::IFNAMSIZ];
        // The last octet stays zero; a name that is longer names no interface.
        match padded.get_mut(..name.len()) {
            Some(place) if name.len() < libc::IFNAMSIZ => place.copy_from_slice(name.as_bytes()),
            _ => return Err(io::Error::from_raw_os_error(libc::ENODEV)),
        }
        // No protocol: it receives no packet.
        let control = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
        let mut device = Self { control, name: padded, index: 0 };
        device.index = device.number(libc::SIOCGIFINDEX)?;
        Ok(device)
    }

    /// Its number.
    pub(crate) const fn index(&self) -> u32 {
        self.index.cast_unsigned()
    }

    /// Whether its frames begin with Ethernet's header.
    pub(crate) fn is_ethernet(&self) -> io::Result<bool> {
        // Of the hardware address the kind comes first, two octets.
        let [low, high, ..] = self.number(libc::SIOCGIFHWADDR)?.to_ne_bytes();
        let kind = u16::from_ne_bytes([low, high]);
        Ok(matches!(kind, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK))
    }

    /// Octets of the longest packet, link layer not counted.
    pub(crate) fn mtu(&self) -> io::Result<u32> {
        self.number(libc::SIOCGIFMTU).map(i32::cast_unsigned)
    }

    /// Receive queues in use; an error where the driver does not say.
    pub(crate) fn receive_queues(&self) -> io::Result<u32> {
        let mut channels = Channels { command: GET_CHANNELS, ..Channels::default() };
        self.ask_tool(&mut channels)?;
        Ok(channels.rx + channels.combined)
    }

    /// Whether it takes VLAN tags out of frames it receives; an error where the driver does not say.
    pub(crate) fn takes_tags_out(&self) -> io::Result<bool> {
        let mut flags = Flags { command: GET_FLAGS, flags: 0 };
        self.ask_tool(&mut flags)?;
        Ok(flags.flags & FLAG_RECEIVE_VLAN != 0)
    }

    /// Whether it still exists, whatever it is called by now.
    pub(crate) fn is_there(&self) -> bool {
        let mut request = NumberRequest { name: [0; 16], number: self.index, rest: [0; 20] };
        self.ask(libc::SIOCGIFNAME, &mut request).is_ok()
    }

    /// Has it receive packets for other hosts, for as long as this lives.
    pub(crate) fn see_all(&self) -> io::Result<()> {
        let wish = Membership {
            interface: self.index,
            kind: PROMISCUOUS,
            address_length: 0,
            address: [0; 8],
        };
        let size = libc::socklen_t::try_from(size_of::<Membership>()).map_err(io::Error::other)?;
        let (socket, wish_at) = (self.control.as_raw_fd(), (&raw const wish).cast());
        // SAFETY: the structure is readable for the size given and lives until the call is over.
        let done =
            unsafe { libc::setsockopt(socket, libc::SOL_PACKET, ADD_MEMBERSHIP, wish_at, size) };
        answer(done.into()).map(drop)
    }

    /// Asks the driver; `question` is a structure of linux/ethtool.h, which its first word names, and takes the answer.
    fn ask_tool<T>(&self, question: &mut T) -> io::Result<()> {
        let mut request = ToolRequest { name: self.name, question, rest: [0; 16] };
        let request_at = &raw mut request;
        // SAFETY: the request is as long as the kernel's, and points to the structure that its first word names, ours to write to until the call is over.
        let done = unsafe { libc::ioctl(self.control.as_raw_fd(), libc::SIOCETHTOOL, request_at) };
        answer(done.into()).map(drop)
    }

    fn number(&self, question: libc::c_ulong) -> io::Result<i32> {
        let mut request = NumberRequest { name: self.name, number: 0, rest: [0; 20] };
        self.ask(question, &mut request)?;
        Ok(request.number)
    }

    fn ask(&self, question: libc::c_ulong, request: &mut NumberRequest) -> io::Result<()> {
        let request_at = std::ptr::from_mut(request);
        // SAFETY: the request is as long as the kernel's, and ours to write to.
        let done = unsafe { libc::ioctl(self.control.as_raw_fd(), question, request_at) };
        answer(done.into()).map(drop)
    }
}
