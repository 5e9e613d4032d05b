//! The store's folder as the engine reads it: nothing outside it, nothing written, and a file that was put aside since a question was planned is found.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use async_trait::async_trait;
use bytes::Bytes;
use datafusion::object_store::local::LocalFileSystem;
use datafusion::object_store::path::Path;
use datafusion::object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
use schemas::store::Store;
use schemas::store::layout::staged_path;

/// The files of a store, read-only.
#[derive(Debug)]
pub(crate) struct Shelf {
    store: Store,
    folder: LocalFileSystem,
}

impl Shelf {
    pub(crate) fn of(store: &Store) -> Result<Self> {
        let folder = LocalFileSystem::new_with_prefix(store.root())?;
        Ok(Self { store: store.clone(), folder })
    }

    fn read(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                Error::NotFound { path: location.to_string(), source: error.into() }
            }
            _ => Error::Generic { store: "outflow", source: format!("{location}: {error}").into() },
        };
        let file = File::open(self.folder.path_to_filesystem(location)?).map_err(failed)?;
        let end = file.metadata().map_err(failed)?.len();
        for range in ranges {
            soon(&file, range);
        }
        let read = |range: &Range<u64>| {
            let length = range.end.saturating_sub(range.start);
            let length = usize::try_from(length).ok().filter(|_| range.end <= end);
            let ends = "it ends before what is wanted of it";
            let length =
                length.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, ends))?;
            let mut octets = vec![0; length];
            file.read_exact_at(&mut octets, range.start)?;
            Ok(octets.into())
        };
        ranges.iter().map(read).collect::<io::Result<Vec<Bytes>>>().map_err(failed)
    }

    /// Where a file lies now that was there when it was planned.
    fn moved(&self, location: &Path) -> Option<Path> {
        let name = location.filename()?;
        let relative = staged_path(name).unwrap_or_else(|| location.to_string());
        let place = self.store.locate(&relative)?;
        let place = place.strip_prefix(self.store.root()).ok()?;
        Path::parse(place.to_string_lossy()).ok().filter(|place| place != location)
    }
}

impl fmt::Display for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.store.root().display())
    }
}

/// Tells the kernel that octets of a file will be wanted, so that it reads them beside each other and beside what we do meanwhile.
pub(crate) fn soon(file: &File, range: &Range<u64>) {
    let number = |octets: u64| i64::try_from(octets).unwrap_or(i64::MAX);
    let (from, length) = (number(range.start), number(range.end.saturating_sub(range.start)));
    // Where it does not listen, reading takes longer, and that is all.
    let _ = posix_fadvise(file, from, length, PosixFadviseAdvice::POSIX_FADV_WILLNEED);
}

fn refused(operation: &str) -> Error {
    Error::NotImplemented {
        operation: operation.to_owned(),
        implementer: "a store, which is read-only".to_owned(),
    }
}

#[async_trait]
impl ObjectStore for Shelf {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        match self.folder.get_opts(location, options.clone()).await {
            Err(Error::NotFound { path, source }) => match self.moved(location) {
                Some(place) => self.folder.get_opts(&place, options).await,
                None => Err(Error::NotFound { path, source }),
            },
            found => found,
        }
    }

    // On the thread that wants them: another one would have to be woken for each, and that takes longer than most reads.
    // A disk that does not answer holds the thread up, and where a query has one only, its time limit too.
    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        match self.read(location, ranges) {
            Err(Error::NotFound { path, source }) => match self.moved(location) {
                Some(place) => self.read(&place, ranges),
                None => Err(Error::NotFound { path, source }),
            },
            found => found,
        }
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.folder.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.folder.list_with_delimiter(prefix).await
    }

    async fn put_opts(&self, _: &Path, _: PutPayload, _: PutOptions) -> Result<PutResult> {
        Err(refused("to write"))
    }

    async fn put_multipart_opts(
        &self,
        _: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Err(refused("to write"))
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        locations.map(|_| Err(refused("to delete"))).boxed()
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(refused("to copy"))
    }
}
