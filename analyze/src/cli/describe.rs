//! Tables, columns and functions explained in the shell, from the same declarations as the reference.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use schemas::Column;

use crate::cli::reference::type_name;
use crate::views::VIEWS;

/// Tables and views, with what a row of each is.
pub(crate) fn tables() -> Result<SendableRecordBatchStream, ArrowError> {
    let mut rows: Vec<[&str; 3]> =
        schemas::tables().map(|table| [table.name, "table", table.doc]).collect();
    rows.extend(VIEWS.iter().map(|view| [view.name, "view", view.doc]));
    text_table(["name", "kind", "a row is"], &rows)
}

/// The columns of a table or view; none if there is none of that name.
pub(crate) fn columns(name: &str) -> Option<Result<SendableRecordBatchStream, ArrowError>> {
    let name = name.trim_matches('"').to_lowercase();
    let table = schemas::tables().find(|table| table.name == name);
    let view = VIEWS.iter().find(|view| view.name == name);
    let columns: Vec<&Column> = match (table, view) {
        (Some(table), _) => table.columns.iter().collect(),
        (None, Some(view)) => schemas::flow::TABLE.columns.iter().chain(view.columns).collect(),
        (None, None) => return None,
    };
    let types: Vec<String> = columns.iter().map(|column| type_name(column)).collect();
    let rows: Vec<[&str; 4]> = columns
        .iter()
        .zip(&types)
        .map(|(column, kind)| [column.name, kind.as_str(), column.unit, column.doc])
        .collect();
    Some(text_table(["column", "type", "unit or values", "meaning"], &rows))
}

/// The functions beside the engine's own.
pub(crate) fn functions(all: &[ScalarUDF]) -> Result<SendableRecordBatchStream, ArrowError> {
    let rows: Vec<[&str; 2]> = all
        .iter()
        .filter_map(|function| function.documentation())
        .map(|doc| [doc.syntax_example.as_str(), doc.description.as_str()])
        .collect();
    text_table(["function", "meaning"], &rows)
}

fn text_table<const N: usize>(
    names: [&str; N],
    rows: &[[&str; N]],
) -> Result<SendableRecordBatchStream, ArrowError> {
    let column = |index: usize| -> ArrayRef {
        let cells = rows.iter().map(|row| row.get(index).copied().unwrap_or_default());
        Arc::new(StringArray::from_iter_values(cells))
    };
    let columns = names.iter().enumerate().map(|(index, name)| (*name, column(index)));
    let batch = RecordBatch::try_from_iter(columns)?;
    let schema = batch.schema();
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::iter([Ok(batch)]))))
}
