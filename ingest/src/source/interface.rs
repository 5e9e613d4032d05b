//! What live sources ask of a network interface, and how they say why it cannot be captured on.

use std::io;
use std::time::Duration;

use libc::c_int;
use nix::errno::Errno;
use nix::poll::{PollTimeout, poll};

use crate::frame::LinkType;
use crate::source::SourceError;
use crate::source::live::Instruction;

/// Hardware types whose frames are Ethernet, and those whose frames begin with the IP header (`linux/if_arp.h`).
const ETHERNET: [u16; 2] = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK];
const RAW_IP: [u16; 6] = [
    libc::ARPHRD_NONE,
    libc::ARPHRD_PPP,
    libc::ARPHRD_TUNNEL,
    libc::ARPHRD_TUNNEL6,
    libc::ARPHRD_SIT,
    519,
];

/// What a frame may have beyond the packet: Ethernet header and two tags.
pub(crate) const LINK_MAX: u32 = 14 + 8;
/// A filter that accepts no packet.
pub(crate) const NOTHING: [Instruction; 1] = [Instruction { code: 0x06, jt: 0, jf: 0, k: 0 }];

/// The number of an interface.
pub(crate) fn index_of(name: &str) -> Result<c_int, SourceError> {
    nix::net::if_::if_nametoindex(name).map(u32::cast_signed).map_err(|error| {
        let there: Vec<String> =
            pnet::datalink::interfaces().into_iter().map(|interface| interface.name).collect();
        SourceError::Interface {
            interface: name.to_owned(),
            what: format!("there is no such interface; there are: {}", there.join(", ")),
            source: error.into(),
        }
    })
}

/// What frames of an interface of this hardware type begin with.
pub(crate) fn link_of(name: &str, hardware: u16) -> Result<LinkType, SourceError> {
    if ETHERNET.contains(&hardware) {
        Ok(LinkType::Ethernet)
    } else if RAW_IP.contains(&hardware) {
        Ok(LinkType::RawIp)
    } else {
        Err(SourceError::Unfit {
            interface: name.to_owned(),
            why: format!(
                "its frames are neither Ethernet nor IP (hardware type {hardware}); choose the interface below or above it"
            ),
        })
    }
}

/// The kernel refused `what`: the error, with what to do about it.
pub(crate) fn refused(name: &str, what: &str, source: io::Error) -> SourceError {
    let remedy = match source.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENODEV | Errno::ENXIO) => return SourceError::Gone(name.to_owned()),
        Some(Errno::EPERM | Errno::EACCES) => {
            "needs CAP_NET_RAW: run as root, or give it to the program with `setcap cap_net_raw+ep`"
        }
        Some(Errno::ENOMEM | Errno::ENOBUFS) => {
            "the kernel has no memory for it: choose a smaller --ring-mb or fewer --lanes"
        }
        Some(Errno::EINVAL | Errno::ENOSPC | Errno::EALREADY) => {
            "it does not fit what is there: another program may use this --fanout-group for something else, or the kernel is too old"
        }
        _ => "the kernel refused",
    };
    SourceError::Interface { interface: name.to_owned(), what: format!("{what}: {remedy}"), source }
}

/// Does nothing for a while.
pub(crate) fn nap(time: Duration) {
    // Waiting for no socket at all. A signal ends it early, and so it may.
    let _ = poll(&mut [], PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO));
}
