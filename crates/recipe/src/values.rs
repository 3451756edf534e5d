//! Small values that several parts of the language take: numbers, true and false, data types, calendars, choices.

use arcoforge_core::calendar::Calendar;
use arcoforge_core::dtype::{DataType, Scalar};
use schemars::json_schema;

use crate::diagnostic::Span;
use crate::node::{Kind, Node, Spanned, shorten};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, inline_schemas, nearest, suggest, ticked};
use crate::scalar::Raw;

/// A real number; infinite ones are `.inf` and `-.inf`, NaN is refused.
pub(crate) type Real = Spanned<f64>;
/// A whole number, may be negative.
pub(crate) type Int = Spanned<i64>;
/// `true` or `false`.
pub(crate) type Flag = Spanned<bool>;
/// A data type by its name.
pub(crate) type TypeName = Spanned<DataType>;

impl Read for Real {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        scalar(node, "a number", cx, |raw| raw.value().as_f64().filter(|number| !number.is_nan()))
    }
}

impl Read for Int {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        scalar(node, "a whole number", cx, Raw::int)
    }
}

impl Read for Flag {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        scalar(node, "`true` or `false`", cx, |raw| match raw.value() {
            Scalar::Bool(flag) => Some(flag),
            _ => None,
        })
    }
}

/// What one value means; `None` and all else than one value is reported as the wrong type.
fn scalar<T>(
    node: &Node,
    expected: &str,
    cx: &mut Cx,
    meant: impl FnOnce(&Raw) -> Option<T>,
) -> Option<Spanned<T>> {
    let raw = if matches!(node.kind, Kind::Scalar { .. }) { Raw::read(node, cx) } else { None };
    match raw.and_then(|raw| meant(&raw)) {
        Some(value) => Some(Spanned { value, span: node.span.clone() }),
        None => cx.wrong_type(node, expected),
    }
}

impl Read for TypeName {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let name = Text::read(node, cx)?;
        let names: Vec<&str> = DataType::NUMBERS.iter().map(|dtype| dtype.name()).collect();
        let at = choice(&name, &names, "a data type", cx)?;
        DataType::NUMBERS.get(at).map(|dtype| Self { value: *dtype, span: name.span })
    }
}

/// Which of the known words a text is; an unknown one is reported. `what` it should be, with its article.
pub(crate) fn choice(text: &Text, known: &[&str], what: &str, cx: &mut Cx) -> Option<usize> {
    let at = known.iter().position(|word| *word == text.value);
    if at.is_none() {
        let help = suggest(&text.value, known, "one of");
        let message = format!("{} is `{}`, which is not {what}", cx.place(), shorten(&text.value));
        cx.bad_value::<()>(&text.span, message, Some(help));
    }
    at
}

/// The calendar of a name, or what to do about a name that CF does not have.
pub(crate) fn calendar(name: &str) -> Result<Calendar, String> {
    Calendar::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Calendar::ALL.iter().map(|calendar| calendar.name()).collect();
        let aliases = ["365_day", "366_day", "gregorian"];
        match nearest(name, names.iter().copied().chain(aliases)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the calendars are {}", ticked(&names)),
        }
    })
}

/// As [`calendar`]; a wrong name is reported as a value.
pub(crate) fn calendar_of(name: &Text, cx: &mut Cx) -> Option<Calendar> {
    calendar(&name.value)
        .map_err(|help| {
            let message = format!("CF has no calendar `{}`", shorten(&name.value));
            cx.bad_value::<()>(&name.span, message, Some(help));
        })
        .ok()
}

/// Reports an infinite number.
pub(crate) fn finite(number: &Real, cx: &mut Cx) -> Option<f64> {
    if number.value.is_finite() {
        return Some(number.value);
    }
    let message = format!("{} takes a finite number, found `{}`", cx.place(), number.value);
    cx.bad_value(&number.span, message, None)
}

/// One name or several; none, or one twice, is an error.
pub(crate) fn names(node: &Node, cx: &mut Cx) -> Option<Vec<String>> {
    let names: Vec<Text> = OneOrMany::read(node, cx)?.0;
    if names.is_empty() {
        // where an item was wrong, that was reported
        if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
            nothing(&node.span, cx);
        }
        return None;
    }
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name.value) {
            let message = format!("{} names `{}` twice", cx.place(), shorten(&name.value));
            cx.bad_value::<()>(&name.span, message, None);
        }
        not_empty(&name, cx);
        seen.push(name.value);
    }
    Some(seen)
}

/// A map of names to values with at least one entry.
pub(crate) fn entries<T: Read>(node: &Node, cx: &mut Cx) -> Option<Vec<(Text, T)>> {
    if matches!(&node.kind, Kind::Map(entries) if entries.is_empty()) {
        nothing(&node.span, cx);
        return None;
    }
    let entries = Entries::<T>::read(node, cx)?.0;
    entries.iter().for_each(|(name, _)| not_empty(name, cx));
    Some(entries)
}

/// Reports a name without a character.
pub(crate) fn not_empty(name: &Text, cx: &mut Cx) {
    if name.value.is_empty() {
        cx.bad_value::<()>(&name.span, format!("{} has an empty name", cx.place()), None);
    }
}

fn nothing(span: &Span, cx: &mut Cx) {
    let message = format!("{} names nothing", cx.place());
    cx.bad_value::<()>(span, message, None);
}

inline_schemas! {
    Real => |_| json_schema!({ "type": "number" });
    Int => |_| json_schema!({ "type": "integer" });
    Flag => |_| json_schema!({ "type": "boolean" });
    TypeName => |_| json_schema!({ "enum": DataType::NUMBERS.map(DataType::name) });
}
