//! Settings from file, environment and command line: which wins, what is refused, and that what is shown is what is read.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use clap::Parser;
use ingest::IngestArgs;
use ingest::config::{Layers, Sandbox};
use tempfile::TempDir;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    args: IngestArgs,
}

/// A file of settings.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("probe.toml"), text).unwrap();
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("probe.toml")
    }

    /// The words that all layers give; or all problems, the folder left out.
    fn words(
        &self,
        typed: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Vec<OsString>, Vec<String>> {
        let path = self.file();
        let typed = ["--config", path.to_str().unwrap()]
            .into_iter()
            .chain(typed.iter().copied())
            .map(OsString::from);
        let variables: Vec<_> =
            variables.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
        let folder = format!("{}/", self.folder.path().display());
        let layers = Layers::new(&typed.collect::<Vec<_>>(), &variables);
        layers.map(|layers| layers.words()).map_err(|problems| {
            problems.0.iter().map(|problem| problem.replace(&folder, "")).collect()
        })
    }

    fn args(&self, typed: &[&str], variables: &[(&str, &str)]) -> IngestArgs {
        let words = self.words(typed, variables).unwrap();
        Cli::try_parse_from([OsString::from("x")].into_iter().chain(words)).unwrap().args
    }
}

const ALL: &str = r#"
store = "from-file"
interface = "eth0"
inside = ["10.0.0.0/8", "192.168.0.0/16"]
max-flows = 64_000
idle-timeout = 15
rotate = "2m"
sandbox = "require"
quiet = true
filter = "host 192.0.2.1 and not port 22"
metrics = "/run/outflow/metrics.sock"
"#;

#[test]
fn every_kind_of_value_is_taken_from_the_file() {
    let args = Desk::new(ALL).args(&[], &[]);
    assert_eq!(args.store, Path::new("from-file"));
    assert_eq!(args.live.interface.as_deref(), Some("eth0"));
    let inside: Vec<ingest::Prefix> =
        ["10.0.0.0/8", "192.168.0.0/16"].iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(args.inside, inside);
    assert_eq!((args.max_flows, args.idle_timeout), (64_000, 15_000_000_000));
    assert_eq!((args.live.rotate, args.live.sandbox), (120_000_000_000, Sandbox::Require));
    assert!(args.quiet && !args.again);
    assert_eq!(args.filter.join(" "), "host 192.0.2.1 and not port 22");
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let desk = Desk::new(ALL);
    let variables =
        [("OUTFLOW_STORE", "from-env"), ("OUTFLOW_MAX_FLOWS", "7"), ("OUTFLOW_QUIET", "no")];
    let args =
        desk.args(&["--store", "typed", "--inside", "172.16.0.0/12", "port", "53"], &variables);
    assert_eq!(args.store, Path::new("typed"));
    // A list that is said above replaces the one below.
    assert_eq!(args.inside, ["172.16.0.0/12".parse().unwrap()]);
    assert_eq!((args.max_flows, args.idle_timeout), (7, 15_000_000_000));
    assert!(!args.quiet);
    assert_eq!(args.filter, ["port", "53"]);
    assert_eq!(desk.args(&[], &variables).store, Path::new("from-env"));
    assert_eq!(desk.args(&[], &[("OUTFLOW_INSIDE", "10.1.0.0/16,10.2.0.0/16")]).inside.len(), 2);
}

#[test]
fn what_cannot_stand_beside_a_higher_word_gives_way() {
    // The probe's file names an interface; a capture is read with the same settings.
    let args = Desk::new(ALL).args(&["-r", "a.pcap", "b.pcap"], &[]);
    assert_eq!(args.read, [Path::new("a.pcap"), Path::new("b.pcap")]);
    assert_eq!(args.live.interface, None);
    assert_eq!(args.filter.len(), 6);
    // A filter behind captures replaces the file's, though -r takes it for more of them.
    let args = Desk::new(ALL).args(&["-r", "a.pcap", "port", "53"], &[]);
    let (captures, filter) = args.captures_and_filter().unwrap();
    assert_eq!(captures, [Path::new("a.pcap")]);
    assert!(filter.is_some() && args.filter.is_empty(), "{args:?}");
    let both = Desk::new("store = \"s\"\ninterface = \"eth0\"\nread = [\"a.pcap\"]\n");
    let problems = both.words(&[], &[]).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains("probe.toml:2") && problems[0].contains("probe.toml:3"),
        "{problems:?}"
    );
}

#[test]
fn the_file_may_be_named_by_the_environment() {
    let desk = Desk::new(ALL);
    let variables = [("OUTFLOW_CONFIG".to_owned(), desk.file().into_os_string())];
    let words = Layers::new(&[], &variables).unwrap().words();
    assert!(words.contains(&"--store=from-file".into()), "{words:?}");
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let desk = Desk::new(
        "stoer = \"x\"\n\nidle-timeout = \"5y\"\nlanes = \"2\"\nquiet = \"yes\"\ninside = [\"10.0.0.0/33\", 4]\n\
         source = \"rig\"\nring-mb = 0\nmax-flows = 1.5\ncheck = true\nmetrics = \"0.0.0.0:9100\"\ncolour = \"red\"\n[live]\nretire = 1\n",
    );
    let problems = desk
        .words(&[], &[("OUTFLOW_RING_MB", "x"), ("OUTFLOW_STOER", "y"), ("OUTFLOW_TIMEZONE", "z")]);
    let problems = problems.unwrap_err();
    for (begin, part) in [
        ("OUTFLOW_RING_MB: ", "invalid digit"),
        ("OUTFLOW_STOER: ", "did you mean OUTFLOW_STORE?"),
        ("probe.toml:1: ", "unknown key \"stoer\"; did you mean \"store\"?"),
        ("probe.toml:3: ", "write a time like"),
        ("probe.toml:4: ", "lanes wants a whole number, without quotes, not string"),
        ("probe.toml:5: ", "quiet wants true or false"),
        ("probe.toml:6: ", "inside wants a list of texts"),
        ("probe.toml:7: ", "one of ring, xdp, pnet is wanted"),
        ("probe.toml:8: ", "0 is not in 1..=65536"),
        ("probe.toml:9: ", "max-flows wants a whole number"),
        ("probe.toml:10: ", "unknown key \"check\""),
        ("probe.toml:11: ", "can be reached from other machines"),
        ("probe.toml:12: ", "unknown key \"colour\""),
        ("probe.toml:13: ", "unknown key \"live\""),
    ] {
        let found = problems.iter().filter(|line| line.starts_with(begin) && line.contains(part));
        assert_eq!(found.count(), 1, "{begin}{part}\nin\n{}", problems.join("\n"));
    }
    assert_eq!(problems.len(), 14, "{}", problems.join("\n"));
}

