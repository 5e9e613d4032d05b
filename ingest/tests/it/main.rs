//! The probe from a capture file to published rows, through its public door.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stderr,
    reason = "a test that fails should say so at once"
)]

mod balance;
mod captures;
mod config;
mod corpus;
mod cuts;
mod damage;
mod deploy;
mod devices;
mod doctor;
mod endpoint;
mod filter;
mod flood;
mod forge;
mod formats;
mod gaps;
mod guard;
mod lab;
mod live;
mod lookups;
mod privacy;
mod quic;
mod refuse;
mod scenario;
mod tmpfs;
mod tunnels;
mod volume;
mod wrap;
