//! Clocks, threads, the environment and raw memory stay at the edges, where they are expected.

use crate::tidy::lexer::{line_of, words};
use crate::tidy::tree::{product, sources};
use crate::tidy::{Exemption, judge};

/// Words that reach for the machine.
const REACHES: [&str; 12] = [
    "now::wall_ns",
    "Instant::now",
    "SystemTime::now",
    "std::env",
    "env::var",
    "env::args",
    "thread::spawn",
    "thread::scope",
    "thread::sleep",
    "tokio::spawn",
    "spawn_blocking",
    "available_parallelism",
];

const EDGES: &[Exemption] = &[
    ("ingest/src/config.rs", "configuration: the number of processors is a default"),
    ("ingest/src/config/environment.rs", "configuration: the one reader of words and variables"),
    ("ingest/src/endpoint.rs", "the time limits of a connection, and of silence"),
    ("ingest/src/screen.rs", "shows the numbers once a second"),
    (
        "ingest/src/source/xdp/mod.rs",
        "capture: AF_XDP gives no time, so a batch has that of its arrival",
    ),
    ("ingest/src/now.rs", "the clock of the day, for the edges"),
    ("ingest/src/source/datalink.rs", "nobody else stamps the frames it reads"),
    ("ingest/src/pipeline.rs", "the threads of a capture file's way"),
    ("ingest/src/live/mod.rs", "the threads of an interface's way"),
    ("ingest/src/live/clock.rs", "the machine's clocks, behind a trait that tests stand in for"),
    ("ingest/src/identity.rs", "names a run by the clock"),
    ("ingest/src/spool/press.rs", "the end of a run waits for the disk, but not for long"),
    ("analyze/src/cli/shell.rs", "command line: tells how long a query took, keeps a history"),
    (
        "analyze/src/cli/tending.rs",
        "command line: hours end by the clock, and a run is named by it",
    ),
    ("analyze/src/session.rs", "a query's deadline, and as many partitions as processors"),
];

/// Where the kernel is spoken to in its own terms.
const DOOR: &str = "ingest/src/source/sys/";

/// Words that open a connection.
const SOCKETS: [&str; 4] = ["TcpStream", "TcpListener", "UdpSocket", "UnixStream"];

const CONNECTIONS: &[Exemption] =
    &[("ingest/src/endpoint.rs", "serves the counters, on the loopback or a unix socket only")];

#[test]
fn the_machine_is_reached_for_at_the_edges() {
    let mut broken = Vec::new();
    for source in product() {
        for reach in REACHES {
            for at in words(&source.shipped, reach) {
                let line = line_of(&source.text, at);
                broken.push((source.path.clone(), format!("{line}: {reach}")));
            }
        }
    }
    judge("only edges reach for clock, threads and environment", &broken, EDGES);
}

#[test]
fn nobody_opens_a_connection() {
    let mut broken = Vec::new();
    for source in product() {
        for socket in SOCKETS {
            for at in words(&source.shipped, socket) {
                broken.push((source.path.clone(), format!("{}", line_of(&source.text, at))));
            }
        }
    }
    judge("files in, files out: no file opens a socket", &broken, CONNECTIONS);
}

#[test]
fn unsafe_has_one_door() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| !source.path.starts_with(DOOR)) {
        for at in words(&source.code, "unsafe") {
            broken.push((source.path.clone(), format!("{}", line_of(&source.text, at))));
        }
    }
    judge("unsafe code is in ingest/src/source/sys only", &broken, &[]);
}
