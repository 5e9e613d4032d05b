//! Live capture on rings of the real kernel, over wires that the tests lay themselves.

pub(crate) mod lab;
mod wire;
mod xdp;
