//! Durations and sizes as people write them: `90s`, `5m`, `2h`; `512MiB`, `2GB`.

use std::time::Duration;

/// A duration of at least a millisecond.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let units = [("ms", 1), ("s", 1_000), ("min", 60_000), ("m", 60_000), ("h", 3_600_000)];
    match scaled(text, &units) {
        Some(millis) if millis > 0 => Ok(Duration::from_millis(millis)),
        _ => Err("write it with a unit, such as 500ms, 60s, 5m or 2h".to_owned()),
    }
}

/// A size in octets.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let units = [
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("B", 1),
    ];
    let octets = scaled(text, &units).filter(|octets| *octets > 0);
    octets
        .and_then(|octets| usize::try_from(octets).ok())
        .ok_or_else(|| "write it with a unit, such as 512MiB or 2GB".to_owned())
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    units.iter().find_map(|(unit, scale)| {
        let number = text.trim().strip_suffix(unit)?.trim_end();
        number.parse::<u64>().ok()?.checked_mul(*scale)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("60s"), Ok(Duration::from_mins(1)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("2 h"), Ok(Duration::from_hours(2)));
        assert_eq!(size("1GiB"), Ok(1 << 30));
        assert_eq!(size("3MB"), Ok(3_000_000));
        assert_eq!(size("7B"), Ok(7));
        for bad in ["", "60", "s", "-1s", "1.5h", "0s", "99999999999999999999h", "1 week"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
        for bad in ["", "1", "GiB", "-1MiB", "0B", "99999999999TiB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
