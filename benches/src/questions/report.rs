//! The table of a contest: seconds, cold and warm, and how many times ours that is. Nothing of an answer that differs but how.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::contest::real;
use crate::questions::contest::Asked;
use crate::questions::engine::{Took, Turn};

/// Names the columns.
pub fn head(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<13}{:<9}{:>9}{:>17}{:>17}{:>9}{:>9}{:>9}",
        "", "", "rows", "cold wall, CPU s", "warm wall, CPU s", "x wall", "x CPU", "RSS MiB"
    )
}

fn line(out: &mut impl Write, (label, turn): (&str, &Turn), ours: Took) -> io::Result<()> {
    let (cold, warm) = (turn.figures.cold(), turn.figures.warm());
    let pair = |took: Took| format!("{:.3} {:.3}", took.wall_s, took.cpu_s);
    writeln!(
        out,
        "{label:<13}{:<9}{:>9}{:>17}{:>17}{:>9.2}{:>9.2}{:>9.0}",
        turn.engine.name(),
        turn.rows.len(),
        pair(cold),
        pair(warm),
        warm.wall_s / ours.wall_s,
        warm.cpu_s / ours.cpu_s,
        real(turn.figures.rss_bytes) / 1_048_576.0
    )
}

/// What all made of one question.
pub fn print(asked: &Asked, out: &mut impl Write) -> io::Result<()> {
    let ours = asked.ours.figures.warm();
    line(out, (asked.question.name, &asked.ours), ours)?;
    for (engine, turn) in &asked.others {
        match turn {
            Ok((turn, None)) => line(out, ("", turn), ours)?,
            Ok((_, Some(difference))) => {
                writeln!(out, "{:<13}{:<9} ANOTHER ANSWER: {difference}", "", engine.name())?;
            }
            Err(error) => writeln!(out, "{:<13}{:<9} FAILED: {error}", "", engine.name())?,
        }
    }
    Ok(())
}

/// The same for programs.
pub fn json(asked: &Asked) -> Value {
    let others = asked.others.iter().map(|(engine, turn)| match turn {
        Ok((turn, difference)) => json!({
            "name": engine.name(), "figures": turn.figures.json(), "difference": difference,
        }),
        Err(error) => json!({ "name": engine.name(), "failed": error.to_string() }),
    });
    json!({
        "question": asked.question.name,
        "rows": asked.ours.rows.len(),
        "ours": asked.ours.figures.json(),
        "others": others.collect::<Vec<_>>(),
    })
}

/// What is not in the lines: until each engine could be asked the last question.
pub fn foot(asked: &[Asked], out: &mut impl Write) -> io::Result<()> {
    let Some(last) = asked.last() else { return Ok(()) };
    let others = last.others.iter().filter_map(|(_, turn)| turn.as_ref().ok());
    let turns = std::iter::once(&last.ours).chain(others.map(|(turn, _)| turn));
    for Turn { figures, .. } in turns {
        let Took { wall_s, cpu_s } = figures.open;
        writeln!(
            out,
            "{}: opened in {wall_s:.2} s, {cpu_s:.2} CPU s, not counted above",
            figures.engine
        )?;
    }
    Ok(())
}
