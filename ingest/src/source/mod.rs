//! Where frames come from. Each source fills [`crate::block::Block`]s; what is behind it, the lanes do not know.

mod container;
mod error;
pub mod live;
mod pcap;
mod pcapng;
mod reader;
pub mod synthetic;
pub(crate) mod sys;

pub use error::{Damage, SourceError};
pub use reader::{FileSource, Pool, Tagger};
