//! A day's report as data: the answers to all questions, with shares, balance and catalog.
//!
//! Nothing in it depends on when or where it is made, so the same store and catalog give the same report to the byte.

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::json::ArrayWriter;
use datafusion::scalar::ScalarValue;
use schemas::store::Store;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::catalog::{Catalog, Snapshot};
use crate::report::balance::Balance;
use crate::report::caveat::CAVEATS;
use crate::report::coverage::Coverage;
use crate::report::day::Day;
use crate::report::error::ReportError;
use crate::report::few::OTHER;
use crate::report::figures::{
    AccuracyRow, CellRow, ContestedRow, DeviceRow, DirectionRow, HourRow, MismatchRow, NameRow,
    OperatorRow, RungRow, Totals, VendorRow,
};
use crate::report::numbers::percentage;
use crate::report::share::{Completeness, largest_possible_percent, percent};
use crate::report::telling::Telling;
use crate::report::veil::{classify, keep};
use crate::session::{Session, SessionError};

/// A question that ships: the name of its file and its text.
macro_rules! question {
    ($name:literal) => {
        Question { name: $name, sql: include_str!(concat!("../../sql/reports/", $name, ".sql")) }
    };
}

struct Question {
    name: &'static str,
    sql: &'static str,
}

/// A vendor with its shares of what was sent out.
#[derive(Debug, Clone, Serialize)]
pub struct VendorShare {
    /// Its name as people know it.
    pub name: String,
    /// What was measured.
    #[serde(flatten)]
    pub row: VendorRow,
    /// Share of all octets sent out.
    pub share_percent: f64,
    /// The largest share it could have had; none where loss was not counted.
    pub largest_possible_percent: Option<f64>,
}

impl VendorShare {
    pub(crate) fn of(
        name: String,
        row: VendorRow,
        (totals, completeness): (&Totals, &Completeness),
    ) -> Self {
        let volume = (row.bytes_up, row.contested_bytes_up);
        Self {
            name,
            share_percent: percent(row.bytes_up, totals.bytes_up),
            largest_possible_percent: largest_possible_percent(volume, totals, completeness),
            row,
        }
    }
}

const DNS_ACCURACY: Question =
    Question { name: "dns_accuracy_of_day", sql: crate::period::DNS_ACCURACY.sql };

/// One day, answered.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The day.
    pub day: Day,
    /// The catalog it was judged by.
    pub catalog: Snapshot,
    /// How much of the answer is certain.
    pub completeness: Completeness,
    /// Sums of what crossed the border.
    pub totals: Totals,
    /// Vendors by octets sent out to them.
    pub vendors: Vec<VendorShare>,
    /// Vendors by country of the server; ends with what stands apart and with the unattributed.
    pub vendor_country: Vec<CellRow>,
    /// The evidence it rests on.
    pub evidence: Vec<RungRow>,
    /// How right the DNS join is.
    pub dns_accuracy: AccuracyRow,
    /// Operators of the servers.
    pub operators: Vec<OperatorRow>,
    /// Makers of devices by vendors of services.
    pub devices: Vec<DeviceRow>,
    /// Names nobody in the catalog owns.
    pub unattributed: Vec<NameRow>,
    /// Names that their address speaks against.
    pub mismatches: Vec<MismatchRow>,
    /// Evidence that names two vendors.
    pub contested: Vec<ContestedRow>,
    /// All directions, traffic among inside hosts included.
    pub directions: Vec<DirectionRow>,
    /// The course of the day.
    pub hours: Vec<HourRow>,
    /// The balance of packets.
    pub ledger: Balance,
    /// When the interfaces were watched.
    pub coverage: Coverage,
    /// Both in words.
    pub capture: Telling,
    /// Rows of fewer clients were merged; none where all are told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients_min: Option<i64>,
    /// What the network cannot show.
    pub caveats: &'static [&'static str],
}

