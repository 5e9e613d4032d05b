//! Reading numbers out of bytes that may end too early.

/// The octet at a position.
#[inline]
pub(crate) fn u8_at(bytes: &[u8], at: usize) -> Option<u8> {
    bytes.get(at).copied()
}

/// Big-endian 16 bits.
#[inline]
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Big-endian 32 bits.
#[inline]
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// `N` octets.
#[inline]
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// `N` octets of a header, in one load where the position is known; none of them lies behind its end.
#[inline]
pub(crate) fn part<const N: usize, const OF: usize>(header: &[u8; OF], at: usize) -> [u8; N] {
    debug_assert!(at + N <= OF, "{at} and {N} octets of {OF}");
    array(header, at).unwrap_or([0; N])
}
