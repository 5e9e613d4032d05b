//! The spool on its bad days: rows are lost only where that is counted, and none is there twice.

mod crash;
mod disk;
mod lab;
mod private;
#[path = "../../../tests/it/tmpfs.rs"]
mod tmpfs;
