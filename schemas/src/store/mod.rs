//! The dataset on disk: where a file lies, how it becomes visible, what is recorded of it, and how that is checked again.

mod error;
pub mod layout;
pub mod manifest;
pub mod publish;
pub mod spool;
mod spool_file;
mod statement;
pub mod verify;

pub use error::StoreError;
pub use layout::{Hour, Store};
pub use manifest::{Entry, FileRecord, Input, fingerprint};
pub use publish::Publisher;
pub use spool_file::{Group, SpoolFile};
pub use statement::Statement;
pub use verify::{Finding, verify};
