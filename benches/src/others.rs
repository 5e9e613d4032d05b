//! The peers: how each is called, and how what it counted is read from what it wrote, never from what it believes.
//!
//! They are installed by `benches/peers/install`; one that is not there is left out, and named. Flows are cut at 60 s and 30 s where a peer can be told.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use crate::peer::{Counted, Octets, Peer, Place, Result, octets_below};

/// Where softflowd sends its records, to a socket that nobody reads.
pub const COLLECTOR: &str = "127.0.0.1:9995";
/// Variable that names the Python with nfstream.
const PYTHON: &str = "OUTFLOW_NFSTREAM";
const NFSTREAM: &str = include_str!("../peers/nfstream_flows.py");

/// All of them.
pub(crate) const OTHERS: [Peer; 7] = [
    Peer {
        name: "nfpcapd",
        programs: &["nfpcapd", "nfdump"],
        package: "Debian nfdump",
        output: "nfdump file, one-way",
        command: |place| nfpcapd(place, &[]),
        count: nfdump,
    },
    Peer {
        name: "nfpcapd-lz4",
        programs: &["nfpcapd", "nfdump"],
        package: "Debian nfdump",
        output: "nfdump file, one-way, LZ4",
        command: |place| nfpcapd(place, &["-y"]),
        count: nfdump,
    },
    Peer {
        name: "softflowd",
        programs: &["softflowd"],
        package: "Debian softflowd",
        output: "NetFlow v9, counts only",
        command: |place| {
            let mut command = Command::new("softflowd");
            command.args(["-d", "-n", COLLECTOR, "-v", "9", "-m", &flows_max(place), "-r"]);
            command.arg(place.capture).args(["-t", "maxlife=60"]);
            for name in ["general", "tcp", "udp"] {
                command.args(["-t", &format!("{name}=30")]);
            }
            Ok(command)
        },
        count: softflowd,
    },
    Peer {
        name: "argus",
        programs: &["argus", "ra"],
        package: "Debian argus-server, argus-client",
        output: "argus file",
        command: |place| {
            let mut command = Command::new("argus");
            command.args(["-X", "-S", "60", "-r"]).arg(place.capture);
            command.arg("-w").arg(place.folder.join("argus"));
            Ok(command)
        },
        count: argus,
    },
    Peer {
        name: "pmacctd",
        programs: &["pmacctd"],
        package: "Debian pmacct",
        output: "CSV, one-way",
        command: pmacctd,
        count: |place, _| {
            let path = place.folder.join("flows.csv");
            let sums = sums(&path, &["PACKETS", "BYTES"])?;
            totals(&sums, Octets::Ip, fs::metadata(path)?.len())
        },
    },
    Peer {
        name: "ndpiReader",
        programs: &["ndpiReader"],
        package: "Debian libndpi-bin",
        output: "CSV, with names",
        command: |place| {
            let mut command = Command::new("ndpiReader");
            command.arg("-q").arg("-i").arg(place.capture);
            command.arg("-C").arg(place.folder.join("flows.csv"));
            Ok(command)
        },
        count: |place, _| {
            let path = place.folder.join("flows.csv");
            let names = ["c_to_s_pkts", "s_to_c_pkts", "c_to_s_bytes", "s_to_c_bytes"];
            let Sums { rows, numbers } = sums(&path, &names)?;
            let [up, down, octets_up, octets_down] = numbers.as_slice() else {
                return Err("a table that is none".into());
            };
            let numbers = vec![up + down, octets_up + octets_down];
            totals(&Sums { rows, numbers }, Octets::Frames, fs::metadata(path)?.len())
        },
    },
    Peer {
        name: "nfstream",
        programs: &[],
        package: "Python nfstream",
        output: "CSV, with names",
        command: |place| {
            let script = place.folder.join("nfstream_flows.py");
            fs::write(&script, NFSTREAM)?;
            let python =
                std::env::var_os(PYTHON).ok_or("OUTFLOW_NFSTREAM names no Python that has it")?;
            let mut command = Command::new(python);
            command.arg(script).arg(place.capture).arg(place.folder.join("flows.csv"));
            Ok(command)
        },
        count: |place, text| {
            let numbers: Vec<u64> =
                text.split_whitespace().filter_map(|n| n.parse().ok()).collect();
            let [.., rows, packets, octets] = numbers.as_slice() else {
                return Err(format!("says {text:?}").into());
            };
            let sums = Sums { rows: *rows, numbers: vec![*packets, *octets] };
            totals(&sums, Octets::Ip, fs::metadata(place.folder.join("flows.csv"))?.len())
        },
    },
];

/// More flows than there are: a peer that runs out of room cuts flows or loses packets.
fn flows_max(place: &Place<'_>) -> String {
    (place.written.flows * 2).max(10_000).to_string()
}

/// Rows, and sums of columns.
struct Sums {
    rows: u64,
    numbers: Vec<u64>,
}

/// Adds up columns of a table by their names in its first line.
fn sums(path: &Path, names: &[&str]) -> Result<Sums> {
    let mut lines = BufReader::new(fs::File::open(path)?).lines();
    let head = lines.next().ok_or("an empty table")??;
    let head: Vec<&str> = head.trim_start_matches('#').split(',').collect();
    let place = |name: &&str| head.iter().position(|column| column == name);
    let places: Option<Vec<usize>> = names.iter().map(place).collect();
    let places = places.ok_or_else(|| format!("no columns {names:?}"))?;
    let mut sums = Sums { rows: 0, numbers: vec![0; names.len()] };
    for line in lines {
        let line = line?;
        let fields: Vec<&str> = line.split(',').collect();
        sums.rows += 1;
        for (sum, place) in sums.numbers.iter_mut().zip(&places) {
            *sum += fields.get(*place).unwrap_or(&"").parse::<u64>()?;
        }
    }
    Ok(sums)
}

