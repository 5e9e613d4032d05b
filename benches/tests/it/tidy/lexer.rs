//! Just enough of Rust's lexical rules to tell code from comments, strings and characters.
//!
//! Masked text has the length and the lines of the original, so positions hold in both.

use std::ops::Range;

/// A string literal: where it stands, quotes included.
pub(crate) type Literal = Range<usize>;

/// Source text with comments and the inside of literals blanked, and where the string literals are.
pub(crate) fn mask(text: &str) -> (String, Vec<Literal>) {
    let bytes = text.as_bytes();
    let mut masked = bytes.to_vec();
    let mut literals = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at..] {
            [b'/', b'/', ..] => until(bytes, at, b"\n"),
            [b'/', b'*', ..] => block_comment(bytes, at),
            [b'"', ..] => string(bytes, at),
            [b'r', b'"' | b'#', ..] if starts_raw(bytes, at) => raw_string(bytes, at),
            [b'\'', ..] => character(bytes, at),
            _ => {
                at += 1;
                continue;
            }
        };
        if matches!(bytes[at], b'"' | b'r') {
            literals.push(at..end);
        }
        for byte in &mut masked[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    (String::from_utf8(masked).unwrap(), literals)
}

/// Position after the next `what`, or the end.
fn until(bytes: &[u8], from: usize, what: &[u8]) -> usize {
    bytes[from..]
        .windows(what.len())
        .position(|window| window == what)
        .map_or(bytes.len(), |found| from + found + what.len())
}

fn block_comment(bytes: &[u8], from: usize) -> usize {
    let (mut depth, mut at) = (0, from);
    while at < bytes.len() {
        match bytes[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(bytes: &[u8], from: usize) -> usize {
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Whether an `r` begins a raw string and is no part of a name.
fn starts_raw(bytes: &[u8], at: usize) -> bool {
    let before = at.checked_sub(1).map(|before| bytes[before]);
    let is_name = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    // br"…" is one, too.
    let is_name = is_name && before != Some(b'b');
    let hashes = bytes[at + 1..].iter().take_while(|byte| **byte == b'#').count();
    !is_name && bytes.get(at + 1 + hashes) == Some(&b'"')
}

fn raw_string(bytes: &[u8], from: usize) -> usize {
    let hashes = bytes[from + 1..].iter().take_while(|byte| **byte == b'#').count();
    let mut close = vec![b'"'];
    close.extend(vec![b'#'; hashes]);
    until(bytes, from + hashes + 2, &close)
}

/// The end of a character; a lifetime is skipped over.
fn character(bytes: &[u8], from: usize) -> usize {
    match bytes[from + 1..] {
        [b'\\', ..] => until(bytes, from + 3, b"'"),
        [_, b'\'', ..] => from + 3,
        // More than one byte in UTF-8.
        [first, ..] if !first.is_ascii() => until(bytes, from + 1, b"'"),
        _ => from + 1,
    }
}

/// Position after the bracket that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Number of the line at a position, from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Positions at which a word stands by itself.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).and_then(|before| code.as_bytes().get(before));
        !is_name(before) && !is_name(code.as_bytes().get(at + word.len()))
    })
}

#[test]
fn code_is_told_from_what_is_not() {
    let text = r##"let a = "x // \" y"; // z
let b = r#"q " r"#; let c = 'd'; /* e /* f */ g */ let h: &'static str = b"i"; '\''; '\u{e9}'; 'é'; r"j"; k"##;
    let (code, literals) = mask(text);
    assert_eq!(code.len(), text.len());
    let left: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(left.join(" "), "let a = ; let b = ; let c = ; let h: & static str = b ; ; ; ; ; k");
    let found: Vec<&str> = literals.into_iter().map(|at| &text[at]).collect();
    assert_eq!(found, [r#""x // \" y""#, r##"r#"q " r"#"##, r#""i""#, r#"r"j""#]);
}
