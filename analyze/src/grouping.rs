//! Grouping by words: rows are grouped by which word of a file's dictionary stands in them, and what a query makes of a word is worked out once for the word.
//!
//! Names, addresses and protocols repeat, and a file keeps each of them once, in a dictionary beside the rows. The engine would spread them
//! over the rows, call functions for each row, and compare texts to group them.

mod answers;
mod by_word;
mod dictionary;
mod exec;
mod groups;
mod key;
mod memo;
mod rule;
mod scan;
mod values;
mod words;

pub(crate) use rule::GroupByWords;
