//! A column of a row group under construction: its pages one behind the other, and where each lies.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{BoundaryOrder, Compression, Encoding, PageType, ZstdLevel};
use parquet::column::page::{CompressedPage, Page as Content, PageWriteSpec, PageWriter as _};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::Result;
use parquet::file::metadata::{
    ColumnChunkMetaData, ColumnIndexBuilder, OffsetIndexBuilder, PageEncodingStats,
};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

use crate::pages::range::{Bound, Range, statistics};
use crate::pages::runs::{runs, same};

/// Zstandard's level: higher ones cost more than they save on rows.
const LEVEL: i32 = 1;

/// The words of a column, as a dictionary page has them.
#[derive(Debug, Default)]
pub struct Dictionary {
    /// Length and octets of each.
    pub octets: Vec<u8>,
    /// How many.
    pub words: u32,
}

/// How values were written, and between which they lie.
#[derive(Debug)]
pub struct Values {
    /// How.
    pub encoding: Encoding,
    /// Asked for by few columns, and there only if there are values.
    pub range: Option<Range>,
}

/// How much a page holds.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Rows.
    pub rows: usize,
    /// Values, with the places at which there is none.
    pub values: usize,
    /// Of these, places at which there is none.
    pub nulls: usize,
}

/// A column of a row group.
pub(crate) struct Chunk {
    column: ColumnDescPtr,
    is_ranged: bool,
    pages: TrackedWrite<Vec<u8>>,
    count: i32,
    encoding: Encoding,
    places: OffsetIndexBuilder,
    index: ColumnIndexBuilder,
    order: Order,
    range: Option<Range>,
    rows: u64,
    values: i64,
    nulls: u64,
    uncompressed: i64,
}

impl std::fmt::Debug for Chunk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunk").field("rows", &self.rows).finish_non_exhaustive()
    }
}

/// Whether the ranges of the pages so far rise or fall.
#[derive(Debug, Default)]
struct Order {
    last: Option<Range>,
    has_fallen: bool,
    has_risen: bool,
}

impl Order {
    fn add(&mut self, range: &Range) {
        if let Some(last) = self.last.replace(range.clone()) {
            self.has_fallen |= last.from > range.from || last.to > range.to;
            self.has_risen |= last.from < range.from || last.to < range.to;
        }
    }

    const fn told(&self) -> BoundaryOrder {
        match (self.has_fallen, self.has_risen) {
            (false, _) => BoundaryOrder::ASCENDING,
            (true, false) => BoundaryOrder::DESCENDING,
            (true, true) => BoundaryOrder::UNORDERED,
        }
    }
}

impl Chunk {
    /// An empty one; `is_ranged` if readers are told between which values its pages lie.
    pub(crate) fn new(column: ColumnDescPtr, is_ranged: bool) -> Self {
        Self {
            index: ColumnIndexBuilder::new(column.physical_type()),
            column,
            is_ranged,
            pages: TrackedWrite::new(Vec::new()),
            count: 0,
            encoding: Encoding::PLAIN,
            places: OffsetIndexBuilder::new(),
            order: Order::default(),
            range: None,
            rows: 0,
            values: 0,
            nulls: 0,
            uncompressed: 0,
        }
    }

    /// Octets held.
    pub(crate) fn octets(&self) -> usize {
        self.pages.bytes_written()
    }

