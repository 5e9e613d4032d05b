//! The answer: catalog, attribution, SQL, reports.
//!
//! The only floor with a query engine and an async runtime. Facts come from the store, judgement from the catalog, and an answer carries both.

mod ahead;
pub mod attribution;
pub mod catalog;
pub mod cli;
pub mod dataset;
mod grouping;
pub mod output;
pub mod period;
pub mod report;
pub mod rollup;
pub mod session;
mod shelf;
pub mod sightings;
pub mod sketch;
pub mod udf;
pub mod views;
