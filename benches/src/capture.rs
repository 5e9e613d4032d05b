//! Which traffic programs are measured with: seeded, of a size that is stated, the same bytes wherever it is made.

use std::fs::File;
use std::io;
use std::path::Path;

use ingest::source::synthetic::{Bulk, Even, Flood, Mix, Worst, Written};

/// What all of them are made from.
pub const SEED: u64 = 7;

/// Traffic of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Traffic {
    /// A busy link: flows of all sizes, handshakes with names, look-ups, IPv6, VLANs, whole packets
    Mix,
    /// Packets of 60 octets, ten a flow, the flows in no order
    Syn,
    /// Packets of 60 octets of a thousand flows: next to nothing but packets
    Few,
    /// Every packet is the first one of a flow
    NewFlows,
    /// Every packet is a `ClientHello` with a name of its own
    Hellos,
    /// Every packet is a QUIC Initial
    Initials,
    /// Every packet is a fragment
    Fragments,
    /// Every packet is in sixteen tunnels
    Deepest,
    /// Every packet is an answer of a name server
    Answers,
    /// Packets cut to 128 octets, 50 a flow
    Bulk,
}

impl Traffic {
    /// Those in which every packet costs as much as it can.
    pub const WORST: [Self; 6] = [
        Self::NewFlows,
        Self::Hellos,
        Self::Initials,
        Self::Fragments,
        Self::Deepest,
        Self::Answers,
    ];

    /// Its name.
    pub fn name(self) -> String {
        use clap::ValueEnum;
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Packets at full size: that of the published figures.
    pub const fn packets_full(self) -> u64 {
        match self {
            Self::Mix => 11_600_000,
            Self::Syn | Self::Few | Self::Bulk => 10_000_000,
            _ => 2_000_000,
        }
    }

    const fn worst(self) -> Option<Worst> {
        match self {
            Self::NewFlows => Some(Worst::NewFlows),
            Self::Hellos => Some(Worst::Hellos),
            Self::Initials => Some(Worst::Initials),
            Self::Fragments => Some(Worst::Fragments),
            Self::Deepest => Some(Worst::Deepest),
            Self::Answers => Some(Worst::Answers),
            Self::Mix | Self::Syn | Self::Few | Self::Bulk => None,
        }
    }

    /// Writes so many packets into a file.
    pub fn write(self, seed: u64, packets: u64, path: &Path) -> io::Result<Written> {
        let out = File::create(path)?;
        if let Some(worst) = self.worst() {
            return Flood::new(worst, seed, packets).write_pcap(out);
        }
        match self {
            Self::Syn => {
                let flows = u32::try_from(packets / 10).unwrap_or(u32::MAX);
                Even::new(seed, flows).write_pcap(packets, out)
            }
            Self::Few => Even::new(seed, 1_000).write_pcap(packets, out),
            Self::Bulk => Bulk::new(seed, packets).write_pcap(out),
            _ => Mix::new(seed, packets).write_pcap(out),
        }
    }
}
