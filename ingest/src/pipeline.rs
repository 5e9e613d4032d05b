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
}

struct Reader<'a> {
    paths: &'a [PathBuf],
    pool: &'a Pool,
    decoder: Decoder,
    progress: ProgressBar,
}

impl Reader<'_> {
    /// Reads all files and hands every block to every lane; stops early when the lanes are gone.
    fn run(self, lanes: &[Sender<Message>]) -> Result<Read, SourceError> {
        let mut tagger = Tagger::new(lanes.len()).reading(self.decoder);
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
                    let block = Arc::new(block);
                    if !lanes
                        .iter()
                        .all(|lane| lane.send(Message::Block(Arc::clone(&block))).is_ok())
                    {
                        break 'files;
                    }
                }
                self.progress.set_position(source.offset());
            }
            read.damages.extend(source.damage.take());
        }
        for lane in lanes {
            // A lane that is gone is found when it is joined.
            let _ = lane.send(Message::End(tagger.sequence()));
        }
        self.progress.finish_and_clear();
        Ok(read)
    }
}

enum Message {
    Block(Arc<Block>),
    End(u64),
}

/// Runs the threads: reader here, a thread for each lane, one for the writer.
fn flow<A: Archive + Send>(
    outfit: &Outfit,
    reader: Reader<'_>,
    sink: Sink<A>,
) -> Result<((A, Written), Read), IngestError> {
    let seed = identity::table_seed();
    let nothing = nothing_seen(reader.paths);
    thread::scope(|scope| {
        let (deliver, deliveries) = bounded::<Delivery>(DELIVERIES_WAITING);
        let mut lanes = Vec::new();
        let mut workers = Vec::new();
        for number in outfit.lanes() {
            let (send, receive) = bounded(BLOCKS_WAITING);
            let lane = outfit.lane(number, seed, deliver.clone());
            lanes.push(send);
            workers.push(scope.spawn(move || work(lane, &receive)));
        }
        drop(deliver);
        let writer = scope.spawn(move || write(sink, &deliveries));
        let read = reader.run(&lanes);
        drop(lanes);
        let lanes_done = workers.into_iter().all(|worker| worker.join().is_ok());
        let (sink, written) = writer.join().map_err(|_| IngestError::Stage("writer"))?;
        let lanes = if lanes_done { Ok(()) } else { Err(IngestError::Stage("flow table")) };
        match written.map_err(IngestError::from).and(lanes).and(read.map_err(IngestError::from)) {
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
    })
}

fn work(mut lane: Lane<Sender<Delivery>>, messages: &Receiver<Message>) {
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
