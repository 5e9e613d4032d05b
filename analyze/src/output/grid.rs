//! Rows for people: a box of aligned columns, or one block a row when there are many columns.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::output::printable::{printable, width};

/// What a table looks like.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Rows shown; the rest is counted.
    pub rows_max: u64,
    /// One block a row instead of one line.
    pub expanded: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self { rows_max: 1000, expanded: false }
    }
}

/// Rows gathered for a box.
#[derive(Debug)]
pub(crate) struct Grid {
    layout: Layout,
    names: Vec<String>,
    numeric: Vec<bool>,
    // A cell is a list of lines: plans hold line breaks that are worth keeping.
    rows: Vec<Vec<Vec<String>>>,
    hidden: u64,
}

impl Grid {
    pub(crate) fn new(layout: Layout, schema: &SchemaRef) -> Self {
        Self {
            layout,
            names: schema.fields().iter().map(|f| printable(f.name()).into_owned()).collect(),
            numeric: schema.fields().iter().map(|f| f.data_type().is_numeric()).collect(),
            rows: Vec::new(),
            hidden: 0,
        }
    }

    pub(crate) fn append(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let held = self.rows.len() as u64;
        let room = self.layout.rows_max.saturating_sub(held).min(batch.num_rows() as u64);
        self.hidden += batch.num_rows() as u64 - room;
        let shown = usize::try_from(room).unwrap_or(usize::MAX);
        let columns = text_columns(&batch.slice(0, shown.min(batch.num_rows())))?;
        for row in 0..shown {
            let cell = |column: &Vec<String>| {
                let text = column.get(row).map_or("", String::as_str);
                text.split('\n').map(|line| printable(line).into_owned()).collect()
            };
            self.rows.push(columns.iter().map(cell).collect());
        }
        Ok(())
    }

    /// Writes what was gathered; returns the number of rows left out.
    pub(crate) fn finish(self, out: &mut dyn Write) -> io::Result<u64> {
        if self.layout.expanded {
            self.write_blocks(out)?;
        } else if !self.names.is_empty() {
            self.write_box(out)?;
        }
        Ok(self.hidden)
    }

    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.names.iter().map(|name| width(name)).collect();
        for row in &self.rows {
            for (cell, widest) in row.iter().zip(&mut widths) {
                *widest = cell.iter().map(|line| width(line)).fold(*widest, usize::max);
            }
        }
        widths
    }

    fn write_box(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths = self.widths();
        rule(out, &widths, ["┌", "┬", "┐"])?;
        let header: Vec<&str> = self.names.iter().map(String::as_str).collect();
        line(out, &header, (&widths, &[]))?;
        rule(out, &widths, ["├", "┼", "┤"])?;
        for row in &self.rows {
            let height = row.iter().map(Vec::len).max().unwrap_or(0);
            for level in 0..height {
                let cells: Vec<&str> =
                    row.iter().map(|cell| cell.get(level).map_or("", String::as_str)).collect();
                line(out, &cells, (&widths, &self.numeric))?;
            }
        }
        rule(out, &widths, ["└", "┴", "┘"])
    }

    fn write_blocks(&self, out: &mut dyn Write) -> io::Result<()> {
        let name_width = self.names.iter().map(|name| width(name)).max().unwrap_or(0);
        for (index, row) in self.rows.iter().enumerate() {
            let title = format!("─[ row {} ]", index + 1);
            writeln!(out, "{title}{}", "─".repeat(60_usize.saturating_sub(width(&title))))?;
            for (name, cell) in self.names.iter().zip(row) {
                for (level, text) in cell.iter().enumerate() {
                    let name = if level == 0 { name.as_str() } else { "" };
                    writeln!(out, "{name}{} │ {text}", " ".repeat(name_width - width(name)))?;
                }
            }
        }
        Ok(())
    }
}

fn rule(out: &mut dyn Write, widths: &[usize], [left, middle, right]: [&str; 3]) -> io::Result<()> {
    let bars: Vec<String> = widths.iter().map(|w| "─".repeat(w + 2)).collect();
    writeln!(out, "{left}{}{right}", bars.join(middle))
}

fn line(out: &mut dyn Write, cells: &[&str], shape: (&[usize], &[bool])) -> io::Result<()> {
    let (widths, numeric) = shape;
    for (index, (cell, column)) in cells.iter().zip(widths).enumerate() {
        let pad = " ".repeat(column.saturating_sub(width(cell)));
        if numeric.get(index).copied().unwrap_or(false) {
            write!(out, "│ {pad}{cell} ")?;
        } else {
            write!(out, "│ {cell}{pad} ")?;
        }
    }
    writeln!(out, "│")
}

/// Every column as text, `NULL` where nothing was observed.
pub(crate) fn text_columns(batch: &RecordBatch) -> Result<Vec<Vec<String>>, ArrowError> {
    let options = FormatOptions::default().with_null("NULL");
    let column = |array| {
        let formatter = ArrayFormatter::try_new(array, &options)?;
        (0..batch.num_rows()).map(|row| formatter.value(row).try_to_string()).collect()
    };
    batch.columns().iter().map(|array| column(array.as_ref())).collect()
}
