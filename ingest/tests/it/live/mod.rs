//! Live capture on rings of the real kernel, over wires that the tests lay themselves.

mod datalink;
mod fanout;
mod flood;
pub(crate) mod frames;
pub(crate) mod lab;
mod link;
mod overflow;
pub(crate) mod probe;
mod ring;
mod rotate;
mod same;
pub(crate) mod tap;
mod wire;
mod xdp;
