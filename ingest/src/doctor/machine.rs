//! What the machine gives: rights, clock, memory, kernel, disk.

use std::fs;
use std::path::Path;

use caps::{CapSet, Capability};
use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use crate::config::{LiveArgs, Sandbox, SourceKind, store_problem};
use crate::doctor::report::Check;
use crate::source::sys::machine::{Clock, clock, landlock_abi};

/// A clock further off than this is not kept, µs.
const CLOCK_ERROR_MAX_US: i64 = 1_000_000;
/// Memory of a flow in the table, its place in the index included, octets; names come on top.
const FLOW_OCTETS: u64 = 256;
const MIB: u64 = 1 << 20;

/// Whether the capture may be opened.
pub(crate) fn permissions(source: SourceKind) -> Check {
    let name = "permissions";
    let needed: &[Capability] = match source {
        SourceKind::Ring | SourceKind::Pnet => &[Capability::CAP_NET_RAW],
        SourceKind::Xdp => {
            &[Capability::CAP_NET_RAW, Capability::CAP_NET_ADMIN, Capability::CAP_BPF]
        }
    };
    let has =
        |right: &Capability| caps::has_cap(None, CapSet::Effective, *right).unwrap_or_default();
    let lacking: Vec<String> =
        needed.iter().filter(|right| !has(right)).map(ToString::to_string).collect();
    let user = geteuid();
    if lacking.is_empty() {
        return Check::good(name, format!("user {user} may capture"));
    }
    let words = lacking.join(",").to_ascii_lowercase();
    Check::fail(name, format!("user {user} lacks {}", lacking.join(", ")))
        .because("packets of others are not for everybody")
        .mend(format!(
            "setcap {words}+ep \"$(command -v outflow-ingest)\"   # or start it by its unit"
        ))
}

/// Whether the machine's clock can be believed.
pub(crate) fn clock_kept() -> Check {
    let name = "clock";
    match clock() {
        Ok(Clock { is_kept: true, error_us }) if error_us < CLOCK_ERROR_MAX_US => {
            Check::good(name, format!("kept, at most {:.1} ms off", thousandths(error_us)))
        }
        Ok(Clock { is_kept: true, error_us }) => {
            Check::warn(name, format!("kept, but up to {:.1} ms off", thousandths(error_us)))
                .because("flows of several sensors cannot be put in order")
                .mend("chronyc tracking")
        }
        Ok(_) => Check::warn(name, "nobody keeps it")
            .because("times of flows are those of this clock, and compared with others'")
            .mend("systemctl enable --now chronyd   # or systemd-timesyncd"),
        Err(error) => Check::unknown(name, error.to_string()),
    }
}

fn thousandths(value: i64) -> f64 {
    f64::from(i32::try_from(value).unwrap_or(i32::MAX)) / 1000.0
}

/// Whether rings and tables fit into memory.
pub(crate) fn memory(live: &LiveArgs, lanes: usize, flows: usize) -> Check {
    let name = "memory";
    let rings = u64::from(live.ring_mb) * lanes as u64;
    let table = (flows as u64 * FLOW_OCTETS).div_ceil(MIB);
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let Some(free) = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
    else {
        return Check::unknown(name, "the kernel does not say how much is free");
    };
    let free = free >> 10;
    let found = format!("{free} MiB free; rings {rings} MiB, flow tables about {table} MiB");
    if rings >= free {
        return Check::fail(name, found)
            .because("rings are locked into memory and cannot be made larger than it")
            .mend(format!("--ring-mb {}", (free / 4 / lanes.max(1) as u64).max(1)));
    }
    if rings + table >= free {
        return Check::warn(name, found)
            .because("the flow table may grow until the kernel ends the process")
            .mend("--max-flows 250000   # or a smaller --ring-mb");
    }
    Check::good(name, found)
}

