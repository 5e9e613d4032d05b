//! The counters of a running probe as Prometheus reads them: its text format, version 0.0.4.
//!
//! Names are those of the fields with `outflow_` before them, `_total` behind what only grows, and base units; so a new counter cannot lack its line.

use std::fmt::{self, Display, Write};

use schemas::reject::Reject;

use crate::metrics::{DiskCounters, Gauge, LaneCounters, LaneMetrics, Metrics};

/// Media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A gauge of each lane: name, what it is, where it lies.
type LaneGauge = (&'static str, &'static str, fn(&LaneMetrics) -> &Gauge);

const LANE_GAUGES: [LaneGauge; 4] = [
    ("flow_table_entries", "Flows in the lane's table.", |lane| &lane.table_entries),
    ("flow_table_capacity", "Flows the lane's table can hold.", |lane| &lane.table_capacity),
    ("blocks_waiting", "Blocks that wait before the lane.", |lane| &lane.blocks_waiting),
    ("ring_pending_packets", "Packets the kernel counted, not yet handed over.", |lane| {
        &lane.ring_pending
    }),
];

/// The text of all numbers, a few KiB a lane.
pub fn exposition(metrics: &Metrics) -> String {
    let mut page = Page { text: String::new(), sensor: &metrics.sensor, of: &metrics.interface };
    // Writing to a string does not fail.
    let _ = page.write(metrics);
    page.text
}

struct Page<'a> {
    text: String,
    sensor: &'a str,
    of: &'a str,
}

impl Page<'_> {
    fn write(&mut self, metrics: &Metrics) -> fmt::Result {
        self.head("build_info", "gauge", "1; which build runs, and what reads the packets.")?;
        let build = [("version", env!("CARGO_PKG_VERSION")), ("backend", metrics.backend)];
        self.sample("build_info", &build, 1)?;
        self.lanes(&metrics.lanes)?;
        let values = metrics.disk.values();
        for ((name, help), value) in DiskCounters::NAMED.iter().zip(values) {
            self.single(&format!("{name}_total"), help, value)?;
        }
        self.single("spool_bytes", "Octets in the spool.", metrics.spool_bytes.get())?;
        let free = metrics.disk_free_bytes.get();
        self.single("disk_free_bytes", "Octets free where the store is.", free)?;
        self.single("link_up", "1 while the link is up.", metrics.link_up.get())?;
        let (received, dropped) = (metrics.nic_rx_packets.get(), metrics.nic_rx_dropped.get());
        self.single("nic_rx_packets_total", "Packets the interface counted.", received)?;
        self.single("nic_rx_dropped_total", "Packets the interface dropped.", dropped)?;
        let last = Seconds(metrics.last_packet_ns.get());
        self.single("last_packet_timestamp_seconds", "Time of the last packet.", last)?;
        let error = metrics.balance_error.get();
        self.single("balance_error_packets", "Difference of the ledger so far: 0.", error)?;
        self.single("gaps_total", "Rows of kind gap in the ledger.", metrics.gaps.get())?;
        self.single("ticks_total", "Beats of the capture thread.", metrics.ticks.get())
    }

    /// The families that have a sample for each lane.
    fn lanes(&mut self, lanes: &[LaneMetrics]) -> fmt::Result {
        let values: Vec<Vec<u64>> = lanes.iter().map(|lane| lane.counters.values()).collect();
        for (at, (name, help)) in LaneCounters::NAMED.iter().enumerate() {
            let name = format!("{name}_total");
            self.head(&name, "counter", help)?;
            for (lane, values) in values.iter().enumerate() {
                let value = values.get(at).copied().unwrap_or_default();
                self.sample(&name, &[("lane", &lane.to_string())], value)?;
            }
        }
        let name = "packets_ignored_total";
        self.head(name, "counter", "Frames that are no packet of a flow, by reason.")?;
        for (number, lane) in lanes.iter().enumerate() {
            for (reason, count) in Reject::ALL.iter().zip(&lane.ignored) {
                let labels = [("lane", number.to_string()), ("reason", snake_case(*reason))];
                let labels = labels.each_ref().map(|(name, value)| (*name, value.as_str()));
                self.sample(name, &labels, count.get())?;
            }
        }
        for (name, help, gauge) in LANE_GAUGES {
            self.head(name, "gauge", help)?;
            for (number, lane) in lanes.iter().enumerate() {
                self.sample(name, &[("lane", &number.to_string())], gauge(lane).get())?;
            }
        }
        Ok(())
    }

    /// A family with one sample.
    fn single(&mut self, name: &str, help: &str, value: impl Display) -> fmt::Result {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        self.head(name, kind, help)?;
        self.sample(name, &[], value)
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) -> fmt::Result {
        let help = help.trim().replace('\\', "\\\\").replace('\n', "\\n");
        writeln!(self.text, "# HELP outflow_{name} {help}\n# TYPE outflow_{name} {kind}")
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) -> fmt::Result {
        let (sensor, interface) = (Quoted(self.sensor), Quoted(self.of));
        write!(self.text, "outflow_{name}{{sensor={sensor},interface={interface}")?;
        for (label, text) in labels {
            write!(self.text, ",{label}={}", Quoted(text))?;
        }
        writeln!(self.text, "}} {value}")
    }
}

