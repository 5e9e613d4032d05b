//! Capture files as blocks: read into large recycled buffers and walked in place.
//!
//! One pass over the frames of a buffer tags each with its lane and starts a new block where a ledger interval begins.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use schemas::Text;

use crate::block::{Block, FrameRef};
use crate::source::container::{Format, Stop};
use crate::source::pcap::Pcap;
use crate::source::pcapng::Pcapng;
use crate::source::pool::{BUFFER, Pool};
use crate::source::tagger::{Cutting, Tagger};
use crate::source::{Damage, SourceError};

/// A capture file, or a stream of one.
pub struct FileSource {
    path: PathBuf,
    name: Text,
    input: Box<dyn Read + Send>,
    format: Box<dyn Format>,
    pool: Pool,
    /// Octets read but not yet walked.
    rest: Vec<u8>,
    /// Offset of the first of them.
    offset: u64,
    ended: bool,
    /// Why it could not be read to its end.
    pub damage: Option<Damage>,
}

impl std::fmt::Debug for FileSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileSource")
            .field("path", &self.path)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

impl FileSource {
    /// Opens a capture; `-` is the standard input. gzip and zstd are recognised by how they begin.
    pub fn open(path: &Path, pool: &Pool) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Open { path: path.to_owned(), source };
        let raw: Box<dyn Read + Send> = if path.as_os_str() == "-" {
            Box::new(io::stdin())
        } else {
            let file = File::open(path).map_err(failed)?;
            if file.metadata().map_err(failed)?.is_dir() {
                return Err(failed(io::ErrorKind::IsADirectory.into()));
            }
            Box::new(file)
        };
        Self::of(path, raw, pool)
    }

    /// Opens a capture that lies elsewhere: `raw` gives its octets, `path` names it.
    pub fn of(path: &Path, raw: Box<dyn Read + Send>, pool: &Pool) -> Result<Self, SourceError> {
        let failed = |source| SourceError::Open { path: path.to_owned(), source };
        let (magic, raw) = peek(raw).map_err(failed)?;
        let (magic, input) = match magic.as_slice() {
            [0x1f, 0x8b, ..] => peek(Box::new(flate2::read::MultiGzDecoder::new(
                BufReader::with_capacity(BUFFER, raw),
            ))),
            [0x28, 0xb5, 0x2f, 0xfd] => {
                zstd::stream::read::Decoder::new(raw).and_then(|decoder| peek(Box::new(decoder)))
            }
            _ => Ok((magic, raw)),
        }
        .map_err(failed)?;
        let Some(format) = magic.first_chunk().and_then(|&magic| format_of(magic)) else {
            let begins = match schemas::store::manifest::hex(&magic) {
                none if none.is_empty() => "nothing (it is empty)".to_owned(),
                some => format!("0x{some}"),
            };
            return Err(SourceError::Unknown { path: path.to_owned(), begins });
        };
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        Ok(Self {
            path: path.to_owned(),
            name: Text::new(name),
            input,
            format,
            pool: pool.clone(),
            rest: Vec::new(),
            offset: 0,
            ended: false,
            damage: None,
        })
    }

    /// Time of the first frame, by which files are put in order; `None` where the first buffer holds none. What is read ahead is kept.
    pub fn first_ts(&mut self) -> Option<i64> {
        let mut buffer = self.pool.buffer();
        let filled = self.fill(&mut buffer);
        let bytes = buffer.get(..filled).unwrap_or_default();
        self.rest.extend_from_slice(bytes);
        let mut frames = self.pool.frames();
        // A walk of its own: the real one begins anew.
        format_of(*bytes.first_chunk()?)?.walk(bytes, &mut frames);
        frames.first().map(|at| at.ts_ns)
    }

    /// Octets read so far, of the decompressed capture.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Fills a buffer with what is left over and what comes next; gives the number of octets.
    fn fill(&mut self, buffer: &mut Vec<u8>) -> usize {
        let wanted = BUFFER.max(self.rest.len() + 4096);
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let mut filled = self.rest.len();
        if let Some(start) = buffer.get_mut(..filled) {
            start.copy_from_slice(&self.rest);
        }
        self.rest.clear();
        while !self.ended {
            let Some(room) = buffer.get_mut(filled..).filter(|room| !room.is_empty()) else {
                break;
            };
            match self.input.read(room) {
                Ok(0) => self.ended = true,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.damage = Some(self.damage_at(filled as u64, error.to_string()));
                }
            }
        }
        filled
    }

    fn damage_at(&self, ahead: u64, why: String) -> Damage {
        Damage { path: self.path.clone(), offset: self.offset + ahead, why }
    }

    /// Reads on: the blocks of the next buffer, none at the end.
    pub fn read(&mut self, tagger: &mut Tagger) -> Vec<Block> {
        let mut blocks = Vec::new();
        while blocks.is_empty() && !(self.ended && self.rest.is_empty()) {
            let mut buffer = self.pool.buffer();
            let filled = self.fill(&mut buffer);
            let mut frames = self.pool.frames();
            let used = self.walk(buffer.get(..filled).unwrap_or_default(), &mut frames);
            self.rest.extend_from_slice(buffer.get(used..filled).unwrap_or_default());
            self.offset += used as u64;
            if self.ended && !self.rest.is_empty() {
                self.conclude();
            }
            let memory = self.pool.memory(buffer);
            let interface = self.name.clone();
            let mut out = Cutting { pool: &self.pool, interface: &interface, blocks: &mut blocks };
            tagger.cut(&memory, frames, &mut out);
        }
        blocks
    }

    /// Walks octets; gives how many are done with.
    fn walk(&mut self, bytes: &[u8], frames: &mut Vec<FrameRef>) -> usize {
        let mut at = 0;
        loop {
            let before = frames.len();
            let walked = self.format.walk(bytes.get(at..).unwrap_or_default(), frames);
            if at > 0 {
                for frame in frames.get_mut(before..).unwrap_or_default() {
                    frame.offset += u32::try_from(at).unwrap_or(u32::MAX);
                }
            }
            at += walked.used;
            match walked.stop {
                Stop::More(_) => return at,
                Stop::Skip(count) => {
                    let here = bytes.len() - at;
                    match usize::try_from(count) {
                        Ok(count) if count <= here => at += count,
                        _ => {
                            self.skip(count - here as u64, at as u64);
                            return bytes.len();
                        }
                    }
                }
                Stop::Damaged(why) => {
                    self.ended = true;
                    self.damage.get_or_insert(Damage {
                        path: self.path.clone(),
                        offset: self.offset + at as u64,
                        why,
                    });
                    return bytes.len();
                }
            }
        }
    }

    /// Passes over octets that are not in memory.
    fn skip(&mut self, count: u64, block_at: u64) {
        match io::copy(&mut (&mut self.input).take(count), &mut io::sink()) {
            Ok(skipped) if skipped == count => self.offset += count,
            _ => {
                self.ended = true;
                let damage = self
                    .damage_at(block_at, "a block that ends behind the end of the file".to_owned());
                self.damage.get_or_insert(damage);
            }
        }
    }

    /// Octets are left at the end that make no record.
    fn conclude(&mut self) {
        let left = self.rest.len();
        self.rest.clear();
        let damage = self
            .damage_at(0, format!("the file ends in the middle of a record ({left} octets of it)"));
        self.damage.get_or_insert(damage);
    }
}

/// The format that begins so.
fn format_of(magic: [u8; 4]) -> Option<Box<dyn Format>> {
    match Pcap::of_magic(magic) {
        Some(pcap) => Some(Box::new(pcap)),
        None => Pcapng::of_magic(magic).map(|pcapng| Box::new(pcapng) as Box<dyn Format>),
    }
}

/// The first four octets, and a reader that gives them again.
fn peek(mut input: Box<dyn Read + Send>) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut magic = Vec::with_capacity(4);
    (&mut input).take(4).read_to_end(&mut magic)?;
    let again = io::Cursor::new(magic.clone()).chain(input);
    Ok((magic, Box::new(again)))
}
