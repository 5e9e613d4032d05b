//! The engines: how each is asked in a process of its own, and what it says that took.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::peer::Result;
use crate::questions::compare::read;
use crate::questions::{PARAMETER_NAMES, PARAMETERS, Question};

/// Word by which this program calls itself for one question.
pub const ANSWER: &str = "answer";
/// Word by which it calls itself for the catalog's lists.
pub const TABLES: &str = "tables";
/// What asks the others.
const SCRIPT: &str = include_str!("../../questions/peers.py");

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// This one.
    Ours,
    /// `DuckDB`.
    DuckDb,
    /// `ClickHouse` without a server.
    ChDb,
}

/// Seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Took {
    /// On the clock.
    pub wall_s: f64,
    /// Of the processor, user and system, the whole process.
    pub cpu_s: f64,
}

/// What a process says of itself.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Name and version.
    pub engine: String,
    /// Until it could be asked.
    pub open: Took,
    /// The first one cold.
    pub runs: Vec<Took>,
    /// Memory at its largest.
    pub rss_bytes: u64,
}

/// One engine's turn at one question.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Who.
    pub engine: Engine,
    /// At what cost.
    pub figures: Figures,
    /// The answer: see [`read`].
    pub rows: Vec<String>,
}

/// Where questions are asked.
#[derive(Debug, Clone)]
pub struct Arena<'a> {
    /// This program.
    pub own: &'a Path,
    /// Of what is asked.
    pub store: &'a Path,
    /// Folder with the catalog's lists, and for what is made.
    pub scratch: &'a Path,
    /// The interpreter that asks the others.
    pub python: &'a Path,
    /// Times asked when warm.
    pub rounds: usize,
    /// What stands in braces in the questions, and for what.
    pub parameters: Vec<(String, String)>,
}

impl Took {
    fn of_json(value: &Value) -> Option<Self> {
        Some(Self { wall_s: value["wall_s"].as_f64()?, cpu_s: value["cpu_s"].as_f64()? })
    }

    /// For programs.
    pub fn json(&self) -> Value {
        json!({ "wall_s": self.wall_s, "cpu_s": self.cpu_s })
    }

    /// The least of several, each figure by itself.
    pub fn least(several: &[Self]) -> Self {
        let least = |of: fn(&Self) -> f64| several.iter().map(of).fold(f64::INFINITY, f64::min);
        Self { wall_s: least(|took| took.wall_s), cpu_s: least(|took| took.cpu_s) }
    }
}

impl Figures {
    fn of_json(value: &Value) -> Option<Self> {
        let runs = value["runs"].as_array()?;
        Some(Self {
            engine: value["engine"].as_str()?.to_owned(),
            open: Took::of_json(&value["open"])?,
            runs: runs.iter().map(Took::of_json).collect::<Option<_>>()?,
            rss_bytes: value["rss_bytes"].as_u64()?,
        })
    }

    /// For programs, and for the process that asked.
    pub fn json(&self) -> Value {
        json!({
            "engine": self.engine,
            "open": self.open.json(),
            "runs": self.runs.iter().map(Took::json).collect::<Vec<_>>(),
            "rss_bytes": self.rss_bytes,
        })
    }

    /// With the store's files out of the page cache.
    pub fn cold(&self) -> Took {
        self.runs.first().copied().unwrap_or_default()
    }

    /// The best of the later ones.
    pub fn warm(&self) -> Took {
        Took::least(self.runs.get(1..).unwrap_or_default())
    }
}

impl Engine {
    /// All, ours first.
    pub const ALL: [Self; 3] = [Self::Ours, Self::DuckDb, Self::ChDb];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours => "outflow",
            Self::DuckDb => "duckdb",
            Self::ChDb => "chdb",
        }
    }

    /// The question in its words.
    const fn text(self, question: &Question) -> &'static str {
        match self {
            Self::Ours => question.ours,
            Self::DuckDb => question.duckdb,
            Self::ChDb => question.chdb,
        }
    }

    /// What it is told before it is asked.
    const fn setup(self) -> &'static str {
        match self {
            Self::Ours => "",
            Self::DuckDb => include_str!("../../questions/setup-duckdb.sql"),
            Self::ChDb => include_str!("../../questions/setup-chdb.sql"),
        }
    }

    /// Why it cannot be asked; nothing where it can.
    pub fn lacks(self, python: &Path) -> Option<String> {
        if self == Self::Ours {
            return None;
        }
        let name = self.name();
        let script = format!("import {name}, pyarrow.parquet");
        let missing = match Command::new(python).args(["-c", &script]).output() {
            Ok(output) if output.status.success() => return None,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let why = missing.lines().last().unwrap_or_default();
        Some(format!("{why}; pip install {name} pyarrow, or name another --python"))
    }

    /// Asks it a question.
    pub fn ask(self, arena: &Arena<'_>, question: &Question) -> Result<Turn> {
        self.turn(arena, &filled(self.text(question), &arena.parameters))
    }

    /// Asks it in its own words.
    fn turn(self, arena: &Arena<'_>, sql: &str) -> Result<Turn> {
        let (asked, answer) = (arena.file("question.sql"), arena.file("answer.parquet"));
        std::fs::write(&asked, sql)?;
        if answer.exists() {
            std::fs::remove_file(&answer)?;
        }
        let mut command = self.command(arena)?;
        let output = command.arg(&asked).arg(&answer).arg(arena.rounds.to_string()).output()?;
        let told = String::from_utf8_lossy(&output.stdout);
        let figures = serde_json::from_str(&told).ok().and_then(|told| Figures::of_json(&told));
        let Some(figures) = figures.filter(|_| output.status.success()) else {
            let why = String::from_utf8_lossy(&output.stderr);
            return Err(format!("{}: {}", self.name(), why.trim()).into());
        };
        Ok(Turn { engine: self, figures, rows: read(&answer)? })
    }

    /// How it is called, but for the question.
    fn command(self, arena: &Arena<'_>) -> Result<Command> {
        if self == Self::Ours {
            let mut command = Command::new(arena.own);
            command.arg(ANSWER).arg(arena.store);
            return Ok(command);
        }
        let (script, setup) = (arena.file("peers.py"), arena.file("setup.sql"));
        std::fs::write(&script, SCRIPT)?;
        std::fs::write(&setup, self.setup())?;
        let mut command = Command::new(arena.python);
        command.arg(script).arg(self.name()).arg(arena.store).arg(arena.scratch).arg(setup);
        Ok(command)
    }
}

impl Arena<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    /// Lets a process of its own write the catalog's lists: what this one holds in memory, the kernel counts as its children's.
    pub fn prepare(&mut self) -> Result<()> {
        let output = Command::new(self.own).arg(TABLES).arg(self.scratch).output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).trim().into());
        }
        let once = Self { rounds: 0, ..self.clone() };
        let rows = Engine::Ours.turn(&once, PARAMETERS)?.rows;
        let row = rows.first().ok_or("a store without flows has nothing to ask about")?;
        let values = row.split('\t').map(str::to_owned);
        self.parameters = PARAMETER_NAMES.map(str::to_owned).into_iter().zip(values).collect();
        Ok(())
    }
}

/// A text with all parameters in their places.
pub fn filled(text: &str, parameters: &[(String, String)]) -> String {
    parameters.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), &value.replace('\'', "''"))
    })
}
