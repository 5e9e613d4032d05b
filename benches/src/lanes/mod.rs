//! How far lanes go: what each step costs one thread, what as many processors as one likes would make of it, and what stops them.
//!
//! [`stages`] measures the steps of the real code, one after the other; [`plan`] says what a capture gives each of them to do; [`simulation`] plays that;
//! [`trial`] runs the real probe on this machine, so that one sees how far the played figure can be trusted; [`forecast`] puts it in a table.

pub mod forecast;
pub mod plan;
pub mod simulation;
pub mod stages;
pub mod trial;
