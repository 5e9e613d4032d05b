//! A filter as a program of classic BPF for the socket: first the walk to what can be asked for, then the questions.

mod assembler;
mod question;
mod walk;

use crate::filter::error::FilterError;
use crate::filter::primitive::Primitive;
use crate::filter::steps::{Next, Step};
use crate::frame::LinkType;
use crate::source::live::Instruction;

use assembler::{Assembler, Label, Ways, code};

/// Octets of an accepted frame that are kept: all.
const WHOLE: u32 = 0x4_0000;

/// Writes the program for frames that begin with this kind of link.
pub(crate) fn program(steps: &[Step], link: LinkType) -> Result<Vec<Instruction>, FilterError> {
    let mut assembler = Assembler::default();
    walk::write(&mut assembler, link)?;
    let labels: Vec<Label> = steps.iter().map(|_| assembler.label()).collect();
    let [accept, reject] = std::array::from_fn(|_| assembler.label());
    let way = |next: Next| match next {
        Next::Step(at) => labels.get(at).copied().unwrap_or(reject),
        Next::Accept => accept,
        Next::Reject => reject,
    };
    for (step, label) in steps.iter().zip(&labels) {
        assembler.place(*label);
        let ways = Ways { yes: way(step.yes), no: way(step.no) };
        match step.asked {
            // Other links have no such addresses.
            Primitive::Mac { .. } if link != LinkType::Ethernet => assembler.jump(ways.no),
            asked => question::write(&mut assembler, &asked, ways),
        }
    }
    assembler.place(accept);
    assembler.plain(code::RETURN, WHOLE);
    assembler.place(reject);
    assembler.plain(code::RETURN, 0);
    assembler.finish()
}
