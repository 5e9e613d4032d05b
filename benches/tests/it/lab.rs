//! A folder with a capture and a store, questions to the store, and tools that may be missing.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use analyze::catalog::Catalog;
use analyze::session::{Limits, Session};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use ingest::source::synthetic::{INSIDE, Plan};
use ingest::{IngestArgs, Outcome};
use schemas::store::Store;
use tempfile::TempDir;

/// Seed of the national day.
pub(crate) const SEED: u64 = 2014;

/// The seed that was asked for with `OUTFLOW_SEED`.
pub(crate) fn seed() -> Option<u64> {
    let text = std::env::var("OUTFLOW_SEED").ok()?;
    Some(text.parse().unwrap_or_else(|why| panic!("OUTFLOW_SEED={text}: {why}")))
}

/// Cells of a row as text; null is `None`.
pub(crate) type Row = Vec<Option<String>>;

pub(crate) struct Lab {
    folder: TempDir,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the capture of a plan.
    pub(crate) fn write(&self, plan: &Plan) -> PathBuf {
        let path = self.path("plan.pcap");
        plan.write_pcap(File::create(&path).unwrap()).unwrap();
        path
    }

    pub(crate) fn args(&self, capture: PathBuf) -> IngestArgs {
        let mut args = IngestArgs::of(vec![capture], self.path("store"));
        args.sensor = Some("lab".to_owned());
        args.inside = INSIDE.iter().map(|network| network.parse().unwrap()).collect();
        args
    }

    /// Ingests a plan; the books must close.
    pub(crate) fn ingest(&self, plan: &Plan) -> Outcome {
        let outcome = ingest::run(&self.args(self.write(plan))).unwrap();
        assert!(outcome.is_complete(), "{outcome}");
        outcome
    }

    /// Opens the store under the shipped catalog.
    pub(crate) fn within<T>(&self, work: impl AsyncFnOnce(Session) -> T) -> T {
        static CATALOG: OnceLock<Arc<Catalog>> = OnceLock::new();
        let catalog = CATALOG.get_or_init(|| Arc::new(Catalog::shipped().unwrap()));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = Store::open(self.path("store")).unwrap();
            let limits = Limits::default();
            work(Session::open(&store, Arc::clone(catalog), &limits).await.unwrap()).await
        })
    }

    /// Asks the store.
    pub(crate) fn ask(&self, sql: &str) -> Vec<Row> {
        let batches = self.within(async |session| session.collect(sql).await.unwrap());
        let mut rows = Vec::new();
        for batch in &batches {
            let options = FormatOptions::default();
            let columns: Vec<_> = batch.columns().iter().collect();
            let texts: Vec<_> = columns
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let cells = columns.iter().zip(&texts);
                let cells = cells.map(|(column, text)| {
                    column.is_valid(row).then(|| text.value(row).to_string())
                });
                rows.push(cells.collect());
            }
        }
        rows
    }
}

/// Says that a test cannot be done here; fails where all tools are required.
pub(crate) fn skip(test: &str, why: &str) {
    let required = std::env::var_os("OUTFLOW_REQUIRE_TOOLS").is_some_and(|value| value == "1");
    assert!(!required, "{test} cannot be skipped here: {why}");
    // Past the harness, which would keep a passing test's words to itself.
    io::stderr().write_all(format!("SKIPPED {test}: {why}\n").as_bytes()).unwrap();
}
