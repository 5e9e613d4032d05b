//! Columns of text as functions see them: values that repeat once, with the rows they stand in.
//! Traffic repeats its addresses and names, so a look-up for each value is a fraction of one for each row.

use std::net::IpAddr;

use arrow::array::{Array, ArrayRef, AsArray, StringViewArray, UInt32Array};
use arrow::compute::take;
use datafusion::common::{Result, internal_datafusion_err};

/// The column at `position` as text; the signature has made it so.
pub(crate) fn text(columns: &[ArrayRef], position: usize) -> Result<&StringViewArray> {
    columns
        .get(position)
        .and_then(|column| column.as_string_view_opt())
        .ok_or_else(|| internal_datafusion_err!("argument {position} is not text"))
}

/// Values that are remembered while a column is read.
const REMEMBERED_MAX: usize = 1 << 10;

/// The values of a column, each that repeats soon only once, and which of them each row holds.
#[derive(Debug)]
pub(crate) struct Distinct<'a> {
    /// In order of appearance.
    pub(crate) values: Vec<&'a str>,
    /// Position in `values` by row; none for null.
    pub(crate) rows: Vec<Option<u32>>,
}

impl<'a> Distinct<'a> {
    pub(crate) fn of(column: &'a StringViewArray) -> Self {
        let mut values = Vec::new();
        let slots = column.len().next_power_of_two().min(REMEMBERED_MAX);
        let mut remembered: Vec<Option<(u128, u32)>> = vec![None; slots];
        let rows = column.iter().zip(column.views()).map(|(value, view)| {
            let value = value?;
            // Where a text lies tells it apart faster than what it says; one that lies twice is two.
            let slot = remembered.get_mut(slot_of(*view) & (slots - 1))?;
            if let Some((same, position)) = slot
                && same == view
            {
                return Some(*position);
            }
            values.push(value);
            // A batch has fewer than 2^32 rows.
            let position = u32::try_from(values.len() - 1).unwrap_or(u32::MAX);
            *slot = Some((*view, position));
            Some(position)
        });
        let rows = rows.collect();
        Self { values, rows }
    }

    /// Spreads one answer for each distinct value over the rows.
    pub(crate) fn spread(self, answers: &dyn Array) -> Result<ArrayRef> {
        if self.values.len() == self.rows.len() {
            // None repeats, none is null.
            return Ok(answers.slice(0, answers.len()));
        }
        Ok(take(answers, &UInt32Array::from(self.rows), None)?)
    }
}

/// Spreads views over slots: their parts are mixed by a multiplication with an odd number without a pattern.
fn slot_of(view: u128) -> usize {
    let [low, high] =
        [view, view >> 64].map(|part| u64::try_from(part & u128::from(u64::MAX)).unwrap_or(0));
    let mixed = (low ^ high.rotate_left(23)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    usize::try_from(mixed >> 40).unwrap_or(0)
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
    // One after the other: what is looked up then does not wait for what is read.
    let addresses: Vec<Option<IpAddr>> =
        distinct.values.iter().map(|value| value.parse().ok()).collect();
    let answers: StringViewArray = addresses.into_iter().map(|ip| ip.and_then(&answer)).collect();
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
    fn a_value_that_repeats_is_seen_once() {
        let values = column(&[Some("b"), None, Some("a"), Some("b"), Some("b"), Some("a")]);
        let distinct = Distinct::of(values.as_string_view());
        assert_eq!(distinct.values, ["b", "a"]);
        assert_eq!(distinct.rows, [Some(0), None, Some(1), Some(0), Some(0), Some(1)]);
        let spread = distinct.spread(&StringViewArray::from(vec![Some("B"), None])).unwrap();
        let spread: Vec<_> = spread.as_string_view().iter().collect();
        assert_eq!(spread, [Some("B"), None, None, Some("B"), Some("B"), None]);
    }
}
