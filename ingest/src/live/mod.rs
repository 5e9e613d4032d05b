//! The pipeline of an interface.
mod capture;
mod clock;
mod link;
#[cfg(test)]
mod trial;
mod work;
