//! Filter words on the command line: what they reject is counted, and what they let through is what a filtered capture holds.

use std::path::PathBuf;
use std::process::{Command, Output};

use ingest::block::Time;
use ingest::filter::Filter;
use ingest::flow::Open;
use ingest::frame::{Frame, LinkType};
use ingest::ledger::{Account, Exported, IntervalEnd, Tally, Totals};
use ingest::source::synthetic::Plan;

use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, assert_closed, flows_of, number, sum};

/// The day's packets; those that match, if a filter is given.
fn packets(filter: Option<&str>) -> Vec<Packet> {
    let filter = filter.map(|text| Filter::parse(text).unwrap());
    Plan::national_day(11)
        .frames()
        .filter(|frame| {
            let (bytes, original) = (&frame.bytes[..], frame.original_length);
            let view = Frame { bytes, original, ts_ns: frame.ts_ns, link: LinkType::Ethernet };
            filter.as_ref().is_none_or(|filter| filter.matches(&view))
        })
        .map(|frame| Packet {
            ts_us: frame.ts_ns.unsigned_abs() / 1_000,
            bytes: frame.bytes,
            original: frame.original_length,
        })
        .collect()
}

fn length(packets: &[Packet]) -> i64 {
    i64::try_from(packets.len()).unwrap()
}

fn file(packets: &[Packet]) -> Vec<u8> {
    pcap(Order::Little, false, 1, packets)
}

