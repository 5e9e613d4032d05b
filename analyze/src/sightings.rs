//! The witnesses of a store: what was seen of addresses around the time of a question, gathered once and kept for the next.
//!
//! Judging a flow by itself needs none of it, so it is gathered only for questions that judge, and only as far around them as it counts.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::cast as cast_to;
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::{Expr, SessionContext, col, lit};
use futures::StreamExt as _;
use tokio::sync::Mutex;

use crate::attribution::witness::{Named, WINDOW_US, Witnesses};
use crate::catalog::Catalog;

const NAMES: &str = include_str!("../sql/sightings/names.sql");
const CLIENTS: &str = include_str!("../sql/sightings/clients.sql");
const LEASES: &str = include_str!("../sql/sightings/leases.sql");
const ENCRYPTED: &str = include_str!("../sql/sightings/encrypted.sql");
const FLOWS: &str = schemas::flow::TABLE.name;
/// All times by which a question can narrow the flows it judges.
const TIMES: [&str; 3] = ["flow_start", "flow_end", "flow_first_seen"];

/// Addresses that are remembered with what was seen of them. A few hundred bytes each, beside the query's own memory.
pub const ADDRESSES_MAX: usize = 4_000_000;

const DAY_US: i64 = 86_400 * 1_000_000;

/// More separate times are gathered as one.
const RUNS_MAX: usize = 64;

/// From the first instant to the last, µs.
type Times = (i64, i64);

/// What was gathered so far.
#[derive(Debug)]
pub struct Sightings {
    witnesses: RwLock<Arc<Witnesses>>,
    /// Days (UTC) on which flows began that can be judged. Held while gathering, so that it is done once.
    days: Mutex<BTreeSet<i64>>,
    addresses_max: usize,
}

impl Default for Sightings {
    fn default() -> Self {
        Self::new(ADDRESSES_MAX)
    }
}

impl Sightings {
    /// Nothing yet, and never more than so many addresses.
    pub fn new(addresses_max: usize) -> Self {
        Self { witnesses: RwLock::default(), days: Mutex::default(), addresses_max }
    }

    /// The witnesses as they are now.
    pub fn witnesses(&self) -> Arc<Witnesses> {
        Arc::clone(&self.witnesses.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gathers what the flows of `scans`, each with its filters, are judged by, unless that is there already.
    pub async fn cover(
        &self,
        context: &SessionContext,
        catalog: &Catalog,
        scans: &[Vec<Expr>],
    ) -> Result<()> {
        let mut days = self.days.lock().await;
        let mut wanted = days.clone();
        for filters in scans {
            wanted.extend(days_of(context, filters).await?);
        }
        if wanted == *days {
            return Ok(());
        }
        let mut witnesses = Witnesses::with_room_for(self.addresses_max);
        for times in around(&wanted) {
            gather(context, (catalog, &mut witnesses), times).await?;
        }
        witnesses.finish();
        *self.witnesses.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(witnesses);
        *days = wanted;
        Ok(())
    }
}

/// The days on which the flows began that a scan reads, by those of its filters that are about time. A flow is judged as of its first packet,
/// however long ago that was.
async fn days_of(context: &SessionContext, filters: &[Expr]) -> Result<Vec<i64>> {
    let about_time = filters.iter().filter(|filter| {
        let columns = filter.column_refs();
        !columns.is_empty() && columns.iter().all(|column| TIMES.contains(&column.name.as_str()))
    });
    let mut frame = context.table(FLOWS).await?;
    if let Some(filter) = conjunction(about_time.cloned()) {
        frame = frame.filter(filter)?;
    }
    let day = cast_to(col("flow_first_seen"), DataType::Int64) / lit(DAY_US);
    let mut rows = frame.select([day.alias("day")])?.distinct()?.execute_stream().await?;
    let mut days = Vec::new();
    while let Some(batch) = rows.next().await.transpose()? {
        days.extend(number(&batch, "day")?.iter().flatten());
    }
    Ok(days)
}

/// The times around days within which a sighting counts: whole days, so that what is asked for does not decide which sightings of a day are seen.
fn around(days: &BTreeSet<i64>) -> Vec<Times> {
    const REACH: i64 = WINDOW_US / DAY_US;
    let mut runs: Vec<Times> = Vec::new();
    for day in days {
        let (first, end) =
            ((day - REACH).saturating_mul(DAY_US), (day + REACH + 1).saturating_mul(DAY_US));
        match runs.last_mut() {
            Some((_, last)) if first <= *last + 1 => *last = end - 1,
            _ => runs.push((first, end - 1)),
        }
    }
    // Clocks gone astray shall not become questions without number.
    match (runs.first(), runs.last()) {
        (Some((first, _)), Some((_, last))) if runs.len() > RUNS_MAX => vec![(*first, *last)],
        _ => runs,
    }
}

async fn gather(
    context: &SessionContext,
    (catalog, witnesses): (&Catalog, &mut Witnesses),
    times: Times,
) -> Result<()> {
    let mut names = ask(context, NAMES, times).await?;
    while let Some(batch) = names.next().await.transpose()? {
        note_names(witnesses, catalog, &batch)?;
    }
    let mut clients = ask(context, CLIENTS, times).await?;
    while let Some(batch) = clients.next().await.transpose()? {
        note_clients(witnesses, &batch)?;
    }
    let mut leases = ask(context, LEASES, times).await?;
    while let Some(batch) = leases.next().await.transpose()? {
        note_leases(witnesses, &batch)?;
    }
    let mut encrypted = ask(context, ENCRYPTED, times).await?;
    while let Some(batch) = encrypted.next().await.transpose()? {
        let (name, first, last) =
            (text(&batch, "name")?, number(&batch, "first")?, number(&batch, "last")?);
        for row in 0..batch.num_rows() {
            witnesses.note_encrypted(name.value(row), (first.value(row), last.value(row)));
        }
    }
    Ok(())
}

async fn ask(
    context: &SessionContext,
    sql: &str,
    (from, to): Times,
) -> Result<datafusion::execution::SendableRecordBatchStream> {
    let time = |micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()));
    let frame = context.sql(sql).await?;
    frame.with_param_values(vec![("from", time(from)), ("to", time(to))])?.execute_stream().await
}

