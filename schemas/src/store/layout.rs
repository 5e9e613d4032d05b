//! Where things lie in a store, and the calendar that names its folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::column::Partition;
use crate::store::StoreError;

/// Folder of the manifest; its presence marks a store.
pub const MANIFEST: &str = "_manifest";
/// Folder of unfinished files; readers never look here.
pub const TMP: &str = "_tmp";
/// Folder of finished rows on their way into files; readers never look here.
pub const SPOOL: &str = "_spool";

/// Folder of files that others stand instead of, until questions that were asked before have had their time; readers that walk folders never look here.
pub const REPLACED: &str = "_replaced";

const US_PER_HOUR: i64 = 3_600_000_000;

/// A UTC hour: the partition of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(i64);

impl Hour {
    /// The hour that holds a time in µs since 1970 UTC.
    pub const fn of_micros(micros: i64) -> Self {
        Self(micros.div_euclid(US_PER_HOUR))
    }

    /// Its first µs since 1970 UTC.
    pub const fn begin(self) -> i64 {
        self.0 * US_PER_HOUR
    }

    /// The first µs after it.
    pub const fn end(self) -> i64 {
        self.begin() + US_PER_HOUR
    }

    /// The folder of this hour below its table: `date=2014-09-23/hour=14`.
    pub fn folder(self) -> String {
        self.folder_by(Partition::Hour)
    }

    /// The folder that holds this hour below a table that is parted so: `date=2014-09-23`, `month=2014-09`.
    pub fn folder_by(self, partition: Partition) -> String {
        let (year, month, day) = civil_from_days(self.0.div_euclid(24));
        match partition {
            Partition::Hour => {
                format!("date={year:04}-{month:02}-{day:02}/hour={:02}", self.0.rem_euclid(24))
            }
            Partition::Day => format!("date={year:04}-{month:02}-{day:02}"),
            Partition::Month => format!("month={year:04}-{month:02}"),
        }
    }
}

/// Calendar date of a day number since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date algorithms").
pub const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// A store: a folder with a manifest.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens a store for reading.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        if !root.join(MANIFEST).is_dir() {
            return Err(StoreError::NotAStore(root));
        }
        Ok(Self { root })
    }

    /// Opens a store for writing, making it where there is none yet; finishes or clears what runs that died have left behind.
    pub fn open_or_create(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        if !root.join(MANIFEST).is_dir() {
            let occupied = fs::read_dir(&root).is_ok_and(|mut entries| entries.next().is_some());
            if occupied {
                return Err(StoreError::Occupied(root));
            }
        }
        for folder in [MANIFEST, TMP] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(StoreError::io("create the folder", path))?;
        }
        let store = Self { root };
        store.recover()?;
        Ok(store)
    }

    /// The folder of the store.
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.root.join(MANIFEST)
    }

    pub(crate) fn tmp(&self, name: &str) -> PathBuf {
        self.root.join(TMP).join(name)
    }

    /// The folder of the spool; it may not be there yet.
    pub fn spool(&self) -> PathBuf {
        self.root.join(SPOOL)
    }

    /// Where a file lies after another took its place.
    pub(crate) fn replaced(&self, relative: &str) -> PathBuf {
        self.root.join(REPLACED).join(staged_name(relative))
    }

    /// Where a published file can be read: at its place; for the moment between the two steps of publication, still among the finished files of its run; or,
    /// for a while, among those that were replaced.
    pub fn locate(&self, relative: &str) -> Option<PathBuf> {
        let place = self.root.join(relative);
        if place.is_file() {
            return Some(place);
        }
        let staged = staged_name(relative);
        let boots = fs::read_dir(self.root.join(TMP)).into_iter().flatten().flatten();
        let mut others =
            boots.map(|boot| boot.path().join(&staged)).chain([self.replaced(relative)]);
        let found = others.find(|path| path.is_file());
        // It may have been moved to its place while we looked.
        found.or_else(|| place.is_file().then_some(place))
    }
}

/// Name of a file while unfinished: never ends in `.parquet`, for readers that walk folders would take it for data.
pub(crate) fn staged_name(relative: &str) -> String {
    format!("{}.part", relative.replace('/', "~"))
}

/// The path below the store of a file that lies under such a name for now.
pub fn staged_path(name: &str) -> Option<String> {
    name.strip_suffix(".part").map(|flat| flat.replace('~', "/"))
}

/// Checks that a sensor's name can stand in a file name.
pub fn check_sensor(name: &str) -> Result<(), StoreError> {
    let usable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(usable) {
        return Err(StoreError::SensorName(name.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_name_their_folder() {
        let cases = [
            (0, "date=1970-01-01/hour=00"),
            (-1, "date=1969-12-31/hour=23"),
            (1_411_480_800_000_000, "date=2014-09-23/hour=14"),
            (951_782_400_000_000, "date=2000-02-29/hour=00"),
            (4_102_444_799_999_999, "date=2099-12-31/hour=23"),
        ];
        for (micros, folder) in cases {
            let hour = Hour::of_micros(micros);
            assert_eq!(hour.folder(), folder);
            assert!(folder.starts_with(&hour.folder_by(Partition::Day)));
            let month = hour.folder_by(Partition::Month).replace("month=", "date=");
            assert!(folder.starts_with(&month) && month.len() == 12);
        }
    }

    #[test]
    fn a_folder_with_other_things_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("letter.txt"), "hello").unwrap();
        assert!(matches!(Store::open_or_create(dir.path()), Err(StoreError::Occupied(_))));
        assert!(matches!(Store::open(dir.path()), Err(StoreError::NotAStore(_))));
    }

    #[test]
    fn sensor_names_cannot_leave_their_folder() {
        assert!(check_sensor("tap-1.north").is_ok());
        for bad in ["", "..", "a/b", "a b", ".hidden", "é"] {
            assert!(check_sensor(bad).is_err(), "{bad:?}");
        }
    }
}
