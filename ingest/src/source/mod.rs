//! Where frames come from. Each source fills [`crate::block::Block`]s; what is behind it, the lanes do not know.

mod container;
mod datalink;
mod error;
mod fanout;
mod interface;
pub mod live;
mod pcap;
mod pcapng;
mod pool;
mod reader;
mod ring;
pub mod synthetic;
pub(crate) mod sys;
mod tagger;
mod tpacket;
pub mod xdp;

pub use datalink::PnetSource;
pub use error::{Damage, SourceError};
pub use pool::Pool;
pub use reader::FileSource;
pub use ring::{DRAIN_MAX, RingSource};
pub use tagger::Tagger;
