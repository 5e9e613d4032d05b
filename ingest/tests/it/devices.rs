//! The table `devices`: what hosts say of themselves, the same for any number of lanes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use ingest::source::synthetic::Plan;
use schemas::store::{Store, verify};

use crate::captures::words_of;
use crate::forge::{Order, Packet, pcap};
use crate::lab::{Lab, Row, assert_closed};

const SEED: u64 = 2014;

/// The rows of `devices` and of `flows`.
fn told(read: &[PathBuf], lanes: usize) -> (Vec<Row>, Vec<Row>) {
    let lab = Lab::new();
    let mut args = lab.args(read);
    args.lanes = Some(lanes);
    let outcome = ingest::run(&args).unwrap();
    assert_closed(&outcome);
    let devices = lab.rows("devices");
    assert_eq!(outcome.written.device_rows, devices.len() as u64);
    let checked = verify(&Store::open(lab.path("store")).unwrap()).unwrap();
    assert_eq!(checked.findings, []);
    (devices, lab.rows("flows"))
}

fn day(lab: &Lab) -> PathBuf {
    let path = lab.path("day.pcap");
    Plan::national_day(SEED).write_pcap(fs::File::create(&path).unwrap()).unwrap();
    path
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).map_or("-", String::as_str)
}

#[test]
fn the_days_devices_tell_who_they_are() {
    let lab = Lab::new();
    let (devices, flows) = told(&[day(&lab)], 1);
    let requests: Vec<String> = devices
        .iter()
        .filter(|row| row.contains_key("dhcp_parameters"))
        .map(|row| {
            ["mac", "ip", "dhcp_hostname", "dhcp_vendor_class"].map(|c| text(row, c)).join(" ")
        })
        .collect();
    // Ten devices, morning and afternoon.
    assert_eq!(requests.len(), 20, "{requests:#?}");
    for line in [
        "64:09:80:1d:52:0a 10.20.3.11 Redmi-Note android-dhcp-9",
        "0c:e4:41:52:8f:37 10.20.3.15 iPhone -",
        "00:22:48:5a:3c:70 10.20.3.21 WS-0021 MSFT 5.0",
    ] {
        assert_eq!(requests.iter().filter(|found| *found == line).count(), 2, "{line}");
    }
    let agents: BTreeSet<(&str, &str)> = devices
        .iter()
        .filter(|row| row["source"] == "http")
        .map(|row| (text(row, "mac"), text(row, "http_user_agent")))
        .collect();
    assert_eq!(agents.len(), devices.iter().filter(|row| row["source"] == "http").count());
    let miui = "Dalvik/1.6.0 (Linux; U; Android 4.3; HM 1SW MIUI/JHBTWBF29.0)";
    assert!(agents.contains(&("64:09:80:1d:52:0a", miui)), "{agents:?}");
    let spoken = flows.iter().filter(|row| text(row, "service") == "dhcp").count();
    assert_eq!(spoken, 20);
}

#[test]
fn lanes_change_no_row() {
    let lab = Lab::new();
    let path = day(&lab);
    let (mut one, _) = told(std::slice::from_ref(&path), 1);
    one.sort();
    for lanes in [2, 4] {
        let (mut rows, _) = told(std::slice::from_ref(&path), lanes);
        rows.sort();
        assert_eq!(rows, one, "{lanes} lanes");
    }
}

/// A UDP datagram of a host of 10.0.0.0/24 with a MAC of the same number.
fn datagram(
    ts_us: u64,
    (host, port): (u8, u16),
    (to, to_port): ([u8; 4], u16),
    payload: &[u8],
) -> Packet {
    let mut bytes = vec![1, 0, 0x5e, 0, 0, 0xfb, 2, 0, 0, 0, 0, host, 8, 0, 0x45, 0];
    bytes.extend(u16::try_from(28 + payload.len()).unwrap().to_be_bytes());
    bytes.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, host]);
    bytes.extend(to);
    bytes.extend([port.to_be_bytes(), to_port.to_be_bytes()].concat());
    bytes.extend(u16::try_from(8 + payload.len()).unwrap().to_be_bytes());
    bytes.extend([0, 0]);
    bytes.extend(payload);
    let original = u32::try_from(bytes.len()).unwrap();
    Packet { ts_us, bytes, original }
}

#[test]
fn a_host_that_announces_itself_is_a_device_and_names_no_flow() {
    let mut payload = b"\0\0\x84\0\0\0\0\x01\0\0\0\0".to_vec();
    payload.extend(b"\x06Galaxy\x05local\0\0\x01\x80\x01\0\0\0\x78\0\x04\x0a\0\0\x07");
    let all = [224, 0, 0, 251];
    let mut packets: Vec<Packet> =
        (0..5).map(|n| datagram(n * 60_000_000, (7, 5353), (all, 5353), &payload)).collect();
    packets.push(datagram(400_000_000, (9, 5353), (all, 5353), &payload));
    let query = b"\0\x01\0\0\0\x01\0\0\0\0\0\0\x03foo\0\0\x01\0\x01";
    packets.push(datagram(400_000_001, (7, 40_000), ([224, 0, 0, 252], 5355), query));
    let lab = Lab::new();
    let (devices, flows) =
        told(&[lab.write("m.pcap", &pcap(Order::Little, false, 1, &packets))], 1);
    let [row] = &devices[..] else { panic!("{devices:?}") };
    assert_eq!(
        (text(row, "mac"), text(row, "ip"), text(row, "mdns_name"), text(row, "source")),
        ("02:00:00:00:00:07", "10.0.0.7", "galaxy.local", "mdns")
    );
    let services: BTreeSet<&str> = flows.iter().map(|row| text(row, "service")).collect();
    assert_eq!(services, ["llmnr", "mdns"].into());
    assert!(flows.iter().all(|row| !row.contains_key("dns_names")));
}

#[test]
fn real_clients_say_what_another_tool_reads() {
    let columns = [
        ("dhcp_hostname", "hostname"),
        ("dhcp_vendor_class", "vendor_class_id"),
        ("dhcp_parameters", "prl"),
    ];
    let test = "real_clients_say_what_another_tool_reads";
    let Some(captures) = words_of(test, "dhcp") else { return };
    let mut compared = 0;
    for (capture, expected) in captures {
        // Its message is of type 106, which no client sends.
        if capture.ends_with("ndpi/dhcp-fuzz.pcapng") {
            continue;
        }
        let (devices, _) = told(std::slice::from_ref(&capture), 1);
        // The table has no column for DHCPv6.
        let said = devices.iter().filter(|row| row["source"] == "dhcp").flat_map(|row| {
            columns
                .iter()
                .filter_map(|(column, word)| Some(format!("{word}={}", row.get(*column)?)))
        });
        assert_eq!(said.collect::<BTreeSet<_>>(), expected, "{}", capture.display());
        compared += 1;
    }
    assert!(compared >= 20, "{compared}");
}
