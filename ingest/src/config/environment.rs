//! Settings in the environment, and the command line as it was typed: `OUTFLOW_MAX_FLOWS` is `--max-flows`.

use std::ffi::OsString;

use crate::config::option::{Given, Kind, Options, Origin, kind_of, name_of};

/// What the names of our variables begin with.
const PREFIX: &str = "OUTFLOW_";

/// The variables of this process whose names begin with `OUTFLOW_`.
pub(crate) fn variables() -> Vec<(String, OsString)> {
    let named =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    named.filter(|(name, _)| name.starts_with(PREFIX)).collect()
}

/// The command line, the program's name first.
pub fn typed() -> Vec<OsString> {
    std::env::args_os().collect()
}

/// Whether to use colours on an output: only a terminal, and not where the environment says `NO_COLOR`.
pub(crate) fn wants_colour(is_terminal: bool) -> bool {
    is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Name of the variable of an option.
pub(crate) fn variable_of(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The settings among variables; all that is wrong with them goes to `problems`. Variables of other parts of the product are passed over, unless they
/// look like an option with a slip.
pub(crate) fn read(
    variables: &[(String, OsString)],
    options: &Options,
    problems: &mut Vec<String>,
) -> Vec<Given> {
    let mut given = Vec::new();
    for (variable, value) in variables {
        let Some(arg) = options.each().find(|arg| variable_of(&name_of(arg)) == *variable) else {
            let name = variable.trim_start_matches(PREFIX).to_ascii_lowercase().replace('_', "-");
            if let Some(near) = options.nearest(&name).filter(|near| is_slip(near, &name)) {
                let near = variable_of(&near);
                problems.push(format!("{variable}: unknown variable; did you mean {near}?"));
            }
            continue;
        };
        let name = name_of(arg);
        let mut taken = Given {
            name: name.clone(),
            values: Vec::new(),
            is_off: false,
            origin: Origin::Variable(variable.clone()),
        };
        let text = value.to_string_lossy();
        match kind_of(arg) {
            Kind::Flag => match text.to_ascii_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => {}
                "" | "0" | "false" | "no" | "off" => taken.is_off = true,
                _ => {
                    problems.push(format!("{variable}: {name} wants true or false, not {text:?}"));
                }
            },
            Kind::Words => taken.values = text.split_whitespace().map(OsString::from).collect(),
            _ => {
                let why = options.refusal(&name, value);
                problems.extend(why.map(|why| format!("{variable}: {why}")));
                taken.values.push(value.clone());
            }
        }
        given.push(taken);
    }
    given
}

/// Whether a name is another with one or two letters wrong, rather than another word: the lengths and the first letter tell enough.
fn is_slip(near: &str, name: &str) -> bool {
    near.len().abs_diff(name.len()) <= 1 && near.chars().next() == name.chars().next()
}
