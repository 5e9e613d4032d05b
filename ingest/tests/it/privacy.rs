//! A day under each profile: nobody inside can be read from anything that is written or said, and all else is as it was.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Permissions};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use ingest::source::synthetic::{INSIDE, Plan};
use ingest::{IngestArgs, Profile};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use schemas::store::Store;

use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, assert_closed, rows_in};

const KEY: &[u8; 32] = b"a key for tests, of no other use";
const SERVER: Ipv4Addr = Ipv4Addr::new(131, 253, 75, 83);
const SERVER_V6: &str = "2400:dcc0::2108:c37f";
/// Of an address inside, backwards.
const NIBBLES: &str = "7.1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2";
/// Of a handset, and the interface id that follows from it.
const MAC: [u8; 6] = [0x64, 0x09, 0x80, 0x1d, 0x52, 0x0a];
const EUI: &str = "fe80::6609:80ff:fe1d:520a";
/// Tables whose rows are not of the machine alone.
const OF_PEOPLE: [&str; 2] = ["flows", "dns"];

fn v4(from: Ipv4Addr, to: Ipv4Addr, proto: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    let head = [0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, proto, 0, 0];
    [&head[..], &from.octets(), &to.octets(), body].concat()
}

fn v6(from: &str, to: &str, proto: u8, body: &[u8]) -> Vec<u8> {
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let head = [0x60, 0, 0, 0, length[0], length[1], proto, 64];
    [&head[..], &octets(from), &octets(to), body].concat()
}

fn udp(to: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(8 + payload.len()).unwrap();
    [&40_000u16.to_be_bytes()[..], &to.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload]
        .concat()
}

/// The answer of a resolver.
fn from_53(payload: &[u8]) -> Vec<u8> {
    let mut datagram = udp(40_000, payload);
    datagram.splice(..2, 53_u16.to_be_bytes());
    datagram
}

fn tcp(to: u16, payload: &[u8]) -> Vec<u8> {
    let head = [0, 0, 0, 1, 0, 0, 0, 0, 0x50, 0x18, 0xff, 0xff, 0, 0, 0, 0];
    [&40_001u16.to_be_bytes()[..], &to.to_be_bytes(), &head, payload].concat()
}

fn labels(name: &str) -> Vec<u8> {
    let label =
        |label: &str| [&[u8::try_from(label.len()).unwrap()][..], label.as_bytes()].concat();
    name.split('.').flat_map(label).chain([0]).collect()
}

/// A DNS message with a question, and answers of these types and data.
fn dns(name: &str, answers: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let flags = if answers.is_empty() { 0 } else { 0x80 };
    let count = u8::try_from(answers.len()).unwrap();
    let mut message = vec![0, 7, flags, 0, 0, 1, 0, count, 0, 0, 0, 0];
    message.extend(labels(name));
    message.extend([0, 1, 0, 1]);
    for (kind, data) in answers {
        message.extend([0xc0, 12, 0, *kind, 0, 1, 0, 0, 0, 60]);
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
    }
    message
}

/// A request of DHCP from a device with a name, of a class.
fn request(hostname: &str, class: &str) -> Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 0, 0, 0, 9, 0, 0, 0, 0];
    message.extend([10, 20, 3, 11]);
    message.extend([0; 12]);
    message.extend(MAC);
    message.extend([0; 10 + 64 + 128]);
    message.extend([99, 130, 83, 99, 53, 1, 3]);
    for (option, text) in [(12, hostname), (60, class)] {
        message.extend([option, u8::try_from(text.len()).unwrap()]);
        message.extend(text.as_bytes());
    }
    message.push(255);
    message
}

