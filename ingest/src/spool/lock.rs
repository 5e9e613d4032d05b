//! The lock of a run: whoever shares the store sees by it whether the run lives.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use schemas::store::StoreError;

pub(crate) const LOCK_FILE: &str = ".lock";
pub(crate) const PART: &str = ".part";

/// A path's name while it is being made.
pub(crate) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PART);
    PathBuf::from(name)
}

/// Held as long as a run lives, or its files are being published by another.
#[derive(Debug)]
pub(crate) struct BootLock {
    pub(crate) boot: String,
    pub(crate) path: PathBuf,
    _file: File,
}

impl BootLock {
    /// Makes a run's lock. It appears under its name only when it is held.
    pub(crate) fn create(folder: &Path, sensor: &str, boot: &str) -> Result<Self, StoreError> {
        let path = lock_path(folder, sensor, boot);
        let draft = part_of(&path);
        File::create(&draft)
            .and_then(|file| file.try_lock().map(|()| file).map_err(io::Error::from))
            .and_then(|file| fs::rename(&draft, &path).map(|()| file))
            .map(|file| Self { boot: boot.to_owned(), path: path.clone(), _file: file })
            .map_err(StoreError::io("lock", &path))
    }

    /// Takes a dead run's lock; none while the run lives.
    pub(crate) fn seize(folder: &Path, sensor: &str, boot: &str) -> Option<Self> {
        let path = lock_path(folder, sensor, boot);
        match File::open(&path) {
            Ok(file) => {
                file.try_lock().is_ok().then(|| Self { boot: boot.to_owned(), path, _file: file })
            }
            // A run makes its lock before its first file.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Self::create(folder, sensor, boot).ok()
            }
            Err(_) => None,
        }
    }

    /// The run left nothing more.
    pub(crate) fn retire(self) {
        // If it stays, the next start removes it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Where a run's lock is.
pub(crate) fn lock_path(folder: &Path, sensor: &str, boot: &str) -> PathBuf {
    folder.join(format!("{sensor}-{boot}{LOCK_FILE}"))
}
