//! AF_XDP on system calls alone: the device, the program and its hook, the memory of frames, the sockets with their rings.

mod bpf;
mod device;
mod ring;
mod socket;
mod umem;

pub(crate) use bpf::{Hook, Link, Program, SocketMap};
pub(crate) use device::Device;
pub(crate) use ring::Descriptor;
pub use socket::Statistics;
pub(crate) use socket::{Failure, Socket};
pub(crate) use umem::Umem;

use std::io;

/// What a system call said: a number, or why not.
fn answer(number: i64) -> io::Result<i64> {
    if number < 0 { Err(io::Error::last_os_error()) } else { Ok(number) }
}