/// Rows without what follows from packets that are not in the other capture: a clock that goes on, and with it the moment and reason of an end, the names
/// that were told in packets of others.
fn facts(rows: &[Row]) -> Vec<String> {
    let kept = [
        "src_ip",
        "dst_ip",
        "src_port",
        "dst_port",
        "ip_proto",
        "packets",
        "bytes",
        "wire_bytes",
        "flow_start",
        "flow_end",
        "vlan_id",
        "flow_part",
        "tls_sni",
    ];
    let line = |row: &Row| format!("{:?}", kept.map(|column| row.get(column)));
    let mut lines: Vec<String> = rows.iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn filtered_frames_are_in_the_books_and_the_others_in_the_flows() {
    for text in ["udp", "tcp port 443 and vlan", "not (net 10.0.0.0/8 or ip6)", "vlan or arp"] {
        let (all, matching) = (packets(None), packets(Some(text)));
        assert!(!matching.is_empty() && matching.len() < all.len(), "{text}");
        let lab = Lab::new();
        let read = [lab.write("all.pcap", &file(&all))];
        let mut args = lab.args(&read);
        args.filter = text.split(' ').map(str::to_owned).collect();
        args.lanes = Some(3);
        let outcome = ingest::run(&args).unwrap();
        assert_closed(&outcome);
        let ledger = lab.rows("ledger");
        let rejected = length(&all) - length(&matching);
        let wire = |packets: &[Packet]| packets.iter().map(|p| i64::from(p.original)).sum::<i64>();
        assert_eq!(sum(&ledger, "packets_seen"), length(&all), "{text}");
        assert_eq!(sum(&ledger, "filtered"), rejected, "{text}");
        assert_eq!(sum(&ledger, "wire_filtered"), wire(&all) - wire(&matching), "{text}");
        let ignored: i64 = ledger
            .iter()
            .flat_map(|row| {
                row.keys().filter(|c| c.starts_with("ignored_")).map(|c| number(row, c))
            })
            .sum();
        let exported = sum(&ledger, "exported");
        assert_eq!(exported + ignored + rejected, length(&all), "{text}");
        assert!(outcome.to_string().contains("did not match the filter"), "{outcome}");
        let before = Lab::new();
        let read = [before.write("matching.pcap", &file(&matching))];
        let (_, flows) = flows_of(&read, |_| {});
        assert_eq!(facts(&lab.rows("flows")), facts(&flows), "{text}");
        assert_eq!(sum(&flows, "packets"), exported, "{text}");
    }
}

#[test]
fn without_a_filter_nothing_is_filtered() {
    let lab = Lab::new();
    let read = [lab.write("all.pcap", &file(&packets(None)[..500]))];
    let outcome = ingest::run(&lab.args(&read)).unwrap();
    assert!(!outcome.to_string().contains("filter"), "{outcome}");
    assert_eq!(sum(&lab.rows("ledger"), "filtered"), 0);
}

fn command(lab: &Lab, store: &str, before: &[&str], after: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outflow-ingest"))
        .args(before)
        .args(["--store", lab.path(store).to_str().unwrap()])
        .args(after)
        .output()
        .unwrap()
}

#[test]
fn words_stand_behind_the_options_or_behind_the_captures() {
    let lab = Lab::new();
    let all = packets(None);
    let matching = packets(Some("udp and not port 53"));
    let capture = lab.write("x.pcap", &file(&all));
    let capture = capture.to_str().unwrap();
    let lines: [(&[&str], &[&str]); 7] = [
        (&["-r", capture], &["udp", "and", "not", "port", "53"]),
        (&["-r", capture], &["udp and not port 53"]),
        (&["-r", capture], &["--quiet", "--", "!", "port", "53", "&&", "udp"]),
        (&["-r", capture, "udp", "and", "not", "port", "53"], &[]),
        (&["-r", capture, "(udp)", "and", "not port 53"], &[]),
        (&["-r", capture, "not", "port", "53"], &["and", "udp"]),
        (&["-r", capture, "!(tcp or port 53)"], &["and", "udp"]),
    ];
    for (number, (before, after)) in lines.iter().enumerate() {
        let store = format!("store{number}");
        let output = command(&lab, &store, before, after);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{before:?} {after:?}: {text}");
        let ledger = crate::lab::rows_of(&lab.path(&store), "ledger");
        let filtered = length(&all) - length(&matching);
        assert_eq!(sum(&ledger, "filtered"), filtered, "{before:?} {after:?}: {text}");
    }
}

#[test]
fn a_wrong_word_is_wrong_usage() {
    let lab = Lab::new();
    let capture = lab.write("x.pcap", &file(&packets(None)[..10]));
    let capture = capture.to_str().unwrap();
    for (before, after, expected) in [
        (&["-r", capture][..], &["hsot", "10.0.0.1"][..], "did you mean \"host\"?"),
        (&["-r", capture, "host", "here"], &[], "names are not looked up"),
        (&["-r", capture], &["tcp", "and"], "ends where more is needed"),
    ] {
        let output = command(&lab, "store", before, after);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(expected), "{text}");
        assert!(!lab.path("store").exists(), "{text}");
    }
    // A file that is not there is a file that is not there.
    let output = command(&lab, "store", &["-r", capture, "missing.pcap"], &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.pcap"));
    assert_ne!(output.status.code(), Some(0));
}

/// A capture may be called like a word.
#[test]
fn captures_called_like_words_are_captures() {
    let lab = Lab::new();
    let captures: Vec<PathBuf> =
        ["host", "tcp"].map(|name| lab.write(name, &file(&packets(None)[..10]))).to_vec();
    let mut args = lab.args(&captures);
    assert_eq!(args.captures_and_filter().unwrap(), (captures.clone(), None));
    args.read.push("tcp".into());
    let (read, filter) = args.captures_and_filter().unwrap();
    assert_eq!((read, filter.unwrap().to_string()), (captures, "tcp".to_owned()));
    // The first is a capture in any case.
    let args = lab.args(&["tcp".into()]);
    assert_eq!(args.captures_and_filter().unwrap().0, [PathBuf::from("tcp")]);
}

/// Nobody counts what the kernel rejects: that is null, not 0.
#[test]
fn a_filter_in_the_kernel_leaves_the_column_empty() {
    let mut account = Account::new("lab".into(), 0, "tpacket_v3");
    account.kernel_filters = true;
    let end = IntervalEnd {
        tally: Tally { time: Time { from_ns: 0, to_ns: 0, step_back_ns: 0 }, ..Tally::default() },
        open: Open::default(),
        entries: 0,
        totals: Totals::default(),
        interface: "tap0".into(),
        watch: None,
    };
    let row = account.close(&end, &Exported::default());
    assert_eq!((row.filtered, row.wire_filtered), (None, None));
    assert_eq!((row.balance_error, row.wire_balance_error, row.ip_balance_error), (0, 0, 0));
}
