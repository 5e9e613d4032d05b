//! Seeded numbers: uniform, by weight, and along a log-normal curve with a heavy tail. A draw is a few instructions and no logarithm.

/// `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of `number` for `purpose` under `seed`: another purpose changes nothing in it.
    pub fn of(seed: u64, purpose: &str, number: u64) -> Self {
        let words = [seed.to_be_bytes(), number.to_be_bytes()].concat();
        let bytes = words.iter().chain(purpose.as_bytes());
        // FNV-1a.
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next eight octets.
    pub fn octets(&mut self) -> [u8; 8] {
        self.bits().to_be_bytes()
    }

    /// A number in `0..bound`; 0 where that is empty.
    pub fn below(&mut self, bound: u32) -> u32 {
        scaled(self.bits(), bound)
    }

    /// The same as a time or a count.
    pub fn up_to(&mut self, bound: u32) -> i64 {
        i64::from(self.below(bound))
    }

    /// Whether it happens, of a hundred times.
    pub fn percent(&mut self, times: u32) -> bool {
        self.below(100) < times
    }

    /// One of several; none where there are none.
    pub fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.below(u32::try_from(of.len()).unwrap_or(u32::MAX)) as usize)
    }

    /// Puts a list into another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..u32::try_from(list.len()).unwrap_or(u32::MAX)).rev() {
            list.swap(last as usize, self.below(last + 1) as usize);
        }
    }
}

/// The upper half of `bits` as a share of `bound`.
fn scaled(bits: u64, bound: u32) -> u32 {
    u32::try_from(((bits >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
}

/// Places drawn by weight, each in constant time (Walker's aliases).
#[derive(Debug)]
pub struct Weighted {
    /// Of each column: up to where it is itself, and who it is beyond.
    columns: Vec<(u32, u32)>,
}

impl Weighted {
    /// Of `weights`, none negative.
    pub fn new(weights: &[f64]) -> Self {
        let mean = weights.iter().sum::<f64>() / real(weights.len());
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight / mean).collect();
        let mut columns: Vec<(u32, u32)> =
            (0..).take(shares.len()).map(|at| (u32::MAX, at)).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) = (0..)
            .take(shares.len())
            .partition(|at| shares.get(*at as usize).is_some_and(|share| *share < 1.0));
        while let (Some(low), Some(high)) = (small.pop(), large.last().copied()) {
            let share = shares.get(low as usize).copied().unwrap_or_default();
            if let Some(column) = columns.get_mut(low as usize) {
                *column = (whole(share * f64::from(u32::MAX)), high);
            }
            if let Some(rest) = shares.get_mut(high as usize) {
                *rest -= 1.0 - share;
                if *rest < 1.0 {
                    large.pop();
                    small.push(high);
                }
            }
        }
        Self { columns }
    }

    /// `count` ranks of which the `n`-th weighs `n^-slope`.
    pub fn zipf(count: u32, slope: f64) -> Self {
        let weights: Vec<f64> = (1..=count).map(|rank| f64::from(rank).powf(-slope)).collect();
        Self::new(&weights)
    }

    /// One of the places.
    pub fn pick(&self, random: &mut Random) -> usize {
        let bits = random.bits();
        let at = scaled(bits, u32::try_from(self.columns.len()).unwrap_or(u32::MAX));
        let Some((own, other)) = self.columns.get(at as usize) else { return 0 };
        let lower = u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0);
        (if lower < *own { at } else { *other }) as usize
    }
}

/// Draws in a [`Curve`]'s table.
const STEPS: u32 = 1 << 14;
/// The share at the upper end that follows Pareto instead.
const TAIL: f64 = 0.01;
/// Pareto's exponent: below 2 the variance has no bound, as with the sizes of files.
const TAIL_SLOPE: f64 = 1.2;

/// Log-normal numbers around a median, the uppermost percent by Pareto.
#[derive(Debug)]
pub struct Curve(Vec<u32>);

impl Curve {
    /// With `deviation` of the logarithm, nothing above `most`.
    pub fn new(median: f64, deviation: f64, most: f64) -> Self {
        let at_tail = (normal(1.0 - TAIL) * deviation).exp() * median;
        let value = |step: u32| {
            let rank = (f64::from(step) + 0.5) / f64::from(STEPS);
            let value = if rank < 1.0 - TAIL {
                (normal(rank) * deviation).exp() * median
            } else {
                at_tail * (TAIL / (1.0 - rank)).powf(1.0 / TAIL_SLOPE)
            };
            whole(value.min(most))
        };
        Self((0..STEPS).map(value).collect())
    }

    /// A number between a value of the curve and the next.
    pub fn pick(&self, random: &mut Random) -> u32 {
        let bits = random.bits();
        let at = scaled(bits, STEPS) as usize;
        let low = self.0.get(at).copied().unwrap_or_default();
        let high = self.0.get(at + 1).copied().unwrap_or(low);
        low + scaled(bits << 32, high.saturating_sub(low).saturating_add(1))
    }
}

/// The quantile of the normal distribution (Abramowitz and Stegun 26.2.23: right to 0.0005).
fn normal(rank: f64) -> f64 {
    let tail = rank.min(1.0 - rank);
    let t = (-2.0 * tail.ln()).sqrt();
    let over = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let under = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    let distance = t - over / under;
    if rank < 0.5 { -distance } else { distance }
}

#[expect(clippy::cast_precision_loss, reason = "lists are short")]
const fn real(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "what is too large becomes the largest, and nothing is negative"
)]
const fn whole(value: f64) -> u32 {
    value as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept() {
        let weighted = Weighted::new(&[1.0, 0.0, 6.0, 3.0]);
        let mut random = Random::of(7, "test", 0);
        let mut counts = [0_u32; 4];
        for _ in 0..100_000 {
            counts[weighted.pick(&mut random)] += 1;
        }
        assert_eq!(counts[1], 0);
        for (count, expected) in counts.into_iter().zip([10_000, 0, 60_000, 30_000]) {
            assert!(count.abs_diff(expected) < 1_000, "{counts:?}");
        }
    }

    #[test]
    fn a_curve_has_its_median_and_a_heavy_tail() {
        let curve = Curve::new(1_000.0, 1.5, 1e9);
        let mut random = Random::of(7, "test", 0);
        let mut drawn: Vec<u32> = (0..100_000).map(|_| curve.pick(&mut random)).collect();
        drawn.sort_unstable();
        assert!(drawn[50_000].abs_diff(1_000) < 50, "{}", drawn[50_000]);
        assert!(drawn[99_990] > 20 * drawn[99_000], "{} {}", drawn[99_990], drawn[99_000]);
    }
}
