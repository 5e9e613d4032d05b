//! Files stay small enough to be read at one sitting.

use crate::tidy::judge;
use crate::tidy::tree::sources;

const LINES_MAX: usize = 400;

#[test]
fn files_are_short() {
    let long = sources().iter().filter(|source| source.shipped_lines() > LINES_MAX);
    let broken: Vec<_> = long
        .map(|source| (source.path.clone(), format!("{} lines", source.shipped_lines())))
        .collect();
    judge("files have 400 lines at most, tests aside", &broken, &[]);
}