/// Everything that leaks but is in no ordinary day: lookups of addresses, addresses for names, tunnels, old transition techniques.
fn leaks() -> Vec<u8> {
    let client = |number| Ipv4Addr::new(10, 20, 3, number);
    let nas = [(5, labels("annas-box.example")), (1, client(17).octets().to_vec())];
    let ptr = [(12, labels("annas-laptop.example"))];
    let packets = [
        v4(client(11), SERVER, 17, &udp(53, &dns("13.3.20.10.in-addr.arpa", &[]))),
        v4(client(11), SERVER, 17, &udp(53, &dns("ip-10-20-3-15.example", &[]))),
        v4(client(11), SERVER, 17, &udp(53, &dns("janes-phone.local", &[]))),
        // Where a name leads, and what an address is called; with a search domain, and for a part of a network.
        v4(SERVER, client(13), 17, &from_53(&dns("annas-nas.example", &nas))),
        v4(client(13), client(17), 17, &udp(9, b"told before")),
        v4(SERVER, client(13), 17, &from_53(&dns("17.3.20.10.in-addr.arpa", &ptr))),
        v4(
            SERVER,
            client(13),
            17,
            &from_53(&dns(&format!("{NIBBLES}.ip6.arpa.corp.example"), &ptr)),
        ),
        v4(client(11), SERVER, 17, &udp(53, &dns("17.3.20.10.in-addr.arpa.corp.example", &[]))),
        v4(client(11), SERVER, 17, &udp(67, &request("annas-phone", "android annas-phone"))),
        v4(client(11), SERVER, 17, &udp(67, &request("otto", "phone 64-09-80-1d-52-0a"))),
        v4(
            client(13),
            SERVER,
            6,
            &tcp(80, b"GET / HTTP/1.1\r\nHost: 10.20.3.19\r\nUser-Agent: 10.20.3.21\r\n\r\n"),
        ),
        v6("2002:a14:30b::1", SERVER_V6, 17, &udp(9, b"6to4")),
        v6(SERVER_V6, "64:ff9b::a14:30d", 17, &udp(9, b"NAT64")),
        v6(EUI, "ff02::1:ff1d:520a", 17, &udp(9, b"neighbour")),
        v4(
            client(11),
            SERVER,
            47,
            &[&[0x20, 0, 8, 0, 0, 0, 0, 77][..], &v4(client(23), SERVER, 17, &udp(9, b"GRE"))]
                .concat(),
        ),
    ];
    let packets = packets.into_iter().zip(1_411_400_000_000_000..).map(|(ip, ts_us)| {
        let kind = if ip[0] >> 4 == 4 { [8, 0] } else { [0x86, 0xdd] };
        let bytes = [&[0, 0x1b, 0x21, 1, 2, 3][..], &MAC, &kind, &ip].concat();
        Packet { ts_us, original: u32::try_from(bytes.len()).unwrap(), bytes }
    });
    pcap(Order::Little, false, 1, &packets.collect::<Vec<_>>())
}

/// Captures of a day, and a key.
struct Day {
    lab: Lab,
    captures: Vec<PathBuf>,
    key: PathBuf,
}

impl Day {
    fn new() -> Self {
        let lab = Lab::new();
        let day = lab.path("day.pcap");
        Plan::national_day(2014).write_pcap(File::create(&day).unwrap()).unwrap();
        let captures = vec![day, lab.write("leaks.pcap", &leaks())];
        let key = lab.write("key", KEY);
        fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
        Self { lab, captures, key }
    }

    fn args(&self, profile: Profile, store: &str) -> IngestArgs {
        let mut args = self.lab.args(&self.captures);
        args.store = self.lab.path(store);
        args.inside = INSIDE.iter().map(|network| network.parse().unwrap()).collect();
        args.privacy.privacy = Some(profile);
        args.privacy.privacy_key = Some(self.key.clone());
        args
    }

    /// Ingests; gives the store.
    fn store(&self, profile: Profile, lanes: usize) -> PathBuf {
        let mut args = self.args(profile, &format!("{}-{lanes}", profile.word()));
        args.lanes = Some(lanes);
        assert_closed(&ingest::run(&args).unwrap());
        args.store
    }
}

/// Rows of both tables, in an order of their own.
fn rows(store: &Path) -> BTreeMap<&'static str, Vec<Row>> {
    let table = |name| {
        let mut rows = crate::lab::rows_of(store, name);
        rows.sort();
        (name, rows)
    };
    OF_PEOPLE.into_iter().map(table).collect()
}

/// What must not be found: whom the packets name, in every spelling that text or octets may have.
struct Originals {
    texts: BTreeSet<String>,
    octets: BTreeSet<Vec<u8>>,
    numbers: BTreeSet<String>,
}

fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            v4.octets()[0] == 10 || v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64
        }
        IpAddr::V6(v6) => {
            matches!(v6.segments(), [0x2001, 0xdb8, ..] | [0xfe80, ..] | [0x2002, 0xa14, ..])
        }
    }
}

