//! A feed: a file somebody else publishes, with what is known of it for the catalog's notices.
//! Files ending in `.gz` or `.zst` are unpacked on the way; the checksum is of the file as given.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::catalog::date::Date;
use crate::catalog::error::CatalogError;
use crate::catalog::file::read_bounded;
use crate::catalog::known::known_source;
use crate::catalog::snapshot::{Source, sha256_hex};

/// No feed is larger, packed or unpacked.
const FEED_BYTES_MAX: usize = 1 << 30;

/// One feed to build from. What is left out is taken from the project's list of sources when that
/// knows the file by its checksum, and is unknown otherwise.
#[derive(Debug, Clone, Default)]
pub struct Feed {
    /// Where the file is.
    pub path: PathBuf,
    /// What it is called.
    pub name: Option<String>,
    /// Under which terms it comes.
    pub licence: Option<String>,
    /// When it was made, YYYY-MM-DD.
    pub date: Option<String>,
}

impl Feed {
    /// A feed of which only the place is stated.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

/// A feed in memory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// As it was named, for messages.
    pub(crate) file: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) source: Source,
}

impl Loaded {
    /// Reads and unpacks the feed for the table `table`.
    pub(crate) fn read(feed: &Feed, table: &str) -> Result<Self, CatalogError> {
        let file = feed.path.display().to_string();
        if let Some(text) = &feed.date {
            Date::parse(text).map_err(|why| CatalogError::file(&file, why))?;
        }
        let packed = read_bounded(&feed.path, FEED_BYTES_MAX)?;
        let sha256 = sha256_hex(&packed);
        let bytes = unpack(&feed.path, packed)?;
        let known = known_source(&sha256)?;
        let name = feed.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
        let stated = |ours: &Option<String>, listed: Option<&String>| {
            ours.clone().or_else(|| listed.cloned())
        };
        let source = Source {
            table: table.to_owned(),
            name: stated(&feed.name, known.map(|k| &k.name)).unwrap_or_else(|| name.clone()),
            file: name,
            licence: stated(&feed.licence, known.map(|k| &k.licence))
                .unwrap_or_else(|| "not stated".to_owned()),
            credit: known.and_then(|known| known.credit.clone()),
            date: stated(&feed.date, known.and_then(|known| known.date.as_ref())),
            sha256,
            rows: 0,
        };
        Ok(Self { file, bytes, source })
    }

    /// The feed as text; a byte that is no UTF-8 is refused with its line.
    pub(crate) fn text(&self) -> Result<&str, CatalogError> {
        std::str::from_utf8(&self.bytes).map_err(|error| {
            let before = self.bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = 1 + before.split(|byte| *byte == b'\n').skip(1).count();
            CatalogError::line(&self.file, line, "a byte is no UTF-8 text")
        })
    }
}

fn unpack(path: &Path, packed: Vec<u8>) -> Result<Vec<u8>, CatalogError> {
    let failed = |error| CatalogError::read(path, error);
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or("");
    let mut reader: Box<dyn std::io::Read + '_> = match extension {
        "gz" => Box::new(flate2::read::MultiGzDecoder::new(packed.as_slice())),
        "zst" => {
            Box::new(zstd::stream::read::Decoder::with_buffer(packed.as_slice()).map_err(failed)?)
        }
        _ => return Ok(packed),
    };
    let mut plain = Vec::new();
    reader.by_ref().take(FEED_BYTES_MAX as u64 + 1).read_to_end(&mut plain).map_err(failed)?;
    if plain.len() > FEED_BYTES_MAX {
        let why = "it unpacks to more than 1 GiB, which no feed does";
        return Err(CatalogError::file(&path.display().to_string(), why));
    }
    Ok(plain)
}
