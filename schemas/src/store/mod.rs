//! The dataset on disk: where a file lies, how it becomes visible, what is recorded of it, and how that is checked again.

pub mod compact;
mod error;
pub mod layout;
mod listing;
pub mod manifest;
pub mod publish;
mod replace;
mod rolled;
mod row_file;
pub mod spool;
mod spool_file;
mod staged;
mod statement;
mod sweep;
pub mod verify;

pub use error::StoreError;
pub use layout::{Hour, Store};
pub use manifest::{Entry, FileRecord, Input, fingerprint};
pub use publish::{Publisher, Tending};
pub use replace::{Replaced, Span};
pub use rolled::{Bucket, Rolled};
pub use row_file::RowFile;
pub use spool_file::{Group, SpoolFile};
pub use staged::{Seal, StagedFile};
pub use statement::Statement;
pub use sweep::Swept;
pub use verify::{Finding, verify};
