//! Names to vendors by the longest suffix on label boundaries, and never by a part of a label.
//! `notxiaomi.com` and `xiaomi.com.evil.tld` are nobody's.

use hashbrown::HashMap;

use crate::catalog::rules::DomainRule;

/// No name of the DNS is longer in its text form; what is longer names nobody.
const NAME_BYTES_MAX: usize = 255;

/// Whose name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainMatch<'a> {
    /// The vendor's key.
    pub vendor: &'a str,
    /// The product's key, where products are told apart.
    pub product: Option<&'a str>,
    /// The suffix that decided.
    pub suffix: &'a str,
    /// The rule, for `rule_id`: `domain:` and the suffix.
    pub rule_id: String,
    /// The name lies in a domain that carries others' services (a cloud's or CDN's): a hint, no more.
    pub weak: bool,
}

/// Domain rules by suffix.
#[derive(Debug, Default)]
pub(crate) struct DomainIndex {
    rows: HashMap<Box<str>, u32>,
    labels_max: usize,
}

impl DomainIndex {
    pub(crate) fn new(rules: &[DomainRule]) -> Self {
        let mut index = Self::default();
        for (row, rule) in (0_u32..).zip(rules) {
            index.labels_max = index.labels_max.max(rule.suffix.split('.').count());
            index.rows.insert(rule.suffix.as_str().into(), row);
        }
        index
    }

    /// The row of the longest rule that holds `name`.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut buffer = [0_u8; NAME_BYTES_MAX];
        let lower = buffer.get_mut(..name.len())?;
        lower.copy_from_slice(name.as_bytes());
        lower.make_ascii_lowercase();
        let lower = std::str::from_utf8(lower).ok()?;
        // Only as many labels from the right as the longest rule has.
        let dots = lower.bytes().filter(|byte| *byte == b'.').count();
        let mut rest = lower;
        for _ in self.labels_max..=dots {
            rest = rest.split_once('.')?.1;
        }
        loop {
            if let Some(row) = self.rows.get(rest) {
                return Some(*row);
            }
            rest = rest.split_once('.')?.1;
        }
    }
}

/// Whether `text` can stand as a rule's suffix; the text says why not.
pub(crate) fn check_domain(text: &str) -> Result<(), String> {
    let label_good = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(format!("domain \"{text}\" has capitals; write it in lower case"));
    }
    if !text.contains('.') {
        return Err(format!("domain \"{text}\" is a single label; a top-level domain is nobody's"));
    }
    if text.len() > 253 || !text.split('.').all(label_good) {
        return Err(format!(
            "domain \"{text}\" is not labels of a-z, 0-9, - and _ with dots between"
        ));
    }
    if text.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Err(format!("domain \"{text}\" looks like an address; state prefixes instead"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(suffixes: &[&str]) -> DomainIndex {
        let rule = |suffix: &&str| DomainRule {
            suffix: (*suffix).to_owned(),
            vendor: "v".to_owned(),
            product: None,
            weak: false,
        };
        DomainIndex::new(&suffixes.iter().map(rule).collect::<Vec<_>>())
    }

    #[test]
    fn longest_suffix_on_label_boundaries() {
        let index = index(&["naver.jp", "line.naver.jp", "x.com"]);
        for (name, row) in [
            ("naver.jp", Some(0)),
            ("GD2.Line.Naver.JP.", Some(1)),
            ("a.b.c.d.e.f.line.naver.jp", Some(1)),
            ("xline.naver.jp", Some(0)),
            ("netflix.com", None),
            ("x.com.evil.tld", None),
            ("x.com", Some(2)),
            ("jp", None),
            ("", None),
            (".", None),
            ("..", None),
            ("\u{0}\u{ff}.x.com", Some(2)),
        ] {
            assert_eq!(index.find(name), row, "{name}");
        }
        assert_eq!(index.find(&format!("{}.x.com", "a".repeat(250))), None);
        assert_eq!(DomainIndex::default().find("x.com"), None);
    }

    #[test]
    fn suffixes_are_checked() {
        assert!(check_domain("_dns.xn--p1ai.example-1.com").is_ok());
        for wrong in
            ["samsung", "A.com", "a..com", ".a.com", "a.com.", "a b.com", "1.2.3.4", "é.com"]
        {
            assert!(check_domain(wrong).is_err(), "{wrong}");
        }
    }
}
