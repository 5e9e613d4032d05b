//! Comma-separated lines, each with its number: enough of RFC 4180 for feeds and range lists.
//! A quoted field may hold commas and doubled quotes, but no line break: a torn quote stays one line's error.

use std::borrow::Cow;

use crate::catalog::error::CatalogError;

/// A line longer than this is no row of a table.
const LINE_BYTES_MAX: usize = 4096;

/// One row with its line number.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) line: usize,
    pub(crate) fields: Vec<Cow<'a, str>>,
}

impl Row<'_> {
    /// The field at `position`, or nothing.
    pub(crate) fn field(&self, position: usize) -> &str {
        self.fields.get(position).map_or("", |field| field.as_ref())
    }
}

/// The rows of `text`; blank lines and lines that begin with `#` are passed over.
pub(crate) fn rows<'a>(
    file: &'a str,
    text: &'a str,
) -> impl Iterator<Item = Result<Row<'a>, CatalogError>> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
        .map(move |(number, line)| {
            if line.len() > LINE_BYTES_MAX {
                let why =
                    format!("the line has {} bytes; at most {LINE_BYTES_MAX} are read", line.len());
                return Err(CatalogError::line(file, number, why));
            }
            match split(line) {
                Ok(fields) => Ok(Row { line: number, fields }),
                Err(why) => Err(CatalogError::line(file, number, why)),
            }
        })
}

fn split(line: &str) -> Result<Vec<Cow<'_, str>>, &'static str> {
    let mut fields = Vec::with_capacity(5);
    let mut rest = line;
    loop {
        let after = if let Some(quoted) = rest.strip_prefix('"') {
            let (field, after) = unquote(quoted)?;
            fields.push(field);
            after
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let (field, after) = rest.split_at(end);
            fields.push(Cow::Borrowed(field.trim()));
            after
        };
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(fields),
            None => return Err("text follows a closing quote; double the quotes inside a field"),
        }
    }
}

fn unquote(quoted: &str) -> Result<(Cow<'_, str>, &str), &'static str> {
    let mut at = 0;
    while let Some(found) = quoted.get(at..).and_then(|rest| rest.find('"')) {
        let quote = at + found;
        let after = quoted.get(quote + 1..).unwrap_or("");
        if after.starts_with('"') {
            at = quote + 2;
            continue;
        }
        let field = quoted.get(..quote).unwrap_or("");
        let field = if at == 0 { Cow::Borrowed(field) } else { field.replace("\"\"", "\"").into() };
        return Ok((field, after));
    }
    Err("a quote is opened and not closed on its line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_commas_and_errors() {
        assert_eq!(split("a,\"b, \"\"c\"\"\",").unwrap(), ["a", "b, \"c\"", ""]);
        assert!(split("a,\"b").is_err());
        assert!(split("a,\"b\"c").is_err());
        let text = "# head\n\n1,2\nx,\"y\n";
        let found: Vec<_> = rows("f.csv", text).collect();
        assert_eq!(found[0].as_ref().unwrap().line, 3);
        let message = found[1].as_ref().unwrap_err().to_string();
        assert_eq!(message, "f.csv, line 4: a quote is opened and not closed on its line");
    }
}
