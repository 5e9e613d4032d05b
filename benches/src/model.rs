//! Where the probe's time goes: packets, rows and names, each priced by a capture that has next to nothing else.
//!
//! CPU-s = packets·p + rows·r + names·n. `p` comes from small packets of few flows; a row made, from packets that all begin a flow; a name, from packets that
//! are all hellos; a row written, from what the writer adds. What the sum leaves unexplained on mixed traffic is the table outgrowing the caches, and
//! octets read.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::capture::Traffic;
use crate::contest::{Contest, real};
use crate::ours::{FLOOR, OFF, PROBE, WALK};
use crate::peer::Result;

/// Programs that are needed for it.
pub const NEEDED: [&str; 4] = [WALK, FLOOR, OFF, PROBE];
/// Traffic that is needed for it.
pub const PRICED: [Traffic; 4] = [Traffic::Few, Traffic::NewFlows, Traffic::Hellos, Traffic::Mix];

/// Prices in nanoseconds, and how they fit.
#[derive(Debug, Clone, Copy)]
pub struct Model {
    /// A packet.
    pub packet_ns: f64,
    /// A row made and named.
    pub row_made_ns: f64,
    /// A row written.
    pub row_written_ns: f64,
    /// A name read.
    pub name_ns: f64,
    /// Seconds on mixed traffic by the prices.
    pub predicted_s: f64,
    /// Seconds measured.
    pub measured_s: f64,
    /// The floor's seconds by the probe's without its writer.
    pub floor_share: f64,
    /// Rows of the writer for a second of its own.
    pub rows_per_s: f64,
    /// Packets of the whole probe for a second.
    pub packets_per_s: f64,
}

impl Model {
    /// From contests with [`PRICED`] traffic, in that order; `names` are those in the rows of the last one.
    pub fn of([few, new, hellos, mix]: [&Contest; 4], names: u64) -> Result<Self> {
        let each = |contest: &Contest, name| -> Result<f64> {
            Ok(contest.seconds(name)? * 1e9 / real(contest.written.packets))
        };
        let packet_ns = each(few, OFF)?;
        let opened_ns = each(new, OFF)?;
        let rows = mix.rows(PROBE)?;
        let (off_s, whole_s) = (mix.seconds(OFF)?, mix.seconds(PROBE)?);
        let (row_made_ns, name_ns) = (opened_ns - packet_ns, each(hellos, OFF)? - opened_ns);
        let row_written_ns = (whole_s - off_s) * 1e9 / real(rows);
        let packets = real(mix.written.packets);
        let predicted = packets * packet_ns
            + real(rows) * (row_made_ns + row_written_ns)
            + real(names) * name_ns;
        Ok(Self {
            packet_ns,
            row_made_ns,
            row_written_ns,
            name_ns,
            predicted_s: predicted / 1e9,
            measured_s: whole_s,
            floor_share: mix.seconds(FLOOR)? / off_s,
            rows_per_s: real(rows) / (whole_s - off_s),
            packets_per_s: packets / whole_s,
        })
    }

    /// Three figures and the model beside them.
    pub fn print(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "\nwriter off, on mix      {:>10.1} % of the floor",
            self.floor_share * 100.0
        )?;
        writeln!(
            out,
            "writer                  {:>10.0} rows for each second of its own",
            self.rows_per_s
        )?;
        writeln!(
            out,
            "whole                   {:>10.2} M packets a second",
            self.packets_per_s / 1e6
        )?;
        writeln!(
            out,
            "CPU ns = packets x {:.0} + rows x ({:.0} made + {:.0} written) + names x {:.0}; on mix {:.2} s by this, {:.2} s measured",
            self.packet_ns,
            self.row_made_ns,
            self.row_written_ns,
            self.name_ns,
            self.predicted_s,
            self.measured_s
        )
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        json!({
            "packet_ns": self.packet_ns,
            "row_made_ns": self.row_made_ns,
            "row_written_ns": self.row_written_ns,
            "name_ns": self.name_ns,
            "predicted_s": self.predicted_s,
            "measured_s": self.measured_s,
            "writer_off_share_of_floor": self.floor_share,
            "rows_per_cpu_s": self.rows_per_s,
            "packets_per_cpu_s": self.packets_per_s,
        })
    }
}
