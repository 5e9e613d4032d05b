//! What a lane or a table is measured with: blocks from memory, and somebody who takes what they make and keeps none of it.

use std::hint::black_box;
use std::io::Cursor;
use std::path::Path;

use ingest::block::{Block, Memory};
use ingest::delivery::{Delivery, Outbox};
use ingest::flow::{Entry, Export, Reason};
use ingest::source::{FileSource, Pool, SourceError, Tagger};

/// Frames one after the other.
#[derive(Debug)]
pub struct Frames(pub Vec<u8>);

impl Memory for Frames {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Takes rows and records, and keeps none.
#[derive(Debug)]
pub struct Nobody;

impl Outbox for Nobody {
    fn send(&mut self, delivery: Delivery) -> bool {
        black_box(delivery.rows.len());
        true
    }
}

impl Export for Nobody {
    fn export(&mut self, entry: &mut Entry<'_>, _: Reason) {
        black_box(entry.packets());
    }
}

/// The blocks of a capture as the probe's reader makes them, for one lane.
pub fn blocks(capture: Vec<u8>) -> Result<Vec<Block>, SourceError> {
    let input = Box::new(Cursor::new(capture));
    let mut source = FileSource::of(Path::new("memory"), input, &Pool::new(64))?;
    let (mut tagger, mut blocks) = (Tagger::new(1), Vec::new());
    loop {
        let next = source.read(&mut tagger);
        if next.is_empty() {
            return Ok(blocks);
        }
        blocks.extend(next);
    }
}
