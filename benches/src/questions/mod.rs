//! Questions an analyst asks of a store: ours, and two other engines on the same files, each in its own best words.
//!
//! The texts are in `benches/questions`: a folder for each question with a file for each engine. Others are given the catalog's suffixes and country ranges
//! as lists of their own ([`tables`]), so that they do the same look-ups. An engine runs in a process of its own for each question: once with the store's
//! files out of the page cache, then warm. No rate is printed of an answer that is not ours.

pub mod answer;
pub mod compare;
pub mod contest;
pub mod engine;
pub mod report;
pub mod tables;

/// A question, in the words of each engine.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// What is asked.
    pub asks: &'static str,
    /// Which table.
    pub table: &'static str,
    /// For us.
    pub ours: &'static str,
    /// For `DuckDB`.
    pub duckdb: &'static str,
    /// For `ClickHouse`.
    pub chdb: &'static str,
}

macro_rules! question {
    ($name:literal, $asks:literal) => {
        question!($name, $asks, schemas::flow::TABLE)
    };
    ($name:literal, $asks:literal, $table:path) => {
        Question {
            name: $name,
            asks: $asks,
            table: $table.name,
            ours: include_str!(concat!("../../questions/", $name, "/ours.sql")),
            duckdb: include_str!(concat!("../../questions/", $name, "/duckdb.sql")),
            chdb: include_str!(concat!("../../questions/", $name, "/chdb.sql")),
        }
    };
}

/// All of them.
pub const QUESTIONS: [Question; 11] = [
    question!("attribution", "octets by vendor, country and hour"),
    question!("talkers", "the busiest clients"),
    question!("address", "one server over the whole time"),
    question!("name", "one name over the whole time"),
    question!("ports", "the most used ports"),
    question!("new", "servers of the last day never seen before"),
    question!("policy", "what networks of ours send to banned vendors"),
    question!("sessions", "all of one client's flows, in order"),
    question!("hourly", "octets by hour"),
    question!("clients", "distinct clients by day and vendor"),
    question!(
        "rollup",
        "the first again, as judged and summed up by hour",
        schemas::rollup::hourly::TABLE
    ),
];

/// What some questions are about, in the order of its columns.
pub const PARAMETER_NAMES: [&str; 4] = ["address", "name", "client", "day"];
/// Finds that.
pub const PARAMETERS: &str = include_str!("../../questions/parameters.sql");
