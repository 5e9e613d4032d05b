//! The query side from the outside: stores made by the publish protocol, asked in SQL.
//! One binary, for each would link the whole engine again.

#[cfg(test)]
mod accuracy;
mod attributed;
#[cfg(test)]
mod capture;
#[cfg(test)]
mod compacted;
#[cfg(test)]
mod compared;
#[cfg(test)]
mod completeness;
mod dataset;
#[cfg(test)]
mod few;
#[cfg(test)]
mod fixture;
mod functions;
#[cfg(test)]
mod grouping;
#[cfg(test)]
mod measure;
mod refused;
#[cfg(test)]
mod rollup;
mod script;
#[cfg(test)]
mod sightings;
mod traps;
