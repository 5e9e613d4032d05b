//! The tables of a store as the engine scans them: exactly the files the manifest names, pruned by the times it states.
//!
//! No folder is listed and no file read to plan a query; a file that is gone or torn is an error, never fewer rows.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, BooleanArray, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{
    Column, ColumnStatistics, DFSchema, Result, ScalarValue, Statistics, exec_datafusion_err,
    exec_err, project_schema,
};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::object_store::path::Path;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use schemas::store::{FileRecord, Store, StoreError, fingerprint};
use schemas::{Layout, Table, tables};

use crate::ahead::{Ahead, Place};
use crate::shelf::soon;

/// The store as the engine addresses it; nothing outside its folder can be named.
pub const STORE_URL: &str = "outflow://store";

/// The remedy where files were replaced while they were asked.
pub const ASK_AGAIN: &str = "ask again in a new session, which sees the store as it is now";

/// What is read of a file's end at first, octets: more than a footer of our columns takes where a file has few row groups; others take a second look.
const FOOTER_BYTES: usize = 64 << 10;

/// One table of a store, as of the moment it was opened.
#[derive(Debug)]
pub struct Dataset {
    store: Store,
    table: &'static Table,
    schema: SchemaRef,
    files: Vec<File>,
}

/// One published file, as far as a plan needs it.
#[derive(Debug)]
struct File {
    record: FileRecord,
    /// It has the table's columns of today, no more and no fewer.
    has_all_columns: bool,
    /// Made when it is first planned: they have room for every column.
    statistics: OnceLock<Arc<Statistics>>,
}

