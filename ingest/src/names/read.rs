//! What the beginning of a message says, and how much of it there is.

use crate::hint::Hint;

/// The outcome of reading octets from where a message begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Read {
    /// Nothing that names anything.
    Nothing,
    /// Too short to tell.
    Maybe,
    /// It begins like something, and is not all there; with what can be read so far.
    Partial(Option<Hint>),
    /// A whole message of so many octets, with what it says.
    Whole(Option<Hint>, usize),
}

impl Read {
    /// A message that is known to be one once its end has come.
    pub(crate) fn until(end: Option<usize>, hint: Hint) -> Self {
        end.map_or(Self::Partial(None), |used| Self::Whole(Some(hint), used))
    }

    /// What was read.
    pub(crate) fn hint(self) -> Option<Hint> {
        match self {
            Self::Partial(hint) | Self::Whole(hint, _) => hint,
            Self::Nothing | Self::Maybe => None,
        }
    }
}
