//! Bytes of a name as text: lower case, bounded, and without a byte that could do harm where it is shown.

use schemas::Text;
use smallvec::SmallVec;

/// Octets of a name that are kept: the limit of a DNS name (RFC 1035 section 2.3.4).
const NAME_MAX: usize = 255;
/// Octets of other text that are kept.
const TEXT_MAX: usize = 512;

/// Free text: printable ASCII as it is, any other octet as `\ddd` (RFC 1035 section 5.1), a backslash doubled.
pub fn printable(bytes: &[u8]) -> Text {
    escaped(bytes.get(..TEXT_MAX).unwrap_or(bytes))
}

/// A host name: escaped likewise, lower case, without the last dot.
pub(crate) fn host_name(bytes: &[u8]) -> Option<Text> {
    let bytes = bytes.strip_suffix(b".").unwrap_or(bytes);
    if bytes.is_empty() {
        return None;
    }
    let mut name = [0; NAME_MAX];
    let length = bytes.len().min(NAME_MAX);
    let name = name.get_mut(..length)?;
    name.copy_from_slice(bytes.get(..length)?);
    name.make_ascii_lowercase();
    Some(escaped(name))
}

/// Octets in escaped form; most are what they are.
fn escaped(bytes: &[u8]) -> Text {
    if are_plain(bytes) {
        return spelled(bytes);
    }
    let mut text = Spelling::new();
    escape(&mut text, bytes);
    spelled(&text)
}

/// The beginning of an escaped text, up to a NUL: most programs take that for all of it. None where there is no NUL, or nothing before it.
pub(crate) fn before_nul(text: &str) -> Option<&str> {
    let mut at = 0;
    loop {
        at += text.get(at..)?.find('\\')?;
        match text.get(at..)? {
            nul if nul.starts_with("\\000") => {
                break text.get(..at).filter(|head| !head.is_empty());
            }
            doubled if doubled.starts_with("\\\\") => at += 2,
            _ => at += 4,
        }
    }
}

/// A name in labels with their lengths (RFC 1035 section 3.1), as far as they go; written like [`host_name`].
pub(crate) fn labels(mut bytes: &[u8]) -> Option<Text> {
    let mut text = Spelling::new();
    while let Some((&length @ 1..=63, rest)) = bytes.split_first() {
        let (label, behind) = rest.split_at_checked(usize::from(length))?;
        if text.len() + label.len() > NAME_MAX {
            return None;
        }
        if !text.is_empty() {
            text.push(b'.');
        }
        escape(&mut text, label);
        bytes = behind;
    }
    text.make_ascii_lowercase();
    (!text.is_empty()).then(|| spelled(&text))
}

/// A text that is being written, of printable ASCII; as much as most names need lies where it is made.
pub(crate) type Spelling = SmallVec<[u8; 64]>;

/// Whether an octet is written as it is: printable, and no backslash.
const fn is_plain(octet: u8) -> bool {
    matches!(octet, b' '..=b'[' | b']'..=b'~')
}

/// Whether all are: each is looked at, for that is quicker than to stop in the middle.
fn are_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |are, octet| are & is_plain(*octet))
}

/// Appends octets in escaped form.
pub(crate) fn escape(text: &mut Spelling, mut bytes: &[u8]) {
    if are_plain(bytes) {
        return text.extend_from_slice(bytes);
    }
    loop {
        let plain = bytes.iter().position(|octet| !is_plain(*octet)).unwrap_or(bytes.len());
        let (plain, rest) = bytes.split_at(plain);
        text.extend_from_slice(plain);
        let Some((&octet, rest)) = rest.split_first() else { return };
        if octet == b'\\' {
            text.extend_from_slice(b"\\\\");
        } else {
            let digits = [octet / 100, octet / 10 % 10, octet % 10].map(|digit| b'0' + digit);
            text.push(b'\\');
            text.extend_from_slice(&digits);
        }
        bytes = rest;
    }
}

/// What was written.
pub(crate) fn spelled(text: &[u8]) -> Text {
    str::from_utf8(text).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_ends_what_most_programs_read() {
        for (octets, beginning) in [
            (b"a.test\0.b.test".as_slice(), Some("a.test")),
            (b"a\\000", None),
            (b"a\\\0\0", Some("a\\\\")),
            (b"\xff\0", Some("\\255")),
            (b"\0a", None),
            (b"a.test", None),
        ] {
            assert_eq!(before_nul(&printable(octets)), beginning, "{octets:?}");
        }
    }

    #[test]
    fn hostile_bytes_are_escaped() {
        assert_eq!(&*printable(b"a\tb\\c\xff\0"), "a\\009b\\\\c\\255\\000");
        assert_eq!(host_name(b"API.Line.ME."), Some("api.line.me".into()));
        assert_eq!(host_name(b"."), None);
        assert_eq!(host_name(&[b'a'; 600]).unwrap().len(), 255);
    }
}
