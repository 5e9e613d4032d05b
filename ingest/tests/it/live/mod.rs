//! Live capture on rings of the real kernel, over wires that the tests lay themselves.

pub(crate) mod lab;
pub(crate) mod probe;
mod stop;
mod wire;
mod xdp;
