//! Appends bundles to the current spool file and makes them durable; begins a new file before it ends the old one, so that a run's newest file always
//! holds its provisional ledger.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use schemas::store::StoreError;
use schemas::store::publish::sync_folder;
use schemas::store::spool::{END, FINAL, Head, Header, PROVISIONAL, Sections, Sums, WHOLE};

use crate::spool::backlog::{Bundle, Lost, rows};
use crate::spool::contents::{Contents, encode};
use crate::spool::lock::{BootLock, part_of};
use crate::spool::shared::{Closed, Shared};

/// A file that is larger ends, octets: what the press can publish within a moment.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Bundles made durable together.
const BUNDLES_AT_ONCE: usize = 8;
/// Between two tries to write.
const RETRY: Duration = Duration::from_millis(500);
/// Tries at the end of a run.
const LAST_TRIES: u32 = 4;
/// Without rows the disk is looked at this often.
const IDLE: Duration = Duration::from_secs(1);

/// What the spool's disk thread has to say when it ends.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// Dropped over the run, also what the ledger could no longer tell.
    pub lost: Lost,
    /// Why the disk did not take the last rows; none if it did.
    pub error: Option<String>,
}

/// The file that grows.
#[derive(Debug)]
struct Current {
    header: Header,
    path: PathBuf,
    file: File,
    /// Length that is durable.
    bytes: u64,
}

/// Whether there is room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Room {
    Enough,
    /// Perhaps, after something was dropped.
    Dropped,
    /// As soon as the press is done with its file.
    Soon,
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Wrote,
    Idle,
    Failed,
    Done,
}

/// Writes the spool: the first of its two disk threads.
#[derive(Debug)]
pub struct Keeper {
    shared: Arc<Shared>,
    current: Option<Current>,
    next_seq: u64,
    /// As of the last whole bundle.
    provisional: Vec<RecordBatch>,
    is_rotation_due: bool,
    is_final: bool,
    failure: Option<String>,
    /// There was no room for several bundles, so that they are written one by one.
    is_tight: bool,
}

