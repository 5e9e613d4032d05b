//! Questions to a store: ours, `DuckDB` and `ClickHouse` on the same files, in one go.
//!
//! `cargo build --release -p benches`, `outflow-dataset make --rows 20000000 --out DIR`, `pip install duckdb chdb pyarrow`, then
//! `target/release/outflow-questions ask --store DIR`.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use analyze::catalog::Catalog;
use benches::peer::Result;
use benches::questions::answer::{THREADS, answer};
use benches::questions::contest::{Asked, ask};
use benches::questions::engine::{ANSWER, Arena, Engine, TABLES};
use benches::questions::{QUESTIONS, Question, report, tables};
use clap::Parser;
use mimalloc::MiMalloc;
use serde_json::json;

// That of the program that ships.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Asks a store questions, and other engines the same
#[derive(Debug, Parser)]
enum Task {
    /// Ask everybody
    Ask(Asking),
    /// Only write the catalog's suffixes and country ranges as Parquet files
    #[command(name = TABLES)]
    Tables {
        /// An existing folder
        out: PathBuf,
    },
    #[command(name = ANSWER, hide = true)]
    Answer { store: PathBuf, question: PathBuf, answer: PathBuf, rounds: usize },
}

#[derive(Debug, clap::Args)]
struct Asking {
    /// The store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Only these questions
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Only we are asked
    #[arg(long)]
    alone: bool,
    /// Times each is asked when warm; the best counts
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The Python that has the other engines
    #[arg(long, default_value = "python3")]
    python: PathBuf,
    /// Figures for programs
    #[arg(long)]
    json: bool,
}

impl Asking {
    fn engines(&self) -> Result<Vec<Engine>> {
        if self.alone {
            return Ok(vec![Engine::Ours]);
        }
        let lacking: Vec<String> =
            Engine::ALL.iter().filter_map(|engine| engine.lacks(&self.python)).collect();
        if lacking.is_empty() {
            return Ok(Engine::ALL.to_vec());
        }
        Err(format!(
            "an engine is missing, so there is nothing to compare; --alone asks only us:\n{}",
            lacking.join("\n")
        )
        .into())
    }

    fn is_wanted(&self, question: &Question) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == question.name)
    }

    fn run(&self, out: &mut impl Write) -> Result<bool> {
        if let Some(name) = self.only.iter().find(|name| QUESTIONS.iter().all(|q| q.name != **name))
        {
            let names: Vec<_> = QUESTIONS.iter().map(|question| question.name).collect();
            return Err(
                format!("no question is called {name}; there are {}", names.join(", ")).into()
            );
        }
        let (engines, load) = (self.engines()?, fs::read_to_string("/proc/loadavg")?);
        let (own, store, scratch) =
            (std::env::current_exe()?, std::path::absolute(&self.store)?, tempfile::tempdir()?);
        let mut arena = Arena {
            own: &own,
            store: &store,
            scratch: scratch.path(),
            python: &self.python,
            rounds: self.rounds,
            parameters: Vec::new(),
        };
        arena.prepare()?;
        if !self.json {
            report::head(out)?;
        }
        let mut all: Vec<Asked> = Vec::new();
        for question in QUESTIONS.into_iter().filter(|question| self.is_wanted(question)) {
            if !store.join(question.table).exists() {
                if !self.json {
                    let Question { name, table, .. } = question;
                    writeln!(
                        out,
                        "{name:<13}not asked: there is no {table}, which `outflow store rollup` makes"
                    )?;
                }
                continue;
            }
            let asked = ask(&arena, question, &engines)?;
            if !self.json {
                report::print(&asked, out)?;
            }
            all.push(asked);
        }
        if self.json {
            let asked: Vec<_> = all.iter().map(report::json).collect();
            let told =
                json!({ "load_before": load.trim(), "threads": THREADS, "questions": asked });
            writeln!(out, "{told}")?;
        } else {
            report::foot(&all, out)?;
            writeln!(out, "{THREADS} threads each; load of the machine before: {}", load.trim())?;
        }
        Ok(all.iter().all(Asked::is_agreed))
    }
}

fn run(task: &Task, out: &mut impl Write) -> Result<bool> {
    match task {
        Task::Ask(asking) => asking.run(out),
        Task::Tables { out } => tables::write(&Catalog::shipped()?, out).map(|()| true),
        Task::Answer { store, question, answer: file, rounds } => {
            let figures = answer(store, &fs::read_to_string(question)?, *rounds, file)?;
            writeln!(out, "{}", figures.json())?;
            Ok(true)
        }
    }
}

#[expect(clippy::print_stderr, reason = "the operator's line; tables go to standard output")]
fn main() -> ExitCode {
    match run(&Task::parse(), &mut io::stdout().lock()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("outflow-questions: not all answers are ours");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("outflow-questions: {error}");
            ExitCode::FAILURE
        }
    }
}
