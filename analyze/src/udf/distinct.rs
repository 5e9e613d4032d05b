//! Columns of text as functions see them: each distinct value once, with the row it stands in.
//! Traffic repeats its addresses and names, so a look-up per distinct value is a fraction of one per row.

use std::net::IpAddr;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Array};
use arrow::compute::take;
use datafusion::common::{Result, internal_datafusion_err};
use hashbrown::HashMap;

/// The column at `position` as text; the signature has made it so.
pub(crate) fn text(columns: &[ArrayRef], position: usize) -> Result<&StringViewArray> {
    columns
        .get(position)
        .and_then(|column| column.as_string_view_opt())
        .ok_or_else(|| internal_datafusion_err!("argument {position} is not text"))
}

/// The distinct values of a column and which of them each row holds.
#[derive(Debug)]
pub(crate) struct Distinct<'a> {
    /// Each value once, in order of appearance.
    pub(crate) values: Vec<&'a str>,
    /// Position in `values` by row; none for null.
    pub(crate) rows: Vec<Option<u32>>,
}

impl<'a> Distinct<'a> {
    pub(crate) fn of(column: &'a StringViewArray) -> Self {
        let mut values = Vec::new();
        let mut seen: HashMap<&str, u32> = HashMap::new();
        let mut before: Option<(&str, u32)> = None;
        let rows = column
            .iter()
            .map(|value| {
                let value = value?;
                if let Some((same, position)) = before
                    && same == value
                {
                    return Some(position);
                }
                let position = *seen.entry(value).or_insert_with(|| {
                    values.push(value);
                    // A batch has fewer than 2^32 rows.
                    u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
                });
                before = Some((value, position));
                Some(position)
            })
            .collect();
        Self { values, rows }
    }

    /// Spreads one answer for each distinct value over the rows.
    pub(crate) fn spread(self, answers: &dyn Array) -> Result<ArrayRef> {
        Ok(take(answers, &UInt32Array::from(self.rows), None)?)
    }
}

/// A function of one text that answers with text.
pub(crate) fn text_of_text<'a, 'b: 'a>(
    columns: &'a [ArrayRef],
    answer: impl Fn(&'a str) -> Option<&'b str>,
) -> Result<ArrayRef> {
    let distinct = Distinct::of(text(columns, 0)?);
    let answers: StringViewArray = distinct.values.iter().map(|value| answer(value)).collect();
    distinct.spread(&answers)
}

/// A function of one address that answers with text.
pub(crate) fn text_of_address<'b>(
    columns: &[ArrayRef],
    answer: impl Fn(IpAddr) -> Option<&'b str>,
) -> Result<ArrayRef> {
    let distinct = Distinct::of(text(columns, 0)?);
    let answers: StringViewArray =
        distinct.values.iter().map(|value| value.parse().ok().and_then(&answer)).collect();
    distinct.spread(&answers)
}

/// A column of one repeated null or value, for tests of functions.
#[cfg(test)]
pub(crate) fn column(values: &[Option<&str>]) -> ArrayRef {
    std::sync::Arc::new(values.iter().copied().collect::<StringViewArray>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_is_seen_once() {
        let values = column(&[Some("b"), None, Some("a"), Some("b"), Some("b"), Some("a")]);
        let distinct = Distinct::of(values.as_string_view());
        assert_eq!(distinct.values, ["b", "a"]);
        assert_eq!(distinct.rows, [Some(0), None, Some(1), Some(0), Some(0), Some(1)]);
        let spread = distinct.spread(&StringViewArray::from(vec![Some("B"), None])).unwrap();
        let spread: Vec<_> = spread.as_string_view().iter().collect();
        assert_eq!(spread, [Some("B"), None, None, Some("B"), Some("B"), None]);
    }
}