impl Report {
    /// Asks all questions about `day`. With `clients_min`, no sum or difference of what is told is of fewer clients.
    pub async fn gather(
        session: &Session,
        (store, clients_min): (&Store, Option<i64>),
        catalog: &Catalog,
        day: &Day,
    ) -> Result<Self, ReportError> {
        define(session, &question!("day"), day).await?;
        if let Some(clients_min) = clients_min {
            hide_few(session, clients_min, day).await?;
        }
        for view in [question!("outside"), question!("day_ledger"), DNS_ACCURACY] {
            define(session, &view, day).await?;
        }
        let directions: Vec<DirectionRow> = ask(session, &question!("directions")).await?;
        if directions.is_empty() {
            return Err(no_data(store, day));
        }
        let totals: Totals = ask_one(session, &question!("totals")).await?;
        let ledger: Balance = ask_one(session, &question!("ledger")).await?;
        let gaps = ask(session, &question!("gaps")).await?;
        let coverage = Coverage::new(ask(session, &question!("coverage")).await?, gaps);
        let mut capture = Telling::of(&ledger, &coverage, day);
        let completeness = Completeness::of(&totals, &ledger, &coverage);
        let share = |row: VendorRow| {
            VendorShare::of(vendor_name(catalog, &row.vendor), row, (&totals, &completeness))
        };
        let vendors: Vec<VendorRow> = ask(session, &question!("vendors")).await?;
        let vendors: Vec<VendorShare> = vendors.into_iter().map(share).collect();
        let cells = ask(session, &question!("vendor_country")).await?;
        let hours: Vec<HourRow> = ask(session, &question!("hours")).await?;
        let mut dns_accuracy: AccuracyRow = ask_one(session, &question!("accuracy")).await?;
        if let Some(clients_min) = clients_min {
            dns_accuracy = dns_accuracy.of_many(clients_min);
            let by_hour: i64 = hours.iter().map(|hour| hour.bytes_up).sum();
            capture
                .notes
                .push(hidden(clients_min, percent(totals.bytes_up - by_hour, totals.bytes_up)));
        }
        capture.notes.extend(forgotten(session.remembered_percent()));
        Ok(Self {
            day: day.clone(),
            catalog: catalog.snapshot().clone(),
            completeness,
            vendor_country: in_reading_order(cells, &vendors),
            vendors,
            totals,
            evidence: ask(session, &question!("evidence")).await?,
            dns_accuracy,
            operators: ask(session, &question!("operators")).await?,
            devices: ask(session, &question!("devices")).await?,
            unattributed: ask(session, &question!("unattributed")).await?,
            mismatches: ask(session, &question!("mismatches")).await?,
            contested: ask(session, &question!("contested")).await?,
            directions,
            hours,
            ledger,
            coverage,
            capture,
            clients_min,
            caveats: CAVEATS,
        })
    }

    /// Whether the day can be cited without saying what is missing: the balance is closed, little was lost, and somebody watched.
    pub fn is_complete(&self) -> bool {
        self.capture.warnings.is_empty()
    }
}

/// A vendor's name as people know it.
pub(crate) fn vendor_name(catalog: &Catalog, key: &str) -> String {
    let merged = if key == OTHER { "Other" } else { key };
    catalog.vendor(key).map_or(merged, |vendor| vendor.name.as_str()).to_owned()
}

/// Vendors as they rank, then what stands apart, then the unattributed, which has a row even when there is none.
pub(crate) fn in_reading_order(mut cells: Vec<CellRow>, vendors: &[VendorShare]) -> Vec<CellRow> {
    if !cells.iter().any(|cell| cell.standing == "unattributed") {
        cells.push(CellRow {
            standing: "unattributed".to_owned(),
            vendor: None,
            place: "none".to_owned(),
            vendor_seat: None,
            bytes_up: 0,
            bytes_down: 0,
            flows: 0,
            clients: 0,
            best_evidence: "E0".to_owned(),
            least_evidence: "E0".to_owned(),
        });
    }
    let standing_rank = |cell: &CellRow| match cell.standing.as_str() {
        "attributed" => 0,
        "mismatch" => 1,
        _ => 2,
    };
    let vendor_rank = |cell: &CellRow| {
        let key = cell.vendor.as_deref().unwrap_or("");
        vendors.iter().position(|vendor| vendor.row.vendor == key).unwrap_or(usize::MAX)
    };
    // The sort is stable: within a vendor the order of the question stays.
    cells.sort_by_key(|cell| (standing_rank(cell), vendor_rank(cell)));
    cells
}

