//! Reads a spool file: every group that is whole, whatever happened to the file.

use std::fs::File;
use std::io::Cursor;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, new_null_array};
use arrow::compute::cast;
use arrow::ipc::reader::StreamReader;
use arrow::record_batch::RecordBatch;

use crate::column::Table;
use crate::store::StoreError;
use crate::store::spool::{Form, Head, Header, MARK, SECTIONS, digest};

const HEADER_BYTES_MAX: usize = 1 << 14;
/// Bytes looked through at a time for the next mark.
const WINDOW: usize = 1 << 20;

/// A group that was read.
#[derive(Debug, Clone)]
pub struct Group {
    /// What it says of itself.
    pub head: Head,
    body: Vec<u8>,
}

impl Group {
    /// The rows of a section.
    pub fn section(&self, section: usize) -> Result<Vec<RecordBatch>, StoreError> {
        let size = |length: &u32| usize::try_from(*length).unwrap_or(usize::MAX);
        let from: usize = self.head.lengths.iter().take(section).map(size).sum();
        let length = self.head.lengths.get(section).map_or(0, size);
        let (Some(table), Some(bytes)) =
            (SECTIONS.get(section), self.body.get(from..from.saturating_add(length)))
        else {
            return Ok(Vec::new());
        };
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        let reader =
            StreamReader::try_new(Cursor::new(bytes), None).map_err(StoreError::Columns)?;
        reader
            .map(|batch| {
                batch.map_err(StoreError::Columns).and_then(|batch| conform(&batch, table))
            })
            .collect()
    }
}

/// Brings rows that an older program wrote to the columns of today: those it did not know are null.
fn conform(batch: &RecordBatch, table: &Table) -> Result<RecordBatch, StoreError> {
    let schema = table.schema();
    if batch.schema() == schema {
        return Ok(batch.clone());
    }
    let columns: Result<Vec<ArrayRef>, _> = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        })
        .collect();
    columns
        .and_then(|columns| RecordBatch::try_new(Arc::clone(&schema), columns))
        .map_err(StoreError::Columns)
}

/// A spool file being read.
#[derive(Debug)]
pub struct SpoolFile {
    /// Whose it is.
    pub header: Header,
    /// Damaged places behind which there was more to read.
    pub damages: u64,
    /// Bytes at the end that are no whole group.
    pub torn_bytes: u64,
    path: PathBuf,
    file: File,
    bytes: u64,
    form: Form,
    mark: [u8; MARK],
    at: u64,
}

