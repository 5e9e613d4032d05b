//! What a column is, and the one macro that turns a list of columns into a schema, a row type and a batch builder.
//!
//! The Rust type of a field decides its Arrow type, so that row and schema cannot disagree.

use std::fmt::Debug;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::datatypes::{Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType};
use arrow::error::ArrowError;

use crate::build::{Build, Lists, Numbers, Optional, Truths, Words};
use crate::kinds::{Fingerprint, Mac, Micros, Text};
use crate::pages::Pages;

/// One column of a table: what a reader of the data needs to know about it.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// `snake_case` name, at most 63 bytes.
    pub name: &'static str,
    /// Unit or value set; empty where the name says it all.
    pub unit: &'static str,
    /// The element of another vocabulary that means the same (IPFIX, Zeek); empty where there is none.
    pub same_as: &'static str,
    /// One sentence.
    pub doc: &'static str,
    /// The Arrow type.
    pub data_type: fn() -> DataType,
    /// Whether null (not observed) can occur.
    pub nullable: bool,
    /// How its values lie in a file.
    pub layout: Layout,
}

/// A table of the dataset.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Name of the table and of its folder in the store.
    pub name: &'static str,
    /// One sentence: what a row is.
    pub doc: &'static str,
    /// The columns, in file order.
    pub columns: &'static [Column],
    /// The column whose value, rounded down, names the partition.
    pub partition_by: &'static str,
    /// To what it is rounded down.
    pub partition: Partition,
}

/// How much time the files of a folder span, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Partition {
    /// An hour.
    Hour,
    /// A day.
    Day,
    /// A month.
    Month,
}

impl Table {
    /// The Arrow schema of the table's files.
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(column.name, (column.data_type)(), column.nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }
}

/// How the values of a column lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// First bytes together, then second ones: the high ones are all but the same.
    Numbers,
    /// The same, and for each page its range, so that readers skip pages.
    Times,
    /// Each text once, and its numbers.
    Words,
    /// The same, and for each page its range.
    Texts,
}

impl Layout {
    /// Whether readers are told between which values a page lies.
    pub const fn is_ranged(self) -> bool {
        matches!(self, Self::Times | Self::Texts)
    }
}

/// A Rust value that knows its Arrow column.
pub trait Cell: Sized {
    /// That column under construction.
    type Column: Pages + Default;
    /// Whether the type has a null.
    const NULLABLE: bool = false;
    /// How the values lie in a file.
    const LAYOUT: Layout;
    /// The Arrow type.
    fn data_type() -> DataType;
    /// Appends this value.
    fn append(&self, column: &mut Self::Column);
    /// Appends the values of few rows.
    fn append_each<'a>(cells: impl Iterator<Item = &'a Self> + Clone, column: &mut Self::Column)
    where
        Self: 'a,
    {
        cells.for_each(|cell| cell.append(column));
    }
    /// Hands the column over; where `valid` says no, a row is null.
    fn finish(column: &mut Self::Column, valid: Option<NullBuffer>)
    -> Result<ArrayRef, ArrowError>;
}

macro_rules! number_cell {
    ($rust:ty, $layout:ident, $arrow:ty, $data_type:expr, $value:expr) => {
        impl Cell for $rust {
            type Column = Numbers<<$arrow as ArrowPrimitiveType>::Native>;
            const LAYOUT: Layout = Layout::$layout;
            fn data_type() -> DataType {
                $data_type
            }
            fn append(&self, column: &mut Self::Column) {
                let value: fn(&$rust) -> _ = $value;
                column.push(value(self));
            }
            fn finish(
                column: &mut Self::Column,
                valid: Option<NullBuffer>,
            ) -> Result<ArrayRef, ArrowError> {
                Ok(Arc::new(column.finish::<$arrow>(valid)?.with_data_type($data_type)))
            }
        }
    };
}

number_cell!(i64, Numbers, Int64Type, DataType::Int64, |v| *v);
number_cell!(i32, Numbers, Int32Type, DataType::Int32, |v| *v);
number_cell!(Micros, Times, TimestampMicrosecondType, time(), |v| v.0);

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

impl Cell for bool {
    type Column = Truths;
    const LAYOUT: Layout = Layout::Words;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn append(&self, column: &mut Self::Column) {
        column.push(*self);
    }
    fn finish(column: &mut Truths, valid: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        Ok(column.finish(valid))
    }
}

macro_rules! text_cell {
    ($rust:ty, $layout:ident) => {
        impl Cell for $rust {
            type Column = Words<$rust>;
            const LAYOUT: Layout = Layout::$layout;
            fn data_type() -> DataType {
                DataType::Utf8
            }
            fn append(&self, column: &mut Self::Column) {
                column.push(self);
            }
            fn append_each<'a>(
                cells: impl Iterator<Item = &'a Self> + Clone,
                column: &mut Self::Column,
            ) {
                column.push_each(cells);
            }
            fn finish(
                column: &mut Self::Column,
                valid: Option<NullBuffer>,
            ) -> Result<ArrayRef, ArrowError> {
                column.texts(valid)
            }
        }
    };
}

