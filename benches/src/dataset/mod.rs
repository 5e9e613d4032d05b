//! A data set for questions: a store as a probe would have written it, of as many rows as wanted, from a seed.
//!
//! What is in it: [`world`] (names, servers, clients), [`service`] (ports and what is read of them), [`course`] (states, packets, octets), [`hour`] (order).
//! The rows are spread over the days along a curve: at night a fifth of the evening, on weekends four fifths of other days. There is one publication an hour
//! with its file of `flows` and its row of `ledger`, in which nothing was lost. No `dns`, no `devices`.
//!
//! Measured on two shared cores: ten million rows take 65 bytes and 2.9 µs of processor time each, the writer's share included. On paper a hundred million are
//! 6.5 GB and 5 minutes of a processor, a billion 65 GB and 48.

mod blank;
pub mod course;
pub mod flows;
pub mod hour;
pub mod random;
pub mod service;
pub mod world;
pub mod write;
