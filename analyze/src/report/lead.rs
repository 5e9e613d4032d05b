//! The answer in sentences, for readers who stop after the first paragraph.

use crate::report::few::OTHER;
use crate::report::gather::Report;
use crate::report::numbers::{grouped, octets, percentage};
use crate::report::place;
use crate::report::share::percent;

/// Month names; the calendar of the report is the Gregorian one.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `2014-09-22` as `22 September 2014`.
pub(crate) fn long_date(date: &str) -> String {
    let mut parts = date.split('-');
    let (Some(year), Some(month), Some(day)) = (parts.next(), parts.next(), parts.next()) else {
        return date.to_owned();
    };
    let number = month.parse::<usize>().unwrap_or(0);
    match number.checked_sub(1).and_then(|index| MONTHS.get(index)) {
        Some(month) => format!("{} {month} {year}", day.trim_start_matches('0')),
        None => date.to_owned(),
    }
}

fn counted(number: i64, one: &str, many: &str) -> String {
    if number == 1 { format!("one {one}") } else { format!("{} {many}", grouped(number)) }
}

/// The opening paragraph.
pub(crate) fn sentences(report: &Report) -> Vec<String> {
    let totals = &report.totals;
    let mut text = vec![format!(
        "{} sent {} to the outside and received {}, in {}.",
        capital(&counted(totals.clients, "client", "clients")),
        octets(totals.bytes_up),
        octets(totals.bytes_down),
        counted(totals.flows, "flow", "flows"),
    )];
    text.extend(vendor_sentence(report));
    text.extend(country_sentence(report));
    let open = &report.completeness;
    text.push(format!(
        "{} of what was sent stays unattributed, {} is contested, {} bears a name that its address speaks against; {}.",
        capital(&part(open.unattributed_percent)),
        part(open.contested_percent),
        part(open.mismatch_percent),
        loss(report),
    ));
    text
}

fn part(percent: f64) -> String {
    if percent <= 0.0 { "nothing".to_owned() } else { percentage(percent) }
}

fn loss(report: &Report) -> String {
    let ledger = &report.ledger;
    match (ledger.intervals, ledger.kernel_counted) {
        (0, _) => "how many packets were lost is not known".to_owned(),
        (_, 0) if ledger.lost() == 0 => {
            "no packet of the captures was lost, and what the tap itself missed they do not tell"
                .to_owned()
        }
        _ if ledger.lost() == 0 => "no packet is known to be lost".to_owned(),
        _ => format!("{} of the packets were lost", percentage(report.completeness.lost_percent)),
    }
}

fn vendor_sentence(report: &Report) -> Option<String> {
    let mut vendors = report.vendors.iter().filter(|vendor| vendor.row.vendor != OTHER);
    let first = vendors.next()?;
    let followers: Vec<String> = vendors
        .take(2)
        .map(|vendor| format!("{} ({})", vendor.name, percentage(vendor.share_percent)))
        .collect();
    let followed = if followers.is_empty() {
        String::new()
    } else {
        format!(", followed by {}", followers.join(" and "))
    };
    let most = first.largest_possible_percent.map_or_else(
        || ", how much at most is not known".to_owned(),
        |most| format!(" and at most {}", percentage(most)),
    );
    Some(format!(
        "{} of what was sent can be attributed to {}. The largest share went to {}: {}, {} of the whole{most}{followed}.",
        percentage(report.completeness.attributed_percent),
        counted(report.totals.vendors, "vendor", "vendors"),
        first.name,
        octets(first.row.bytes_up),
        percentage(first.share_percent),
    ))
}

fn country_sentence(report: &Report) -> Option<String> {
    let places = places_by_volume(report);
    let (place, bytes) =
        places.iter().find(|(place, _)| !["anycast", "none", OTHER].contains(&place.as_str()))?;
    Some(format!(
        "By the location of the servers it went to {}, most of it to {}: {} ({}).",
        counted(report.totals.countries, "country", "countries"),
        place::name_in_text(place),
        octets(*bytes),
        percentage(percent(*bytes, report.totals.bytes_up)),
    ))
}

/// Places by octets sent there, largest first.
pub(crate) fn places_by_volume(report: &Report) -> Vec<(String, i64)> {
    let mut places: Vec<(String, i64)> = Vec::new();
    for cell in &report.vendor_country {
        match places.iter_mut().find(|(place, _)| *place == cell.place) {
            Some((_, bytes)) => *bytes += cell.bytes_up,
            None => places.push((cell.place.clone(), cell.bytes_up)),
        }
    }
    places.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    places
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_out() {
        assert_eq!(long_date("2014-09-02"), "2 September 2014");
        assert_eq!(long_date("2014-19-02"), "2014-19-02");
    }
}
