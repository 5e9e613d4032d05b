//! The pipeline of an interface.
mod capture;
mod clock;
mod link;
mod work;
