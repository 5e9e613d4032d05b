//! The rule by which a grouping of flows becomes one by words.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult as _, TreeNode as _};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::{ExecutionPlan, InputOrderMode, PhysicalExpr};

use crate::grouping::answers::Answers;
use crate::grouping::by_word::{Names, only_text};
use crate::grouping::dictionary::over_words;
use crate::grouping::exec::GroupingExec;
use crate::grouping::key::KeyPlan;
use crate::grouping::scan::{by_words, looked_into};
use crate::grouping::values::Values;

/// Puts groupings by words where the engine would compare texts.
#[derive(Debug, Default)]
pub(crate) struct GroupByWords {
    answers: Arc<Answers>,
}

impl PhysicalOptimizerRule for GroupByWords {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let change = |plan: Arc<dyn ExecutionPlan>| {
            let Some(grouping) = plan.downcast_ref::<AggregateExec>() else {
                return Ok(Transformed::no(plan));
            };
            match self.replaced(grouping)? {
                Some(other) => Ok(Transformed::yes(other)),
                None => Ok(Transformed::no(plan)),
            }
        };
        plan.transform_up(change).data()
    }

    fn name(&self) -> &'static str {
        "group_by_words"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl GroupByWords {
    fn replaced(&self, grouping: &AggregateExec) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if !is_plain(grouping) {
            return Ok(None);
        }
        let Some((mut kept, asked)) = looked_into(grouping.input()) else { return Ok(None) };
        let schema = grouping.input_schema();
        let keys = grouping.group_expr().expr().iter();
        let Some(keys) =
            keys.map(|(key, _)| key_plan(key, &schema)).collect::<Result<Option<Vec<_>>>>()?
        else {
            return Ok(None);
        };
        let used = grouping.aggr_expr().iter().flat_map(|sum| sum.expressions());
        let filters = grouping.filter_expr().iter().flatten().cloned();
        let numbers = keys.iter().filter_map(|key| match key {
            KeyPlan::Other(expression) => Some(Arc::clone(expression)),
            KeyPlan::Word(..) => None,
        });
        for expression in used.chain(filters).chain(numbers) {
            kept.extend(collect_columns(&expression).iter().map(|column| column.name().to_owned()));
        }
        let words: Names = keys
            .iter()
            .filter_map(|key| match key {
                KeyPlan::Word(column, _) => Some(schema.field(*column).name().clone()),
                KeyPlan::Other(_) => None,
            })
            .chain(asked)
            .filter(|name| !kept.contains(name))
            .collect();
        // Of times that were made coarse there are few, and they come in runs.
        let is_coarse =
            || keys.iter().all(|key| matches!(key, KeyPlan::Other(time) if is_truncated(time)));
        let input = if words.is_empty() {
            is_coarse().then(|| Arc::clone(grouping.input()))
        } else {
            by_words(grouping.input(), (&words, &self.answers))?
        };
        let answers = Arc::clone(&self.answers);
        Ok(input.map(|input| Arc::new(GroupingExec::new(grouping, (keys, answers), input)) as _))
    }
}

/// One set of keys, the first of two steps, and sums that can be kept by group.
fn is_plain(grouping: &AggregateExec) -> bool {
    let keys = grouping.group_expr();
    *grouping.mode() == AggregateMode::Partial
        && *grouping.input_order_mode() == InputOrderMode::Linear
        && grouping.limit_options().is_none()
        && keys.is_single()
        && !keys.expr().is_empty()
        && grouping
            .aggr_expr()
            .iter()
            .all(|sum| sum.groups_accumulator_supported() && sum.order_bys().is_empty())
}

/// How rows can be grouped by an expression; none where they cannot.
fn key_plan(expression: &Arc<dyn PhysicalExpr>, schema: &Schema) -> Result<Option<KeyPlan>> {
    if Values::of(&expression.data_type(schema)?).is_none() {
        return Ok(None);
    }
    if let Some(column) = only_text(expression, schema) {
        return Ok(Some(KeyPlan::Word(column.index(), over_words(Arc::clone(expression))?)));
    }
    Ok(Some(KeyPlan::Other(Arc::clone(expression))))
}

fn is_truncated(expression: &Arc<dyn PhysicalExpr>) -> bool {
    let call = expression.downcast_ref::<ScalarFunctionExpr>();
    call.is_some_and(|call| call.name() == "date_trunc")
}
