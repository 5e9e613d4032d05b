//! A filter as the steps of a walk: a question each, and for either answer the step that comes next, always further on.

use crate::filter::error::{FilterError, PRIMITIVES_MAX};
use crate::filter::primitive::Primitive;

/// Where an answer leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// To the step of this number.
    Step(usize),
    /// The frame matches.
    Accept,
    /// It does not.
    Reject,
}

/// A question and where its answers lead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) asked: Primitive,
    pub(crate) yes: Next,
    pub(crate) no: Next,
}

/// An answer whose way is still open: its step, and whether it is the yes.
type Open = (usize, bool);

/// A part of an expression: where it begins, and which answers make it true or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    first: usize,
    yes: Vec<Open>,
    no: Vec<Open>,
}

impl Piece {
    /// True where this is false.
    pub(crate) fn negated(self) -> Self {
        Self { first: self.first, yes: self.no, no: self.yes }
    }
}

/// Steps under construction.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    steps: Vec<Step>,
}

impl Draft {
    /// A piece that asks one question.
    pub(crate) fn ask(&mut self, asked: Primitive) -> Result<Piece, FilterError> {
        let first = self.steps.len();
        if first >= PRIMITIVES_MAX {
            return Err(FilterError::Limit { what: "primitives", max: PRIMITIVES_MAX });
        }
        self.steps.push(Step { asked, yes: Next::Reject, no: Next::Reject });
        Ok(Piece { first, yes: vec![(first, true)], no: vec![(first, false)] })
    }

    /// True where both are.
    pub(crate) fn both(&mut self, left: Piece, right: Piece) -> Piece {
        self.lead(&left.yes, Next::Step(right.first));
        let no = [left.no, right.no].concat();
        Piece { first: left.first, yes: right.yes, no }
    }

    /// True where one is.
    pub(crate) fn either(&mut self, left: Piece, right: Piece) -> Piece {
        self.lead(&left.no, Next::Step(right.first));
        let yes = [left.yes, right.yes].concat();
        Piece { first: left.first, yes, no: right.no }
    }

    /// The whole expression.
    pub(crate) fn finish(mut self, whole: &Piece) -> Vec<Step> {
        self.lead(&whole.yes, Next::Accept);
        self.lead(&whole.no, Next::Reject);
        self.steps
    }

    fn lead(&mut self, answers: &[Open], to: Next) {
        for (at, is_yes) in answers {
            if let Some(step) = self.steps.get_mut(*at) {
                *(if *is_yes { &mut step.yes } else { &mut step.no }) = to;
            }
        }
    }
}
