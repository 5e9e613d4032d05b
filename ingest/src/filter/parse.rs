//! From words to steps: `and` and `or` bind equally and from the left, `not` binds tighter (as pcap-filter(7) has it).

use crate::filter::error::{CHARACTERS_MAX, FilterError, NESTING_MAX};
use crate::filter::primitive::{Ends, Primitive};
use crate::filter::steps::{Draft, Piece, Step};
use crate::filter::subject::{Kind, Scope, Subject, digits, number};
use crate::filter::words::{Word, is_known, words};

const PRIMITIVE: &str = "a primitive, as host, net, port, tcp or vlan";

/// Reads a whole expression.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, FilterError> {
    if text.chars().count() > CHARACTERS_MAX {
        return Err(FilterError::Limit { what: "characters", max: CHARACTERS_MAX });
    }
    let words = words(text);
    let mut parser =
        Parser { words: &words, next: 0, draft: Draft::default(), last: None, depth: 0 };
    let whole = parser.expression()?;
    match parser.peek() {
        Some(word) => Err(word.unfit("and, or, or the end")),
        None => Ok(parser.draft.finish(&whole)),
    }
}

struct Parser<'a> {
    words: &'a [Word<'a>],
    next: usize,
    draft: Draft,
    /// What the last name or number was said of.
    last: Option<Subject>,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<Word<'a>> {
        self.words.get(self.next).copied()
    }

    fn text(&self, ahead: usize) -> &'a str {
        self.words.get(self.next + ahead).map_or("", |word| word.text)
    }

    fn take(&mut self, expected: &str) -> Result<Word<'a>, FilterError> {
        let word = self.peek().ok_or_else(|| FilterError::End(expected.to_owned()))?;
        self.next += 1;
        Ok(word)
    }

    /// Takes the word if it is one of these.
    fn take_if<T>(&mut self, known: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = known(self.text(0))?;
        self.next += 1;
        Some(found)
    }

    fn expression(&mut self) -> Result<Piece, FilterError> {
        let mut left = self.term()?;
        while let Some(is_and) = self.take_if(conjunction) {
            let right = self.term()?;
            left =
                if is_and { self.draft.both(left, right) } else { self.draft.either(left, right) };
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Piece, FilterError> {
        let is_not = match self.text(0) {
            "not" | "!" => true,
            "(" => false,
            _ => return self.primitive(),
        };
        self.next += 1;
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(FilterError::Limit { what: "levels of nesting", max: NESTING_MAX });
        }
        let piece = if is_not {
            self.term()?.negated()
        } else {
            let inside = self.expression()?;
            let closing = self.take("and, or, or )")?;
            if closing.text != ")" {
                return Err(closing.unfit("and, or, or )"));
            }
            inside
        };
        self.depth -= 1;
        Ok(piece)
    }

    fn primitive(&mut self) -> Result<Piece, FilterError> {
        let word = self.peek().ok_or_else(|| FilterError::End(PRIMITIVE.to_owned()))?;
        let alone = match word.text {
            "arp" => Some(Primitive::Arp),
            "icmp" => Some(Primitive::Protocol { version: Some(4), number: 1 }),
            "icmp6" => Some(Primitive::Protocol { version: Some(6), number: 58 }),
            "less" | "greater" => {
                self.next += 1;
                return self.length(word.text == "less");
            }
            "vlan" => return self.tag(Kind::Vlan, Primitive::Vlan(None)),
            "mpls" => return self.tag(Kind::Label, Primitive::Label(None)),
            _ => None,
        };
        match alone {
            Some(primitive) => {
                self.next += 1;
                self.draft.ask(primitive)
            }
            None => self.qualified(),
        }
    }

    fn length(&mut self, is_most: bool) -> Result<Piece, FilterError> {
        let expected = "a number of octets";
        let octets = number(&self.take(expected)?, u32::MAX, expected)?;
        self.draft.ask(if is_most { Primitive::AtMost(octets) } else { Primitive::AtLeast(octets) })
    }

    /// `vlan` or `mpls`, with or without a number.
    fn tag(&mut self, kind: Kind, any: Primitive) -> Result<Piece, FilterError> {
        self.next += 1;
        let subject = Subject::of(kind);
        if self.text(0) == "(" || digits(self.text(0), u32::MAX).is_some() {
            self.last = Some(subject);
            return self.named(subject);
        }
        self.draft.ask(any)
    }

    /// Words such as `tcp src port` and what comes after them.
    fn qualified(&mut self) -> Result<Piece, FilterError> {
        let first = self.next;
        let scope = self.take_if(scope);
        let ends = self.ends();
        let kind = self.take_if(kind);
        if self.next == first {
            let subject = self.last.unwrap_or(Subject::PLAIN);
            return self.named(subject);
        }
        if let (Some(scope), None, None) = (scope, ends, kind) {
            return match scope {
                Scope::Ip(version) => self.draft.ask(Primitive::Version(version)),
                Scope::Transport(number) => {
                    self.draft.ask(Primitive::Protocol { version: None, number })
                }
                Scope::Ether => Err(self.unfit("host, src or dst after ether")),
            };
        }
        let subject =
            Subject { scope, ends: ends.unwrap_or(Ends::Either), kind: kind.unwrap_or(Kind::Any) };
        if let Some(last) = self.words.get(self.next - 1) {
            subject.check(ends.is_some(), last)?;
        }
        self.last = Some(subject);
        self.named(subject)
    }

    /// The name or number itself, or several in parentheses.
    fn named(&mut self, subject: Subject) -> Result<Piece, FilterError> {
        if self.text(0) == "(" {
            return self.term();
        }
        let expected = match subject.kind {
            Kind::Any => PRIMITIVE,
            Kind::Host => "an address",
            Kind::Net => "a network with its prefix, as 10.0.0.0/8",
            _ => "a number",
        };
        let word = self.take(expected)?;
        if is_known(word.text) {
            return Err(word.unfit(expected));
        }
        self.draft.ask(subject.question(&word)?)
    }

    /// `src`, `dst`, `src or dst`, `src and dst`.
    fn ends(&mut self) -> Option<Ends> {
        let (ends, words) = match [self.text(0), self.text(1), self.text(2)] {
            ["src", "or" | "||", "dst"] | ["dst", "or" | "||", "src"] => (Ends::Either, 3),
            ["src", "and" | "&&", "dst"] | ["dst", "and" | "&&", "src"] => (Ends::Both, 3),
            ["src", ..] => (Ends::Source, 1),
            ["dst", ..] => (Ends::Target, 1),
            _ => return None,
        };
        self.next += words;
        Some(ends)
    }

    /// The next word does not fit, or is missing.
    fn unfit(&self, expected: &str) -> FilterError {
        self.peek()
            .map_or_else(|| FilterError::End(expected.to_owned()), |word| word.unfit(expected))
    }
}

fn conjunction(word: &str) -> Option<bool> {
    match word {
        "and" | "&&" => Some(true),
        "or" | "||" => Some(false),
        _ => None,
    }
}

fn scope(word: &str) -> Option<Scope> {
    Some(match word {
        "ip" => Scope::Ip(4),
        "ip6" => Scope::Ip(6),
        "tcp" => Scope::Transport(6),
        "udp" => Scope::Transport(17),
        "sctp" => Scope::Transport(132),
        "ether" => Scope::Ether,
        _ => return None,
    })
}

fn kind(word: &str) -> Option<Kind> {
    Some(match word {
        "host" => Kind::Host,
        "net" => Kind::Net,
        "port" => Kind::Port,
        "portrange" => Kind::PortRange,
        "proto" => Kind::Protocol,
        _ => return None,
    })
}