fn note_names(witnesses: &mut Witnesses, catalog: &Catalog, batch: &RecordBatch) -> Result<()> {
    let (address, name) = (text(batch, "address")?, text(batch, "name")?);
    let (first, last, until) =
        (number(batch, "first")?, number(batch, "last")?, number(batch, "until")?);
    let by_dns = batch.column_by_name("by_dns").and_then(|column| column.as_boolean_opt());
    let by_dns = by_dns.ok_or_else(|| internal_datafusion_err!("names have no column by_dns"))?;
    for row in 0..batch.num_rows() {
        let named = Named {
            address: address.value(row),
            name: name.value(row),
            by_dns: by_dns.value(row),
            first: first.value(row),
            last: last.value(row),
            until: until.value(row),
        };
        witnesses.note_name(catalog, &named);
    }
    Ok(())
}

fn note_clients(witnesses: &mut Witnesses, batch: &RecordBatch) -> Result<()> {
    let (client, agent) = (text(batch, "client")?, text(batch, "agent")?);
    let (first, last) = (number(batch, "first")?, number(batch, "last")?);
    for row in 0..batch.num_rows() {
        let times = (first.value(row), last.value(row));
        if agent.is_valid(row) {
            witnesses.note_agent(client.value(row), agent.value(row), times);
        } else {
            witnesses.note_router(client.value(row), times);
        }
    }
    Ok(())
}

fn note_leases(witnesses: &mut Witnesses, batch: &RecordBatch) -> Result<()> {
    let [client, host_name, vendor_class] =
        [text(batch, "client")?, text(batch, "host_name")?, text(batch, "vendor_class")?];
    let (first, last) = (number(batch, "first")?, number(batch, "last")?);
    for row in 0..batch.num_rows() {
        let said =
            |column: &StringViewArray| column.is_valid(row).then(|| column.value(row).to_owned());
        let (host_name, vendor_class) = (said(&host_name), said(&vendor_class));
        let said = (host_name.as_deref(), vendor_class.as_deref());
        witnesses.note_lease(client.value(row), said, (first.value(row), last.value(row)));
    }
    Ok(())
}

/// A column as text, whichever form of it the engine found best.
fn text(batch: &RecordBatch, name: &str) -> Result<StringViewArray> {
    let column = batch.column_by_name(name);
    let column = column.ok_or_else(|| internal_datafusion_err!("there is no column {name}"))?;
    Ok(cast(column, &DataType::Utf8View)?.as_string_view().clone())
}

fn number<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array> {
    let column =
        batch.column_by_name(name).and_then(|column| column.as_primitive_opt::<Int64Type>());
    column.ok_or_else(|| internal_datafusion_err!("the column {name} is no number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_gathered_whole_with_their_neighbours() {
        let day = |first: i64, end: i64| (first * DAY_US, end * DAY_US - 1);
        let runs = |days: &[i64]| around(&days.iter().copied().collect());
        assert_eq!(runs(&[]), []);
        assert_eq!(runs(&[7]), [day(6, 9)]);
        assert_eq!(runs(&[7, 8, 10]), [day(6, 12)]);
        assert_eq!(runs(&[7, 70]), [day(6, 9), day(69, 72)]);
    }
}
