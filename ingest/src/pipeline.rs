//! The one place that knows every stage: source, lanes, writer, store, and the threads and queues between them.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use indicatif::{ProgressBar, ProgressStyle};
use schemas::store::layout::check_sensor;
use schemas::store::{Input, Publisher, Store, StoreError};

use crate::archive::{Archive, Files, Nowhere};
use crate::block::{Block, Time};
use crate::config::IngestArgs;
use crate::decode::Decoder;
use crate::delivery::{Delivery, Outbox};
use crate::error::IngestError;
use crate::flow::Open;
use crate::identity;
use crate::lane::Lane;
use crate::ledger::{IntervalEnd, Tally, Totals};
use crate::now;
use crate::outcome::Outcome;
use crate::outfit::Outfit;
use crate::privacy::Privacy;
use crate::sink::{Sink, Written};
use crate::source::{Damage, FileSource, Pool, SourceError, Tagger};

/// Blocks that wait before a lane.
pub const BLOCKS_WAITING: usize = 8;
/// Deliveries that wait before the writer.
pub const DELIVERIES_WAITING: usize = 16;

impl Outbox for Sender<Delivery> {
    fn send(&mut self, delivery: Delivery) -> bool {
        Self::send(self, delivery).is_ok()
    }
}

/// Turns captures into a store's rows: all of them or none.
pub(crate) fn run(args: &IngestArgs) -> Result<Outcome, IngestError> {
    let settings = args.settings();
    check_sensor(&settings.sensor)?;
    let privacy = Privacy::of(args)?;
    let (captures, filter) = args.captures_and_filter()?;
    let inputs = fingerprints(&captures)?;
    refuse_twins(&inputs, args.again)?;
    let pool = Pool::new(BLOCKS_WAITING * 2);
    let paths = in_time_order(&captures, &pool)?;
    // Refused before any work is done, and again at the end, for another run may have been quicker.
    let store = Store::open_or_create(&args.store)?;
    if !args.again {
        store.refuse_known(&settings.sensor, &inputs)?;
    }
    let publisher = Publisher::begin(&store, &settings.sensor, &identity::boot_id())?
        .stating(privacy.statement());
    let backend = if paths.iter().any(|path| path.as_os_str() == "-") { "stream" } else { "file" };
    let progress = progress(&paths, args.quiet);
    let decoder = args.packets.decoder();
    let reader = Reader { paths: &paths, pool: &pool, decoder, progress };
    let outfit = Outfit { settings, filter, interface: None, backend, kernel_filters: false };
    let names = (outfit.resolutions(), privacy);
    let sink = Sink::new(Files::new(publisher), outfit.accounts(), names);
    let ((files, written), read) = flow(&outfit, reader, sink)?;
    let entry = files.seal()?.commit(inputs, args.again)?;
    Ok(Outcome {
        store: args.store.clone(),
        written,
        files: entry.files.len(),
        damages: read.damages,
        packets_read: read.packets,
        notices: Vec::new(),
        rows_lost: 0,
    })
}

/// The same way but for its end: rows are made, named and counted, and then nobody takes them.
pub(crate) fn rehearse(args: &IngestArgs) -> Result<Outcome, IngestError> {
    let (paths, filter) = args.captures_and_filter()?;
    let pool = Pool::new(BLOCKS_WAITING * 2);
    let progress = progress(&paths, args.quiet);
    let reader = Reader { paths: &paths, pool: &pool, decoder: args.packets.decoder(), progress };
    let settings = args.settings();
    let outfit =
        Outfit { settings, filter, interface: None, backend: "file", kernel_filters: false };
    let names = (outfit.resolutions(), Privacy::of(args)?);
    let sink = Sink::new(Nowhere, outfit.accounts(), names);
    let ((Nowhere, written), read) = flow(&outfit, reader, sink)?;
    Ok(Outcome {
        store: args.store.clone(),
        written,
        files: 0,
        damages: read.damages,
        packets_read: read.packets,
        notices: Vec::new(),
        rows_lost: 0,
    })
}

/// What the reader found.
#[derive(Debug, Default)]
struct Read {
    packets: u64,
    damages: Vec<Damage>,
    /// Number that the frame after the last would have.
    sequence: u64,
}

struct Reader<'a> {
    paths: &'a [PathBuf],
    pool: &'a Pool,
    decoder: Decoder,
    progress: ProgressBar,
}

impl Reader<'_> {
    /// Reads all files and hands on each block, tagged for so many lanes; stops early when it is not taken.
    fn run(self, lanes: usize, mut hand: impl FnMut(Block) -> bool) -> Result<Read, SourceError> {
        let mut tagger = Tagger::new(lanes).reading(self.decoder);
        let mut read = Read::default();
        'files: for path in self.paths {
            let mut source = FileSource::open(path, self.pool)?;
            loop {
                let blocks = source.read(&mut tagger);
                if blocks.is_empty() {
                    break;
                }
                for block in blocks {
                    read.packets += block.refs().len() as u64;
                    if !hand(block) {
                        break 'files;
                    }
                }
                self.progress.set_position(source.offset());
            }
            read.damages.extend(source.damage.take());
        }
        read.sequence = tagger.sequence();
        self.progress.finish_and_clear();
        Ok(read)
    }

    /// One lane takes the blocks where they are read: nobody wakes anybody, and the octets are still in its cache.
    fn run_for<O: Outbox>(self, mut lane: Lane<O>) -> Result<Read, SourceError> {
        let read = self.run(1, |block| lane.take(&block))?;
        lane.finish(read.sequence, None);
        Ok(read)
    }

    /// Each lane is handed every block.
    fn run_beside(self, lanes: &[Sender<Message>]) -> Result<Read, SourceError> {
        let tell =
            |message: &dyn Fn() -> Message| lanes.iter().all(|lane| lane.send(message()).is_ok());
        let read = self.run(lanes.len(), |block| {
            let block = Arc::new(block);
            tell(&|| Message::Block(Arc::clone(&block)))
        })?;
        // A lane that is gone is found when it is joined.
        let _ = tell(&|| Message::End(read.sequence));
        Ok(read)
    }
}

