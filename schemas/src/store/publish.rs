//! Publication: write in `_tmp`, fsync, record the checksum in the manifest, rename, fsync the folder.
//!
//! The manifest entry is the commit point of a publication: before it nothing of it is in the store, after it everything is, even if the machine dies
//! between the two, for the next writer finishes the renames. A run over captures is one publication; a run on an interface makes many, numbered from 1.

use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use parquet::file::metadata::KeyValue;

use crate::column::{Batch, Table};
use crate::store::StoreError;
use crate::store::layout::{self, Hour, Store, staged_name};
use crate::store::manifest::{self, Entry, FileRecord, Input};
use crate::store::replace::Replaced;
use crate::store::rolled::Rolled;
use crate::store::row_file::RowFile;
use crate::store::staged::{PRIVACY, Seal, StagedFile, software};
use crate::store::statement::Statement;

const LOCK: &str = "lock";
const TENDED: &str = "tended.lock";

/// The files of one publication, invisible until [`Publisher::commit`].
#[derive(Debug)]
pub struct Publisher {
    store: Store,
    sensor: String,
    boot: String,
    seq: u64,
    /// Where its files grow.
    folder: PathBuf,
    /// With what their names begin.
    stem: String,
    next: u64,
    sealed: Vec<FileRecord>,
    privacy: Option<Statement>,
    rolled: Option<Rolled>,
    // Held as long as the run lives, so that no other writer takes its files for a dead run's.
    _lock: File,
}

impl Publisher {
    /// Begins the only publication of a run named `boot`, which must be unique and without `-`.
    pub fn begin(store: &Store, sensor: &str, boot: &str) -> Result<Self, StoreError> {
        Self::begin_in(store, sensor, (boot, 0), boot)
    }

    /// Begins publication `seq` (from 1) of a run that makes several.
    pub fn begin_part(
        store: &Store,
        sensor: &str,
        boot: &str,
        seq: u64,
    ) -> Result<Self, StoreError> {
        Self::begin_in(store, sensor, (boot, seq), &manifest::part_name(boot, seq))
    }

    fn begin_in(
        store: &Store,
        sensor: &str,
        (boot, seq): (&str, u64),
        name: &str,
    ) -> Result<Self, StoreError> {
        layout::check_sensor(sensor)?;
        let folder = store.tmp(name);
        fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
        let path = folder.join(LOCK);
        let lock = File::create(&path).and_then(|lock| lock.lock().map(|()| lock));
        let lock = lock.map_err(|error| {
            // Without its lock nobody would take the folder for a dead run's.
            let _ = fs::remove_dir_all(&folder);
            StoreError::io("lock", &path)(error)
        })?;
        Ok(Self {
            store: store.clone(),
            sensor: sensor.to_owned(),
            boot: boot.to_owned(),
            seq,
            stem: format!("{sensor}-{name}"),
            folder,
            next: 0,
            sealed: Vec::new(),
            privacy: None,
            rolled: None,
            _lock: lock,
        })
    }

    /// The same, with what was done to all rows that will come.
    #[must_use]
    pub fn stating(self, privacy: Option<Statement>) -> Self {
        Self { privacy, ..self }
    }

    /// Starts a file of a table for an hour, or for the day or month around it.
    pub fn stage(&mut self, table: &Table, hour: Hour) -> Result<StagedFile, StoreError> {
        let stated = self.stated(table);
        self.stage_in(table, &hour.folder_by(table.partition), stated)
    }

    /// The same, for rows as they come.
    pub fn stage_rows<B: Batch>(&mut self, hour: Hour) -> Result<RowFile<B>, StoreError> {
        let stated = self.stated(&B::TABLE);
        let (path, pairs) = self.next(&B::TABLE, &hour.folder_by(B::TABLE.partition), stated);
        RowFile::create(&self.folder, path, pairs)
    }

    fn stated(&self, table: &Table) -> Option<String> {
        let own = self.privacy.as_ref().map(|privacy| privacy.of_table(table.name).to_json());
        own.or_else(|| self.rolled.as_ref()?.stated())
    }

    /// Starts a file of a table in a folder of it, which says of its rows what was done to them.
    pub fn stage_in(
        &mut self,
        table: &Table,
        partition: &str,
        stated: Option<String>,
    ) -> Result<StagedFile, StoreError> {
        let (path, pairs) = self.next(table, partition, stated);
        StagedFile::create(&self.folder, path, (table, pairs))
    }

