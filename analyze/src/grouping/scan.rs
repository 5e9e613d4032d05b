//! A scan of files that hands over columns of text as they lie on the disk: the words once, and for each row which one.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource as _, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{conjunction, split_conjunction};
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use crate::grouping::answers::Answers;
use crate::grouping::by_word::{Names, needed_by_rows, with_words};

/// Of a plan between the files and the grouping: the names of the columns that it needs row by row, and of those that it looks into, but only into their
/// words; none where it is no plain scan.
pub(crate) fn looked_into(plan: &Arc<dyn ExecutionPlan>) -> Option<(Names, Names)> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let (_, source) = scan.downcast_to_file_source::<ParquetSource>()?;
        let filter =
            source.filter().filter(|_| source.table_parquet_options().global.pushdown_filters);
        let columns = filter.iter().flat_map(collect_columns);
        return Some((columns.map(|column| column.name().to_owned()).collect(), Names::new()));
    }
    let [child] = plan.children()[..] else { return None };
    let (mut by_rows, mut by_words) = looked_into(child)?;
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let needed = needed_by_rows(filter.predicate(), &child.schema());
        let texts = collect_columns(filter.predicate()).into_iter().filter(|column| {
            *child.schema().field(column.index()).data_type() == DataType::Utf8View
        });
        by_words.extend(texts.map(|column| column.name().to_owned()));
        by_rows.extend(needed);
        return Some((by_rows, by_words));
    }
    let spreads = plan.downcast_ref::<RepartitionExec>().is_some_and(|exchange| {
        matches!(exchange.partitioning(), Partitioning::RoundRobinBatch(_))
    });
    spreads.then_some((by_rows, by_words))
}

/// The same plan, reading these columns by their words; none where the files cannot be read so.
pub(crate) fn by_words(
    plan: &Arc<dyn ExecutionPlan>,
    (names, answers): (&Names, &Arc<Answers>),
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>() {
        let Some((config, source)) = scan.downcast_to_file_source::<ParquetSource>() else {
            return Ok(None);
        };
        return Ok(scan_by_words(config, source, names)?
            .map(|config| DataSourceExec::from_data_source(config) as Arc<dyn ExecutionPlan>));
    }
    let [child] = plan.children()[..] else { return Ok(None) };
    let texts = child.schema();
    let Some(child) = by_words(child, (names, answers))? else { return Ok(None) };
    if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        let predicate = Arc::clone(filter.predicate());
        let predicate = with_words(predicate, &texts, (names, answers))?;
        let filter = FilterExecBuilder::from(filter).with_input(child).with_predicate(predicate);
        return Ok(Some(Arc::new(filter.build()?)));
    }
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(plan).replace_children(vec![child], options).map(Some)
}

fn scan_by_words(
    config: &FileScanConfig,
    source: &ParquetSource,
    names: &Names,
) -> Result<Option<FileScanConfig>> {
    let schema = source.table_schema().file_schema();
    let options = source.table_parquet_options().clone();
    let hint = options.global.metadata_size_hint;
    let mut words =
        ParquetSource::new(Arc::new(typed(schema, names))).with_table_parquet_options(options);
    if let Some(hint) = hint {
        words = words.with_metadata_size_hint(hint);
    }
    // What files say of themselves to rule rows out, they say of texts.
    let of_texts = source.filter().map(|predicate| {
        let parts = split_conjunction(&predicate).into_iter().filter(|part| {
            collect_columns(part).iter().all(|column| !names.contains(column.name()))
        });
        conjunction(parts.cloned())
    });
    if let Some(predicate) = of_texts {
        words = words.with_predicate(predicate);
    }
    if let Some(factory) = source.parquet_file_reader_factory() {
        words = words.with_parquet_file_reader_factory(Arc::clone(factory));
    }
    let Some(projection) = source.projection() else { return Ok(None) };
    let Some(projected) = words.try_pushdown_projection(projection)? else { return Ok(None) };
    let groups: Option<Vec<FileGroup>> = config
        .file_groups
        .iter()
        .map(|group| group.iter().map(|file| file_by_words(file, names)).collect())
        .collect();
    let Some(groups) = groups else { return Ok(None) };
    let builder = FileScanConfigBuilder::from(config.clone());
    Ok(Some(builder.with_file_groups(groups).with_source(projected).build()))
}

/// A file whose columns are known can be told to give them in another form.
fn file_by_words(file: &PartitionedFile, names: &Names) -> Option<PartitionedFile> {
    let schema = file.arrow_schema.as_ref()?;
    Some(file.clone().with_arrow_schema(Arc::new(typed(schema, names))))
}

fn typed(schema: &Schema, names: &Names) -> Schema {
    let words = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let field = |field: &Arc<Field>| {
        if names.contains(field.name()) {
            Arc::new(field.as_ref().clone().with_data_type(words()))
        } else {
            Arc::clone(field)
        }
    };
    let fields: Vec<_> = schema.fields().iter().map(field).collect();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}
