//! One analyst's view of a store: its tables, the view `attributed`, the functions, and bounds on what a query may use.
//!
//! Read-only: nothing a query says can change the store, the session, or any other file.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{TreeNode as _, TreeNodeRecursion};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreUrl};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::expr_rewriter::unnormalize_cols;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::filter_pushdown::FilterPushdown;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::sqlparser::parser::ParserError;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use schemas::store::{Store, StoreError};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};

use crate::catalog::Catalog;
use crate::dataset::{ASK_AGAIN, Dataset, STORE_URL};
use crate::grouping::GroupByWords;
use crate::period;
use crate::shelf::Shelf;
use crate::sightings::{ADDRESSES_MAX, Sightings};
use crate::udf;
use crate::views::VIEWS;

/// How many consumers of memory an out-of-memory error names.
const CONSUMERS_NAMED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2);

/// The table that is judged.
const FLOWS: &str = schemas::flow::TABLE.name;

const ONE_AT_A_TIME: &str = "there is more than one statement; ask them one at a time";

/// What a query may use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory of all running operators; what can spill, spills.
    pub memory_bytes: usize,
    /// Space for what is spilled.
    pub spill_bytes: u64,
    /// Time from the question to the last row; none is no bound.
    pub timeout: Option<Duration>,
    /// Parts of a query that run beside each other.
    pub partitions: usize,
    /// Addresses remembered with what else was seen of them; beyond it, only a share of them is.
    pub addresses_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            spill_bytes: 16 << 30,
            timeout: None,
            partitions: std::thread::available_parallelism().map_or(1, usize::from),
            addresses_max: ADDRESSES_MAX,
        }
    }
}

/// Why a session could not be opened or a query not be answered.
#[derive(Debug, Error)]
pub enum SessionError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The statement would change something.
    #[error(
        "this is no question, and the store is read-only: {0}; ask with SELECT, WITH, VALUES, EXPLAIN, SHOW or DESCRIBE"
    )]
    Refused(String),
    /// The query is wrong or failed.
    #[error("{0}")]
    Query(String),
    /// The query took too long.
    #[error("{}", too_long(*.0))]
    Timeout(Duration),
}

impl From<DataFusionError> for SessionError {
    fn from(error: DataFusionError) -> Self {
        Self::Query(sentence(&error))
    }
}

/// What a person should read of an engine's error: the root's message on one line, with a remedy where one is known.
fn sentence(error: &DataFusionError) -> String {
    let root = error.find_root();
    let message = match root {
        DataFusionError::Diagnostic(_, inner) => inner.message().into_owned(),
        root => root.message().into_owned(),
    };
    let first = message.split("\n\nbacktrace:").next().unwrap_or_default();
    let line = first.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let line = line.join(" ");
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            format!("{line}; ask for less at once, or allow more with --memory")
        }
        DataFusionError::SQL(error, _) => {
            format!("the SQL could not be read: {}", unreadable(error))
        }
        _ => with_remedy(line),
    }
}

/// The engine lists every column there is; where to look them up is shorter.
fn with_remedy(line: String) -> String {
    if let Some((head, _)) = line.split_once(" Valid fields are ") {
        return format!("{head} DESCRIBE and a table's name lists its columns");
    }
    if line.contains(".parquet") && line.contains("No such file") {
        return format!("{line}; if its hour was merged meanwhile, {ASK_AGAIN}");
    }
    if line.starts_with("table '") && line.ends_with("' not found") {
        return format!("{line}; SHOW TABLES lists what there is");
    }
    line
}

fn unreadable(error: &ParserError) -> &str {
    match error {
        ParserError::TokenizerError(why) | ParserError::ParserError(why) => why,
        ParserError::RecursionLimitExceeded => "it is nested too deep",
    }
}

fn too_long(limit: Duration) -> String {
    format!(
        "the query took longer than {} s; narrow it (a shorter time range helps most) or allow more with --timeout",
        limit.as_secs_f64()
    )
}

