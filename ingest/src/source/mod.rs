//! Where frames come from. Each source fills [`crate::block::Block`]s; what is behind it, the lanes do not know.

mod container;
mod error;
pub mod live;
mod pcap;
mod pcapng;
mod reader;
pub mod synthetic;
mod sys;
pub mod xdp;

pub use error::{Damage, SourceError};
pub use reader::{FileSource, Pool, Tagger};