/// Whether the kernel is young enough.
pub(crate) fn kernel() -> Check {
    let name = "kernel";
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = text.trim();
    let mut numbers = release.split('.').map_while(|part| part.parse::<u32>().ok());
    match (numbers.next(), numbers.next()) {
        (Some(major), Some(minor)) if (major, minor) < (4, 20) => Check::fail(name, release)
            .because("sent packets cannot be told apart before Linux 4.20"),
        (Some(major), Some(minor)) if (major, minor) < (5, 13) => Check::warn(name, release)
            .because("Landlock came with Linux 5.13, AF_XDP that is whole with 5.9"),
        (Some(_), Some(_)) => Check::good(name, release),
        _ => Check::unknown(name, format!("{release:?}")),
    }
}

/// Whether the process can be confined.
pub(crate) fn landlock(sandbox: Sandbox) -> Check {
    let name = "landlock";
    match (landlock_abi(), sandbox) {
        (0, Sandbox::Require) => Check::fail(name, "this kernel has none, and --sandbox=require wants it")
            .mend("--sandbox try   # or add landlock to lsm= on the kernel's command line"),
        (0, _) => Check::warn(name, "this kernel has none")
            .because("a fault in the decoder could reach other files")
            .mend("cat /sys/kernel/security/lsm   # lsm= on the kernel's command line must name landlock"),
        (abi, _) => Check::good(name, format!("ABI {abi}")),
    }
}

/// What the kernel lost before any socket saw it.
pub(crate) fn backlog() -> Check {
    let name = "backlog";
    let Ok(text) = fs::read_to_string("/proc/net/softnet_stat") else {
        return Check::unknown(name, "the kernel does not say");
    };
    let dropped = text.lines().filter_map(|line| line.split_whitespace().nth(1));
    let dropped: u64 = dropped.filter_map(|hex| u64::from_str_radix(hex, 16).ok()).sum();
    if dropped == 0 {
        return Check::good(name, "nothing was dropped in it since the start");
    }
    Check::warn(name, format!("{dropped} packets were dropped in it since the start"))
        .because("they were lost before any socket saw them, and no ledger knows of them")
        .mend("sysctl -w net.core.netdev_max_backlog=30000")
}

/// Whether the program that chooses lanes runs as machine code.
pub(crate) fn jit() -> Check {
    let name = "bpf jit";
    match fs::read_to_string("/proc/sys/net/core/bpf_jit_enable").map(|text| text.trim().to_owned())
    {
        Ok(state) if state == "0" => Check::warn(name, "off")
            .because("lanes and filters are chosen by an interpreter, for every packet")
            .mend("sysctl -w net.core.bpf_jit_enable=1"),
        Ok(_) => Check::good(name, "on"),
        Err(_) => Check::unknown(name, "the kernel does not say"),
    }
}

/// Whether the store can be written, and for how long.
pub(crate) fn disk(store: &Path, live: &LiveArgs) -> Vec<Check> {
    let name = "store";
    if let Some(problem) = store_problem(store) {
        return vec![Check::fail(name, problem).because("finished flows have no place to go")];
    }
    let mut there = store;
    while !there.exists() {
        there = match there.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            _ => Path::new("."),
        };
    }
    let Ok(state) = statvfs(there) else {
        return vec![Check::unknown(name, "its file system does not say how full it is")];
    };
    let free = state.blocks_available().saturating_mul(state.fragment_size()) / MIB;
    let spool = u64::from(live.spool_mb);
    let found = format!("{free} MiB free; the spool may take {spool} MiB");
    let room = if free < spool {
        Check::fail("disk room", found)
            .because("rows are dropped, and counted, when the disk is full")
            .mend(format!("--spool-mb {}   # or make room", (free / 2).max(16)))
    } else if free < spool * 2 + 1024 {
        Check::warn("disk room", found).because("there is little room for what is published")
    } else {
        Check::good("disk room", found)
    };
    let (free, all) = (state.files_available(), state.files());
    let inodes = match (all, free) {
        (0, _) => Check::good("inodes", "without number on this file system"),
        (_, free) if free < 10_000 => Check::warn("inodes", format!("{free} free"))
            .because("each hour takes a few files; without inodes none can be made"),
        _ => Check::good("inodes", format!("{free} free")),
    };
    vec![Check::good(name, format!("{} can be written", store.display())), room, inodes]
}
