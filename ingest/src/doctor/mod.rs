//! Looks at an interface and its machine before a capture: what would lose packets or falsify counts, why, and what to type.
//!
//! Nothing is changed. A driver that does not answer is reported as not known.

mod card;
mod machine;
mod report;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use pnet::datalink::{NetworkInterface, interfaces};

pub use self::report::{Check, Report, Verdict};
use crate::config::{IngestArgs, LiveArgs, SourceKind, wants_colour};
use crate::doctor::card::Card;
use crate::error::chain;
use crate::privacy::PrivacyArgs;
use crate::source::sys::ethtool::Asked;

/// What a block of the ring holds besides a frame: its descriptor, the frame's header and its alignment, octets.
const BLOCK_OVERHEAD: u32 = 256;
/// Link header and two VLAN tags, octets.
const LINK_OCTETS: u32 = 14 + 8;
/// A frame that `AF_XDP` puts into a chunk of 4 KiB, headroom aside, as drivers' MTU.
const XDP_MTU_MAX: u32 = 3498;

/// Arguments of `outflow doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Store that the capture would write
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// The capture that is meant.
    #[command(flatten)]
    pub live: LiveArgs,
    /// What it is to keep of people.
    #[command(flatten)]
    pub privacy: PrivacyArgs,
}

/// Examines and tells on standard output: exit status 0, 1 if something stands in the way, 2 without an interface.
pub fn run(args: &DoctorArgs) -> ExitCode {
    let Some(interface) = &args.live.interface else {
        let _ = writeln!(io::stderr(), "outflow: name an interface: --interface eth0");
        return ExitCode::from(2);
    };
    let mut report = examine(interface, &args.live, args.store.as_deref());
    report.checks.push(privacy(&args.privacy, args.store.as_deref()));
    let mut output = io::stdout();
    let is_coloured = wants_colour(output.is_terminal());
    // Whoever closes the output has seen enough.
    let _ = if is_coloured { writeln!(output, "{report:#}") } else { writeln!(output, "{report}") };
    ExitCode::from(u8::from(!report.is_usable()))
}

/// Makes all checks, in the network namespace of this thread.
pub fn examine(interface: &str, live: &LiveArgs, store: Option<&Path>) -> Report {
    let defaults = IngestArgs::of(Vec::new(), PathBuf::new());
    let mut checks = interface_checks(interface, live);
    checks.push(machine::permissions(live.source));
    checks.push(machine::clock_kept());
    checks.push(machine::memory(live, defaults.settings().lanes, defaults.max_flows));
    checks.push(machine::kernel());
    checks.push(machine::landlock(live.sandbox));
    checks.push(machine::backlog());
    checks.push(machine::jit());
    checks.extend(store.map(|store| machine::disk(store, live)).unwrap_or_default());
    Report { checks }
}

fn privacy(asked: &PrivacyArgs, store: Option<&Path>) -> Check {
    let name = "privacy";
    match asked.check().and_then(|()| asked.key(store)) {
        Err(error) => Check::fail(name, chain(&error)),
        Ok(Some(key)) => {
            Check::good(name, format!("profile {}, key {}", asked.profile().word(), key.id()))
        }
        Ok(None) => Check::good(name, format!("profile {}", asked.profile().word())),
    }
}

fn interface_checks(name: &str, live: &LiveArgs) -> Vec<Check> {
    let all = interfaces();
    let Some(found) = all.iter().find(|interface| interface.name == name) else {
        let names: Vec<&str> = all.iter().map(|interface| interface.name.as_str()).collect();
        let found = format!("no {name:?} here; there is {}", names.join(", "));
        return vec![Check::fail("interface", found).mend("outflow ingest --list-interfaces")];
    };
    let asked = match Asked::open(name) {
        Ok(asked) => asked,
        Err(error) => return vec![Check::fail("interface", format!("cannot be asked: {error}"))],
    };
    let driver = asked.driver().unwrap_or_default();
    let by = if driver.is_empty() { "driver unknown" } else { &driver };
    let mut checks = vec![
        Check::good("interface", format!("{name}, number {}, {by}", found.index)),
        link(found),
        promiscuous(found, live),
        mtu(asked.mtu().ok(), name, live),
    ];
    checks.extend(Card { asked, name, source: live.source, driver }.checks());
    checks
}

fn link(interface: &NetworkInterface) -> Check {
    let name = "link";
    if !interface.is_up() {
        return Check::fail(name, "the interface is down")
            .because("nothing is received")
            .mend(format!("ip link set {} up", interface.name));
    }
    if !interface.is_running() {
        return Check::warn(name, "up, but without carrier")
            .because("nothing is received until the other end is connected")
            .mend(format!("ip -d link show {}", interface.name));
    }
    Check::good(name, "up")
}

fn promiscuous(interface: &NetworkInterface, live: &LiveArgs) -> Check {
    let name = "promiscuous";
    if interface.is_loopback() || interface.is_point_to_point() {
        return Check::good(name, "there is nobody else on it");
    }
    if live.no_promiscuous {
        return Check::warn(name, "not wished (--no-promiscuous)")
            .because("on a span port or tap, packets are for others and would not be seen");
    }
    Check::good(name, "will be, while the capture runs")
}

fn mtu(mtu: Option<u32>, interface: &str, live: &LiveArgs) -> Check {
    let name = "mtu";
    let Some(mtu) = mtu else { return Check::unknown(name, "the kernel does not say") };
    let found = format!("{mtu} octets");
    match live.source {
        SourceKind::Ring if (mtu + LINK_OCTETS + BLOCK_OVERHEAD).div_ceil(1024) > live.block_kb => {
            let needed = (mtu + LINK_OCTETS + BLOCK_OVERHEAD).div_ceil(1024).next_power_of_two();
            Check::fail(name, format!("{found}, and a block has {} KiB", live.block_kb))
                .because("a frame that does not fit into a block is dropped")
                .mend(format!("--block-kb {needed}"))
        }
        SourceKind::Xdp if mtu > XDP_MTU_MAX => Check::fail(name, found)
            .because("AF_XDP holds a frame in one chunk of 4 KiB")
            .mend(format!("ip link set {interface} mtu {XDP_MTU_MAX}   # or --source ring")),
        _ => Check::good(name, found),
    }
}
