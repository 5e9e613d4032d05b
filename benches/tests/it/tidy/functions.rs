//! Functions are short and take few things.

use crate::tidy::lexer::{closing, line_of, words};
use crate::tidy::tree::{Source, sources};
use crate::tidy::{Exemption, judge};

const LINES_MAX: usize = 70;
/// Besides the receiver.
const PARAMETERS_MAX: usize = 4;

const LONG: &[Exemption] = &[
    ("ingest/src/record.rs", "a row is one line for each column, in the order of the contract"),
    ("ingest/src/ledger.rs", "a row is one line for each column, in the order of the contract"),
    (
        "analyze/tests/query/capture.rs",
        "a row is one line for each column, in the order of the contract",
    ),
];

struct Function {
    line: usize,
    name: String,
    parameters: usize,
    /// Between its braces.
    lines: usize,
}

/// Parts of a list, parted by commas outside all brackets.
fn parts(list: &str) -> Vec<&str> {
    let (mut depth, mut from, mut parts) = (0, 0, Vec::new());
    let bytes = list.as_bytes();
    for (at, byte) in list.bytes().enumerate() {
        match byte {
            b'(' | b'[' | b'{' | b'<' => depth += 1,
            // The arrow of a function type closes nothing.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b')' | b']' | b'}' | b'>' => depth -= 1,
            b',' if depth == 0 => {
                parts.push(&list[from..at]);
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[from..]);
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn is_receiver(parameter: &str) -> bool {
    let parameter = parameter.trim();
    words(parameter.split(':').next().unwrap_or(parameter), "self").next().is_some()
}

fn functions(source: &Source) -> Vec<Function> {
    let code = &source.code;
    let mut found = Vec::new();
    for at in words(code, "fn") {
        let head = &code[at + 2..];
        let name: String =
            head.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let Some(generics) = head.find(['(', '<']) else { continue };
        // A type `fn(…)` has no name; a macro's has another kind of one.
        if name.is_empty() {
            continue;
        }
        let mut open = at + 2 + generics;
        if code.as_bytes()[open] == b'<' {
            open = after_generics(code, open);
        }
        let close = closing(code, open);
        let list = &code[open + 1..close - 1];
        let parameters = parts(list).into_iter().filter(|part| !is_receiver(part)).count();
        let body = code[close..].find(['{', ';']).map(|body| close + body);
        let lines = match body {
            Some(body) if code.as_bytes()[body] == b'{' => {
                code[body..closing(code, body)].lines().count().saturating_sub(2)
            }
            _ => 0,
        };
        found.push(Function { line: line_of(code, at), name, parameters, lines });
    }
    found
}

/// Position of the parenthesis after generic parameters.
fn after_generics(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'<' => depth += 1,
            b'>' if code.as_bytes()[at - 1] != b'-' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return code[at..].find('(').map_or(code.len(), |found| at + found);
        }
    }
    code.len()
}

#[test]
fn functions_are_short() {
    let mut broken = Vec::new();
    for source in sources() {
        for function in functions(source) {
            if function.lines > LINES_MAX {
                let Function { line, name, lines, .. } = function;
                broken.push((source.path.clone(), format!("{line}: {name} has {lines} lines")));
            }
        }
    }
    judge("functions have 70 lines at most", &broken, LONG);
}

#[test]
fn functions_take_few_things() {
    let mut broken = Vec::new();
    for source in sources() {
        for function in functions(source) {
            if function.parameters > PARAMETERS_MAX {
                let Function { line, name, parameters, .. } = function;
                broken.push((source.path.clone(), format!("{line}: {name} takes {parameters}")));
            }
        }
    }
    judge("functions take four things at most besides self", &broken, &[]);
}

#[test]
fn parameters_are_counted() {
    let text = "impl A { fn a<F: Fn(u8) -> u8>(&mut self, b: HashMap<u8, u8>, (c, d): (u8, u8), f: F) -> u8 {\n1\n} }\nfn g();";
    let count = |list: &str| parts(list).len();
    assert_eq!(count("a: u8, b: impl Fn(u8, u8) -> u8, c: [u8; 2],"), 3);
    let source = sources().first().unwrap();
    assert!(functions(source).iter().all(|function| !function.name.is_empty()));
    let open = after_generics(text, text.find('<').unwrap());
    assert!(text[open..].starts_with("(&mut self"));
    let close = closing(text, open);
    let own = parts(&text[open + 1..close - 1]);
    assert_eq!(own.iter().filter(|part| !is_receiver(part)).count(), 3);
}
