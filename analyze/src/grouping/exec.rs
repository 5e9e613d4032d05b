//! The operator: takes rows, keeps sums by group, hands over groups with their sums as the engine's own first step of a grouping would.
//!
//! Its memory counts as the query's. Where that is spent, it hands over what it has and begins anew; the second step joins what belongs together.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _};
use arrow::compute::cast;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt as _, stream};

use crate::grouping::answers::Answers;
use crate::grouping::groups::Groups;
use crate::grouping::key::{Key, KeyPlan};

/// One sum, and which rows count.
#[derive(Debug, Clone)]
struct Sum {
    function: Arc<AggregateFunctionExpr>,
    filter: Option<Arc<dyn PhysicalExpr>>,
}

/// The first step of a grouping, by words.
#[derive(Debug)]
pub(crate) struct GroupingExec {
    keys: Vec<KeyPlan>,
    answers: Arc<Answers>,
    sums: Vec<Sum>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GroupingExec {
    /// Does what `grouping` does, over `input`.
    pub(crate) fn new(
        grouping: &AggregateExec,
        (keys, answers): (Vec<KeyPlan>, Arc<Answers>),
        input: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let filters = grouping.filter_expr().iter().cloned();
        let sums = grouping.aggr_expr().iter().cloned().zip(filters);
        Self {
            keys,
            answers,
            sums: sums.map(|(function, filter)| Sum { function, filter }).collect(),
            input,
            properties: Arc::clone(grouping.properties()),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for GroupingExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.iter().map(|key| match key {
            KeyPlan::Word(column, expression) => {
                let schema = self.input.schema();
                format!("{expression} of {}", schema.field(*column).name())
            }
            KeyPlan::Other(expression) => expression.to_string(),
        });
        let sums = self.sums.iter().map(|sum| sum.function.name().to_owned());
        let (keys, sums) = (keys.collect::<Vec<_>>(), sums.collect::<Vec<_>>());
        write!(f, "GroupingExec: keys=[{}], sums=[{}]", keys.join(", "), sums.join(", "))
    }
}

impl ExecutionPlan for GroupingExec {
    fn name(&self) -> &'static str {
        "GroupingExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        let keys = self.keys.iter().map(|key| match key {
            KeyPlan::Word(_, expression) | KeyPlan::Other(expression) => Arc::clone(expression),
        });
        let sums = self.sums.iter();
        let sums =
            sums.flat_map(|sum| sum.function.expressions().into_iter().chain(sum.filter.clone()));
        for expression in keys.chain(sums) {
            if f(&expression)? == TreeNodeRecursion::Stop {
                return Ok(TreeNodeRecursion::Stop);
            }
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop().filter(|_| children.is_empty()) else {
            return internal_err!("a grouping has one input");
        };
        Ok(Arc::new(Self {
            keys: self.keys.clone(),
            answers: Arc::clone(&self.answers),
            sums: self.sums.clone(),
            input,
            properties: Arc::clone(&self.properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(
            children,
            ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute),
        )
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let part = Part {
            keys: begin_keys(&self.keys, &self.schema(), &self.answers)?,
            answers: Arc::clone(&self.answers),
            key_plans: self.keys.clone(),
            sums: self.sums.clone(),
            sums_so_far: begin(&self.sums)?,
            groups: Groups::default(),
            numbers: Vec::new(),
            groups_of_rows: Vec::new(),
            schema: self.schema(),
            memory: MemoryConsumer::new(format!("GroupingExec[{partition}]"))
                .register(context.memory_pool()),
            ready: VecDeque::new(),
            rows_max: context.session_config().batch_size(),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            input: Some(self.input.execute(partition, context)?),
        };
        let rows = stream::try_unfold(part, |mut part| async move {
            Ok(part.next().await?.map(|batch| (batch, part)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

fn begin_keys(plans: &[KeyPlan], schema: &SchemaRef, answers: &Arc<Answers>) -> Result<Vec<Key>> {
    let keys = plans.iter().zip(schema.fields());
    keys.map(|(plan, field)| Key::new(plan, field.data_type(), answers)).collect()
}

fn begin(sums: &[Sum]) -> Result<Vec<Box<dyn GroupsAccumulator>>> {
    sums.iter().map(|sum| sum.function.create_groups_accumulator()).collect()
}

/// One part of the query at work.
struct Part {
    keys: Vec<Key>,
    answers: Arc<Answers>,
    key_plans: Vec<KeyPlan>,
    sums: Vec<Sum>,
    sums_so_far: Vec<Box<dyn GroupsAccumulator>>,
    groups: Groups,
    /// Room for a key's numbers and for the groups of a batch's rows.
    numbers: Vec<u32>,
    groups_of_rows: Vec<usize>,
    schema: SchemaRef,
    memory: MemoryReservation,
    /// Groups on their way out.
    ready: VecDeque<RecordBatch>,
    rows_max: usize,
    metrics: BaselineMetrics,
    /// None when it has ended.
    input: Option<SendableRecordBatchStream>,
}

impl Part {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                self.metrics.record_output(batch.num_rows());
                return Ok(Some(batch));
            }
            let Some(input) = &mut self.input else { return Ok(None) };
            let batch = input.next().await.transpose()?;
            let timer = self.metrics.elapsed_compute().clone();
            let _timer = timer.timer();
            let Some(batch) = batch else {
                self.input = None;
                self.hand_over()?;
                self.memory.free();
                continue;
            };
            self.take(&batch)?;
            if self.memory.try_resize(self.size()).is_err() {
                self.hand_over()?;
                self.memory.try_resize(self.size())?;
            }
        }
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<()> {
        for (position, key) in self.keys.iter_mut().enumerate() {
            key.number(batch, &mut self.numbers)?;
            self.groups.add(position, &self.numbers)?;
        }
        self.groups.of_rows(&mut self.groups_of_rows);
        let groups = self.groups.len();
        for (sum, so_far) in self.sums.iter().zip(&mut self.sums_so_far) {
            let rows = batch.num_rows();
            let column = |expression: &Arc<dyn PhysicalExpr>| {
                expression.evaluate(batch).and_then(|values| values.into_array(rows))
            };
            let values = sum.function.expressions();
            let values = values.iter().map(column);
            let values = values.collect::<Result<Vec<ArrayRef>>>()?;
            let counts = sum.filter.as_ref().map(column).transpose()?;
            let counts = counts.map(|counts| cast(&counts, &DataType::Boolean)).transpose()?;
            let counts = counts.as_ref().map(|counts| {
                let counts = counts.as_boolean_opt();
                counts.ok_or_else(|| internal_datafusion_err!("a filter is no truth value"))
            });
            so_far.update_batch(&values, &self.groups_of_rows, counts.transpose()?, groups)?;
        }
        Ok(())
    }

    /// All groups so far, in batches; begins anew.
    fn hand_over(&mut self) -> Result<()> {
        let rows = self.groups.len();
        if rows > 0 {
            let mut columns = Vec::with_capacity(self.schema.fields().len());
            for ((position, key), field) in self.keys.iter().enumerate().zip(self.schema.fields()) {
                columns.push(key.column(self.groups.numbers(position), field.data_type())?);
            }
            for sum in &mut self.sums_so_far {
                columns.extend(sum.state(EmitTo::All)?);
            }
            let options = RecordBatchOptions::new().with_row_count(Some(rows));
            let all =
                RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
            for start in (0..rows).step_by(self.rows_max.max(1)) {
                self.ready.push_back(all.slice(start, self.rows_max.min(rows - start)));
            }
        }
        self.groups = Groups::default();
        self.keys = begin_keys(&self.key_plans, &self.schema, &self.answers)?;
        self.sums_so_far = begin(&self.sums)?;
        Ok(())
    }

    fn size(&self) -> usize {
        let keys: usize = self.keys.iter().map(Key::size).sum();
        let sums: usize = self.sums_so_far.iter().map(|sum| sum.size()).sum();
        keys + sums + self.groups.size()
    }
}
