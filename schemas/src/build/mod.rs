//! Columns under construction: what rows hold, column by column, on its way into Arrow arrays or Parquet pages.

mod index;
mod lists;
mod optional;
mod text;
mod values;
mod word;
mod words;

pub(crate) use lists::Lists;
pub(crate) use optional::Optional;
pub use text::address_text;
pub(crate) use values::{Build, Numbers, Truths};
pub(crate) use words::{ROWS_NEAR, Words};
