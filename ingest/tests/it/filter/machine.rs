//! The kernel's machine for classic BPF, as strict as the kernel's own check of a program.

use ingest::source::live::Instruction;

/// A frame as the socket of the kernel has it: the outer tag beside the bytes.
pub(crate) struct Packet {
    pub(crate) bytes: Vec<u8>,
    pub(crate) tag: Option<u16>,
}

impl Packet {
    /// From a frame as a file has it; the kernel takes out the types 8100 and 88a8.
    pub(crate) fn of(frame: &[u8]) -> Self {
        match frame {
            [_, _, _, _, _, _, _, _, _, _, _, _, 0x81, 0x00, a, b, _, _, ..]
            | [_, _, _, _, _, _, _, _, _, _, _, _, 0x88, 0xa8, a, b, _, _, ..] => {
                let bytes = [&frame[..12], &frame[16..]].concat();
                Self { bytes, tag: Some(u16::from_be_bytes([*a, *b])) }
            }
            _ => Self { bytes: frame.to_vec(), tag: None },
        }
    }

    fn load(&self, at: u32, width: usize) -> Option<u32> {
        match at {
            0xffff_f02c => return Some(self.tag.map_or(0, u32::from)),
            0xffff_f030 => return Some(u32::from(self.tag.is_some())),
            _ => {}
        }
        let bytes = self.bytes.get(at as usize..at as usize + width)?;
        Some(bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
    }
}

/// What the kernel checks before it takes a program: length, jumps, an end.
pub(crate) fn check(program: &[Instruction]) {
    assert!((1..=4_096).contains(&program.len()), "{} instructions", program.len());
    assert_eq!(program[program.len() - 1].code, 0x06);
    for (at, line) in program.iter().enumerate() {
        let left = program.len() - at - 1;
        match line.code {
            0x05 => assert!((line.k as usize) < left, "{at}: {line:?}"),
            0x15 | 0x25 | 0x35 | 0x45 | 0x3d => {
                assert!(usize::from(line.jt.max(line.jf)) < left, "{at}: {line:?}");
            }
            _ => assert_eq!((line.jt, line.jf), (0, 0), "{at}: {line:?}"),
        }
    }
}

/// Octets of the packet that are kept; 0 rejects it.
pub(crate) fn run(program: &[Instruction], packet: &Packet) -> u32 {
    let (mut a, mut x, mut memory, mut at) = (0u32, 0u32, [None::<u32>; 16], 0);
    let length = packet.bytes.len() as u32;
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let mut jump = |is_true: bool| at += usize::from(if is_true { jt } else { jf });
        let width = [4, 2, 1][usize::from(code >> 3 & 3) % 3];
        match code {
            0x00 => a = k,
            0x01 => x = k,
            0x20 | 0x28 | 0x30 | 0x40 | 0x48 | 0x50 => {
                let start = if code & 0x40 == 0 { k } else { x.wrapping_add(k) };
                // A frame too short for a load is rejected.
                let Some(loaded) = packet.load(start, width) else {
                    panic!("a load behind the end of the frame: {start} + {width} of {length}")
                };
                a = loaded;
            }
            // The kernel wants a store before each load.
            0x60 => a = memory[k as usize].unwrap(),
            0x61 => x = memory[k as usize].unwrap(),
            0x80 => a = length,
            0x02 => memory[k as usize] = Some(a),
            0x03 => memory[k as usize] = Some(x),
            0x04 => a = a.wrapping_add(k),
            0x0c => a = a.wrapping_add(x),
            0x1c => a = a.wrapping_sub(x),
            0x54 => a &= k,
            0x64 => a <<= k,
            0x74 => a >>= k,
            0x05 => at += k as usize,
            0x15 => jump(a == k),
            0x25 => jump(a > k),
            0x35 => jump(a >= k),
            0x3d => jump(a >= x),
            0x45 => jump(a & k != 0),
            0x06 => return k,
            0x07 => x = a,
            0x87 => a = x,
            _ => panic!("{code:#x} is no operation of the kernel's that is used here"),
        }
    }
}