    /// Where the next file will lie, and what it says of itself.
    fn next(
        &mut self,
        table: &Table,
        partition: &str,
        stated: Option<String>,
    ) -> (String, Vec<KeyValue>) {
        let path = format!("{}/{partition}/{}-{:06}.parquet", table.name, self.stem, self.next);
        self.next += 1;
        let pair = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
        let mut pairs = vec![
            pair("outflow.table", table.name.to_owned()),
            pair("outflow.schema_version", crate::SCHEMA_VERSION.to_string()),
            pair("outflow.sensor", self.sensor.clone()),
            pair("outflow.boot", self.boot.clone()),
        ];
        pairs.extend(stated.map(|text| pair(PRIVACY, text)));
        (path, pairs)
    }

    /// Finishes a file; it stays invisible.
    pub fn seal(&mut self, file: impl Seal) -> Result<(), StoreError> {
        self.sealed.push(file.seal()?);
        Ok(())
    }

    /// The finished files and where they lie until the commit.
    pub fn sealed(&self) -> impl Iterator<Item = (PathBuf, &FileRecord)> {
        self.sealed.iter().map(|record| (self.folder.join(staged_name(&record.path)), record))
    }

    /// Gives the run up and frees the disk at once.
    pub fn abandon(self) {
        // What cannot be removed now, the next writer clears.
        let _ = fs::remove_dir_all(&self.folder);
    }

    /// Makes the files visible, all or none. `again` accepts captures that are in the store already.
    ///
    /// After an error [`Store::complete`] tells whether the publication counts all the same.
    pub fn commit(self, inputs: Vec<Input>, again: bool) -> Result<Entry, StoreError> {
        self.conclude(Deed { inputs, again, ..Deed::default() })
    }

    /// The same, with what its rows were summed up from.
    #[must_use]
    pub fn rolling(self, rolled: Rolled) -> Self {
        Self { rolled: Some(rolled), ..self }
    }

    /// Makes the files visible and what they replace invisible, in one step. `kept` are files that stay as they are.
    ///
    /// Whoever replaces holds [`Tending`], so that nobody else replaces the same.
    pub fn replace(
        self,
        _: &Tending,
        replaced: Replaced,
        (inputs, kept): (Vec<Input>, Vec<FileRecord>),
    ) -> Result<Entry, StoreError> {
        self.conclude(Deed { inputs, again: true, replaced: Some(replaced), kept })
    }

    fn conclude(mut self, deed: Deed) -> Result<Entry, StoreError> {
        match self.enter(deed) {
            Ok(entry) => {
                // From here on the files are the store's: whatever fails now, they must stay.
                sync_folder(&self.store.manifest())?;
                self.store.finish(&entry, &self.folder)?;
                Ok(entry)
            }
            Err(error) => {
                self.abandon();
                Err(error)
            }
        }
    }

    /// Writes the manifest entry: the commit point.
    fn enter(&mut self, deed: Deed) -> Result<Entry, StoreError> {
        let manifest = self.store.manifest();
        let lock_path = manifest.join(LOCK);
        let lock = File::create(&lock_path).map_err(StoreError::io("create", &lock_path))?;
        lock.lock().map_err(StoreError::io("lock", &lock_path))?;
        let Deed { inputs, again, replaced, kept } = deed;
        if self.store.entry_of(&self.boot, self.seq)?.is_some() {
            return Err(StoreError::AlreadyPublished { boot: self.boot.clone(), seq: self.seq });
        }
        if !again && !inputs.is_empty() {
            self.store.refuse_known(&self.sensor, &inputs)?;
        }
        let mut files = std::mem::take(&mut self.sealed);
        files.extend(kept);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        for file in &files {
            // Now, while it can still be given up: a folder needs room, a rename needs none.
            let folder = self.store.folder_of(file);
            fs::create_dir_all(&folder).map_err(StoreError::io("create the folder", &folder))?;
        }
        let entry = Entry {
            schema_version: crate::SCHEMA_VERSION,
            software: software(),
            sensor: self.sensor.clone(),
            boot: self.boot.clone(),
            seq: self.seq,
            files,
            inputs,
            privacy: self.privacy.as_ref().map(Statement::in_short),
            replaced,
            rolled: self.rolled.take(),
        };
        let content = entry.to_json();
        let draft = self.folder.join("entry.part");
        let mut file = File::create(&draft).map_err(StoreError::io("create", &draft))?;
        file.write_all(&content).map_err(StoreError::io("write", &draft))?;
        file.sync_all().map_err(StoreError::io("fsync", &draft))?;
        sync_folder(&self.folder)?;
        let place = manifest.join(entry.file_name(&content));
        fs::rename(&draft, &place).map_err(StoreError::io("publish", &place))?;
        Ok(entry)
    }
}