impl Dataset {
    /// All tables of the contract, read from the manifest once.
    pub fn open_all(store: &Store) -> std::result::Result<Vec<Self>, StoreError> {
        let mut by_table: BTreeMap<String, Vec<FileRecord>> = BTreeMap::new();
        for entry in store.entries()? {
            for file in entry.files {
                by_table.entry(file.table.clone()).or_default().push(file);
            }
        }
        let dataset = |table: &'static Table| {
            let mut records = by_table.remove(table.name).unwrap_or_default();
            records.sort_by(|a, b| (a.ts_min, &a.path).cmp(&(b.ts_min, &b.path)));
            let today = Some(fingerprint(table));
            let described = |record: FileRecord| File {
                has_all_columns: record.columns == today,
                record,
                statistics: OnceLock::new(),
            };
            let files = records.into_iter().map(described).collect();
            Self { store: store.clone(), table, schema: view_schema(table), files }
        };
        Ok(tables().map(dataset).collect())
    }

    /// Name of the table.
    pub fn name(&self) -> &'static str {
        self.table.name
    }

    /// The files whose times can satisfy `filters`.
    fn selected(&self, state: &dyn Session, filters: &[Expr]) -> Result<Vec<&File>> {
        let all = || self.files.iter().collect();
        let about_time = filters.iter().filter(|filter| self.is_about_times(filter)).cloned();
        let Some(filter) = conjunction(about_time) else { return Ok(all()) };
        let filter = self.physical(state, filter)?;
        let builder = PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema));
        let Some(predicate) = builder.build(filter) else { return Ok(all()) };
        let keep = predicate.prune(&Times(self))?;
        Ok(self.files.iter().zip(keep).filter_map(|(file, keep)| keep.then_some(file)).collect())
    }

    fn physical(&self, state: &dyn Session, filter: Expr) -> Result<Arc<dyn PhysicalExpr>> {
        state.create_physical_expr(filter, &DFSchema::try_from(Arc::clone(&self.schema))?)
    }

    /// Whether a filter is about times of a row and nothing else.
    fn is_about_times(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        !columns.is_empty() && columns.iter().all(|column| self.is_time(column))
    }

    /// Whether a filter is about any time of a row.
    fn is_timed(&self, filter: &Expr) -> bool {
        filter.column_refs().iter().any(|column| self.is_time(column))
    }

    fn is_time(&self, column: &Column) -> bool {
        self.layout(&column.name) == Some(Layout::Times)
    }

    /// Between which times a column's values lie in a file that has no null in it, as far as the manifest says it.
    fn span(&self, record: &FileRecord, column: &str) -> Option<(i64, i64)> {
        if column == self.table.partition_by {
            return Some((record.ts_min, record.ts_max));
        }
        record.times.get(column).copied()
    }

    /// What the manifest knows of a file.
    fn statistics(&self, record: &FileRecord) -> Statistics {
        let time = |micros| {
            Precision::Exact(ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into())))
        };
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows =
            usize::try_from(record.rows).map_or(Precision::Absent, Precision::Exact);
        for (field, column) in self.schema.fields().iter().zip(&mut statistics.column_statistics) {
            if let Some((from, to)) = self.span(record, field.name()) {
                *column = ColumnStatistics {
                    null_count: Precision::Exact(0),
                    min_value: time(from),
                    max_value: time(to),
                    ..ColumnStatistics::new_unknown()
                };
            }
        }
        statistics
    }

    fn layout(&self, name: &str) -> Option<Layout> {
        self.table.columns.iter().find(|column| column.name == name).map(|column| column.layout)
    }

    /// Whether a filter wants a column of many texts to be one of them. Few rows are wanted then: all else of them is read when it is known which.
    fn names_a_text(&self, filter: &Expr) -> bool {
        let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = filter else {
            return false;
        };
        let (Expr::Column(column), Expr::Literal(..)) = (left.as_ref(), right.as_ref()) else {
            return false;
        };
        self.layout(&column.name) == Some(Layout::Texts)
    }

    fn partitioned_file(
        &self,
        File { record, has_all_columns, statistics: known }: &File,
    ) -> Result<PartitionedFile> {
        let remedy = "run `outflow store verify` to see all that is wrong with the store";
        let path = &record.path;
        let Some(place) = self.store.locate(path) else {
            if !self.store.holds(path).map_err(|error| exec_datafusion_err!("{error}"))? {
                return exec_err!("{path} was replaced since this session began; {ASK_AGAIN}");
            }
            return exec_err!("{path} is in the manifest but not in the store; {remedy}");
        };
        let bytes = fs::metadata(&place)?.len();
        if bytes != record.bytes {
            return exec_err!(
                "{path} has {bytes} bytes where the manifest says {}; {remedy}",
                record.bytes
            );
        }
        let relative = place.strip_prefix(self.store.root()).unwrap_or(&place);
        let mut file = PartitionedFile::new("", bytes);
        file.object_meta.location = Path::parse(relative.to_string_lossy())?;
        file.object_meta.e_tag = Some(record.sha256.clone());
        if *has_all_columns {
            file = file.with_arrow_schema(self.table.schema());
        }
        let known = known.get_or_init(|| {
            // What cannot be opened now is told when it is read.
            if let Ok(file) = fs::File::open(&place) {
                soon(&file, &(bytes.saturating_sub(FOOTER_BYTES as u64)..bytes));
            }
            Arc::new(self.statistics(record))
        });
        Ok(file.with_statistics(Arc::clone(known)))
    }

    fn plan(&self, state: &dyn Session, scan: Scan<'_>) -> Result<Arc<dyn ExecutionPlan>> {
        let selected = self.selected(state, scan.filters)?;
        let files = selected.into_iter().map(|file| self.partitioned_file(file));
        let files = files.collect::<Result<Vec<_>>>()?;
        if files.is_empty() {
            let schema = project_schema(&self.schema, scan.projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let known = files.iter().filter_map(|file| file.statistics.as_deref());
        let total = Statistics::try_merge_iter(known, &self.schema)?;
        let partitions = state.config().target_partitions().max(1);
        let mut source = ParquetSource::new(Arc::clone(&self.schema));
        if let Some(filter) = conjunction(scan.filters.iter().cloned()) {
            source = source.with_predicate(self.physical(state, filter)?);
        }
        let mut options = state.table_options().parquet.clone();
        if scan.filters.iter().any(|filter| self.names_a_text(filter)) {
            options.global.pushdown_filters = true;
            // What is kept of columns that are filtered by is kept of all their rows, and few are wanted.
            options.global.max_predicate_cache_size = Some(0);
        }
        // Pages follow each other in time: of nothing else do they rule out each other's rows.
        options.global.enable_page_index = scan.filters.iter().any(|filter| self.is_timed(filter));
        options.global.metadata_size_hint = Some(FOOTER_BYTES);
        let url = ObjectStoreUrl::parse(STORE_URL)?;
        let runtime = state.runtime_env();
        let place = Place {
            root: self.store.root().to_owned(),
            shelf: runtime.object_store(&url)?,
            footers: runtime.cache_manager.get_file_metadata_cache(),
            footer_bytes: FOOTER_BYTES,
        };
        let source = source
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(Ahead::of(place, &files, partitions)))
            .with_metadata_size_hint(FOOTER_BYTES);
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(FileGroup::new(files).split_files(partitions))
            .with_statistics(total)
            .with_projection_indices(scan.projection.cloned())?
            .with_limit(scan.limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }
}

/// What a query wants of a table.
#[derive(Clone, Copy)]
struct Scan<'a> {
    projection: Option<&'a Vec<usize>>,
    filters: &'a [Expr],
    limit: Option<usize>,
}

