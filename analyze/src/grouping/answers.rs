//! What expressions made of dictionaries, remembered as long as a session lasts: the same question is asked again, the same files are read again.
//!
//! A dictionary is known by its length and 128 bits of hash with seeds that nobody outside knows.

use std::hash::{BuildHasher as _, Hash, Hasher};
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, ArrayRef, StringArray};
use datafusion::common::Result;
use datafusion::physical_plan::PhysicalExpr;
use hashbrown::{DefaultHashBuilder, HashMap};

use crate::grouping::dictionary::Answered;
use crate::grouping::memo::Memo;

/// Memory for what is remembered of dictionaries; beyond it, half is forgotten.
const BYTES_MAX: usize = 128 << 20;
/// Expressions of which single words are remembered; beyond it, those of the oldest are forgotten.
const MEMOS_MAX: usize = 4;

/// What was found for a dictionary, as it is remembered: seldom are there many distinct answers.
#[derive(Debug)]
enum Kept {
    Few(Vec<u16>, ArrayRef),
    Many(Answered),
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

/// An expression, and what it made of single words.
type OfWords = (Arc<dyn PhysicalExpr>, Arc<Memo>);

/// The answers that were given in a session.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    seeds: [DefaultHashBuilder; 2],
    known: Mutex<Known>,
    /// The youngest last.
    memos: Mutex<Vec<OfWords>>,
}

#[derive(Debug, Default)]
struct Known {
    kept: HashMap<Question, Arc<Kept>>,
    bytes: usize,
    /// How often half was forgotten.
    forgotten: u32,
}

impl Answers {
    /// What `expression`, over a column alone, makes of each word.
    pub(crate) fn of(
        &self,
        expression: &Arc<dyn PhysicalExpr>,
        words: &StringArray,
    ) -> Result<Answered> {
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
        let known = lock().kept.get(&question).map(Arc::clone);
        if let Some(kept) = known {
            return Ok(kept.answered());
        }
        let of_word = |word: &str| self.seeds.each_ref().map(|seed| seed.hash_one(word));
        let answered = self.memo(expression).of(expression, words, of_word)?;
        lock().keep((question, Kept::of(&answered)), BYTES_MAX);
        Ok(answered)
    }

    fn memo(&self, expression: &Arc<dyn PhysicalExpr>) -> Arc<Memo> {
        let mut memos = self.memos.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, memo)) =
            memos.iter().find(|(known, _)| known.as_ref() == expression.as_ref())
        {
            return Arc::clone(memo);
        }
        if memos.len() >= MEMOS_MAX {
            memos.remove(0);
        }
        let memo = Arc::default();
        memos.push((Arc::clone(expression), Arc::clone(&memo)));
        memo
    }
}

impl Known {
    fn keep(&mut self, (question, kept): (Question, Kept), bytes_max: usize) {
        let bytes = size(&kept);
        if self.bytes + bytes > bytes_max {
            // Not the oldest: who asks for more than fits asks for all of it in turn, and would find nothing.
            let bit = self.forgotten % u64::BITS;
            self.kept.retain(|question, _| question.hashes[0] >> bit & 1 == 0);
            self.bytes = self.kept.values().map(|kept| size(kept)).sum();
            self.forgotten += 1;
        }
        if self.bytes + bytes <= bytes_max {
            let before = self.kept.insert(question, Arc::new(kept));
            self.bytes = self.bytes + bytes - before.map_or(0, |before| size(&before));
        }
    }
}

/// Octets that an answer takes, with its question.
fn size(kept: &Kept) -> usize {
    let of_kept = match kept {
        Kept::Few(numbers, distinct) => {
            numbers.capacity() * size_of::<u16>() + distinct.get_array_memory_size()
        }
        Kept::Many(answered) => {
            answered.numbers.capacity() * size_of::<u32>()
                + answered.distinct.get_array_memory_size()
        }
    };
    of_kept + size_of::<Question>()
}

impl Kept {
    fn of(answered: &Answered) -> Self {
        if answered.distinct.len() > usize::from(u16::MAX) {
            return Self::Many(answered.clone());
        }
        let narrow = |number: &u32| u16::try_from(*number).unwrap_or(u16::MAX);
        let numbers = answered.numbers.iter().map(narrow).collect();
        Self::Few(numbers, Arc::clone(&answered.distinct))
    }

    fn answered(&self) -> Answered {
        match self {
            Self::Few(numbers, distinct) => Answered {
                numbers: numbers.iter().copied().map(u32::from).collect(),
                distinct: Arc::clone(distinct),
            },
            Self::Many(answered) => answered.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray as _, UInt32Array};
    use arrow::compute::take;
    use datafusion::physical_expr::expressions::Column;

    use super::*;
    use crate::grouping::memo::asked;

    fn words(count: usize) -> StringArray {
        (0..count).map(|word| Some(format!("word {word}"))).collect()
    }

    #[test]
    fn few_and_many_answers_are_the_same_again() {
        let answers = Answers::default();
        let expression: Arc<dyn PhysicalExpr> = Arc::new(Column::new("word", 0));
        for count in [0, 1, 65_534, 65_535, 65_536, 70_000] {
            let words = words(count);
            for _ in 0..2 {
                let Answered { numbers, distinct } = answers.of(&expression, &words).unwrap();
                let of_words = take(&distinct, &UInt32Array::from(numbers), None).unwrap();
                let expected = words.iter().chain([None]);
                assert!(of_words.as_string_view().iter().eq(expected), "{count} words");
            }
        }
    }

    #[test]
    fn what_is_more_than_fits_leaves_some() {
        let mut known = Known::default();
        let answers = Answers::default();
        let expression: Arc<dyn PhysicalExpr> = Arc::new(Column::new("word", 0));
        let kept = |count: usize| Kept::of(&asked(&expression, &words(count)).unwrap());
        let bytes_max = 10 * size(&kept(1_000));
        let mut least = usize::MAX;
        for turn in 0..200_u64 {
            let hashes = answers.seeds.each_ref().map(|seed| seed.hash_one(turn));
            let question = Question { expression: Arc::clone(&expression), words: 1_000, hashes };
            known.keep((question, kept(1_000)), bytes_max);
            let bytes: usize = known.kept.values().map(|kept| size(kept)).sum();
            assert_eq!(known.bytes, bytes);
            assert!(bytes <= bytes_max);
            if turn > 20 {
                least = least.min(known.kept.len());
            }
        }
        assert!(known.forgotten > 10 && least > 0, "{} {least}", known.forgotten);
    }
}
