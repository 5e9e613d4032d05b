//! What the operator asked for: the arguments of ingestion, shared by both binaries.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::direction::{Inside, Prefix};
use crate::flow::Limits;

/// Lanes at most.
pub const LANES_MAX: usize = 64;

/// Arguments of `outflow ingest` and `outflow-ingest`.
#[derive(Debug, Clone, Args)]
pub struct IngestArgs {
    /// Capture files: pcap or pcapng, plain, .gz or .zst; - is the standard input. Several are read in order of their first packet
    #[arg(short = 'r', long = "read", value_name = "FILE", required = true, num_args = 1..)]
    pub read: Vec<PathBuf>,
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
}

impl IngestArgs {
    /// Arguments with all defaults, for programs that ingest.
    pub fn of(read: Vec<PathBuf>, store: PathBuf) -> Self {
        Self {
            read,
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

    /// The settings these arguments mean on this machine.
    pub fn settings(&self) -> Settings {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let lanes = self.lanes.unwrap_or((processors / 2).clamp(1, 8));
        Settings {
            lanes,
            sensor: self.sensor.clone().unwrap_or_else(host_name).into(),
            inside: Inside(self.inside.clone()),
            limits: Limits {
                active_timeout_ns: self.active_timeout,
                idle_timeout_ns: self.idle_timeout,
                flows_max: self.max_flows.div_ceil(lanes),
            },
        }
    }
}

/// What the arguments mean.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Number of lanes.
    pub lanes: usize,
    /// Name of the sensor.
    pub sensor: Arc<str>,
    /// Inside networks.
    pub inside: Inside,
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
