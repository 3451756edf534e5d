//! `checks`: what must hold of the dataset. Each item has one rule as its key, and may have a `level`.

use std::borrow::Cow;

use arcoforge_core::axis::Every;
use arcoforge_core::code::Code;
use arcoforge_core::figures::Short;
use arcoforge_core::recipe::{Check, CheckRule, Level};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::diagnostic::Diagnostic;
use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Number, Read, Text, suggest};
use crate::scalar::Raw;
use crate::values::{Flag, Real, choice, entries, names};

/// One rule of the language.
pub(crate) struct RuleRow {
    /// The key.
    pub(crate) name: &'static str,
    /// What must hold, one phrase.
    pub(crate) holds: &'static str,
    /// Values that it takes, as YAML.
    pub(crate) examples: &'static [&'static str],
}

const fn row(name: &'static str, holds: &'static str, examples: &'static [&'static str]) -> RuleRow {
    RuleRow { name, holds, examples }
}

/// Every rule, in the order of the documentation.
pub(crate) const RULES: &[RuleRow] = &[
    row("monotonic", "coordinates rise, or fall, without repetition", &["time", "[lat, lon]"]),
    row(
        "gaps",
        "no step along a coordinate is longer than the first one, or than said",
        &["time", "{time: 1 day}", "{lat: 0.25}"],
    ),
    row(
        "range",
        "values that are not missing lie between two numbers, both included; globs",
        &["{sst: [-3, 45]}", "{precip: [0, .inf]}"],
    ),
    row("nan_fraction", "at most this share of the values is missing; globs", &["{sst: 0.5}"]),
    row("size", "dimensions have a length, or one between two", &["{time: 366, lat: [100, 200]}"]),
    row("units", "the units of variables are known; globs", &["all", "[sst, \"*_wind\"]"]),
    row("cf", "the metadata keep the CF conventions", &["true"]),
];

const LEVELS: [&str; 2] = ["warn", "error"];

/// The checks of one item: several where `gaps` names several coordinates.
#[derive(Debug, Clone)]
pub(crate) struct CheckItem(pub(crate) Vec<Check>);

impl Read for CheckItem {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { text, .. } => {
                rule_row(&Text { value: text.clone(), span: node.span.clone() }, cx)?;
                return cx.wrong_type(node, "a check with its value, as `monotonic: time`");
            }
            _ => return cx.wrong_type(node, "a check, as `monotonic: time`"),
        };
        let outer = entries.iter().find(|(key, _)| key.value == "level");
        let mut rules = entries.iter().filter(|(key, _)| key.value != "level");
        let Some((name, value)) = rules.next() else {
            return cx.wrong_type(node, "one rule in each item, as `monotonic: time`");
        };
        if let Some((second, _)) = rules.next() {
            let message = format!("a check has one rule, found `{}` and more", shorten(&name.value));
            let diagnostic = Diagnostic::error(Code::RecipeType, second.span.clone(), message);
            cx.push(diagnostic.label("a second rule").help("begin a new item with `- ` for each check"));
            return None;
        }
        let outer = outer.and_then(|(_, node)| cx.within("level", |cx| level(node, cx)));
        let row = rule_row(name, cx)?;
        let (value, inner) = without_level(value, cx);
        if let (Some(_), Some((_, at))) = (outer, &inner) {
            let message = "the level of the check is given twice".to_owned();
            cx.bad_value::<()>(&at.span, message, None);
        }
        let level = outer.or(inner.map(|(level, _)| level)).unwrap_or_default();
        let rules = cx.within(row.name, |cx| rules_of(row.name, &value, cx))?;
        Some(Self(rules.into_iter().map(|rule| Check { rule, level }).collect()))
    }
}

