//! Arguments that say how packets are read.

use clap::Args;

use crate::decode::{Decoder, FlowSpace, Tunnels};

/// How packets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Args)]
#[command(next_help_heading = "Packets")]
pub struct PacketArgs {
    /// Which tunnels are opened: the flow is that of the innermost IP packet
    #[arg(long, value_name = "WHICH", value_enum, default_value_t)]
    pub tunnels: Tunnels,
    /// What keeps flows apart beside addresses, ports and protocol
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub flow_key: FlowSpace,
    /// Leave out packets that were seen a moment before already, as a mirror with two sides shows them; they are counted in any case
    #[arg(long)]
    pub dedup: bool,
}

impl PacketArgs {
    /// How frames are read.
    pub const fn decoder(self) -> Decoder {
        Decoder { tunnels: self.tunnels, space: self.flow_key, secret: 0 }
    }
}
