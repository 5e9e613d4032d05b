//! An expression over one column of text, as the engine takes it: worked out once for each word of a dictionary, spread over the rows.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array as _, AsArray as _, StringArray, UInt32Array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Int32Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NotExpr,
};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_plan::PhysicalExpr;

use crate::grouping::answers::Answers;
use crate::grouping::dictionary::{Answered, by_rows, is_same, over_words};
use crate::grouping::words::spread;

/// Octets of dictionaries at hand, with what is answered for them, at most: those of all parts of a query that run beside one another.
const AT_HAND_MAX: usize = 32 << 20;

/// The expression.
#[derive(Debug)]
pub(crate) struct ByWord {
    /// As the planner made it, over rows.
    over_rows: Arc<dyn PhysicalExpr>,
    column: Column,
    /// The same over words alone.
    over_words: Arc<dyn PhysicalExpr>,
    returns: (DataType, bool),
    answers: Arc<Answers>,
    /// The dictionaries at hand, so that each is looked up once and not for every batch of its rows.
    at_hand: Mutex<Vec<(StringArray, Arc<Answered>)>>,
}

impl PartialEq for ByWord {
    fn eq(&self, other: &Self) -> bool {
        self.over_rows.as_ref() == other.over_rows.as_ref()
    }
}

impl Eq for ByWord {}

impl Hash for ByWord {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.over_rows.hash(state);
    }
}

impl fmt::Display for ByWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "by_word({})", self.over_rows)
    }
}

/// Names of columns.
pub(crate) type Names = BTreeSet<String>;

/// The column that an expression depends on, if it is one of text and the expression answers alike for like words.
pub(crate) fn only_text(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Option<Column> {
    let mut columns = collect_columns(expression).into_iter();
    let column = columns.next().filter(|_| columns.next().is_none())?;
    let is_text = *schema.field(column.index()).data_type() == DataType::Utf8View;
    (is_text && !is_volatile(expression) && is_fixed(expression)).then_some(column)
}

/// Whether all that decides the answer, but for the word, stands in the expression itself: not in a subquery or in another part of the plan.
fn is_fixed(expression: &Arc<dyn PhysicalExpr>) -> bool {
    let part: &dyn PhysicalExpr = expression.as_ref();
    let is_known = part.is::<Column>()
        || part.is::<Literal>()
        || part.is::<ScalarFunctionExpr>()
        || part.is::<BinaryExpr>()
        || part.is::<CaseExpr>()
        || part.is::<CastExpr>()
        || part.is::<InListExpr>()
        || part.is::<IsNullExpr>()
        || part.is::<IsNotNullExpr>()
        || part.is::<LikeExpr>()
        || part.is::<NotExpr>();
    is_known && expression.children().into_iter().all(is_fixed)
}

/// The names of the columns that `expression` needs row by row, whatever is worked out by words.
pub(crate) fn needed_by_rows(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Vec<String> {
    if let Some(column) = expression.downcast_ref::<Column>() {
        return vec![column.name().to_owned()];
    }
    if only_text(expression, schema).is_some() {
        return Vec::new();
    }
    expression.children().into_iter().flat_map(|part| needed_by_rows(part, schema)).collect()
}

/// The same expression, with those parts by words that depend on one of these columns.
pub(crate) fn with_words(
    expression: Arc<dyn PhysicalExpr>,
    schema: &Schema,
    (names, answers): (&Names, &Arc<Answers>),
) -> Result<Arc<dyn PhysicalExpr>> {
    let change = |part: Arc<dyn PhysicalExpr>| {
        let column = only_text(&part, schema).filter(|column| names.contains(column.name()));
        let Some(column) = column else { return Ok(Transformed::no(part)) };
        let by_word = ByWord {
            returns: (part.data_type(schema)?, part.nullable(schema)?),
            over_words: over_words(Arc::clone(&part))?,
            over_rows: part,
            column,
            answers: Arc::clone(answers),
            at_hand: Mutex::default(),
        };
        let by_word: Arc<dyn PhysicalExpr> = Arc::new(by_word);
        Ok(Transformed::new(by_word, true, datafusion::common::tree_node::TreeNodeRecursion::Jump))
    };
    expression.transform_down(change).data()
}

impl ByWord {
    fn answered(&self, words: &StringArray) -> Result<Arc<Answered>> {
        let lock = || self.at_hand.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answered)) = lock().iter().find(|(known, _)| is_same(known, words)) {
            return Ok(Arc::clone(answered));
        }
        let answered = Arc::new(self.answers.of(&self.over_words, words)?);
        let octets =
            |words: &StringArray| words.get_array_memory_size() + size_of::<u32>() * words.len();
        let mut at_hand = lock();
        at_hand.push((words.clone(), Arc::clone(&answered)));
        let mut held: usize = at_hand.iter().map(|(words, _)| octets(words)).sum();
        // The youngest stays, whatever it takes.
        at_hand.retain(|(known, _)| {
            let is_kept = held <= AT_HAND_MAX || is_same(known, words);
            held -= if is_kept { 0 } else { octets(known) };
            is_kept
        });
        Ok(answered)
    }
}

impl PhysicalExpr for ByWord {
    fn data_type(&self, _: &Schema) -> Result<DataType> {
        Ok(self.returns.0.clone())
    }

    fn nullable(&self, _: &Schema) -> Result<bool> {
        Ok(self.returns.1)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = batch.columns().get(self.column.index());
        let column = column.ok_or_else(|| internal_datafusion_err!("no such column"))?;
        let Some(rows) = column.as_dictionary_opt::<Int32Type>() else {
            return self.over_rows.evaluate(batch);
        };
        let words = rows.values().as_string_opt::<i32>();
        let words = words.ok_or_else(|| internal_datafusion_err!("a dictionary holds no text"))?;
        let Ok(answered) = self.answered(words) else {
            // It may be a word that none of these rows has.
            return by_rows(&self.over_words, column).map(ColumnarValue::Array);
        };
        let mut numbers = Vec::with_capacity(rows.len());
        spread(rows, &answered.numbers, &mut numbers);
        Ok(ColumnarValue::Array(take(&answered.distinct, &UInt32Array::from(numbers), None)?))
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.over_rows.fmt_sql(f)
    }
}