text_cell!(&'static str, Words);
text_cell!(Box<str>, Texts);
text_cell!(Text, Texts);
text_cell!(IpAddr, Texts);
text_cell!(Fingerprint, Texts);
text_cell!(Mac, Words);

impl<T: Cell<Column: Build>> Cell for Option<T> {
    type Column = Optional<T::Column>;
    const NULLABLE: bool = true;
    const LAYOUT: Layout = T::LAYOUT;
    fn data_type() -> DataType {
        T::data_type()
    }
    fn append(&self, column: &mut Self::Column) {
        match self {
            Some(value) => value.append(column.value()),
            None => column.null(),
        }
    }
    fn finish(column: &mut Self::Column, _: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        column.finish(T::data_type, T::finish)
    }
}

/// A list; an empty one is written as null, for nothing was observed.
impl<T: Cell<Column: Build>> Cell for Vec<T> {
    type Column = Lists<T::Column>;
    const NULLABLE: bool = true;
    const LAYOUT: Layout = Layout::Words;
    fn data_type() -> DataType {
        DataType::List(item::<T>())
    }
    fn append(&self, column: &mut Self::Column) {
        for value in self {
            value.append(&mut column.items);
        }
        column.close(self.len());
    }
    fn finish(column: &mut Self::Column, _: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let items = T::finish(&mut column.items, None)?;
        column.finish(item::<T>(), items)
    }
}

fn item<T: Cell>() -> FieldRef {
    Arc::new(Field::new_list_field(T::data_type(), true))
}

/// Rows of a table under construction, as columns.
pub trait Batch: Debug + Default {
    /// A row.
    type Row;
    /// The table.
    const TABLE: Table;
    /// Adds rows.
    fn extend(&mut self, rows: &[Self::Row]);
    /// Rows held.
    fn rows(&self) -> usize;
    /// The columns, in the table's order.
    fn columns(&mut self) -> Vec<&mut dyn Pages>;
    /// Holds no row any more: a page was made of each column.
    fn start(&mut self);
}

/// Declares a table: `name: Row, Batch, partition column, "doc" { column: Type, "unit", "same as", "doc"; … }`.
/// The partition is an hour, unless `by Day` or `by Month` stands behind its column.
///
/// Makes the row struct, the batch builder (`append`, `extend`, `len`, `finish`) and `TABLE`.
macro_rules! table {
    ($table:literal: $row:ident, $batch:ident, $partition:literal $(by $span:ident)?, $doc:literal {
        $($name:ident: $ty:ty, $unit:literal, $same:literal, $text:literal;)*
    }) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq)]
        #[allow(clippy::doc_markdown, reason = "the words are the reference's, plain text there")]
        pub struct $row {
            $(#[doc = $text] pub $name: $ty,)*
        }

        /// Columns under construction; see [`TABLE`].
        #[derive(Debug, Default)]
        pub struct $batch {
            rows: usize,
            $($name: <$ty as $crate::column::Cell>::Column,)*
        }

        impl $batch {
            /// Adds a row.
            pub fn append(&mut self, row: &$row) {
                self.extend(std::slice::from_ref(row));
            }

            /// Adds rows: column by column, which keeps a column in the processor's registers, and few at a time, which keeps them in its nearest cache.
            pub fn extend(&mut self, rows: &[$row]) {
                for rows in rows.chunks($crate::build::ROWS_NEAR) {
                    $($crate::column::Cell::append_each(rows.iter().map(|row| &row.$name), &mut self.$name);)*
                }
                self.rows += rows.len();
            }

            /// Rows held.
            pub fn len(&self) -> usize {
                self.rows
            }

            /// Whether no row is held.
            pub fn is_empty(&self) -> bool {
                self.rows == 0
            }

            /// Hands the rows over and starts anew.
            pub fn finish(&mut self) -> Result<arrow::record_batch::RecordBatch, arrow::error::ArrowError> {
                self.rows = 0;
                arrow::record_batch::RecordBatch::try_new(
                    TABLE.schema(),
                    vec![$(<$ty as $crate::column::Cell>::finish(&mut self.$name, None)?,)*],
                )
            }
        }

        impl $crate::column::Batch for $batch {
            type Row = $row;
            const TABLE: $crate::column::Table = TABLE;
            fn extend(&mut self, rows: &[$row]) {
                self.extend(rows);
            }
            fn rows(&self) -> usize {
                self.rows
            }
            fn columns(&mut self) -> Vec<&mut dyn $crate::pages::Pages> {
                vec![$(&mut self.$name,)*]
            }
            fn start(&mut self) {
                self.rows = 0;
            }
        }

        #[doc = $doc]
        #[allow(clippy::doc_markdown, reason = "the words are the reference's, plain text there")]
        pub const TABLE: $crate::column::Table = $crate::column::Table {
            name: $table,
            doc: $doc,
            partition_by: $partition,
            partition: $crate::column::partition!($($span)?),
            columns: &[$($crate::column::Column {
                name: stringify!($name),
                unit: $unit,
                same_as: $same,
                doc: $text,
                data_type: <$ty as $crate::column::Cell>::data_type,
                nullable: <$ty as $crate::column::Cell>::NULLABLE,
                layout: <$ty as $crate::column::Cell>::LAYOUT,
            },)*],
        };
    };
}
pub(crate) use table;

/// What a table is parted by; an hour where nothing is said.
macro_rules! partition {
    () => {
        $crate::column::Partition::Hour
    };
    ($span:ident) => {
        $crate::column::Partition::$span
    };
}
pub(crate) use partition;
