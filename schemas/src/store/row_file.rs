//! A Parquet file under construction of rows as they come: pages are made here, and the library puts them into a file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::errors::Result as Written;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use crate::column::{Batch, Table};
use crate::pages::Group;
use crate::store::StoreError;
use crate::store::manifest::FileRecord;
use crate::store::staged::{BUFFERED_BYTES_MAX, DICTIONARY_BYTES_MAX, PAGE_ROWS};
use crate::store::staged::{Begun, Seal, Sink, begin, note, settle};

/// When pages and row groups end.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    page_rows: usize,
    /// Octets of one column's words.
    words: usize,
    /// Octets of all pages and all words.
    group: usize,
}

/// A file of one table and hour under construction, of rows as they come.
///
/// It holds a page of rows, and at most 32 MiB of finished pages and words; to find a word again takes some two to four times its length besides. No
/// dictionary outgrows its bound, for the row group ends before: every word is kept once.
#[derive(Debug)]
pub struct RowFile<B> {
    rows: B,
    group: Group,
    bounds: Bounds,
    writer: Writer,
    staged: PathBuf,
    record: FileRecord,
}

/// The library's writer.
struct Writer(SerializedFileWriter<Sink>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.0.bytes_written()).finish_non_exhaustive()
    }
}

impl<B: Batch> RowFile<B> {
    /// Begins a file in `folder` that will lie at `path` below the store.
    pub(crate) fn create(
        folder: &Path,
        path: String,
        pairs: Vec<KeyValue>,
    ) -> Result<Self, StoreError> {
        let Begun { writer, staged, record } = begin(folder, path, (&B::TABLE, pairs))?;
        let begun = writer.into_serialized_writer().and_then(|(writer, _)| {
            let columns = writer.schema_descr().columns().iter();
            let columns = columns.map(|column| (Arc::clone(column), is_ranged(&B::TABLE, column)));
            Ok((Group::new(columns.collect())?, Writer(writer)))
        });
        let (group, writer) = begun.map_err(StoreError::parquet("create", &staged))?;
        let bounds =
            Bounds { page_rows: PAGE_ROWS, words: DICTIONARY_BYTES_MAX, group: BUFFERED_BYTES_MAX };
        Ok(Self { rows: B::default(), group, bounds, writer, staged, record })
    }

    /// Appends rows whose partition column lies between `ts_min` and `ts_max` (µs).
    pub fn extend(&mut self, rows: &[B::Row], span: (i64, i64)) -> Result<(), StoreError> {
        self.rows.extend(rows);
        note(&mut self.record, rows.len(), span);
        let written = if self.is_full() {
            self.end_group()
        } else if self.rows.rows() >= self.bounds.page_rows {
            self.end_page()
        } else {
            return Ok(());
        };
        written.map_err(StoreError::parquet("write", &self.staged))
    }

    /// Whether the row group has to end.
    fn is_full(&mut self) -> bool {
        let (mut all, mut most) = (self.group.octets(), 0);
        for column in self.rows.columns() {
            all += column.words();
            most = most.max(column.words());
        }
        most >= self.bounds.words || all >= self.bounds.group
    }

    fn end_page(&mut self) -> Written<()> {
        let rows = self.rows.rows();
        if rows > 0 {
            self.group.add(rows, &mut self.rows.columns())?;
            self.rows.start();
        }
        Ok(())
    }

    fn end_group(&mut self) -> Written<()> {
        self.end_page()?;
        self.group.end(&mut self.rows.columns(), &mut self.writer.0)
    }
}

/// Whether readers are told between which values the pages of a column lie.
fn is_ranged(table: &Table, leaf: &ColumnDescPtr) -> bool {
    let root = leaf.path().parts().first();
    let column = table.columns.iter().find(|column| root.is_some_and(|root| root == column.name));
    column.is_some_and(|column| column.layout.is_ranged())
}

impl<B: Batch> Seal for RowFile<B> {
    fn seal(mut self) -> Result<FileRecord, StoreError> {
        let finished = self.end_group().and_then(|()| self.writer.0.finish());
        let footer = finished.map_err(StoreError::parquet("finish", &self.staged))?;
        let known = (self.staged.as_path(), &footer, B::TABLE.partition_by);
        settle(self.writer.0.inner_mut(), self.record, known)
    }
}

#[cfg(test)]
mod tests {
    #![expect(unreachable_pub, reason = "the macro makes tables for everybody")]

    use std::fs::File;
    use std::net::IpAddr;

    use arrow::array::{Array as _, ArrayRef, AsArray as _, RecordBatch};
    use arrow::compute::concat_batches;
    use arrow::datatypes::TimestampMicrosecondType;
    use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
    use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
    use parquet::basic::Encoding;
    use parquet::file::metadata::PageIndexPolicy;
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use proptest::prelude::*;

