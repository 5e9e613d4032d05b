//! The probe beside its peers and beside the least that can be done, on the same captures, in one go.
//!
//! `cargo build --release -p ingest && cargo build --release -p benches --no-default-features` builds it beside the probe, without the SQL engine; then
//! `target/release/outflow-peers mix --full`, and so on. `benches/peers/install` fetches the peers.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use benches::balance::names_in;
use benches::capture::{SEED, Traffic};
use benches::cliff::{Felt, felt, packets_of};
use benches::contest::{Arena, Contest, named, peers, real};
use benches::cpu::{self, MEASURE};
use benches::lanes::forecast::{Forecast, Question};
use benches::lanes::stages::Subject;
use benches::model::{Model, NEEDED, PRICED};
use benches::ours::{FLOOR, OFF, PROBE, WALK, floored, flows_max, walked};
use benches::peer::Peer;
use clap::{Parser, value_parser};
use ingest::config::IngestArgs;
use mimalloc::MiMalloc;
use serde_json::{Value, json};

// That of the probe, whose way without its writer is run here.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Word by which this program calls itself for one size of the table.
const CLIFF: &str = "cliff-of";

/// Measures the probe beside its peers
#[derive(Debug, Parser)]
struct Arguments {
    /// Figures for programs
    #[arg(long, global = true)]
    json: bool,
    /// Folder for captures and what is made of them [default: the system's temporary one]
    #[arg(long, global = true, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Times each program runs
    #[arg(long, global = true, default_value_t = 3)]
    rounds: usize,
    /// Packets in each capture [default: 2,000,000]
    #[arg(long, global = true, value_name = "N")]
    packets: Option<u64>,
    /// As many packets as the published figures have: mix 11.6 million, syn 10 million
    #[arg(long, global = true, conflicts_with = "packets")]
    full: bool,
    /// Only these programs
    #[arg(long, global = true, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    /// All programs on mixed traffic
    Mix,
    /// All programs on small packets of many flows
    Syn,
    /// The floors, the probe without its writer and the probe; and what a packet, a row and a name cost
    Model,
    /// The probe on captures in which every packet costs the most
    Worst,
    /// A lane with more and more flows, from memory
    Cliff {
        /// Their numbers
        #[arg(long, value_delimiter = ',', default_values_t = [1_000, 100_000, 1_000_000, 10_000_000])]
        flows: Vec<u32>,
        /// Packets of each flow once it is there, on average; 20 million in all at least
        #[arg(long, default_value_t = 50)]
        each: u64,
    },
    /// What more lanes on more processors would give, and what stops them: measured steps, played through
    ///
    /// Each step of the packet path is measured on one thread. A simulation then plays them: a reader, queues of blocks, lanes that pass over each
    /// other's packets, a queue of deliveries, writers; processors are shared out fairly. `file` is the probe as it is; `in order of lanes`, if no lane
    /// saw what is another's; `rings`, if each lane had a ring of the kernel (whose own work is not counted); `writers`, if there were more of them. The
    /// real probe is run with one and with two lanes beside it: the error says how far to trust the rest, which knows nothing of memory that more
    /// processors share.
    Lanes {
        /// Their numbers
        #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 15], value_parser = value_parser!(u8).range(1..=32))]
        lanes: Vec<u8>,
        /// Numbers of processors
        #[arg(long, value_delimiter = ',', default_values_t = [2, 16], value_parser = value_parser!(u8).range(1..))]
        cores: Vec<u8>,
        /// A capture of your own [default: the mix]
        #[arg(long, value_name = "FILE")]
        capture: Option<PathBuf>,
    },
    /// Only write a capture
    Make {
        /// Of which traffic
        traffic: Traffic,
        /// The file
        out: PathBuf,
        /// What it is made from
        #[arg(long, default_value_t = SEED)]
        seed: u64,
    },
    #[command(name = WALK, hide = true)]
    Walk { capture: PathBuf, flows: u64 },
    #[command(name = FLOOR, hide = true)]
    Floor { capture: PathBuf, flows: u64 },
    #[command(name = OFF, hide = true)]
    Off { capture: PathBuf, flows: u64 },
    #[command(name = CLIFF, hide = true)]
    CliffOf { flows: u32, packets: u64 },
    #[command(name = MEASURE, hide = true)]
    Measure {
        told: PathBuf,
        program: PathBuf,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<std::ffi::OsString>,
    },
}

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The probe's arguments, as its command line would have them.
#[derive(Debug, Parser)]
struct Probe {
    #[command(flatten)]
    args: IngestArgs,
}

