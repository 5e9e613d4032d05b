//! Removing what was replaced: out of the sight of readers that walk folders at once; for good, first the files, then their entries, when readers that
//! opened the store earlier have had their time.
//!
//! May end at any point and be repeated: what was replaced counts for nobody, there or not.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::store::StoreError;
use crate::store::layout::{REPLACED, Store};
use crate::store::listing::{Void, in_force};
use crate::store::manifest::{Entry, part_name};
use crate::store::publish::{Tending, sync_folder};

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files of tables.
    pub files: u64,
    /// Their octets.
    pub bytes: u64,
    /// Entries of the manifest.
    pub entries: u64,
}

impl Store {
    /// Takes replaced files out of sight; whoever knows them finds them with [`Store::locate`].
    pub fn retire<'a>(
        &self,
        _: &Tending,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), StoreError> {
        let shelf = self.root().join(REPLACED);
        fs::create_dir_all(&shelf).map_err(StoreError::io("create the folder", &shelf))?;
        let mut folders = BTreeSet::from([shelf]);
        for path in paths {
            let place = self.root().join(path);
            match fs::rename(&place, self.replaced(path)) {
                Ok(()) => folders.extend(place.parent().map(Path::to_owned)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(StoreError::io("put aside", place)(error)),
            }
        }
        folders.iter().try_for_each(|folder| sync_folder(folder))
    }

    /// Removes what entries replaced that were written before `until`.
    pub fn sweep(&self, tending: &Tending, until: SystemTime) -> Result<Swept, StoreError> {
        let mut entries: Vec<(PathBuf, Entry)> = Vec::new();
        for (path, entry) in self.listed()? {
            entries.push((path, entry?));
        }
        let mut ripe = Vec::new();
        for (path, entry) in entries.iter().filter(|(_, entry)| entry.replaced.is_some()) {
            let written = fs::metadata(path).and_then(|metadata| metadata.modified());
            if written.map_err(StoreError::io("look at", path))? < until {
                ripe.push(entry);
            }
        }
        let void = Void::by(ripe);
        let all_void = Void::by(entries.iter().map(|(_, entry)| entry));
        let all = entries.iter().map(|(_, entry)| entry.clone()).collect();
        let counting: Vec<Entry> = in_force(all);
        let needed: BTreeSet<&str> =
            counting.iter().flat_map(|entry| &entry.files).map(|file| file.path.as_str()).collect();
        // A run that was killed may have left them.
        let lost = entries.iter().flat_map(|(_, entry)| {
            let files = entry.files.iter().filter(|file| all_void.holds(entry, file));
            files.map(|file| file.path.as_str()).filter(|path| !needed.contains(path))
        });
        self.retire(tending, lost)?;
        let mut swept = Swept::default();
        for (path, entry) in &entries {
            let is_void = |file: &&_| void.holds(entry, file);
            let files: Vec<_> = entry.files.iter().filter(is_void).collect();
            for file in files.iter().filter(|file| !needed.contains(file.path.as_str())) {
                if remove(&self.replaced(&file.path))? {
                    swept.files += 1;
                    swept.bytes += file.bytes;
                }
            }
            // It must not go while its files are still on their way to their places.
            let is_moving = self.tmp(&part_name(&entry.boot, entry.seq)).is_dir();
            if !files.is_empty() && files.len() == entry.files.len() && !is_moving {
                swept.entries += u64::from(remove(path)?);
            }
        }
        sync_folder(&self.manifest())?;
        Ok(swept)
    }
}

/// Removes a file; whether it was there.
fn remove(path: &Path) -> Result<bool, StoreError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("remove", path)(error)),
    }
}
