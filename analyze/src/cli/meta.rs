//! The shell's own commands, as psql names them.

use std::path::PathBuf;

/// A command that begins with a backslash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Meta {
    /// `\?`
    Help,
    /// `\q`
    Quit,
    /// `\d`
    Tables,
    /// `\d NAME`
    Describe(String),
    /// `\df`
    Functions,
    /// `\x`
    Expanded,
    /// `\timing`
    Timing,
    /// `\o FILE`, or `\o` for the terminal again
    Output(Option<PathBuf>),
    /// `\i FILE`
    Include(PathBuf),
}

/// What `\?` prints.
pub(crate) const HELP: &str = "\
Ask in SQL; a statement ends with ; and may have many lines. Ctrl-C stops a running query.
  \\d          tables and views
  \\d NAME     columns of one, with type, unit and meaning
  \\df         functions beside the engine's own (SHOW FUNCTIONS lists all)
  \\x          one block a row instead of one line, on or off
  \\timing     time of each query, on or off
  \\o FILE     answers into a file; \\o alone: here again
  \\i FILE     run the statements of a file
  \\q          leave (or Ctrl-D)
Begin with:
  SELECT service_vendor, server_country, sum(bytes_up) AS up FROM attributed GROUP BY ALL ORDER BY up DESC;
";

impl Meta {
    /// Reads a line that begins with a backslash.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim().trim_end_matches(';').trim_end();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let plain = |meta| {
            if rest.is_empty() { Ok(meta) } else { Err(format!("{word} takes no argument")) }
        };
        match word {
            "\\?" | "\\h" | "\\help" => plain(Self::Help),
            "\\q" | "\\quit" => plain(Self::Quit),
            "\\d" | "\\dt" | "\\dv" | "\\d+" if rest.is_empty() => Ok(Self::Tables),
            "\\d" | "\\d+" => Ok(Self::Describe(rest.to_owned())),
            "\\df" => plain(Self::Functions),
            "\\x" => plain(Self::Expanded),
            "\\timing" => plain(Self::Timing),
            "\\o" if rest.is_empty() => Ok(Self::Output(None)),
            "\\o" => Ok(Self::Output(Some(PathBuf::from(rest)))),
            "\\i" if rest.is_empty() => Err("\\i needs the name of a file".to_owned()),
            "\\i" => Ok(Self::Include(PathBuf::from(rest))),
            _ => Err(format!("{word} is no command; \\? lists them")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_psqls() {
        let cases = [
            ("\\?", Ok(Meta::Help)),
            ("\\d;", Ok(Meta::Tables)),
            ("\\d  flows ", Ok(Meta::Describe("flows".into()))),
            ("\\o", Ok(Meta::Output(None))),
            ("\\o a b.csv", Ok(Meta::Output(Some("a b.csv".into())))),
            ("\\i q.sql", Ok(Meta::Include("q.sql".into()))),
            ("\\i", Err("\\i needs the name of a file".to_owned())),
            ("\\x on", Err("\\x takes no argument".to_owned())),
            ("\\zzz", Err("\\zzz is no command; \\? lists them".to_owned())),
        ];
        for (line, expected) in cases {
            assert_eq!(Meta::parse(line), expected, "{line}");
        }
    }
}