impl Keeper {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            current: None,
            next_seq: 1,
            provisional: Vec::new(),
            is_rotation_due: false,
            is_final: false,
            failure: None,
            is_tight: false,
        }
    }

    /// Works until the intake is closed and all is on disk, or the disk takes no more.
    pub fn run(mut self) -> Kept {
        let mut tries = 0;
        loop {
            match self.step() {
                Step::Wrote => tries = 0,
                Step::Idle => self.shared.wait(&self.shared.rows, IDLE, |state| {
                    state.backlog.is_empty() && !state.is_closing
                }),
                Step::Failed => {
                    tries = if self.shared.state().is_closing { tries + 1 } else { 0 };
                    if tries >= LAST_TRIES {
                        self.keep_ledger();
                        break;
                    }
                    self.shared.wait(&self.shared.rows, RETRY, |_| true);
                }
                Step::Done => break,
            }
            self.shared.measure();
        }
        self.finish()
    }

    /// The end of a run whose last rows do not fit: the ledger's few do, and tell what became of the others.
    fn keep_ledger(&mut self) {
        self.shared.state().backlog.keep_ledger_only();
        while self.step() == Step::Wrote {}
    }

    /// Writes what waits, a few bundles at most.
    pub(crate) fn step(&mut self) -> Step {
        let bundles = self.take();
        if bundles.is_empty() {
            return self.rest();
        }
        let is_final = bundles.last().is_some_and(|last| last.flags & FINAL != 0);
        match self.write(&bundles) {
            Ok(false) => {
                self.shared.state().backlog.give_back(bundles);
                Step::Failed
            }
            Ok(true) => {
                self.shared.state().backlog.done();
                self.failure = None;
                self.is_tight &= !self.shared.state().backlog.is_empty();
                self.is_final |= is_final;
                self.is_rotation_due |= bundles.iter().any(|bundle| bundle.is_rotation);
                if let Some(last) = bundles.into_iter().rfind(is_whole) {
                    let [_, _, _, provisional, _] = last.sections;
                    self.provisional = provisional;
                    // Only now, at the end of what was cut together, may a file end.
                    self.rotate(last.wall_ns, last.lost_known);
                }
                Step::Wrote
            }
            Err(error) => {
                self.fail(&error);
                self.is_tight = true;
                self.shared.state().backlog.give_back(bundles);
                Step::Failed
            }
        }
    }

    fn take(&self) -> Vec<Bundle> {
        let at_once = if self.is_tight { 1 } else { BUNDLES_AT_ONCE };
        let mut state = self.shared.state();
        let mut bundles = Vec::new();
        while let Some(bundle) = if bundles.len() < at_once { state.backlog.take() } else { None } {
            let ends = bundle.is_rotation;
            bundles.push(bundle);
            if ends {
                break;
            }
        }
        bundles
    }

    fn rest(&self) -> Step {
        let state = self.shared.state();
        if state.is_closing && state.backlog.is_empty() { Step::Done } else { Step::Idle }
    }

    /// Appends bundles and waits until they are durable; after an error the file is as before. Whether there was room.
    fn write(&mut self, bundles: &[Bundle]) -> Result<bool, StoreError> {
        let wall_ns = bundles.first().map_or(0, |bundle| bundle.wall_ns);
        let header = match &self.current {
            Some(current) => current.header.clone(),
            None => self.begin(wall_ns, Sums::default())?,
        };
        loop {
            let lost = self.shared.state().backlog.lost().flows;
            let mut bytes = Vec::new();
            for bundle in bundles {
                bytes.extend(encode(&header, bundle, lost)?);
            }
            // The last rows of the ledger do not push out the many they count.
            if self.shared.state().is_closing && bundles.iter().all(Bundle::is_ledger_only) {
                return self.append(&bytes).map(|()| true);
            }
            match self.make_room(bytes.len() as u64)? {
                Room::Enough => return self.append(&bytes).map(|()| true),
                // What was dropped is told by the heads.
                Room::Dropped => {}
                Room::Soon => return Ok(false),
            }
        }
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let Some(current) = &mut self.current else { return Ok(()) };
        let written = current
            .file
            .write_all_at(bytes, current.bytes)
            .and_then(|()| current.file.sync_data())
            .map_err(StoreError::io("write", &current.path));
        match written {
            Ok(()) => current.bytes += bytes.len() as u64,
            // What cannot be cut off now is written over by the next try, or told from whole groups by its checksum.
            Err(_) => drop(current.file.set_len(current.bytes)),
        }
        self.shared.state().current_bytes = current.bytes;
        written
    }

    /// Begins the next file with the provisional ledger, and closes the one before.
    fn begin(&mut self, wall_ns: i64, lost_known: Sums) -> Result<Header, StoreError> {
        let settings = &self.shared.settings;
        let header = Header {
            sensor: settings.sensor.to_string(),
            boot: settings.boot.clone(),
            seq: self.next_seq,
            privacy: settings.privacy.clone(),
        };
        let folder = settings.store.spool();
        if self.current.is_none() {
            fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
            let lock = BootLock::create(&folder, &header.sensor, &header.boot)?;
            self.shared.state().lock = Some(lock);
        }
        let mut bytes = header.encode();
        if rows(&self.provisional) > 0 {
            let mut head = Head::new(WHOLE, wall_ns);
            head.lost = self.shared.state().backlog.lost().flows;
            head.lost_known = lost_known;
            let mut sections = Sections::default();
            if let Some(section) = sections.get_mut(PROVISIONAL) {
                section.clone_from(&self.provisional);
            }
            bytes.extend(header.group(head, &sections)?);
        }
        let path = folder.join(header.file_name());
        let draft = part_of(&path);
        let file = File::create(&draft)
            .and_then(|mut file| file.write_all(&bytes).map(|()| file))
            .and_then(|file| file.sync_all().map(|()| file))
            .and_then(|file| fs::rename(&draft, &path).map(|()| file))
            .map_err(|error| {
                let _ = fs::remove_file(&draft);
                StoreError::io("begin", &path)(error)
            })?;
        sync_folder(&folder)?;
        let new = Current { header: header.clone(), path, file, bytes: bytes.len() as u64 };
        self.end(END, wall_ns);
        self.next_seq += 1;
        self.shared.state().current_bytes = new.bytes;
        self.current = Some(new);
        Ok(header)
    }

    /// Marks the end of the file and hands it to the press.
    fn end(&mut self, flags: u32, wall_ns: i64) {
        let Some(header) = self.current.as_ref().map(|current| current.header.clone()) else {
            return;
        };
        let mark = header.group(Head::new(WHOLE | flags, wall_ns), &Default::default());
        // The mark is a convenience: a file that is not a run's newest is complete without it.
        if let Err(error) = mark.and_then(|mark| self.append(&mark)) {
            self.fail(&error);
        }
        if let Some(current) = self.current.take() {
            let mut state = self.shared.state();
            state.current_bytes = 0;
            state.closed.push_back(Closed {
                path: current.path,
                boot: current.header.boot,
                bytes: current.bytes,
                is_last: false,
            });
            self.shared.files.notify_one();
        }
    }

    fn rotate(&mut self, wall_ns: i64, lost_known: Sums) {
        let Some(bytes) = self.current.as_ref().map(|current| current.bytes) else { return };
        if self.is_final {
            return self.end(END | FINAL, wall_ns);
        }
        let limit = FILE_BYTES_MAX.min(self.shared.settings.spool_max_bytes / 4);
        // Publishing makes room, but needs some first: a file that grew until the disk is full could never be published.
        let limit = limit.min(self.shared.free_bytes().unwrap_or(u64::MAX) / 2);
        if self.is_rotation_due || bytes > limit {
            match self.begin(wall_ns, lost_known) {
                Ok(_) => self.is_rotation_due = false,
                Err(error) => self.fail(&error),
            }
        }
    }

    /// Keeps the spool within its limit: where the press will not make room in time, the oldest closed file goes.
    fn make_room(&mut self, bytes: u64) -> Result<Room, StoreError> {
        let limit = self.shared.settings.spool_max_bytes;
        let can_wait = {
            let state = self.shared.state();
            if state.bytes() + bytes <= limit {
                return Ok(Room::Enough);
            }
            let is_pressing = state.pressing_bytes > 0;
            is_pressing && !state.is_closing && !state.backlog.is_half_full()
        };
        if can_wait {
            return Ok(Room::Soon);
        }
        if self.drop_oldest() {
            return Ok(Room::Dropped);
        }
        let path = self.shared.settings.store.spool();
        let why = format!("it may take {limit} bytes, and no closed file is left to drop");
        Err(StoreError::Spool { path, why })
    }

    /// Drops the oldest closed file; its rows are counted, its ledger is kept.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.shared.state().closed.pop_front() else { return false };
        let read = || {
            let mut contents = Contents::open(&oldest)?;
            while let Some(part) = contents.next()? {
                let [_, dns, devices, ledger] = part.tables;
                let others = (rows(&dns) + rows(&devices)) as u64;
                self.shared.state().backlog.lose(part.sums, others, ledger);
            }
            Ok::<_, StoreError>(())
        };
        let outcome = read().map_or_else(
            |error| format!("; not all of its rows could be counted: {error}"),
            |()| String::new(),
        );
        let removed = fs::remove_file(&oldest.path);
        if let Err(error) = removed {
            self.fail(&StoreError::io("remove", &oldest.path)(error));
        }
        let text = format!("dropped {} to make room{outcome}", oldest.path.display());
        self.shared.state().notice(text);
        true
    }

    /// Counts a failure, and makes room where both disk threads are stuck and rows would be dropped soon.
    fn fail(&mut self, error: &StoreError) {
        self.shared.settings.metrics.disk.write_errors.add(1);
        if self.failure.is_none() {
            self.shared
                .state()
                .notice(format!("rows wait in memory: {}", crate::error::chain(error)));
        }
        self.failure = Some(crate::error::chain(error));
        let is_stuck = {
            let mut state = self.shared.state();
            let is_stuck = state.is_press_stuck && state.backlog.is_half_full();
            state.is_press_stuck &= !is_stuck;
            is_stuck
        };
        if is_stuck && self.drop_oldest() {
            self.shared.files.notify_one();
        }
    }

    fn finish(self) -> Kept {
        let mut state = self.shared.state();
        state.backlog.lose_all();
        state.is_kept = true;
        let lost = state.backlog.lost();
        drop(state);
        self.shared.files.notify_one();
        self.shared.measure();
        Kept { lost, error: self.failure }
    }
}

fn is_whole(bundle: &Bundle) -> bool {
    bundle.flags & WHOLE != 0
}
