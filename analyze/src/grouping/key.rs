//! One key of a grouping: which distinct value each row has.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::physical_plan::PhysicalExpr;

use crate::grouping::answers::Answers;
use crate::grouping::values::Values;
use crate::grouping::words::Words;

/// What rows are grouped by, as the planner sees it.
#[derive(Debug, Clone)]
pub(crate) enum KeyPlan {
    /// An expression over one column of text: the column's place in the input, and the expression over that column alone.
    Word(usize, Arc<dyn PhysicalExpr>),
    /// Any other.
    Other(Arc<dyn PhysicalExpr>),
}

/// The same at work.
#[derive(Debug)]
pub(crate) struct Key {
    rows: Rows,
    values: Values,
}

#[derive(Debug)]
enum Rows {
    Word(usize, Words),
    Other(Arc<dyn PhysicalExpr>),
}

impl Key {
    /// A key whose values have that type.
    pub(crate) fn new(
        plan: &KeyPlan,
        data_type: &DataType,
        answers: &Arc<Answers>,
    ) -> Result<Self> {
        let rows = match plan {
            KeyPlan::Word(column, expression) => {
                Rows::Word(*column, Words::new(Arc::clone(expression), Arc::clone(answers)))
            }
            KeyPlan::Other(expression) => Rows::Other(Arc::clone(expression)),
        };
        let values = Values::of(data_type);
        let values = values.ok_or_else(|| internal_datafusion_err!("a key is {data_type}"))?;
        Ok(Self { rows, values })
    }

    /// Writes the number of each row's value.
    pub(crate) fn number(&mut self, batch: &RecordBatch, numbers: &mut Vec<u32>) -> Result<()> {
        numbers.clear();
        match &mut self.rows {
            Rows::Word(column, words) => {
                let column = batch.columns().get(*column);
                let column = column.ok_or_else(|| internal_datafusion_err!("no such column"))?;
                words.number(column, (&mut self.values, numbers))
            }
            Rows::Other(expression) => {
                let column = expression.evaluate(batch)?.into_array(batch.num_rows())?;
                self.values.number(&column, numbers)
            }
        }
    }

    /// The values that have these numbers, as a column of that type.
    pub(crate) fn column(&self, numbers: Vec<u32>, data_type: &DataType) -> Result<ArrayRef> {
        self.values.column(numbers, data_type)
    }

    /// Memory that is held, octets.
    pub(crate) fn size(&self) -> usize {
        let words = match &self.rows {
            Rows::Word(_, words) => words.size(),
            Rows::Other(_) => 0,
        };
        words + self.values.size()
    }
}
