//! Real captures, where `OUTFLOW_CAPTURES` names a folder of them: no crash, closed books, the same flows for every number of lanes and any snaplen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ingest::{IngestArgs, IngestError, Outcome};

use crate::lab::{Lab, Row, number, skip};

fn captures() -> Option<Vec<PathBuf>> {
    let Some(folder) = std::env::var_os("OUTFLOW_CAPTURES") else {
        eprintln!("SKIPPED: OUTFLOW_CAPTURES names no folder of captures");
        return None;
    };
    let mut found = Vec::new();
    walk(&Path::new(&folder).join("pcap"), &mut found);
    assert!(!found.is_empty(), "OUTFLOW_CAPTURES holds no captures");
    found.sort();
    Some(found)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

/// Cells of a line of CSV.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for letter in line.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            _ => cells.last_mut().unwrap().push(letter),
        }
    }
    cells
}

/// What another tool reads in each capture: the words of a column of its table, parted by bars. None without captures.
pub(crate) fn words_of(test: &str, column: &str) -> Option<Vec<(PathBuf, BTreeSet<String>)>> {
    let Some(folder) = std::env::var_os("OUTFLOW_CAPTURES").map(PathBuf::from) else {
        skip(test, "OUTFLOW_CAPTURES names no folder of captures");
        return None;
    };
    let (mut tables, mut found) = (Vec::new(), Vec::new());
    walk(&folder.join("flows"), &mut tables);
    tables.sort();
    for table in tables {
        let Ok(text) = fs::read_to_string(&table) else { continue };
        let mut lines = text.lines().map(cells);
        let Some(at) = lines.next().and_then(|head| head.iter().position(|name| name == column))
        else {
            continue;
        };
        let words: BTreeSet<String> = lines
            .flat_map(|cells| cells[at].split('|').map(str::to_owned).collect::<Vec<_>>())
            .filter(|word| !word.is_empty())
            .collect();
        let name = table.strip_prefix(folder.join("flows")).unwrap().to_str().unwrap().to_owned();
        if !words.is_empty() {
            found.push((folder.join("pcap").join(name.strip_suffix(".flows.csv").unwrap()), words));
        }
    }
    Some(found)
}

fn run(path: &Path, change: impl Fn(&mut IngestArgs)) -> Option<(Outcome, Vec<Row>)> {
    let lab = Lab::new();
    let mut args = lab.args(&[path.to_owned()]);
    change(&mut args);
    match ingest::run(&args) {
        Ok(outcome) => Some((outcome, lab.rows("flows"))),
        Err(IngestError::Source(_)) => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

#[test]
fn lanes_change_nothing() {
    let Some(captures) = captures() else { return };
    let mut flows = 0;
    for path in captures {
        let mut before: Option<Vec<String>> = None;
        for lanes in [1, 2, 4] {
            let Some((outcome, rows)) = run(&path, |args| args.lanes = Some(lanes)) else {
                continue;
            };
            assert_eq!(outcome.difference(), 0, "{}: {outcome}", path.display());
            let mut lines: Vec<String> = rows.iter().map(|row| format!("{row:?}")).collect();
            lines.sort();
            flows += lines.len();
            assert!(
                before.is_none_or(|before| before == lines),
                "{} with {lanes} lanes",
                path.display()
            );
            before = Some(lines);
        }
    }
    assert!(flows > 1_000);
}

/// Cuts every frame of a classic little-endian pcap to 128 octets.
fn cut_to_128(bytes: &[u8]) -> Option<Vec<u8>> {
    let word = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    if !matches!(word(0)?, 0xa1b2_c3d4 | 0xa1b2_3c4d) {
        return None;
    }
    let mut cut = bytes.get(..24)?.to_vec();
    let mut at = 24;
    while let Some(captured) = word(at + 8) {
        let data = bytes.get(at + 16..at + 16 + captured as usize)?;
        let kept = data.get(..128).unwrap_or(data);
        cut.extend_from_slice(&bytes[at..at + 8]);
        cut.extend(u32::try_from(kept.len()).unwrap().to_le_bytes());
        cut.extend_from_slice(&bytes[at + 12..at + 16]);
        cut.extend_from_slice(kept);
        at += 16 + captured as usize;
    }
    Some(cut)
}

/// Key, packets and IP octets by direction; whether a tunnel was opened.
fn volumes(rows: &[Row]) -> (BTreeMap<String, [i64; 4]>, bool) {
    let mut sums: BTreeMap<String, [i64; 4]> = BTreeMap::new();
    for row in rows {
        let key = ["ip_proto", "src_ip", "src_port", "dst_ip", "dst_port"]
            .map(|column| row.get(column).map_or("", String::as_str))
            .join(" ");
        let columns = ["src_packets", "dst_packets", "src_bytes", "dst_bytes"];
        for (sum, column) in sums.entry(key).or_default().iter_mut().zip(columns) {
            *sum += number(row, column);
        }
    }
    (sums, rows.iter().any(|row| row.contains_key("tunnel_type")))
}

#[test]
fn a_snaplen_of_128_changes_no_count() {
    let Some(captures) = captures() else { return };
    let mut compared = 0;
    for path in captures {
        let Some(cut) = cut_to_128(&fs::read(&path).unwrap()) else { continue };
        let Some((_, rows)) = run(&path, |_| {}) else { continue };
        let (whole, has_tunnel) = volumes(&rows);
        if has_tunnel {
            continue;
        }
        let lab = Lab::new();
        let Some((outcome, rows)) = run(&lab.write("cut.pcap", &cut), |_| {}) else { continue };
        assert_eq!(outcome.difference(), 0);
        assert_eq!(volumes(&rows).0, whole, "{}", path.display());
        compared += 1;
    }
    assert!(compared > 300, "{compared}");
}
