//! The formats a result can be written in.

/// How a result is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns in a box, for a terminal.
    #[default]
    Table,
    /// Comma-separated values with a header (RFC 4180); lists as JSON text.
    Csv,
    /// One JSON array of objects.
    Json,
    /// One JSON object a line.
    Jsonl,
    /// A Parquet file.
    Parquet,
    /// A Markdown table.
    Markdown,
}
