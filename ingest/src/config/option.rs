//! The options that a file or the environment may set: clap's own definitions, asked for names, kinds and values, so that nothing is said twice.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::fmt;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, ArgAction, Args as _, Command};

use crate::config::{ConfigArgs, IngestArgs};

/// All options of ingestion.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    command: Command,
    /// Those that say where the others come from, or what to do with them.
    own: Vec<String>,
}

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// true or false.
    Flag,
    /// A whole number.
    Number,
    /// A text like 30s, or whole seconds.
    Time,
    /// A text.
    Text,
    /// Several texts.
    List,
    /// The words of the filter.
    Words,
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A line of the file, from 1.
    Line(String, usize),
    /// A variable of the environment.
    Variable(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(file, line) => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A setting by file or environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// Name of the option.
    pub(crate) name: String,
    /// Its values; a flag that is on has none.
    pub(crate) values: Vec<OsString>,
    /// Whether it is a flag that is off: it then only overrules.
    pub(crate) is_off: bool,
    /// Who says so.
    pub(crate) origin: Origin,
}

impl Options {
    /// Those of [`IngestArgs`].
    pub(crate) fn new() -> Self {
        let mut command = IngestArgs::augment_args(Command::new("ingest")).no_binary_name(true);
        command.build();
        let own = ConfigArgs::augment_args(Command::new("own"));
        let mut own: Vec<String> = own.get_arguments().map(name_of).collect();
        own.push("help".to_owned());
        Self { command, own }
    }

    /// The command, for parsing.
    pub(crate) fn command(&self) -> &Command {
        &self.command
    }

    /// Every option that may be set, in the order of the help.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Arg> {
        self.command.get_arguments().filter(|arg| !self.own.contains(&name_of(arg)))
    }

    /// The option of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&Arg> {
        self.each().find(|arg| name_of(arg) == name)
    }

    /// The known name that is nearest to one that is not, if any is near.
    pub(crate) fn nearest(&self, name: &str) -> Option<String> {
        let names = self.each().map(name_of).map(|known| (distance(&known, name), known));
        let (far, known) = names.min()?;
        (far <= 2.max(name.len() / 3)).then_some(known)
    }

    /// Whether two options cannot be set together.
    pub(crate) fn conflict(&self, one: &str, other: &str) -> bool {
        let against = |one: &str, other: &str| {
            self.find(one).is_some_and(|arg| {
                self.command
                    .get_arg_conflicts_with(arg)
                    .into_iter()
                    .any(|arg| name_of(arg) == other)
            })
        };
        against(one, other) || against(other, one)
    }

    /// Why an option does not take a value; none if it does.
    pub(crate) fn refusal(&self, name: &str, value: &OsStr) -> Option<String> {
        if kind_of(self.find(name)?) == Kind::Words {
            return None;
        }
        let mut word = OsString::from(format!("--{name}="));
        word.push(value);
        let error = self.command.clone().try_get_matches_from([word]).err()?;
        let is_about_others = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument | ErrorKind::ArgumentConflict
        );
        (!is_about_others).then(|| format!("{name} = {}: {}", value.display(), reason(&error)))
    }
}

/// The long name of an option; of the words at the end, their id.
pub(crate) fn name_of(arg: &Arg) -> String {
    arg.get_long().unwrap_or_else(|| arg.get_id().as_str()).to_owned()
}

/// What an option takes.
pub(crate) fn kind_of(arg: &Arg) -> Kind {
    let holds = arg.get_value_parser().type_id();
    match arg.get_action() {
        ArgAction::SetTrue => Kind::Flag,
        _ if arg.is_positional() => Kind::Words,
        ArgAction::Append => Kind::List,
        _ if holds == TypeId::of::<i64>() => Kind::Time,
        _ if [TypeId::of::<u16>(), TypeId::of::<u32>(), TypeId::of::<usize>()]
            .iter()
            .any(|number| holds == *number) =>
        {
            Kind::Number
        }
        _ => Kind::Text,
    }
}

/// The core of clap's message.
fn reason(error: &Error) -> String {
    if let Some(ContextValue::Strings(known)) = error.get(ContextKind::ValidValue)
        && !known.is_empty()
    {
        return format!("one of {} is wanted", known.join(", "));
    }
    if let Some(cause) = std::error::Error::source(error) {
        return cause.to_string();
    }
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// Letters to change, add, drop or swap with their neighbour to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) =
        (one.chars().collect(), other.chars().take(64).collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for (y, letter) in one.iter().enumerate() {
        let mut row = vec![y + 1];
        for (x, against) in other.iter().enumerate() {
            let above = |up: usize, back: usize| {
                let line = if up == 0 { Some(&row) } else { rows.get((y + 1).wrapping_sub(up)) };
                line.and_then(|line| line.get((x + 1).wrapping_sub(back))).copied()
            };
            let far = usize::MAX - 1;
            let mut least = above(1, 1).unwrap_or(far) + usize::from(letter != against);
            least = least.min(above(1, 0).unwrap_or(far) + 1).min(above(0, 1).unwrap_or(far) + 1);
            let is_swapped = x > 0
                && y > 0
                && one.get(y - 1) == Some(against)
                && other.get(x - 1) == Some(letter);
            if is_swapped {
                least = least.min(above(2, 2).unwrap_or(far) + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (one, other, far) in
            [("store", "store", 0), ("store", "stoer", 1), ("", "ab", 2), ("idle", "idel-x", 3)]
        {
            assert_eq!(distance(one, other), far, "{one} {other}");
            assert_eq!(distance(other, one), far, "{other} {one}");
        }
    }

    #[test]
    fn kinds_follow_from_the_definitions() {
        let options = Options::new();
        for (name, kind) in [
            ("store", Kind::Text),
            ("interface", Kind::Text),
            ("idle-timeout", Kind::Time),
            ("max-flows", Kind::Number),
            ("ring-mb", Kind::Number),
            ("fanout-group", Kind::Number),
            ("stats", Kind::Flag),
            ("inside", Kind::List),
            ("read", Kind::List),
            ("source", Kind::Text),
            ("filter", Kind::Words),
        ] {
            assert_eq!(options.find(name).map(kind_of), Some(kind), "{name}");
        }
        assert!(options.find("config").is_none() && options.find("help").is_none());
        assert!(options.conflict("read", "interface") && options.conflict("interface", "read"));
        assert!(!options.conflict("store", "interface"));
        assert_eq!(options.nearest("max_flow"), Some("max-flows".to_owned()));
        assert_eq!(options.nearest("colour"), None);
    }
}
