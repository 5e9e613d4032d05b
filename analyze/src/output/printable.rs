//! Text from the wire made harmless for a terminal, and its width there.
//!
//! A server name may hold escape sequences that clear the screen, or marks that turn the reading direction; both are shown, not obeyed.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters that a terminal obeys or hides instead of showing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The text with everything unsafe written as an escape.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing into a String cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Columns a terminal gives to a printable text.
pub fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

/// 0 for marks that combine, 2 for East Asian wide characters and pictures, else 1 (Unicode Standard Annex 11, in coarse blocks).
fn char_width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x1ab0..=0x1aff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f => {
            0
        }
        0x1100..=0x115f
        | 0x2e80..=0x303e
        | 0x3041..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1f64f
        | 0x1f900..=0x1f9ff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        let cases = [
            ("mi.com", "mi.com"),
            ("小米", "小米"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\nb\tc\r\0", "a\\nb\\tc\\r\\u{0}"),
            ("\u{202e}moc.elppa", "\\u{202e}moc.elppa"),
            ("zero\u{200b}width", "zero\\u{200b}width"),
            ("\u{9b}2J", "\\u{9b}2J"),
        ];
        for (text, expected) in cases {
            assert_eq!(printable(text), expected);
        }
    }

    #[test]
    fn width_knows_wide_and_combining() {
        assert_eq!([width("mi"), width("小米"), width("e\u{301}"), width("")], [2, 4, 1, 0]);
    }
}
