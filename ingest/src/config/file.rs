//! Settings in a file: TOML, the long names of the options as keys.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeTable, DeValue};

use crate::config::option::{Given, Kind, Options, Origin, kind_of};

/// A longer file is not taken for one of settings, octets.
const FILE_MAX: u64 = 1 << 20;

/// Reads a file; all that is wrong with it goes to `problems`.
pub(crate) fn read(path: &Path, options: &Options, problems: &mut Vec<String>) -> Vec<Given> {
    let (name, mut text) = (path.display(), String::new());
    let taken = File::open(path).and_then(|file| file.take(FILE_MAX + 1).read_to_string(&mut text));
    match taken {
        Err(error) => {
            problems.push(format!("could not read --config {name}: {error}"));
            Vec::new()
        }
        Ok(octets) if octets as u64 > FILE_MAX => {
            problems.push(format!("--config {name} is longer than 1 MiB: no file of settings"));
            Vec::new()
        }
        Ok(_) => parse(&name.to_string(), &text, options, problems),
    }
}

/// Reads the text of a file.
pub(crate) fn parse(
    file: &str,
    text: &str,
    options: &Options,
    problems: &mut Vec<String>,
) -> Vec<Given> {
    let line =
        |span: Range<usize>| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1;
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found: Vec<(usize, String)> = Vec::new();
    for error in errors {
        let at = line(error.span().unwrap_or_default());
        found.push((at, one_line(error.message())));
    }
    let broken: Vec<usize> = found.iter().map(|(at, _)| *at).collect();
    let mut given = Vec::new();
    for (key, value) in table.get_ref() {
        let at = line(key.span());
        if broken.contains(&at) {
            continue;
        }
        let name: &str = key.get_ref();
        match take(name, value.get_ref(), options) {
            Err(why) => found.push((at, why)),
            Ok((values, is_off)) => {
                found.extend(
                    values.iter().filter_map(|v| options.refusal(name, v)).map(|why| (at, why)),
                );
                let origin = Origin::Line(file.to_owned(), at);
                given.push(Given { name: name.to_owned(), values, is_off, origin });
            }
        }
    }
    found.sort();
    problems.extend(found.into_iter().map(|(at, why)| format!("{file}:{at}: {why}")));
    given
}

/// The words of a value, and whether it is a flag that is off.
fn take(
    name: &str,
    value: &DeValue<'_>,
    options: &Options,
) -> Result<(Vec<OsString>, bool), String> {
    let Some(arg) = options.find(name) else {
        let near = options.nearest(name).map(|near| format!("; did you mean {near:?}?"));
        return Err(format!("unknown key {name:?}{}", near.unwrap_or_default()));
    };
    let kind = kind_of(arg);
    let wanted = || format!("{name} wants {}, not {}", wish(kind), value.type_str());
    match (kind, value) {
        (Kind::Flag, DeValue::Boolean(is_on)) => Ok((Vec::new(), !is_on)),
        (Kind::Number | Kind::Time, DeValue::Integer(number)) => {
            let number = i64::from_str_radix(number.as_str(), number.radix())
                .map_err(|_| format!("{name}: {number} is too large"))?;
            Ok((vec![number.to_string().into()], false))
        }
        (Kind::Time | Kind::Text | Kind::List, DeValue::String(text)) => {
            Ok((vec![text.to_string().into()], false))
        }
        (Kind::Words, DeValue::String(text)) => {
            Ok((text.split_whitespace().map(OsString::from).collect(), false))
        }
        (Kind::List, DeValue::Array(items)) => {
            let texts = items.iter().map(|item| item.get_ref().as_str().map(OsString::from));
            texts.collect::<Option<_>>().map(|texts| (texts, false)).ok_or_else(wanted)
        }
        _ => Err(wanted()),
    }
}

const fn wish(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "true or false",
        Kind::Number => "a whole number, without quotes",
        Kind::Time => "a time in quotes, like \"30s\", or whole seconds",
        Kind::Text | Kind::Words => "a text in quotes",
        Kind::List => "a list of texts, like [\"a\", \"b\"]",
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
