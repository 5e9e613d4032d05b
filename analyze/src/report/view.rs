//! The report's tables as the page shows them: every value a finished text.
//!
//! Names from the wire are made printable here; the template escapes them for HTML besides.

use crate::catalog::{Catalog, Source};
use crate::output::printable::printable;
use crate::report::balance::Balance;
use crate::report::figures::CellRow;
use crate::report::gather::{Report, vendor_name};
use crate::report::numbers::{grouped, octets, percentage};
use crate::report::place;
use crate::report::share::percent;

/// A figure under the headline.
pub(crate) struct Tile {
    pub(crate) value: String,
    pub(crate) label: &'static str,
    pub(crate) note: String,
}

/// A row of any table with volumes.
pub(crate) struct Line {
    pub(crate) title: String,
    pub(crate) detail: String,
    /// Whether it stands in the main part, apart or unattributed.
    pub(crate) standing: String,
    /// Its colour.
    pub(crate) class: String,
    pub(crate) up: String,
    pub(crate) down: String,
    pub(crate) flows: String,
    pub(crate) clients: String,
    /// Width of the bar and of its uncertain continuation, in percent.
    pub(crate) bar: f64,
    pub(crate) bar_max: f64,
    pub(crate) share: String,
    pub(crate) share_max: String,
    /// Begins a group.
    pub(crate) first: bool,
}

/// What the columns of volume hold.
#[derive(Default)]
struct Volume {
    up: i64,
    down: i64,
    flows: i64,
    clients: i64,
}

macro_rules! volume {
    ($row:expr) => {
        Volume {
            up: $row.bytes_up,
            down: $row.bytes_down,
            flows: $row.flows,
            clients: $row.clients,
        }
    };
}

fn line(title: &str, volume: &Volume, whole: i64) -> Line {
    let share = percent(volume.up, whole);
    Line {
        title: printable(title).into_owned(),
        detail: String::new(),
        standing: String::new(),
        class: String::new(),
        up: octets(volume.up),
        down: octets(volume.down),
        flows: grouped(volume.flows),
        clients: grouped(volume.clients),
        bar: share,
        bar_max: share,
        share: percentage(share),
        share_max: String::new(),
        first: true,
    }
}

pub(crate) fn tiles(report: &Report) -> Vec<Tile> {
    let (totals, open) = (&report.totals, &report.completeness);
    let tile = |value: String, label, note: &str| Tile { value, label, note: note.to_owned() };
    vec![
        tile(octets(totals.bytes_up), "sent out", "IP octets, inside to outside"),
        tile(octets(totals.bytes_down), "received", "IP octets, outside to inside"),
        tile(grouped(totals.flows), "flows", "begun on the day"),
        tile(grouped(totals.clients), "clients", "addresses"),
        tile(percentage(open.unattributed_percent), "unattributed", "of octets sent"),
        tile(percentage(open.contested_percent), "contested", "evidence names two"),
        tile(percentage(open.country_disputed_percent), "place disputed", "two sources differ"),
        tile(lost(report), "lost", loss_note(report)),
    ]
}

fn lost(report: &Report) -> String {
    report
        .ledger
        .lost_ppm()
        .map_or_else(|| "?".to_owned(), |_| percentage(report.completeness.lost_percent))
}

fn loss_note(report: &Report) -> &'static str {
    let ledger = &report.ledger;
    match (ledger.intervals, ledger.kernel_counted, ledger.kernel_uncounted) {
        (0, ..) => "unknown: no ledger rows",
        (_, 0, 0) => "the tap's own loss is not told",
        (_, _, 0) => "of packets that passed",
        _ => "at least: the kernel's is not all told",
    }
}

pub(crate) fn vendors(report: &Report) -> Vec<Line> {
    let whole = report.totals.bytes_up;
    let mut lines: Vec<Line> = Vec::new();
    for (rank, vendor) in report.vendors.iter().enumerate() {
        let mut row = line(&vendor.name, &volume!(vendor.row), whole);
        vendor.row.seat.as_deref().map_or("", place::name).clone_into(&mut row.detail);
        row.class = colour(rank);
        if let Some(most) = vendor.largest_possible_percent {
            (row.bar_max, row.share_max) = (most, percentage(most));
        }
        lines.push(row);
    }
    let totals = &report.totals;
    for (standing, title, clients) in [
        ("mismatch", "Name and address disagree", totals.mismatch_clients),
        ("unattributed", "Unattributed", totals.unattributed_clients),
    ] {
        let cells = || report.vendor_country.iter().filter(|cell| cell.standing == standing);
        let sum = |column: fn(&CellRow) -> i64| cells().map(column).sum();
        let volume = Volume {
            up: sum(|cell| cell.bytes_up),
            down: sum(|cell| cell.bytes_down),
            flows: sum(|cell| cell.flows),
            clients,
        };
        if standing == "mismatch" && volume.flows == 0 && volume.up == 0 {
            continue;
        }
        let mut row = line(title, &volume, whole);
        standing.clone_into(&mut row.class);
        standing.clone_into(&mut row.standing);
        lines.push(row);
    }
    lines
}