/// The same of numbers that a program prints, a line for each record.
fn printed(command: &mut Command) -> Result<Sums> {
    let output = command.output()?;
    let mut sums = Sums { rows: 0, numbers: vec![0; 2] };
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        sums.rows += 1;
        for (sum, number) in sums.numbers.iter_mut().zip(line.split_whitespace()) {
            *sum += number.parse::<u64>()?;
        }
    }
    Ok(sums)
}

/// Packets and octets, the latter of what `kind` says.
fn totals(sums: &Sums, kind: fn(u64) -> Octets, disk: u64) -> Result<Counted> {
    let [packets, octets] = sums.numbers.as_slice() else { return Err("no sums".into()) };
    let (packets, octets) = (*packets, kind(*octets));
    Ok(Counted { packets, octets, rows: sums.rows, disk: Some(disk), cpu: None })
}

fn nfpcapd(place: &Place<'_>, more: &[&str]) -> Result<Command> {
    let folder = place.folder.join("nfdump");
    fs::create_dir_all(&folder)?;
    let mut command = Command::new("nfpcapd");
    command.arg("-r").arg(place.capture).arg("-w").arg(folder);
    command.args(["-e", "60,30", "-B", &flows_max(place)]).args(more);
    Ok(command)
}

fn nfdump(place: &Place<'_>, _: &str) -> Result<Counted> {
    let folder = place.folder.join("nfdump");
    let disk = octets_below(&folder)?;
    // Sums over the records themselves; the head of a file would tell what its writer believes.
    let mut command = Command::new("nfdump");
    command.args(["-q", "-N", "-o", "fmt:%pkt %byt", "-R"]).arg(folder);
    totals(&printed(&mut command)?, Octets::Ip, disk)
}

/// It says what it sent when it ends: records, and packets and octets by protocol.
fn softflowd(_: &Place<'_>, text: &str) -> Result<Counted> {
    let after = |word: &str| text.split_once(word).map(|(_, rest)| rest);
    let records = after("Flows exported: ").and_then(|rest| rest.split_once('('));
    let records = records.and_then(|(_, rest)| rest.split_whitespace().next());
    let (mut packets, mut octets) = (0, 0);
    for line in after("Per-protocol statistics:").unwrap_or_default().lines().skip(1) {
        let mut numbers = line.split_once("):").map_or("", |(_, rest)| rest).split_whitespace();
        octets += numbers.next().unwrap_or("0").parse::<u64>()?;
        packets += numbers.next().unwrap_or("0").parse::<u64>()?;
    }
    Ok(Counted {
        packets,
        octets: Octets::Ip(octets),
        rows: records.ok_or("it does not say what it sent")?.parse()?,
        disk: None,
        cpu: None,
    })
}

fn argus(place: &Place<'_>, _: &str) -> Result<Counted> {
    let path = place.folder.join("argus");
    let mut command = Command::new("ra");
    // Without its own records on how it does.
    command
        .args(["-n", "-L", "-1", "-s", "pkts", "bytes", "-r"])
        .arg(&path)
        .args(["-", "not", "man"]);
    totals(&printed(&mut command)?, Octets::Frames, fs::metadata(path)?.len())
}

fn pmacctd(place: &Place<'_>) -> Result<Command> {
    let (conf, out) = (place.folder.join("conf"), place.folder.join("flows.csv"));
    // Room for every one-way flow, and for what waits for it: a cache or a pipe that is too small loses packets in silence.
    let entries = place.written.flows * 2 + 100_003;
    let text = format!(
        "daemonize: false\nplugins: print[a]\n\
         aggregate[a]: src_host, dst_host, src_port, dst_port, proto, vlan\n\
         print_output[a]: csv\nprint_output_file[a]: {}\nprint_refresh_time[a]: 86400\n\
         print_cache_entries[a]: {entries}\npcap_savefile: {}\nplugin_buffer_size: 1024000\n\
         plugin_pipe_size: 512000000\n",
        out.display(),
        place.capture.display()
    );
    fs::write(&conf, text)?;
    let mut command = Command::new("pmacctd");
    command.arg("-f").arg(conf);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::{softflowd, sums};
    use crate::peer::{Octets, Place, Run};
    use ingest::source::synthetic::Written;

    const SOFTFLOWD: &str = "\
Flows exported: 15696 (27234 records) in 1003 packets (0 failures)

Per-protocol statistics:     Octets      Packets   Avg Life    Max Life
            tcp (6):       19610001        67159       0.12s       0.91s
           udp (17):       12361624        32841       0.05s       0.90s
";

    #[test]
    fn what_a_peer_says_is_held_against_what_was_written() {
        let written = Written { packets: 100_001, ip_bytes: 31_971_625, ..Written::default() };
        let nowhere = Path::new("");
        let place = Place { own: nowhere, capture: nowhere, folder: nowhere, written: &written };
        let counted = softflowd(&place, SOFTFLOWD).unwrap();
        assert_eq!((counted.packets, counted.rows), (100_000, 27_234));
        assert_eq!(counted.octets, Octets::Ip(31_971_625));
        let run = Run { cost: crate::cpu::Cost::default(), counted };
        assert_eq!(run.faults(&written), "1 packets too few");
        assert!(softflowd(&place, "").is_err());
    }

    #[test]
    fn columns_are_found_by_name() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "#a,PACKETS,b,BYTES\nx,3,y,40\nx,4,y,50").unwrap();
        let found = sums(file.path(), &["BYTES", "PACKETS"]).unwrap();
        assert_eq!((found.rows, found.numbers), (2, vec![90, 7]));
        assert!(sums(file.path(), &["c"]).is_err());
    }
}