/// The probe without its writer: in the same line.
fn rehearse(capture: &Path, flows: u64) -> Result<String> {
    let room = flows_max(flows);
    let words = ["probe", "-q", "--lanes", "1", "--max-flows", &room, "--store", "none", "-r"];
    let words = words.iter().map(Into::into).chain([capture.as_os_str().to_owned()]);
    let outcome = ingest::rehearse(&Probe::parse_from(words).args)?;
    if outcome.difference() != 0 {
        return Err(format!("the books do not close:\n{outcome}").into());
    }
    let octets: i64 = outcome.written.ledger.iter().map(|row| row.ip_exported).sum();
    Ok(format!("{} {octets} {} 0", outcome.packets_read, outcome.written.flow_rows))
}

impl Arguments {
    fn scratch(&self) -> Result<tempfile::TempDir> {
        let parent = self.scratch.clone().unwrap_or_else(std::env::temp_dir);
        Ok(tempfile::tempdir_in(parent)?)
    }

    fn packets_of(&self, traffic: Traffic) -> u64 {
        if self.full { traffic.packets_full() } else { self.packets.unwrap_or(2_000_000) }
    }

    /// These programs, or of them those that were asked for.
    fn peers(&self, among: &[&str]) -> Result<Vec<Peer>> {
        if let Some(name) = self.only.iter().find(|name| named(name).is_err()) {
            return Err(format!("nobody is called {name}").into());
        }
        let is_wanted =
            |peer: &Peer| self.only.is_empty() || self.only.iter().any(|name| name == peer.name);
        let is_among = |peer: &Peer| among.is_empty() || among.contains(&peer.name);
        Ok(peers().filter(is_wanted).filter(is_among).collect())
    }

    /// Writes the traffic, lets the programs take turns on it, prints the table.
    fn hold(&self, traffic: Traffic, peers: &[Peer], out: &mut impl Write) -> Result<Contest> {
        let (scratch, own) = (self.scratch()?, std::env::current_exe()?);
        let capture = scratch.path().join("capture.pcap");
        let written = traffic.write(SEED, self.packets_of(traffic), &capture)?;
        let arena = Arena { own: &own, scratch: scratch.path(), rounds: self.rounds };
        let contest = Contest::hold(arena, traffic.name(), (&capture, written), peers)?;
        if !self.json {
            contest.print(out)?;
        }
        Ok(contest)
    }

    fn beside(&self, traffic: Traffic, out: &mut impl Write) -> Result<Value> {
        let peers = self.peers(&[])?;
        Ok(self.hold(traffic, &peers, out)?.json())
    }

    fn model(&self, out: &mut impl Write) -> Result<Value> {
        let peers = self.peers(&NEEDED)?;
        let mut contests = Vec::new();
        for traffic in PRICED {
            contests.push(self.hold(traffic, &peers, out)?);
        }
        let [few, new, hellos, mix] = contests.as_slice() else { return Err("no prices".into()) };
        let model = Model::of([few, new, hellos, mix], self.names()?)?;
        if !self.json {
            model.print(out)?;
        }
        let held: Vec<Value> = contests.iter().map(Contest::json).collect();
        Ok(json!({ "model": model.json(), "contests": held }))
    }

    /// Names in the rows of mixed traffic.
    fn names(&self) -> Result<u64> {
        let scratch = self.scratch()?;
        let capture = scratch.path().join("capture.pcap");
        let written = Traffic::Mix.write(SEED, self.packets_of(Traffic::Mix), &capture)?;
        let own = std::env::current_exe()?;
        let place = benches::peer::Place {
            own: &own,
            capture: &capture,
            folder: scratch.path(),
            written: &written,
        };
        named(PROBE)?.run(&place)?;
        names_in(&scratch.path().join("store"))
    }

    fn worst(&self, out: &mut impl Write) -> Result<Value> {
        let peers = self.peers(&[FLOOR, OFF, PROBE])?;
        let mut rates = Vec::new();
        for traffic in [Traffic::Mix].into_iter().chain(Traffic::WORST) {
            let contest = self.hold(traffic, &peers, out)?;
            let rate = |name| {
                Ok::<_, Box<dyn Error>>(real(contest.written.packets) / contest.seconds(name)?)
            };
            rates.push((traffic.name(), rate(OFF)?, rate(PROBE)?));
        }
        let Some((_, off, whole)) = rates.first().cloned() else { return Ok(Value::Null) };
        if !self.json {
            writeln!(out, "\nrate by that of mixed traffic; less than 0.1 is too little")?;
            writeln!(out, "{:<15}{:>12}{:>8}", "", "writer off", "whole")?;
        }
        let mut shares = Vec::new();
        for (name, off_now, whole_now) in rates {
            let (off_now, whole_now) = (off_now / off, whole_now / whole);
            if !self.json {
                writeln!(out, "{name:<15}{off_now:>12.2}{whole_now:>8.2}")?;
            }
            shares.push(json!({ "traffic": name, "writer_off": off_now, "whole": whole_now }));
        }
        Ok(json!(shares))
    }

