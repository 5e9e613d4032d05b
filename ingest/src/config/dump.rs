//! The effective settings as a file that `--config` reads, each with where it comes from.

use std::fmt::Write as _;

use clap::Arg;
use toml::Value;

use crate::config::layers::{Layers, is_typed};
use crate::config::option::{Kind, kind_of, name_of};

/// The text of the file.
pub(crate) fn dump(layers: &Layers) -> String {
    let mut lines = Vec::new();
    for arg in layers.options.each() {
        let name = name_of(arg);
        let (values, origin) = effective(layers, arg);
        let setting = match value(kind_of(arg), &values) {
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name} ="),
        };
        lines.push((setting, origin));
    }
    let width = lines.iter().map(|(setting, _)| setting.chars().count()).max().unwrap_or_default();
    let width = width.min(48);
    let mut text = format!(
        "# The settings of outflow {}, and where each comes from; --config reads this file.\n",
        env!("CARGO_PKG_VERSION")
    );
    for (setting, origin) in lines {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{setting:<width$}  # {}", one_line(&origin));
    }
    text
}

/// The values of an option, and who says so; none where it is not set. A flag has `true` or `false`.
fn effective(layers: &Layers, arg: &Arg) -> (Vec<String>, String) {
    let name = name_of(arg);
    let is_flag = kind_of(arg) == Kind::Flag;
    if is_typed(&layers.matches, arg) {
        let raw = layers.matches.get_raw(arg.get_id().as_str()).into_iter().flatten();
        let mut values: Vec<String> = raw.map(|word| word.to_string_lossy().into_owned()).collect();
        if is_flag {
            values = vec!["true".to_owned()];
        }
        return (values, "command line".to_owned());
    }
    if let Some(one) = layers.given.iter().find(|one| one.name == name) {
        let mut values: Vec<String> =
            one.values.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        if is_flag {
            values = vec![(!one.is_off).to_string()];
        }
        return (values, one.origin.to_string());
    }
    if is_flag {
        return (vec!["false".to_owned()], "default".to_owned());
    }
    let values: Vec<String> =
        arg.get_default_values().iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let origin = if values.is_empty() { "not set" } else { "default" };
    (values, origin.to_owned())
}

/// The value in TOML.
fn value(kind: Kind, values: &[String]) -> Option<Value> {
    let first = values.first()?;
    Some(match kind {
        Kind::Flag => Value::Boolean(first == "true"),
        Kind::Number => first.parse().map_or_else(|_| first.as_str().into(), Value::Integer),
        Kind::Time | Kind::Text => first.as_str().into(),
        Kind::List => Value::Array(values.iter().map(|value| value.as_str().into()).collect()),
        Kind::Words => values.join(" ").into(),
    })
}

/// Names of files may hold line feeds; a comment must not.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
