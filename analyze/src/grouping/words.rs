//! The numbers of what an expression makes of the words of a column: found once for each word of a dictionary.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_err};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

use crate::grouping::answers::Answers;
use crate::grouping::dictionary::{by_rows, is_same};
use crate::grouping::values::Values;

/// The dictionary that the last rows came with.
#[derive(Debug)]
struct Dictionary {
    // Held, so that no other one can lie in its place.
    words: StringArray,
    /// The number of the answer for each word, and for none behind the last.
    numbers: Vec<u32>,
}

/// An expression over one column of text.
#[derive(Debug)]
pub(crate) struct Words {
    /// Over a batch with the column alone.
    expression: Arc<dyn PhysicalExpr>,
    answers: Arc<Answers>,
    dictionary: Option<Dictionary>,
}

impl Words {
    /// `expression` over a batch with the column alone.
    pub(crate) fn new(expression: Arc<dyn PhysicalExpr>, answers: Arc<Answers>) -> Self {
        Self { expression, answers, dictionary: None }
    }

    /// Memory that is held, octets.
    pub(crate) fn size(&self) -> usize {
        self.dictionary.as_ref().map_or(0, |d| d.numbers.capacity()) * size_of::<u32>()
    }

    /// Adds the number of the answer for each row.
    pub(crate) fn number(
        &mut self,
        column: &ArrayRef,
        (values, numbers): (&mut Values, &mut Vec<u32>),
    ) -> Result<()> {
        let Some(rows) = column.as_dictionary_opt::<Int32Type>() else {
            // A column that something else needs as text.
            return values.number(&by_rows(&self.expression, column)?, numbers);
        };
        let Some(words) = rows.values().as_string_opt::<i32>() else {
            return internal_err!("a dictionary holds no text");
        };
        let same = self.dictionary.take().filter(|before| is_same(&before.words, words));
        let dictionary = match same {
            Some(same) => same,
            None => match self.numbers_of(words, values) {
                Ok(numbers) => Dictionary { words: words.clone(), numbers },
                // It may be a word that none of these rows has.
                Err(_) => return values.number(&by_rows(&self.expression, column)?, numbers),
            },
        };
        spread(rows, &dictionary.numbers, numbers);
        self.dictionary = Some(dictionary);
        Ok(())
    }

    fn numbers_of(&self, words: &StringArray, values: &mut Values) -> Result<Vec<u32>> {
        let mut of_words = Vec::with_capacity(words.len() + 1);
        if self.expression.downcast_ref::<Column>().is_some() {
            // The words themselves.
            values.number(&cast(words, &DataType::Utf8View)?, &mut of_words)?;
            of_words.push(values.null()?);
            return Ok(of_words);
        }
        let answered = self.answers.of(&self.expression, words)?;
        let mut distinct = Vec::new();
        values.number(&answered.distinct, &mut distinct)?;
        let number = |answer: &u32| distinct.get(*answer as usize).copied().unwrap_or_default();
        of_words.extend(answered.numbers.iter().map(number));
        Ok(of_words)
    }
}

/// Adds the number of each row's word.
pub(crate) fn spread(rows: &DictionaryArray<Int32Type>, of_words: &[u32], numbers: &mut Vec<u32>) {
    let start = numbers.len();
    let null = of_words.last().copied().unwrap_or_default();
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
