//! Numbers as people read them.

/// An integer with thin groups: `1 234 567`.
pub fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    if number < 0 {
        text.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A narrow space that does not break.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// Octets in decimal units, three digits: `1.23 MB`.
pub fn octets(bytes: i64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes.unsigned_abs() < 1_000 {
        return format!("{bytes} B");
    }
    let mut unit = 1_000_i128;
    for name in UNITS {
        // The next unit begins where three digits would round up to 1000.
        if i128::from(bytes.unsigned_abs()) * 10 < unit * 9_995 || name == "EB" {
            let hundredths = (i128::from(bytes) * 1_000 / unit + 5).div_euclid(10);
            let whole = hundredths / 100;
            return match whole {
                0..10 => format!("{whole}.{:02} {name}", hundredths % 100),
                10..100 => {
                    let tenths = (i128::from(bytes) * 100 / unit + 5).div_euclid(10);
                    format!("{}.{} {name}", tenths / 10, tenths % 10)
                }
                _ => format!("{} {name}", (i128::from(bytes) * 10 / unit + 5).div_euclid(10)),
            };
        }
        unit *= 1_000;
    }
    String::new()
}

/// A percentage: `12.3 %`; what is there but tiny is `< 0.1 %`.
pub fn percentage(percent: f64) -> String {
    if percent <= 0.0 {
        "0 %".to_owned()
    } else if percent < 0.05 {
        "< 0.1 %".to_owned()
    } else {
        format!("{percent:.1} %")
    }
}

/// Millionths as a percentage with all digits there are, for limits are judged by it: `0.1001 %`.
pub(crate) fn millionths(ppm: i64) -> String {
    let sign = if ppm < 0 { "−" } else { "" };
    let (whole, rest) = (ppm.unsigned_abs() / 10_000, ppm.unsigned_abs() % 10_000);
    let digits = format!("{whole}.{rest:04}");
    format!("{sign}{} %", digits.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_have_three_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (1_234_567, "1.23 MB"),
            (12_345_678, "12.3 MB"),
            (123_456_789, "123 MB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (4_800_000_000, "4.80 GB"),
            (i64::MAX, "9.22 EB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(octets(bytes), text);
        }
    }

    #[test]
    fn digits_stand_in_groups() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(-1_234_567), "−1\u{202f}234\u{202f}567");
    }

    #[test]
    fn millionths_keep_their_digits() {
        let shown = [0, 1, 1_001, 990_000, 999_999, 1_000_000].map(millionths);
        assert_eq!(shown, ["0 %", "0.0001 %", "0.1001 %", "99 %", "99.9999 %", "100 %"]);
    }

    #[test]
    fn small_shares_are_not_nothing() {
        assert_eq!(
            [percentage(0.0), percentage(0.01), percentage(12.34)],
            ["0 %", "< 0.1 %", "12.3 %"]
        );
    }
}
