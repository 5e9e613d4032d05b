//! Small numbers as Parquet packs them: runs of the same, and between them groups of eight in as many bits as the largest needs.

/// A run is worth its header from here on; what is packed comes in groups of so many.
const GROUP: usize = 8;

/// Bits that numbers up to this one need.
pub(crate) const fn width(largest: u32) -> u32 {
    u32::BITS - largest.leading_zeros()
}

/// Appends numbers of `width` bits, as levels and places in a dictionary lie in a page.
pub(crate) fn runs<T: Copy + PartialEq + Into<u32>>(numbers: &[T], width: u32, to: &mut Vec<u8>) {
    let mut rest = numbers;
    // The numbers before `rest` that are still to be packed are the first of these.
    let (mut begin, mut packed) = (numbers, 0);
    while let Some(first) = rest.first() {
        let run = run(*first, rest);
        if run >= GROUP || (packed == 0 && run == rest.len()) {
            groups(begin.get(..packed).unwrap_or_default(), width, to);
            same((*first).into(), run, width, to);
            rest = rest.get(run..).unwrap_or_default();
            (begin, packed) = (rest, 0);
        } else {
            let taken = rest.len().min(GROUP);
            rest = rest.get(taken..).unwrap_or_default();
            packed += taken;
        }
    }
    groups(begin.get(..packed).unwrap_or_default(), width, to);
}

/// How many numbers are the same at the beginning: counted by eight, for that takes one decision.
fn run<T: Copy + PartialEq>(first: T, numbers: &[T]) -> usize {
    let is_same = |group: &&[T]| group.iter().filter(|number| **number == first).count() == GROUP;
    let whole = numbers.chunks_exact(GROUP).take_while(is_same).count() * GROUP;
    let rest = numbers.get(whole..).unwrap_or_default();
    if whole == 0 && rest.len() >= GROUP {
        return 0;
    }
    whole + rest.iter().take_while(|number| **number == first).count()
}

/// Appends the same number so many times.
pub(super) fn same(number: u32, times: usize, width: u32, to: &mut Vec<u8>) {
    if times > 0 {
        header((times as u64) << 1, to);
        to.extend(number.to_le_bytes().iter().take(width.div_ceil(8) as usize));
    }
}

/// Appends numbers in groups of eight; the last is filled up with zeros.
fn groups<T: Copy + Into<u32>>(numbers: &[T], width: u32, to: &mut Vec<u8>) {
    if !numbers.is_empty() {
        let groups = numbers.len().div_ceil(GROUP);
        header((groups as u64) << 1 | 1, to);
        let end = to.len() + groups * width as usize;
        pack(numbers, width, to);
        to.resize(end, 0);
    }
}

/// Appends numbers bit by bit, the lowest first.
pub(crate) fn pack<T: Copy + Into<u32>>(numbers: &[T], width: u32, to: &mut Vec<u8>) {
    to.reserve(numbers.len() * width as usize / 8 + GROUP);
    let (groups, rest) = numbers.as_chunks::<GROUP>();
    match width {
        0..=8 => groups.iter().for_each(|group| pack_eight(group, width, to)),
        _ => pack_any(groups.as_flattened(), width, to),
    }
    pack_any(rest, width, to);
}

/// Appends eight numbers of at most eight bits.
fn pack_eight<T: Copy + Into<u32>>(numbers: &[T; GROUP], width: u32, to: &mut Vec<u8>) {
    let held = numbers
        .iter()
        .rev()
        .fold(0_u64, |held, number| held << width | u64::from((*number).into()));
    let end = to.len() + width as usize;
    // All of it, for eight octets are one move.
    to.extend_from_slice(&held.to_le_bytes());
    to.truncate(end);
}

fn pack_any<T: Copy + Into<u32>>(numbers: &[T], width: u32, to: &mut Vec<u8>) {
    let (mut held, mut bits) = (0_u64, 0);
    for number in numbers {
        held |= u64::from((*number).into()) << bits;
        bits += width;
        if bits >= u32::BITS {
            let [a, b, c, d, ..] = held.to_le_bytes();
            to.extend_from_slice(&[a, b, c, d]);
            held >>= u32::BITS;
            bits -= u32::BITS;
        }
    }
    to.extend(held.to_le_bytes().iter().take(bits.div_ceil(8) as usize));
}

/// Appends a number in groups of seven bits.
fn header(mut number: u64, to: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            return to.push(low);
        }
        to.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a reader of the format makes of it.
    fn read(mut bytes: &[u8], width: usize, count: usize) -> Vec<u32> {
        let mut numbers = Vec::new();
        while !bytes.is_empty() {
            let (mut header, mut shift) = (0_usize, 0);
            loop {
                let (first, rest) = bytes.split_first().unwrap();
                bytes = rest;
                header |= usize::from(first & 0x7f) << shift;
                shift += 7;
                if first & 0x80 == 0 {
                    break;
                }
            }
            let octets = if header & 1 == 0 { width.div_ceil(8) } else { (header >> 1) * width };
            let (value, rest) = bytes.split_at(octets);
            let bit = |at: usize| u32::from(value[at / 8] >> (at % 8) & 1);
            let number = |from: usize, w: usize| (0..w).map(|at| bit(from + at) << at).sum::<u32>();
            if header & 1 == 0 {
                numbers.extend(vec![number(0, width); header >> 1]);
            } else {
                numbers.extend((0..(header >> 1) * 8).map(|at| number(at * width, width)));
            }
            bytes = rest;
        }
        assert!(numbers.len() < count + GROUP, "no more than a group is filled up");
        numbers.truncate(count);
        numbers
    }

    proptest! {
        #[test]
        fn numbers_come_back_whatever_their_width_and_runs(
            parts in prop::collection::vec((0..40_usize, any::<u32>(), any::<bool>()), 0..20),
            bits in 0..=32_u32,
        ) {
            let mask = u32::try_from((1_u64 << bits) - 1).unwrap();
            let mut numbers = Vec::new();
            for (length, value, is_run) in parts {
                let step = if is_run { 0 } else { 0x9e37_79b9 };
                let at = |n: usize| value.wrapping_add(u32::try_from(n).unwrap().wrapping_mul(step));
                numbers.extend((0..length).map(|n| at(n) & mask));
            }
            let mut bytes = Vec::new();
            runs(&numbers, bits, &mut bytes);
            prop_assert_eq!(read(&bytes, bits as usize, numbers.len()), numbers);
        }
    }

    #[test]
    fn a_width_holds_its_largest_number() {
        assert_eq!([0, 1, 2, 3, 4, 255, 256].map(width), [0, 1, 2, 2, 3, 8, 9]);
        assert_eq!(width(u32::MAX), 32);
    }
}
