//! What the kernel is asked for in its own terms: the one door of unsafe code.
//!
//! Everything that leaves this folder is safe to use whatever the caller does. One operation and one proof a block.

pub(crate) mod ethtool;
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod ring;
pub(crate) mod socket;
pub(crate) mod xdp;
