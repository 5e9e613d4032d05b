//! What was found, and how it is shown: one line a check, and below it, where something is wrong, why it matters and what to type.

use std::fmt;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// As it should be.
    Good,
    /// It cannot be told here.
    Unknown,
    /// Works, with losses or doubts.
    Warn,
    /// Will not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at.
    pub name: &'static str,
    /// How it is.
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// Why it matters.
    pub why: &'static str,
    /// What to type to mend it.
    pub mend: Option<String>,
}

impl Check {
    pub(crate) fn new(name: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { name, verdict, found: found.into(), why: "", mend: None }
    }

    pub(crate) fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Good, found)
    }

    pub(crate) fn unknown(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Unknown, found)
    }

    pub(crate) fn warn(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Warn, found)
    }

    pub(crate) fn fail(name: &'static str, found: impl Into<String>) -> Self {
        Self::new(name, Verdict::Fail, found)
    }

    pub(crate) fn because(mut self, why: &'static str) -> Self {
        self.why = why;
        self
    }

    pub(crate) fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

/// All checks, in the order they were made. `{}` is plain, `{:#}` coloured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The checks.
    pub checks: Vec<Check>,
}

impl Report {
    /// Whether nothing stands in the way; warnings do not.
    pub fn is_usable(&self) -> bool {
        self.count(Verdict::Fail) == 0
    }

    /// The check of a name.
    pub fn check(&self, name: &str) -> Option<&Check> {
        self.checks.iter().find(|check| check.name == name)
    }

    fn count(&self, verdict: Verdict) -> usize {
        self.checks.iter().filter(|check| check.verdict == verdict).count()
    }
}

const fn word(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Good => ("ok", "32"),
        Verdict::Unknown => ("?", "36"),
        Verdict::Warn => ("warn", "33"),
        Verdict::Fail => ("FAIL", "31;1"),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
        for check in &self.checks {
            let (word, colour) = word(check.verdict);
            let word = format!("{word:<4}");
            let word =
                if f.alternate() { format!("\u{1b}[{colour}m{word}\u{1b}[0m") } else { word };
            writeln!(f, "{:<width$}  {word}  {}", check.name, check.found)?;
            if check.verdict >= Verdict::Warn {
                if !check.why.is_empty() {
                    writeln!(f, "{:width$}        {}", "", check.why)?;
                }
                if let Some(command) = &check.mend {
                    writeln!(f, "{:width$}        > {command}", "")?;
                }
            }
        }
        let counts =
            [Verdict::Good, Verdict::Unknown, Verdict::Warn, Verdict::Fail].map(|v| self.count(v));
        let [good, unknown, warnings, failures] = counts;
        write!(f, "{good} ok, {unknown} not known, {warnings} to look at, {failures} in the way")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_aligned_and_says_what_to_type() {
        let report = Report {
            checks: vec![
                Check::good("interface", "eth0, veth").because("unsaid where all is well"),
                Check::warn("gro", "on")
                    .because("packets are merged")
                    .mend("ethtool -K eth0 gro off"),
                Check::unknown("ring", "the driver does not say"),
                Check::fail("permissions", "CAP_NET_RAW is lacking").mend("sudo …"),
            ],
        };
        let expected = "\
interface    ok    eth0, veth
gro          warn  on
                   packets are merged
                   > ethtool -K eth0 gro off
ring         ?     the driver does not say
permissions  FAIL  CAP_NET_RAW is lacking
                   > sudo …
1 ok, 1 not known, 1 to look at, 1 in the way";
        assert_eq!(report.to_string(), expected);
        assert!(!report.is_usable());
        let coloured = format!("{report:#}");
        assert!(coloured.contains("gro          \u{1b}[33mwarn\u{1b}[0m  on"), "{coloured}");
    }
}