    fn lanes(&self, lanes: &[u8], cores: &[u8], own: Option<&Path>) -> Result<Forecast> {
        let scratch = self.scratch()?;
        let made = scratch.path().join("capture.pcap");
        let (capture, flows) = if let Some(own) = own {
            (own, 0)
        } else {
            let written = Traffic::Mix.write(SEED, self.packets_of(Traffic::Mix), &made)?;
            (made.as_path(), written.flows)
        };
        let subject = Subject { capture, flows_max: flows_max(flows).parse()? };
        let lanes = lanes.iter().copied().map(usize::from).collect();
        let question = Question { lanes, cores: cores.to_vec(), rounds: self.rounds };
        Forecast::of(&subject, &question, scratch.path())
    }

    fn cliff(&self, flows: &[u32], each: u64, out: &mut impl Write) -> Result<Value> {
        if !self.json {
            writeln!(
                out,
                "{:>10}{:>14}{:>14}{:>14}{:>16}{:>16}{:>14}",
                "flows",
                "ns a packet",
                "more",
                "ns a new one",
                "longest, grows",
                "longest, after",
                "octets a flow"
            )?;
        }
        let (mut first, mut lines) = (None, Vec::new());
        for flows in flows {
            let mut command = Command::new(std::env::current_exe()?);
            let packets = packets_of(*flows, each);
            let output =
                command.arg(CLIFF).arg(flows.to_string()).arg(packets.to_string()).output()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let felt = Felt::of_line(&text)
                .ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
            if felt.flows != u64::from(*flows) {
                return Err(format!("{} of {flows} flows in the table", felt.flows).into());
            }
            let more = felt.packet_ns - *first.get_or_insert(felt.packet_ns);
            let [growing, after] = felt.pauses.map(|pause| pause.as_secs_f64() * 1e3);
            if !self.json {
                writeln!(
                    out,
                    "{flows:>10}{:>14.1}{more:>14.1}{:>14.1}{growing:>13.2} ms{after:>13.2} ms{:>14.0}",
                    felt.packet_ns, felt.new_ns, felt.bytes_a_flow
                )?;
            }
            lines.push(json!({
                "flows": flows,
                "packet_ns": felt.packet_ns,
                "new_ns": felt.new_ns,
                "longest_growing_ms": growing,
                "longest_after_ms": after,
                "bytes_a_flow": felt.bytes_a_flow,
            }));
        }
        Ok(json!(lines))
    }
}

fn run(arguments: &Arguments, out: &mut impl Write) -> Result<()> {
    let load = fs::read_to_string("/proc/loadavg")?;
    let told = match &arguments.task {
        Task::Mix => arguments.beside(Traffic::Mix, out)?,
        Task::Syn => arguments.beside(Traffic::Syn, out)?,
        Task::Model => arguments.model(out)?,
        Task::Worst => arguments.worst(out)?,
        Task::Cliff { flows, each } => arguments.cliff(flows, *each, out)?,
        Task::Lanes { lanes, cores, capture } => {
            let forecast = arguments.lanes(lanes, cores, capture.as_deref())?;
            if !arguments.json {
                forecast.print(out)?;
            }
            forecast.json()
        }
        Task::Make { traffic, out: path, seed } => {
            let written = traffic.write(*seed, arguments.packets_of(*traffic), path)?;
            return Ok(writeln!(out, "{written:?}")?);
        }
        Task::Walk { capture, .. } => return Ok(writeln!(out, "{}", walked(capture)?)?),
        Task::Floor { capture, flows } => {
            return Ok(writeln!(out, "{}", floored(capture, *flows)?)?);
        }
        Task::Off { capture, flows } => {
            return Ok(writeln!(out, "{}", rehearse(capture, *flows)?)?);
        }
        Task::CliffOf { flows, packets } => {
            return Ok(writeln!(out, "{}", felt(*flows, *packets)?.line())?);
        }
        Task::Measure { told, program, words } => {
            return Ok(fs::write(told, cpu::run(Command::new(program).args(words))?.line())?);
        }
    };
    if arguments.json {
        writeln!(out, "{}", json!({ "load_before": load.trim(), "seed": SEED, "result": told }))?;
    } else {
        writeln!(out, "\nload of the machine before: {}", load.trim())?;
    }
    Ok(())
}

#[expect(clippy::print_stderr, reason = "the operator's line; tables go to standard output")]
fn main() -> ExitCode {
    match run(&Arguments::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("outflow-peers: {error}");
            ExitCode::FAILURE
        }
    }
}