#[test]
fn broken_toml_and_a_missing_file_are_told_with_their_place() {
    let problems = Desk::new("store = \"s\"\ninside = [\nquiet = true\nquiet = false\nx = = 1\n")
        .words(&[], &[]);
    let problems = problems.unwrap_err();
    assert!(problems.iter().all(|line| line.starts_with("probe.toml:")), "{problems:?}");
    let words: Vec<OsString> = ["--config", "/nowhere/probe.toml"].map(Into::into).into();
    let problems = Layers::new(&words, &[]).unwrap_err().to_string();
    assert!(
        problems.contains("/nowhere/probe.toml") && problems.contains("No such file"),
        "{problems}"
    );
}

/// The program itself, with none of our variables.
fn probe(words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_outflow-ingest"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("OUTFLOW_") {
            command.env_remove(name);
        }
    }
    command.args(words).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn what_is_dumped_is_read_back_the_same() {
    let desk = Desk::new(ALL);
    let file = desk.file();
    let file = file.to_str().unwrap();
    let first = probe(
        &["--config", file, "--dump", "--lanes", "3", "-p"],
        &[("OUTFLOW_SENSOR", "a\"b\\c")],
    );
    assert!(first.status.success(), "{first:?}");
    let text = String::from_utf8(first.stdout).unwrap();
    for (setting, origin) in [
        ("store = \"from-file\"", format!("{file}:2")),
        ("max-flows = 64000", format!("{file}:5")),
        ("lanes = 3", "command line".to_owned()),
        ("no-promiscuous = true", "command line".to_owned()),
        ("sensor = 'a\"b\\c'", "OUTFLOW_SENSOR".to_owned()),
        ("active-timeout = \"60s\"", "default".to_owned()),
        ("ring-mb = 64", "default".to_owned()),
        ("force = false", "default".to_owned()),
        ("# user =", "not set".to_owned()),
    ] {
        let is = |line: &str| {
            line.starts_with(&format!("{setting} ")) && line.ends_with(&format!("# {origin}"))
        };
        assert!(text.lines().any(is), "{setting} # {origin}\nin\n{text}");
    }
    let copy = desk.folder.path().join("copy.toml");
    fs::write(&copy, &text).unwrap();
    let second = probe(&["--config", copy.to_str().unwrap(), "--dump"], &[]);
    assert!(second.status.success(), "{second:?}");
    let settings = |text: &str| -> Vec<String> {
        let lines = text.lines().skip(1).map(|line| line.split("  # ").next().unwrap());
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    assert_eq!(settings(&text), settings(&String::from_utf8(second.stdout).unwrap()));
}

#[test]
fn check_and_list_touch_nothing() {
    let desk = Desk::new("");
    let (folder, file) = (desk.folder.path().display().to_string(), desk.file());
    let file = file.to_str().unwrap();
    let store = format!("{folder}/store");
    let good = probe(&["--config", file, "--check", "-r", file, "--store", &store], &[]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(!Path::new(&store).exists());
    let bad = probe(
        &["--config", file, "--check", "-i", "nowhere0", "--store", &folder, "--sensor", "a/b"],
        &[("OUTFLOW_USER", "nobody-of-this-name"), ("OUTFLOW_FILTER", "hsot 192.0.2.1")],
    );
    assert_eq!(bad.status.code(), Some(2));
    let told = String::from_utf8(bad.stderr).unwrap();
    for part in [
        "no interface \"nowhere0\"",
        "neither empty nor a store",
        "hsot",
        "a/b",
        "nobody-of-this-name",
    ] {
        assert_eq!(told.matches(part).count(), 1, "{part} in {told}");
    }
    let wrong = probe(&["--config", file, "--check", "-i", "lo"], &[("OUTFLOW_LANES", "999")]);
    assert_eq!(wrong.status.code(), Some(2));
    let list = probe(&["-D"], &[]);
    let list = String::from_utf8(list.stdout).unwrap();
    assert!(
        list.lines().any(|line| line.contains(".lo [Up") && line.contains("Loopback")),
        "{list}"
    );
    let none = probe(&["-r", file], &[]);
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn a_capture_is_ingested_by_file_alone() {
    let desk = Desk::new("");
    let folder = desk.folder.path();
    let capture = folder.join("a.pcap");
    fs::write(&capture, crate::forge::pcap(crate::forge::Order::Little, false, 1, &[])).unwrap();
    let text = format!("store = {:?}\nread = {:?}\nlanes = 1\n", folder.join("store"), capture);
    fs::write(desk.file(), text).unwrap();
    let done = probe(&["--config", desk.file().to_str().unwrap()], &[]);
    assert!(done.status.success() && folder.join("store/_manifest").is_dir(), "{done:?}");
}
