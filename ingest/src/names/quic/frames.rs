//! The frames of an Initial: which pieces of the client's hello it carries.

use crate::names::cursor::Cursor;
use crate::names::quic::dialect::FrameSet;

/// A piece of the hello: where it belongs, and its octets.
pub(crate) type Piece<'a> = (usize, &'a [u8]);

/// The stream that Google's handshake goes over.
const GOOGLE_CRYPTO_STREAM: u64 = 1;

/// Of a frame that carries none of it.
const NOTHING: Piece<'static> = (0, &[]);

/// Pieces of the hello, up to a frame that has no place in an Initial.
pub(crate) fn pieces(octets: &[u8], set: FrameSet) -> impl Iterator<Item = Piece<'_>> {
    let mut reader = Cursor(octets);
    let frames = std::iter::from_fn(move || {
        skip_padding(&mut reader);
        let kind = reader.u8()?;
        match set {
            FrameSet::Ietf => ietf(kind, &mut reader),
            FrameSet::Google { number_octets } => google(kind, number_octets, &mut reader),
        }
    });
    frames.filter(|(_, piece)| !piece.is_empty())
}

/// Skips zeros: hundreds of them, in most packets.
fn skip_padding(reader: &mut Cursor<'_>) {
    while let Some((octets, rest)) = reader.0.split_first_chunk()
        && *octets == [0; 32]
    {
        reader.0 = rest;
    }
    while let Some((0, rest)) = reader.0.split_first() {
        reader.0 = rest;
    }
}

/// What RFC 9000 section 12.4 allows in an Initial.
fn ietf<'a>(kind: u8, reader: &mut Cursor<'a>) -> Option<Piece<'a>> {
    match kind {
        1 => Some(NOTHING),
        2 | 3 => {
            reader.varint()?;
            reader.varint()?;
            let ranges = reader.varint()?;
            reader.varint()?;
            // A count beyond what is there ends with the octets.
            for _ in 0..ranges {
                reader.varint()?;
                reader.varint()?;
            }
            for _ in 0..if kind == 3 { 3 } else { 0 } {
                reader.varint()?;
            }
            Some(NOTHING)
        }
        6 => crypto(reader),
        _ => None,
    }
}

fn crypto<'a>(reader: &mut Cursor<'a>) -> Option<Piece<'a>> {
    let (offset, count) = (reader.varint()?, reader.varint()?);
    Some((offset, reader.take(count)?))
}

fn google<'a>(kind: u8, number_octets: usize, reader: &mut Cursor<'a>) -> Option<Piece<'a>> {
    match kind {
        0x80.. => stream(kind, reader),
        0x40..=0x7f => acknowledgement(kind, reader).map(|()| NOTHING),
        // STOP_WAITING.
        6 => reader.take(number_octets).map(|_| NOTHING),
        // PING.
        7 => Some(NOTHING),
        8 => crypto(reader),
        _ => None,
    }
}

/// `1fdooossB`: whether it has a length, the octets of its offset and of its number.
fn stream<'a>(kind: u8, reader: &mut Cursor<'a>) -> Option<Piece<'a>> {
    let stream = reader.number(usize::from(kind & 3) + 1)?;
    let offset = match usize::from(kind >> 2 & 7) {
        0 => 0,
        octets => reader.size(octets + 1)?,
    };
    let count = if kind & 0x20 == 0 { reader.0.len() } else { reader.size(2)? };
    let data = reader.take(count)?;
    Some(if stream == GOOGLE_CRYPTO_STREAM { (offset, data) } else { NOTHING })
}

/// `01nullmmB`: whether there are several blocks, the octets of the largest number and of a block's length.
fn acknowledgement(kind: u8, reader: &mut Cursor<'_>) -> Option<()> {
    let octets = |bits: u8| match bits & 3 {
        0 => 1,
        1 => 2,
        2 => 4,
        _ => 6,
    };
    let (largest, block) = (octets(kind >> 2), octets(kind));
    // The largest number, and the delay.
    reader.take(largest + 2)?;
    let further = if kind & 0x20 == 0 { 0 } else { reader.size(1)? };
    reader.take(block + further * (1 + block))?;
    let stamps = reader.size(1)?;
    // The first time stamp has five octets, the others have three.
    reader.take(if stamps == 0 { 0 } else { 2 + 3 * stamps }).map(|_| ())
}
