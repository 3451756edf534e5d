//! Section 7.3: the language of `cell_methods`.

use super::linter::Linter;
use super::standard_names::canonical_units;
use super::units::unknown_unit;
use crate::schema::base_name;
use crate::target::ArraySpec;

/// Appendix E.
const METHODS: [&str; 17] = [
    "point",
    "sum",
    "maximum",
    "maximum_absolute_value",
    "median",
    "mid_range",
    "minimum",
    "minimum_absolute_value",
    "mean",
    "mean_absolute_value",
    "mean_of_upper_decile",
    "mode",
    "range",
    "root_mean_square",
    "standard_deviation",
    "sum_of_squares",
    "variance",
];

/// One `NAME: [NAME: ...] METHOD`.
#[derive(Debug, Default, PartialEq, Eq)]
struct CellMethod<'a> {
    names: Vec<&'a str>,
    method: &'a str,
    /// What stands in parentheses.
    notes: Option<&'a str>,
}

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    let Some(text) = linter.text("7.3", array, "cell_methods") else { return };
    let methods = match parse(text) {
        Ok(methods) => methods,
        Err(why) => return linter.must("7.3", array, format!("`cell_methods` is \"{text}\": {why}")),
    };
    for CellMethod { names, method, notes } in methods {
        if !METHODS.contains(&method) {
            let near = crate::names::nearest(method, METHODS);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            linter.must(
                "7.3",
                array,
                format!("`cell_methods` has the method `{method}`, which appendix E does not{near}"),
            );
        }
        for name in names {
            let scalar = |found: &ArraySpec| found.dims.is_empty() || found.shape.iter().all(|n| *n == 1);
            let known = array.dims.iter().any(|dim| dim == name)
                || name == "area"
                || canonical_units(name).is_some()
                || linter.find(name, array).is_some_and(scalar);
            // a dimension that was squeezed away has left its name
            if !known && !linter.dataset.arrays.iter().any(|a| base_name(&a.name) == name) {
                let message = format!(
                    "`cell_methods` names `{name}`, which is no dimension, scalar coordinate or standard name"
                );
                linter.must("7.3", array, message);
            }
        }
        if let Some(why) = notes.and_then(intervals) {
            linter.must("7.3.2", array, format!("`cell_methods` is \"{text}\": {why}"));
        }
    }
}

/// Whether the values' units are others than those of what is described (appendix E).
pub(super) fn changes_units(text: &str) -> bool {
    text.split_whitespace().any(|word| ["variance", "sum_of_squares", "sum"].contains(&word))
}

fn parse(text: &str) -> Result<Vec<CellMethod<'_>>, String> {
    let mut rest = text.trim();
    let mut out = Vec::new();
    if rest.is_empty() {
        return Err("it is empty".into());
    }
    while !rest.is_empty() {
        let mut entry = CellMethod::default();
        while let Some((name, after)) = word(rest).and_then(|(w, after)| Some((w.strip_suffix(':')?, after)))
        {
            entry.names.push(name);
            rest = after;
        }
        if entry.names.is_empty() {
            return Err(format!("expected `NAME: METHOD` at `{rest}`"));
        }
        let (method, after) =
            word(rest).filter(|(w, _)| !w.starts_with('(')).ok_or("expected a method after the last name")?;
        (entry.method, rest) = (method, after);
        while let Some((keyword, after)) = word(rest).filter(|(w, _)| ["where", "over", "within"].contains(w))
        {
            let (_, after) = word(after)
                .filter(|(w, _)| !w.ends_with(':'))
                .ok_or_else(|| format!("expected a word after `{keyword}`"))?;
            rest = after;
        }
        if let Some(inside) = rest.strip_prefix('(') {
            let (notes, after) = inside.split_once(')').ok_or("a parenthesis is not closed")?;
            entry.notes = Some(notes);
            rest = after.trim_start();
        }
        out.push(entry);
    }
    Ok(out)
}

fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end)?;
    (!word.is_empty()).then(|| (word, rest.trim_start()))
}

/// What is wrong with `interval: 1 hr` in parentheses.
fn intervals(notes: &str) -> Option<String> {
    let standard = notes.split("comment:").next().unwrap_or_default();
    for interval in standard.split("interval:").skip(1) {
        let (number, unit) = interval.trim().split_once(char::is_whitespace).unwrap_or((interval.trim(), ""));
        if number.parse::<f64>().is_err() {
            return Some(format!("expected a number after `interval:`, found `{number}`"));
        }
        if let Some(why) = unknown_unit(unit.trim()) {
            return Some(format!("the interval's unit `{}` is not known: {why}", unit.trim()));
        }
    }
    None
}
