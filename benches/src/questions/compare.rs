//! Answers as sorted lines of text, so that those of different engines can be held side by side.
//!
//! Whole numbers of any width are numbers, times are microseconds since 1970 UTC, null is a word that is no value.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::peer::Result;

/// What stands for null.
const NULL: &str = "∅";

/// The rows of a file in order of their text; none where there is no file.
pub fn read(path: &Path) -> Result<Vec<String>> {
    let mut rows = Vec::new();
    if path.exists() {
        for batch in ParquetRecordBatchReaderBuilder::try_new(File::open(path)?)?.build()? {
            rows.extend(texts(&batch?)?);
        }
    }
    rows.sort_unstable();
    Ok(rows)
}

/// The rows of a batch, a tab between columns.
fn texts(batch: &RecordBatch) -> Result<Vec<String>> {
    let columns = batch.columns().iter().map(plain).collect::<Result<Vec<_>>>()?;
    let options = FormatOptions::default().with_null(NULL);
    let formatters = columns
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    let row = |at: usize| {
        let cells: Vec<String> = formatters.iter().map(|cell| cell.value(at).to_string()).collect();
        cells.join("\t")
    };
    Ok((0..batch.num_rows()).map(row).collect())
}

/// A column in the type that all engines' answers are brought to.
fn plain(column: &ArrayRef) -> Result<ArrayRef> {
    let to = match column.data_type() {
        kind if kind.is_integer() => DataType::Int64,
        DataType::Decimal128(_, 0) => DataType::Int64,
        DataType::Timestamp(..) | DataType::Date32 => {
            let micros = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None))?;
            return Ok(cast(&micros, &DataType::Int64)?);
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
            DataType::Utf8
        }
        DataType::Null => return Ok(Arc::clone(column)),
        other => {
            return Err(format!(
                "an answer has a column of {other}, which cannot be compared exactly"
            )
            .into());
        }
    };
    Ok(cast(column, &to)?)
}

/// How an answer differs from ours, in words; nothing where it is the same.
pub fn difference(ours: &[String], theirs: &[String]) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let counts = format!("{} rows where we have {}", theirs.len(), ours.len());
    let lacking = |one: &[String], other: &[String]| {
        one.iter().find(|row| other.binary_search(row).is_err()).cloned()
    };
    let [theirs, ours] = [lacking(theirs, ours), lacking(ours, theirs)]
        .map(|row| row.map_or("nothing".to_owned(), |row| row.replace('\t', " | ")));
    Some(format!("{counts}; only there: {theirs}; only here: {ours}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Date32Array, Decimal128Array, Int64Array, StringArray, StringViewArray};
    use arrow::array::{TimestampMicrosecondArray, TimestampSecondArray, UInt16Array};

    fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
        let named = columns.into_iter().map(|column| ("c", column, true));
        RecordBatch::try_from_iter_with_nullable(named).unwrap()
    }

    #[test]
    fn what_means_the_same_reads_the_same() {
        let ours = batch(vec![
            Arc::new(Int64Array::from(vec![Some(7), None])),
            Arc::new(TimestampMicrosecondArray::from(vec![86_400_000_000, 0]).with_timezone("UTC")),
            Arc::new(TimestampMicrosecondArray::from(vec![86_400_000_000, 0])),
            Arc::new(StringViewArray::from(vec![Some("a"), None])),
            Arc::new(Int64Array::from(vec![443, 53])),
        ]);
        let sum = Decimal128Array::from(vec![Some(7), None]).with_precision_and_scale(38, 0);
        let theirs = batch(vec![
            Arc::new(sum.unwrap()),
            Arc::new(TimestampSecondArray::from(vec![86_400, 0])),
            Arc::new(Date32Array::from(vec![1, 0])),
            Arc::new(StringArray::from(vec![Some("a"), None])),
            Arc::new(UInt16Array::from(vec![443, 53])),
        ]);
        let expected = ["7\t86400000000\t86400000000\ta\t443", "∅\t0\t0\t∅\t53"];
        assert_eq!(texts(&ours).unwrap(), expected);
        assert_eq!(texts(&theirs).unwrap(), expected);
    }

    #[test]
    fn a_difference_is_named() {
        let rows = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
        let ours = rows(&["a\t1", "b\t2"]);
        assert_eq!(difference(&ours, &ours), None);
        let told = difference(&ours, &rows(&["a\t1", "b\t3", "c\t4"])).unwrap();
        assert_eq!(told, "3 rows where we have 2; only there: b | 3; only here: b | 2");
    }
}
