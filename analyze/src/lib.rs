//! The answer: catalog, attribution, SQL, reports.
//! Placeholder until the other modules arrive.

pub mod attribution;
pub mod catalog;
pub mod cli;
pub mod dataset;
pub mod output;
pub mod report;
pub mod session;
pub mod udf;
pub mod views;
