//! What one expression made of single words: the dictionaries of a store's files have most of their words in common, and each is looked into once only.
//!
//! A word is known by 128 bits of hash, as a dictionary is.

use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::{Array, ArrayRef, StringArray, UInt32Array, new_null_array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::physical_plan::PhysicalExpr;
use hashbrown::HashTable;

use crate::grouping::dictionary::{Answered, by_rows};
use crate::grouping::values::Values;

/// Words that are remembered at most: a table of 13 MiB.
const WORDS_MAX: usize = 7 << 16;
/// More distinct answers are not numbered for all words together: each dictionary would number those of all others, too.
const DISTINCT_MAX: u32 = 1 << 12;
/// Of a word that was not met yet.
const NOT_MET: u32 = u32::MAX;

/// The hashes of a word.
pub(crate) type Hashes = [u64; 2];

/// Words and what they gave; none when there are too many answers.
#[derive(Debug, Default)]
pub(crate) struct Memo(RwLock<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Empty,
    Few(Few),
    Many,
}

#[derive(Debug)]
struct Few {
    words: HashTable<(Hashes, u32)>,
    none: u32,
    values: Values,
    distinct: ArrayRef,
}

impl Memo {
    /// What `expression`, over a column alone, makes of each word and of none. Two threads may ask it of the same word: they get the same answer.
    pub(crate) fn of(
        &self,
        expression: &Arc<dyn PhysicalExpr>,
        words: &StringArray,
        hash: impl Fn(&str) -> Hashes,
    ) -> Result<Answered> {
        let hashes: Vec<Hashes> = words.iter().map(|word| hash(word.unwrap_or_default())).collect();
        let mut numbers = {
            match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
                State::Many => return asked(expression, words),
                State::Empty => vec![NOT_MET; words.len()],
                State::Few(few) => {
                    let numbers: Vec<u32> =
                        hashes.iter().map(|hashes| few.number(hashes)).collect();
                    if !numbers.contains(&NOT_MET) {
                        return Ok(few.answered(numbers));
                    }
                    numbers
                }
            }
        };
        let unknown = (0..).zip(&numbers).filter(|(_, number)| **number == NOT_MET);
        let unknown: UInt32Array = unknown.map(|(word, _)| word).collect();
        let answers = answers(expression, &take(words, &unknown, None)?)?;
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let State::Empty = &*state {
            let of_type = Values::of(answers.data_type());
            *state = of_type.map_or(State::Many, |values| State::Few(Few::of(values, &answers)));
        }
        let State::Few(few) = &mut *state else { return asked(expression, words) };
        let mut found = Vec::with_capacity(answers.len());
        few.add(&answers, &mut found)?;
        for (word, number) in unknown.values().iter().zip(found) {
            let word = *word as usize;
            if let (Some(place), Some(hashes)) = (numbers.get_mut(word), hashes.get(word)) {
                *place = number;
                few.keep(*hashes, number);
            }
        }
        let answered = few.answered(numbers);
        if few.values.len() > DISTINCT_MAX {
            *state = State::Many;
        }
        Ok(answered)
    }
}

impl Few {
    fn of(values: Values, answers: &ArrayRef) -> Self {
        let distinct = new_null_array(answers.data_type(), 0);
        Self { words: HashTable::new(), none: NOT_MET, values, distinct }
    }

    fn number(&self, hashes: &Hashes) -> u32 {
        let found = self.words.find(hashes[0], |(known, _)| known == hashes);
        found.map_or(NOT_MET, |(_, number)| *number)
    }

    /// Numbers answers, of which the last is that for no word.
    fn add(&mut self, answers: &ArrayRef, numbers: &mut Vec<u32>) -> Result<()> {
        let before = self.values.len();
        self.values.number(answers, numbers)?;
        self.none = numbers.last().copied().unwrap_or(NOT_MET);
        if self.values.len() > before {
            let all = (0..self.values.len()).collect();
            self.distinct = self.values.column(all, answers.data_type())?;
        }
        Ok(())
    }

