//! A message that comes in pieces, in any order, twice or overlapping: what stood first stays.

/// Longest message that is put together: a post-quantum client hello has 1.8 kB.
pub(crate) const MESSAGE_MAX: usize = 4_096;
/// Runs of octets with nothing between them, at a time.
const RUNS_MAX: usize = 16;

/// Octets by their offset, within [`MESSAGE_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pieces {
    bytes: Vec<u8>,
    /// Begin and end of each run, apart and in order.
    runs: Vec<(usize, usize)>,
}

impl Pieces {
    /// Takes a piece; `false` where it lies beyond what is put together, wholly or in part, or is one gap too many.
    pub(crate) fn add(&mut self, offset: usize, piece: &[u8]) -> bool {
        let end = offset.saturating_add(piece.len()).min(MESSAGE_MAX);
        let is_whole = offset.saturating_add(piece.len()) <= MESSAGE_MAX;
        if offset >= end {
            return is_whole;
        }
        let joined = self.runs.iter().any(|(from, to)| *from <= end && offset <= *to);
        if !joined && self.runs.len() >= RUNS_MAX {
            return false;
        }
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        // Between the runs only: whoever sends other octets for the same place later changes nothing.
        let mut at = offset;
        for &(from, to) in &self.runs {
            copy(&mut self.bytes, piece, offset, (at, end.min(from)));
            at = at.max(to);
        }
        copy(&mut self.bytes, piece, offset, (at, end));
        self.join(offset, end);
        is_whole
    }

    fn join(&mut self, from: usize, to: usize) {
        let (mut from, mut to) = (from, to);
        self.runs.retain(|&(run_from, run_to)| {
            let touches = run_from <= to && from <= run_to;
            if touches {
                (from, to) = (from.min(run_from), to.max(run_to));
            }
            !touches
        });
        let place = self.runs.partition_point(|run| run.0 < from);
        self.runs.insert(place, (from, to));
    }

    /// What is there from the beginning, without a gap.
    pub(crate) fn beginning(&self) -> &[u8] {
        let end = self.runs.first().filter(|run| run.0 == 0).map_or(0, |run| run.1);
        self.bytes.get(..end).unwrap_or_default()
    }

    /// Lets go of the first octets; what follows moves to the beginning.
    pub(crate) fn skip(&mut self, octets: usize) {
        self.bytes.drain(..octets.min(self.bytes.len()));
        for (from, to) in &mut self.runs {
            (*from, *to) = (from.saturating_sub(octets), to.saturating_sub(octets));
        }
        self.runs.retain(|(from, to)| from < to);
    }

    /// Where the first gap ends, if there is one.
    pub(crate) fn gap_end(&self) -> Option<usize> {
        self.runs.iter().map(|run| run.0).find(|from| *from > 0)
    }

    /// The runs that follow a gap.
    pub(crate) fn apart(&self) -> impl Iterator<Item = &[u8]> {
        let runs = self.runs.iter().filter(|run| run.0 > 0);
        runs.filter_map(|run| self.bytes.get(run.0..run.1))
    }

    /// Whether nothing is there.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// Octets of memory that hang on it.
    pub(crate) fn octets(&self) -> usize {
        self.bytes.capacity() + self.runs.capacity() * size_of::<(usize, usize)>()
    }
}

/// Copies the part `from..to` of a piece that begins at `offset`.
fn copy(bytes: &mut [u8], piece: &[u8], offset: usize, (from, to): (usize, usize)) {
    if let Some(target) = bytes.get_mut(from..to.max(from))
        && let Some(source) = piece.get(from.saturating_sub(offset)..)
        && let Some(source) = source.get(..target.len())
    {
        target.copy_from_slice(source);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_order_gives_what_stood_first(
            pieces in prop::collection::vec((0..5_000_usize, prop::collection::vec(any::<u8>(), 0..1_500)), 0..14),
        ) {
            let mut put = Pieces::default();
            let mut slow: Vec<Option<u8>> = vec![None; MESSAGE_MAX];
            for (offset, piece) in &pieces {
                let whole = put.add(*offset, piece);
                prop_assert_eq!(whole, offset + piece.len() <= MESSAGE_MAX);
                for (place, octet) in slow.iter_mut().skip(*offset).zip(piece) {
                    place.get_or_insert(*octet);
                }
            }
            let beginning: Vec<u8> = slow.iter().map_while(|octet| *octet).collect();
            prop_assert_eq!(put.beginning(), &beginning);
        }
    }

    #[test]
    fn gaps_are_bounded() {
        let mut put = Pieces::default();
        for gap in 0..RUNS_MAX {
            assert!(put.add(gap * 10 + 1, &[7; 3]));
        }
        assert!(!put.add(1_000, &[7]));
        assert!(put.add(0, &[1; 12]), "what joins runs is taken");
        assert!(put.add(1_000, &[7]));
        assert_eq!(put.beginning(), [[1].as_slice(), &[7; 3], &[1; 7], &[7; 3]].concat());
        assert!(put.octets() < 3 * MESSAGE_MAX);
        put.skip(20);
        assert_eq!((put.beginning(), put.gap_end()), ([].as_slice(), Some(1)));
        put.skip(2_000);
        assert!(put.is_empty());
    }
}
