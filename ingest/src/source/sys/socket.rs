//! Packet sockets: the calls and options of packet(7) and socket(7) that nobody has safe words for.
#![expect(unsafe_code, reason = "system calls that no safe library offers")]

use std::ffi::c_int;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libc::{sockaddr_ll, socklen_t, tpacket_req3, tpacket_stats_v3};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::source::live::Instruction;

/// Instructions the kernel takes (`BPF_MAXINSNS`).
const PROGRAM_MAX: usize = 4096;

/// A packet socket that receives nothing before it is bound.
#[derive(Debug)]
pub(crate) struct PacketSocket(OwnedFd);

/// Values that are nothing but octets: no padding, no pointer, and any octets make one.
trait Plain: Copy {}
impl Plain for c_int {}
impl Plain for tpacket_req3 {}
impl Plain for tpacket_stats_v3 {}
impl Plain for libc::packet_mreq {}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl PacketSocket {
    /// Opens one. Protocol 0: the kernel hooks it to no traffic.
    pub(crate) fn open() -> io::Result<Self> {
        let fd = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
        Ok(Self(fd))
    }

    /// A second name of the same socket.
    pub(crate) fn share(&self) -> io::Result<OwnedFd> {
        self.0.try_clone()
    }

    fn set<T: Plain>(&self, level: c_int, name: c_int, value: &T) -> io::Result<()> {
        // SAFETY: `value` is a live T and the length is its own; the kernel only reads it, and a plain value points nowhere.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                name,
                std::ptr::from_ref(value).cast(),
                length::<T>(),
            )
        };
        checked(result)
    }

    fn get<T: Plain>(&self, name: c_int) -> io::Result<T> {
        let mut value = MaybeUninit::<T>::zeroed();
        let mut length = length::<T>();
        // SAFETY: the kernel writes `length` octets at most, which is the room there is, and says in `length` how many.
        let result = unsafe {
            libc::getsockopt(
                self.0.as_raw_fd(),
                libc::SOL_PACKET,
                name,
                value.as_mut_ptr().cast(),
                &raw mut length,
            )
        };
        checked(result)?;
        // SAFETY: all octets were zeroed before the kernel wrote some, and any octets make a plain value.
        Ok(unsafe { value.assume_init() })
    }

    /// Sets a packet option that is a number.
    pub(crate) fn set_number(&self, name: c_int, value: c_int) -> io::Result<()> {
        self.set(libc::SOL_PACKET, name, &value)
    }

    /// Reads a packet option that is a number.
    pub(crate) fn number(&self, name: c_int) -> io::Result<c_int> {
        self.get(name)
    }

    /// Makes the receive ring.
    pub(crate) fn set_ring(&self, request: &tpacket_req3) -> io::Result<()> {
        self.set(libc::SOL_PACKET, libc::PACKET_RX_RING, request)
    }

    /// Receives from an interface, all protocols.
    pub(crate) fn bind(&self, interface: c_int) -> io::Result<()> {
        let mut address = no_address();
        address.sll_family = u16::try_from(libc::AF_PACKET).unwrap_or_default();
        address.sll_protocol = u16::try_from(libc::ETH_P_ALL).unwrap_or_default().to_be();
        address.sll_ifindex = interface;
        // SAFETY: the address is a live `sockaddr_ll` and the length is its own; the kernel only reads it.
        let result = unsafe {
            libc::bind(self.0.as_raw_fd(), (&raw const address).cast(), length::<sockaddr_ll>())
        };
        checked(result)
    }

    /// Where it is bound: index of the interface, -1 once that was deleted, and its hardware type (`ARPHRD_…`).
    pub(crate) fn bound(&self) -> io::Result<(c_int, u16)> {
        let mut address = no_address();
        let mut length = length::<sockaddr_ll>();
        // SAFETY: the kernel writes `length` octets at most, which is the room there is; any octets make an address.
        let result = unsafe {
            libc::getsockname(self.0.as_raw_fd(), (&raw mut address).cast(), &raw mut length)
        };
        checked(result)?;
        Ok((address.sll_ifindex, address.sll_hatype))
    }

    /// Sees frames for other hosts for as long as it is open.
    pub(crate) fn set_promiscuous(&self, interface: c_int) -> io::Result<()> {
        let request = libc::packet_mreq {
            mr_ifindex: interface,
            mr_type: u16::try_from(libc::PACKET_MR_PROMISC).unwrap_or_default(),
            mr_alen: 0,
            mr_address: [0; 8],
        };
        self.set(libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, &request)
    }

    /// Counters since they were last read: reading sets them to 0. Packets include drops.
    pub(crate) fn take_statistics(&self) -> io::Result<tpacket_stats_v3> {
        self.get(libc::PACKET_STATISTICS)
    }

    /// Only what the program accepts comes in, in place of what an earlier one accepted.
    pub(crate) fn set_filter(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, program)
    }

    /// Everything comes in again.
    pub(crate) fn clear_filter(&self) -> io::Result<()> {
        self.set(libc::SOL_SOCKET, libc::SO_DETACH_FILTER, &0_i32)
    }

    /// The program whose result, modulo the number of members, is the member a packet goes to.
    pub(crate) fn set_fanout_program(&self, program: &[Instruction]) -> io::Result<()> {
        self.set_program(libc::SOL_PACKET, libc::PACKET_FANOUT_DATA, program)
    }

    fn set_program(&self, level: c_int, name: c_int, program: &[Instruction]) -> io::Result<()> {
        let too_long = || io::Error::from_raw_os_error(libc::EINVAL);
        if program.len() > PROGRAM_MAX {
            return Err(too_long());
        }
        let mut filter: Vec<libc::sock_filter> = program
            .iter()
            .map(|step| libc::sock_filter { code: step.code, jt: step.jt, jf: step.jf, k: step.k })
            .collect();
        let program = libc::sock_fprog {
            len: u16::try_from(filter.len()).map_err(|_| too_long())?,
            filter: filter.as_mut_ptr(),
        };
        // SAFETY: the length is that of a live `sock_fprog`, which names as many live instructions as `filter` has; the kernel copies them in the call.
        let result = unsafe {
            libc::setsockopt(
                self.0.as_raw_fd(),
                level,
                name,
                (&raw const program).cast(),
                length::<libc::sock_fprog>(),
            )
        };
        checked(result)
    }

    /// Largest packet of the interface of this name, where the socket is at home.
    pub(crate) fn mtu(&self, interface: &str) -> io::Result<u32> {
        let mut request = libc::ifreq {
            ifr_name: [0; libc::IFNAMSIZ],
            ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_mtu: 0 },
        };
        // The last octet stays 0: the name ends there.
        let room = request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1);
        for (slot, octet) in room.zip(interface.bytes()) {
            *slot = octet.cast_signed();
        }
        // SAFETY: the request is a live `ifreq`, which is what SIOCGIFMTU reads a name from and writes a number to.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SIOCGIFMTU, &raw mut request) };
        checked(result)?;
        // SAFETY: `ifru_mtu` is an integer, which any octets make, and SIOCGIFMTU has written it.
        let mtu = unsafe { request.ifr_ifru.ifru_mtu };
        Ok(u32::try_from(mtu).unwrap_or_default())
    }
}

const fn no_address() -> sockaddr_ll {
    sockaddr_ll {
        sll_family: 0,
        sll_protocol: 0,
        sll_ifindex: 0,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the structures of the kernel are small")]
const fn length<T>() -> socklen_t {
    size_of::<T>() as socklen_t
}

fn checked(result: c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
