//! What every command that asks questions shares: the catalog, the limits, and the runtime they run on.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use schemas::store::Store;

use crate::catalog::Catalog;
use crate::cli::quantity;
use crate::session::{Limits, Session};

/// Catalog and limits.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct EngineArgs {
    /// Catalog to judge by, made by `outflow catalog build`; without it the one that ships
    #[arg(long, value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// What a question may use.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LimitArgs {
    /// Longest time a question may take, such as 60s or 5m; without it as long as it needs
    #[arg(long, value_name = "TIME", value_parser = quantity::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Memory a question may use before it spills to disk
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = quantity::size)]
    pub(crate) memory: usize,
}

impl LimitArgs {
    /// Opens a session over `store`.
    pub(crate) async fn session(
        &self,
        store: &Store,
        catalog: Arc<Catalog>,
    ) -> anyhow::Result<Session> {
        Ok(Session::open(store, catalog, &self.limits()).await?)
    }

    /// The same as the engine takes it.
    pub(crate) fn limits(&self) -> Limits {
        Limits { memory_bytes: self.memory, timeout: self.timeout, ..Limits::default() }
    }
}

impl EngineArgs {
    /// Opens a session over `store`.
    pub(crate) async fn session(
        &self,
        store: &Store,
        catalog: Arc<Catalog>,
    ) -> anyhow::Result<Session> {
        self.limits.session(store, catalog).await
    }

    /// Reads the catalog.
    pub(crate) fn catalog(&self) -> anyhow::Result<Arc<Catalog>> {
        catalog(self.catalog.as_deref())
    }
}

/// The catalog at `path`, or the one that ships.
pub(crate) fn catalog(path: Option<&Path>) -> anyhow::Result<Arc<Catalog>> {
    Ok(Arc::new(path.map_or_else(Catalog::shipped, Catalog::load)?))
}

/// The runtime that sessions need.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("could not start the worker threads")
}

/// Runs one piece of work to its end.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    runtime()?.block_on(work)
}
