//! Numbers in messages: as short as they can be, and with the noun that fits their count.

use std::fmt;

/// A number in the fewest digits that read back as it, with an exponent where zeros alone would fill the line.
///
/// ```
/// use arcoforge_core::figures::Short;
///
/// assert_eq!(Short(1e300).to_string(), "1e300");
/// assert_eq!(Short(1400.0).to_string(), "1400");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Short(pub f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        match size == 0.0 || !size.is_finite() || (1e-4..1e16).contains(&size) {
            true => fmt::Display::fmt(&self.0, f),
            false => fmt::LowerExp::fmt(&self.0, f),
        }
    }
}

/// `1 file`, `2 files`: a count with its noun, whose plural ends in `s`.
pub fn counted(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {}", plural(number, noun))
}

/// A noun as it stands behind a count; its plural ends in `s`.
pub fn plural(number: u64, noun: &str) -> String {
    format!("{noun}{}", if number == 1 { "" } else { "s" })
}

/// The end of a list that names the first of many: `before` and `and 3 more`; nothing where there are none.
pub fn and_more(before: &str, more: u64) -> String {
    if more > 0 { format!("{before}and {more} more") } else { String::new() }
}

/// The first items of many, and how many more there are: `a, b and 3 more`, `a; b; and 3 more`.
pub fn first_of<T: fmt::Display>(items: impl IntoIterator<Item = T>, most: usize, between: &str) -> String {
    let mut items = items.into_iter();
    let first: Vec<String> = items.by_ref().take(most).map(|item| item.to_string()).collect();
    let before = if between == ", " { " " } else { between };
    first.join(between) + &and_more(before, items.count() as u64)
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_read_back() {
        let rows = [
            (0.0, "0"),
            (-0.0, "-0"),
            (10.0, "10"),
            (0.1, "0.1"),
            (-273.15, "-273.15"),
            (9_999_999_999_999_998.0, "9999999999999998"),
            (1e16, "1e16"),
            (1e300, "1e300"),
            (-f64::MAX, "-1.7976931348623157e308"),
            (9.969_209_968_386_869e36, "9.969209968386869e36"),
            (1e-4, "0.0001"),
            (2.5e-5, "2.5e-5"),
            (5e-324, "5e-324"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, expected) in rows {
            assert_eq!(Short(number).to_string(), expected);
            assert!(number.is_nan() || expected.parse::<f64>() == Ok(number), "{expected}");
        }
        assert_eq!(format!("{:+} {:+}", Short(1.0), Short(1e30)), "+1 +1e30");
    }

    #[test]
    fn lists_end_where_they_are_long() {
        let rows: [(&[&str], usize, &str, &str); 8] = [
            (&[], 2, ", ", ""),
            (&["a"], 2, ", ", "a"),
            (&["a", "b"], 2, ", ", "a, b"),
            (&["a", "b", "c"], 2, ", ", "a, b and 1 more"),
            (&["a", "b", "c", "d", "e"], 2, ", ", "a, b and 3 more"),
            (&["a", "b"], 2, "; ", "a; b"),
            (&["a", "b", "c"], 2, "; ", "a; b; and 1 more"),
            (&["a", "b", "c"], 1, "; ", "a; and 2 more"),
        ];
        for (items, most, between, expected) in rows {
            assert_eq!(first_of(items, most, between), expected);
        }
        assert_eq!([and_more(" … ", 0), and_more(" … ", 12)], ["", " … and 12 more"]);
    }

    #[test]
    fn nouns_fit_their_counts() {
        let rows = [(0u64, "0 files"), (1, "1 file"), (2, "2 files"), (4998, "4998 files")];
        for (number, expected) in rows {
            assert_eq!(counted(number, "file"), expected);
        }
    }
}
