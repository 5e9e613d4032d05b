//! Distinct values of a key, each with a number: in order of appearance, the same value always the same number.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, Int64Array, MAX_INLINE_VIEW_LEN, StringViewArray,
    StringViewBuilder, UInt32Array,
};
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use hashbrown::HashMap;

/// Text that fits into a number: most addresses, all codes.
const SHORT_BYTES_MAX: usize = 15;
/// Numbers from 0 to below this are looked up in a list: ports, and most of what is counted.
const NEAR: usize = 1 << 16;
/// In that list: not met yet.
const NOT_MET: u32 = u32::MAX;
/// What a table of texts keeps for a long one besides its octets.
const LONG_BYTES: usize = 2 * size_of::<Arc<str>>() + 32;

/// The values of one key.
#[derive(Debug)]
pub(crate) enum Values {
    Texts(Texts),
    Numbers(Numbers),
}

/// Distinct texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    short: HashMap<u128, u32>,
    long: HashMap<Arc<str>, u32>,
    long_bytes: usize,
    null: Option<u32>,
    list: Vec<Text>,
}

#[derive(Debug, Clone)]
enum Text {
    Null,
    Short(u128),
    Long(Arc<str>),
}

/// Distinct numbers, times and truth values, as 64 bits.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    near: Vec<u32>,
    known: HashMap<i64, u32>,
    null: Option<u32>,
    list: Vec<Option<i64>>,
}

impl Values {
    /// Of a key of that type; none where it has too many forms to be numbered.
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        match data_type {
            DataType::Utf8View | DataType::Utf8 => Some(Self::Texts(Texts::default())),
            DataType::Boolean
            | DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::Timestamp(..) => Some(Self::Numbers(Numbers::default())),
            _ => None,
        }
    }

    /// Adds the number of each of a column's values.
    pub(crate) fn number(&mut self, column: &ArrayRef, numbers: &mut Vec<u32>) -> Result<()> {
        numbers.reserve(column.len());
        match self {
            Self::Texts(texts) => {
                let column = cast(column, &DataType::Utf8View)?;
                let column = column.as_string_view();
                for (text, view) in column.iter().zip(column.views()) {
                    numbers.push(texts.number(text, *view)?);
                }
            }
            Self::Numbers(known) => match column.data_type() {
                DataType::Int32 => known.add::<Int32Type>(column, numbers)?,
                _ => known.add::<Int64Type>(&cast(column, &DataType::Int64)?, numbers)?,
            },
        }
        Ok(())
    }

    /// The number of none.
    pub(crate) fn null(&mut self) -> Result<u32> {
        match self {
            Self::Texts(texts) => texts.number(None, 0),
            Self::Numbers(numbers) => numbers.number(None),
        }
    }

    /// The values that have these numbers, as a column of that type.
    pub(crate) fn column(&self, numbers: Vec<u32>, data_type: &DataType) -> Result<ArrayRef> {
        let distinct: ArrayRef = match self {
            Self::Texts(texts) => Arc::new(texts.to_array()),
            Self::Numbers(numbers) => {
                Arc::new(numbers.list.iter().copied().collect::<Int64Array>())
            }
        };
        if distinct.is_empty() && !numbers.is_empty() {
            return internal_err!("a number of no value");
        }
        let column = take(&distinct, &UInt32Array::from(numbers), None)?;
        Ok(cast(&column, data_type)?)
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        let list = match self {
            Self::Texts(texts) => texts.list.len(),
            Self::Numbers(numbers) => numbers.list.len(),
        };
        u32::try_from(list).unwrap_or(u32::MAX)
    }

    /// Memory they take, octets.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Texts(texts) => {
                texts.short.allocation_size()
                    + texts.long.allocation_size()
                    + texts.long_bytes
                    + texts.list.capacity() * size_of::<Text>()
            }
            Self::Numbers(numbers) => {
                numbers.known.allocation_size()
                    + numbers.near.capacity() * size_of::<u32>()
                    + numbers.list.capacity() * size_of::<Option<i64>>()
            }
        }
    }
}

impl Texts {
    fn number(&mut self, text: Option<&str>, view: u128) -> Result<u32> {
        let next = number(self.list.len())?;
        let Some(text) = text else {
            return Ok(*self.null.get_or_insert_with(|| {
                self.list.push(Text::Null);
                next
            }));
        };
        if let Some(packed) = packed(text, view) {
            return Ok(*self.short.entry(packed).or_insert_with(|| {
                self.list.push(Text::Short(packed));
                next
            }));
        }
        if let Some(known) = self.long.get(text) {
            return Ok(*known);
        }
        let kept: Arc<str> = text.into();
        self.long_bytes += kept.len() + LONG_BYTES;
        self.list.push(Text::Long(Arc::clone(&kept)));
        self.long.insert(kept, next);
        Ok(next)
    }