/// Tables, view and functions over one store, judged by one catalog. It sees what was published when it was opened.
pub struct Session {
    context: SessionContext,
    timeout: Option<Duration>,
    /// The catalogs that judge here, each with what it makes of the store's sightings.
    judges: Vec<(Arc<Catalog>, Arc<Sightings>)>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Session {
    /// Opens a session over what the store's manifest names now.
    pub async fn open(
        store: &Store,
        catalog: Arc<Catalog>,
        limits: &Limits,
    ) -> Result<Self, SessionError> {
        let datasets = Dataset::open_all(store)?;
        let runtime = runtime(store, limits)?;
        let state = SessionStateBuilder::new()
            .with_config(config(limits))
            .with_runtime_env(Arc::new(runtime))
            .with_default_features()
            .with_physical_optimizer_rules(rules())
            .build();
        let context = SessionContext::new_with_state(state);
        for dataset in datasets {
            context.register_table(dataset.name(), Arc::new(dataset))?;
        }
        let sightings = Arc::new(Sightings::new(limits.addresses_max));
        for function in udf::over(&catalog, &sightings).into_iter().chain(udf::sooner()) {
            context.register_udf(function);
        }
        for function in udf::aggregates() {
            context.register_udaf(function);
        }
        for view in VIEWS {
            context.sql(view.sql).await?;
        }
        period::register(&context).await?;
        Ok(Self { context, timeout: limits.timeout, judges: vec![(catalog, sightings)] })
    }

    /// Adds the function `attribute_before`, which judges by another catalog, and what makes the two comparable.
    #[must_use]
    pub fn beside(mut self, before: &Arc<Catalog>) -> Self {
        let sightings = Arc::default();
        for (catalog, known) in self.judges.iter().take(1) {
            for function in udf::comparing((before, &sightings), (catalog, known)) {
                self.context.register_udf(function);
            }
        }
        self.judges.push((Arc::clone(before), sightings));
        self
    }

    /// Asks, and hands over the rows as they come.
    pub async fn stream(&self, sql: &str) -> Result<SendableRecordBatchStream, SessionError> {
        let Some(limit) = self.timeout else { return self.run(sql).await };
        let deadline = Instant::now() + limit;
        let started = timeout_at(deadline, self.run(sql)).await;
        let rows = started.map_err(|_| SessionError::Timeout(limit))??;
        let schema = rows.schema();
        let bounded = stream::unfold(Some(rows), move |rows| async move {
            let mut rows = rows?;
            match timeout_at(deadline, rows.next()).await {
                Ok(Some(batch)) => Some((batch, Some(rows))),
                Ok(None) => None,
                // Dropping the stream stops what still runs.
                Err(_) => Some((Err(DataFusionError::Execution(too_long(limit))), None)),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, bounded)))
    }

    /// Asks, and gathers all rows.
    pub async fn collect(&self, sql: &str) -> Result<Vec<RecordBatch>, SessionError> {
        Ok(self.stream(sql).await?.try_collect().await?)
    }

    /// The engine's own handle, for what the two above do not cover. It is not read-only.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    async fn plan(&self, sql: &str) -> Result<LogicalPlan, SessionError> {
        let state = self.context.state();
        let dialect = state.config().options().sql_parser.dialect;
        let statement = match state.sql_to_statement(sql, &dialect) {
            // All that the parser itself leaves out is a second statement.
            Err(error) if matches!(error.find_root(), DataFusionError::NotImplemented(_)) => {
                return Err(SessionError::Query(ONE_AT_A_TIME.into()));
            }
            statement => statement?,
        };
        match state.statement_to_plan(statement).await {
            // Statements the engine does not know are no questions either.
            Err(error) if matches!(error.find_root(), DataFusionError::NotImplemented(_)) => {
                Err(SessionError::Refused(sentence(&error)))
            }
            plan => Ok(plan?),
        }
    }

    /// The filters of each scan of flows that a plan judges; none where it judges none.
    fn judged(&self, plan: &LogicalPlan) -> Result<Vec<Vec<Expr>>, SessionError> {
        let mut scans = Vec::new();
        // An explanation runs nothing.
        if matches!(plan, LogicalPlan::Explain(_)) || !judges(plan)? {
            return Ok(scans);
        }
        let plan = self.context.state().optimize(plan)?;
        if !judges(&plan)? {
            return Ok(scans);
        }
        plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && scan.table_name.table() == FLOWS
            {
                scans.push(unnormalize_cols(scan.filters.iter().cloned()));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(scans)
    }

    /// Share of the addresses that could be remembered with what else was seen of them, percent.
    pub fn remembered_percent(&self) -> f64 {
        let shares =
            self.judges.iter().map(|(_, sightings)| sightings.witnesses().remembered_percent());
        shares.fold(100.0, f64::min)
    }

    async fn run(&self, sql: &str) -> Result<SendableRecordBatchStream, SessionError> {
        let plan = self.plan(sql).await?;
        let read_only = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        if let Err(refused) = read_only.verify_plan(&plan) {
            let why = sentence(&refused);
            return Err(SessionError::Refused(why));
        }
        let scans = self.judged(&plan)?;
        for (catalog, sightings) in self.judges.iter().filter(|_| !scans.is_empty()) {
            sightings.cover(&self.context, catalog, &scans).await?;
        }
        let frame = self.context.execute_logical_plan(plan).await?;
        Ok(frame.execute_stream().await?)
    }
}

/// Whether a plan calls for the judgement of a flow.
fn judges(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        for expression in node.expressions() {
            found = found || expression.exists(|part| Ok(is_judgement(part)))?;
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_judgement(part: &Expr) -> bool {
    matches!(part, Expr::ScalarFunction(call) if [udf::JUDGEMENT, udf::JUDGEMENT_BEFORE].contains(&call.func.name()))
}

fn config(limits: &Limits) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema("outflow", "public")
        .with_information_schema(true)
        .with_target_partitions(limits.partitions.max(1));
    let options = config.options_mut();
    options.execution.time_zone = Some("UTC".into());
    // It would copy the judgement of a flow to every place that reads one of its fields.
    options.optimizer.enable_leaf_expression_pushdown = false;
    config
}

/// The engine's rules for plans, less one that copies the judgement of a flow into every filter on one of its fields. What else it
/// does, handing filters to the files' own statistics, the tables do themselves. And one of ours.
fn rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let before = FilterPushdown::new();
    let rules = PhysicalOptimizer::new().rules.into_iter();
    // Last, when it is known where rows come from.
    let ours: Arc<dyn PhysicalOptimizerRule + Send + Sync> = Arc::new(GroupByWords::default());
    rules.filter(|rule| rule.name() != before.name()).chain([ours]).collect()
}

/// Memory and spill bounds, and an object store that reaches the store's folder and nothing else.
fn runtime(store: &Store, limits: &Limits) -> Result<RuntimeEnv, SessionError> {
    let pool = TrackConsumersPool::new(FairSpillPool::new(limits.memory_bytes), CONSUMERS_NAMED);
    let registry = Arc::new(DefaultObjectStoreRegistry::new());
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_max_temp_directory_size(limits.spill_bytes)
        .with_object_store_registry(registry)
        .build()?;
    runtime.deregister_object_store(ObjectStoreUrl::local_filesystem().as_ref())?;
    let shelf = Shelf::of(store).map_err(DataFusionError::from)?;
    runtime.register_object_store(ObjectStoreUrl::parse(STORE_URL)?.as_ref(), Arc::new(shelf));
    Ok(runtime)
}
