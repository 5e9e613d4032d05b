//! Tags each frame of a run with its lane, and cuts the run where a ledger interval begins.

use std::sync::Arc;

use crate::block::{Block, BlockParts, FrameRef, Memory, Seen, Time, Walk};
use crate::decode::{Decoder, FlowSpace, Tunnels};
use crate::frame::Frame;
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
    sequence: u64,
    /// Whether intervals follow the packets' clock.
    cuts: bool,
}

impl Tagger {
    /// For this many lanes; intervals follow the packets' clock.
    pub const fn new(lanes: usize) -> Self {
        Self { interval: i64::MIN, cuts: true, ..Self::pinned(lanes) }
    }

    /// For this many lanes; intervals are somebody else's business.
    pub(crate) const fn pinned(lanes: usize) -> Self {
        let decoder = Decoder { tunnels: Tunnels::All, space: FlowSpace::Tunnel, secret: 0 };
        Self { lanes, decoder, clock: i64::MIN, interval: 0, sequence: 0, cuts: false }
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
        let share = (self.decoder.lane_hash(frame) >> 32) * self.lanes as u64;
        u8::try_from(share >> 32).unwrap_or(0)
    }

    /// Tags frames, and starts a new block where an interval begins.
    pub(crate) fn cut(
        &mut self,
        memory: &Arc<dyn Memory>,
        frames: &[FrameRef],
        out: &mut Cutting<'_>,
    ) {
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

/// Where blocks are put.
pub(crate) struct Cutting<'a> {
    pub(crate) pool: &'a Pool,
    pub(crate) interface: &'a Arc<str>,
    pub(crate) blocks: &'a mut Vec<Block>,
}

impl Cutting<'_> {
    fn push(&mut self, memory: &Arc<dyn Memory>, parts: BlockParts) {
        let recycle = Arc::clone(&self.pool.frames);
        self.blocks.push(Block::new(Arc::clone(memory), parts, recycle));
    }
}
