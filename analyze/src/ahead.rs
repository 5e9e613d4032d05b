//! Files that will be read next: the kernel is told what will be wanted of them, and reads it while those before are worked on.
//!
//! Nobody has to say what that is: what a question read of the files before, it will read of the next. Where those had nothing to read, it is nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::fs::File;
use std::mem::replace;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::object_store::path::Path;
use datafusion::object_store::{ObjectMeta, ObjectStore};
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::errors::Result as ParquetResult;
use parquet::file::metadata::{
    ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, RowGroupMetaData,
};

use crate::shelf::soon;

/// Files between the one that is opened and the furthest that the kernel is told of, besides one for each part of the query. Of each of them that is one
/// row group at most, a few megabytes.
const REACH: usize = 1;

/// Where a scan finds its files.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Folder of the store.
    pub(crate) root: PathBuf,
    /// The same as the engine reads it.
    pub(crate) shelf: Arc<dyn ObjectStore>,
    /// What is remembered of the ends of files.
    pub(crate) footers: Arc<FileMetadataCache>,
    /// What is read of a file's end at first, octets.
    pub(crate) footer_bytes: usize,
}

/// Opens the files of one scan.
#[derive(Debug)]
pub(crate) struct Ahead {
    scan: Arc<Scan>,
    factory: CachedParquetFileReaderFactory,
}

/// One scan, as far as it got.
#[derive(Debug)]
struct Scan {
    place: Place,
    /// In the order in which they are read.
    files: Vec<ObjectMeta>,
    positions: HashMap<Path, usize>,
    reach: usize,
    progress: Mutex<Progress>,
}

#[derive(Debug)]
struct Progress {
    /// By file: the kernel knows, or it is too late.
    told: Vec<bool>,
    /// The columns that were read of the last files.
    lately: VecDeque<(usize, BTreeSet<usize>)>,
}

impl Ahead {
    /// For files that are read in this order, so many beside each other.
    pub(crate) fn of(place: Place, files: &[PartitionedFile], beside: usize) -> Self {
        let files: Vec<ObjectMeta> = files.iter().map(|file| file.object_meta.clone()).collect();
        let locations = files.iter().map(|file| file.location.clone());
        let factory = CachedParquetFileReaderFactory::new(
            Arc::clone(&place.shelf),
            Arc::clone(&place.footers),
        );
        let scan = Scan {
            place,
            positions: locations.zip(0..).collect(),
            reach: beside + REACH,
            progress: Mutex::new(Progress {
                told: vec![false; files.len()],
                lately: VecDeque::new(),
            }),
            files,
        };
        Self { scan: Arc::new(scan), factory }
    }
}

impl ParquetFileReaderFactory for Ahead {
    fn create_reader(
        &self,
        partition: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let position = self.scan.positions.get(&file.object_meta.location).copied();
        let inner = self.factory.create_reader(partition, file, metadata_size_hint, metrics)?;
        let Some(position) = position else { return Ok(inner) };
        Ok(Box::new(Reader { inner, scan: Arc::clone(&self.scan), position, footer: None }))
    }
}

