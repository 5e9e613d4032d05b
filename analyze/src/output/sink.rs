//! One writer for each format, behind one shape: open, append batches, finish.

use std::io::Write;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::json::writer::{JsonArray, LineDelimited};
use datafusion::arrow::json::{Writer as JsonWriter, WriterBuilder as JsonWriterBuilder};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use crate::output::error::OutputError;
use crate::output::format::Format;
use crate::output::grid::{Grid, Layout, text_columns};
use crate::output::nested::{flat_schema, flatten};
use crate::output::printable::printable;

type Out<'a> = &'a mut (dyn Write + Send);

/// An output under construction.
pub(crate) enum Sink<'a> {
    Table(Grid, Out<'a>),
    Markdown(Out<'a>),
    Csv(Box<csv::Writer<Out<'a>>>, SchemaRef),
    Json(JsonWriter<Out<'a>, JsonArray>),
    Jsonl(JsonWriter<Out<'a>, LineDelimited>),
    Parquet(Box<ArrowWriter<Out<'a>>>),
}

impl<'a> Sink<'a> {
    pub(crate) fn open(
        format: Format,
        layout: &Layout,
        schema: &SchemaRef,
        out: Out<'a>,
    ) -> Result<Self, OutputError> {
        let json = JsonWriterBuilder::new().with_explicit_nulls(true);
        Ok(match format {
            Format::Table => Self::Table(Grid::new(*layout, schema), out),
            Format::Markdown => {
                markdown_header(schema, out)?;
                Self::Markdown(out)
            }
            Format::Csv => {
                let flat = flat_schema(schema);
                let mut writer = csv::WriterBuilder::new().with_header(true).build(out);
                // An empty result still has a header.
                writer.write(&RecordBatch::new_empty(Arc::clone(&flat)))?;
                Self::Csv(Box::new(writer), flat)
            }
            Format::Json => Self::Json(json.build(out)),
            Format::Jsonl => Self::Jsonl(json.build(out)),
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties))?;
                Self::Parquet(Box::new(writer))
            }
        })
    }

    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Result<(), OutputError> {
        match self {
            Self::Table(grid, _) => grid.append(batch)?,
            Self::Markdown(out) => markdown_rows(batch, *out)?,
            Self::Csv(writer, flat) => writer.write(&flatten(batch, flat)?)?,
            Self::Json(writer) => writer.write(batch)?,
            Self::Jsonl(writer) => writer.write(batch)?,
            Self::Parquet(writer) => writer.write(batch)?,
        }
        Ok(())
    }

    /// Ends the output; returns how many rows were not shown.
    pub(crate) fn finish(self) -> Result<u64, OutputError> {
        let mut hidden = 0;
        let out = match self {
            Self::Table(grid, out) => {
                hidden = grid.finish(out)?;
                out
            }
            Self::Markdown(out) => out,
            Self::Csv(writer, _) => writer.into_inner(),
            Self::Json(mut writer) => {
                writer.finish()?;
                let out = writer.into_inner();
                writeln!(out)?;
                out
            }
            Self::Jsonl(mut writer) => {
                writer.finish()?;
                writer.into_inner()
            }
            Self::Parquet(writer) => writer.into_inner()?,
        };
        out.flush()?;
        Ok(hidden)
    }
}

fn markdown_header(schema: &SchemaRef, out: Out<'_>) -> std::io::Result<()> {
    for field in schema.fields() {
        write!(out, "| {} ", markdown_cell(field.name()))?;
    }
    writeln!(out, "|")?;
    for field in schema.fields() {
        write!(out, "| {} ", if field.data_type().is_numeric() { "---:" } else { "---" })?;
    }
    writeln!(out, "|")
}

fn markdown_rows(batch: &RecordBatch, out: &mut dyn Write) -> Result<(), OutputError> {
    let columns = text_columns(batch)?;
    for row in 0..batch.num_rows() {
        for column in &columns {
            write!(out, "| {} ", markdown_cell(column.get(row).map_or("", String::as_str)))?;
        }
        writeln!(out, "|")?;
    }
    Ok(())
}

/// A cell that cannot break out of its table, nor be HTML.
fn markdown_cell(text: &str) -> String {
    printable(text).replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;")
}