impl SpoolFile {
    /// Opens a file and reads its header.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let broken = |why: &str| StoreError::Spool { path: path.to_owned(), why: why.to_owned() };
        let file = File::open(path).map_err(StoreError::io("open", path))?;
        let bytes = file.metadata().map_err(StoreError::io("open", path))?.len();
        let mut start = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX).min(HEADER_BYTES_MAX)];
        file.read_exact_at(&mut start, 0).map_err(|error| broken(&error.to_string()))?;
        let (header, form) = Header::decode(&start)
            .ok_or_else(|| broken("it does not begin with a whole header of a spool file"))?;
        let mark = header.mark(form);
        let at = header.encode_as(form).len() as u64;
        let path = path.to_owned();
        Ok(Self { mark, form, at, header, damages: 0, torn_bytes: 0, path, file, bytes })
    }

    /// Size of the file.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where the next group would begin.
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The next group that is whole; none at the end.
    pub fn next_group(&mut self) -> Result<Option<Group>, StoreError> {
        loop {
            if self.at >= self.bytes {
                return Ok(None);
            }
            if let Some(head) = self.head_at(self.at)? {
                let from = self.at + self.form.head() as u64;
                let mut body = vec![0; usize::try_from(head.body_bytes()).unwrap_or(usize::MAX)];
                self.read(&mut body, from)?;
                if digest(&body) == head.body {
                    self.at = from + head.body_bytes();
                    return Ok(Some(Group { head, body }));
                }
            }
            self.skip_damage()?;
        }
    }

    /// The next head, without a look at its rows; none at the end.
    pub fn next_head(&mut self) -> Result<Option<Head>, StoreError> {
        loop {
            if self.at >= self.bytes {
                return Ok(None);
            }
            if let Some(head) = self.head_at(self.at)? {
                self.at += self.form.head() as u64 + head.body_bytes();
                return Ok(Some(head));
            }
            self.skip_damage()?;
        }
    }

    /// A head whose group ends within the file.
    fn head_at(&self, at: u64) -> Result<Option<Head>, StoreError> {
        let head_bytes = self.form.head();
        if self.bytes.saturating_sub(at) < head_bytes as u64 {
            return Ok(None);
        }
        let mut bytes = vec![0; head_bytes];
        self.read(&mut bytes, at)?;
        Ok(Head::decode(&bytes, self.mark, self.form)
            .filter(|head| at + head_bytes as u64 + head.body_bytes() <= self.bytes))
    }

    /// Goes to the next head, if there is one.
    fn skip_damage(&mut self) -> Result<(), StoreError> {
        let mut from = self.at + 1;
        while from < self.bytes {
            let left = usize::try_from(self.bytes - from).unwrap_or(usize::MAX);
            let mut window = vec![0; left.min(WINDOW + MARK)];
            self.read(&mut window, from)?;
            let marks = window.windows(MARK).enumerate().filter(|(_, bytes)| **bytes == self.mark);
            for (offset, _) in marks {
                let at = from + offset as u64;
                if self.head_at(at)?.is_some() {
                    self.damages += 1;
                    self.at = at;
                    return Ok(());
                }
            }
            from += WINDOW as u64;
        }
        self.torn_bytes = self.bytes - self.at;
        self.at = self.bytes;
        Ok(())
    }

    fn read(&self, into: &mut [u8], at: u64) -> Result<(), StoreError> {
        self.file
            .read_exact_at(into, at)
            .map_err(|error| StoreError::Spool { path: self.path.clone(), why: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::devices::{DeviceBatch, DeviceRow};
    use crate::dns::{DnsBatch, DnsRow};
    use crate::kinds::{Mac, Micros};
    use crate::store::Statement;
    use crate::store::spool::{DEVICES, DNS, END, FLOWS, LEDGER, Sections, Sums, WHOLE};

    fn questions(count: i64) -> RecordBatch {
        let mut batch = DnsBatch::default();
        for i in 0..count {
            batch.append(&DnsRow {
                ts: Micros(i),
                client_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                resolver_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
                query: format!("host{i}.example").into(),
                query_type: "A".into(),
                rcode: (i % 2 == 0).then_some(0),
                answers: vec!["192.0.2.1".into()],
                answer_ttls: vec![60],
                answer_ech: None,
                rtt_us: None,
                sensor_id: "tap-1".into(),
                flow_id: i,
            });
        }
        batch.finish().unwrap()
    }

    fn header() -> Header {
        Header { sensor: "tap-1".into(), boot: "00ab".into(), seq: 7, privacy: None }
    }

    /// A file of groups with 1, 2, 3 … questions, and where each group ends.
    fn file(groups: i64) -> (Vec<u8>, Vec<usize>) {
        let mut bytes = header().encode();
        let mut ends = vec![bytes.len()];
        for number in 1..=groups {
            let sums = Sums { rows: 9, packets: 8, wire_bytes: 7, ip_bytes: 6 };
            let head = Head { sums, lost: sums, ..Head::new(WHOLE, number) };
            let mut sections = Sections::default();
            sections[DNS] = vec![questions(number), questions(0)];
            bytes.extend(header().group(head, &sections).unwrap());
            ends.push(bytes.len());
        }
        bytes.extend(header().group(Head::new(WHOLE | END, 99), &Default::default()).unwrap());
        (bytes, ends)
    }

    /// Times of the groups that are read, and the file after.
    fn read(path: &Path) -> Result<(Vec<i64>, SpoolFile), StoreError> {
        let mut file = SpoolFile::open(path)?;
        let mut times = Vec::new();
        while let Some(group) = file.next_group()? {
            let rows: usize = group.section(DNS)?.iter().map(RecordBatch::num_rows).sum();
            assert_eq!(rows, usize::try_from(group.head.rows[DNS]).unwrap());
            times.push(group.head.wall_ns);
        }
        Ok((times, file))
    }

    #[test]
    fn a_header_says_what_was_done_to_the_rows() {
        let columns = (0..99).map(|column| (format!("column {column}"), "truncation".to_owned()));
        let statement = Statement {
            profile: "truncate".to_owned(),
            key_id: Some("0123456789abcdef".to_owned()),
            techniques: [("flows".to_owned(), columns.collect())].into(),
        };
        let said = Header { privacy: Some(statement), ..header() };
        let bytes = said.encode();
        let decoded = |bytes: &[u8]| Header::decode(bytes).map(|(header, _)| header);
        assert_eq!(decoded(&bytes), Some(said));
        assert_eq!(decoded(&header().encode()), Some(header()));
        for cut in 0..bytes.len() {
            assert_eq!(decoded(&bytes[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(header().file_name());
        fs::write(&path, file(3).0).unwrap();
        let mut found = SpoolFile::open(&path).unwrap();
        assert_eq!(found.header, header());
        for number in 1..=3 {
            let group = found.next_group().unwrap().unwrap();
            assert_eq!((group.head.wall_ns, group.head.flags), (number, WHOLE));
            let sums = Sums { rows: 9, packets: 8, wire_bytes: 7, ip_bytes: 6 };
            assert_eq!((group.head.sums, group.head.lost), (sums, sums));
            assert_eq!(group.head.lost_known, Sums::default());
            let batches = group.section(DNS).unwrap();
            assert_eq!(batches[0], questions(number));
            assert!(group.section(FLOWS).unwrap().is_empty());
            assert!(group.section(LEDGER).unwrap().is_empty());
        }
        assert!(found.next_group().unwrap().unwrap().head.is(END));
        assert!(found.next_group().unwrap().is_none());
        assert_eq!((found.damages, found.torn_bytes), (0, 0));
    }

    #[test]
    fn devices_have_a_section_that_older_files_lack() {
        let dir = tempfile::tempdir().unwrap();
        let mut batch = DeviceBatch::default();
        batch.append(&DeviceRow {
            ts: Micros(1),
            mac: Some(Mac([0x02, 0, 0, 0, 0, 7])),
            ip: None,
            dhcp_hostname: Some("Redmi-Note".into()),
            dhcp_vendor_class: Some("android-dhcp-9".into()),
            dhcp_parameters: Some("1,3,6".into()),
            mdns_name: None,
            http_user_agent: None,
            source: "dhcp",
            sensor_id: "tap-1".into(),
        });
        let devices = batch.finish().unwrap();
        let mut sections = Sections::default();
        sections[DNS] = vec![questions(3)];
        sections[DEVICES] = vec![devices.clone()];
        for form in Form::ALL {
            let path = dir.path().join("any.spool");
            let mut bytes = header().encode_as(form);
            bytes.extend(header().group_as(form, Head::new(WHOLE, 5), &sections).unwrap());
            fs::write(&path, &bytes).unwrap();
            let mut found = SpoolFile::open(&path).unwrap();
            let group = found.next_group().unwrap().unwrap();
            assert_eq!(group.section(DNS).unwrap(), [questions(3)]);
            let is_now = form.head() == Form::ALL.map(Form::head).into_iter().max().unwrap();
            let expected = if is_now { vec![devices.clone()] } else { Vec::new() };
            assert_eq!(group.section(DEVICES).unwrap(), expected);
            assert!(found.next_group().unwrap().is_none());
            assert_eq!((found.damages, found.torn_bytes), (0, 0));
        }
    }

    #[test]
    fn a_file_cut_anywhere_keeps_its_whole_groups() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cut.spool");
        let (bytes, ends) = file(3);
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let whole = ends.iter().filter(|end| **end <= length).count();
            match read(&path) {
                Ok((times, after)) => {
                    let expected: Vec<i64> = (1..i64::try_from(whole).unwrap()).collect();
                    assert_eq!(times, expected, "cut at {length}");
                    assert_eq!(after.torn_bytes, (length - ends[whole - 1]) as u64);
                    assert_eq!(after.damages, 0, "cut at {length}");
                }
                Err(error) => assert!(whole == 0, "cut at {length}: {error}"),
            }
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_group_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("flip.spool");
        let (bytes, ends) = file(3);
        for position in (0..bytes.len()).step_by(7) {
            let mut bad = bytes.clone();
            bad[position] ^= 1 << (position % 8);
            fs::write(&path, bad).unwrap();
            let hit = ends.iter().filter(|end| **end <= position).count();
            let Ok((times, after)) = read(&path) else {
                assert_eq!(hit, 0, "flipped at {position}");
                continue;
            };
            let all = [1, 2, 3, 99];
            let expected: Vec<i64> =
                all.iter().enumerate().filter(|(at, _)| at + 1 != hit).map(|(_, at)| *at).collect();
            assert_eq!(times, expected, "flipped at {position}");
            assert_eq!(after.damages + u64::from(after.torn_bytes > 0), 1);
        }
    }

    #[test]
    fn rows_of_an_older_program_get_todays_columns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("old.spool");
        let old = questions(2);
        let rcode = old.schema().index_of("rcode").unwrap();
        let kept: Vec<usize> = (0..old.num_columns()).filter(|column| *column != rcode).collect();
        let mut sections = Sections::default();
        sections[DNS] = vec![old.project(&kept).unwrap()];
        let mut bytes = header().encode();
        bytes.extend(header().group(Head::new(WHOLE, 1), &sections).unwrap());
        fs::write(&path, bytes).unwrap();
        let group = SpoolFile::open(&path).unwrap().next_group().unwrap().unwrap();
        let batch = group.section(DNS).unwrap().remove(0);
        assert_eq!(batch.schema(), crate::dns::TABLE.schema());
        assert_eq!(batch.column(rcode).null_count(), 2);
    }
}
