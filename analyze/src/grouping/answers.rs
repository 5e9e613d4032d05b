//! What expressions made of dictionaries, remembered as long as a session lasts: the same question is asked again, the same files are read again.
//!
//! A dictionary is known by its length and 128 bits of hash with seeds that nobody outside knows.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, StringArray, StringViewArray};
use datafusion::common::Result;
use datafusion::physical_plan::PhysicalExpr;
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::grouping::dictionary::by_rows;
use crate::grouping::values::Values;

/// Memory for what is remembered; beyond it, all is forgotten and begun anew.
const BYTES_MAX: usize = 128 << 20;

/// The answers for the words of one dictionary.
#[derive(Debug)]
pub(crate) struct Answered {
    /// By word, and for no word behind the last: which of the distinct answers.
    pub(crate) numbers: Vec<u32>,
    /// Each answer once.
    pub(crate) distinct: ArrayRef,
}

/// An expression over one column, and a dictionary.
#[derive(Debug, Eq)]
struct Question {
    expression: Arc<dyn PhysicalExpr>,
    words: usize,
    hashes: [u64; 2],
}

impl Hash for Question {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hashes.hash(state);
        self.expression.hash(state);
    }
}

impl PartialEq for Question {
    fn eq(&self, other: &Self) -> bool {
        (self.words, self.hashes) == (other.words, other.hashes)
            && self.expression.as_ref() == other.expression.as_ref()
    }
}

/// The answers that were given in a session.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    seeds: [DefaultHashBuilder; 2],
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    answered: HashMap<Question, Arc<Answered>>,
    bytes: usize,
}

impl Answers {
    /// What `expression`, over a column alone, makes of each word.
    pub(crate) fn of(
        &self,
        expression: &Arc<dyn PhysicalExpr>,
        words: &StringArray,
    ) -> Result<Arc<Answered>> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = |seed: &DefaultHashBuilder| {
            let offsets: &[i32] = words.offsets();
            seed.hash_one((words.value_data(), offsets))
        };
        let question = Question {
            expression: Arc::clone(expression),
            words: words.len(),
            hashes: [hash(&self.seeds[0]), hash(&self.seeds[1])],
        };
        if let Some(answered) = lock().answered.get(&question) {
            return Ok(Arc::clone(answered));
        }
        let answered = Arc::new(asked(expression, words)?);
        let mut known = lock();
        let bytes = answered.numbers.capacity() * size_of::<u32>()
            + answered.distinct.get_array_memory_size()
            + size_of::<Question>();
        if known.bytes + bytes > BYTES_MAX {
            *known = Known::default();
        }
        known.bytes += bytes;
        known.answered.insert(question, Arc::clone(&answered));
        Ok(answered)
    }
}

fn asked(expression: &Arc<dyn PhysicalExpr>, words: &StringArray) -> Result<Answered> {
    let and_none: ArrayRef = Arc::new(words.iter().chain([None]).collect::<StringViewArray>());
    let rows = and_none.len();
    let answers = by_rows(expression, &and_none)?;
    let mut numbers = Vec::with_capacity(rows);
    let Some(mut values) = Values::of(answers.data_type()) else {
        // Too many forms to be told apart: each word has its own.
        numbers.extend(0..u32::try_from(rows).unwrap_or(u32::MAX));
        return Ok(Answered { numbers, distinct: answers });
    };
    values.number(&answers, &mut numbers)?;
    let all = (0..values.len()).collect();
    Ok(Answered { distinct: values.column(all, answers.data_type())?, numbers })
}