enum Message {
    Block(Arc<Block>),
    End(u64),
}

/// Reads for the lanes: for one in its own thread, for more beside theirs; `None` if a lane died.
fn read_for<O: Outbox + Send>(
    reader: Reader<'_>,
    lanes: Vec<Lane<O>>,
) -> Option<Result<Read, SourceError>> {
    thread::scope(|scope| match <[_; 1]>::try_from(lanes) {
        Ok([lane]) => scope.spawn(|| reader.run_for(lane)).join().ok(),
        Err(lanes) => {
            let begin = |lane: Lane<O>| {
                let (send, receive) = bounded(BLOCKS_WAITING);
                (send, scope.spawn(move || work(lane, &receive)))
            };
            let (lanes, workers): (Vec<_>, Vec<_>) = lanes.into_iter().map(begin).unzip();
            let read = reader.run_beside(&lanes);
            drop(lanes);
            let are_done = workers.into_iter().all(|worker| worker.join().is_ok());
            are_done.then_some(read)
        }
    })
}

/// Runs the threads: the lanes and who reads for them, and one for the writer.
fn flow<A: Archive + Send>(
    outfit: &Outfit,
    reader: Reader<'_>,
    sink: Sink<A>,
) -> Result<((A, Written), Read), IngestError> {
    let seed = identity::table_seed();
    let nothing = nothing_seen(reader.paths);
    let (deliver, deliveries) = bounded::<Delivery>(DELIVERIES_WAITING);
    let lane = |number| outfit.lane(number, seed, deliver.clone());
    let lanes: Vec<_> = outfit.lanes().map(lane).collect();
    drop(deliver);
    let (read, (sink, written)) = thread::scope(|scope| {
        let writer = scope.spawn(move || write(sink, &deliveries));
        let read = read_for(reader, lanes).ok_or(IngestError::Stage("flow table"));
        let written = writer.join().map_err(|_| IngestError::Stage("writer"))?;
        Ok::<_, IngestError>((read, written))
    })?;
    let read = read.and_then(|read| read.map_err(IngestError::from));
    match written.map_err(IngestError::from).and(read) {
        Ok(read) => match sink.close(&nothing) {
            (archive, Ok(written)) => Ok(((archive, written), read)),
            (archive, Err(error)) => {
                archive.abandon();
                Err(error.into())
            }
        },
        Err(error) => {
            sink.into_archive().abandon();
            Err(error)
        }
    }
}

fn work<O: Outbox>(mut lane: Lane<O>, messages: &Receiver<Message>) {
    for message in messages {
        match message {
            Message::Block(block) => {
                if !lane.take(&block) {
                    return;
                }
            }
            Message::End(sequence) => return lane.finish(sequence, None),
        }
    }
}

fn write<A: Archive>(
    mut sink: Sink<A>,
    deliveries: &Receiver<Delivery>,
) -> (Sink<A>, Result<(), StoreError>) {
    for delivery in deliveries {
        if let Err(error) = sink.take(delivery) {
            return (sink, Err(error));
        }
    }
    (sink, Ok(()))
}

fn fingerprints(paths: &[PathBuf]) -> Result<Vec<Input>, SourceError> {
    let mut inputs = Vec::new();
    for path in paths.iter().filter(|path| path.as_os_str() != "-") {
        let found = Input::of_file(path)
            .map_err(|source| SourceError::Open { path: path.clone(), source })?;
        inputs.extend(found);
    }
    Ok(inputs)
}

fn refuse_twins(inputs: &[Input], again: bool) -> Result<(), IngestError> {
    for (position, input) in inputs.iter().enumerate() {
        let twin = inputs.iter().take(position).find(|other| other.is_same_capture(input));
        if let (Some(twin), false) = (twin, again) {
            return Err(IngestError::Twice(twin.name.clone(), input.name.clone()));
        }
    }
    Ok(())
}

/// Orders files by their first packet; files without one come first.
fn in_time_order(paths: &[PathBuf], pool: &Pool) -> Result<Vec<PathBuf>, IngestError> {
    if let [_] = paths {
        return Ok(paths.to_vec());
    }
    if paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(IngestError::StreamAmongFiles);
    }
    let mut timed = Vec::with_capacity(paths.len());
    for path in paths {
        timed.push((FileSource::open(path, pool)?.first_ts(), path.clone()));
    }
    timed.sort();
    Ok(timed.into_iter().map(|(_, path)| path).collect())
}

/// The interval of a run in which no frame came: now, with nothing in it.
fn nothing_seen(paths: &[PathBuf]) -> IntervalEnd {
    let now = now::wall_ns();
    let name = paths.first().and_then(|path| path.file_name()).unwrap_or_default();
    IntervalEnd {
        tally: Tally {
            time: Time { from_ns: now, to_ns: now, step_back_ns: 0 },
            ..Tally::default()
        },
        open: Open::default(),
        entries: 0,
        totals: Totals::default(),
        interface: name.to_string_lossy().into(),
        watch: None,
    }
}

/// A bar on a terminal, nothing elsewhere.
fn progress(paths: &[PathBuf], quiet: bool) -> ProgressBar {
    let [path] = paths else { return ProgressBar::hidden() };
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let length = Path::new(path).metadata().map_or(0, |metadata| metadata.len());
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
