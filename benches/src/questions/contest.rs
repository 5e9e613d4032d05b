//! The engines take turns at the questions, and what comes of it is held side by side.

use crate::peer::Result;
use crate::questions::Question;
use crate::questions::compare::difference;
use crate::questions::engine::{Arena, Engine, Turn};

/// What another engine did, and how its answer differs from ours; or why it failed.
pub type Other = Result<(Turn, Option<String>)>;

/// What all made of one question.
#[derive(Debug)]
pub struct Asked {
    /// What was asked.
    pub question: Question,
    /// Ours, first of all.
    pub ours: Turn,
    /// The others.
    pub others: Vec<(Engine, Other)>,
}

/// Asks everybody one question. Who fails is told of; that we fail is an error.
pub fn ask(arena: &Arena<'_>, question: Question, engines: &[Engine]) -> Result<Asked> {
    let ours = Engine::Ours.ask(arena, &question)?;
    let others = engines.iter().filter(|engine| **engine != Engine::Ours).map(|engine| {
        let turn = engine.ask(arena, &question).map(|turn| {
            let difference = difference(&ours.rows, &turn.rows);
            (turn, difference)
        });
        (*engine, turn)
    });
    let others = others.collect();
    Ok(Asked { question, ours, others })
}

impl Asked {
    /// Whether nobody's answer differs from ours.
    pub fn is_agreed(&self) -> bool {
        self.others.iter().all(|(_, turn)| matches!(turn, Ok((_, None))))
    }
}