impl Originals {
    /// Of the rows in clear, and of what `leaks` hides elsewhere.
    fn of(clear: &BTreeMap<&str, Vec<Row>>) -> Self {
        let mut all =
            Self { texts: BTreeSet::new(), octets: BTreeSet::new(), numbers: BTreeSet::new() };
        for row in clear.values().flatten() {
            for column in
                ["src_ip", "dst_ip", "tunnel_src_ip", "tunnel_dst_ip", "client_ip", "resolver_ip"]
            {
                let address = row.get(column).map(|text| text.parse().unwrap());
                all.add(address.filter(|address| is_inside(*address)));
            }
            for column in ["src_mac", "dst_mac"] {
                // An address of a protocol is no device's, and stays (RFC 9542 section 2.1).
                let device = row.get(column).filter(|text| !text.starts_with("00:00:5e"));
                let mac = device.map(|text| text.replace(':', ""));
                all.texts.extend(mac.iter().flat_map(|mac| {
                    [mac.clone(), row[column].clone(), row[column].replace(':', "-")]
                }));
            }
        }
        for number in [13, 15, 17, 19, 21, 23] {
            all.add(Some(IpAddr::V4(Ipv4Addr::new(10, 20, 3, number))));
        }
        let named = ["janes", "annas", "a14:30b", "a14:30d", "ff1d:520a", "HM 1SW", NIBBLES];
        // Names that the devices of the day give themselves.
        let hosts = ["Redmi-Note", "xiaomishouji", "Mei-de-iPhone", "WS-0021", "3f1c9a0b77d2e514"];
        all.texts.extend(named.iter().chain(&hosts).map(|text| (*text).to_owned()));
        // The whole of a subnet is nobody.
        all.texts.retain(|text| text != "fe80::");
        all
    }

    fn add(&mut self, address: Option<IpAddr>) {
        match address {
            None => {}
            Some(IpAddr::V4(v4)) => {
                let [a, b, c, d] = v4.octets();
                self.texts.extend([".", "-", "_"].iter().flat_map(|sign| {
                    [
                        format!("{a}{sign}{b}{sign}{c}{sign}{d}"),
                        format!("{d}{sign}{c}{sign}{b}{sign}{a}"),
                    ]
                }));
                self.numbers
                    .extend([v4.to_bits().to_string(), v4.to_bits().swap_bytes().to_string()]);
            }
            Some(IpAddr::V6(v6)) => {
                let hex = format!("{:032x}", v6.to_bits());
                let dotted: Vec<String> = hex.chars().rev().map(String::from).collect();
                let full: Vec<String> = v6.segments().map(|part| format!("{part:04x}")).to_vec();
                self.texts.extend([
                    v6.to_string(),
                    v6.to_string().replace(':', "-"),
                    full.join(":"),
                    dotted.join("."),
                    hex,
                ]);
                self.octets.insert(v6.octets().to_vec());
            }
        }
    }

