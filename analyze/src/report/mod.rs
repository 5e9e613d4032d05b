//! The report of a day: the questions in `sql/reports`, their answers as data, and a page, JSON and CSV made from those.
//!
//! The data know no layout and the page asks no questions; the same store, day and catalog give the same bytes.

mod balance;
mod caveat;
mod chart;
mod coverage;
mod day;
mod error;
mod few;
mod figures;
mod files;
mod gather;
mod lead;
mod numbers;
mod page;
mod place;
mod sankey;
mod share;
mod telling;
mod veil;
mod view;

pub use balance::Balance;
pub use day::{Day, DayError};
pub use error::ReportError;
pub use figures::CellRow;
pub use files::write;
pub use gather::{Report, typed_rows};
pub use numbers::{grouped, octets, percentage};
pub use place::name as place_name;
