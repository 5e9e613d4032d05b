//! Writes classic pcap: little-endian, microseconds, Ethernet.
//!
//! Planned times are whole microseconds, so nothing is lost on the way.

use std::io::{self, Write};

/// Seconds and microseconds as the record header holds them: unsigned 32 bits.
fn stamp(ts_ns: i64) -> (u32, u32) {
    let seconds = u32::try_from(ts_ns.div_euclid(1_000_000_000)).unwrap_or(0);
    let micros = u32::try_from(ts_ns.rem_euclid(1_000_000_000) / 1_000).unwrap_or(0);
    (seconds, micros)
}

/// A pcap file being written.
#[derive(Debug)]
pub(crate) struct PcapWriter<W> {
    out: W,
    snaplen: u32,
}

impl<W: Write> PcapWriter<W> {
    /// Writes the file header; frames are cut to `snaplen`.
    pub(crate) fn new(mut out: W, snaplen: u32) -> io::Result<Self> {
        let mut header = [0; 24];
        let fields: [&[u8]; 6] = [
            &0xa1b2_c3d4_u32.to_le_bytes(),
            &2_u16.to_le_bytes(),
            &4_u16.to_le_bytes(),
            &[0; 8],
            &snaplen.to_le_bytes(),
            &1_u32.to_le_bytes(),
        ];
        let bytes = fields.iter().flat_map(|field| field.iter());
        header.iter_mut().zip(bytes).for_each(|(place, byte)| *place = *byte);
        out.write_all(&header)?;
        Ok(Self { out, snaplen })
    }

    /// Writes one frame, of which `original_length` bytes were on the wire.
    pub(crate) fn write(
        &mut self,
        ts_ns: i64,
        frame: &[u8],
        original_length: u32,
    ) -> io::Result<()> {
        let snaplen = usize::try_from(self.snaplen).unwrap_or(usize::MAX);
        let kept = frame.get(..snaplen).unwrap_or(frame);
        let (seconds, micros) = stamp(ts_ns);
        let captured = u32::try_from(kept.len()).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        let words = [seconds, micros, captured, original_length];
        for (place, word) in header.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.out.write_all(&header)?;
        self.out.write_all(kept)
    }

    /// Flushes what the writer holds back.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::PcapWriter;

    #[test]
    fn a_record_is_cut_but_keeps_its_length() {
        let mut file = Vec::new();
        let mut writer = PcapWriter::new(&mut file, 4).unwrap();
        writer.write(1_411_315_200_000_123_000, &[1, 2, 3, 4, 5, 6], 6).unwrap();
        writer.finish().unwrap();
        assert_eq!(file.len(), 24 + 16 + 4);
        assert_eq!(file[24..28], 1_411_315_200_u32.to_le_bytes());
        assert_eq!(file[28..32], 123_u32.to_le_bytes());
        assert_eq!(file[32..40], [4, 0, 0, 0, 6, 0, 0, 0]);
    }
}
