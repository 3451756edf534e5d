//! Small languages: recipes, arguments, URL templates, date formats, times.

use arcoforge_core::axis::Key;
use arcoforge_core::block::Block;
use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::cftime::{TimeUnits, common_units, is_time};
use arcoforge_core::dtype::{DataType, Scalar};
use arcoforge_core::expr::{Expr, Operand};
use arcoforge_core::strftime::Strftime;
use arcoforge_core::template::Template;
use arcoforge_core::units::Unit;

/// Words of recipes.
pub(super) const RECIPE: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ": ",
    "- ",
    "\n",
    "\n  ",
    "\"",
    "'",
    "&a ",
    "*a",
    "~",
    "now",
    "found",
    "-1",
    "0",
    "99999999999999999999",
    "{time}",
    "%Y",
    "é",
    "\u{0}",
    "\t",
    "#",
    "|\n",
    ">-\n",
    "!!int ",
    "<<: ",
    "1e999",
    ".nan",
    "0000-00-00",
    "(?<",
    "@",
    "\u{feff}",
    "axes:",
    "concat:",
    "merge:",
    "from:",
    "to:",
    "every:",
    "1 day",
    "month",
    "source:",
    "url:",
    "files:",
    "find:",
    "glob:",
    "regex:",
    "parse:",
    "steps:",
    "rename:",
    "output:",
    "chunks:",
    "shards:",
    "codecs:",
    "combine:",
    "checks:",
    "matrix:",
    "values:",
    "{matrix.a}",
    "csv:",
    "name:",
    "mask:",
    "subset:",
    "bbox:",
    "set:",
    "hypot(u, v)",
    "level: warn",
    "checksums:",
    "update:",
    "test:",
    "1981-09-01",
    "9223372036854775807",
];
/// Words of templates.
pub(super) const TEMPLATE: &[&str] = &[
    "{",
    "}",
    "{{",
    "}}",
    "time",
    "n",
    "name",
    ".dir",
    ":",
    "%Y",
    "%j",
    "%m",
    "03d",
    "+1d",
    "-1month",
    "+99999999999y",
    "minute_of_day(",
    "year_end(",
    "month_end(",
    "min(",
    "max(",
    ")",
    ",",
    "9999999999999999999999d",
    "é",
    "(((((((((((((((((((((",
];
/// Words of date formats.
pub(super) const STRFTIME: &[&str] = &[
    "%Y", "%m", "%d", "%H", "%M", "%S", "%j", "%y", "%b", "%B", "%%", "%", "%q", "2000", "31", "366", "é",
    "\n", "-1",
];
/// Words of times.
pub(super) const CFTIME: &[&str] = &[
    "days",
    "hours",
    "months",
    "years",
    "nanoseconds",
    " since ",
    "1-1-1",
    "0000-01-01",
    "-99999999999999999999",
    "9223372036854775807-01-01",
    "1582-10-10",
    "T",
    "Z",
    "+99:99",
    "-00:00",
    "24:00:60",
    ".123456789012345678",
    "noleap",
    "360_day",
    "gregorian",
    "\n",
    "NaN",
    "1e308",
    "inf",
    "-1",
    "UTC",
    "é",
];

/// Words of expressions.
pub(super) const EXPRESSION: &[&str] = &[
    "u",
    "v",
    "`a b`",
    "hypot(",
    "where(",
    "convert(",
    "\"K\"",
    "'m'",
    ")",
    ",",
    "+",
    "-",
    "*",
    "/",
    "//",
    "%",
    "**",
    "<=",
    "==",
    "and",
    "or",
    "not",
    "missing",
    "pi",
    "1e308",
    "0",
    "((((((((((((((((",
    "clip(",
    "min(",
    "é",
];
/// Words of units.
pub(super) const UNITS: &[&str] = &[
    "m",
    "s-1",
    "K",
    "degC",
    "@",
    "^",
    "**",
    "/",
    ".",
    " ",
    "(",
    ")",
    "lg(re ",
    "dBZ",
    "1e308",
    "-99",
    "micro",
    "°",
    "µ",
    "²",
    "since",
    "%",
    "\n",
    "((((((((((((((((",
];

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// Reads a recipe, and shows its problems.
pub(super) fn recipe(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match arcoforge_recipe::parse_all(text, "recipe.yaml") {
        Ok((_, warnings)) => warnings.iter().for_each(|w| assert!(!w.render(text, "recipe.yaml").is_empty())),
        Err(problems) => {
            assert!(!problems.is_empty());
            problems.iter().for_each(|p| assert!(!p.render(text, "recipe.yaml").is_empty()));
        }
    }
}

