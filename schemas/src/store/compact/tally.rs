//! What rows add up to, column by column and whatever their order: equal for the same rows, and for others only by a rare accident.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};

/// The weight of a null.
const NULL: u64 = 0x9e37_79b9_7f4a_7c15;

/// The sum of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// How many.
    pub(crate) rows: u64,
    columns: Vec<u64>,
}

impl Tally {
    /// Adds rows; all have the same columns.
    pub(crate) fn add(&mut self, batch: &RecordBatch) {
        self.rows += batch.num_rows() as u64;
        self.columns.resize(batch.num_columns(), 0);
        for (sum, column) in self.columns.iter_mut().zip(batch.columns()) {
            *sum = sum.wrapping_add(weight(column));
        }
    }
}

/// The sum of a column's values; none of a type that the contract does not have counts by its length.
fn weight(column: &dyn Array) -> u64 {
    let nulls = NULL.wrapping_mul(column.null_count() as u64);
    let sum = |weights: &mut dyn Iterator<Item = u64>| weights.fold(nulls, u64::wrapping_add);
    match column.data_type() {
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>();
            sum(&mut values.iter().flatten().map(|value| mixed(value.cast_unsigned())))
        }
        DataType::Int32 => {
            let values = column.as_primitive::<Int32Type>();
            sum(&mut values.iter().flatten().map(|value| mixed(value.cast_unsigned().into())))
        }
        DataType::Timestamp(..) => {
            let values = column.as_primitive::<TimestampMicrosecondType>();
            sum(&mut values.iter().flatten().map(|value| mixed(value.cast_unsigned())))
        }
        DataType::Boolean => {
            sum(&mut column.as_boolean().iter().flatten().map(|value| mixed(value.into())))
        }
        DataType::Utf8 => {
            let values = column.as_string::<i32>();
            sum(&mut values.iter().flatten().map(|text| of_bytes(text.as_bytes())))
        }
        DataType::Binary => {
            let values = column.as_binary::<i32>();
            sum(&mut values.iter().flatten().map(of_bytes))
        }
        DataType::List(_) => {
            let values = column.as_list::<i32>();
            sum(&mut values.iter().flatten().map(|list| mixed(weight(&list))))
        }
        _ => column.len() as u64,
    }
}

fn of_bytes(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
    let begin = mixed(bytes.len() as u64);
    bytes.chunks(8).fold(begin, |sum, chunk| mixed(sum ^ word(chunk)))
}

/// Spreads a number's bits over all (the finaliser of `SplitMix64`).
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(NULL);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
