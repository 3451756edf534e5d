//! Numbers that are no points of their unit's scale: differences of such (anomalies, ranges, deviations), which an
//! offset would move, and squares (variances), which take the square of a factor too.

use super::numbers::Member;
use crate::schema::Variable;
use crate::units::Conversion;

/// Why a conversion would be wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// The attribute that says so.
    pub(super) attribute: &'static str,
    /// Its text.
    pub(super) text: String,
    /// Squares, of which the units of files can't be told for certain; else differences.
    pub(super) squared: bool,
}

/// Methods of `cell_methods` whose results are squares.
const SQUARES: [&str; 2] = ["variance", "sum_of_squares"];
/// Methods whose results an offset would move.
const MOVED: [&str; 7] = [
    "standard_deviation",
    "range",
    "sum",
    "root_mean_square",
    "maximum_absolute_value",
    "minimum_absolute_value",
    "mean_absolute_value",
];
/// Words in a standard name of squares.
const SQUARE_WORDS: [&str; 3] = ["square", "squared", "variance"];
/// Words in a standard name of differences.
const DIFFERENCE_WORDS: [&str; 11] = [
    "anomaly",
    "tendency",
    "change",
    "difference",
    "increment",
    "error",
    "bias",
    "deviation",
    "uncertainty",
    "range",
    "gradient",
];

/// What says that these conversions would be wrong for a variable: squares keep any change of scale out, differences
/// what is more than a factor.
pub(super) fn against<'a>(
    members: &[Member],
    mut conversions: impl Iterator<Item = &'a Conversion>,
) -> Option<Mark> {
    let marks: Vec<Mark> = members.iter().filter_map(|member| mark(&member.var)).collect();
    let squares = marks.iter().find(|mark| mark.squared);
    let factor = |c: &Conversion| c.is_identity() || matches!(c, Conversion::Linear(l) if l.offset == 0.0);
    squares.or_else(|| marks.first().filter(|_| !conversions.all(factor))).cloned()
}

/// What says that a variable's numbers are no points of a scale; squares before differences.
fn mark(var: &Variable) -> Option<Mark> {
    let of = |attribute: &'static str, squares: &[&str], moved: &[&str]| {
        let text = var.attrs.text(attribute)?;
        let words = match attribute {
            "cell_methods" => methods(text),
            _ => text.split(['_', ' ']).map(str::to_ascii_lowercase).collect(),
        };
        let any = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
        let squared = any(squares);
        (squared || any(moved)).then(|| Mark { attribute, text: text.to_owned(), squared })
    };
    let methods = of("cell_methods", &SQUARES, &MOVED);
    let name = of("standard_name", &SQUARE_WORDS, &DIFFERENCE_WORDS);
    let squares = [&methods, &name].into_iter().flatten().find(|mark| mark.squared).cloned();
    squares.or(methods).or(name)
}

/// The words of `time: lat: variance (interval: 1 day)` that stand after names, without comments.
fn methods(text: &str) -> Vec<String> {
    let mut depth = 0_u32;
    let kept: String = text
        .chars()
        .filter(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => return depth == 0,
            }
            false
        })
        .collect();
    kept.split_whitespace().filter(|word| !word.ends_with(':')).map(str::to_ascii_lowercase).collect()
}