/// The colour class of a vendor by its rank; few have one of their own.
fn colour(rank: usize) -> String {
    if rank < 8 { format!("v{rank}") } else { "other".to_owned() }
}

pub(crate) fn cells(report: &Report, catalog: &Catalog) -> Vec<Line> {
    let largest = report.vendor_country.iter().map(|cell| cell.bytes_up).max().unwrap_or(0);
    let mut before = String::new();
    let mut lines = Vec::new();
    for cell in &report.vendor_country {
        let name = match (&cell.vendor, cell.standing.as_str()) {
            (Some(vendor), "mismatch") => {
                format!("Named as {}, address disagrees", vendor_name(catalog, vendor))
            }
            (Some(vendor), _) => vendor_name(catalog, vendor),
            (None, _) => "Unattributed".to_owned(),
        };
        let mut row = line(&name, &volume!(cell), report.totals.bytes_up);
        row.first = name != before;
        row.bar = percent(cell.bytes_up, largest);
        place::name(&cell.place).clone_into(&mut row.detail);
        row.share_max = evidence_range(cell);
        row.standing.clone_from(&cell.standing);
        row.class =
            match report.vendors.iter().position(|v| Some(&v.row.vendor) == cell.vendor.as_ref()) {
                Some(rank) if cell.standing == "attributed" => colour(rank),
                _ => cell.standing.clone(),
            };
        before = name;
        lines.push(row);
    }
    lines
}

fn evidence_range(cell: &CellRow) -> String {
    if cell.best_evidence == cell.least_evidence {
        cell.best_evidence.clone()
    } else {
        format!("{}–{}", cell.least_evidence, cell.best_evidence)
    }
}

/// The rungs from the strongest down, those without traffic too.
pub(crate) fn rungs(report: &Report) -> Vec<Line> {
    const RUNGS: [(&str, &str); 7] = [
        (
            "E5",
            "A name of the vendor on the flow, and a second, independent piece of evidence agrees",
        ),
        ("E4", "A name of the vendor on the flow itself: TLS, QUIC or HTTP"),
        ("E3", "This client had resolved a name of the vendor to that address just before"),
        ("E2", "All names ever seen for the address are the vendor's, and it is no shared host"),
        ("E1", "The address is in the vendor's own network"),
        ("mismatch", "A name of the vendor, but at an address that speaks against it: set apart"),
        ("E0", "Nothing: unattributed"),
    ];
    let rung = |(key, meaning): (&str, &str)| {
        let row = report.evidence.iter().find(|row| row.rung == key);
        let volume = row.map_or(Volume::default(), |r| volume!(r));
        let mut shown =
            line(if key == "mismatch" { "≠" } else { key }, &volume, report.totals.bytes_up);
        meaning.clone_into(&mut shown.detail);
        shown.class = key.to_lowercase();
        shown
    };
    let merged = report.evidence.iter().any(|row| row.rung == "other");
    let merged = merged.then_some(("other", "Rungs of few clients, merged"));
    RUNGS.into_iter().chain(merged).map(rung).collect()
}

/// How right the DNS join is, in a sentence and as a bar; none where nothing could be compared.
pub(crate) fn accuracy(report: &Report) -> Option<Line> {
    let row = &report.dns_accuracy;
    let share = row.owner_bytes_percent?;
    let told = |percent: Option<f64>| percent.map_or_else(|| "none".to_owned(), percentage);
    let compared =
        row.flows.map_or_else(|| "flows".to_owned(), |n| format!("{} flows", grouped(n)));
    let mut shown = line("DNS, held against names on flows", &Volume::default(), 0);
    shown.detail = format!(
        "{compared} bear a name and came after an answer for their address: where the answer alone names a vendor, it is that of the name in {} \
         of flows and {} of octets; the very name is among the answers in {} of flows. By DNS only are named {} of all octets sent.",
        told(row.owner_percent),
        told(row.owner_bytes_percent),
        told(row.name_percent),
        told(row.dns_only_percent),
    );
    shown.bar = share;
    shown.share = percentage(share);
    Some(shown)
}

pub(crate) fn operators(report: &Report) -> Vec<Line> {
    let largest = report.operators.first().map_or(0, |row| row.bytes_up);
    let operator = |row: &crate::report::figures::OperatorRow| {
        let name = row.operator.as_deref().unwrap_or("No operator known");
        let mut shown = line(name, &volume!(row), report.totals.bytes_up);
        let country = row.operator_country.as_deref().map_or("", place::name);
        shown.detail = match row.operator_asn {
            Some(asn) => format!("AS{asn} {country}").trim_end().to_owned(),
            None => country.to_owned(),
        };
        shown.bar = percent(row.bytes_up, largest);
        shown.share_max = grouped(row.vendors);
        shown
    };
    report.operators.iter().map(operator).collect()
}

pub(crate) fn unattributed(report: &Report) -> Vec<Line> {
    let whole = report.totals.unattributed_bytes_up;
    let name = |row: &crate::report::figures::NameRow| {
        let nameless = || format!("no name seen, {}", row.service.as_deref().unwrap_or("unknown"));
        line(&row.name.clone().unwrap_or_else(nameless), &volume!(row), whole)
    };
    report.unattributed.iter().map(name).collect()
}

