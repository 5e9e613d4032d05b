//! Why words are no filter.

use thiserror::Error;

/// Characters of an expression at most.
pub(crate) const CHARACTERS_MAX: usize = 4_096;
/// Primitives at most.
pub(crate) const PRIMITIVES_MAX: usize = 256;
/// Parentheses and `not` within each other at most.
pub(crate) const NESTING_MAX: usize = 64;
/// Instructions a program for the kernel has at most (`BPF_MAXINSNS` of Linux).
pub(crate) const INSTRUCTIONS_MAX: usize = 4_096;

/// An expression that is not understood, or cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// A word that does not fit where it stands.
    #[error("filter, character {position}: {word:?} does not fit here; expected {expected}{}", hint(*.nearest))]
    Word {
        /// The word, shortened if it is long.
        word: String,
        /// Its first character, counted from 1.
        position: usize,
        /// What would fit.
        expected: String,
        /// A known word that is spelled almost like it.
        nearest: Option<&'static str>,
    },
    /// The expression ends too early.
    #[error("filter: it ends where more is needed; expected {0}")]
    End(String),
    /// Too long, too many primitives, or nested too deeply.
    #[error("filter: {what} {max} at most; split the capture, or ask the store instead")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        max: usize,
    },
    /// Too much for the kernel.
    #[error(
        "filter: it takes {0} instructions, and the kernel accepts {INSTRUCTIONS_MAX}; leave --kernel-filter out"
    )]
    Instructions(usize),
    /// A kind of link that programs for the kernel are not written for.
    #[error(
        "filter: the kernel can filter Ethernet and plain IP only; leave --kernel-filter out for this interface"
    )]
    Link,
}

fn hint(nearest: Option<&'static str>) -> String {
    nearest.map_or_else(String::new, |word| format!("; did you mean {word:?}?"))
}
