//! The report as one page that stands alone: no script, no request, readable on paper and in the dark.

use askama::Template;

use crate::catalog::{Catalog, Source};
use crate::report::chart::{Column, course, vendor_to_place};
use crate::report::error::ReportError;
use crate::report::gather::{Report, vendor_name};
use crate::report::lead::{long_date, sentences};
use crate::report::numbers::{grouped, octets};
use crate::report::sankey::Sankey;
use crate::report::view::{self, Entry, Line, Matrix, Tile};

#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    report: &'a Report,
    date: String,
    lead: Vec<String>,
    tiles: Vec<Tile>,
    figure: Sankey,
    hours: Vec<Column>,
    hours_width: f64,
    hour_marks: Vec<(f64, String)>,
    vendors: Vec<Line>,
    cells: Vec<Line>,
    rungs: Vec<Line>,
    accuracy: Option<Line>,
    operators: Vec<Line>,
    unattributed: Vec<Line>,
    mismatches: Vec<Line>,
    contested: Vec<(String, String)>,
    devices: Matrix,
    directions: Vec<[String; 6]>,
    came: Vec<Entry>,
    went: Vec<Entry>,
    difference: String,
    lost: String,
    missed: String,
    sources: Vec<Notice<'a>>,
}

/// A source of the catalog, with the link its owner asks for.
struct Notice<'a> {
    source: &'a Source,
    credit: &'a str,
    link: Option<&'a str>,
}

impl<'a> Notice<'a> {
    fn new(source: &'a Source) -> Self {
        let credit = source.credit.as_deref().unwrap_or("");
        let link = credit.find("https://").and_then(|at| credit.get(at..)).map(|rest| {
            let end = rest.find([' ', ')', ',', ';']).unwrap_or(rest.len());
            rest.get(..end).unwrap_or(rest)
        });
        Self { source, credit, link }
    }
}

/// Renders the page.
pub(crate) fn render(report: &Report, catalog: &Catalog) -> Result<String, ReportError> {
    const HOUR_US: i64 = 3_600_000_000;
    let count = (report.day.to - report.day.from).div_euclid(HOUR_US);
    let (came, went) = view::balance(&report.ledger);
    let contested = |row: &crate::report::figures::ContestedRow| {
        let vendor = row.vendor.as_deref().unwrap_or("nobody");
        let other = row.contested_with.as_deref().unwrap_or("");
        (format!("{} against {other}", vendor_name(catalog, vendor)), octets(row.bytes_up))
    };
    let direction = |row: &crate::report::figures::DirectionRow| {
        [
            row.direction.clone(),
            octets(row.bytes_up),
            octets(row.bytes_down),
            grouped(row.flows),
            grouped(row.packets),
            grouped(row.clients),
        ]
    };
    let page = Page {
        date: long_date(&report.day.date),
        lead: sentences(report),
        tiles: view::tiles(report),
        figure: vendor_to_place(report),
        hours: course(&report.hours, count),
        hours_width: 960.0 / scale(count) - 3.0,
        hour_marks: (0..count)
            .step_by(3)
            .map(|hour| (960.0 / scale(count) * scale(hour), format!("{hour:02}")))
            .collect(),
        vendors: view::vendors(report),
        cells: view::cells(report, catalog),
        rungs: view::rungs(report),
        accuracy: view::accuracy(report),
        operators: view::operators(report),
        unattributed: view::unattributed(report),
        mismatches: view::mismatches(report, catalog),
        contested: report.contested.iter().map(contested).collect(),
        devices: view::devices(report, catalog),
        directions: report.directions.iter().map(direction).collect(),
        came,
        went,
        difference: grouped(report.ledger.balance_error),
        lost: grouped(report.ledger.lost()),
        missed: octets(report.totals.missed_bytes),
        sources: view::sources(report).into_iter().map(Notice::new).collect(),
        report,
    };
    page.render().map_err(ReportError::Page)
}

/// Hours as a length; there are few.
fn scale(hours: i64) -> f64 {
    f64::from(i32::try_from(hours).unwrap_or(i32::MAX))
}