fn rule_row(name: &Text, cx: &mut Cx) -> Option<&'static RuleRow> {
    let row = RULES.iter().find(|row| row.name == name.value);
    if row.is_none() {
        let known: Vec<&str> = RULES.iter().map(|row| row.name).collect();
        let help = suggest(&name.value, &known, "the checks are");
        let message = format!("there is no check `{}`", shorten(&name.value));
        let diagnostic = Diagnostic::error(Code::RecipeUnknownKey, name.span.clone(), message);
        cx.push(diagnostic.label("unknown check").help(help));
    }
    row
}

fn level(node: &Node, cx: &mut Cx) -> Option<Level> {
    let text = Text::read(node, cx)?;
    choice(&text, &LEVELS, "a level", cx).map(|at| if at == 0 { Level::Warn } else { Level::Error })
}

/// Takes `level: warn` out of the value's map. A variable may be called `level` as well: no rule takes a word for it.
fn without_level(node: &Node, cx: &mut Cx) -> (Node, Option<(Level, Text)>) {
    let Kind::Map(entries) = &node.kind else { return (node.clone(), None) };
    let is_level = |(key, value): &&(Text, Node)| {
        let word = matches!(&value.kind, Kind::Scalar { text, .. } if LEVELS.contains(&text.as_str()));
        key.value == "level" && word
    };
    let Some((key, value)) = entries.iter().find(is_level) else { return (node.clone(), None) };
    let rest = entries.iter().filter(|(other, _)| other.value != "level").cloned().collect();
    let level = level(value, cx).map(|level| (level, key.clone()));
    (Node { span: node.span.clone(), kind: Kind::Map(rest) }, level)
}

fn rules_of(name: &str, value: &Node, cx: &mut Cx) -> Option<Vec<CheckRule>> {
    if matches!(value.kind, Kind::Null) {
        return cx.wrong_type(value, "a value");
    }
    let rule = match name {
        "monotonic" => CheckRule::Monotonic(names(value, cx)?),
        "gaps" => return gaps(value, cx),
        "range" => {
            let pairs = entries::<Pair<Real>>(value, cx)?.into_iter();
            CheckRule::Range(pairs.map(|(name, pair)| (name.value, pair.0.value, pair.1.value)).collect())
        }
        "nan_fraction" => CheckRule::NanFraction(fractions(value, cx)?),
        "size" => {
            let pairs = entries::<Pair<Number>>(value, cx)?.into_iter();
            CheckRule::Size(pairs.map(|(dim, pair)| (dim.value, pair.0.value, pair.1.value)).collect())
        }
        "units" if matches!(&value.kind, Kind::Scalar { text, .. } if text == "all") => {
            CheckRule::Units(Vec::new())
        }
        "units" => CheckRule::Units(names(value, cx)?),
        _ => {
            let flag = Flag::read(value, cx)?;
            if !flag.value {
                let help = "leave the check out".to_owned();
                cx.bad_value::<()>(&flag.span, format!("{} is `false`", cx.place()), Some(help));
            }
            CheckRule::Cf
        }
    };
    Some(vec![rule])
}

/// Names, or coordinate → distance.
fn gaps(value: &Node, cx: &mut Cx) -> Option<Vec<CheckRule>> {
    if !matches!(value.kind, Kind::Map(_)) {
        let gap = |coordinate| CheckRule::Gaps { coordinate, every: None };
        return Some(names(value, cx)?.into_iter().map(gap).collect());
    }
    let mut rules = Vec::new();
    for (coordinate, every) in entries::<Raw>(value, cx)? {
        let number = every.value().as_f64();
        let positive = number.is_some_and(|number| number.is_finite() && number > 0.0);
        if !positive && Every::parse(&every.text).is_none_or(|every| every.count() == 0) {
            let message = format!("`{}` is not a distance", shorten(&every.text));
            let help = "of times a number and `min`, `h`, `day`, `month` or `year`, as in `6 h`; else a number above 0";
            cx.bad_value::<()>(&every.span, message, Some(help.into()));
        }
        rules.push(CheckRule::Gaps { coordinate: coordinate.value, every: Some(every.text) });
    }
    Some(rules)
}

