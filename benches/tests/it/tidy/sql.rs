//! SQL that ships is in files of its own, where it is highlighted, reviewed and tested as SQL.

use crate::tidy::judge;
use crate::tidy::lexer::line_of;
use crate::tidy::tree::product;

/// With what a statement begins.
const VERBS: [&str; 6] = ["SELECT", "WITH", "CREATE", "EXPLAIN", "COPY", "INSERT"];
/// Longer ones need lines, whether they are given them or not.
const LENGTH_MAX: usize = 100;

/// Whether a literal is a statement of more than a line. Help with an example in it begins with something else.
fn is_long_statement(literal: &str) -> bool {
    let text = literal.trim_start_matches(['r', '#', '"', '\\', ' ', '\n']);
    let is_statement = VERBS.iter().any(|verb| text.starts_with(&format!("{verb} ")));
    is_statement && (text.contains('\n') || text.len() > LENGTH_MAX)
}

#[test]
fn shipped_sql_is_in_sql_files() {
    let mut broken = Vec::new();
    for source in product() {
        for literal in &source.literals {
            let text = &source.text[literal.clone()];
            if is_long_statement(text) && !source.is_in_test(literal.start) {
                let line = line_of(&source.text, literal.start);
                broken.push((source.path.clone(), format!("{line}: a long statement")));
            }
        }
    }
    judge("statements of more than a line are in .sql files", &broken, &[]);
}

#[test]
fn a_statement_is_known_by_how_it_begins() {
    assert!(is_long_statement("\"SELECT a\n  FROM b\""));
    assert!(is_long_statement("r#\"\n WITH x AS (SELECT 1)\n SELECT * FROM x\"#"));
    assert!(is_long_statement(&format!("\"SELECT {} FROM b\"", "a, ".repeat(50))));
    assert!(!is_long_statement("\"SELECT a FROM b\""));
    assert!(!is_long_statement("\"\\\nExamples:\n  -c 'SELECT a\n FROM b'\""));
}
