//! Dictionaries of columns: when two are the same one, and expressions over their words.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

/// What an expression made of the words of one dictionary.
#[derive(Debug, Clone)]
pub(crate) struct Answered {
    /// By word, and for no word behind the last: which of the distinct answers.
    pub(crate) numbers: Vec<u32>,
    /// Each answer once.
    pub(crate) distinct: ArrayRef,
}

/// Whether these are the same words at the same place. One of the two must be held as long as it is asked.
pub(crate) fn is_same(one: &StringArray, other: &StringArray) -> bool {
    one.values().as_ptr() == other.values().as_ptr()
        && one.offsets().inner().as_ptr() == other.offsets().inner().as_ptr()
        && one.len() == other.len()
}

/// An expression over one column, over a batch that has it alone.
pub(crate) fn over_words(expression: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
    let first = |part: Arc<dyn PhysicalExpr>| {
        Ok(match part.downcast_ref::<Column>() {
            Some(_) => Transformed::yes(Arc::new(Column::new("word", 0)) as Arc<dyn PhysicalExpr>),
            None => Transformed::no(part),
        })
    };
    expression.transform_up(first).data()
}

/// What such an expression makes of each row of a column of text, in whichever form it lies.
pub(crate) fn by_rows(expression: &Arc<dyn PhysicalExpr>, column: &ArrayRef) -> Result<ArrayRef> {
    let schema = Arc::new(Schema::new(vec![Field::new("word", DataType::Utf8View, true)]));
    let texts = cast(column, &DataType::Utf8View)?;
    expression.evaluate(&RecordBatch::try_new(schema, vec![texts])?)?.into_array(column.len())
}
