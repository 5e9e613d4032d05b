//! Live capture on rings of the real kernel, over wires that the tests lay themselves.

mod datalink;
mod fanout;
pub(crate) mod frames;
pub(crate) mod lab;
pub(crate) mod probe;
mod ring;
mod stop;
pub(crate) mod tap;
mod wire;
mod xdp;
