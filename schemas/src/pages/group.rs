//! A row group under construction, column by column.

use std::fmt::Debug;
use std::io::Write;
use std::sync::Arc;

use parquet::errors::Result;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use crate::pages::chunk::{Chunk, Dictionary, Page, Press};

/// A column under construction that can become pages.
pub trait Pages: Debug {
    /// Fills a page with all values there are, those of so many rows, and starts anew.
    fn page(&mut self, rows: usize, page: Page<'_>) -> Result<()>;
    /// Octets of the words that are kept until the row group ends.
    fn words(&self) -> usize {
        0
    }
    /// Hands the words over, if the column is one of words, and knows none any more.
    fn dictionary(&mut self) -> Option<Dictionary> {
        None
    }
}

/// The pages of a row group so far.
#[derive(Debug)]
pub(crate) struct Group {
    /// The columns, and whether readers are told of each between which values its pages lie.
    columns: Vec<(ColumnDescPtr, bool)>,
    chunks: Vec<Chunk>,
    press: Press,
    body: Vec<u8>,
}

impl Group {
    /// One without pages.
    pub(crate) fn new(columns: Vec<(ColumnDescPtr, bool)>) -> Result<Self> {
        let chunks = chunks(&columns);
        Ok(Self { columns, chunks, press: Press::new()?, body: Vec::new() })
    }

    /// Adds a page to each column.
    pub(crate) fn add(&mut self, rows: usize, columns: &mut [&mut dyn Pages]) -> Result<()> {
        for (column, chunk) in columns.iter_mut().zip(&mut self.chunks) {
            column.page(rows, Page::new(chunk, &mut self.press, &mut self.body))?;
        }
        Ok(())
    }

    /// Octets of all pages.
    pub(crate) fn octets(&self) -> usize {
        self.chunks.iter().map(Chunk::octets).sum()
    }

    /// Writes the row group, if it has rows, and begins the next.
    pub(crate) fn end<W: Write + Send>(
        &mut self,
        columns: &mut [&mut dyn Pages],
        to: &mut SerializedFileWriter<W>,
    ) -> Result<()> {
        if self.octets() == 0 {
            return Ok(());
        }
        let mut group = to.next_row_group()?;
        let next = chunks(&self.columns);
        for (column, chunk) in columns.iter_mut().zip(std::mem::replace(&mut self.chunks, next)) {
            let (octets, result) = chunk.close(column.dictionary(), &mut self.press)?;
            group.append_column(&octets, result)?;
        }
        group.close().map(drop)
    }
}

fn chunks(columns: &[(ColumnDescPtr, bool)]) -> Vec<Chunk> {
    columns.iter().map(|(column, is_ranged)| Chunk::new(Arc::clone(column), *is_ranged)).collect()
}