/// Puts in place of the day's records those that tell of no fewer clients.
async fn hide_few(session: &Session, clients_min: i64, day: &Day) -> Result<(), ReportError> {
    let failed = |source: SessionError| ReportError::Question {
        question: "cells",
        source: Box::new(source),
    };
    define(session, &question!("traits"), day).await?;
    let listed = question!("listed");
    keep(session, listed.name, listed.sql).await.map_err(failed)?;
    define(session, &question!("cells"), day).await?;
    let enough = usize::try_from(clients_min).unwrap_or(usize::MAX);
    if !classify(session, enough).await.map_err(failed)? {
        let date = day.date.clone();
        return Err(ReportError::TooFew { date, clients_min });
    }
    session.context().deregister_table("day").map_err(|error| failed(error.into()))?;
    define(session, &Question { name: "day", ..question!("told") }, day).await
}

fn hidden(clients_min: i64, hourless_percent: f64) -> String {
    format!(
        "What fewer than {clients_min} clients did is told as \"other\" with what is next to it, the same in all tables, so that no difference of two figures is of fewer; \
         {} of the octets sent are in no hour. Where the evidence of so few is contested or a place disputed, it is not said. The ledger counts the packets of everybody.",
        percentage(hourless_percent)
    )
}

fn forgotten(remembered_percent: f64) -> Option<String> {
    (remembered_percent < 100.0).then(|| {
        format!(
            "More addresses were seen than can be remembered: for all but {} of them, what else was seen of them is no evidence (E2), and a device is named \
             by its own flow only.",
            percentage(remembered_percent)
        )
    })
}

/// Makes the answer to a question a view that others can be asked about.
async fn define(session: &Session, view: &Question, day: &Day) -> Result<(), ReportError> {
    let failed = |error: datafusion::error::DataFusionError| ReportError::Question {
        question: view.name,
        source: Box::new(SessionError::from(error)),
    };
    let time = |micros| ScalarValue::TimestampMicrosecond(Some(micros), Some("UTC".into()));
    let mut values = vec![("from", time(day.from)), ("to", time(day.to))];
    values.push(("from_us", ScalarValue::Int64(Some(day.from))));
    values.push(("to_us", ScalarValue::Int64(Some(day.to))));
    let context = session.context();
    let frame = context.sql(view.sql).await.map_err(failed)?;
    let frame = frame.with_param_values(values).map_err(failed)?;
    context.register_table(view.name, frame.into_view()).map_err(failed)?;
    Ok(())
}

async fn ask<T: DeserializeOwned>(
    session: &Session,
    question: &Question,
) -> Result<Vec<T>, ReportError> {
    let batches = session.collect(question.sql).await.map_err(|source| ReportError::Question {
        question: question.name,
        source: Box::new(source),
    })?;
    typed_rows(&batches).map_err(|why| ReportError::Shape { question: question.name, why })
}

async fn ask_one<T: DeserializeOwned>(
    session: &Session,
    question: &Question,
) -> Result<T, ReportError> {
    let mut rows = ask(session, question).await?;
    let none = || ReportError::Shape { question: question.name, why: "no row".to_owned() };
    rows.pop().ok_or_else(none)
}

/// Rows of a result as values of a type whose fields are named as the columns.
pub fn typed_rows<T: DeserializeOwned>(batches: &[RecordBatch]) -> Result<Vec<T>, String> {
    let mut writer = ArrayWriter::new(Vec::new());
    for batch in batches {
        writer.write(batch).map_err(|e| e.to_string())?;
    }
    writer.finish().map_err(|e| e.to_string())?;
    serde_json::from_slice(&writer.into_inner()).map_err(|e| e.to_string())
}

fn no_data(store: &Store, day: &Day) -> ReportError {
    let entries = store.entries().unwrap_or_default();
    let instants: Vec<i64> = entries
        .iter()
        .flat_map(|entry| &entry.files)
        .filter(|file| file.table == schemas::flow::TABLE.name && file.rows > 0)
        .flat_map(|file| [file.ts_min, file.ts_max])
        .collect();
    let dates = day.dates_of(&instants).into_iter().filter(|date| *date != day.date).collect();
    ReportError::NoData { date: day.date.clone(), zone: day.zone.clone(), dates }
}
