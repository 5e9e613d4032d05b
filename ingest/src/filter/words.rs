//! An expression as words, and the known word that is spelled most like another.

use crate::filter::error::FilterError;

/// All words that have a meaning.
const KNOWN: [&str; 26] = [
    "host",
    "net",
    "port",
    "portrange",
    "src",
    "dst",
    "ip",
    "ip6",
    "tcp",
    "udp",
    "sctp",
    "icmp",
    "icmp6",
    "arp",
    "ether",
    "proto",
    "vlan",
    "mpls",
    "less",
    "greater",
    "not",
    "and",
    "or",
    "!",
    "&&",
    "||",
];

/// Words that tcpdump knows, and what says the same here.
const ELSEWHERE: [(&str, &str); 12] = [
    ("igmp", "ip proto 2"),
    ("gre", "proto 47"),
    ("esp", "proto 50"),
    ("ah", "proto 51"),
    ("ospf", "proto 89"),
    ("pim", "proto 103"),
    ("vrrp", "proto 112"),
    ("rarp", "arp, which means ARP and RARP"),
    ("len", "less or greater with a number"),
    ("mask", "a prefix, as 10.0.0.0/8"),
    ("broadcast", "ether dst ff:ff:ff:ff:ff:ff"),
    ("gateway", "ether host with its address"),
];

/// Octets of a word that an error repeats.
const SHOWN_MAX: usize = 48;

/// A word and the number of its first character, counted from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a str,
    pub(crate) position: usize,
}

impl Word<'_> {
    /// The word does not fit; `expected` would.
    pub(crate) fn unfit(&self, expected: &str) -> FilterError {
        let instead = ELSEWHERE.iter().find(|(word, _)| *word == self.text);
        let expected = match instead {
            Some((_, instead)) => format!("{expected}; write {instead}"),
            None if self.text.contains('[') => {
                format!("{expected}; octets of headers cannot be asked for")
            }
            None => expected.to_owned(),
        };
        let word = self.text.chars().take(SHOWN_MAX).collect();
        FilterError::Word { word, position: self.position, expected, nearest: self.nearest() }
    }

    /// The known word that is one or two slips away.
    fn nearest(&self) -> Option<&'static str> {
        if self.text.len() < 3 || self.text.len() > 16 || is_known(self.text) {
            return None;
        }
        let lower = self.text.to_ascii_lowercase();
        let slips_max = if lower.len() > 3 { 2 } else { 1 };
        KNOWN
            .iter()
            .filter(|known| known.len() > 1)
            .map(|known| (slips(&lower, known), *known))
            .filter(|(slips, _)| *slips <= slips_max)
            .min_by_key(|(slips, _)| *slips)
            .map(|(_, known)| known)
    }
}

/// Whether the word has a meaning of its own.
pub(crate) fn is_known(word: &str) -> bool {
    KNOWN.contains(&word) || matches!(word, "(" | ")")
}

/// Cuts an expression into words. Parentheses and `!` stand for themselves, also without blanks around them.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let (mut from, mut from_position) = (0, 1);
    let mut end_word = |from: usize, to: usize, position: usize| {
        if let Some(text) = text.get(from..to).filter(|text| !text.is_empty()) {
            words.push(Word { text, position });
        }
    };
    let mut chars = text.char_indices().enumerate().peekable();
    while let Some((number, (at, c))) = chars.next() {
        let next = chars.peek().map(|(_, (_, next))| *next);
        let width = match c {
            '(' | ')' | '!' => 1,
            '&' | '|' if next == Some(c) => 2,
            _ if c.is_whitespace() => c.len_utf8(),
            _ => continue,
        };
        end_word(from, at, from_position);
        if !c.is_whitespace() {
            end_word(at, at + width, number + 1);
        }
        if width == 2 && !c.is_whitespace() {
            chars.next();
            from_position = number + 3;
        } else {
            from_position = number + 2;
        }
        from = at + width;
    }
    end_word(from, text.len(), from_position);
    words
}

/// Letters that have to be changed, added, left out, or swapped with the next, to make one word of the other.
fn slips(one: &str, other: &str) -> usize {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut before_last = vec![0; other.len() + 1];
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut best = (cell(&last, j) + usize::from(a != b))
                .min(cell(&last, j + 1) + 1)
                .min(cell(&row, j) + 1);
            let is_swapped =
                i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a);
            if is_swapped {
                best = best.min(cell(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_fall_into_words() {
        let found: Vec<_> = words("not(host  é&&!port 80)||tcp a&b")
            .into_iter()
            .map(|word| (word.position, word.text))
            .collect();
        let expected = [
            (1, "not"),
            (4, "("),
            (5, "host"),
            (11, "é"),
            (12, "&&"),
            (14, "!"),
            (15, "port"),
            (20, "80"),
            (22, ")"),
            (23, "||"),
            (25, "tcp"),
            (29, "a&b"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn slips_of_the_fingers_are_counted() {
        for (one, other, count) in
            [("hsot", "host", 1), ("prot", "port", 1), ("prt", "port", 1), ("vlann", "vlan", 1)]
        {
            assert_eq!(slips(one, other), count, "{one} {other}");
        }
        assert_eq!(slips("port", "port"), 0);
    }
}
