//! Questions to an interface's driver: ethtool's ioctl, as linux/ethtool.h has it. All answers taken here are runs of 32-bit words.
#![expect(unsafe_code, reason = "ioctls that no safe library offers")]

use std::ffi::c_char;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use libc::{SIOCETHTOOL, SIOCGIFMTU, ifreq};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

const GDRVINFO: u32 = 0x03;
const GRINGPARAM: u32 = 0x10;
const GTSO: u32 = 0x1e;
const GGSO: u32 = 0x23;
const GFLAGS: u32 = 0x25;
const GGRO: u32 = 0x2b;
const GCHANNELS: u32 = 0x3c;
const GET_TS_INFO: u32 = 0x41;
const GRSSH: u32 = 0x46;

/// Bits of `GFLAGS`.
const FLAG_RX_VLAN: u32 = 1 << 8;
const FLAG_LRO: u32 = 1 << 15;

/// Words of the longest answer of fixed length, `ethtool_drvinfo`.
const FIXED_WORDS: usize = 49;
/// Words of an answer that is still believed: a table of 4,096 places, a key of 1 KiB.
const WORDS_MAX: usize = 6 + 4096 + 256;

/// Words that the kernel may write in answer to a question: for `GRSSH` its header, table and key, whose sizes the question states.
fn answer_words(question: &[u32]) -> Option<usize> {
    let &command = question.first()?;
    if command != GRSSH {
        return Some(FIXED_WORDS);
    }
    let (places, key_octets) = (*question.get(2)? as usize, *question.get(3)? as usize);
    places.checked_add(key_octets.div_ceil(4))?.checked_add(6).map(|words| words.max(FIXED_WORDS))
}

/// What a driver does with frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offload {
    /// Merges received segments, in software.
    Gro,
    /// Merges received segments, in the card.
    Lro,
    /// Cuts sent segments in the card.
    Tso,
    /// Cuts sent segments late.
    Gso,
    /// Takes VLAN tags off.
    RxVlan,
}

/// Places of a receive ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ring {
    pub(crate) now: u32,
    pub(crate) max: u32,
}

/// How received packets are spread over queues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Spread {
    /// `ETH_RSS_HASH_*`.
    pub(crate) function: u32,
    /// Whether both directions are made one before hashing.
    pub(crate) is_folded: bool,
    pub(crate) key: Vec<u8>,
}

/// What the driver can say of a packet's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamps {
    pub(crate) hardware: bool,
    pub(crate) software: bool,
}

/// An interface that is asked.
#[derive(Debug)]
pub(crate) struct Asked {
    socket: OwnedFd,
    name: [c_char; libc::IFNAMSIZ],
}

impl Asked {
    /// Opens a socket to ask through, in the network namespace of this thread.
    pub(crate) fn open(interface: &str) -> io::Result<Self> {
        let mut name = [0; libc::IFNAMSIZ];
        if interface.len() >= name.len() || interface.contains('\0') {
            return Err(io::Error::from_raw_os_error(libc::ENODEV));
        }
        for (to, from) in name.iter_mut().zip(interface.bytes()) {
            *to = from.cast_signed();
        }
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
        Ok(Self { socket, name })
    }

    /// Largest packet it carries, octets.
    pub(crate) fn mtu(&self) -> io::Result<u32> {
        let mut request = self.request(std::ptr::null_mut());
        // SAFETY: the kernel reads the name and writes one int of the request, which lives here.
        let result = unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCGIFMTU, &raw mut request) };
        checked(result)?;
        // SAFETY: any octets are an int, and the union is at least as long.
        let mtu = unsafe { request.ifr_ifru.ifru_mtu };
        Ok(mtu.unsigned_abs())
    }

    /// Whether an offload is on.
    pub(crate) fn has(&self, offload: Offload) -> io::Result<bool> {
        let (command, mask) = match offload {
            Offload::Gro => (GGRO, u32::MAX),
            Offload::Tso => (GTSO, u32::MAX),
            Offload::Gso => (GGSO, u32::MAX),
            Offload::Lro => (GFLAGS, FLAG_LRO),
            Offload::RxVlan => (GFLAGS, FLAG_RX_VLAN),
        };
        let [_, value] = self.ask::<2>(command)?;
        Ok(value & mask != 0)
    }

    /// Name of the driver.
    pub(crate) fn driver(&self) -> io::Result<String> {
        let words = self.ask::<49>(GDRVINFO)?;
        let octets = words.iter().skip(1).take(8).flat_map(|word| word.to_ne_bytes());
        let name: Vec<u8> = octets.take_while(|octet| *octet != 0).collect();
        Ok(String::from_utf8_lossy(&name).into_owned())
    }

    /// The ring that the card fills.
    pub(crate) fn ring(&self) -> io::Result<Ring> {
        let [_, max, _, _, _, now, ..] = self.ask::<9>(GRINGPARAM)?;
        Ok(Ring { now, max })
    }

    /// Queues that packets are received on.
    pub(crate) fn queues(&self) -> io::Result<u32> {
        let [_, _, _, _, _, receive, _, _, combined] = self.ask::<9>(GCHANNELS)?;
        Ok(receive + combined)
    }

    /// Who can stamp packets.
    pub(crate) fn stamps(&self) -> io::Result<Stamps> {
        let [_, so, ..] = self.ask::<11>(GET_TS_INFO)?;
        // SOF_TIMESTAMPING_RX_HARDWARE and _RX_SOFTWARE.
        Ok(Stamps { hardware: so & 1 << 2 != 0, software: so & 1 << 3 != 0 })
    }

    /// How packets are spread over the queues.
    pub(crate) fn spread(&self) -> io::Result<Spread> {
        // Sizes of 0 ask for the sizes alone.
        let [_, _, places, key_octets, ..] = self.ask::<6>(GRSSH)?;
        let mut words = vec![GRSSH, 0, places, key_octets];
        let Some(needed) = answer_words(&words).filter(|needed| *needed <= WORDS_MAX) else {
            return Err(io::Error::from_raw_os_error(libc::EOVERFLOW));
        };
        words.resize(needed, 0);
        let (places, key_octets) = (places as usize, key_octets as usize);
        self.exchange(&mut words)?;
        let function = words.get(4).copied().unwrap_or_default().to_ne_bytes();
        let [function, folding, ..] = function;
        let octets = words.iter().skip(6 + places).flat_map(|word| word.to_ne_bytes());
        let key = octets.take(key_octets).collect();
        Ok(Spread { function: u32::from(function), is_folded: folding & 3 != 0, key })
    }

    /// Asks a question whose answer has a fixed length.
    fn ask<const N: usize>(&self, command: u32) -> io::Result<[u32; N]> {
        let mut words = [0; FIXED_WORDS];
        words[0] = command;
        self.exchange(&mut words)?;
        let mut answer = [0; N];
        for (to, from) in answer.iter_mut().zip(words) {
            *to = from;
        }
        Ok(answer)
    }

    fn exchange(&self, words: &mut [u32]) -> io::Result<()> {
        if answer_words(words).is_none_or(|needed| words.len() < needed) {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        let mut request = self.request(words.as_mut_ptr().cast());
        // SAFETY: there is room for the whole answer, as was just checked; the words live through the call, and any octets make words.
        let result = unsafe { libc::ioctl(self.socket.as_raw_fd(), SIOCETHTOOL, &raw mut request) };
        checked(result)
    }

    fn request(&self, data: *mut c_char) -> ifreq {
        ifreq { ifr_name: self.name, ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: data } }
    }
}

fn checked(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
