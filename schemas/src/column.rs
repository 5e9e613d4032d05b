//! What a column is, and the one macro that turns a list of columns into a schema, a row type and a batch builder.
//!
//! The Rust type of a field decides its Arrow type, so that row and schema cannot disagree.

use std::fmt::{Debug, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Int32Builder, Int64Builder, ListBuilder, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

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
    /// The column whose value, rounded down to the hour, names the partition.
    pub partition_by: &'static str,
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

/// A point in time: µs since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

/// An IEEE 802 MAC address; text as `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl std::fmt::Display for Mac {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02x}")?;
        }
        Ok(())
    }
}

/// A Rust value that knows its Arrow column.
pub trait Cell {
    /// The builder of that column.
    type Builder: ArrayBuilder + Default + Debug;
    /// Whether the type has a null.
    const NULLABLE: bool = false;
    /// The Arrow type.
    fn data_type() -> DataType;
    /// Appends this value.
    fn append(&self, builder: &mut Self::Builder);
    /// Appends null; only called for nullable columns.
    fn append_null(builder: &mut Self::Builder);
    /// Takes the column out of the builder.
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        builder.finish()
    }
}

macro_rules! primitive_cell {
    ($rust:ty, $builder:ty, $data_type:expr, $value:expr) => {
        impl Cell for $rust {
            type Builder = $builder;
            fn data_type() -> DataType {
                $data_type
            }
            fn append(&self, builder: &mut Self::Builder) {
                let value: fn(&$rust) -> _ = $value;
                builder.append_value(value(self));
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
        }
    };
}

primitive_cell!(i64, Int64Builder, DataType::Int64, |v| *v);
primitive_cell!(i32, Int32Builder, DataType::Int32, |v| *v);
primitive_cell!(bool, BooleanBuilder, DataType::Boolean, |v| *v);

impl Cell for Micros {
    type Builder = TimestampMicrosecondBuilder;
    fn data_type() -> DataType {
        DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    }
    fn append(&self, builder: &mut Self::Builder) {
        builder.append_value(self.0);
    }
    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        Arc::new(builder.finish().with_timezone("UTC"))
    }
}

macro_rules! text_cell {
    ($($rust:ty),*) => {$(
        impl Cell for $rust {
            type Builder = StringBuilder;
            fn data_type() -> DataType {
                DataType::Utf8
            }
            fn append(&self, builder: &mut Self::Builder) {
                // Writing into a string builder cannot fail.
                let _ = write!(builder, "{self}");
                builder.append_value("");
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
        }
    )*};
}

text_cell!(IpAddr, Mac);

macro_rules! str_cell {
    ($($rust:ty),*) => {$(
        impl Cell for $rust {
            type Builder = StringBuilder;
            fn data_type() -> DataType {
                DataType::Utf8
            }
            fn append(&self, builder: &mut Self::Builder) {
                builder.append_value(self);
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
        }
    )*};
}

str_cell!(&'static str, Box<str>, Arc<str>);

impl<T: Cell> Cell for Option<T> {
    type Builder = T::Builder;
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        T::data_type()
    }
    fn append(&self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => T::append_null(builder),
        }
    }
    fn append_null(builder: &mut Self::Builder) {
        T::append_null(builder);
    }
    fn finish(builder: &mut Self::Builder) -> ArrayRef {
        T::finish(builder)
    }
}

/// A list; an empty one is written as null, for nothing was observed.
impl<T: Cell> Cell for Vec<T> {
    type Builder = ListBuilder<T::Builder>;
    const NULLABLE: bool = true;
    fn data_type() -> DataType {
        DataType::List(Arc::new(Field::new_list_field(T::data_type(), true)))
    }
    fn append(&self, builder: &mut Self::Builder) {
        for value in self {
            value.append(builder.values());
        }
        builder.append(!self.is_empty());
    }
    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }
}

/// Declares a table: `name: Row, Batch, partition column, "doc" { column: Type, "unit", "same as", "doc"; … }`.
///
/// Makes the row struct, the batch builder (`append`, `len`, `finish`) and `TABLE`.
macro_rules! table {
    ($table:literal: $row:ident, $batch:ident, $partition:literal, $doc:literal {
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
            $($name: <$ty as $crate::column::Cell>::Builder,)*
        }

        impl $batch {
            /// Adds a row.
            pub fn append(&mut self, row: &$row) {
                $($crate::column::Cell::append(&row.$name, &mut self.$name);)*
                self.rows += 1;
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
                    vec![$(<$ty as $crate::column::Cell>::finish(&mut self.$name),)*],
                )
            }
        }

        #[doc = $doc]
        #[allow(clippy::doc_markdown, reason = "the words are the reference's, plain text there")]
        pub const TABLE: $crate::column::Table = $crate::column::Table {
            name: $table,
            doc: $doc,
            partition_by: $partition,
            columns: &[$($crate::column::Column {
                name: stringify!($name),
                unit: $unit,
                same_as: $same,
                doc: $text,
                data_type: <$ty as $crate::column::Cell>::data_type,
                nullable: <$ty as $crate::column::Cell>::NULLABLE,
            },)*],
        };
    };
}
pub(crate) use table;