fn fractions(value: &Node, cx: &mut Cx) -> Option<Vec<(String, f64)>> {
    let fractions = entries::<Real>(value, cx)?;
    for (name, fraction) in &fractions {
        if !(0.0..=1.0).contains(&fraction.value) {
            let message = format!(
                "the share of `{}` is {}, expected 0 to 1",
                shorten(&name.value),
                Short(fraction.value)
            );
            cx.bad_value::<()>(&fraction.span, message, None);
        }
    }
    Some(fractions.into_iter().map(|(name, fraction)| (name.value, fraction.value)).collect())
}

/// A least and a greatest value; one length stands for both.
struct Pair<T>(T, T);

impl Read for Pair<Real> {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let Kind::List(items) = &node.kind else { return cx.wrong_type(node, "`[least, greatest]`") };
        let (low, high) = pair(items, node, cx)?;
        ordered(Self(low, high), |real| Short(real.value), |real| &real.span, cx)
    }
}

impl Read for Pair<Number> {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let (low, high) = match &node.kind {
            Kind::List(items) => pair(items, node, cx)?,
            Kind::Scalar { .. } => {
                let length = Number::read(node, cx)?;
                (length.clone(), length)
            }
            _ => return cx.wrong_type(node, "a length, or `[least, greatest]`"),
        };
        ordered(Self(low, high), |number| number.value, |number| &number.span, cx)
    }
}

fn pair<T: Read>(items: &[Node], node: &Node, cx: &mut Cx) -> Option<(T, T)> {
    let [low, high] = items else { return cx.wrong_type(node, "two numbers, `[least, greatest]`") };
    let (low, high) = (T::read(low, cx), T::read(high, cx));
    Some((low?, high?))
}

fn ordered<T, N: PartialOrd + std::fmt::Display>(
    pair: Pair<T>,
    value: impl Fn(&T) -> N,
    span: impl Fn(&T) -> &crate::diagnostic::Span,
    cx: &mut Cx,
) -> Option<Pair<T>> {
    let (low, high) = (value(&pair.0), value(&pair.1));
    if low > high {
        let message = format!("{}: the least ({low}) is above the greatest ({high})", cx.place());
        cx.bad_value::<()>(span(&pair.1), message, Some("exchange them".into()));
    }
    Some(pair)
}

/// The JSON Schema of a rule's value.
fn value_schema(name: &str) -> Value {
    let words =
        json!({"anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]});
    let pair = |kind: &str| json!({"type": "array", "items": {"type": kind}, "minItems": 2, "maxItems": 2});
    let map = |value: Value| {
        json!({
            "type": "object", "minProperties": 1, "additionalProperties": value,
            "properties": {"level": {"anyOf": [value, {"enum": LEVELS}]}},
        })
    };
    match name {
        "gaps" => json!({"anyOf": [words, map(json!({"type": ["string", "number"]}))]}),
        "range" => map(pair("number")),
        "nan_fraction" => map(json!({"type": "number", "minimum": 0, "maximum": 1})),
        "size" => map(json!({"anyOf": [{"type": "integer", "minimum": 0}, pair("integer")]})),
        "cf" => json!({"const": true}),
        _ => words,
    }
}

impl JsonSchema for CheckItem {
    fn schema_name() -> Cow<'static, str> {
        "Check".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let rules: Vec<Value> = RULES
            .iter()
            .map(|row| {
                json!({
                    "description": format!("`{}`: {}.", row.name, row.holds),
                    "type": "object",
                    "required": [row.name],
                    "properties": {row.name: value_schema(row.name), "level": {"enum": LEVELS}},
                    "additionalProperties": false,
                })
            })
            .collect();
        json_schema!({ "description": "One check: a rule, and its `level` (`error` by default).", "oneOf": rules })
    }
}
