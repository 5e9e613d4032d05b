//! Command line over environment over file over default: what is said below becomes words before those that were typed.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;

use crate::config::option::{Given, Kind, Options, kind_of, name_of};
use crate::config::{begins_filter, environment, file};

/// All that is wrong with the settings of file and environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The settings of all layers.
#[derive(Debug)]
pub struct Layers {
    pub(crate) options: Options,
    pub(crate) matches: ArgMatches,
    pub(crate) given: Vec<Given>,
    typed: Vec<OsString>,
}

impl Layers {
    /// Lays the settings over each other; `typed` are the words after the program's name or the subcommand.
    pub fn new(typed: &[OsString], variables: &[(String, OsString)]) -> Result<Self, Problems> {
        let options = Options::new();
        // What is wrong on the command line is told when all words are read together.
        let lenient = options.command().clone().ignore_errors(true);
        let matches = lenient.try_get_matches_from(typed).unwrap_or_default();
        let mut problems = Vec::new();
        let by_variable = environment::read(variables, &options, &mut problems);
        let by_file = config_path(&matches, variables)
            .map(|path| file::read(&path, &options, &mut problems))
            .unwrap_or_default();
        let mut typed_names: Vec<String> =
            options.each().filter(|arg| is_typed(&matches, arg)).map(name_of).collect();
        if has_swallowed_filter(&matches) {
            typed_names.push("filter".to_owned());
        }
        let mut given: Vec<Given> = Vec::new();
        for layer in [by_variable, by_file] {
            let above: Vec<String> = typed_names
                .iter()
                .cloned()
                .chain(given.iter().filter(|g| !g.is_off).map(|g| g.name.clone()))
                .collect();
            let kept: Vec<Given> = layer
                .into_iter()
                .filter(|one| !typed_names.contains(&one.name))
                .filter(|one| given.iter().all(|over| over.name != one.name))
                .filter(|one| above.iter().all(|over| !options.conflict(over, &one.name)))
                .collect();
            problems.extend(quarrels(&kept, &options));
            given.extend(kept);
        }
        if problems.is_empty() {
            Ok(Self { options, matches, given, typed: typed.to_vec() })
        } else {
            Err(Problems(problems))
        }
    }

    /// All words: those of file and environment, then those that were typed, then a filter from below.
    pub fn words(&self) -> Vec<OsString> {
        let (mut words, mut filter) = (Vec::new(), Vec::new());
        for one in self.given.iter().filter(|one| !one.is_off) {
            let kind = self.options.find(&one.name).map(kind_of);
            if kind == Some(Kind::Words) {
                filter.extend(one.values.iter().cloned());
            } else if kind == Some(Kind::Flag) {
                words.push(format!("--{}", one.name).into());
            } else {
                for value in &one.values {
                    let mut word = OsString::from(format!("--{}=", one.name));
                    word.push(value);
                    words.push(word);
                }
            }
        }
        words.extend(self.typed.iter().cloned());
        if !filter.is_empty() && !self.typed.iter().any(|word| word == "--") {
            words.push("--".into());
        }
        words.extend(filter);
        words
    }

    /// Whether a flag was typed.
    pub fn has(&self, id: &str) -> bool {
        self.matches.try_get_one::<bool>(id).ok().flatten().copied().unwrap_or_default()
    }
}

/// Whether an option stands on the command line.
pub(crate) fn is_typed(matches: &ArgMatches, arg: &clap::Arg) -> bool {
    matches.try_contains_id(arg.get_id().as_str()).unwrap_or_default()
        && matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
}

/// Whether a filter was typed behind the captures, whose option takes it for more of them.
fn has_swallowed_filter(matches: &ArgMatches) -> bool {
    let typed = matches.try_get_many::<PathBuf>("read").ok().flatten();
    typed.into_iter().flatten().skip(1).any(|path| begins_filter(path))
}

fn config_path(matches: &ArgMatches, variables: &[(String, OsString)]) -> Option<PathBuf> {
    let typed = matches.try_get_one::<PathBuf>("config").ok().flatten().cloned();
    typed.or_else(|| {
        let name = environment::variable_of("config");
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, path)| path.into())
    })
}

/// Settings of one layer that cannot stand together.
fn quarrels(layer: &[Given], options: &Options) -> Vec<String> {
    let on: Vec<&Given> = layer.iter().filter(|one| !one.is_off).collect();
    let pairs = on.iter().enumerate().flat_map(|(at, one)| {
        on.iter().skip(at + 1).filter(|other| options.conflict(&one.name, &other.name)).map(
            |other| {
                let (by, over) = (&one.origin, &other.origin);
                format!("{by}: {} cannot be set together with {} ({over})", one.name, other.name)
            },
        )
    });
    pairs.collect()
}
