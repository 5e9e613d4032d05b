//! How files begin, what an exception from a lint owes, and what no text of ours says.

use crate::tidy::lexer::{closing, line_of};
use crate::tidy::tree::{sources, texts};
use crate::tidy::{Exemption, judge};

/// Places of one machine, and hosts of package registries. In halves, so that this file does not say them.
const UNSAID: [[&str; 2]; 14] = [
    ["/ro", "ot/"],
    ["/wo", "rk/"],
    ["/ho", "me/"],
    ["/mn", "t/"],
    ["/Us", "ers/"],
    ["C:", "\\"],
    ["crates", ".io"],
    ["pypi", ".org"],
    ["pythonhosted", ".org"],
    ["npmjs", ".org"],
    ["npmjs", ".com"],
    ["proxy.golang", ".org"],
    ["deb.debian", ".org"],
    ["docker", ".io"],
];

const SAYING: &[Exemption] = &[
    ("Cargo.lock", "written by cargo, which names the registry"),
    ("ingest/fuzz/Cargo.lock", "written by cargo, which names the registry"),
    ("analyze/catalog/vendors/microsoft.toml", "lists a vendor's domains, a registry among them"),
];

#[test]
fn every_file_opens_with_what_it_is() {
    let mute = sources().iter().filter(|source| !source.text.starts_with("//! "));
    let broken: Vec<_> =
        mute.map(|source| (source.path.clone(), "does not begin with //!".to_owned())).collect();
    judge("every Rust file says what it is and why", &broken, &[]);
}

#[test]
fn every_exception_has_a_reason() {
    let mut broken = Vec::new();
    for source in sources() {
        for lint in ["allow(", "expect("] {
            for (at, _) in source.code.match_indices(lint) {
                let before = source.code[..at].trim_end();
                let is_attribute = ["#[", "#![", ","].iter().any(|sign| before.ends_with(sign));
                let open = at + lint.len() - 1;
                let body = &source.code[open..closing(&source.code, open)];
                let is_lint = body.contains("clippy::") || before.ends_with('[');
                if is_attribute && is_lint && !body.contains("reason") {
                    broken.push((source.path.clone(), format!("{}", line_of(&source.text, at))));
                }
            }
        }
    }
    judge("whoever sets a lint aside says why", &broken, &[]);
}

#[test]
fn no_text_names_a_machine_or_a_registry() {
    let mut broken = Vec::new();
    for file in texts() {
        for (number, line) in file.text.lines().enumerate() {
            let said = UNSAID.iter().map(|halves| halves.concat());
            for word in said.filter(|word| line.contains(word)) {
                broken.push((file.path.clone(), format!("{}: {word}", number + 1)));
            }
        }
    }
    judge("no text names a place of one machine or the host of a registry", &broken, SAYING);
}