    use super::*;
    use crate::column::table;
    use crate::kinds::{Fingerprint, Mac, Micros, Text};

    table! {"all": Row, Rows, "at", "A row with every kind of column." {
        at: Micros, "", "", "A time.";
        later: Option<Micros>, "", "", "Perhaps a time.";
        long: i64, "", "", "A number.";
        short: Option<i32>, "", "", "A small one.";
        truth: Option<bool>, "", "", "Yes or no.";
        fixed: &'static str, "", "", "A word of ours.";
        kind: Option<&'static str>, "", "", "Perhaps one.";
        name: Option<Text>, "", "", "A name.";
        text: Box<str>, "", "", "A text.";
        address: IpAddr, "", "", "An address.";
        maker: Option<Mac>, "", "", "Another.";
        print: Option<Fingerprint>, "", "", "A fingerprint.";
        names: Vec<Text>, "", "", "Names.";
        lives: Vec<i64>, "", "", "Numbers.";
    }}

    const WORDS: [&str; 5] = ["", "a", "zzz", "a name of more than twenty-three octets", "Ü"];

    /// A row drawn from a number; `filled` says which columns are never null.
    fn row(drawn: u64, filled: u8) -> Row {
        let part = |at: u32, below: u64| (drawn >> (at * 6) & 63) % below;
        let small = |at: u32, below: u64| usize::try_from(part(at, below)).unwrap();
        let long = drawn.wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
        let has = |at: u32| filled >> at & 1 == 1 && (filled >> 7 == 1 || part(at, 3) > 0);
        let text = |at| Text::from(format!("{}{}", WORDS[small(at, 5)], part(at + 1, 9)));
        Row {
            at: Micros(long >> 20),
            later: has(0).then_some(Micros(long)),
            long: if part(1, 9) == 0 { long } else { 7 },
            short: has(1).then(|| i32::try_from(part(2, 40)).unwrap() - 20),
            truth: has(2).then_some(part(3, 2) == 1),
            fixed: WORDS[small(4, 2)],
            kind: has(3).then(|| WORDS[small(5, 5)]),
            name: has(4).then(|| text(6)),
            text: text(7).as_str().into(),
            address: IpAddr::from([10, 0, 0, u8::try_from(part(8, 60)).unwrap()]),
            maker: has(5).then(|| Mac([2, 0, 0, 0, 0, u8::try_from(part(9, 9)).unwrap()])),
            print: has(6).then(|| Fingerprint([b'a' + u8::try_from(part(1, 9)).unwrap(); 36])),
            names: (0..part(2, 4)).map(|_| text(3)).filter(|_| has(4)).collect(),
            lives: (0..part(3, 3)).map(|n| long >> n).filter(|_| has(5)).collect(),
        }
    }

    fn written(cuts: &[Vec<Row>], bounds: Bounds) -> File {
        let folder = tempfile::tempdir().unwrap();
        let mut file = RowFile::<Rows>::create(folder.path(), "a".into(), Vec::new()).unwrap();
        file.bounds = bounds;
        for rows in cuts {
            file.extend(rows, (0, 0)).unwrap();
        }
        let staged = file.staged.clone();
        let record = file.seal().unwrap();
        assert_eq!(record.bytes, staged.metadata().unwrap().len());
        assert_eq!(record.rows, cuts.iter().map(|rows| rows.len() as u64).sum::<u64>());
        let later: Option<Vec<i64>> = cuts.iter().flatten().map(|row| Some(row.later?.0)).collect();
        let span = later.and_then(|times| Some((*times.iter().min()?, *times.iter().max()?)));
        assert_eq!(record.times, span.map(|span| ("later".to_owned(), span)).into_iter().collect());
        File::open(staged).unwrap()
    }

