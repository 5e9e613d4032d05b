//! Columns in which a value may be missing: one of nulls only is a number, and so is what one without a null says of nulls.

use arrow::array::{ArrayRef, new_null_array};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use parquet::errors::Result as Written;

use crate::build::values::{Build, bits, take};
use crate::pages::{Dictionary, Extent, Page, Pages};

/// A column in which a value may be missing.
#[derive(Debug, Default)]
pub struct Optional<C> {
    column: C,
    /// Which rows have a value; empty as long as all have or none has.
    valid: Vec<bool>,
    nulls: usize,
    filled: usize,
}

impl<C: Build> Optional<C> {
    /// Adds a null.
    pub fn null(&mut self) {
        if self.filled > 0 {
            self.mark(false);
        }
        self.nulls += 1;
    }

    /// The column, to which a value must be added.
    pub fn value(&mut self) -> &mut C {
        if self.nulls > 0 {
            self.mark(true);
        }
        self.filled += 1;
        &mut self.column
    }

    /// Notes whether a row has a value, where rows differ.
    fn mark(&mut self, is_valid: bool) {
        if self.valid.is_empty() {
            self.valid.resize(self.nulls + self.filled, !is_valid);
        }
        self.valid.push(is_valid);
    }

    /// Hands the column over, made by `finish` unless there is nothing in it.
    pub fn finish(
        &mut self,
        data_type: fn() -> DataType,
        finish: impl FnOnce(&mut C, Option<NullBuffer>) -> Result<ArrayRef, ArrowError>,
    ) -> Result<ArrayRef, ArrowError> {
        let (nulls, filled) = (std::mem::take(&mut self.nulls), std::mem::take(&mut self.filled));
        if filled == 0 && nulls > 0 {
            return Ok(new_null_array(&data_type(), nulls));
        }
        let valid = take(&mut self.valid);
        if nulls == 0 {
            return finish(&mut self.column, None);
        }
        self.column.spread(&valid);
        finish(&mut self.column, Some(NullBuffer::new(bits(&valid))))
    }
}

impl<C: Build> Pages for Optional<C> {
    fn page(&mut self, rows: usize, mut page: Page<'_>) -> Written<()> {
        if self.valid.is_empty() {
            page.level(u32::from(self.nulls == 0), rows, 1);
        } else {
            page.levels(&self.valid, 1);
        }
        self.valid.clear();
        self.filled = 0;
        let nulls = std::mem::take(&mut self.nulls);
        let written = self.column.encode(page.is_ranged(), page.body);
        page.end(Extent { rows, values: rows, nulls }, written)
    }
    fn words(&self) -> usize {
        self.column.words()
    }
    fn dictionary(&mut self) -> Option<Dictionary> {
        self.column.dictionary()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array as _, AsArray as _};

    use super::*;
    use crate::build::words::Words;

    #[test]
    fn nulls_before_between_and_after_values_and_a_new_batch() {
        let mut column = Optional::<Words<&'static str>>::default();
        let batches = [&[None, None, Some("a"), None, Some("")][..], &[None; 3], &[Some("b")], &[]];
        for rows in batches {
            for row in rows {
                match row {
                    Some(text) => column.value().push(text),
                    None => column.null(),
                }
            }
            let array = column.finish(|| DataType::Utf8, Words::texts).unwrap();
            assert_eq!(array.as_string::<i32>().iter().collect::<Vec<_>>(), rows);
            assert_eq!(array.null_count(), rows.iter().filter(|row| row.is_none()).count());
        }
    }
}
