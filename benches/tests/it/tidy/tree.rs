//! The repository's text files, and its Rust files with their parts: code, literals, tests.

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use crate::tidy::lexer::{Literal, closing, mask, words};

/// Folders that hold nothing of ours.
const SKIPPED: [&str; 4] = [".git", "target", "outflow-demo", "__pycache__"];

/// A text file.
#[derive(Debug)]
pub(crate) struct Text {
    /// Path below the repository.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text without comments and literals.
    pub(crate) code: String,
    /// Of that, without what is only built for tests.
    pub(crate) shipped: String,
    pub(crate) literals: Vec<Literal>,
    tests: Vec<Range<usize>>,
    /// The whole file is only built for tests.
    pub(crate) is_test: bool,
}

impl Source {
    fn new(path: String, text: String) -> Self {
        let (code, literals) = mask(&text);
        let tests = test_items(&code);
        let mut shipped = code.clone().into_bytes();
        for byte in tests.iter().flat_map(Clone::clone) {
            if shipped[byte] != b'\n' {
                shipped[byte] = b' ';
            }
        }
        let shipped = String::from_utf8(shipped).unwrap();
        let is_test = path.contains("/tests/");
        Self { path, text, code, shipped, literals, tests, is_test }
    }

    pub(crate) fn crate_name(&self) -> &str {
        self.path.split('/').next().unwrap()
    }

    /// Whether the file is part of a crate's library or program.
    pub(crate) fn ships(&self) -> bool {
        !self.is_test && self.path.contains("/src/")
    }

    pub(crate) fn is_in_test(&self, at: usize) -> bool {
        self.is_test || self.tests.iter().any(|range| range.contains(&at))
    }

    /// Lines without those of tests.
    pub(crate) fn shipped_lines(&self) -> usize {
        let test: usize =
            self.tests.iter().map(|range| self.text[range.clone()].lines().count()).sum();
        self.text.lines().count() - test
    }
}

/// Items behind `#[cfg(test)]` or `#[test]`.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let marks = ["#[cfg(test)]", "#[test]", "#[tokio::test]", "#[cfg(any(test"];
    for (start, _) in marks.iter().flat_map(|mark| code.match_indices(mark)) {
        let mut at = start;
        // Past all attributes, to the item's body or its semicolon.
        while code[at..].trim_start().starts_with('#') {
            at = closing(code, at + code[at..].find('[').unwrap());
        }
        let tail = code[at..].find(['{', ';']).map_or(code.len(), |tail| at + tail);
        let is_body = code.as_bytes().get(tail) == Some(&b'{');
        found.push(start..if is_body { closing(code, tail) } else { tail + 1 });
    }
    found.sort_by_key(|range| range.start);
    found.dedup_by(|inner, outer| outer.end >= inner.end);
    found
}

/// Modules a file declares; whether for tests only.
pub(crate) fn declared(source: &Source) -> Vec<(String, bool)> {
    let modules = words(&source.code, "mod").filter_map(|at| {
        let rest = &source.code[at + 3..];
        let end = rest.find(['{', ';'])?;
        rest[end..].starts_with(';').then(|| (rest[..end].trim().to_owned(), source.is_in_test(at)))
    });
    modules.collect()
}

/// The folder in which a file's modules lie.
pub(crate) fn folder_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap();
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => folder.to_owned(),
        name => format!("{folder}/{}", name.trim_end_matches(".rs")),
    }
}

fn gather(folder: &Path, below: &str, texts: &mut Vec<Text>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().into_string().unwrap();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if entry.file_type().unwrap().is_dir() {
            if !SKIPPED.contains(&name.as_str()) {
                gather(&entry.path(), &path, texts);
            }
        } else if let Ok(text) = String::from_utf8(fs::read(entry.path()).unwrap()) {
            texts.push(Text { path, text });
        }
    }
}

/// All text files of the repository.
pub(crate) fn texts() -> &'static [Text] {
    static TEXTS: OnceLock<Vec<Text>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let mut texts = Vec::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        gather(root, "", &mut texts);
        texts
    })
}

/// All Rust files of the repository.
pub(crate) fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(|| {
        let rust = texts()
            .iter()
            .filter(|file| Path::new(&file.path).extension().is_some_and(|kind| kind == "rs"));
        let mut sources: Vec<Source> =
            rust.map(|file| Source::new(file.path.clone(), file.text.clone())).collect();
        let for_tests: Vec<String> = sources
            .iter()
            .flat_map(|source| {
                let folder = folder_of(&source.path);
                let tests = declared(source).into_iter().filter(|(_, for_tests)| *for_tests);
                tests.map(move |(name, _)| format!("{folder}/{name}.rs"))
            })
            .collect();
        for source in &mut sources {
            source.is_test |= for_tests.contains(&source.path);
        }
        sources
    })
}

/// Rust files of libraries and programs, the measuring crate aside.
pub(crate) fn product() -> impl Iterator<Item = &'static Source> {
    sources().iter().filter(|source| source.ships() && source.crate_name() != "benches")
}

#[test]
fn tests_are_told_from_what_ships() {
    let text =
        "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\n#[cfg(test)]\nmod c;\nfn d() {}\n";
    let source = Source::new("x/src/y.rs".to_owned(), text.to_owned());
    assert_eq!(source.shipped.split_whitespace().collect::<String>(), "fna(){}fnd(){}");
    assert_eq!(source.shipped_lines(), 2);
    assert_eq!(declared(&source), [("c".to_owned(), true)]);
}
