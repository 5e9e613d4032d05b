//! The house rules, read from the source text: what clippy cannot know, it must not be left to memory.
//!
//! Each rule lists all that breaks it. An exemption names a file and its reason; one that is no longer needed fails, too.

mod edges;
mod functions;
mod imports;
mod layers;
mod lexer;
mod manners;
mod sizes;
mod sql;
mod tree;

/// A file that may break a rule, and why.
pub(crate) type Exemption = (&'static str, &'static str);

/// Fails with all lines that are not exempt, and with exemptions nothing needs.
pub(crate) fn judge(rule: &str, broken: &[(String, String)], exempt: &[Exemption]) {
    let is_exempt = |path: &str| exempt.iter().any(|(file, _)| *file == path);
    let mut lines: Vec<String> = broken
        .iter()
        .filter(|(path, _)| !is_exempt(path))
        .map(|(path, what)| format!("{path}: {what}"))
        .collect();
    for (file, reason) in exempt {
        assert!(!reason.is_empty(), "{file}: an exemption needs a reason");
        if !broken.iter().any(|(path, _)| path == file) {
            lines.push(format!("{file}: exempt and no longer in need of it"));
        }
    }
    assert!(lines.is_empty(), "{rule}; {} do not:\n{}", lines.len(), lines.join("\n"));
}
