//! Puts in place of the day's records those that may be told of where no figure may be of few clients; the questions stay the same.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray as _, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use futures::TryStreamExt as _;

use crate::report::few::{Cells, DIMENSIONS, Told};
use crate::session::{Session, SessionError};

const CELL_CLIENTS: &str = include_str!("../../sql/reports/cell_clients.sql");

/// Keeps the answer to a question as a table, for others that are asked about it again and again.
pub(crate) async fn keep(session: &Session, name: &str, sql: &str) -> Result<(), SessionError> {
    let rows = session.stream(sql).await?;
    let schema = rows.schema();
    let table = MemTable::try_new(schema, vec![rows.try_collect().await?])?;
    session.context().register_table(name, Arc::new(table))?;
    Ok(())
}

/// Parts the view `cells` into classes of at least `clients_min` clients, as the table `classes`; false where all together are fewer.
pub(crate) async fn classify(session: &Session, clients_min: usize) -> Result<bool, SessionError> {
    let mut cells = Cells::new(clients_min);
    let mut rows = session.stream(CELL_CLIENTS).await?;
    while let Some(batch) = rows.try_next().await? {
        note(&mut cells, &batch)?;
    }
    let Some(told) = cells.told() else { return Ok(false) };
    let table = table(&told)?;
    session.context().register_table("classes", Arc::new(table))?;
    Ok(true)
}

fn note(cells: &mut Cells, batch: &RecordBatch) -> Result<(), SessionError> {
    let columns = batch.columns().iter().map(|column| cast(column, &DataType::Utf8View));
    let columns: Vec<ArrayRef> =
        columns.collect::<Result<_, _>>().map_err(DataFusionError::from)?;
    let [cell, client] = columns.as_slice() else { return Ok(()) };
    for (cell, client) in cell.as_string_view().iter().zip(client.as_string_view()) {
        if !cells.note(cell.unwrap_or(""), client.unwrap_or("")) {
            let why = "the day has too many different cells to hide few clients among them";
            return Err(DataFusionError::ResourcesExhausted(why.to_owned()).into());
        }
    }
    Ok(())
}

fn table(told: &[Told]) -> Result<MemTable, DataFusionError> {
    let cell: StringViewArray = told.iter().map(|told| Some(told.cell.as_str())).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![("cell", Arc::new(cell))];
    for (dimension, name) in DIMENSIONS.into_iter().enumerate() {
        let values = told.iter().map(|told| told.values.get(dimension).and_then(Option::as_deref));
        columns.push((name, Arc::new(values.collect::<StringViewArray>())));
    }
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)?;
    MemTable::try_new(batch.schema(), vec![vec![batch]])
}