    fn to_array(&self) -> StringViewArray {
        let mut texts = StringViewBuilder::with_capacity(self.list.len());
        for text in &self.list {
            match text {
                Text::Null => texts.append_null(),
                Text::Short(packed) => {
                    texts.append_value(unpacked(&packed.to_le_bytes()));
                }
                Text::Long(text) => texts.append_value(text),
            }
        }
        texts.finish()
    }
}

impl Numbers {
    /// Adds the number of each of a column's values.
    fn add<T>(&mut self, column: &ArrayRef, numbers: &mut Vec<u32>) -> Result<()>
    where
        T: ArrowPrimitiveType<Native: Into<i64>>,
    {
        let mut before = None;
        for value in column.as_primitive::<T>() {
            let value = value.map(Into::into);
            let near = value.and_then(|value| self.near.get(usize::try_from(value).ok()?));
            let number = match (near, before) {
                (Some(number), _) if *number != NOT_MET => *number,
                (_, Some((same, number))) if same == value => number,
                _ => {
                    let number = self.number(value)?;
                    before = Some((value, number));
                    number
                }
            };
            numbers.push(number);
        }
        Ok(())
    }

    fn number(&mut self, value: Option<i64>) -> Result<u32> {
        let next = number(self.list.len())?;
        let Some(value) = value else {
            return Ok(*self.null.get_or_insert_with(|| {
                self.list.push(None);
                next
            }));
        };
        let number = *self.known.entry(value).or_insert_with(|| {
            self.list.push(Some(value));
            next
        });
        if let Some(near) = usize::try_from(value).ok().filter(|near| *near < NEAR) {
            if self.near.is_empty() {
                self.near.resize(NEAR, NOT_MET);
            }
            if let Some(place) = self.near.get_mut(near) {
                *place = number;
            }
        }
        Ok(number)
    }
}

fn number(values: usize) -> Result<u32> {
    u32::try_from(values).map_err(|_| internal_datafusion_err!("more than 2^32 distinct values"))
}

/// A short text as a number: its octets, and behind them its length. A view holds the octets of a very short one behind its length.
fn packed(text: &str, view: u128) -> Option<u128> {
    let length = u8::try_from(text.len()).ok()?;
    if u32::from(length) <= MAX_INLINE_VIEW_LEN {
        return Some(view >> u32::BITS | u128::from(length) << (u128::BITS - u8::BITS));
    }
    let mut room = [0; SHORT_BYTES_MAX + 1];
    let (last, octets) = room.split_last_mut()?;
    octets.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
    *last = length;
    Some(u128::from_le_bytes(room))
}

/// The text again.
fn unpacked(room: &[u8; SHORT_BYTES_MAX + 1]) -> &str {
    let text = room.split_last().and_then(|(length, octets)| octets.get(..usize::from(*length)));
    text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use arrow::array::{BooleanArray, StringArray, TimestampMicrosecondArray};
    use proptest::prelude::*;

    use super::*;

    fn there_and_back(column: &ArrayRef) -> (Vec<u32>, ArrayRef) {
        let mut values = Values::of(column.data_type()).unwrap();
        let mut numbers = Vec::new();
        values.number(column, &mut numbers).unwrap();
        let back = values.column(numbers.clone(), column.data_type()).unwrap();
        (numbers, back)
    }

    proptest! {
        #[test]
        fn equal_texts_have_one_number_and_come_back(
            texts in prop::collection::vec(prop::option::of("[ab\u{0}é]{0,18}"), 0..60),
        ) {
            let views: ArrayRef = Arc::new(texts.iter().map(Option::as_deref).collect::<StringViewArray>());
            let (numbers, back) = there_and_back(&views);
            prop_assert_eq!(&back, &views);
            for (one, other) in (0..texts.len()).flat_map(|one| (0..one).map(move |other| (one, other))) {
                prop_assert_eq!(numbers[one] == numbers[other], texts[one] == texts[other]);
            }
            let plain: ArrayRef = Arc::new(texts.iter().map(Option::as_deref).collect::<StringArray>());
            prop_assert_eq!(there_and_back(&plain), (numbers, plain));
        }
    }

    #[test]
    fn numbers_times_and_truths_come_back() {
        let times = TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(7), Some(7)]);
        let columns: [ArrayRef; 3] = [
            Arc::new(times.with_timezone("UTC")),
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false), Some(false)])),
            Arc::new(arrow::array::Int32Array::from(vec![Some(i32::MIN), None, Some(0), Some(0)])),
        ];
        for column in columns {
            assert_eq!(there_and_back(&column), (vec![0, 1, 2, 2], column));
        }
    }

    #[test]
    fn ports_have_one_number_each() {
        let ports = [None, Some(443), Some(0), Some(65_535), Some(65_536), Some(-1), Some(443)];
        let column: ArrayRef = Arc::new(arrow::array::Int32Array::from([ports, ports].concat()));
        let numbers = [0, 1, 2, 3, 4, 5, 1];
        assert_eq!(there_and_back(&column), ([numbers, numbers].concat(), column));
    }
}
