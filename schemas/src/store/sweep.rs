//! Removing what was replaced: first the files, then their entries, and not before readers that opened the store earlier have had their time.
//!
//! May end at any point and be repeated: what was replaced counts for nobody, there or not.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::store::StoreError;
use crate::store::layout::Store;
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
    /// Removes what entries replaced that were written before `until`.
    pub fn sweep(&self, _: &Tending, until: SystemTime) -> Result<Swept, StoreError> {
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
        let all = entries.iter().map(|(_, entry)| entry.clone()).collect();
        let counting: Vec<Entry> = in_force(all);
        let needed: BTreeSet<&str> =
            counting.iter().flat_map(|entry| &entry.files).map(|file| file.path.as_str()).collect();
        let mut swept = Swept::default();
        for (path, entry) in &entries {
            let is_void = |file: &&_| void.holds(entry, file);
            let files: Vec<_> = entry.files.iter().filter(is_void).collect();
            let mut folders = BTreeSet::new();
            for file in files.iter().filter(|file| !needed.contains(file.path.as_str())) {
                let place = self.root().join(&file.path);
                if remove(&place)? {
                    swept.files += 1;
                    swept.bytes += file.bytes;
                    folders.extend(place.parent().map(Path::to_owned));
                }
            }
            // Its files must not come back without it; nor may it go while they are still on their way to their places.
            for folder in &folders {
                sync_folder(folder)?;
            }
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
