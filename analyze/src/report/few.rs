//! Cells of few clients, merged: a row that tells of fewer than so many people may tell of one of them.
//!
//! A merged row could be had back by taking the others from their sum, so the next smallest of its group goes with it. How many clients a
//! merged row has nobody knows from the parts, which may share them; it is said to have as many as its largest part, which is enough of them.

use std::collections::BTreeMap;
use std::mem::take;

use crate::report::figures::{
    CellRow, ContestedRow, DeviceRow, DirectionRow, MismatchRow, NameRow, OperatorRow, RungRow,
    VendorRow,
};

use crate::report::gather::{Report, VendorShare, in_reading_order};

/// The key of a merged row.
pub(crate) const OTHER: &str = "other";

/// A row of a report that counts clients.
trait Cell {
    /// Rows whose sum is told elsewhere are merged among themselves.
    fn group(&self) -> String;
    /// How many clients it tells of.
    fn clients(&self) -> i64;
    /// Takes the volume of another row in.
    fn absorb(&mut self, other: &Self);
    /// Forgets what it was.
    fn blur(&mut self);
}

/// Merges the rows of fewer than `clients_min` clients, each group by itself; a merged row comes last in its group.
fn merge<T: Cell>(rows: Vec<T>, clients_min: i64) -> Vec<T> {
    let mut groups: Vec<(String, Vec<T>)> = Vec::new();
    for row in rows {
        let group = row.group();
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, list)) => list.push(row),
            None => groups.push((group, vec![row])),
        }
    }
    groups.into_iter().flat_map(|(_, list)| merge_group(list, clients_min)).collect()
}

fn merge_group<T: Cell>(rows: Vec<T>, clients_min: i64) -> Vec<T> {
    let (few, mut kept): (Vec<T>, Vec<T>) =
        rows.into_iter().partition(|row| row.clients() < clients_min);
    let mut few = few.into_iter();
    let Some(mut merged) = few.next() else { return kept };
    // Of equals the last, which the question ranks lowest.
    let next = kept.iter().enumerate().rev().min_by_key(|(_, row)| row.clients());
    let next = next.map(|(position, _)| position).map(|position| kept.remove(position));
    few.chain(next).for_each(|row| merged.absorb(&row));
    merged.blur();
    kept.push(merged);
    kept
}

macro_rules! absorb {
    ($($sum:ident)*) => {
        fn clients(&self) -> i64 {
            self.clients
        }

        fn absorb(&mut self, other: &Self) {
            $(self.$sum += other.$sum;)*
            self.clients = self.clients.max(other.clients);
        }
    };
}

impl Cell for VendorRow {
    absorb!(bytes_up bytes_down flows contested_bytes_up named_bytes_up);

    fn group(&self) -> String {
        String::new()
    }

    fn blur(&mut self) {
        (self.vendor, self.seat) = (OTHER.to_owned(), None);
    }
}

impl Cell for CellRow {
    fn clients(&self) -> i64 {
        self.clients
    }

    fn absorb(&mut self, other: &Self) {
        self.bytes_up += other.bytes_up;
        self.bytes_down += other.bytes_down;
        self.flows += other.flows;
        self.clients = self.clients.max(other.clients);
        self.best_evidence = self.best_evidence.clone().max(other.best_evidence.clone());
        self.least_evidence = self.least_evidence.clone().min(other.least_evidence.clone());
    }

    /// A vendor's cells sum up to its row; those that stand apart have one row together.
    fn group(&self) -> String {
        let vendor = self.vendor.as_deref().filter(|_| self.standing == "attributed");
        format!("{} {}", self.standing, vendor.unwrap_or(""))
    }

    fn blur(&mut self) {
        if self.standing == "mismatch" {
            (self.vendor, self.vendor_seat) = (Some(OTHER.to_owned()), None);
        }
        OTHER.clone_into(&mut self.place);
    }
}

impl Cell for RungRow {
    absorb!(bytes_up bytes_down flows);

    /// The unattributed and what stands apart are told elsewhere.
    fn group(&self) -> String {
        if ["E0", "mismatch"].contains(&self.rung.as_str()) {
            self.rung.clone()
        } else {
            String::new()
        }
    }

    fn blur(&mut self) {
        OTHER.clone_into(&mut self.rung);
    }
}

impl Cell for DirectionRow {
    absorb!(flows records packets bytes_up bytes_down);

    /// The whole is that of all but the internal.
    fn group(&self) -> String {
        if self.direction == "internal" { self.direction.clone() } else { String::new() }
    }

    fn blur(&mut self) {
        OTHER.clone_into(&mut self.direction);
    }
}

impl Cell for OperatorRow {
    absorb!(bytes_up bytes_down flows vendors);

    fn group(&self) -> String {
        String::new()
    }

    fn blur(&mut self) {
        self.operator = Some(OTHER.to_owned());
        (self.operator_asn, self.operator_country) = (None, None);
    }
}

impl Cell for DeviceRow {
    absorb!(bytes_up bytes_down flows);

    /// By service, for its sum is told elsewhere; that of a maker is not.
    fn group(&self) -> String {
        self.service_vendor.clone().unwrap_or_default()
    }

    fn blur(&mut self) {
        self.device_vendor = Some(OTHER.to_owned());
    }
}

impl Cell for NameRow {
    absorb!(bytes_up bytes_down flows);

    fn group(&self) -> String {
        String::new()
    }

    fn blur(&mut self) {
        (self.name, self.service) = (Some(OTHER.to_owned()), None);
    }
}

impl Cell for MismatchRow {
    absorb!(bytes_up bytes_down flows);

    fn group(&self) -> String {
        String::new()
    }

