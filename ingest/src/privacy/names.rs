//! Inside addresses in names: as they are, in labels with dashes, backwards for a reverse lookup; and names that people give to their own devices.
//!
//! An address that a name hides otherwise, in hexadecimal or by a cipher, is not found.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use schemas::Text;

use crate::privacy::addresses::Veil;

/// Domains without a global owner (RFC 6762 section 3, RFC 8375), and those in common use for the same: below them stand names of devices.
const LOCAL: [&str; 4] = ["local", "home.arpa", "internal", "lan"];
/// How many labels, from behind, number an inside address or network, and what stands for them.
pub(crate) type Numbers = fn(&Veil, &[&str]) -> Option<(usize, Vec<String>)>;
/// Where addresses are looked up.
pub(crate) const REVERSE: [(&str, Numbers); 2] =
    [(".in-addr.arpa", Veil::octets), (".ip6.arpa", Veil::nibbles)];
/// Octets of an IPv4 address.
const OCTETS: usize = 4;
/// Digits of an IPv6 address in a name.
const NIBBLES: usize = 32;

impl Veil {
    /// A name, as far as it tells nobody who is inside.
    pub(crate) fn name(&self, name: Text) -> Text {
        if let Ok(address) = name.parse() {
            return self.hidden(address).map_or(name, |hidden| hidden.to_string().into());
        }
        if let Some(domain) = local(&name) {
            return domain.into();
        }
        for (suffix, numbers) in REVERSE {
            // A search domain may follow.
            if let Some(at) = name.find(suffix)
                && let Some((labels, rest)) = name.split_at_checked(at)
                && rest.as_bytes().get(suffix.len()).is_none_or(|next| *next == b'.')
            {
                let reverse = self.reverse(labels, numbers);
                return reverse.map_or_else(|| name.clone(), |labels| (labels + rest).into());
            }
        }
        let name = self.with_v6(&name).map_or(name, Into::into);
        self.with_v4(&name).map_or(name, Into::into)
    }

    /// A reverse lookup (RFC 1035 section 3.5, RFC 3596 section 2.5), also of a network.
    fn reverse(&self, labels: &str, numbers: Numbers) -> Option<String> {
        let labels: Vec<&str> = labels.rsplit('.').collect();
        let (taken, hidden) = numbers(self, &labels)?;
        // What comes before may number hosts of that network (RFC 2317).
        let before = labels.iter().skip(taken).filter(|label| !has_digit(label));
        let mut words: Vec<&str> =
            hidden.iter().map(String::as_str).chain(before.copied()).collect();
        words.reverse();
        Some(words.join("."))
    }

    fn octets(&self, labels: &[&str]) -> Option<(usize, Vec<String>)> {
        let octets: Vec<u8> =
            labels.iter().take(OCTETS).map_while(|label| label.parse().ok()).collect();
        let [first, last] = [0, u8::MAX].map(|rest| {
            let mut whole = [rest; OCTETS];
            whole.iter_mut().zip(&octets).for_each(|(to, from)| *to = *from);
            IpAddr::from(whole)
        });
        // A network inside may be a part of the one that is asked for.
        let hidden = self.hidden(first).or_else(|| self.hidden(last));
        let IpAddr::V4(hidden) = hidden? else { return None };
        let hidden = hidden.octets().iter().take(octets.len()).map(u8::to_string).collect();
        Some((octets.len(), hidden))
    }

    fn nibbles(&self, labels: &[&str]) -> Option<(usize, Vec<String>)> {
        let digit = |label: &&str| match label.len() {
            1 => u128::from_str_radix(label, 16).ok(),
            _ => None,
        };
        let digits: Vec<u128> = labels.iter().take(NIBBLES).map_while(digit).collect();
        let [first, last] = [0, 15].map(|rest| {
            let digit = |at| digits.get(at).copied().unwrap_or(rest);
            let whole = (0..NIBBLES).fold(0, |whole, at| whole << 4 | digit(at));
            IpAddr::from(Ipv6Addr::from_bits(whole))
        });
        let hidden = self.hidden(first).or_else(|| self.hidden(last));
        let IpAddr::V6(hidden) = hidden? else { return None };
        let text = format!("{:032x}", hidden.to_bits());
        Some((digits.len(), text.chars().take(digits.len()).map(String::from).collect()))
    }

    /// What stands for an inside address; none for another.
    fn hidden(&self, address: IpAddr) -> Option<IpAddr> {
        self.is_inside(address).then(|| self.address(address))
    }