    fn opened(file: File) -> ParquetRecordBatchReaderBuilder<File> {
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Required);
        ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).unwrap()
    }

    /// The least and the greatest value that a column has, as a reader of statistics gets them.
    fn range(values: &ArrayRef) -> [Option<String>; 2] {
        if let Some(texts) = values.as_string_opt::<i32>() {
            let texts = texts.iter().flatten();
            return [texts.clone().min(), texts.max()].map(|end| end.map(str::to_owned));
        }
        let times = values.as_primitive::<TimestampMicrosecondType>().iter().flatten();
        [times.clone().min(), times.max()].map(|end| end.map(|time| time.to_string()))
    }

    /// The same of what was said: one value for each page or row group.
    fn said(values: &ArrayRef, at: usize) -> Option<String> {
        let [value, _] = range(&values.slice(at, 1));
        value
    }

    /// Holds what a file says of its pages and row groups against its rows.
    fn check_ranges(reader: &ParquetRecordBatchReaderBuilder<File>, rows: &RecordBatch) {
        let metadata = reader.metadata();
        let (Some(index), Some(places)) = (metadata.column_index(), metadata.offset_index()) else {
            return assert_eq!(rows.num_rows(), 0);
        };
        for column in TABLE.columns.iter().filter(|column| column.layout.is_ranged()) {
            let told =
                StatisticsConverter::try_new(column.name, reader.schema(), reader.parquet_schema())
                    .unwrap();
            let values = rows.column_by_name(column.name).unwrap();
            let (mut first, mut page) = (0, 0);
            for (number, group) in metadata.row_groups().iter().enumerate() {
                let count = usize::try_from(group.num_rows()).unwrap();
                let of_group =
                    [told.row_group_mins([group]).unwrap(), told.row_group_maxes([group]).unwrap()];
                let own = values.slice(first, count);
                assert_eq!(of_group.map(|values| said(&values, 0)), range(&own));
                let nulls = told.row_group_null_counts([group]).unwrap();
                assert_eq!(nulls.value(0), own.null_count() as u64);
                let leaf = told.parquet_column_index().unwrap();
                let begins = places[number][leaf].page_locations().iter();
                let begins: Vec<_> =
                    begins.map(|page| usize::try_from(page.first_row_index).unwrap()).collect();
                let groups = [number];
                let least = told.data_page_mins(index, places, &groups).unwrap();
                let most = told.data_page_maxes(index, places, &groups).unwrap();
                for (at, begin) in begins.iter().enumerate() {
                    let end = begins.get(at + 1).copied().unwrap_or(count);
                    let own = values.slice(first + begin, end - begin);
                    let of_page = [&least, &most].map(|values| said(values, at));
                    assert_eq!(of_page, range(&own), "{} page {page}", column.name);
                    page += 1;
                }
                first += count;
            }
        }
    }

    proptest! {
        #[test]
        fn rows_come_back_whatever_their_nulls_and_cuts_and_ranges_are_true(
            runs in prop::collection::vec((any::<u64>(), 1..30_usize, any::<bool>()), 0..40),
            filled: u8, cut in 1..50_usize, (page_rows, words) in (1..60_usize, 20..400_usize),
        ) {
            let drawn = runs.iter().flat_map(|(drawn, length, is_same)| {
                let step = if *is_same { 0 } else { 0x0123_4567_89ab_cdef };
                (0..*length).map(move |at| drawn.wrapping_add(step * at as u64))
            });
            let rows: Vec<Row> = drawn.map(|drawn| row(drawn, filled)).collect();
            let cuts: Vec<Vec<Row>> = rows.chunks(cut).map(<[Row]>::to_vec).collect();
            let reader = opened(written(&cuts, Bounds { page_rows, words, group: 4_000 }));
            let mut batch = Rows::default();
            for row in &rows {
                batch.append(row);
            }
            assert_eq!((batch.len(), batch.is_empty()), (rows.len(), rows.is_empty()));
            let expected = batch.finish().unwrap();
            check_ranges(&reader, &expected);
            let read: Vec<RecordBatch> = reader.with_batch_size(33).build().unwrap()
                .map(Result::unwrap).collect();
            prop_assert_eq!(concat_batches(&TABLE.schema(), &read).unwrap(), expected);
        }
    }

    #[test]
    fn every_word_is_kept_once_however_many_there_are() {
        let at = |number: u32| Row { text: format!("{number:060}").into(), ..row(0, 0) };
        let cuts: Vec<Vec<Row>> =
            (0..20).map(|cut| (cut * 50..(cut + 1) * 50).map(at).collect()).collect();
        let bounds = Bounds { page_rows: 120, words: 20_000, group: 1 << 20 };
        let reader = SerializedFileReader::new(written(&cuts, bounds)).unwrap();
        let leaf = TABLE.columns.iter().position(|column| column.name == "text").unwrap();
        let mut rows = 0;
        for group in 0..reader.num_row_groups() {
            let group = reader.get_row_group(group).unwrap();
            let mut pages = group.get_column_page_reader(leaf).unwrap();
            let words = pages.get_next_page().unwrap().unwrap().num_values();
            assert_eq!(i64::from(words), group.metadata().num_rows());
            rows += words;
            while let Some(page) = pages.get_next_page().unwrap() {
                assert_eq!(page.encoding(), Encoding::RLE_DICTIONARY);
            }
        }
        assert_eq!((reader.num_row_groups(), rows), (3, 1_000));
    }
}