    fn blur(&mut self) {
        for text in [&mut self.vendor, &mut self.server_ip, &mut self.place] {
            OTHER.clone_into(text);
        }
        (self.server_name, self.operator) = (None, None);
    }
}

impl Cell for ContestedRow {
    absorb!(bytes_up bytes_down flows);

    fn group(&self) -> String {
        String::new()
    }

    fn blur(&mut self) {
        (self.vendor, self.contested_with) = (Some(OTHER.to_owned()), None);
        OTHER.clone_into(&mut self.place);
    }
}

impl Report {
    /// The same day without a row of fewer than `clients_min` clients, in every table that counts them. The whole, the unattributed and
    /// what stands apart keep their sums.
    #[must_use]
    pub fn without_few(mut self, clients_min: i64) -> Self {
        let vendors = take(&mut self.vendors);
        let names: BTreeMap<String, String> =
            vendors.iter().map(|vendor| (vendor.row.vendor.clone(), vendor.name.clone())).collect();
        let rows = merge(vendors.into_iter().map(|vendor| vendor.row).collect(), clients_min);
        let shown: Vec<String> = rows.iter().map(|row| row.vendor.clone()).collect();
        let share = |row: VendorRow| {
            let name = names.get(&row.vendor).map_or("Other", String::as_str).to_owned();
            VendorShare::of(name, row, (&self.totals, &self.completeness))
        };
        self.vendors = rows.into_iter().map(share).collect();

        let mut cells = take(&mut self.vendor_country);
        for cell in cells.iter_mut().filter(|cell| cell.standing == "attributed") {
            rename(&mut cell.vendor, &shown);
        }
        let cells = join(cells, |a, b| {
            (&a.standing, &a.vendor, &a.place) == (&b.standing, &b.vendor, &b.place)
        });
        self.vendor_country = in_reading_order(merge(cells, clients_min), &self.vendors);

        let mut devices = take(&mut self.devices);
        for row in &mut devices {
            rename(&mut row.service_vendor, &shown);
        }
        let devices = join(devices, |a, b| {
            (&a.device_vendor, &a.service_vendor) == (&b.device_vendor, &b.service_vendor)
        });
        self.devices = merge(devices, clients_min);
        // The page reads makers in runs.
        self.devices.sort_by(|a, b| a.device_vendor.cmp(&b.device_vendor));
        self.evidence = merge(take(&mut self.evidence), clients_min);
        self.operators = merge(take(&mut self.operators), clients_min);
        self.unattributed = merge(take(&mut self.unattributed), clients_min);
        self.mismatches = merge(take(&mut self.mismatches), clients_min);
        self.contested = merge(take(&mut self.contested), clients_min);
        self.directions = merge(take(&mut self.directions), clients_min);
        self.capture.notes.push(format!(
            "Rows of fewer than {clients_min} clients are merged with the next smallest as \"other\"; hours, totals and the contested part of a vendor are told in full."
        ));
        self.clients_min = Some(clients_min);
        self
    }
}

/// Calls a vendor that has no row of its own by that of the merged ones.
fn rename(vendor: &mut Option<String>, shown: &[String]) {
    if let Some(name) = vendor.as_mut().filter(|name| !shown.contains(name)) {
        OTHER.clone_into(name);
    }
}

/// Rows that have come to say the same are one.
fn join<T: Cell>(rows: Vec<T>, same: impl Fn(&T, &T) -> bool) -> Vec<T> {
    let mut joined: Vec<T> = Vec::with_capacity(rows.len());
    for row in rows {
        match joined.iter_mut().find(|other| same(other, &row)) {
            Some(other) => other.absorb(&row),
            None => joined.push(row),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(name: &str, clients: i64, bytes_up: i64) -> OperatorRow {
        OperatorRow {
            operator: Some(name.to_owned()),
            operator_asn: Some(1),
            operator_country: None,
            bytes_up,
            bytes_down: 0,
            flows: 1,
            clients,
            vendors: 1,
        }
    }

    fn told(rows: Vec<OperatorRow>) -> Vec<(String, i64, i64)> {
        let merged = merge(rows, 10);
        merged.into_iter().map(|row| (row.operator.unwrap(), row.clients, row.bytes_up)).collect()
    }

    #[test]
    fn few_clients_go_with_the_next_smallest_row() {
        let rows = vec![operator("a", 50, 900), operator("b", 3, 500), operator("c", 10, 100)];
        assert_eq!(told(rows), [("a".into(), 50, 900), ("other".into(), 10, 600)]);
        let rows = vec![operator("a", 10, 9), operator("b", 10, 5)];
        assert_eq!(told(rows), [("a".into(), 10, 9), ("b".into(), 10, 5)]);
        let rows = vec![operator("a", 1, 9), operator("b", 2, 5)];
        assert_eq!(told(rows), [("other".into(), 2, 14)], "nothing is left to hide behind");
        assert!(told(vec![]).is_empty());
    }

    #[test]
    fn each_group_is_merged_by_itself() {
        let cell = |vendor: &str, place: &str, clients| CellRow {
            standing: "attributed".to_owned(),
            vendor: Some(vendor.to_owned()),
            place: place.to_owned(),
            vendor_seat: None,
            bytes_up: 1,
            bytes_down: 0,
            flows: 1,
            clients,
            best_evidence: "E4".to_owned(),
            least_evidence: "E4".to_owned(),
        };
        let rows = vec![
            cell("line", "JP", 40),
            cell("line", "SG", 30),
            cell("line", "US", 2),
            cell("apple", "US", 40),
            cell("apple", "TW", 12),
        ];
        let merged = merge(rows, 10);
        let places: Vec<_> = merged.iter().map(|row| (row.place.as_str(), row.bytes_up)).collect();
        assert_eq!(places, [("JP", 1), ("other", 2), ("US", 1), ("TW", 1)]);
    }
}
