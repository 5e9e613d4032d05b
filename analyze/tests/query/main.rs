//! The query side from the outside: stores made by the publish protocol, asked in SQL.
//! One binary, for each would link the whole engine again.

mod attributed;
#[cfg(test)]
mod capture;
mod dataset;
#[cfg(test)]
mod fixture;
mod functions;
mod refused;
mod script;
mod traps;
