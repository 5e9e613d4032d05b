//! The program that steers frames to the sockets: six instructions, the map they look in, the link that holds them to the interface.
//!
//! All three are file descriptors: the kernel takes the program off the interface when the process ends, however it ends.

#![expect(unsafe_code, reason = "bpf(2) takes pointers, and gives file descriptors as numbers")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use crate::source::sys::xdp::answer;

/// Commands of bpf(2): `enum bpf_cmd` of linux/bpf.h.
const MAP_CREATE: i32 = 0;
const MAP_UPDATE: i32 = 2;
const PROGRAM_LOAD: i32 = 5;
const LINK_CREATE: i32 = 28;
/// `BPF_MAP_TYPE_XSKMAP`.
const MAP_OF_SOCKETS: u32 = 17;
/// `BPF_PROG_TYPE_XDP`.
const PROGRAM_XDP: u32 = 6;
/// `BPF_XDP`, a type of attachment.
const ATTACH_XDP: u32 = 37;
/// Any will do: the program calls nothing that is kept for the GPL.
const LICENCE: &CStr = c"Apache-2.0";

#[repr(C)]
struct MapCreate {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
}

#[repr(C)]
struct MapUpdate {
    map: u32,
    padding: u32,
    key: u64,
    value: u64,
    flags: u64,
}

#[repr(C)]
#[derive(Default)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

#[repr(C)]
struct LinkCreate {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
}

/// The kernel reads these by offset.
const _: () = assert!(size_of::<MapUpdate>() == 32 && size_of::<ProgramLoad>() == 72);

fn bpf<T>(command: i32, request: &T) -> io::Result<i64> {
    let size = size_of::<T>();
    // SAFETY: the request is readable for the size given; what it points to outlives the call, for its makers below hold it until the call is over.
    answer(unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(request), size) })
}

/// Takes hold of a descriptor that a call has just made.
fn own(number: i64) -> io::Result<OwnedFd> {
    let number = RawFd::try_from(number).map_err(io::Error::other)?;
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Where a value lies, as the kernel takes addresses.
fn address<T: ?Sized>(of: &T) -> u64 {
    std::ptr::from_ref(of).cast::<u8>().expose_provenance() as u64
}

/// A descriptor as the kernel's structures hold it.
fn number(of: &impl AsFd) -> u32 {
    of.as_fd().as_raw_fd().cast_unsigned()
}

/// The socket of each receive queue.
#[derive(Debug)]
pub(crate) struct SocketMap(OwnedFd);

impl SocketMap {
    /// For this many queues.
    pub(crate) fn new(queues: u32) -> io::Result<Self> {
        let request =
            MapCreate { map_type: MAP_OF_SOCKETS, key_size: 4, value_size: 4, max_entries: queues };
        Ok(Self(own(bpf(MAP_CREATE, &request)?)?))
    }

    /// From now on frames of the queue go to the socket.
    pub(crate) fn set(&self, queue: u32, socket: &impl AsFd) -> io::Result<()> {
        let socket = number(socket);
        let request = MapUpdate {
            map: number(&self.0),
            padding: 0,
            key: address(&queue),
            value: address(&socket),
            flags: 0,
        };
        bpf(MAP_UPDATE, &request).map(drop)
    }
}

/// The program, verified and loaded.
#[derive(Debug)]
pub(crate) struct Program(OwnedFd);

impl Program {
    /// Sends each frame to the socket of its queue; queues without one pass their frames on to the host.
    pub(crate) fn redirect(map: &SocketMap) -> io::Result<Self> {
        let map = u64::from(number(&map.0));
        let code: [u64; 6] = [
            // r2 = the receive queue's number: the word at 16 of struct xdp_md
            0x0000_0000_0010_1261,
            // r1 = the map, by its descriptor, a constant of two words
            0x1118 | map << 32,
            0,
            // r3 = XDP_PASS, what is done without a socket
            0x0000_0002_0000_03b7,
            // call bpf_redirect_map
            0x0000_0033_0000_0085,
            // exit with its answer
            0x0000_0000_0000_0095,
        ];
        // An instruction is a byte, two half bytes, a half word and a word, each in the order of the machine; the words above are little endian.
        const { assert!(cfg!(target_endian = "little")) };
        let request = ProgramLoad {
            program_type: PROGRAM_XDP,
            instruction_count: 6,
            instructions: address(&code),
            licence: address(LICENCE),
            attach_type: ATTACH_XDP,
            ..ProgramLoad::default()
        };
        Ok(Self(own(bpf(PROGRAM_LOAD, &request)?)?))
    }
}

/// Where in the path of a frame the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hook {
    /// In the driver, before the kernel has made anything of the frame.
    Native,
    /// In the kernel's general receive path, for drivers that cannot.
    Generic,
}

/// A program on an interface; dropping it takes the program off.
#[derive(Debug)]
pub(crate) struct Link {
    _held: OwnedFd,
}

impl Link {
    /// Puts the program on the interface.
    pub(crate) fn attach(program: &Program, interface: u32, hook: Hook) -> io::Result<Self> {
        let request = LinkCreate {
            program: number(&program.0),
            interface,
            attach_type: ATTACH_XDP,
            flags: match hook {
                Hook::Generic => 1 << 1,
                Hook::Native => 1 << 2,
            },
        };
        Ok(Self { _held: own(bpf(LINK_CREATE, &request)?)? })
    }
}
