//! The least that can be done with a capture: read it and step from record to record.
//!
//! The measure for all others: what they take beyond this is the price of flows, names and files. It knows classic pcap in the writer's byte order only.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Octets read at a time, as the probe does.
const BUFFER: usize = 1 << 20;
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Walked {
    /// Records.
    pub packets: u64,
    /// Their length on the wire.
    pub wire_bytes: u64,
}

/// The record at a position: what was captured, and its length on the wire.
fn record(bytes: &[u8], at: usize) -> Option<(&[u8], u64)> {
    let header = bytes.get(at..at + RECORD_HEADER)?;
    let word = |at: usize| header.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let captured = usize::try_from(word(8)?).ok()?;
    let from = at + RECORD_HEADER;
    Some((bytes.get(from..from + captured)?, u64::from(word(12)?)))
}

/// Shows every frame of a capture, and its length on the wire.
pub fn each(path: &Path, mut visit: impl FnMut(&[u8], u64)) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut skipped = [0; FILE_HEADER];
    file.read_exact(&mut skipped)?;
    let mut buffer = vec![0; BUFFER];
    let mut filled = 0;
    loop {
        let read = file.read(buffer.get_mut(filled..).unwrap_or_default())?;
        if read == 0 {
            break;
        }
        filled += read;
        let (mut at, bytes) = (0, buffer.get(..filled).unwrap_or_default());
        while let Some((frame, original)) = record(bytes, at) {
            visit(frame, original);
            at += RECORD_HEADER + frame.len();
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
    }
    if filled == 0 { Ok(()) } else { Err(io::Error::other("the capture ends within a record")) }
}

/// Walks a capture to its end.
pub fn walk(path: &Path) -> io::Result<Walked> {
    let mut walked = Walked::default();
    each(path, |_, original| {
        walked.packets += 1;
        walked.wire_bytes += original;
    })?;
    Ok(walked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ingest::source::synthetic::Bulk;

    #[test]
    fn a_walk_counts_what_was_written() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let written = Bulk::new(1, 30_000).write_pcap(file.as_file()).unwrap();
        let Walked { packets, wire_bytes } = walk(file.path()).unwrap();
        assert_eq!((packets, wire_bytes), (written.packets, written.wire_bytes));
    }
}