/// What a publication does besides adding its files.
#[derive(Debug, Default)]
struct Deed {
    inputs: Vec<Input>,
    again: bool,
    replaced: Option<Replaced>,
    kept: Vec<FileRecord>,
}

/// The right to replace what was published: one program at a time has it.
#[derive(Debug)]
pub struct Tending {
    _lock: File,
}

impl Store {
    /// Takes the right to replace, and finishes or clears what runs that died have left behind; an error while another program has it.
    pub fn tend(&self) -> Result<Tending, StoreError> {
        let (path, lock) = self.tended()?;
        match lock.try_lock() {
            Ok(()) => self.tending(lock),
            Err(TryLockError::WouldBlock) => Err(StoreError::Tended(self.root().to_owned())),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path)(error)),
        }
    }

    /// The same, but waits for the other.
    pub fn tend_after(&self) -> Result<Tending, StoreError> {
        let (path, lock) = self.tended()?;
        lock.lock().map_err(StoreError::io("lock", path))?;
        self.tending(lock)
    }

    fn tended(&self) -> Result<(PathBuf, File), StoreError> {
        let path = self.manifest().join(TENDED);
        let lock = File::create(&path).map_err(StoreError::io("create", &path))?;
        Ok((path, lock))
    }

    fn tending(&self, lock: File) -> Result<Tending, StoreError> {
        let tmp = self.root().join(layout::TMP);
        fs::create_dir_all(&tmp).map_err(StoreError::io("create the folder", tmp))?;
        self.recover()?;
        Ok(Tending { _lock: lock })
    }

    fn folder_of(&self, file: &FileRecord) -> PathBuf {
        self.root().join(&file.path).parent().unwrap_or(self.root()).to_owned()
    }

    /// Moves the finished files of a committed publication from `tmp` to their places; may be repeated.
    fn finish(&self, entry: &Entry, tmp: &Path) -> Result<(), StoreError> {
        let mut folders: Vec<PathBuf> = Vec::new();
        for file in &entry.files {
            let staged = tmp.join(staged_name(&file.path));
            let place = self.root().join(&file.path);
            let folder = self.folder_of(file);
            if staged.exists() {
                fs::create_dir_all(&folder)
                    .map_err(StoreError::io("create the folder", &folder))?;
                fs::rename(&staged, &place).map_err(StoreError::io("publish", &place))?;
            }
            if folders.last() != Some(&folder) && folder.is_dir() {
                folders.push(folder);
            }
        }
        for folder in &folders {
            // A new folder is only durable once its parents are.
            for level in folder.ancestors().take_while(|level| level.starts_with(self.root())) {
                sync_folder(level)?;
            }
        }
        fs::remove_dir_all(tmp).map_err(StoreError::io("clear", tmp))
    }

    /// Whether publication `seq` of a run is in the store. What an interrupted writer of it left undone is done first, so that after `true` it is durable.
    pub fn complete(&self, boot: &str, seq: u64) -> Result<bool, StoreError> {
        let Some(path) = self.entry_of(boot, seq)? else { return Ok(false) };
        sync_folder(&self.manifest())?;
        let tmp = self.tmp(&manifest::part_name(boot, seq));
        if tmp.is_dir() {
            self.finish(&Entry::read(&path)?, &tmp)?;
        }
        Ok(true)
    }

    /// Finishes committed runs whose writer died, and clears what runs left that never committed.
    pub(crate) fn recover(&self) -> Result<(), StoreError> {
        let folder = self.root().join(layout::TMP);
        let listing = fs::read_dir(&folder).map_err(StoreError::io("list", &folder))?;
        let abandoned: Vec<PathBuf> =
            listing.flatten().map(|found| found.path()).filter(|path| is_abandoned(path)).collect();
        let mut committed = Vec::new();
        for path in abandoned {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match self.entry_beginning(&format!("{name}-"))? {
                Some(entry) => committed.push((path, entry)),
                // First, for it makes room.
                None => fs::remove_dir_all(&path).map_err(StoreError::io("clear", &path))?,
            }
        }
        for (tmp, entry) in committed {
            self.finish(&Entry::read(&entry)?, &tmp)?;
        }
        Ok(())
    }
}

/// A run is dead when nobody holds its lock.
fn is_abandoned(run: &Path) -> bool {
    run.is_dir()
        && match File::open(run.join(LOCK)) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => false,
        }
}

/// Makes a folder's names durable.
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(StoreError::io("fsync", path))
}
