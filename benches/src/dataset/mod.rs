//! A data set for questions: a store as a probe would have written it, of as many rows as wanted, from a seed.
//!
//! What is in it: [`world`] (names, servers, clients), [`service`] (ports and what is read of them), [`course`] (states, packets, octets), [`hour`] (order).
//! The rows are spread over the days along a curve: at night a fifth of the evening, on weekends four fifths of other days. There is one publication an hour
//! with its file of `flows` and its row of `ledger`, in which nothing was lost. No `dns`, no `devices`.

mod blank;
pub mod course;
pub mod flows;
pub mod hour;
pub mod random;
pub mod service;
pub mod world;
pub mod write;
