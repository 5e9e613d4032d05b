//! Flows: key, state, one entry, the table, and fragments on their way to it.

mod details;
mod entry;
mod eviction;
mod expiry;
mod fragment;
mod gap;
mod heard;
mod index;
mod key;
mod limits;
mod meter;
mod names;
mod profile;
mod queue;
mod room;
mod state;
mod table;
mod wheel;

#[cfg(test)]
pub(crate) use entry::Flow;
pub use entry::{Entry, Export, Side};
pub use fragment::{Datagram, FragmentTable, Held, Matched};
pub use gap::Acknowledged;
pub use heard::{Heard, Place};
pub(crate) use key::fold;
pub use key::{Endpoint, Ends, FlowKey, host_pair_hash};
pub(crate) use limits::HANDSHAKES_OCTETS;
pub use limits::{Limits, Reason};
pub use names::Names;
pub use room::NameRoom;
pub use state::{End, Evidence, Initiator, State};
pub use table::{Arrival, FlowTable, Observed, Open};
pub use wheel::TICK_NS;
