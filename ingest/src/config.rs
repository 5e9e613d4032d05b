//! What the operator asked for: the arguments of ingestion, shared by both binaries.

mod check;
mod dump;
mod environment;
mod file;
mod layers;
mod option;
mod packets;
mod startup;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use schemas::Text;

pub(crate) use self::check::store_problem;
pub use self::environment::typed;
pub(crate) use self::environment::wants_colour;
pub use self::layers::{Layers, Problems};
pub use self::packets::PacketArgs;
pub use self::startup::{Start, checked, start};
use crate::direction::{Inside, Prefix};
use crate::endpoint::check_address;
use crate::filter::{self, Filter, FilterError};
use crate::flow::Limits;
use crate::privacy::PrivacyArgs;
use crate::source::live::Fanout;

/// Lanes at most.
pub const LANES_MAX: usize = 64;

/// Arguments of `outflow ingest` and `outflow-ingest`.
#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// Capture files: pcap or pcapng, plain, .gz or .zst; - is the standard input. Several are read in order of their first packet
    #[arg(short = 'r', long = "read", value_name = "FILE", num_args = 1.., required_unless_present = "interface", conflicts_with = "interface")]
    pub read: Vec<PathBuf>,
    /// Count only what matches, as with tcpdump: host 192.0.2.1 and not port 22 (--help lists the words)
    #[arg(value_name = "FILTER", trailing_var_arg = true, long_help = filter::HELP)]
    pub filter: Vec<String>,
    /// Folder of the store; made where there is none
    #[arg(long, value_name = "DIR")]
    pub store: PathBuf,
    /// Name of this sensor in every row [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub sensor: Option<String>,
    /// A flow with packets gives a record at least this often
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration_ns)]
    pub active_timeout: i64,
    /// A flow without packets for this long ends
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration_ns)]
    pub idle_timeout: i64,
    /// Flow tables that work side by side; the flows are the same for any number [default: half the processors]
    #[arg(long, value_name = "N", value_parser = lanes)]
    pub lanes: Option<usize>,
    /// Flows held at a time, over all lanes; more are exported early (reason resources)
    #[arg(long, value_name = "N", default_value_t = 1 << 20, value_parser = flows)]
    pub max_flows: usize,
    /// Networks of your own, as prefixes with commas between: they decide what is up and what is down
    #[arg(long, value_name = "CIDR", value_delimiter = ',')]
    pub inside: Vec<Prefix>,
    /// Accept a capture that is in the store already; its volume then counts twice
    #[arg(long)]
    pub again: bool,
    /// Print nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    // The rest last, for their headings in the help hold for what follows.
    /// Of packets and flows.
    #[command(flatten)]
    pub packets: PacketArgs,
    /// Of people in the rows.
    #[command(flatten)]
    pub privacy: PrivacyArgs,
    /// Of a capture from an interface.
    #[command(flatten)]
    pub live: LiveArgs,
    /// Of the settings themselves.
    #[command(flatten)]
    pub config: ConfigArgs,
}

/// Arguments that say where the others come from, or only ask about them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Read settings from this file (TOML; the long names of the options are its keys). A variable like `OUTFLOW_MAX_FLOWS` comes before it, the command line before both
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Only say whether these settings can be used here
    #[arg(long)]
    pub check: bool,
    /// Only print the settings, and where each comes from
    #[arg(long)]
    pub dump: bool,
    /// Only list the interfaces
    #[arg(short = 'D', long)]
    pub list_interfaces: bool,
}

/// Arguments of a capture from an interface.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Live capture")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct LiveArgs {
    /// Capture from this interface until told to stop (SIGINT, SIGTERM)
    #[arg(short, long, value_name = "IFACE")]
    pub interface: Option<String>,
    /// What reads the packets: ring (`TPACKET_V3`), xdp (`AF_XDP`), or pnet (portable, slow, drops uncounted)
    #[arg(long, value_name = "KIND", value_enum, default_value_t)]
    pub source: SourceKind,
    /// Memory of each lane's ring, MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub ring_mb: u32,
    /// Memory of a block of the ring, KiB; a power of two
    #[arg(long, value_name = "KIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(4..=65_536))]
    pub block_kb: u32,
    /// A block that is not full is handed over after this long
    #[arg(long, value_name = "TIME", default_value = "20ms", value_parser = duration_ns)]
    pub retire: i64,
    /// How packets are shared out over the lanes: hosts (pair of addresses, through VLAN and MPLS) or hash (the kernel's)
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub fanout: Fanout,
    /// Number of the fan-out group [default: one that is free]
    #[arg(long, value_name = "N")]
    pub fanout_group: Option<u16>,
    /// Do not put the interface into promiscuous mode
    #[arg(short = 'p', long)]
    pub no_promiscuous: bool,
    /// Filter in the kernel: cheaper, but what it rejects is not counted
    #[arg(long)]
    pub kernel_filter: bool,
    /// Open an interface with `AF_XDP` even if it carries this host's own traffic
    #[arg(long)]
    pub force: bool,
    /// Publish what is finished this often: a finished flow is in answers some seconds later at the latest
    #[arg(long, value_name = "TIME", default_value = "50s", value_parser = duration_ns)]
    pub rotate: i64,
    /// Disk that unpublished rows may take, MiB; beyond it the oldest are dropped and counted
    #[arg(long, value_name = "MIB", default_value_t = 1024, value_parser = clap::value_parser!(u32).range(16..))]
    pub spool_mb: u32,
    /// Serve counters for Prometheus here: an address on the loopback, or the path of a unix socket
    #[arg(long, value_name = "ADDR", value_parser = metrics_address)]
    pub metrics: Option<String>,
    /// Show packets, bits, flows and drops every second
    #[arg(long)]
    pub stats: bool,
    /// Confine the process once its sockets are open: require, try, or off
    #[arg(long, value_name = "HOW", value_enum, default_value_t)]
    pub sandbox: Sandbox,
    /// User to become once the sockets are open, when started as root
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
}

