//! Whether a probe that ran for long stayed as it was: memory, threads, descriptors, balance.

/// Seconds in which the traffic of a soak comes round.
const MINUTE: u64 = 60;

/// The probe at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Since the soak began.
    pub(crate) second: u64,
    /// Memory it has, KiB.
    pub(crate) memory_kib: u64,
    pub(crate) threads: u64,
    pub(crate) descriptors: u64,
    /// Difference of its ledger so far.
    pub(crate) balance_error: i64,
    pub(crate) seen: i64,
    pub(crate) drops: i64,
    pub(crate) rows_lost: i64,
    pub(crate) flows: i64,
}

/// What many samples say.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    /// Growth of memory over the last two thirds.
    pub(crate) slope: Slope,
    /// Least and most threads in the last two thirds.
    pub(crate) threads: [u64; 2],
    /// Least and most descriptors.
    pub(crate) descriptors: [u64; 2],
    /// What is wrong, if anything is.
    pub(crate) faults: Vec<String>,
}

/// A line through the means of minutes, for the traffic of a soak repeats each minute and memory with it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Slope {
    /// By least squares, KiB in an hour.
    pub(crate) kib_per_hour: f64,
    /// Its standard error.
    pub(crate) error: f64,
}

#[expect(clippy::cast_precision_loss, reason = "seconds and KiB are far below 2^53")]
fn slope(samples: &[Sample]) -> Option<Slope> {
    let minutes: Vec<(f64, f64)> = samples
        .chunk_by(|a, b| a.second / MINUTE == b.second / MINUTE)
        .map(|minute| {
            let count = minute.len() as f64;
            let sum = |of: fn(&Sample) -> u64| minute.iter().map(of).sum::<u64>() as f64;
            (sum(|sample| sample.second) / count, sum(|sample| sample.memory_kib) / count)
        })
        .collect();
    let count = minutes.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| minutes.iter().map(of).sum::<f64>() / count;
    let (x_mean, y_mean) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = minutes.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    if minutes.len() < 3 || spread <= 0.0 {
        return None;
    }
    let above: f64 = minutes.iter().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    let steep = above / spread;
    let beside = |(x, y): &(f64, f64)| (y - y_mean - steep * (x - x_mean)).powi(2);
    let error = (minutes.iter().map(beside).sum::<f64>() / (count - 2.0) / spread).sqrt();
    Some(Slope { kib_per_hour: steep * 3_600.0, error: error * 3_600.0 })
}

fn range(samples: &[Sample], of: fn(&Sample) -> u64) -> [u64; 2] {
    let values = || samples.iter().map(of);
    [values().min().unwrap_or_default(), values().max().unwrap_or_default()]
}

/// Judges the last two thirds; the balance all through. What opens and closes again is no growth: threads and descriptors grow when the least of
/// the last third is more than the least of the third before it, and memory grows when its slope is above the limit by two standard errors.
pub(crate) fn judge(samples: &[Sample], slope_max: f64) -> Verdict {
    let late = samples.get(samples.len() / 3..).unwrap_or_default();
    let (middle, last) = late.split_at(late.len() / 2);
    let slope = slope(late);
    let mut faults = Vec::new();
    match slope {
        Some(Slope { kib_per_hour, error }) if kib_per_hour - 2.0 * error <= slope_max => {}
        Some(slope) => faults.push(format!("memory grows by {:.0} KiB/h", slope.kib_per_hour)),
        None => faults.push("too few samples for a slope".to_owned()),
    }
    for (name, of) in [
        ("threads", (|sample| sample.threads) as fn(&Sample) -> u64),
        ("descriptors", |sample| sample.descriptors),
    ] {
        let [[before, _], [after, _]] = [range(middle, of), range(last, of)];
        if !middle.is_empty() && after > before {
            faults.push(format!("{name} grow from {before} to {after}"));
        }
    }
    if let Some(sample) = samples.iter().find(|sample| sample.balance_error != 0) {
        faults.push(format!("the balance was {} at {} s", sample.balance_error, sample.second));
    }
    if let Some(rows) = samples.last().map(|sample| sample.rows_lost).filter(|rows| *rows != 0) {
        faults.push(format!("{rows} rows were lost"));
    }
    Verdict {
        slope: slope.unwrap_or_default(),
        threads: range(late, |sample| sample.threads),
        descriptors: range(late, |sample| sample.descriptors),
        faults,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(memory: impl Fn(u64) -> u64, threads: impl Fn(u64) -> u64) -> Vec<Sample> {
        let sample = |second| Sample {
            second,
            memory_kib: memory(second),
            threads: threads(second),
            descriptors: 20 + second / 10 % 3,
            ..Sample::default()
        };
        (0..60).map(|tenth| sample(tenth * 10)).collect()
    }

    #[test]
    fn what_levels_off_is_flat() {
        let verdict = judge(&samples(|second| 1_000 + second.min(150) * 10, |_| 6), 1.0);
        assert!(verdict.faults.is_empty(), "{verdict:?}");
        assert!(verdict.slope.kib_per_hour.abs() < 1e-6);
        assert_eq!((verdict.threads, verdict.descriptors), ([6, 6], [20, 22]));
    }

    #[test]
    fn what_comes_and_goes_is_no_growth() {
        let waves = |second: u64| 1_000_000 + second * 7_919 % 15_013;
        let verdict = judge(&samples(waves, |_| 6), 1_000.0);
        assert!(verdict.faults.is_empty(), "{verdict:?}");
        assert!(verdict.slope.error > 1_000.0, "{verdict:?}");
    }

    #[test]
    fn what_grows_is_told() {
        let grown = judge(&samples(|second| 1_000 + second, |second| 6 + second / 500), 3_599.0);
        assert!((grown.slope.kib_per_hour - 3_600.0).abs() < 1e-6);
        assert_eq!(grown.faults.len(), 1, "{grown:?}");
        let leak = judge(&samples(|_| 1_000, |second| 6 + second / 100), 1.0);
        assert_eq!(leak.faults, ["threads grow from 8 to 10"]);
    }

    #[test]
    fn one_moment_off_balance_is_enough() {
        let mut samples = samples(|_| 1_000, |_| 6);
        samples[3].balance_error = -1;
        samples[59].rows_lost = 4;
        let faults = judge(&samples, 1.0).faults;
        assert_eq!(faults, ["the balance was -1 at 30 s", "4 rows were lost"]);
        assert_eq!(judge(&samples[..1], 1.0).faults, ["too few samples for a slope"]);
    }
}
