//! Parquet pages made here, of values that need no Arrow array before: words come as numbers already, and a column without variety costs next to nothing.
//!
//! The format is the library's: version 1 pages, dictionaries in front, page index and ranges as its own writer makes them.

mod chunk;
mod group;
mod range;
mod runs;

pub(crate) use chunk::{Dictionary, Extent, Page, Values};
pub(crate) use group::{Group, Pages};
pub(crate) use range::Range;
pub(crate) use runs::{pack, runs, width};
