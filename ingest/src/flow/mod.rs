//! Flows: key, state, one entry, the table, and fragments on their way to it.

mod entry;
mod fragment;
mod key;
mod state;
mod table;
mod wheel;

pub use entry::{Entry, Names, Side};
pub use fragment::{FragmentTable, Held, Matched};
pub use key::{Endpoint, Ends, FlowKey, host_pair_hash};
pub use state::{End, Initiator, State};
pub use table::{Arrival, Export, FlowTable, Limits, Open, Reason};
pub use wheel::TICK_NS;
