//! The witnesses of a store: what was seen of addresses around the time of a question, gathered once and kept for the next.
//!
//! Judging a flow by itself needs none of it, so it is gathered only for questions that judge, and only as far around them as it counts.

use std::sync::{Arc, PoisonError, RwLock};

use arrow::array::{Array, AsArray, Int64Array, RecordBatch, StringViewArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, resources_err};
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use tokio::sync::Mutex;

use crate::attribution::witness::{Named, WINDOW_US, Witnesses};
use crate::catalog::Catalog;

const NAMES: &str = include_str!("../sql/sightings/names.sql");
const CLIENTS: &str = include_str!("../sql/sightings/clients.sql");
const LEASES: &str = include_str!("../sql/sightings/leases.sql");
const ENCRYPTED: &str = include_str!("../sql/sightings/encrypted.sql");
const OLDEST: &str =
    "SELECT min(flow_first_seen) FROM flows WHERE flow_end >= $from AND flow_end <= $to";

/// Addresses with names, clouds and content networks apart. A few hundred bytes each, beside the query's own memory.
const ADDRESSES_MAX: usize = 4_000_000;

/// From the first instant to the last, µs.
pub type Times = (i64, i64);

/// What was gathered so far.
#[derive(Debug, Default)]
pub struct Sightings {
    witnesses: RwLock<Arc<Witnesses>>,
    /// Of which times of `flow_end` the flows can be judged. Held while gathering, so that it is done once.
    covered: Mutex<Option<Times>>,
}

impl Sightings {
    /// The witnesses as they are now.
    pub fn witnesses(&self) -> Arc<Witnesses> {
        Arc::clone(&self.witnesses.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Gathers what flows that ended in `times` are judged by, unless that is there already.
    pub async fn cover(
        &self,
        context: &SessionContext,
        catalog: &Catalog,
        times: Times,
    ) -> Result<()> {
        let mut covered = self.covered.lock().await;
        let times = match *covered {
            Some((from, to)) if from <= times.0 && times.1 <= to => return Ok(()),
            Some((from, to)) => (from.min(times.0), to.max(times.1)),
            None => times,
        };
        let fresh = Arc::new(gather(context, catalog, times).await?);
        *self.witnesses.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        *covered = Some(times);
        Ok(())
    }
}

async fn gather(context: &SessionContext, catalog: &Catalog, times: Times) -> Result<Witnesses> {
    let mut witnesses = Witnesses::default();
    // A flow is judged as of its first packet, however long ago that was.
    let oldest = ask(context, OLDEST, times).await?.next().await.transpose()?;
    let oldest = oldest.and_then(|batch| {
        let column = batch.column(0);
        let micros = cast(column, &DataType::Int64).ok()?;
        let micros = micros.as_primitive::<Int64Type>();
        (!micros.is_empty() && micros.is_valid(0)).then(|| micros.value(0))
    });
    let Some(oldest) = oldest else { return Ok(witnesses) };
    let around = (oldest.saturating_sub(WINDOW_US), times.1.saturating_add(WINDOW_US));
    let mut names = ask(context, NAMES, around).await?;
    while let Some(batch) = names.next().await.transpose()? {
        note_names(&mut witnesses, catalog, &batch)?;
        bounded(&witnesses)?;
    }
    let mut clients = ask(context, CLIENTS, around).await?;
    while let Some(batch) = clients.next().await.transpose()? {
        note_clients(&mut witnesses, &batch)?;
        bounded(&witnesses)?;
    }
    let mut leases = ask(context, LEASES, around).await?;
    while let Some(batch) = leases.next().await.transpose()? {
        note_leases(&mut witnesses, &batch)?;
        bounded(&witnesses)?;
    }
    let mut encrypted = ask(context, ENCRYPTED, around).await?;
    while let Some(batch) = encrypted.next().await.transpose()? {
        text(&batch, "name")?.iter().flatten().for_each(|name| witnesses.note_encrypted(name));
        bounded(&witnesses)?;
    }
    witnesses.finish();
    Ok(witnesses)
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

fn bounded(witnesses: &Witnesses) -> Result<()> {
    if witnesses.len() > ADDRESSES_MAX {
        return resources_err!("more than {ADDRESSES_MAX} addresses have names in that time");
    }
    Ok(())
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