/// A label's value: in quotes, with backslash, quote and line feed escaped.
struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for character in self.0.chars() {
            match character {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        f.write_char('"')
    }
}

/// Nanoseconds, shown as seconds without loss.
struct Seconds(i64);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let ns = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000)
    }
}

/// A reason's word: `NonIp` is `non_ip`.
fn snake_case(reason: Reject) -> String {
    let mut word = String::new();
    for character in format!("{reason:?}").chars() {
        if character.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(character.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Metrics {
        let metrics = Metrics {
            sensor: "north \"7\"\\\n".to_owned(),
            interface: "eth0".to_owned(),
            backend: "tpacket_v3",
            lanes: vec![LaneMetrics::default(), LaneMetrics::default()],
            ..Metrics::default()
        };
        metrics.lanes[1].counters.packets_seen.add(7);
        metrics.lanes[1].ignored[Reject::NonIp.index()].add(3);
        metrics.lanes[0].table_entries.set(12);
        metrics.disk.rows_lost.add(5);
        metrics.last_packet_ns.set(1_700_000_000_000_000_001);
        metrics.balance_error.set(-1);
        metrics
    }

    #[test]
    fn numbers_stand_under_their_names_and_labels() {
        let text = exposition(&metrics());
        let of = r#"sensor="north \"7\"\\\n",interface="eth0""#;
        for line in [
            format!(r#"outflow_packets_seen_total{{{of},lane="0"}} 0"#),
            format!(r#"outflow_packets_seen_total{{{of},lane="1"}} 7"#),
            format!(r#"outflow_packets_ignored_total{{{of},lane="1",reason="non_ip"}} 3"#),
            format!(r#"outflow_flow_table_entries{{{of},lane="0"}} 12"#),
            format!("outflow_rows_lost_total{{{of}}} 5"),
            format!("outflow_last_packet_timestamp_seconds{{{of}}} 1700000000.000000001"),
            format!("outflow_balance_error_packets{{{of}}} -1"),
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\nin\n{text}");
        }
    }

    #[test]
    fn each_family_is_introduced_once_and_in_one_piece() {
        let text = exposition(&metrics());
        let mut done: Vec<&str> = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(help) = lines.next() {
            let (name, words) = help.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
            assert!(words.ends_with('.') && !words.starts_with(' '), "{help}");
            let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
            assert_eq!(lines.next().unwrap(), format!("# TYPE {name} {kind}"));
            let mut samples = 0;
            while let Some(sample) = lines.next_if(|line| !line.starts_with('#')) {
                assert!(sample.starts_with(&format!("{name}{{")), "{sample} under {name}");
                samples += 1;
            }
            assert!(samples > 0 && !done.contains(&name), "{name}");
            done.push(name);
        }
        assert_eq!(
            done.len(),
            1 + LaneCounters::NAMED.len() + 1 + 4 + DiskCounters::NAMED.len() + 9
        );
        assert!(text.ends_with('\n'));
    }

    #[test]
    fn times_before_1970_and_reasons() {
        assert_eq!(Seconds(-1_500_000_000).to_string(), "-1.500000000");
        let words: Vec<String> = Reject::ALL.into_iter().map(snake_case).collect();
        let expected =
            ["link_type", "arp", "non_ip", "truncated", "malformed", "too_deep", "duplicate"];
        assert_eq!(words, expected);
    }
}
