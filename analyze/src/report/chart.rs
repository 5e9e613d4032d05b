//! The report's figure and its course of the day, from rows to shapes.

use crate::report::figures::{CellRow, HourRow};
use crate::report::gather::Report;
use crate::report::lead::places_by_volume;
use crate::report::numbers;
use crate::report::place;
use crate::report::sankey::{Name, Part, Sankey};

/// Vendors with a colour of their own.
const VENDORS_MAX: usize = 8;
const PLACES_MAX: usize = 9;

/// Who sent to where: vendors left, places right.
pub(crate) fn vendor_to_place(report: &Report) -> Sankey {
    let shown = report.vendors.len().min(VENDORS_MAX);
    let mut left: Vec<Name> = report
        .vendors
        .iter()
        .take(shown)
        .enumerate()
        .map(|(index, vendor)| (vendor.name.clone(), format!("v{index}")))
        .collect();
    let other = left.len();
    let rest = report.vendors.len() - shown;
    if rest > 0 {
        left.push((format!("{rest} other vendors"), "other".to_owned()));
    }
    let mismatch = left.len();
    if report.vendor_country.iter().any(|cell| cell.standing == "mismatch") {
        left.push(("Name, address disagree".to_owned(), "mismatch".to_owned()));
    }
    let unattributed = left.len();
    left.push(("Unattributed".to_owned(), "unattributed".to_owned()));
    let from = |cell: &CellRow| match cell.standing.as_str() {
        "mismatch" => mismatch,
        "unattributed" => unattributed,
        _ => {
            let key = cell.vendor.as_deref();
            let rank = report.vendors.iter().position(|v| Some(v.row.vendor.as_str()) == key);
            rank.filter(|rank| *rank < shown).unwrap_or(other)
        }
    };
    let places = places_by_volume(report);
    let right = place_nodes(&places);
    let to = |cell: &CellRow| {
        let rank = places.iter().position(|(place, _)| *place == cell.place).unwrap_or(0);
        rank.min(right.len().saturating_sub(1))
    };
    let mut parts: Vec<Part> = report
        .vendor_country
        .iter()
        .map(|cell| Part { from: from(cell), to: to(cell), octets: cell.bytes_up })
        .collect();
    // Ribbons leave and arrive in the order of the nodes, so that few cross; the sort is stable.
    parts.sort_by_key(|part| (part.from, part.to));
    Sankey::new(&left, &right, &parts)
}

fn place_nodes(places: &[(String, i64)]) -> Vec<Name> {
    let own = if places.len() > PLACES_MAX + 1 { PLACES_MAX } else { places.len() };
    let mut nodes: Vec<Name> = places
        .iter()
        .take(own)
        .map(|(place, _)| (place::name(place).to_owned(), "place".to_owned()))
        .collect();
    if own < places.len() {
        nodes.push((format!("{} other places", places.len() - own), "place".to_owned()));
    }
    nodes
}

/// One hour of the course of the day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) height: f64,
    pub(crate) title: String,
}

/// Hours as columns, highest = 80.
pub(crate) fn course(hours: &[HourRow], count: i64) -> Vec<Column> {
    let highest = hours.iter().map(|hour| hour.bytes_up).max().unwrap_or(0).max(1);
    let step = 960.0 / float(count.max(1));
    hours
        .iter()
        .map(|hour| {
            let height = 80.0 * float(hour.bytes_up) / float(highest);
            Column {
                x: float(hour.hour) * step,
                y: 84.0 - height,
                height,
                title: format!(
                    "{:02}:00: {} sent, {} received, {} flows",
                    hour.hour,
                    numbers::octets(hour.bytes_up),
                    numbers::octets(hour.bytes_down),
                    numbers::grouped(hour.flows)
                ),
            }
        })
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "pixels")]
fn float(number: i64) -> f64 {
    number as f64
}
