//! What may be told where no figure may be of few clients.
//!
//! One decision for all tables: the cells of the day, each all that any table tells of a record, are parted into classes of enough clients, and every
//! table is made of whole classes. Sums and differences of what is printed, over however many tables, are then of whole classes as well.
//!
//! A class is parted by one dimension after the other, the most wanted first; parts that are too small go together, with the next smallest where they
//! have to. What a class is not all of one kind in is not told of it.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// What stands where values were merged.
pub(crate) const OTHER: &str = "other";
/// The cell of traffic among inside hosts, which only one table tells of.
const INTERNAL: &str = "internal";
/// Parts the dimensions of a cell.
const SEPARATOR: char = '\u{1f}';
/// A cell takes some hundred bytes.
const CELLS_MAX: usize = 2_000_000;

/// What tables tell of a record, in the order in which a cell names it.
pub(crate) const DIMENSIONS: [&str; 10] = [
    "standing",
    "vendor",
    "place",
    "evidence",
    "device_vendor",
    "operator",
    "direction",
    "hour",
    "disputed",
    "trait",
];
const STANDING: usize = 0;
const VENDOR: usize = 1;

/// In which order a class is parted; by standing and vendor at once.
const STEPS: [&[usize]; 9] = [&[STANDING, VENDOR], &[2], &[9], &[3], &[4], &[5], &[6], &[7], &[8]];

/// Some of the clients of a cell: all where they are few, else enough of them.
type Clients = Vec<u64>;

/// The cells of a day.
#[derive(Debug)]
pub(crate) struct Cells {
    clients_min: usize,
    cells: BTreeMap<String, Clients>,
}

/// What is told of the records of a cell: a value for each dimension, none where its class has several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) cell: String,
    pub(crate) values: [Option<String>; DIMENSIONS.len()],
}

/// A cell taken apart.
struct Cell<'a> {
    values: Vec<&'a str>,
    clients: &'a Clients,
}

/// Cells that are not told apart.
struct Group<'a> {
    rank: u8,
    cells: Vec<&'a Cell<'a>>,
    clients: Clients,
}

impl Cells {
    pub(crate) fn new(clients_min: usize) -> Self {
        Self { clients_min, cells: BTreeMap::new() }
    }

    /// Notes that a client has records in a cell; false where there are too many cells.
    pub(crate) fn note(&mut self, cell: &str, client: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        client.hash(&mut hasher);
        if !self.cells.contains_key(cell) {
            self.cells.insert(cell.to_owned(), Clients::new());
        }
        if let Some(clients) = self.cells.get_mut(cell) {
            add(clients, &[hasher.finish()], self.clients_min);
        }
        self.cells.len() <= CELLS_MAX
    }

    /// What is told of each cell; none where all together are fewer clients than may be told of. Inside traffic of few is left out.
    pub(crate) fn told(&self) -> Option<Vec<Told>> {
        let cells: Vec<Cell<'_>> = self
            .cells
            .iter()
            .filter(|(cell, _)| *cell != INTERNAL)
            .map(|(cell, clients)| Cell {
                values: cell.splitn(DIMENSIONS.len(), SEPARATOR).collect(),
                clients,
            })
            .collect();
        let whole = Group::of(cells.iter().collect(), self.clients_min);
        let mut told = Vec::with_capacity(self.cells.len());
        if self.cells.get(INTERNAL).is_some_and(|clients| clients.len() >= self.clients_min) {
            let mut values = [const { None }; DIMENSIONS.len()];
            for (value, name) in values.iter_mut().zip(DIMENSIONS) {
                *value = (name == "direction").then(|| INTERNAL.to_owned());
            }
            told.push(Told { cell: INTERNAL.to_owned(), values });
        }
        if cells.is_empty() {
            return (!told.is_empty()).then_some(told);
        }
        if whole.clients.len() < self.clients_min {
            return None;
        }
        self.part(whole, &STEPS, &mut told);
        Some(told)
    }

    /// Parts a class by the first of `steps`, and its parts by the others.
    fn part(&self, class: Group<'_>, steps: &[&[usize]], told: &mut Vec<Told>) {
        let Some((step, rest)) = steps.split_first() else {
            tell(&class.cells, told);
            return;
        };
        let mut parts: BTreeMap<Vec<&str>, Vec<&Cell<'_>>> = BTreeMap::new();
        for cell in class.cells {
            let key = step.iter().map(|dimension| cell.value(*dimension)).collect();
            parts.entry(key).or_default().push(cell);
        }
        let groups = parts.into_values().map(|cells| Group::of(cells, self.clients_min)).collect();
        for group in self.merged(groups) {
            self.part(group, rest, told);
        }
    }

