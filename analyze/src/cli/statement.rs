//! Where SQL statements end: at a semicolon outside quotes and comments.

/// What of a text is inside what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Code,
    Quote(char),
    LineComment,
    BlockComment(u32),
}

/// The statements of `text` without their semicolons, and whether the last one still wants its own.
pub(crate) fn split(text: &str) -> (Vec<&str>, bool) {
    let mut statements = Vec::new();
    let mut inside = Inside::Code;
    let (mut begin, mut has_code) = (0, false);
    let mut rest = text.char_indices().peekable();
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, next)| *next);
        let (now, took_two) = step(inside, c, next);
        has_code |= inside == Inside::Code && now == Inside::Code && !c.is_whitespace() && c != ';'
            || matches!(now, Inside::Quote(_));
        inside = now;
        if took_two {
            rest.next();
        }
        if inside == Inside::Code && c == ';' {
            if has_code {
                statements.push(text.get(begin..at).unwrap_or_default().trim());
            }
            (begin, has_code) = (at + 1, false);
        }
    }
    let open = has_code || matches!(inside, Inside::Quote(_) | Inside::BlockComment(_));
    if has_code {
        statements.push(text.get(begin..).unwrap_or_default().trim());
    }
    (statements, open)
}

/// Where one is after `c`, and whether the character after it belongs to it.
fn step(inside: Inside, c: char, next: Option<char>) -> (Inside, bool) {
    match (inside, c, next) {
        (Inside::Code, '\'' | '"', _) => (Inside::Quote(c), false),
        (Inside::Code, '-', Some('-')) => (Inside::LineComment, true),
        (Inside::Code, '/', Some('*')) => (Inside::BlockComment(1), true),
        (Inside::Quote(mark), _, _) if c == mark => (Inside::Code, false),
        (Inside::LineComment, '\n', _) => (Inside::Code, false),
        (Inside::BlockComment(depth), '/', Some('*')) => (Inside::BlockComment(depth + 1), true),
        (Inside::BlockComment(1), '*', Some('/')) => (Inside::Code, true),
        (Inside::BlockComment(depth), '*', Some('/')) => (Inside::BlockComment(depth - 1), true),
        _ => (inside, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_end_at_their_semicolon() {
        let cases: [(&str, &[&str], bool); 9] = [
            ("select 1", &["select 1"], true),
            ("select 1;", &["select 1"], false),
            ("select 1; select 2 ;\n", &["select 1", "select 2"], false),
            ("select ';' ; x", &["select ';'", "x"], true),
            ("select 'it''s;' as \"a;b\";", &["select 'it''s;' as \"a;b\""], false),
            ("select 1 -- no; not here\n, 2;", &["select 1 -- no; not here\n, 2"], false),
            ("select /* ; /* ; */ ; */ 1;", &["select /* ; /* ; */ ; */ 1"], false),
            (" ;; -- nothing", &[], false),
            ("select 'open;", &["select 'open;"], true),
        ];
        for (text, expected, open) in cases {
            assert_eq!(split(text), (expected.to_vec(), open), "{text:?}");
        }
    }
}
