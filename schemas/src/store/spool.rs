//! The spool file: finished rows, safe on disk within a second and long before their Parquet file is.
//!
//! A header names sensor, run and number. Groups follow, each written in one piece: a head with sums, then up to five Arrow IPC streams (`flows`, `dns`,
//! `ledger`, provisional `ledger`, `devices`; files of older programs lack the last). Both have a SHA-256, cut to 16 bytes, and begin with a mark that only this file has; so a torn end is told from a
//! damaged middle, and what comes after a damaged group is still found. Numbers are little-endian.

use std::io;
use std::ops::AddAssign;

use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;
use sha2::{Digest, Sha256};

use crate::column::Table;
use crate::store::{Statement, StoreError};

/// The tables of a group's sections, in order.
pub const SECTIONS: [&Table; 5] = [
    &crate::flow::TABLE,
    &crate::dns::TABLE,
    &crate::ledger::TABLE,
    &crate::ledger::TABLE,
    &crate::devices::TABLE,
];
/// Rows of each section.
pub type Sections = [Vec<RecordBatch>; SECTIONS.len()];
/// Section of `flows`.
pub const FLOWS: usize = 0;
/// Section of `dns`.
pub const DNS: usize = 1;
/// Section of `ledger`.
pub const LEDGER: usize = 2;
/// Section of the ledger as it would stand if nothing came after.
pub const PROVISIONAL: usize = 3;
/// Section of `devices`.
pub const DEVICES: usize = 4;

/// A group that ends what was cut at one moment: only there may the rows of a killed run end.
pub const WHOLE: u32 = 1;
/// The file ends here.
pub const END: u32 = 2;
/// So does the run.
pub const FINAL: u32 = 4;

pub(crate) const DIGEST: usize = 16;
pub(crate) const MARK: usize = 8;

/// What a file is written like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    magic: &'static [u8; 8],
    /// Sections of its groups.
    sections: usize,
}

impl Form {
    const NOW: Self = Self { magic: b"OFSPOOL2", sections: SECTIONS.len() };
    /// All that can be read.
    pub(crate) const ALL: [Self; 2] = [Self { magic: b"OFSPOOL1", sections: 4 }, Self::NOW];

    /// Length of a head: mark, flags, time, lengths and rows of the sections, three sums, digest of the body, digest of the head.
    pub(crate) const fn head(self) -> usize {
        MARK + 4 + 8 + 8 * self.sections + 3 * 32 + 2 * DIGEST
    }
}

/// Rows of `flows` and what they add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Rows.
    pub rows: u64,
    /// Their packets.
    pub packets: u64,
    /// Octets of their frames.
    pub wire_bytes: u64,
    /// Their IP octets.
    pub ip_bytes: u64,
}

impl Sums {
    /// What came since an earlier state.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self {
            rows: self.rows.saturating_sub(earlier.rows),
            packets: self.packets.saturating_sub(earlier.packets),
            wire_bytes: self.wire_bytes.saturating_sub(earlier.wire_bytes),
            ip_bytes: self.ip_bytes.saturating_sub(earlier.ip_bytes),
        }
    }

    const fn numbers(self) -> [u64; 4] {
        [self.rows, self.packets, self.wire_bytes, self.ip_bytes]
    }

    const fn of([rows, packets, wire_bytes, ip_bytes]: [u64; 4]) -> Self {
        Self { rows, packets, wire_bytes, ip_bytes }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.packets += other.packets;
        self.wire_bytes += other.wire_bytes;
        self.ip_bytes += other.ip_bytes;
    }
}

/// Whose rows a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Name of the sensor.
    pub sensor: String,
    /// Name of the run.
    pub boot: String,
    /// Number of the file within the run, from 1; of its publication, too.
    pub seq: u64,
    /// What was done to its rows; none where they are as observed.
    pub privacy: Option<Statement>,
}

/// What a group says of itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Head {
    /// [`WHOLE`], [`END`], [`FINAL`].
    pub flags: u32,
    /// When it was cut, ns since 1970 UTC.
    pub wall_ns: i64,
    /// Rows of each section.
    pub rows: [u32; SECTIONS.len()],
    /// Of its `flows`.
    pub sums: Sums,
    /// Lost by the run before this group was written.
    pub lost: Sums,
    /// Of these, known when the group was cut, and so in its ledger.
    pub lost_known: Sums,
    pub(crate) lengths: [u32; SECTIONS.len()],
    pub(crate) body: [u8; DIGEST],
}

impl Head {
    /// A head; its sections are added by [`Header::group`].
    pub fn new(flags: u32, wall_ns: i64) -> Self {
        Self { flags, wall_ns, ..Self::default() }
    }

    /// Whether all of these flags are set.
    pub const fn is(&self, flags: u32) -> bool {
        self.flags & flags == flags
    }

    pub(crate) fn body_bytes(&self) -> u64 {
        self.lengths.iter().map(|length| u64::from(*length)).sum()
    }