    /// Merges groups until each has enough clients: the smallest with one like it, small ones first.
    fn merged<'a>(&self, mut groups: Vec<Group<'a>>) -> Vec<Group<'a>> {
        while groups.len() > 1 {
            let size = |group: &Group<'_>| group.clients.len();
            let small =
                groups.iter().enumerate().filter(|(_, group)| size(group) < self.clients_min);
            let Some((position, _)) = small.min_by_key(|(_, group)| size(group)) else { break };
            let least = groups.remove(position);
            let likeness = |other: &Group<'_>| (other.rank.abs_diff(least.rank), size(other));
            let Some(other) = groups.iter_mut().min_by_key(|other| likeness(other)) else { break };
            add(&mut other.clients, &least.clients, self.clients_min);
            other.rank = other.rank.max(least.rank);
            other.cells.extend(least.cells);
        }
        groups
    }
}

impl Cell<'_> {
    fn value(&self, dimension: usize) -> &str {
        self.values.get(dimension).copied().unwrap_or("")
    }

    /// Which cells are rather told together: what stands apart with the unattributed, vendors with vendors.
    fn rank(&self) -> u8 {
        match self.value(STANDING) {
            "attributed" => 0,
            "mismatch" => 5,
            _ => 6,
        }
    }
}

impl<'a> Group<'a> {
    fn of(cells: Vec<&'a Cell<'a>>, clients_min: usize) -> Self {
        let mut clients = Clients::new();
        for cell in &cells {
            add(&mut clients, cell.clients, clients_min);
        }
        let rank = cells.iter().map(|cell| cell.rank()).max().unwrap_or(0);
        Self { rank, cells, clients }
    }
}

/// Adds clients that are new, until there are enough.
fn add(clients: &mut Clients, others: &[u64], enough: usize) {
    for other in others {
        if clients.len() >= enough {
            return;
        }
        if !clients.contains(other) {
            clients.push(*other);
        }
    }
}

/// What all cells of a class have in common. What is not attributed in part is not attributed.
fn tell(class: &[&Cell<'_>], told: &mut Vec<Told>) {
    let mut values = [const { None }; DIMENSIONS.len()];
    for (dimension, value) in values.iter_mut().enumerate() {
        let mut all = class.iter().map(|cell| cell.value(dimension));
        let first = all.next();
        *value = first.filter(|first| all.all(|other| other == *first)).map(str::to_owned);
    }
    if let [standing @ None, vendor, ..] = &mut values {
        *standing = Some("unattributed".to_owned());
        *vendor = None;
    }
    for cell in class {
        let cell = cell.values.join(&SEPARATOR.to_string());
        told.push(Told { cell, values: values.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cells of vendor and place, each with its clients.
    fn told(cells: &[(&str, &str, std::ops::Range<u8>)]) -> Option<Vec<String>> {
        let mut all = Cells::new(3);
        for (vendor, place, clients) in cells {
            let standing = if vendor.is_empty() { "unattributed" } else { "attributed" };
            let values = [standing, vendor, place, "E4", "", "", "outbound", "7", "false", ""];
            for client in clients.clone() {
                assert!(all.note(&values.join("\u{1f}"), &client.to_string()));
            }
        }
        let said = |told: Told| {
            let [standing, vendor, place, ..] = told.values;
            [standing, vendor, place].map(|value| value.unwrap_or("?".to_owned())).join(" ")
        };
        let mut lines: Vec<String> = all.told()?.into_iter().map(said).collect();
        lines.sort();
        lines.dedup();
        Some(lines)
    }

    #[test]
    fn what_is_small_goes_with_the_smallest_like_it() {
        let big = ("line", "JP", 0..9);
        assert_eq!(told(&[("", "TW", 0..2)]), None, "nobody is left to hide among");
        assert_eq!(told(std::slice::from_ref(&big)).unwrap(), ["attributed line JP"]);
        assert_eq!(
            told(&[big.clone(), ("line", "SG", 0..1), ("line", "US", 1..2)]).unwrap(),
            ["attributed line ?"],
            "two clients are too few without the third place"
        );
        assert_eq!(
            told(&[big.clone(), ("line", "SG", 0..2), ("line", "US", 5..7)]).unwrap(),
            ["attributed line ?", "attributed line JP"],
        );
        assert_eq!(
            told(&[big.clone(), ("apple", "US", 0..4), ("sony", "JP", 0..1)]).unwrap(),
            ["attributed ? ?", "attributed line JP"],
        );
        assert_eq!(
            told(&[big.clone(), ("apple", "US", 0..4), ("", "JP", 0..1)]).unwrap(),
            ["attributed line JP", "unattributed ? ?"],
        );
        assert_eq!(told(&[]), None);
    }

    #[test]
    fn inside_traffic_of_few_is_left_out() {
        let mut cells = Cells::new(2);
        for client in ["a", "b"] {
            assert!(cells.note(INTERNAL, client));
        }
        let told = cells.told().unwrap();
        assert_eq!((told.len(), told[0].cell.as_str()), (1, INTERNAL));
        cells.clients_min = 3;
        assert_eq!(cells.told(), None);
    }
}
