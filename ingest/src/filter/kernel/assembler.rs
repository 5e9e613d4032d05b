//! Classic BPF laid out from its end, so that each jump knows how far it is from where it leads; all jumps lead forward.
//!
//! Conditional jumps reach 255 instructions. Those that need more get an unconditional one behind them, which reaches any distance.

use crate::filter::error::{FilterError, INSTRUCTIONS_MAX};
use crate::source::live::Instruction;

/// Operations (Linux, `linux/bpf_common.h`): what is loaded, from where, and what is done with it.
pub(crate) mod code {
    pub(crate) const LOAD: u16 = 0x00;
    pub(crate) const LOAD_WORD_ABSOLUTE: u16 = 0x20;
    pub(crate) const LOAD_HALF_ABSOLUTE: u16 = 0x28;
    pub(crate) const LOAD_WORD_AT_X: u16 = 0x40;
    pub(crate) const LOAD_HALF_AT_X: u16 = 0x48;
    pub(crate) const LOAD_BYTE_AT_X: u16 = 0x50;
    pub(crate) const LOAD_MEMORY: u16 = 0x60;
    pub(crate) const LOAD_LENGTH: u16 = 0x80;
    pub(crate) const LOAD_X: u16 = 0x01;
    pub(crate) const LOAD_X_MEMORY: u16 = 0x61;
    pub(crate) const STORE: u16 = 0x02;
    pub(crate) const STORE_X: u16 = 0x03;
    pub(crate) const ADD: u16 = 0x04;
    pub(crate) const ADD_X: u16 = 0x0c;
    pub(crate) const SUBTRACT_X: u16 = 0x1c;
    pub(crate) const AND: u16 = 0x54;
    pub(crate) const SHIFT_LEFT: u16 = 0x64;
    pub(crate) const SHIFT_RIGHT: u16 = 0x74;
    pub(crate) const JUMP: u16 = 0x05;
    pub(crate) const IF_EQUAL: u16 = 0x15;
    pub(crate) const IF_GREATER: u16 = 0x25;
    pub(crate) const IF_AT_LEAST: u16 = 0x35;
    pub(crate) const IF_AT_LEAST_X: u16 = 0x3d;
    pub(crate) const IF_ANY_BIT: u16 = 0x45;
    pub(crate) const RETURN: u16 = 0x06;
    pub(crate) const A_TO_X: u16 = 0x07;
    pub(crate) const X_TO_A: u16 = 0x87;
}

/// How far a conditional jump reaches.
const REACH: usize = 255;

/// A place in the program.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label(usize);

/// Where the two answers of a test lead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ways {
    pub(crate) yes: Label,
    pub(crate) no: Label,
}

enum Line {
    Plain(u16, u32),
    Branch(u16, u32, Ways),
    Jump(Label),
    Place(Label),
}

/// A program under construction.
#[derive(Default)]
pub(crate) struct Assembler {
    lines: Vec<Line>,
    labels: usize,
}

impl Assembler {
    /// A place yet to be chosen.
    pub(crate) fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels - 1)
    }

    /// Here.
    pub(crate) fn place(&mut self, label: Label) {
        self.lines.push(Line::Place(label));
    }

    pub(crate) fn plain(&mut self, code: u16, k: u32) {
        self.lines.push(Line::Plain(code, k));
    }

    pub(crate) fn jump(&mut self, to: Label) {
        self.lines.push(Line::Jump(to));
    }

    pub(crate) fn branch(&mut self, code: u16, k: u32, ways: Ways) {
        self.lines.push(Line::Branch(code, k, ways));
    }

    /// Goes on here if the test is false.
    pub(crate) fn when(&mut self, code: u16, k: u32, yes: Label) {
        let no = self.label();
        self.branch(code, k, Ways { yes, no });
        self.place(no);
    }

    /// Goes on here if the test is true.
    pub(crate) fn unless(&mut self, code: u16, k: u32, no: Label) {
        let yes = self.label();
        self.branch(code, k, Ways { yes, no });
        self.place(yes);
    }

    /// The instructions.
    pub(crate) fn finish(self) -> Result<Vec<Instruction>, FilterError> {
        let mut layout = Layout { reversed: Vec::new(), places: vec![0; self.labels] };
        for line in self.lines.iter().rev() {
            match *line {
                Line::Plain(code, k) => layout.push(code, k, (0, 0)),
                Line::Jump(to) => layout.jump(to),
                Line::Branch(code, k, ways) => layout.branch(code, k, ways),
                Line::Place(label) => layout.place(label),
            }
        }
        let mut program = layout.reversed;
        program.reverse();
        if program.len() > INSTRUCTIONS_MAX {
            return Err(FilterError::Instructions(program.len()));
        }
        Ok(program)
    }
}

