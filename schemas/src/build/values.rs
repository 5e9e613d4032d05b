//! Values as they come, without a place for what is not there.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::array::{ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::datatypes::ArrowNativeType;
use arrow::error::ArrowError;
use parquet::basic::Encoding;
use parquet::errors::Result;

use crate::pages::{Dictionary, Extent, Page, Pages, Range, Values, pack};

/// Values under construction, none of them null.
pub trait Build: Debug + Default {
    /// Adds values that nobody will look at wherever `valid` says no.
    fn spread(&mut self, valid: &[bool]);
    /// Appends the values as they lie in a page, and starts anew.
    fn encode(&mut self, is_ranged: bool, to: &mut Vec<u8>) -> Values;
    /// Octets of the words it keeps.
    fn words(&self) -> usize {
        0
    }
    /// Hands these over, and knows none any more.
    fn dictionary(&mut self) -> Option<Dictionary> {
        None
    }
}

impl<C: Build> Pages for C {
    fn page(&mut self, rows: usize, page: Page<'_>) -> Result<()> {
        let values = self.encode(page.is_ranged(), page.body);
        page.end(Extent { rows, values: rows, nulls: 0 }, values)
    }
    fn words(&self) -> usize {
        Build::words(self)
    }
    fn dictionary(&mut self) -> Option<Dictionary> {
        Build::dictionary(self)
    }
}

/// Takes what is there and leaves as much room.
pub(crate) fn take<T>(values: &mut Vec<T>) -> Vec<T> {
    let next = Vec::with_capacity(values.len());
    let mut full = std::mem::replace(values, next);
    if full.len() < full.capacity() / 4 {
        full.shrink_to_fit();
    }
    full
}

fn spread<T: Copy + Default>(values: &mut Vec<T>, valid: &[bool]) {
    let mut dense = std::mem::take(values).into_iter();
    let next = valid.iter().map(|valid| if *valid { dense.next() } else { None });
    *values = next.map(Option::unwrap_or_default).collect();
}

/// Numbers.
#[derive(Debug, Default)]
pub struct Numbers<T>(Vec<T>);

impl<T: ArrowNativeType + Into<i64>> Build for Numbers<T> {
    fn spread(&mut self, valid: &[bool]) {
        spread(&mut self.0, valid);
    }

    /// First octets together, then second ones. Most columns vary in few of them.
    fn encode(&mut self, is_ranged: bool, to: &mut Vec<u8>) -> Values {
        let numbers = || self.0.iter().map(|number| (*number).into());
        let first = numbers().next().unwrap_or_default();
        let varied = numbers().fold(0, |varied, number| varied | (number ^ first));
        for place in 0..size_of::<T>() {
            let octet = |number: i64| (number >> (8 * place)).to_le_bytes()[0];
            if octet(varied) == 0 {
                to.resize(to.len() + self.0.len(), octet(first));
            } else {
                to.extend(numbers().map(octet));
            }
        }
        let range = if is_ranged { Range::of_numbers(numbers()) } else { None };
        self.0.clear();
        Values { encoding: Encoding::BYTE_STREAM_SPLIT, range }
    }
}

impl<T: ArrowNativeType> Numbers<T> {
    /// Adds one.
    pub fn push(&mut self, value: T) {
        self.0.push(value);
    }

    /// Hands the column over.
    pub fn finish<P: ArrowPrimitiveType<Native = T>>(
        &mut self,
        valid: Option<NullBuffer>,
    ) -> Result<PrimitiveArray<P>, ArrowError> {
        PrimitiveArray::try_new(take(&mut self.0).into(), valid)
    }
}

/// Truth values.
#[derive(Debug, Default)]
pub struct Truths(Vec<bool>);

impl Build for Truths {
    fn spread(&mut self, valid: &[bool]) {
        spread(&mut self.0, valid);
    }

    fn encode(&mut self, _: bool, to: &mut Vec<u8>) -> Values {
        pack(&self.0, 1, to);
        self.0.clear();
        Values { encoding: Encoding::PLAIN, range: None }
    }
}

impl Truths {
    /// Adds one.
    pub fn push(&mut self, value: bool) {
        self.0.push(value);
    }

    /// Hands the column over.
    pub fn finish(&mut self, valid: Option<NullBuffer>) -> ArrayRef {
        Arc::new(BooleanArray::new(bits(&take(&mut self.0)), valid))
    }
}

pub(crate) fn bits(values: &[bool]) -> BooleanBuffer {
    BooleanBuffer::collect_bool(values.len(), |at| values.get(at).copied().unwrap_or_default())
}