    /// Those that are in a text, as whole numbers.
    fn in_text(&self, text: &str) -> Vec<String> {
        let is_digit = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_digit);
        let whole = |wanted: &String| {
            text.match_indices(wanted.as_str()).any(|(at, _)| {
                let (before, after) =
                    (text.as_bytes().get(..at), text.as_bytes().get(at + wanted.len()..));
                !is_digit(before.and_then(<[u8]>::last)) && !is_digit(after.and_then(<[u8]>::first))
            })
        };
        self.texts.iter().filter(|wanted| whole(wanted)).cloned().collect()
    }

    /// Those that are anywhere in what a folder holds: names of files, their octets, and columns of tables.
    fn in_folder(&self, folder: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for path in files(folder) {
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            let bytes = fs::read(&path).unwrap();
            let mut here = self.in_text(&name);
            here.extend(self.in_text(&String::from_utf8_lossy(&bytes)));
            let holds = |octets: &&Vec<u8>| {
                bytes.windows(octets.len()).any(|window| window == octets.as_slice())
            };
            here.extend(self.octets.iter().filter(holds).map(|octets| format!("{octets:02x?}")));
            if path.extension().is_some_and(|extension| extension == "parquet") {
                for (column, value) in rows_in(&path).into_iter().flatten() {
                    here.extend(
                        self.in_text(&value).iter().map(|text| format!("{column}: {text}")),
                    );
                    here.extend(
                        self.numbers.get(&value).map(|number| format!("{column}: {number}")),
                    );
                }
            }
            found.extend(here.iter().map(|what| format!("{name}: {what}")));
        }
        found
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn nobody_inside_is_in_anything_that_is_written() {
    let day = Day::new();
    let clear = day.store(Profile::None, 1);
    let originals = Originals::of(&rows(&clear));
    assert!(originals.texts.len() > 100, "{}", originals.texts.len());
    let found = originals.in_folder(&clear);
    let in_column = |column: &str| found.iter().filter(|line| line.contains(column)).count();
    // In clear everything is there, so that its absence says something.
    for column in [
        " src_ip:",
        " dst_ip:",
        " src_mac:",
        " client_ip:",
        " query:",
        " answers:",
        " server_name:",
        " http_user_agent:",
        " tunnel_src_ip:",
        " dns_names: annas",
        " query: annas",
        " answers: annas",
        " dhcp_hostname:",
        " dhcp_vendor_class: annas",
    ] {
        assert!(in_column(column) > 0, "{column} {found:#?}");
    }
    assert!(found.len() > 1_000, "{}", found.len());
    for profile in [Profile::Truncate, Profile::Pseudonymise] {
        let found = originals.in_folder(&day.store(profile, 1));
        assert!(found.is_empty(), "{profile:?} {found:#?}");
    }
}

#[test]
fn what_is_said_names_nobody_inside() {
    let day = Day::new();
    let originals = Originals::of(&rows(&day.store(Profile::None, 1)));
    for profile in ["truncate", "pseudonymise"] {
        let store = day.lab.path(&format!("said-{profile}"));
        let output = Command::new(env!("CARGO_BIN_EXE_outflow-ingest"))
            .arg("-r")
            .args(&day.captures)
            .args(["--inside", &INSIDE.join(","), "--privacy", profile, "--sensor", "lab"])
            .args([Path::new("--privacy-key"), &day.key, Path::new("--store"), &store])
            .output()
            .unwrap();
        let Output { status, stdout, stderr } = output;
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        assert!(status.success() && said.contains("exported"), "{said}");
        assert_eq!(originals.in_text(&said), Vec::<String>::new(), "{said}");
        assert_eq!(originals.in_folder(&store), Vec::<String>::new());
    }
}

/// What rows tell of the servers.
fn told(rows: &[Row]) -> Vec<String> {
    const COLUMNS: [&str; 9] = [
        "flow_start",
        "packets",
        "bytes",
        "src_port",
        "direction",
        "dns_names",
        "tls_version",
        "alpn",
        "vlan_id",
    ];
    let server = |row: &Row| {
        // The group that asks for a neighbour tells which.
        let is_server = row["direction"] == "outbound" && !row["dst_ip"].starts_with("ff02::1:ff");
        is_server.then(|| row["dst_ip"].clone())
    };
    // What a client was told for a host inside is that host's name.
    let is_kept = |row: &Row, column| column != "dns_names" || row["direction"] != "internal";
    let fact = |row: &Row, column| row.get(column).filter(|_| is_kept(row, column)).cloned();
    let tell =
        |row: &Row| format!("{:?} {:?}", server(row), COLUMNS.map(|column| fact(row, column)));
    let mut told: Vec<String> = rows.iter().map(tell).collect();
    told.sort();
    told
}

#[test]
fn what_is_known_of_servers_stays() {
    let day = Day::new();
    let clear = rows(&day.store(Profile::None, 1));
    for profile in [Profile::Truncate, Profile::Pseudonymise] {
        let hidden = rows(&day.store(profile, 1));
        // Where to, how much and why, row by row.
        assert_eq!(told(&hidden["flows"]), told(&clear["flows"]), "{profile:?}");
        // A question still belongs to its flow.
        let ids: BTreeSet<&String> = hidden["flows"].iter().map(|row| &row["flow_id"]).collect();
        assert!(hidden["dns"].iter().all(|row| ids.contains(&row["flow_id"])));
        let before: BTreeSet<&String> = clear["flows"].iter().map(|row| &row["flow_id"]).collect();
        assert!(ids.is_disjoint(&before) && ids.len() == before.len());
    }
}

#[test]
fn lanes_change_no_row_under_a_profile() {
    let day = Day::new();
    for profile in [Profile::Truncate, Profile::Pseudonymise] {
        let one = rows(&day.store(profile, 1));
        for lanes in [2, 4] {
            assert!(rows(&day.store(profile, lanes)) == one, "{profile:?}, {lanes} lanes");
        }
    }
}

#[test]
fn files_and_manifest_say_what_was_done() {
    let day = Day::new();
    let mut ids = BTreeSet::new();
    for (profile, technique) in [
        (Profile::Truncate, "truncation"),
        (Profile::Pseudonymise, "prefix-preserving pseudonymization"),
    ] {
        let store = Store::open(day.store(profile, 1)).unwrap();
        let [entry] = &store.entries().unwrap()[..] else { panic!("one publication") };
        let stated = entry.privacy.as_ref().unwrap();
        assert_eq!((stated.profile.as_str(), stated.techniques.len()), (profile.word(), 0));
        ids.extend(stated.key_id.clone());
        for file in &entry.files {
            let text = stated_in(&store.root().join(&file.path)).unwrap();
            assert!(text.contains(&format!("\"profile\":\"{}\"", profile.word())), "{text}");
            let done = match file.table.as_str() {
                "flows" => text.contains(&format!("\"src_ip\":\"{technique}")),
                "dns" => text.contains(&format!("\"client_ip\":\"{technique}")),
                "devices" => text.contains(&format!("\"ip\":\"{technique}")),
                _ => !text.contains("techniques"),
            };
            assert!(done && !text.contains("packets"), "{}: {text}", file.table);
        }
    }
    assert_eq!(ids.len(), 1, "a key has one id");
    let clear = Store::open(day.store(Profile::None, 1)).unwrap();
    let [entry] = &clear.entries().unwrap()[..] else { panic!("one publication") };
    assert_eq!(entry.privacy, None);
    assert_eq!(stated_in(&clear.root().join(&entry.files[0].path)), None);
}

fn stated_in(path: &Path) -> Option<String> {
    let reader = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
    let pairs = reader.metadata().file_metadata().key_value_metadata().cloned().unwrap();
    pairs.into_iter().find(|pair| pair.key == "outflow.privacy").and_then(|pair| pair.value)
}

#[test]
fn a_profile_that_cannot_be_kept_is_refused() {
    let day = Day::new();
    let refused = |change: &dyn Fn(&mut IngestArgs)| {
        let mut args = day.args(Profile::Pseudonymise, "refused");
        change(&mut args);
        let error = ingest::run(&args).unwrap_err();
        assert!(error.is_usage() && !args.store.join("flows").exists(), "{error}");
        error.to_string()
    };
    let has = |text: &str, words: &[&str]| {
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    };
    has(&refused(&|args| args.inside.clear()), &["--privacy pseudonymise", "--inside"]);
    has(&refused(&|args| args.privacy.privacy_key = None), &["--privacy-key", "umask"]);
    has(&refused(&|args| args.privacy.privacy = None), &["--privacy-key", "--privacy none"]);
    has(&refused(&|args| args.privacy.privacy_key = Some("gone.key".into())), &["gone.key"]);
    let short = day.lab.write("short", b"too short");
    fs::set_permissions(&short, Permissions::from_mode(0o400)).unwrap();
    has(&refused(&|args| args.privacy.privacy_key = Some(short.clone())), &["short", "32 octets"]);
    for mode in [0o644, 0o640, 0o604, 0o660, 0o601] {
        fs::set_permissions(&day.key, Permissions::from_mode(mode)).unwrap();
        has(&refused(&|_| {}), &["key", &format!("{mode:04o}"), "chmod 600"]);
    }
    fs::set_permissions(&day.key, Permissions::from_mode(0o400)).unwrap();
    fs::create_dir(day.lab.path("vault")).unwrap();
    let inner = day.lab.path("vault/key");
    fs::copy(&day.key, &inner).unwrap();
    has(
        &refused(&|args| {
            (args.store, args.privacy.privacy_key) = (day.lab.path("vault"), Some(inner.clone()));
        }),
        &["lies in the store"],
    );
    // Without a key, truncation makes one for its ids and forgets it.
    let mut args = day.args(Profile::Truncate, "truncated");
    args.privacy.privacy_key = None;
    ingest::run(&args).unwrap();
    let [entry] = &Store::open(&args.store).unwrap().entries().unwrap()[..] else {
        panic!("one publication")
    };
    assert_eq!(entry.privacy.as_ref().unwrap().key_id, None);
}
