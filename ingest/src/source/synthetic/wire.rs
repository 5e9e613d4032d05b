//! A big-endian message under construction; its length prefixes cannot disagree with what follows.
//!
//! A field longer than its prefix can say is a mistake of the caller; the prefix then saturates.

/// Bytes of a message, in network order.
#[derive(Debug, Default)]
pub(crate) struct Wire(Vec<u8>);

impl Wire {
    pub(crate) fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn words(&mut self, words: &[u16]) -> &mut Self {
        for word in words {
            self.u16(*word);
        }
        self
    }

    /// What `fill` writes, after its length in one byte.
    pub(crate) fn sized8(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let inner = Self::of(fill);
        self.u8(u8::try_from(inner.len()).unwrap_or(u8::MAX)).bytes(&inner)
    }

    /// What `fill` writes, after its length in two bytes.
    pub(crate) fn sized16(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let inner = Self::of(fill);
        self.u16(length16(inner.len())).bytes(&inner)
    }

    /// What `fill` writes, after its length in three bytes.
    pub(crate) fn sized24(&mut self, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let inner = Self::of(fill);
        let [_, prefix @ ..] = u32::try_from(inner.len()).unwrap_or(u32::MAX).to_be_bytes();
        self.bytes(&prefix).bytes(&inner)
    }

    /// The bytes that `fill` writes.
    pub(crate) fn of(fill: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut wire = Self::default();
        fill(&mut wire);
        wire.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// A length as a 16-bit field holds it; saturates.
pub(crate) fn length16(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::Wire;

    #[test]
    fn prefixes_count_what_follows() {
        let bytes = Wire::of(|w| {
            w.sized8(|w| {
                w.u16(0x0102).sized24(|w| {
                    w.bytes(b"abc");
                });
            });
        });
        assert_eq!(bytes, [8, 1, 2, 0, 0, 3, b'a', b'b', b'c']);
    }
}
