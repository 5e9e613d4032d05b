//! Tags each frame of a run with its lane, and cuts the run where a ledger interval begins.

use std::sync::Arc;

use schemas::Text;

use crate::block::{Block, BlockParts, FrameRef, Memory, Seen, Time, Walk};
use crate::decode::{Decoder, FlowSpace, Tunnels};
use crate::source::pool::Pool;

/// Length of a ledger interval.
const INTERVAL_NS: i64 = 60_000_000_000;

/// Cuts runs of frames into blocks, for all files of a run.
#[derive(Debug)]
pub struct Tagger {
    lanes: usize,
    decoder: Decoder,
    clock: i64,
    interval: i64,
    /// When it ends, by the packets' clock; never where somebody else decides it.
    ends_ns: i64,
    sequence: u64,
}

impl Tagger {
    /// For this many lanes; intervals follow the packets' clock.
    pub const fn new(lanes: usize) -> Self {
        Self { interval: i64::MIN, ends_ns: i64::MIN, ..Self::pinned(lanes) }
    }

    /// For this many lanes; intervals are somebody else's business.
    pub(crate) const fn pinned(lanes: usize) -> Self {
        let decoder = Decoder { tunnels: Tunnels::All, space: FlowSpace::Tunnel, secret: 0 };
        Self { lanes, decoder, clock: i64::MIN, interval: 0, ends_ns: i64::MAX, sequence: 0 }
    }

    /// The same, for lanes that read frames in this way: what they take for one flow must meet.
    #[must_use]
    pub const fn reading(self, decoder: Decoder) -> Self {
        Self { decoder, ..self }
    }

    /// Takes the next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    /// Tags the frames of a walk.
    pub(crate) fn tag(&mut self, walk: Walk, interface: &Text, pool: &Pool) -> Vec<Block> {
        let Walk { memory, frames, super_frames } = walk;
        let mut blocks = Vec::new();
        // A clock that was set back must not make all that follows look late.
        self.clock = i64::MIN;
        self.cut(&memory, frames, &mut Cutting { pool, interface, blocks: &mut blocks });
        if let Some(first) = blocks.first_mut() {
            first.super_frames = super_frames;
        }
        blocks
    }

    /// Number of the next block.
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The lane of a frame: by its pair of hosts, so that both directions and all fragments meet.
    fn lane(&self, at: &FrameRef, bytes: &[u8]) -> u8 {
        if self.lanes == 1 {
            return 0;
        }
        // The upper half: the lower one chooses the place in a table.
        let share = (self.decoder.lane_hash(&at.frame(bytes)) >> 32) * self.lanes as u64;
        u8::try_from(share >> 32).unwrap_or(0)
    }

    /// Tags frames, and starts a new block where an interval begins.
    pub(crate) fn cut(
        &mut self,
        memory: &Arc<dyn Memory>,
        mut frames: Vec<FrameRef>,
        out: &mut Cutting<'_>,
    ) {
        let mut begin = 0;
        while let Some(rest) = frames.get_mut(begin..).filter(|rest| !rest.is_empty()) {
            let (length, mut parts) = self.run(rest, memory.bytes(), out);
            // All of them, nearly always: then they need not be written again.
            parts.frames = if length == frames.len() {
                std::mem::take(&mut frames)
            } else {
                let mut own = out.pool.frames();
                own.extend_from_slice(frames.get(begin..begin + length).unwrap_or_default());
                own
            };
            begin += length;
            out.push(memory, parts);
            self.sequence += 1;
        }
        out.pool.shelve(frames);
    }

    /// Tags the frames of the interval that the first of them is in; gives their number.
    fn run(
        &mut self,
        frames: &mut [FrameRef],
        bytes: &[u8],
        out: &Cutting<'_>,
    ) -> (usize, BlockParts) {
        let mut seen = vec![Seen::default(); self.lanes];
        let (mut time, mut length) = (Time::NONE, 0);
        for at in frames {
            let clock = self.clock.max(at.ts_ns);
            if clock >= self.ends_ns && !self.goes_on(clock, length == 0) {
                break;
            }
            self.clock = clock;
            time = time.join(Time {
                from_ns: at.ts_ns,
                to_ns: at.ts_ns,
                step_back_ns: clock.saturating_sub(at.ts_ns),
            });
            at.lane = self.lane(at, bytes);
            if let Some(seen) = seen.get_mut(usize::from(at.lane)) {
                seen.packets += 1;
                seen.wire_bytes += u64::from(at.original);
            }
            length += 1;
        }
        let parts = BlockParts {
            sequence: self.sequence,
            interval: self.interval,
            seen,
            time,
            super_frames: 0,
            interface: out.interface.clone(),
            frames: Vec::new(),
        };
        (length, parts)
    }

    /// Whether a frame at or behind the end of the interval still belongs to the run: the first one does, and says which interval it is.
    fn goes_on(&mut self, clock: i64, is_first: bool) -> bool {
        let interval = clock.div_euclid(INTERVAL_NS);
        if is_first {
            self.interval = interval;
            self.ends_ns = interval.saturating_add(1).saturating_mul(INTERVAL_NS);
        }
        interval == self.interval
    }
}

/// Where blocks are put.
pub(crate) struct Cutting<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) interface: &'a Text,
    pub(crate) blocks: &'a mut Vec<Block>,
}

impl Cutting<'_> {
    fn push(&mut self, memory: &Arc<dyn Memory>, parts: BlockParts) {
        let recycle = Arc::clone(&self.pool.frames);
        self.blocks.push(Block::new(Arc::clone(memory), parts, recycle));
    }
}
