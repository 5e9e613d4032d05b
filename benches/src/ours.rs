//! What of ours is measured: the bare walk, the floor, the probe without its writer, and the probe.
//!
//! No run of the probe counts whose ledger does not close, or does not have what was written.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ingest::source::synthetic::Written;
use schemas::store::Store;

use crate::balance::Balance;
use crate::cpu::thread;
use crate::floor::{Floor, floor};
use crate::peer::{Counted, Octets, Peer, Place, Result, octets_below};
use crate::walk::walk;

/// Name of the bare walk.
pub const WALK: &str = "walk";
/// Name of the floor.
pub const FLOOR: &str = "floor";
/// Name of the probe without its writer.
pub const OFF: &str = "writer-off";
/// Name of the probe.
pub const PROBE: &str = "outflow-ingest";

/// The probe's programs and what they are held against.
pub(crate) const OURS: [Peer; 4] = [
    Peer {
        name: WALK,
        programs: &[],
        package: "",
        output: "nothing",
        command: |place| Ok(own(place, WALK)),
        count: |_, text| counted(text, |_| Octets::Unsaid),
    },
    Peer {
        name: FLOOR,
        programs: &[],
        package: "",
        output: "nothing",
        command: |place| Ok(own(place, FLOOR)),
        count: |_, text| counted(text, Octets::Ip),
    },
    Peer {
        name: OFF,
        programs: &[],
        package: "",
        output: "nothing",
        command: |place| Ok(own(place, OFF)),
        count: off,
    },
    Peer {
        name: PROBE,
        programs: &[PROBE],
        package: "cargo build --release -p ingest",
        output: "Parquet, zstd",
        command: |place| {
            let mut command = Command::new(PROBE);
            command.args(["-q", "-r"]).arg(place.capture).args(["--lanes", "1"]);
            command.args(["--max-flows", &flows_max(place.written.flows)]);
            command.arg("--store").arg(place.folder.join("store"));
            Ok(command)
        },
        count: probe,
    },
];

/// Flows the probe is to have room for, as an argument: what it has by default, and never so few that the table is under pressure, for what that costs is
/// another question.
pub fn flows_max(flows: u64) -> String {
    (flows * 2).max(1 << 20).to_string()
}

fn own(place: &Place<'_>, task: &str) -> Command {
    let mut command = Command::new(place.own);
    command.arg(task).arg(place.capture).arg(place.written.flows.to_string());
    command
}

/// Walks a capture; gives the line that its count is read from: packets, IP octets, rows, nanoseconds.
pub fn walked(capture: &Path) -> Result<String> {
    let before = thread()?;
    let packets = walk(capture)?.packets;
    Ok(format!("{packets} 0 0 {}", thread()?.saturating_sub(before).as_nanos()))
}

/// The same of the floor, on a capture of so many flows.
pub fn floored(capture: &Path, flows: u64) -> Result<String> {
    let Floor { packets, ip_bytes, cpu, .. } = floor(capture, flows)?;
    Ok(format!("{packets} {ip_bytes} 0 {}", cpu.as_nanos()))
}

fn counted(text: &str, kind: fn(u64) -> Octets) -> Result<Counted> {
    let numbers: Vec<u64> =
        text.split_whitespace().map(str::parse).collect::<std::result::Result<_, _>>()?;
    let [packets, octets, rows, nanos] = numbers.as_slice() else {
        return Err(format!("says {text:?}").into());
    };
    let cpu = (*nanos > 0).then(|| Duration::from_nanos(*nanos));
    Ok(Counted { packets: *packets, octets: kind(*octets), rows: *rows, disk: None, cpu })
}

fn off(place: &Place<'_>, text: &str) -> Result<Counted> {
    let counted = counted(text, Octets::Ip)?;
    let Written { packets, ip_bytes, .. } = *place.written;
    if counted.packets != packets || counted.octets != Octets::Ip(ip_bytes) {
        return Err(
            format!("the books do not close: {counted:?}, written {:?}", place.written).into()
        );
    }
    Ok(counted)
}

fn probe(place: &Place<'_>, _: &str) -> Result<Counted> {
    let folder = place.folder.join("store");
    let store = Store::open(&folder)?;
    let (found, written) = (Balance::of(&store)?, place.written);
    let closed = Balance {
        packets_seen: i64::try_from(written.packets)?,
        exported: i64::try_from(written.packets)?,
        ip_exported: i64::try_from(written.ip_bytes)?,
        wire_bytes: i64::try_from(written.wire_bytes)?,
        difference: 0,
    };
    if found != closed {
        return Err(format!("the books do not close: {found:?}, written {closed:?}").into());
    }
    let entries = store.entries()?;
    let files = entries.iter().flat_map(|entry| &entry.files);
    let flows = files.filter(|file| file.table == schemas::flow::TABLE.name);
    Ok(Counted {
        packets: written.packets,
        octets: Octets::Ip(written.ip_bytes),
        rows: flows.map(|file| file.rows).sum(),
        disk: Some(octets_below(&folder)?),
        cpu: None,
    })
}
