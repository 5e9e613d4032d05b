//! The one door to raw memory and raw system calls: everything above it is safe code.

pub(crate) mod xdp;