pub(crate) fn mismatches(report: &Report, catalog: &Catalog) -> Vec<Line> {
    let mismatch = |row: &crate::report::figures::MismatchRow| {
        let name = row.server_name.as_deref().unwrap_or("");
        let mut shown = line(name, &volume!(row), report.totals.bytes_up);
        let operator = row.operator.as_deref().unwrap_or("no operator known");
        shown.detail = printable(&format!(
            "named as {}; {} is {operator}, {}",
            vendor_name(catalog, &row.vendor),
            row.server_ip,
            place::name(&row.place)
        ))
        .into_owned();
        shown
    };
    report.mismatches.iter().map(mismatch).collect()
}

/// Makers of devices against vendors of services.
pub(crate) struct Matrix {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<MatrixRow>,
}

pub(crate) struct MatrixRow {
    pub(crate) title: String,
    pub(crate) cells: Vec<MatrixCell>,
}

#[derive(Clone, Default)]
pub(crate) struct MatrixCell {
    pub(crate) text: String,
    /// Depth of the shade, 0 to 1.
    pub(crate) shade: f64,
}

pub(crate) fn devices(report: &Report, catalog: &Catalog) -> Matrix {
    let services: Vec<&str> =
        report.vendors.iter().take(8).map(|vendor| vendor.row.vendor.as_str()).collect();
    let mut columns: Vec<String> = services.iter().map(|key| vendor_name(catalog, key)).collect();
    columns.extend(["Others".to_owned(), "Unattributed".to_owned()]);
    let position = |service: Option<&String>| match service {
        Some(key) => services.iter().position(|s| s == key).unwrap_or(services.len()),
        None => services.len() + 1,
    };
    let mut makers: Vec<(Option<&str>, Vec<i64>)> = Vec::new();
    for row in &report.devices {
        let maker = row.device_vendor.as_deref();
        if makers.last().is_none_or(|(last, _)| *last != maker) {
            makers.push((maker, vec![0; columns.len()]));
        }
        let sums = makers.last_mut().map(|(_, sums)| sums);
        if let Some(sum) = sums.and_then(|s| s.get_mut(position(row.service_vendor.as_ref()))) {
            *sum += row.bytes_up;
        }
    }
    makers.sort_by_key(|(maker, sums)| (maker.is_none(), -sums.iter().sum::<i64>()));
    let rows = makers.into_iter().map(|(maker, sums)| matrix_row(catalog, maker, &sums)).collect();
    Matrix { columns, rows }
}

fn matrix_row(catalog: &Catalog, maker: Option<&str>, sums: &[i64]) -> MatrixRow {
    let whole: i64 = sums.iter().sum();
    let cell = |sum: &i64| {
        if *sum == 0 {
            return MatrixCell::default();
        }
        MatrixCell { text: octets(*sum), shade: percent(*sum, whole) / 100.0 }
    };
    let title = maker.map_or_else(|| "Maker unknown".to_owned(), |key| vendor_name(catalog, key));
    MatrixRow { title, cells: sums.iter().map(cell).collect() }
}

/// A line of the balance.
pub(crate) struct Entry {
    pub(crate) sign: &'static str,
    pub(crate) title: &'static str,
    pub(crate) packets: String,
}

/// What came in, and where it went; reasons without a packet are left out.
pub(crate) fn balance(ledger: &Balance) -> (Vec<Entry>, Vec<Entry>) {
    let entry = |sign, title, packets| Entry { sign, title, packets: grouped(packets) };
    let came = vec![entry("", "seen on the wire", ledger.packets_seen)];
    let reasons = [
        ("ignored: link type not known here", ledger.ignored_link_type),
        ("ignored: ARP", ledger.ignored_arp),
        ("ignored: no IP", ledger.ignored_non_ip),
        ("ignored: captured too short", ledger.ignored_truncated),
        ("ignored: malformed", ledger.ignored_malformed),
        ("ignored: too many headers", ledger.ignored_too_deep),
        ("ignored: seen a moment before already", ledger.ignored_duplicate),
        ("did not match the filter", ledger.filtered),
        ("lost: a lane was full", ledger.queue_drops),
        ("lost: in rows that the disk did not take", ledger.rows_lost_packets),
        ("lost: in flows open when the probe was killed", ledger.open_lost),
    ];
    let mut went = vec![entry("", "in records of flows", ledger.kept())];
    for (title, packets) in reasons.into_iter().filter(|(_, packets)| *packets != 0) {
        went.push(entry("+", title, packets));
    }
    went.push(entry(
        "+",
        "in flows still open at the end, less those at the beginning",
        ledger.still_open(),
    ));
    (came, went)
}

/// Sources without repetition, in their order.
pub(crate) fn sources(report: &Report) -> Vec<&Source> {
    let mut shown: Vec<&Source> = Vec::new();
    for source in &report.catalog.sources {
        if !shown.iter().any(|other| other.name == source.name && other.date == source.date) {
            shown.push(source);
        }
    }
    shown
}
