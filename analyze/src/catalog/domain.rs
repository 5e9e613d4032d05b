//! Names to vendors by the longest suffix on label boundaries, and never by a part of a label.
//! `notxiaomi.com` and `xiaomi.com.evil.tld` are nobody's.

use hashbrown::HashMap;

use crate::catalog::date::Date;
use crate::catalog::rules::DomainRule;

/// No name of the DNS is longer in its text form; what is longer names nobody.
const NAME_BYTES_MAX: usize = 253;

/// Whose name it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainMatch<'a> {
    /// The vendor's key.
    pub vendor: &'a str,
    /// The product's key, where products are told apart.
    pub product: Option<&'a str>,
    /// The suffix that decided.
    pub suffix: &'a str,
    /// The rule, for `rule_id`: `domain:` and the suffix, and its time where it has one.
    pub rule_id: String,
    /// The name lies in a domain that carries others' services (a cloud's or CDN's): a hint, no more.
    pub weak: bool,
    /// A provider's name for connections whose own name is encrypted: with ECH it names nobody.
    pub client_facing: bool,
}

impl<'a> DomainMatch<'a> {
    pub(crate) fn of(rule: &'a DomainRule) -> Self {
        Self {
            vendor: &rule.vendor,
            product: rule.product.as_deref(),
            suffix: &rule.suffix,
            rule_id: rule.id(),
            weak: rule.weak,
            client_facing: rule.client_facing,
        }
    }
}

/// Domain rules by suffix: where in the list the rules for one begin.
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
            index.rows.entry(rule.suffix.as_str().into()).or_insert(row);
        }
        index
    }

    /// The longest of `rules` that holds `name` on that day.
    pub(crate) fn find<'a>(
        &self,
        rules: &'a [DomainRule],
        (name, at): (&str, Date),
    ) -> Option<&'a DomainRule> {
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
            let of_suffix = self.rows.get(rest).and_then(|row| rules.get(*row as usize..));
            let mut then = of_suffix.unwrap_or_default().iter().take_while(|r| r.suffix == rest);
            if let Some(rule) = then.find(|rule| rule.validity.holds(at)) {
                return Some(rule);
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
    use crate::catalog::date::Validity;

    fn rule(suffix: &str, vendor: &str) -> DomainRule {
        DomainRule {
            suffix: suffix.to_owned(),
            vendor: vendor.to_owned(),
            product: None,
            weak: false,
            client_facing: false,
            validity: Validity::default(),
        }
    }

    #[test]
    fn longest_suffix_on_label_boundaries() {
        let rules = ["naver.jp", "line.naver.jp", "x.com"].map(|suffix| rule(suffix, "v"));
        let index = DomainIndex::new(&rules);
        let find = |name| index.find(&rules, (name, Date::LATEST));
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
            assert_eq!(find(name), row.map(|row: usize| &rules[row]), "{name}");
        }
        assert_eq!(find(&format!("{}.x.com", "a".repeat(250))), None);
        assert_eq!(DomainIndex::default().find(&rules, ("x.com", Date::LATEST)), None);
    }

    #[test]
    fn a_suffix_has_an_owner_at_a_time_and_a_shorter_one_when_it_has_none() {
        let day = |text: &str| Date::parse(text).unwrap();
        let change = |from, to| Validity { valid_from: from, valid_to: to };
        let (first, second) = (day("2014-01-01"), day("2020-01-01"));
        let rules = [
            DomainRule { validity: change(None, Some(first)), ..rule("b.a.com", "early") },
            DomainRule { validity: change(Some(second), None), ..rule("b.a.com", "late") },
            rule("a.com", "always"),
        ];
        let index = DomainIndex::new(&rules);
        let owner = |at| index.find(&rules, ("x.b.a.com", at)).map(|rule| rule.vendor.as_str());
        assert_eq!(owner(day("2013-12-31")), Some("early"));
        assert_eq!(owner(first), Some("always"));
        assert_eq!(owner(second), Some("late"));
        assert_eq!(rules[0].id(), "domain:b.a.com@..2014-01-01");
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
