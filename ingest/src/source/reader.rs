//! Capture files as blocks: read into large recycled buffers and walked in place.
//!
//! One pass over the frames of a buffer tags each with its lane and starts a new block where a ledger interval begins.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crossbeam::queue::ArrayQueue;

use crate::block::{Block, BlockParts, FrameRef, Memory, Seen, Time, Walk};
use crate::decode::lane_hash;
use crate::frame::Frame;
use crate::source::container::{Format, Stop};
use crate::source::pcap::Pcap;
use crate::source::pcapng::Pcapng;
use crate::source::{Damage, SourceError};

/// Octets read at a time: large enough to share the price of a block, small enough to stay in the cache.
const BUFFER: usize = 1 << 20;
/// Length of a ledger interval.
const INTERVAL_NS: i64 = 60_000_000_000;

/// Buffers and side arrays that have come back.
#[derive(Debug, Clone)]
pub struct Pool {
    buffers: Arc<ArrayQueue<Vec<u8>>>,
    frames: Arc<ArrayQueue<Vec<FrameRef>>>,
}

impl Pool {
    /// Shelves for this many of each.
    pub fn new(capacity: usize) -> Self {
        Self {
            buffers: Arc::new(ArrayQueue::new(capacity)),
            frames: Arc::new(ArrayQueue::new(capacity * 4)),
        }
    }

    fn shelve(&self, mut frames: Vec<FrameRef>) {
        frames.clear();
        // A full shelf means there are enough.
        let _ = self.frames.push(frames);
    }

    /// A buffer; what is in it is left over from before.
    pub(crate) fn buffer(&self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_else(|| vec![0; BUFFER])
    }

    /// A filled buffer that comes back when its last holder drops it.
    pub(crate) fn memory(&self, bytes: Vec<u8>) -> Arc<dyn Memory> {
        Arc::new(Buffer { bytes, home: Arc::clone(&self.buffers) })
    }

    /// An empty side array.
    pub(crate) fn frames(&self) -> Vec<FrameRef> {
        self.frames.pop().unwrap_or_default()
    }
}

/// A filled buffer; goes back to the pool when the last block on it is dropped.
struct Buffer {
    bytes: Vec<u8>,
    home: Arc<ArrayQueue<Vec<u8>>>,
}

impl Memory for Buffer {
    fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // A full shelf means there are enough; the buffer is then freed.
        let _ = self.home.push(std::mem::take(&mut self.bytes));
    }
}

/// Cuts runs of frames into blocks, for all files of a run.
#[derive(Debug)]
pub struct Tagger {
    lanes: usize,
    clock: i64,
    interval: i64,
    sequence: u64,
    /// Whether intervals follow the packets' clock.
    cuts: bool,
}

impl Tagger {
    /// For this many lanes; intervals follow the packets' clock.
    pub const fn new(lanes: usize) -> Self {
        Self { lanes, clock: i64::MIN, interval: i64::MIN, sequence: 0, cuts: true }
    }

    /// For this many lanes; intervals are somebody else's business.
    pub(crate) const fn pinned(lanes: usize) -> Self {
        Self { lanes, clock: i64::MIN, interval: 0, sequence: 0, cuts: false }
    }

    /// Takes the next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    /// Tags the frames of a walk.
    pub(crate) fn tag(&mut self, walk: Walk, interface: &Arc<str>, pool: &Pool) -> Vec<Block> {
        let Walk { memory, frames, super_frames } = walk;
        let mut blocks = Vec::new();
        // A clock that was set back must not make all that follows look late.
        self.clock = i64::MIN;
        self.cut(&memory, &frames, &mut Cutting { pool, interface, blocks: &mut blocks });
        if let Some(first) = blocks.first_mut() {
            first.super_frames = super_frames;
        }
        pool.shelve(frames);
        blocks
    }

    /// Number of the next block.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The lane of a frame: by its pair of hosts, so that both directions and all fragments meet.
    fn lane(&self, frame: &Frame<'_>) -> u8 {
        if self.lanes == 1 {
            return 0;
        }
        // The upper half: the lower one chooses the place in a table.
        let share = (lane_hash(frame) >> 32) * self.lanes as u64;
        u8::try_from(share >> 32).unwrap_or(0)
    }

    fn cut(&mut self, memory: &Arc<dyn Memory>, frames: &[FrameRef], out: &mut Cutting<'_>) {
        let mut parts = self.parts(out);
        for at in frames {
            self.clock = self.clock.max(at.ts_ns);
            let interval =
                if self.cuts { self.clock.div_euclid(INTERVAL_NS) } else { self.interval };
            if interval != self.interval {
                self.interval = interval;
                if !parts.frames.is_empty() {
                    let next = self.parts(out);
                    out.push(memory, std::mem::replace(&mut parts, next));
                    self.sequence += 1;
                    parts.sequence = self.sequence;
                }
                parts.interval = interval;
            }
            parts.time = parts.time.join(Time {
                from_ns: at.ts_ns,
                to_ns: at.ts_ns,
                step_back_ns: self.clock.saturating_sub(at.ts_ns),
            });
            let lane = self.lane(&at.frame(memory.bytes()));
            if let Some(seen) = parts.seen.get_mut(usize::from(lane)) {
                seen.packets += 1;
                seen.wire_bytes += u64::from(at.original);
            }
            parts.frames.push(FrameRef { lane, ..*at });
        }
        if !parts.frames.is_empty() {
            out.push(memory, parts);
            self.sequence += 1;
        }
    }

    fn parts(&self, out: &Cutting<'_>) -> BlockParts {
        BlockParts {
            sequence: self.sequence,
            interval: self.interval,
            seen: vec![Seen::default(); self.lanes],
            time: Time::NONE,
            super_frames: 0,
            interface: Arc::clone(out.interface),
            frames: out.pool.frames(),
        }
    }
}

struct Cutting<'a> {
    pool: &'a Pool,
    interface: &'a Arc<str>,
    blocks: &'a mut Vec<Block>,
}

impl Cutting<'_> {
    fn push(&mut self, memory: &Arc<dyn Memory>, parts: BlockParts) {
        let recycle = Arc::clone(&self.pool.frames);
        self.blocks.push(Block::new(Arc::clone(memory), parts, recycle));
    }
}

/// A capture file, or a stream of one.
pub struct FileSource {
    path: PathBuf,
    name: Arc<str>,
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
            name: Arc::from(&*name),
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
            let interface = Arc::clone(&self.name);
            let mut out = Cutting { pool: &self.pool, interface: &interface, blocks: &mut blocks };
            tagger.cut(&memory, &frames, &mut out);
            self.pool.shelve(frames);
        }
        blocks
    }

    /// Walks octets; gives how many are done with.
    fn walk(&mut self, bytes: &[u8], frames: &mut Vec<FrameRef>) -> usize {
        let mut at = 0;
        loop {
            let before = frames.len();
            let walked = self.format.walk(bytes.get(at..).unwrap_or_default(), frames);
            for frame in frames.get_mut(before..).unwrap_or_default() {
                frame.offset += u32::try_from(at).unwrap_or(u32::MAX);
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