    /// With IPv6 addresses: among other text, or as a label in which dashes stand for colons, or as 32 digits.
    fn with_v6(&self, name: &str) -> Option<String> {
        let mut changed = String::new();
        let mut is_changed = false;
        let is_part = |c: char| c.is_ascii_hexdigit() || matches!(c, ':' | '-');
        for run in name.split_inclusive(|c: char| !is_part(c)) {
            let word = run.trim_end_matches(|c: char| !is_part(c));
            // An address may follow other words: the first place from which one can be read.
            let starts = word.match_indices([':', '-']).map(|(at, _)| at + 1);
            let found = std::iter::once(0).chain(starts).find_map(|start| {
                let (before, word) = word.split_at_checked(start)?;
                // Another word may follow, too.
                let bare = word.trim_end_matches([':', '-']);
                let hidden = self.v6_word(word).or_else(|| {
                    Some(self.v6_word(bare)? + word.get(bare.len()..).unwrap_or_default())
                });
                Some(before.to_owned() + &hidden?)
            });
            is_changed |= found.is_some();
            changed.push_str(found.as_deref().unwrap_or(word));
            changed.push_str(run.get(word.len()..).unwrap_or_default());
        }
        is_changed.then_some(changed)
    }

    fn v6_word(&self, word: &str) -> Option<String> {
        if word.len() == NIBBLES && word.chars().all(|c| c.is_ascii_hexdigit()) {
            let bits = u128::from_str_radix(word, 16).ok()?;
            let IpAddr::V6(hidden) = self.hidden(Ipv6Addr::from_bits(bits).into())? else {
                return None;
            };
            return Some(format!("{:032x}", hidden.to_bits()));
        }
        // No IPv6 address is longer, or has more signs.
        if word.len() > 39 || word.matches([':', '-']).count() > 8 {
            return None;
        }
        let has_dashes = !word.contains(':');
        let address: Ipv6Addr = word.replace('-', ":").parse().ok()?;
        let hidden = self.hidden(address.into())?.to_string();
        Some(if has_dashes { hidden.replace(':', "-") } else { hidden })
    }

    /// With IPv4 addresses: four numbers with the same sign between them, forwards or backwards.
    fn with_v4(&self, name: &str) -> Option<String> {
        let numbers = numbers(name);
        let mut changed = String::new();
        let (mut done, mut next) = (0, 0);
        while let Some(four) = numbers.get(next..next + OCTETS) {
            next += 1;
            let Some((hidden, sign)) = self.v4_words(name, four) else { continue };
            next += OCTETS - 1;
            let (Some(first), Some(last)) = (four.first(), four.last()) else { continue };
            changed.push_str(name.get(done..first.start).unwrap_or_default());
            for (at, octet) in hidden.iter().enumerate() {
                let sign = if at == 0 { "" } else { sign };
                // Writing into a string cannot fail.
                let _ = write!(changed, "{sign}{octet}");
            }
            done = last.end;
        }
        (done > 0).then(|| changed + name.get(done..).unwrap_or_default())
    }

    /// What stands for four numbers that are an inside address, and the sign between them.
    fn v4_words<'n>(
        &self,
        name: &'n str,
        four: &[Range<usize>],
    ) -> Option<([u8; OCTETS], &'n str)> {
        let between = |pair: &[Range<usize>]| match pair {
            [left, right] => name.get(left.end..right.start),
            _ => None,
        };
        let mut signs = four.windows(2).map(between);
        let sign = signs.next()??;
        if !matches!(sign, "." | "-" | "_") || !signs.all(|other| other == Some(sign)) {
            return None;
        }
        let octets: Option<Vec<u8>> =
            four.iter().map(|at| name.get(at.clone())?.parse().ok()).collect();
        let mut octets: [u8; OCTETS] = octets?.try_into().ok()?;
        let hidden = |octets: [u8; OCTETS]| match self.hidden(Ipv4Addr::from(octets).into())? {
            IpAddr::V4(v4) => Some(v4.octets()),
            IpAddr::V6(_) => None,
        };
        if let Some(hidden) = hidden(octets) {
            return Some((hidden, sign));
        }
        octets.reverse();
        let mut hidden = hidden(octets)?;
        hidden.reverse();
        Some((hidden, sign))
    }

    /// What software says of itself: its numbers are those of a model and a version, and perhaps of one device.
    pub(crate) fn agent(agent: &str) -> Text {
        agent.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect::<String>().into()
    }
}

/// What may be kept of a name below a local domain: the service that is looked for (RFC 6763 section 4.1), or the domain.
fn local(name: &str) -> Option<&str> {
    let domain = LOCAL.iter().find(|domain| {
        name.strip_suffix(**domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })?;
    // Only the labels of a service that stand directly before the domain: what stands before them may be a host's name.
    let before = name.get(..name.len() - domain.len())?.trim_end_matches('.');
    let is_service = |label: &&str| label.starts_with('_');
    let service: usize =
        before.rsplit('.').take_while(is_service).map(|label| label.len() + 1).sum();
    name.get(name.len() - domain.len() - service..)
}

/// Where a text has numbers of octets.
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.bytes().enumerate().filter(|(_, octet)| octet.is_ascii_digit()) {
        match found.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|octet| octet.is_ascii_digit())
}
