//! Seeded traffic with its truth: the national day, hellos of every TLS version, bulk captures.
//!
//! The plan of the packets comes first; truth is summed from the plan, frames are rendered from it,
//! and whoever reads the frames must find the truth again. No clock, no floating point, one seed.

mod asides;
mod bulk;
mod cast;
mod day;
mod dhcp;
mod dns;
mod draft;
mod drawn;
pub(crate) mod dtls;
mod envelope;
mod even;
mod flood;
mod frame;
mod hellos;
mod http;
mod long;
mod mix;
mod nation;
mod noise;
mod openings;
mod packet;
mod pcap;
mod place;
mod plan;
pub(crate) mod quic;
mod quics;
pub(crate) mod rng;
mod scenes;
mod session;
mod talk;
mod tcp;
pub(crate) mod tls;
mod traps;
mod truth;
pub(crate) mod wire;
mod wrapped;

pub use bulk::{Bulk, LongFlow};
pub use dtls::DtlsVersion;
pub use envelope::Written;
pub use even::Even;
pub use flood::{Flood, Worst};
pub use mix::Mix;
pub use nation::Nation;
pub use place::Expected;
pub use plan::{Plan, PlannedFrame};
pub use quic::QuicVersion;
pub use tls::Version;
pub use truth::{Cell, DAY_START_NS, INSIDE, TruthFlow, Volume, vendor_country};