/// Reads an expression, checks its units and computes it.
pub(super) fn expression(data: &[u8]) {
    let Some(Ok(expression)) = text(data).map(Expr::parse) else { return };
    let units = |name: &str| Unit::parse(if name.len() > 1 { "K" } else { "m s-1" }).ok();
    let _ = expression.units(&units);
    let Ok(program) = expression.compile(&units) else { return };
    let values = [0.0, -1.5, f64::NAN, f64::INFINITY, 1e308];
    let value = |name: &str| match name.len() {
        1 => Some(Operand::Slice(&values)),
        2 => Some(Operand::Scalar(2.0)),
        _ => None,
    };
    if let Ok(found) = program.evaluate(values.len(), &value) {
        assert_eq!(found.len(), values.len());
    }
}

/// A unit in each line; each is converted to the next.
pub(super) fn units(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let units: Vec<Unit> = text.lines().take(16).filter_map(|line| Unit::parse(line).ok()).collect();
    for pair in units.windows(2) {
        let [a, b] = pair else { continue };
        if let Some(conversion) = a.conversion_to(b) {
            let _ = conversion.inverse().apply(conversion.apply(1.0));
        }
        let _ = (a.mul(b), a.div(b), a.powi(3), a.root(2));
        assert!(!a.to_string().is_empty());
    }
}

/// Reads what stands on a command line.
pub(super) fn arguments(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let _ = arcoforge_recipe::parse_step(text);
    let _ = arcoforge_recipe::parse_policy(text);
    let _ = arcoforge_recipe::parse_chunks(text);
    let _ = arcoforge_recipe::parse_take(text);
    let _ = arcoforge_recipe::parse_bytes(text);
    let _ = arcoforge_recipe::parse_codecs(text);
    let _ = arcoforge_recipe::parse_format(text);
}

/// Reads a template, and writes a URL.
pub(super) fn template(data: &[u8]) {
    let Some(Ok(template)) = text(data).map(Template::parse) else { return };
    let _ = template.axes();
    let _ = template.check(&[]);
    let dates = ["2000-06-01T23:30", "0001-01-01", "9999-12-31T23:59:59"];
    let dates = dates.iter().filter_map(|text| DateTime::parse(text, Calendar::Standard).ok()).map(Key::Date);
    for (date, number) in dates.zip([0, i64::MAX, i64::MIN]) {
        let keys = [("time", &date), ("n", &Key::Int(number)), ("name", &Key::Text("a/../b c".into()))];
        for calendar in [Calendar::Standard, Calendar::Day360, Calendar::NoLeap] {
            let _ = template.render(&keys, calendar);
        }
    }
}

/// A format in the first line, a text in the second.
pub(super) fn strftime(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (format, text) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(format) = Strftime::parse(format) else { return };
    for calendar in [Calendar::Standard, Calendar::Day360, Calendar::NoLeap] {
        if let Ok(date) = format.read(text, calendar) {
            let _ = format.format(&date, calendar);
        }
    }
}

/// Units in the first line, a calendar in the second, a number in each further one.
pub(super) fn cftime(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut lines = text.lines();
    let units = lines.next().unwrap_or_default();
    let _ = is_time(units);
    let calendar = lines.next().filter(|name| !name.is_empty());
    let _ = DateTime::parse(units, Calendar::Standard);
    let Ok(units) = TimeUnits::parse(units, calendar) else { return };
    assert!(!units.to_string().is_empty());
    let values: Vec<f64> = lines.take(64).filter_map(|line| line.parse().ok()).collect();
    let mut times = Vec::new();
    for value in &values {
        let whole = Scalar::Int(*value as i64);
        for scalar in [Scalar::Float(*value), whole] {
            if let Ok(Some(instant)) = units.decode_one(&scalar) {
                let _ = units.encode(instant);
                let _ = units.date(instant).map(|date| date.to_string());
                times.push(Some(instant));
            }
        }
    }
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let block = Block::from_bytes(DataType::Float64, vec![values.len() as u64], bytes);
    let _ = units.decode(&block, &[Scalar::Float(0.0)]);
    let _ = units.decode_months(&block, &[]);
    for calendar in [Calendar::Standard, Calendar::NoLeap, Calendar::Day360] {
        let _ = units.convert(&times, calendar);
    }
    let _ = common_units(&[(units, times.clone()), (units, times)]);
}