type PlanFuture<'a> = Pin<Box<dyn Future<Output = Result<Arc<dyn ExecutionPlan>>> + Send + 'a>>;

impl TableProvider for Dataset {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Late reading applies it to each row, and no row waits in a second filter for others to come. A file without the column would not be filtered.
        let is_sure = self.files.iter().all(|file| file.has_all_columns);
        let push_down = |filter: &&Expr| {
            if is_sure && self.names_a_text(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(push_down).collect())
    }

    // Written out as the attribute of the trait would write it.
    fn scan<'own, 'state, 'projection, 'filters, 'all>(
        &'own self,
        state: &'state dyn Session,
        projection: Option<&'projection Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> PlanFuture<'all>
    where
        'own: 'all,
        'state: 'all,
        'projection: 'all,
        'filters: 'all,
    {
        Box::pin(ready(self.plan(state, Scan { projection, filters, limit })))
    }
}

/// The contract's schema with text in the form the engine works fastest on.
fn view_schema(table: &Table) -> SchemaRef {
    let view = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
        _ => field.as_ref().clone(),
    };
    Arc::new(Schema::new(table.schema().fields().iter().map(view).collect::<Vec<_>>()))
}

/// What the manifest says of a table's files, as far as it rules them out.
struct Times<'a>(&'a Dataset);

impl Times<'_> {
    /// One value for each file; none where the column is of no times.
    fn of<T: FromIterator<Option<N>>, N>(
        &self,
        column: &Column,
        value: fn((i64, i64)) -> N,
    ) -> Option<T> {
        let spans = self.0.files.iter().map(|file| self.0.span(&file.record, &column.name));
        self.0.is_time(column).then(|| spans.map(|span| span.map(value)).collect())
    }

    fn times(&self, column: &Column, end: fn((i64, i64)) -> i64) -> Option<ArrayRef> {
        let times: TimestampMicrosecondArray = self.of(column, end)?;
        Some(Arc::new(times.with_timezone("UTC")))
    }
}

impl PruningStatistics for Times<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.times(column, |(from, _)| from)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.times(column, |(_, to)| to)
    }

    fn num_containers(&self) -> usize {
        self.0.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let nulls: UInt64Array = self.of(column, |_| 0)?;
        Some(Arc::new(nulls))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.0.files.iter().map(|file| Some(file.record.rows));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(&self, _: &Column, _: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
