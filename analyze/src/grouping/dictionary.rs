//! Dictionaries of columns: when two are the same one, and expressions over their words.

use std::sync::Arc;

use arrow::array::{Array as _, StringArray};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::PhysicalExpr;

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