    /// Adds a page whose content is `body`, compressed by `press`.
    fn add(&mut self, body: &[u8], press: &mut Press, said: (Extent, Values)) -> Result<()> {
        let (extent, values) = said;
        let content = Content::DataPage {
            buf: press.squeeze(body)?,
            num_values: u32::try_from(extent.values).unwrap_or(u32::MAX),
            encoding: values.encoding,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        let spec = SerializedPageWriter::new(&mut self.pages)
            .write_page(CompressedPage::new(content, body.len()))?;
        self.places.append_row_count(signed(extent.rows));
        let size = i32::try_from(spec.compressed_size).unwrap_or(i32::MAX);
        self.places.append_offset_and_size(spec.offset.cast_signed(), size);
        if self.is_ranged {
            let ends = values.range.as_ref().map(|range| [&range.from, &range.to]);
            let [from, to] = ends.map_or_else(Default::default, |ends| ends.map(Bound::octets));
            self.index.append(values.range.is_none(), from, to, signed(extent.nulls));
            self.widen(values.range);
        }
        self.encoding = values.encoding;
        self.count += 1;
        self.rows += extent.rows as u64;
        self.values += signed(extent.values);
        self.nulls += extent.nulls as u64;
        self.uncompressed += signed(spec.uncompressed_size);
        Ok(())
    }

    fn widen(&mut self, range: Option<Range>) {
        let Some(range) = range else { return };
        self.order.add(&range);
        match &mut self.range {
            Some(whole) => whole.join(&range),
            none => *none = Some(range),
        }
    }

    /// Ends the column: its octets, the dictionary in front, and what the file's end says of them.
    pub(crate) fn close(
        mut self,
        dictionary: Option<Dictionary>,
        press: &mut Press,
    ) -> Result<(Bytes, ColumnCloseResult)> {
        let stats = |page_type, encoding, count| PageEncodingStats { page_type, encoding, count };
        let mut encodings = vec![Encoding::RLE, self.encoding];
        let mut pages = vec![stats(PageType::DATA_PAGE, self.encoding, self.count)];
        let mut octets = Vec::new();
        if let Some(dictionary) = dictionary {
            encodings.push(Encoding::PLAIN);
            pages.insert(0, stats(PageType::DICTIONARY_PAGE, Encoding::PLAIN, 1));
            let spec = dictionary.write(&mut octets, press)?;
            self.uncompressed += signed(spec.uncompressed_size);
        }
        let front = octets.len();
        octets.append(&mut self.pages.into_inner()?);
        let mut metadata = ColumnChunkMetaData::builder(Arc::clone(&self.column))
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_encodings(encodings)
            .set_page_encoding_stats(pages)
            .set_total_compressed_size(signed(octets.len()))
            .set_total_uncompressed_size(self.uncompressed)
            .set_num_values(self.values);
        if self.is_ranged {
            let physical = self.column.physical_type();
            metadata = metadata.set_statistics(statistics(self.range, self.nulls, physical));
        }
        self.index.set_boundary_order(self.order.told());
        let result = ColumnCloseResult {
            bytes_written: octets.len() as u64,
            rows_written: self.rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: self.is_ranged.then(|| self.index.build()).transpose()?,
            offset_index: Some(self.places.build()),
        };
        Ok((octets.into(), result.update_dictionary_location(front)?))
    }
}

impl Dictionary {
    fn write(self, to: &mut Vec<u8>, press: &mut Press) -> Result<PageWriteSpec> {
        let length = self.octets.len();
        let content = Content::DictionaryPage {
            buf: press.squeeze(&self.octets)?,
            num_values: self.words,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let mut to = TrackedWrite::new(to);
        let spec =
            SerializedPageWriter::new(&mut to).write_page(CompressedPage::new(content, length))?;
        to.flush()?;
        Ok(spec)
    }
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Compresses pages.
pub(crate) struct Press {
    zstd: Compressor<'static>,
    squeezed: Vec<u8>,
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Press").finish_non_exhaustive()
    }
}

impl Press {
    /// One for a file: the room it works in is not small.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self { zstd: Compressor::new(LEVEL)?, squeezed: Vec::new() })
    }

    fn squeeze(&mut self, octets: &[u8]) -> Result<Bytes> {
        self.squeezed.clear();
        self.squeezed.reserve(compress_bound(octets.len()));
        self.zstd.compress_to_buffer(octets, &mut self.squeezed)?;
        Ok(Bytes::copy_from_slice(&self.squeezed))
    }
}

/// A page that is being filled: levels first, then values.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its content, before it is compressed.
    pub body: &'a mut Vec<u8>,
    chunk: &'a mut Chunk,
    press: &'a mut Press,
}

impl<'a> Page<'a> {
    /// An empty page at the end of a chunk.
    pub(crate) fn new(chunk: &'a mut Chunk, press: &'a mut Press, body: &'a mut Vec<u8>) -> Self {
        body.clear();
        Self { body, chunk, press }
    }

    /// Whether the page's range is asked for.
    pub const fn is_ranged(&self) -> bool {
        self.chunk.is_ranged
    }

    /// Adds a level for each value.
    pub fn levels<T: Copy + PartialEq + Into<u32>>(&mut self, levels: &[T], width: u32) {
        self.block(|body| runs(levels, width, body));
    }

    /// Adds the same level for all values.
    pub fn level(&mut self, level: u32, values: usize, width: u32) {
        self.block(|body| same(level, values, width, body));
    }

    /// Adds what is preceded by its length.
    fn block(&mut self, fill: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.body.len();
        self.body.extend([0; 4]);
        fill(self.body);
        let length = u32::try_from(self.body.len() - begin - 4).unwrap_or(u32::MAX);
        let place = self.body.iter_mut().skip(begin);
        place.zip(length.to_le_bytes()).for_each(|(to, octet)| *to = octet);
    }

    /// Ends the page.
    pub fn end(self, extent: Extent, values: Values) -> Result<()> {
        self.chunk.add(self.body, self.press, (extent, values))
    }
}