/// Instructions from the last to the first.
struct Layout {
    reversed: Vec<Instruction>,
    /// Instructions from each place to the end.
    places: Vec<usize>,
}

impl Layout {
    fn push(&mut self, code: u16, k: u32, (jt, jf): (u8, u8)) {
        self.reversed.push(Instruction { code, jt, jf, k });
    }

    fn place(&mut self, label: Label) {
        if let Some(place) = self.places.get_mut(label.0) {
            *place = self.reversed.len();
        }
    }

    /// Instructions that a jump standing here leaves out.
    fn distance(&self, to: usize) -> usize {
        self.reversed.len().saturating_sub(to)
    }

    fn target(&self, label: Label) -> usize {
        self.places.get(label.0).copied().unwrap_or_default()
    }

    fn jump(&mut self, to: Label) {
        let distance = self.distance(self.target(to));
        if distance > 0 {
            self.push(code::JUMP, u32::try_from(distance).unwrap_or(u32::MAX), (0, 0));
        }
    }

    fn branch(&mut self, code: u16, k: u32, ways: Ways) {
        let (mut yes, mut no) = (self.target(ways.yes), self.target(ways.no));
        // A jump that is added for one way makes the other longer: hence both are looked at again.
        for _ in 0..2 {
            for way in [&mut yes, &mut no] {
                let distance = self.distance(*way);
                if distance > REACH {
                    self.push(code::JUMP, u32::try_from(distance).unwrap_or(u32::MAX), (0, 0));
                    *way = self.reversed.len();
                }
            }
        }
        let short = |to: usize| u8::try_from(self.distance(to)).unwrap_or(u8::MAX);
        let jumps = (short(yes), short(no));
        self.push(code, k, jumps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each way of the first instruction ends after unconditional jumps.
    fn ends(program: &[Instruction]) -> [usize; 2] {
        [program[0].jt, program[0].jf].map(|jump| {
            let mut at = 1 + usize::from(jump);
            while program[at].code == code::JUMP {
                at += 1 + program[at].k as usize;
            }
            at
        })
    }

    #[test]
    fn jumps_reach_any_distance() {
        for gap in [0usize, 1, 253, 254, 255, 256, 257, 300, 3_000] {
            for both in [false, true] {
                let mut assembler = Assembler::default();
                let [yes, no] = [assembler.label(), assembler.label()];
                assembler.branch(code::IF_EQUAL, 7, Ways { yes, no });
                if !both {
                    assembler.place(no);
                }
                for _ in 0..gap {
                    assembler.plain(code::LOAD, 0);
                }
                if both {
                    assembler.place(no);
                    assembler.plain(code::RETURN, 0);
                }
                assembler.place(yes);
                assembler.plain(code::RETURN, 1);
                let program = assembler.finish().unwrap();
                let [yes, no] = ends(&program);
                assert_eq!(yes, program.len() - 1, "{gap}");
                let expected = if both { program.len() - 2 } else { program.len() - 1 - gap };
                assert_eq!(no, expected, "{gap}");
            }
        }
    }

    #[test]
    fn a_program_the_kernel_would_refuse_is_refused() {
        let mut assembler = Assembler::default();
        for _ in 0..=INSTRUCTIONS_MAX {
            assembler.plain(code::RETURN, 0);
        }
        assert_eq!(assembler.finish(), Err(FilterError::Instructions(INSTRUCTIONS_MAX + 1)));
    }
}