impl Scan {
    fn progress<T>(&self, of: impl FnOnce(&mut Progress) -> T) -> T {
        of(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the kernel of the files behind one that is opened now.
    async fn opened(&self, position: usize) {
        let (wanted, next) = self.progress(|progress| progress.next(position, self.reach));
        for file in next.into_iter().filter_map(|position| self.files.get(position)) {
            let footer = DFParquetMetadata::new(&self.place.shelf, file)
                .with_file_metadata_cache(Some(Arc::clone(&self.place.footers)))
                .with_metadata_size_hint(Some(self.place.footer_bytes))
                .with_page_index_policy(Some(PageIndexPolicy::Skip));
            // What is wrong with it is told when it is opened.
            let Ok(footer) = footer.fetch_metadata().await else { continue };
            if let Some(group) = footer.row_groups().first() {
                self.tell(file, group, &wanted);
            }
        }
    }

    fn tell(&self, file: &ObjectMeta, group: &RowGroupMetaData, columns: &BTreeSet<usize>) {
        let Ok(opened) = File::open(self.place.root.join(file.location.as_ref())) else { return };
        for column in columns.iter().filter_map(|column| group.columns().get(*column)) {
            if let Some(octets) = octets(column) {
                soon(&opened, &octets);
            }
        }
    }

    /// Octets are read of a file: as much will be wanted of its next row group, and of other files.
    fn read(&self, position: usize, footer: &ParquetMetaData, ranges: &[Range<u64>]) {
        let Some(first) = ranges.first() else { return };
        let is_of = |group: &RowGroupMetaData| group.columns().iter().any(|c| holds(c, first));
        let mut groups = footer.row_groups().iter().skip_while(|group| !is_of(group));
        let Some(group) = groups.next() else { return };
        let columns = (0..).zip(group.columns());
        let columns: BTreeSet<usize> = columns
            .filter(|(_, column)| ranges.iter().any(|range| holds(column, range)))
            .map(|(number, _)| number)
            .collect();
        if let (Some(next), Some(file)) = (groups.next(), self.files.get(position)) {
            self.tell(file, next, &columns);
        }
        self.progress(|progress| progress.read(position, columns, self.reach));
    }
}

impl Progress {
    /// What was read lately before a file that is opened now, and the files to tell of: none where nothing was.
    fn next(&mut self, position: usize, reach: usize) -> (BTreeSet<usize>, Vec<usize>) {
        if let Some(told) = self.told.get_mut(position) {
            *told = true;
        }
        let is_near = |file: usize| file < position && position - file <= reach;
        let near = self.lately.iter().filter(|(file, _)| is_near(*file));
        let wanted: BTreeSet<usize> = near.flat_map(|(_, columns)| columns).copied().collect();
        if wanted.is_empty() {
            return (wanted, Vec::new());
        }
        let behind = (0..).zip(&mut self.told).skip(position + 1).take(reach);
        let next = behind.filter_map(|(file, told)| (!replace(told, true)).then_some(file));
        (wanted, next.collect())
    }

    fn read(&mut self, position: usize, columns: BTreeSet<usize>, reach: usize) {
        if let Some((_, known)) = self.lately.iter_mut().find(|(file, _)| *file == position) {
            known.extend(columns);
            return;
        }
        self.lately.push_back((position, columns));
        if self.lately.len() > reach {
            self.lately.pop_front();
        }
    }
}

fn holds(column: &ColumnChunkMetaData, range: &Range<u64>) -> bool {
    octets(column).is_some_and(|octets| octets.contains(&range.start))
}

/// Where a column lies in its file; none where a damaged footer says what cannot be, which is told when it is read.
fn octets(column: &ColumnChunkMetaData) -> Option<Range<u64>> {
    let start = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
    let (start, length) =
        (u64::try_from(start).ok()?, u64::try_from(column.compressed_size()).ok()?);
    Some(start..start.checked_add(length)?)
}

/// Reads one file.
struct Reader {
    inner: Box<dyn AsyncFileReader + Send>,
    scan: Arc<Scan>,
    position: usize,
    footer: Option<Arc<ParquetMetaData>>,
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        if let Some(footer) = &self.footer {
            self.scan.read(self.position, footer, &ranges);
        }
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let footer = self.inner.get_metadata(options).await?;
            self.footer = Some(Arc::clone(&footer));
            self.scan.opened(self.position).await;
            Ok(footer)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(files: usize) -> Progress {
        Progress { told: vec![false; files], lately: VecDeque::new() }
    }

    #[test]
    fn what_was_read_of_the_last_files_is_wanted_of_the_next_and_said_once() {
        let mut progress = progress(6);
        assert_eq!(progress.next(0, 3), (BTreeSet::new(), vec![]));
        progress.read(0, [4].into(), 3);
        assert_eq!(progress.next(1, 3), ([4].into(), vec![2, 3, 4]));
        progress.read(0, [7].into(), 3);
        progress.read(1, [4].into(), 3);
        assert_eq!(progress.next(2, 3), ([4, 7].into(), vec![5]));
        assert_eq!(progress.next(3, 3), ([4, 7].into(), vec![]));
    }

    #[test]
    fn where_nothing_was_read_nothing_is_wanted() {
        let mut progress = progress(9);
        progress.read(0, [4].into(), 2);
        assert_eq!(progress.next(1, 2).1, [2, 3]);
        assert_eq!(progress.next(2, 2).1, [4]);
        assert_eq!(progress.next(3, 2), (BTreeSet::new(), vec![]));
        for file in 3..9 {
            progress.read(file, [1].into(), 2);
        }
        assert_eq!(progress.lately.len(), 2);
    }
}
