//! Real captures, where `OUTFLOW_CAPTURES` names a folder of them: no crash, closed books, the same flows for every number of lanes and any snaplen.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ingest::decode::Tunnels;
use ingest::{IngestArgs, IngestError, Outcome};

use crate::lab::{Lab, Row, number, skip};

pub(crate) fn captures() -> Option<Vec<PathBuf>> {
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

/// Packets and IP octets from either end, by protocol and ends.
type Volumes = BTreeMap<String, [i64; 4]>;

fn add(volumes: &mut Volumes, proto: &str, ends: [(&str, &str); 2], counts: [i64; 4]) {
    let end = |(ip, port): (&str, &str)| {
        (ip.parse::<IpAddr>().unwrap(), port.parse::<u16>().unwrap_or_default())
    };
    let [mut a, mut b] = ends.map(end);
    let mut counts = counts;
    if a > b {
        std::mem::swap(&mut a, &mut b);
        counts = [counts[1], counts[0], counts[3], counts[2]];
    }
    let sums = volumes.entry(format!("{proto} {} {} {} {}", a.0, a.1, b.0, b.1)).or_default();
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

/// The flows of another tool's table.
fn theirs(table: &Path) -> Volumes {
    let text = fs::read_to_string(table).unwrap();
    let mut lines = text.lines().map(cells);
    let head = lines.next().unwrap();
    let mut volumes = Volumes::new();
    for line in lines {
        let cell =
            |name: &str| line[head.iter().position(|column| column == name).unwrap()].as_str();
        let ends = [(cell("a_ip"), cell("a_port")), (cell("b_ip"), cell("b_port"))];
        let counts = ["a_packets", "b_packets", "a_ip_bytes", "b_ip_bytes"]
            .map(|column| cell(column).parse().unwrap_or(0));
        add(&mut volumes, cell("proto"), ends, counts);
    }
    volumes
}

#[test]
fn flows_inside_tunnels_are_those_another_tool_sees() {
    let test = "flows_inside_tunnels_are_those_another_tool_sees";
    let Some(captures) = words_of(test, "tunnel") else { return };
    let folder = PathBuf::from(std::env::var_os("OUTFLOW_CAPTURES").unwrap());
    let (mut flows, mut other) = (0, Vec::new());
    for (path, _) in captures {
        let rows = run(&path, |args| args.packets.tunnels = Tunnels::Common).unwrap().1;
        let mut ours = Volumes::new();
        for row in &rows {
            let port = |column: &str| row.get(column).map_or("", String::as_str);
            let ends = [
                (row["src_ip"].as_str(), port("src_port")),
                (row["dst_ip"].as_str(), port("dst_port")),
            ];
            let counts =
                ["src_packets", "dst_packets", "src_bytes", "dst_bytes"].map(|it| number(row, it));
            add(&mut ours, &row["ip_proto"], ends, counts);
        }
        let name = path.strip_prefix(folder.join("pcap")).unwrap().display();
        let theirs = theirs(&folder.join("flows").join(format!("{name}.flows.csv")));
        flows += theirs.len();
        let differ = theirs.iter().filter(|(ends, volume)| ours.get(*ends) != Some(volume));
        other.extend(differ.map(|(ends, volume)| format!("{} {ends} {volume:?}", path.display())));
        let more = ours.keys().filter(|ends| !theirs.contains_key(*ends));
        other.extend(more.map(|ends| format!("{} {ends} is ours alone", path.display())));
    }
    assert!(flows > 200, "{flows}");
    assert!(other.is_empty(), "{} of {flows}: {other:#?}", other.len());
    eprintln!("{flows} flows of captures with tunnels are equal");
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

/// A Host header that stands whole in the second line of a request; damage further down keeps the other tools from it.
const EXPLAINED: [&str; 1] =
    ["pcap/ndpi/fuzz-2006-09-29-28586.pcap 172.20.3.13 80 172.20.3.5 2605 172.20.3.13"];

/// Names of TLS and HTTP by file and unordered ends: those both other tools agree on, and those either saw.
type Expected = BTreeMap<(String, BTreeSet<String>), [BTreeSet<String>; 2]>;

fn expected(folder: &Path) -> Expected {
    let text = fs::read_to_string(folder.join("expected_names.csv")).unwrap();
    let mut expected = Expected::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [file, "6", a_ip, a_port, b_ip, b_port, _, tshark, other, _, agreement] = cells[..]
        else {
            continue;
        };
        let ends = BTreeSet::from([format!("{a_ip} {a_port}"), format!("{b_ip} {b_port}")]);
        let [both, either] = expected.entry((file.to_owned(), ends)).or_default();
        if agreement == "both" {
            both.insert(tshark.to_ascii_lowercase());
        }
        either.extend([tshark, other].map(str::to_ascii_lowercase));
    }
    expected
}

#[test]
fn names_are_those_other_tools_agree_on_and_no_others() {
    let Some(captures) = captures() else { return };
    let folder = PathBuf::from(std::env::var_os("OUTFLOW_CAPTURES").unwrap());
    let expected = expected(&folder);
    let files: BTreeSet<&str> = expected.keys().map(|(file, _)| file.as_str()).collect();
    let (mut found, mut strange) = (BTreeMap::new(), Vec::new());
    for path in captures {
        let file = path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned();
        if !files.contains(file.as_str()) {
            continue;
        }
        for row in run(&path, |_| {}).map(|(_, rows)| rows).unwrap_or_default() {
            let source = row.get("server_name_source").map_or("", String::as_str);
            if !matches!(source, "tls_sni" | "http_host") {
                continue;
            }
            let end = |ip: &str, port: &str| format!("{} {}", row[ip], row[port]);
            let ends = BTreeSet::from([end("src_ip", "src_port"), end("dst_ip", "dst_port")]);
            let further = row.get("server_names").map_or("", String::as_str);
            let further = further.trim_matches(['[', ']']).split(", ").map(str::to_owned);
            let names = further.chain([row["server_name"].clone()]).filter(|name| !name.is_empty());
            for name in names {
                // Both other tools end a name where a string of C ends; we keep what was on the wire, a NUL as `\000`.
                let name = name.split("\\000").next().unwrap_or_default().to_owned();
                let key = (file.clone(), ends.clone());
                if !expected.get(&key).is_some_and(|[_, either]| either.contains(&name)) {
                    let ends: Vec<&str> = key.1.iter().map(String::as_str).collect();
                    strange.push(format!("{file} {} {name}", ends.join(" ")));
                }
                found.entry(key).or_insert_with(BTreeSet::new).insert(name);
            }
        }
    }
    let agreed = expected.iter().flat_map(|(key, [both, _])| both.iter().map(move |it| (key, it)));
    let missing: Vec<_> = agreed
        .clone()
        .filter(|(key, name)| !found.get(*key).is_some_and(|names| names.contains(*name)))
        .collect();
    assert!(missing.is_empty(), "{} of {}: {missing:#?}", missing.len(), agreed.count());
    assert_eq!(strange, EXPLAINED, "names nobody else saw");
    eprintln!("{} agreed names found", agreed.count());
}
