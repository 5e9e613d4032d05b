//! The report as files: the page, the data, and a CSV for each table that people take into a spreadsheet.
//!
//! Each is written beside its place and renamed, so that nobody opens half a report.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::catalog::Catalog;
use crate::report::error::ReportError;
use crate::report::gather::Report;
use crate::report::page;

/// Writes the report into `folder`; returns the files, the page first.
pub fn write(
    report: &Report,
    catalog: &Catalog,
    folder: &Path,
) -> Result<Vec<PathBuf>, ReportError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let mut json = serde_json::to_string_pretty(report).map_err(|error| shape(&error))?;
    json.push('\n');
    let files = [
        ("report.html", page::render(report, catalog)?),
        ("report.json", json),
        ("vendors.csv", csv(&report.vendors)?),
        ("vendor_country.csv", csv(&report.vendor_country)?),
        ("evidence.csv", csv(&report.evidence)?),
        ("operators.csv", csv(&report.operators)?),
        ("devices.csv", csv(&report.devices)?),
        ("unattributed.csv", csv(&report.unattributed)?),
        ("mismatches.csv", csv(&report.mismatches)?),
        ("contested.csv", csv(&report.contested)?),
        ("directions.csv", csv(&report.directions)?),
        ("hours.csv", csv(&report.hours)?),
        ("ledger.csv", csv(std::slice::from_ref(&report.ledger))?),
        ("coverage.csv", csv(&report.coverage.watched)?),
        ("gaps.csv", csv(&report.coverage.gaps)?),
    ];
    let mut written = Vec::with_capacity(files.len());
    for (name, text) in files {
        let path = folder.join(name);
        let part = folder.join(format!("{name}.part"));
        fs::write(&part, text).map_err(failed(&part))?;
        fs::rename(&part, &path).map_err(failed(&path))?;
        written.push(path);
    }
    Ok(written)
}

fn shape(error: &serde_json::Error) -> ReportError {
    ReportError::Shape { question: "report.json", why: error.to_string() }
}

/// Rows as CSV; the header comes from the first row, so an empty table is an empty file.
fn csv<T: Serialize>(rows: &[T]) -> Result<String, ReportError> {
    let mut text = String::new();
    for row in rows {
        let json = serde_json::to_string(row).map_err(|error| shape(&error))?;
        let Fields(fields) = serde_json::from_str(&json).map_err(|error| shape(&error))?;
        if text.is_empty() {
            push_line(&mut text, fields.iter().map(|(name, _)| name.as_str()));
        }
        let cells: Vec<String> = fields.iter().map(|(_, value)| cell(value)).collect();
        push_line(&mut text, cells.iter().map(String::as_str));
    }
    Ok(text)
}

/// The fields of a row in the order of its declaration, which a JSON map would lose.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row with named fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => harmless(text),
        other => other.to_string(),
    }
}

fn push_line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>) {
    for (index, cell) in cells.enumerate() {
        if index > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}

/// A spreadsheet would run a cell that begins like a formula; these files are meant for spreadsheets.
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        name: Option<&'static str>,
        bytes: i64,
    }

    #[test]
    fn a_spreadsheet_reads_data_and_runs_nothing() {
        let rows = [
            Row { name: Some("a,\"b\""), bytes: -1 },
            Row { name: Some("=HYPERLINK(1)"), bytes: 2 },
            Row { name: None, bytes: 3 },
        ];
        let text = csv(&rows).unwrap();
        assert_eq!(text, "name,bytes\r\n\"a,\"\"b\"\"\",-1\r\n'=HYPERLINK(1),2\r\n,3\r\n");
        assert_eq!(csv::<Row>(&[]).unwrap(), "");
    }
}
