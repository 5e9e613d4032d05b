//! The spool on its bad days: rows are lost only where that is counted, and none is there twice.

mod crash;
mod disk;
mod lab;
#[path = "../../../tests/it/tmpfs.rs"]
mod tmpfs;
