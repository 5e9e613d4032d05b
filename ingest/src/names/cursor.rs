//! A cursor over octets that never reads past the end.

/// What is left to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(count)?;
        self.0 = tail;
        Some(head)
    }

    /// As many octets as there are, up to `count`.
    pub(crate) fn up_to(&mut self, count: usize) -> &'a [u8] {
        self.take(count.min(self.0.len())).unwrap_or_default()
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(crate) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|pair| u16::from_be_bytes(*pair))
    }

    pub(crate) fn u24(&mut self) -> Option<usize> {
        let high = self.u8()?;
        Some(usize::from(high) << 16 | usize::from(self.u16()?))
    }

    /// A vector whose length stands before it in one octet.
    pub(crate) fn vector8(&mut self) -> Option<&'a [u8]> {
        let count = self.u8()?;
        self.take(usize::from(count))
    }

    /// A vector whose length stands before it in two octets.
    pub(crate) fn vector16(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// A big-endian number of up to eight octets.
    pub(crate) fn number(&mut self, octets: usize) -> Option<u64> {
        Some(self.take(octets)?.iter().fold(0, |number, octet| number << 8 | u64::from(*octet)))
    }

    /// A length of that many octets, as a size.
    pub(crate) fn size(&mut self, octets: usize) -> Option<usize> {
        self.number(octets).and_then(|number| usize::try_from(number).ok())
    }

    /// A number whose first two bits tell its length (RFC 9000 section 16).
    pub(crate) fn varint(&mut self) -> Option<usize> {
        let first = *self.0.first()?;
        let octets = 1 << (first >> 6);
        let number = self.number(octets)?;
        usize::try_from(number & (u64::MAX >> (66 - 8 * octets))).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Cursor;

    #[test]
    fn rfc9000_appendix_a_numbers() {
        let cases: [(&[u8], usize); 5] = [
            (&[0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            (&[0x9d, 0x7f, 0x3e, 0x7d], 494_878_333),
            (&[0x7b, 0xbd], 15_293),
            (&[0x25], 37),
            (&[0x40, 0x25], 37),
        ];
        for (octets, number) in cases {
            assert_eq!(Cursor(octets).varint(), Some(number));
            assert_eq!(Cursor(&octets[..octets.len() - 1]).varint(), None);
        }
    }
}