impl Default for LiveArgs {
    fn default() -> Self {
        Self {
            interface: None,
            source: SourceKind::Ring,
            ring_mb: 64,
            block_kb: 1024,
            retire: 20_000_000,
            fanout: Fanout::Hosts,
            fanout_group: None,
            no_promiscuous: false,
            kernel_filter: false,
            force: false,
            rotate: 50_000_000_000,
            spool_mb: 1024,
            metrics: None,
            stats: false,
            sandbox: Sandbox::Try,
            user: None,
        }
    }
}

/// What reads the packets of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum SourceKind {
    /// `TPACKET_V3` rings.
    #[default]
    Ring,
    /// `AF_XDP`.
    Xdp,
    /// pnet's datalink channel.
    Pnet,
}

/// How much confinement is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Sandbox {
    /// Fail where it cannot be had in full.
    Require,
    /// As much as this kernel gives; says what.
    #[default]
    Try,
    /// None.
    Off,
}

impl IngestArgs {
    /// Arguments with all defaults, for programs that ingest.
    pub fn of(read: Vec<PathBuf>, store: PathBuf) -> Self {
        Self {
            read,
            packets: PacketArgs::default(),
            privacy: PrivacyArgs::default(),
            live: LiveArgs::default(),
            config: ConfigArgs::default(),
            filter: Vec::new(),
            store,
            sensor: None,
            active_timeout: 60_000_000_000,
            idle_timeout: 30_000_000_000,
            lanes: None,
            max_flows: 1 << 20,
            inside: Vec::new(),
            again: false,
            quiet: true,
        }
    }

    /// The captures to read, and the filter they go through: words behind the last capture are taken for a name by `-r`, so it is the first that is no
    /// file and can begin a filter that ends the captures.
    pub fn captures_and_filter(&self) -> Result<(Vec<PathBuf>, Option<Arc<Filter>>), FilterError> {
        let begins = |path: &PathBuf| begins_filter(path);
        let (captures, swallowed) = match self.read.iter().skip(1).position(begins) {
            Some(before) => self.read.split_at(before + 1),
            None => (self.read.as_slice(), [].as_slice()),
        };
        let swallowed = swallowed.iter().map(|word| word.to_string_lossy());
        let given = self.filter.iter().map(Into::into);
        let words: Vec<_> = swallowed.chain(given).collect();
        if words.is_empty() {
            return Ok((captures.to_vec(), None));
        }
        Ok((captures.to_vec(), Some(Arc::new(Filter::parse(&words.join(" "))?))))
    }

    /// The settings these arguments mean on this machine.
    pub fn settings(&self) -> Settings {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let lanes = self.lanes.unwrap_or((processors / 2).clamp(1, 8));
        Settings {
            lanes,
            sensor: self.sensor.clone().unwrap_or_else(host_name).into(),
            inside: Inside(self.inside.clone()),
            packets: self.packets,
            limits: Limits {
                active_timeout_ns: self.active_timeout,
                idle_timeout_ns: self.idle_timeout,
                flows_max: self.max_flows.div_ceil(lanes),
            },
        }
    }
}

/// Whether a word behind the captures is not one of them, but the filter's first.
pub(crate) fn begins_filter(path: &Path) -> bool {
    !path.exists() && path.to_str().is_some_and(Filter::begins)
}

/// What the arguments mean.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Number of lanes.
    pub lanes: usize,
    /// Name of the sensor.
    pub sensor: Text,
    /// Inside networks.
    pub inside: Inside,
    /// How packets are read.
    pub packets: PacketArgs,
    /// Limits of each lane's table.
    pub limits: Limits,
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let usable: String = name
        .trim()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(64)
        .collect();
    if usable.is_empty() { "sensor".to_owned() } else { usable }
}

/// Times as people write them: `60s`, `5m`, `1h`, `500ms`; a bare number is seconds.
fn duration_ns(text: &str) -> Result<i64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: i64 = match unit {
        "ms" => 1_000_000,
        "" | "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return Err("write a time like 500ms, 60s, 5m, 1h or 1d".to_owned()),
    };
    let value: i64 =
        number.parse().map_err(|_| "write a time like 500ms, 60s, 5m, 1h or 1d".to_owned())?;
    match value.checked_mul(factor) {
        Some(ns) if (1..=7 * 86_400_000_000_000).contains(&ns) => Ok(ns),
        _ => Err("a time from 1ms to 7d is wanted".to_owned()),
    }
}

fn metrics_address(text: &str) -> Result<String, String> {
    check_address(text).map(|()| text.to_owned()).map_err(|error| error.to_string())
}

fn lanes(text: &str) -> Result<usize, String> {
    bounded(text, LANES_MAX)
}

fn flows(text: &str) -> Result<usize, String> {
    bounded(text, 1 << 30)
}

fn bounded(text: &str, max: usize) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|n| (1..=max).contains(n))
        .ok_or_else(|| format!("a number from 1 to {max} is wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration_ns("60s"), Ok(60_000_000_000));
        assert_eq!(duration_ns("90"), Ok(90_000_000_000));
        assert_eq!(duration_ns("500ms"), Ok(500_000_000));
        for bad in ["", "s", "1y", "0s", "-1s", "8d", "99999999999999999999s"] {
            assert!(duration_ns(bad).is_err(), "{bad}");
        }
    }
}
