//! Our own engine's turn at one question: cold once, then warm, in a process of its own.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use analyze::catalog::Catalog;
use analyze::session::{Limits, Session};
use arrow::array::RecordBatch;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use parquet::arrow::ArrowWriter;
use schemas::store::Store;
use tokio::runtime::Runtime;

use crate::cpu;
use crate::peer::Result;
use crate::questions::engine::{Figures, Took};

/// Threads of each engine.
pub const THREADS: usize = 2;
/// Memory of our operators; the others may take what they find.
const MEMORY_BYTES: usize = 4 << 30;

/// A session with its runtime.
#[derive(Debug)]
struct Ours {
    runtime: Runtime,
    session: Session,
}

impl Ours {
    /// Opens a store with the catalog that ships.
    fn open(store: &Path) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .enable_all()
            .build()?;
        let (store, catalog) = (Store::open(store)?, Arc::new(Catalog::shipped()?));
        let limits =
            Limits { partitions: THREADS, memory_bytes: MEMORY_BYTES, ..Limits::default() };
        let session = runtime.block_on(Session::open(&store, catalog, &limits))?;
        Ok(Self { runtime, session })
    }

    /// Asks.
    fn ask(&self, sql: &str) -> Result<Vec<RecordBatch>> {
        Ok(self.runtime.block_on(self.session.collect(sql))?)
    }
}

/// What something takes.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Took)> {
    let (cpu, began) = (cpu::own()?, Instant::now());
    let result = work()?;
    let wall_s = began.elapsed().as_secs_f64();
    Ok((result, Took { wall_s, cpu_s: cpu::own()?.saturating_sub(cpu).as_secs_f64() }))
}

/// Asks as often as wanted, writes the answer to a file and gives what that took.
pub fn answer(store: &Path, sql: &str, rounds: usize, out: &Path) -> Result<Figures> {
    let (ours, open) = timed(|| Ours::open(store))?;
    forget(store)?;
    let (mut rows, mut runs) = (Vec::new(), Vec::new());
    for _ in 0..=rounds {
        // The others give theirs back before they ask again, too.
        rows.clear();
        let (answered, took) = timed(|| ours.ask(sql))?;
        rows = answered;
        runs.push(took);
    }
    let rss_bytes = cpu::own_rss_bytes()?;
    write(&rows, out)?;
    Ok(Figures { engine: "outflow".to_owned(), open, runs, rss_bytes })
}

fn write(rows: &[RecordBatch], out: &Path) -> Result<()> {
    let Some(first) = rows.first() else { return Ok(()) };
    let mut writer = ArrowWriter::try_new(File::create(out)?, first.schema(), None)?;
    for batch in rows {
        writer.write(batch)?;
    }
    writer.close()?;
    Ok(())
}

/// Takes a store's files out of the page cache.
fn forget(store: &Path) -> Result<()> {
    let mut folders: Vec<PathBuf> = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let file = File::open(&path)?;
                posix_fadvise(file.as_fd(), 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use analyze::rollup::Roller;

    use super::*;
    use crate::dataset::write::Plan;
    use crate::questions::compare::read;
    use crate::questions::engine::filled;
    use crate::questions::{PARAMETER_NAMES, PARAMETERS, QUESTIONS};

    fn roll_up(place: &Path) {
        let store = Store::open(place).unwrap();
        let tending = store.tend().unwrap();
        let mut roller = Roller {
            store: &store,
            tending: &tending,
            catalog: Arc::new(Catalog::shipped().unwrap()),
            limits: Limits::default(),
            run: "roll".into(),
            until: 2_000_000_000_000_000,
            begun: 0,
        };
        Runtime::new().unwrap().block_on(roller.roll()).unwrap();
    }

    #[test]
    fn every_question_has_an_answer_in_a_made_store() {
        let folder = tempfile::tempdir().unwrap();
        let (store, out) = (folder.path().join("store"), folder.path().join("answer.parquet"));
        let plan = Plan { rows: 20_000, days: 2, seed: 7, threads: 1 };
        plan.make(&store, |_| ()).unwrap();
        let rows_of = |sql: &str| {
            let figures = answer(&store, sql, 0, &out).unwrap();
            assert_eq!(figures.runs.len(), 1);
            read(&out).unwrap()
        };
        roll_up(&store);
        let told = rows_of(PARAMETERS);
        let values = told[0].split('\t').map(str::to_owned);
        let names = PARAMETER_NAMES.map(str::to_owned);
        let parameters: Vec<_> = names.into_iter().zip(values).collect();
        assert_eq!(parameters.len(), 4);
        for question in QUESTIONS {
            let sql = filled(question.ours, &parameters);
            assert!(!sql.contains('{'), "{}: {sql}", question.name);
            assert!(!rows_of(&sql).is_empty(), "{}", question.name);
        }
    }
}
