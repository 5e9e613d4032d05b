//! The proof's own tools: what it costs to read a capture, by whom it was read, on a file and on a wire, and whether the books of a store
//! close.
//!
//! Nothing here ships. Seeded traffic itself is the probe's, in `ingest::source::synthetic`, so that the demo can play it, too.

pub mod balance;
pub mod capture;
pub mod cliff;
pub mod contest;
pub mod cpu;
pub mod dataset;
pub mod feed;
pub mod floor;
pub mod lanes;
pub mod live;
pub mod model;
pub mod others;
pub mod ours;
pub mod peer;
#[cfg(feature = "end-to-end")]
pub mod questions;
pub mod walk;
