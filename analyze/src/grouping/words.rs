//! What an expression makes of the words of a column: worked out once for each word of a dictionary, told as a small number.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_err};
use datafusion::physical_plan::PhysicalExpr;

use crate::grouping::dictionary::is_same;
use crate::grouping::values::Values;

/// Stands for a word of a dictionary that no row has asked for yet.
const UNASKED: u32 = u32::MAX;

/// The dictionary that the last rows came with.
#[derive(Debug)]
struct Dictionary {
    // Held, so that no other one can lie in its place.
    words: StringArray,
    /// The number of the answer for each word.
    numbers: Vec<u32>,
}

/// An expression over one column of text.
#[derive(Debug)]
pub(crate) struct Words {
    /// Over the only column of `schema`.
    expression: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    null: Option<u32>,
    dictionary: Option<Dictionary>,
    answers: Vec<u32>,
}

impl Words {
    /// `expression` over a batch with the column alone.
    pub(crate) fn new(expression: Arc<dyn PhysicalExpr>) -> Self {
        Self {
            expression,
            schema: Arc::new(Schema::new(vec![Field::new("word", DataType::Utf8View, true)])),
            null: None,
            dictionary: None,
            answers: Vec::new(),
        }
    }

    /// Memory that is held, octets.
    pub(crate) fn size(&self) -> usize {
        let numbers = self.dictionary.as_ref().map_or(0, |d| d.numbers.capacity());
        (numbers + self.answers.capacity()) * size_of::<u32>()
    }

    /// Adds the number of the answer for each row.
    pub(crate) fn number(
        &mut self,
        column: &ArrayRef,
        (values, numbers): (&mut Values, &mut Vec<u32>),
    ) -> Result<()> {
        let Some(rows) = column.as_dictionary_opt::<Int32Type>() else {
            // A column that something else needs as text.
            return values.number(&self.evaluate(Arc::clone(column))?, numbers);
        };
        let Some(words) = rows.values().as_string_opt::<i32>() else {
            return internal_err!("a dictionary holds no text");
        };
        let same = self.dictionary.take().filter(|before| is_same(&before.words, words));
        let mut dictionary = same.unwrap_or_else(|| Dictionary {
            words: words.clone(),
            numbers: vec![UNASKED; words.len()],
        });
        if rows.null_count() > 0 && self.null.is_none() {
            let answer = self.evaluate(Arc::new(StringViewArray::from(vec![None::<&str>])))?;
            self.null = self.numbered(&answer, values)?.first().copied();
        }
        let null = self.null.unwrap_or_default();
        let start = numbers.len();
        numbers_of(rows, (&dictionary.numbers, null), numbers);
        let added = numbers.get_mut(start..).unwrap_or_default();
        self.ask(rows, added, (&mut dictionary, values))?;
        self.dictionary = Some(dictionary);
        Ok(())
    }

    /// Finds the answers for all words that rows ask for the first time.
    fn ask(
        &mut self,
        rows: &DictionaryArray<Int32Type>,
        numbers: &mut [u32],
        (dictionary, values): (&mut Dictionary, &mut Values),
    ) -> Result<()> {
        let (mut open, mut unknown) = (Vec::new(), Vec::new());
        let keys = rows.keys().values();
        for ((row, number), key) in numbers.iter().enumerate().zip(keys) {
            let Some(word) = Some(*key).filter(|_| *number == UNASKED) else { continue };
            let word = usize::try_from(word).unwrap_or(usize::MAX);
            open.push((row, word));
            if let Some(known) = dictionary.numbers.get_mut(word)
                && *known == UNASKED
            {
                // Asked, so that no other row asks again; the answer comes with all others.
                *known = 0;
                unknown.push(word);
            }
        }
        if open.is_empty() {
            return Ok(());
        }
        let words = unknown.iter().map(|word| dictionary.words.value(*word));
        let words = StringViewArray::from_iter_values(words);
        let answers = self.evaluate(Arc::new(words))?;
        for (word, answer) in unknown.into_iter().zip(self.numbered(&answers, values)?) {
            if let Some(number) = dictionary.numbers.get_mut(word) {
                *number = *answer;
            }
        }
        for (row, word) in open {
            if let Some((number, answer)) = numbers.get_mut(row).zip(dictionary.numbers.get(word)) {
                *number = *answer;
            }
        }
        Ok(())
    }

    fn numbered(&mut self, answers: &ArrayRef, values: &mut Values) -> Result<&[u32]> {
        self.answers.clear();
        values.number(answers, &mut self.answers)?;
        Ok(&self.answers)
    }

    fn evaluate(&self, words: ArrayRef) -> Result<ArrayRef> {
        let rows = words.len();
        let words = cast(&words, &DataType::Utf8View)?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![words])?;
        self.expression.evaluate(&batch)?.into_array(rows)
    }
}

/// Adds the number of each row's word, asked or not.
fn numbers_of(
    rows: &DictionaryArray<Int32Type>,
    (of_words, null): (&[u32], u32),
    numbers: &mut Vec<u32>,
) {
    let start = numbers.len();
    let of = |key: &i32| {
        let word = usize::try_from(*key).ok().and_then(|key| of_words.get(key));
        word.copied().unwrap_or(null)
    };
    numbers.extend(rows.keys().values().iter().map(of));
    let added = numbers.get_mut(start..).unwrap_or_default();
    for (number, is_word) in added.iter_mut().zip(rows.nulls().into_iter().flatten()) {
        *number = if is_word { *number } else { null };
    }
}
