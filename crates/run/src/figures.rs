//! Numbers for people: bytes, times, counts.

use std::time::Duration;

use arcoforge_core::figures::plural;

/// Bytes with a decimal unit and three digits: `999 B`, `1.23 MB`.
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or("B");
    match (unit, value) {
        (0, _) => format!("{count} B"),
        (_, v) if v < 9.995 => format!("{v:.2} {name}"),
        (_, v) if v < 99.95 => format!("{v:.1} {name}"),
        (_, v) => format!("{v:.0} {name}"),
    }
}

/// A time with one decimal of seconds, or minutes and hours.
pub fn duration(time: Duration) -> String {
    let secs = time.as_secs();
    match secs {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        60..3600 => format!("{} min {:02} s", secs / 60, secs % 60),
        _ => format!("{} h {:02} min", secs / 3600, secs / 60 % 60),
    }
}

/// `1 file`, `2 files`.
pub fn count(number: u64, noun: &str) -> String {
    let mut digits = number.to_string();
    let mut at = digits.len();
    while at > 3 {
        at -= 3;
        digits.insert(at, ',');
    }
    format!("{digits} {}", plural(number, noun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let rows = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (12_345_678, "12.3 MB"),
        ];
        for (number, expected) in rows {
            assert_eq!(bytes(number), expected, "{number}");
        }
        let rows = [(400, "0.4 s"), (61_000, "1 min 01 s"), (7_260_000, "2 h 01 min")];
        for (ms, expected) in rows {
            assert_eq!(duration(Duration::from_millis(ms)), expected, "{ms}");
        }
        let rows = [(1, "1 file"), (0, "0 files"), (999, "999 files"), (1_234_567, "1,234,567 files")];
        for (number, expected) in rows {
            assert_eq!(count(number, "file"), expected, "{number}");
        }
    }
}
