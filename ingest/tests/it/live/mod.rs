//! Live capture on rings of the real kernel, over wires that the tests lay themselves.

mod confined;
mod datalink;
mod disk;
mod fanout;
mod flood;
pub(crate) mod frames;
mod kill;
pub(crate) mod lab;
mod link;
mod overflow;
pub(crate) mod probe;
mod ring;
mod rotate;
mod same;
mod stop;
pub(crate) mod tap;
mod wire;
mod xdp;