    fn keep(&mut self, hashes: Hashes, number: u32) {
        if self.words.len() < WORDS_MAX && self.number(&hashes) == NOT_MET {
            self.words.insert_unique(hashes[0], (hashes, number), |(hashes, _)| hashes[0]);
        }
    }

    fn answered(&self, mut numbers: Vec<u32>) -> Answered {
        numbers.push(self.none);
        Answered { numbers, distinct: Arc::clone(&self.distinct) }
    }
}

/// What the expression makes of each word, and of none behind the last.
fn answers(expression: &Arc<dyn PhysicalExpr>, words: &dyn Array) -> Result<ArrayRef> {
    let none = new_null_array(&DataType::Utf8View, 1);
    let and_none = concat(&[&cast(words, &DataType::Utf8View)?, &none])?;
    by_rows(expression, &and_none)
}

/// The same of one dictionary by itself.
pub(crate) fn asked(expression: &Arc<dyn PhysicalExpr>, words: &StringArray) -> Result<Answered> {
    let answers = answers(expression, words)?;
    let mut numbers = Vec::with_capacity(answers.len());
    let Some(mut values) = Values::of(answers.data_type()) else {
        // Too many forms to be told apart: each word has its own.
        numbers.extend(0..u32::try_from(answers.len()).unwrap_or(u32::MAX));
        return Ok(Answered { numbers, distinct: answers });
    };
    values.number(&answers, &mut numbers)?;
    let all = (0..values.len()).collect();
    Ok(Answered { distinct: values.column(all, answers.data_type())?, numbers })
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher as _;

    use arrow::array::AsArray as _;
    use arrow::datatypes::{Field, Schema};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{Column, binary, lit};
    use hashbrown::DefaultHashBuilder;

    use super::*;

    fn word() -> Arc<dyn PhysicalExpr> {
        Arc::new(Column::new("word", 0))
    }

    fn dictionary(first: usize, count: usize) -> StringArray {
        (first..first + count).map(|word| Some(format!("word {word}"))).collect()
    }

    fn hashes() -> impl Fn(&str) -> Hashes {
        let seeds = [DefaultHashBuilder::default(), DefaultHashBuilder::default()];
        move |word| seeds.each_ref().map(|seed| seed.hash_one(word))
    }

    fn spread(Answered { numbers, distinct }: Answered) -> ArrayRef {
        take(&distinct, &UInt32Array::from(numbers), None).unwrap()
    }

    #[test]
    fn dictionaries_that_overlap_get_the_answers_that_each_has_by_itself() {
        let schema = Schema::new(vec![Field::new("word", DataType::Utf8View, true)]);
        let after = binary(
            word(),
            Operator::Gt,
            lit(ScalarValue::Utf8View(Some("word 4".into()))),
            &schema,
        )
        .unwrap();
        let hash = hashes();
        for expression in [word(), after] {
            let memo = Memo::default();
            for (first, count) in
                [(0, 0), (3, 900), (0, 0), (500, 900), (3, 10), (0, 5_000), (0, 7)]
            {
                let words = dictionary(first, count);
                let alone = spread(asked(&expression, &words).unwrap());
                let together = spread(memo.of(&expression, &words, &hash).unwrap());
                assert_eq!(&together, &alone, "{expression} {first} {count}");
                assert!(together.is_null(count));
            }
        }
    }

    #[test]
    fn too_many_answers_are_not_kept_together() {
        let (memo, hash) = (Memo::default(), hashes());
        let words = dictionary(0, DISTINCT_MAX as usize + 10);
        memo.of(&word(), &words, &hash).unwrap();
        assert!(matches!(*memo.0.read().unwrap(), State::Many));
        let answered = memo.of(&word(), &dictionary(0, 9), &hash).unwrap();
        assert_eq!(answered.distinct.len(), 10);
        let words = spread(answered);
        assert_eq!(words.as_string_view().value(8), "word 8");
    }
}