    fn encode(&self, mark: [u8; MARK], form: Form) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(form.head());
        bytes.extend(mark);
        bytes.extend(self.flags.to_le_bytes());
        bytes.extend(self.wall_ns.to_le_bytes());
        let of_sections = |numbers| <[u32]>::iter(numbers).take(form.sections);
        for number in of_sections(&self.lengths).chain(of_sections(&self.rows)) {
            bytes.extend(number.to_le_bytes());
        }
        for sums in [self.sums, self.lost, self.lost_known] {
            sums.numbers().iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        }
        bytes.extend(self.body);
        bytes.extend(digest(&bytes));
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], mark: [u8; MARK], form: Form) -> Option<Self> {
        let (checked, expected) = bytes.split_last_chunk::<DIGEST>()?;
        if digest(checked) != *expected {
            return None;
        }
        let mut bytes = Bytes(checked);
        if bytes.take::<MARK>()? != mark {
            return None;
        }
        Some(Self {
            flags: bytes.u32()?,
            wall_ns: i64::from_le_bytes(bytes.take()?),
            lengths: bytes.sections(form)?,
            rows: bytes.sections(form)?,
            sums: Sums::of(bytes.four(Bytes::u64)?),
            lost: Sums::of(bytes.four(Bytes::u64)?),
            lost_known: Sums::of(bytes.four(Bytes::u64)?),
            body: bytes.take()?,
        })
    }
}

/// Reads numbers off the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }
    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
    fn four<T>(&mut self, read: fn(&mut Self) -> Option<T>) -> Option<[T; 4]> {
        Some([read(self)?, read(self)?, read(self)?, read(self)?])
    }
    /// A number for each section; 0 for those the file lacks.
    fn sections(&mut self, form: Form) -> Option<[u32; SECTIONS.len()]> {
        let mut numbers = [0; SECTIONS.len()];
        for number in numbers.iter_mut().take(form.sections) {
            *number = self.u32()?;
        }
        Some(numbers)
    }
    fn text(&mut self) -> Option<String> {
        let length = usize::from(u16::from_le_bytes(self.take()?));
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(first.to_vec()).ok()
    }
}

pub(crate) fn digest(bytes: &[u8]) -> [u8; DIGEST] {
    let mut short = [0; DIGEST];
    short.iter_mut().zip(Sha256::digest(bytes)).for_each(|(to, from)| *to = from);
    short
}

impl Header {
    /// Name of the file.
    pub fn file_name(&self) -> String {
        format!("{}-{}-{:06}.spool", self.sensor, self.boot, self.seq)
    }

    /// The bytes with which the file begins.
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(Form::NOW)
    }

    pub(crate) fn encode_as(&self, form: Form) -> Vec<u8> {
        let mut body = self.seq.to_le_bytes().to_vec();
        // The last is left out where there is none, as in files from before it.
        let privacy = self.privacy.as_ref().map(Statement::to_json);
        for text in [&self.sensor, &self.boot].into_iter().chain(&privacy) {
            body.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
            body.extend(text.as_bytes());
        }
        let mut bytes = form.magic.to_vec();
        bytes.extend(u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes.extend(body);
        bytes.extend(digest(&bytes));
        bytes
    }

    /// The header at the beginning of a file.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, Form)> {
        let mut rest = Bytes(bytes);
        let magic = rest.take::<8>()?;
        let form = Form::ALL.into_iter().find(|form| *form.magic == magic)?;
        let length = usize::try_from(rest.u32()?).ok()?;
        let mut body = Bytes(rest.0.get(..length)?);
        let (seq, sensor, boot) = (body.u64()?, body.text()?, body.text()?);
        let privacy = match body.0 {
            [] => None,
            _ => Some(serde_json::from_str(&body.text()?).ok()?),
        };
        let header = Self { sensor, boot, seq, privacy };
        bytes.starts_with(&header.encode_as(form)).then_some((header, form))
    }

    /// With what a group of this file begins.
    pub(crate) fn mark(&self, form: Form) -> [u8; MARK] {
        let hash = Sha256::digest(self.encode_as(form));
        let mut mark = [0; MARK];
        mark.iter_mut().zip(hash.iter().rev()).for_each(|(to, from)| *to = *from);
        mark
    }

    /// The bytes of a group; `sections` as in [`SECTIONS`].
    pub fn group(&self, head: Head, sections: &Sections) -> Result<Vec<u8>, StoreError> {
        self.group_as(Form::NOW, head, sections)
    }

    pub(crate) fn group_as(
        &self,
        form: Form,
        mut head: Head,
        sections: &Sections,
    ) -> Result<Vec<u8>, StoreError> {
        let head_bytes = form.head();
        let mut bytes = vec![0; head_bytes];
        for (section, batches) in sections.iter().take(form.sections).enumerate() {
            let before = bytes.len();
            let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
            if let Some(first) = batches.first().filter(|_| rows > 0) {
                let mut writer = StreamWriter::try_new(&mut bytes, &first.schema())
                    .map_err(StoreError::Columns)?;
                for batch in batches {
                    writer.write(batch).map_err(StoreError::Columns)?;
                }
                writer.finish().map_err(StoreError::Columns)?;
            }
            let too_long =
                |_| StoreError::Columns(io::Error::from(io::ErrorKind::FileTooLarge).into());
            let length = u32::try_from(bytes.len() - before).map_err(too_long)?;
            let rows = u32::try_from(rows).map_err(too_long)?;
            head.lengths.iter_mut().skip(section).take(1).for_each(|to| *to = length);
            head.rows.iter_mut().skip(section).take(1).for_each(|to| *to = rows);
        }
        head.body = digest(bytes.get(head_bytes..).unwrap_or_default());
        bytes.splice(..head_bytes, head.encode(self.mark(form), form));
        Ok(bytes)
    }
}
