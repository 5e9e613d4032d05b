//! The shell of `outflow sql`: history, statements of many lines, psql's backslash commands, and Ctrl-C for a query that takes too long.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, anyhow};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::ScalarUDF;
use rustyline::Editor;
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use tokio::runtime::Runtime;

use crate::catalog::Catalog;
use crate::cli::describe;
use crate::cli::exit::{chain, note};
use crate::cli::line::LineHelper;
use crate::cli::meta::{HELP, Meta};
use crate::cli::statement;
use crate::output::{self, Format, Layout, Written};
use crate::session::Session;
use crate::udf;

const HISTORY_MAX: usize = 5_000;

/// A conversation with one session.
pub(crate) struct Shell<'a> {
    runtime: &'a Runtime,
    session: &'a Session,
    functions: Vec<ScalarUDF>,
    layout: Layout,
    timing: bool,
    // Answers go here while it is set.
    file: Option<BufWriter<File>>,
    greeting: String,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        session: &'a Session,
        catalog: &Arc<Catalog>,
        layout: Layout,
    ) -> Self {
        let greeting = format!(
            "outflow {}, judging by catalog {}. \\? helps, \\q leaves.\n",
            env!("CARGO_PKG_VERSION"),
            catalog.snapshot().id
        );
        let functions = udf::all(catalog);
        Self { runtime, session, functions, layout, timing: true, file: None, greeting }
    }

    /// Reads and answers until the end of input.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        let config = Config::builder()
            .max_history_size(HISTORY_MAX)
            .and_then(|config| config.history_ignore_dups(true))
            .context("could not set up the line editor")?
            .history_ignore_space(true)
            .auto_add_history(true)
            .build();
        let mut editor: Editor<LineHelper, FileHistory> =
            Editor::with_config(config).context("could not set up the line editor")?;
        let names = self.functions.iter().map(|function| function.name().to_owned());
        editor.set_helper(Some(LineHelper::new(names)));
        let history = history_path();
        if let Some(path) = &history {
            // There is none yet in a first session.
            let _ = editor.load_history(path);
        }
        write!(io::stdout(), "{}", self.greeting)?;
        loop {
            match editor.readline("outflow> ") {
                Ok(text) if !self.take(&text)? => break,
                // Ctrl-C at the prompt drops what was typed.
                Ok(_) | Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => break,
                Err(error) => {
                    return Err(anyhow!(error).context("could not read the next statement"));
                }
            }
        }
        if let Some(path) = &history {
            keep_history(&mut editor, path);
        }
        Ok(())
    }

    /// Does what was typed; false ends the shell. An answer that fails is told and forgotten, a closed output is not.
    fn take(&mut self, text: &str) -> anyhow::Result<bool> {
        let text = text.trim();
        let outcome = if text.starts_with('\\') {
            match Meta::parse(text) {
                Ok(Meta::Quit) => return Ok(false),
                Ok(meta) => self.command(meta),
                Err(why) => Err(anyhow!(why)),
            }
        } else {
            self.statements(text)
        };
        match outcome {
            Err(error) if is_lost(&error) => Err(error),
            Err(error) => {
                note(&chain(&error));
                Ok(true)
            }
            Ok(()) => Ok(true),
        }
    }

    fn statements(&mut self, text: &str) -> anyhow::Result<()> {
        let (statements, _) = statement::split(text);
        for sql in statements {
            let session = self.session;
            self.answer(async { Ok(session.stream(sql).await?) })?;
        }
        Ok(())
    }

    fn command(&mut self, meta: Meta) -> anyhow::Result<()> {
        match meta {
            Meta::Help => write!(io::stdout(), "{HELP}")?,
            Meta::Quit => {}
            Meta::Tables => self.list(describe::tables()?)?,
            Meta::Describe(name) => {
                let none = || anyhow!("there is no table or view {name:?}; \\d lists them");
                self.list(describe::columns(&name).ok_or_else(none)??)?;
            }
            Meta::Functions => self.list(describe::functions(&self.functions)?)?,
            Meta::Expanded => {
                self.layout.expanded = !self.layout.expanded;
                say("one block a row", self.layout.expanded)?;
            }
            Meta::Timing => {
                self.timing = !self.timing;
                say("timing", self.timing)?;
            }
            Meta::Output(None) => self.file = None,
            Meta::Output(Some(path)) => {
                let file = File::create(&path).with_context(|| {
                    format!("could not write {}; name a file that may be written", path.display())
                })?;
                self.file = Some(BufWriter::new(file));
            }
            Meta::Include(path) => {
                let text = fs::read_to_string(&path).with_context(|| {
                    format!("could not read {}; name a text file with SQL", path.display())
                })?;
                self.statements(&text)?;
            }
        }
        Ok(())
    }

    fn list(&mut self, rows: SendableRecordBatchStream) -> anyhow::Result<()> {
        let timing = std::mem::replace(&mut self.timing, false);
        let listed = self.answer(async { Ok(rows) });
        self.timing = timing;
        listed
    }

    /// Writes one answer; Ctrl-C ends it.
    fn answer(
        &mut self,
        rows: impl Future<Output = anyhow::Result<SendableRecordBatchStream>>,
    ) -> anyhow::Result<()> {
        let begun = Instant::now();
        let mut terminal = BufWriter::new(io::stdout());
        let out: &mut (dyn Write + Send) = match &mut self.file {
            Some(file) => file,
            None => &mut terminal,
        };
        let layout = self.layout;
        let written = self.runtime.block_on(async {
            let answered =
                async { Ok(output::write(rows.await?, Format::Table, &layout, out).await?) };
            tokio::select! {
                written = answered => written,
                // Dropping the query stops it.
                _ = tokio::signal::ctrl_c() => Err(anyhow!("stopped")),
            }
        })?;
        if self.timing {
            writeln!(terminal, "{}", summary(written, begun))?;
        } else if written.shown < written.rows {
            writeln!(terminal, "{} of {} rows shown", written.shown, written.rows)?;
        }
        Ok(terminal.flush()?)
    }
}

fn summary(written: Written, begun: Instant) -> String {
    let Written { rows, shown } = written;
    let time = begun.elapsed();
    let time = if time.as_secs() < 10 {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    };
    let noun = if rows == 1 { "row" } else { "rows" };
    if shown < rows {
        format!("{rows} {noun}, the first {shown} shown · {time}")
    } else {
        format!("{rows} {noun} · {time}")
    }
}

fn say(what: &str, on: bool) -> io::Result<()> {
    writeln!(io::stdout(), "{what}: {}", if on { "on" } else { "off" })
}

fn is_lost(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// `$XDG_STATE_HOME/outflow/history`, or below `~/.local/state`.
fn history_path() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state"));
    Some(state.or_else(home)?.join("outflow/history"))
}

/// A history that cannot be kept is no reason to fail.
fn keep_history(editor: &mut Editor<LineHelper, FileHistory>, path: &Path) {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    if folder.is_err() || editor.save_history(path).is_err() {
        note("the history could not be kept");
    }
}
