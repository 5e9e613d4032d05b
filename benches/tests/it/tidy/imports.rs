//! No circle of files: what a file uses does not use the file.
//!
//! A path leads to the file that defines what it ends in: names that a folder's `mod.rs` or `lib.rs` passes on with `pub use` are followed to where they
//! are made, for passing on is an address, not a use. What such a file does by itself counts as its own.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::lexer::words;
use crate::tidy::tree::{Source, declared, folder_of, product};

type Files = BTreeMap<&'static str, &'static Source>;
/// Names a file passes on or brings in: name here, path it stands for.
type Names = Vec<(String, String)>;

/// A `use` of a file.
struct Use {
    public: bool,
    names: Names,
}

/// Paths of a use tree: `a::{b, c as d}` is `b` for `a::b` and `d` for `a::c`.
fn flatten(prefix: &str, tree: &str, names: &mut Names) {
    let tree = tree.trim();
    if let Some(open) = tree.find('{') {
        let prefix = format!("{prefix}{}", &tree[..open]);
        let inside = tree[open + 1..].trim_end().trim_end_matches('}');
        let (mut depth, mut from) = (0, 0);
        for (at, byte) in inside.bytes().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                b',' if depth == 0 => {
                    flatten(&prefix, &inside[from..at], names);
                    from = at + 1;
                }
                _ => {}
            }
        }
        flatten(&prefix, &inside[from..], names);
    } else if !tree.is_empty() {
        let (path, name) = tree.split_once(" as ").unwrap_or((tree, ""));
        let path = format!("{prefix}{}", path.trim()).trim_end_matches("::self").to_owned();
        let last = path.rsplit("::").next().unwrap().to_owned();
        names.push((if name.is_empty() { last } else { name.trim().to_owned() }, path));
    }
}

/// The `use` items of a file, and its code without them.
fn uses(source: &Source) -> (Vec<Use>, String) {
    let (mut found, mut rest) = (Vec::new(), source.shipped.clone());
    for at in words(&source.shipped, "use") {
        let Some(end) = source.shipped[at..].find(';').map(|end| at + end) else { continue };
        let line = source.shipped[..at].rfind(['\n', ';', '}']).map_or(0, |line| line + 1);
        let before = source.shipped[line..at].trim();
        let tree: String =
            source.shipped[at + 3..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let mut names = Names::new();
        flatten("", &tree, &mut names);
        found.push(Use { public: before.starts_with("pub"), names });
        rest.replace_range(at..end, &" ".repeat(end - at));
    }
    (found, rest)
}

/// The file of a module.
fn module_file(files: &Files, folder: &str, name: &str) -> Option<&'static str> {
    let places = [format!("{folder}/{name}.rs"), format!("{folder}/{name}/mod.rs")];
    places.iter().find_map(|place| files.get_key_value(place.as_str()).map(|(path, _)| *path))
}

/// Follows a path, from the file its first segment is looked up in, to the file that makes what it ends in.
fn resolve(files: &Files, from: &'static str, path: &[&str]) -> &'static str {
    let Some((first, rest)) = path.split_first() else { return from };
    if let Some(child) = module_file(files, &folder_of(from), first) {
        return resolve(files, child, rest);
    }
    for passed in uses(files[from]).0.into_iter().filter(|passed| passed.public) {
        for (name, target) in passed.names {
            if name == *first {
                let segments: Vec<&str> = target.split("::").chain(rest.iter().copied()).collect();
                return follow(files, from, &segments).unwrap_or(from);
            }
        }
    }
    from
}

/// The file a path leads to, seen from a file; none for other crates.
fn follow(files: &Files, from: &'static str, path: &[&str]) -> Option<&'static str> {
    let (first, rest) = path.split_first()?;
    if *first == "crate" {
        let root = format!("{}/src/lib.rs", from.split('/').next()?);
        let (root, _) = files.get_key_value(root.as_str())?;
        return Some(resolve(files, root, rest));
    }
    let rest = if *first == "self" { rest } else { path };
    let child = rest.first().and_then(|name| module_file(files, &folder_of(from), name))?;
    Some(resolve(files, child, &rest[1..]))
}

/// Paths that stand in code, beginning with a word.
fn paths_in_code(code: &str, first: &str) -> Vec<String> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    words(code, first)
        .filter(|&at| code[at + first.len()..].starts_with("::") && !code[..at].ends_with("::"))
        .map(|at| {
            let path: String = code[at..].chars().take_while(|c| is_path(*c)).collect();
            path.trim_end_matches(':').to_owned()
        })
        .collect()
}

fn edges(files: &Files, source: &'static Source) -> BTreeSet<&'static str> {
    let (uses, rest) = uses(source);
    let mut paths: Vec<String> = paths_in_code(&rest, "crate");
    for (name, _) in declared(source) {
        paths.extend(paths_in_code(&rest, &name));
    }
    for brought in uses {
        for (name, path) in brought.names {
            // Passing a name on is no use of it, unless the file says it again.
            if !brought.public || words(&rest, &name).next().is_some() {
                paths.push(path);
            }
        }
    }
    let from = source.path.as_str();
    let ends =
        paths.iter().filter_map(|path| follow(files, from, &path.split("::").collect::<Vec<_>>()));
    ends.filter(|to| *to != from).collect()
}

/// Files that can be reached from a file.
fn reached(
    graph: &BTreeMap<&'static str, BTreeSet<&'static str>>,
    from: &'static str,
) -> BTreeSet<&'static str> {
    let (mut seen, mut waiting) = (BTreeSet::new(), vec![from]);
    while let Some(file) = waiting.pop() {
        waiting.extend(graph[file].iter().filter(|next| seen.insert(**next)));
    }
    seen
}

#[test]
fn no_file_uses_itself_in_the_end() {
    let files: Files = product().map(|source| (source.path.as_str(), source)).collect();
    let graph: BTreeMap<_, _> =
        files.iter().map(|(path, source)| (*path, edges(&files, source))).collect();
    assert!(graph.values().map(BTreeSet::len).sum::<usize>() > files.len(), "{graph:?}");
    let reach: BTreeMap<_, _> = files.keys().map(|file| (*file, reached(&graph, file))).collect();
    let mut knots: BTreeSet<Vec<String>> = BTreeSet::new();
    for (file, ends) in &reach {
        let knot: BTreeSet<_> =
            ends.iter().copied().filter(|end| reach[end].contains(file)).collect();
        if !knot.is_empty() {
            let line = |file: &&'static str| {
                let within: Vec<_> = graph[*file].intersection(&knot).copied().collect();
                format!("  {file} uses {}", within.join(", "))
            };
            knots.insert(knot.iter().map(line).collect());
        }
    }
    let lines: Vec<String> = knots.into_iter().map(|knot| knot.join("\n")).collect();
    assert!(lines.is_empty(), "{} circles of files:\n{}", lines.len(), lines.join("\n\n"));
}

#[test]
fn use_trees_are_flattened() {
    let mut names = Names::new();
    flatten("", "crate::a::{self, b::{C, D as E}, f}", &mut names);
    let found: Vec<String> = names.iter().map(|(name, path)| format!("{name}={path}")).collect();
    assert_eq!(found, ["a=crate::a", "C=crate::a::b::C", "E=crate::a::b::D", "f=crate::a::f"]);
}
