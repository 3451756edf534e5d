//! Axes as meant: names, ranges, lists.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::axis::{Axis, DateRange, Every, Key, Keys};
use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::code::Code;
use arcoforge_core::dtype::Scalar;

use crate::diagnostic::{Diagnostic, Span};
use crate::keys;
use crate::keys::{KeyList, KeyListKind, MapKey, Range};
use crate::meant::Axes;
use crate::node::shorten;
use crate::read::{Cx, Text};
use crate::scalar::Raw;
use crate::values::calendar;

/// Names that mean something else in templates or overrides.
const RESERVED: &[&str] = &["matrix", "url", "now"];

pub(crate) fn axes(written: Vec<(Text, keys::Axis)>, cx: &mut Cx) -> Axes {
    let mut axes = Axes { names: Vec::new(), right: Vec::new() };
    for (name, axis) in written {
        check_name(&name, cx);
        let keys = axis.keys.and_then(|keys| keys_of(keys, cx));
        if let Some(keys) = keys {
            let items_per_file = axis.items_per_file.map(|items| items.value);
            axes.right.push(Axis { name: name.value.clone(), kind: axis.kind, keys, items_per_file });
        }
        axes.names.push(name);
    }
    axes
}

fn check_name(name: &Text, cx: &mut Cx) {
    let word = name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let (problem, help) = if !word {
        (
            "can't be the name of an axis",
            "a name has letters, digits and underscores, and begins with a letter",
        )
    } else if RESERVED.contains(&name.value.as_str()) {
        ("means something else in recipes", "give the axis another name")
    } else {
        return;
    };
    let message = format!("`{}` {problem}", shorten(&name.value));
    cx.push(Diagnostic::error(Code::RecipeAxis, name.span.clone(), message).help(help));
}

fn wrong<T>(span: &Span, message: impl Into<String>, help: Option<&str>, cx: &mut Cx) -> Option<T> {
    let mut diagnostic = Diagnostic::error(Code::RecipeAxis, span.clone(), message);
    diagnostic.help = help.map(str::to_owned);
    cx.push(diagnostic);
    None
}

fn keys_of(list: KeyList, cx: &mut Cx) -> Option<Keys> {
    let keys = match list.kind {
        KeyListKind::Found => return Some(Keys::Found),
        KeyListKind::Range(range) => return range_of(&range, &list.span, cx),
        KeyListKind::Scalars(raws) => {
            scalars(&raws).into_iter().zip(raws.into_iter().map(|raw| raw.span)).collect()
        }
        KeyListKind::Maps(maps) => maps_of(maps, cx)?,
    };
    unique(keys, cx)
}

/// All keys of one kind: whole numbers where every one is, dates where every one is, else words.
fn scalars(raws: &[Raw]) -> Vec<Key> {
    if let Some(ints) = raws.iter().map(Raw::int).collect::<Option<Vec<i64>>>() {
        return ints.into_iter().map(Key::Int).collect();
    }
    let date = |raw: &Raw| match Key::guess(&raw.text) {
        Key::Date(date) if raw.plain => Some(Key::Date(date)),
        _ => None,
    };
    let dates: Option<Vec<Key>> = raws.iter().map(date).collect();
    dates.unwrap_or_else(|| raws.iter().map(|raw| Key::Text(raw.text.clone())).collect())
}

/// Maps with the same names in each.
fn maps_of(maps: Vec<MapKey>, cx: &mut Cx) -> Option<Vec<(Key, Span)>> {
    let first: BTreeSet<String> = maps.first()?.value.keys().cloned().collect();
    let mut keys = Vec::new();
    for map in maps {
        let names: BTreeSet<String> = map.value.keys().cloned().collect();
        if let Some(name) = first.symmetric_difference(&names).next() {
            let message = format!("`{}` stands in some of the keys and not in all", shorten(name));
            return wrong(&map.span, message, Some("every key of an axis has the same values"), cx);
        }
        let values: BTreeMap<String, Scalar> = map
            .value
            .into_iter()
            .map(|(name, raw)| (name, raw.int().map_or(Scalar::Text(raw.text), Scalar::Int)))
            .collect();
        keys.push((Key::Map(values), map.span));
    }
    Some(keys)
}

fn unique(keys: Vec<(Key, Span)>, cx: &mut Cx) -> Option<Keys> {
    let mut seen = BTreeSet::new();
    for (key, span) in &keys {
        if !seen.insert(key.to_string()) {
            return wrong(span, format!("key `{}` is listed twice", shorten(&key.to_string())), None, cx);
        }
    }
    Some(Keys::List(keys.into_iter().map(|(key, _)| key).collect()))
}

fn range_of(range: &Range, span: &Span, cx: &mut Cx) -> Option<Keys> {
    // where an end is absent, that was reported
    let (from, to) = (range.from.as_ref()?, range.to.as_ref()?);
    match (&range.every, &range.step) {
        (Some(every), None) => dates_of(range, every, from, to, cx),
        (Some(_), Some(step)) => wrong(
            &step.span,
            "`every` is for dates and `step` for numbers; a range has one of them",
            None,
            cx,
        ),
        (None, _) => {
            if from.int().is_none() && DateTime::parse(&from.text, Calendar::AllLeap).is_ok() {
                let help = "for example `every: 1 day`, `6 h`, `1 month`";
                return wrong(span, "a range of dates needs `every`", Some(help), cx);
            }
            for text in [&range.calendar, &range.restart].into_iter().flatten() {
                wrong::<()>(&text.span, "`calendar` and `restart` are for dates, with `every`", None, cx);
            }
            integers_of(range, from, to, cx)
        }
    }
}

fn integers_of(range: &Range, from: &Raw, to: &Raw, cx: &mut Cx) -> Option<Keys> {
    let mut whole = |raw: &Raw| match raw.int() {
        Some(value) => Some(value),
        None => {
            let help = "dates need `every`, and words are listed: `[a, b]`";
            wrong(&raw.span, format!("`{}` is not a whole number", shorten(&raw.text)), Some(help), cx)
        }
    };
    let (first, last) = (whole(from), whole(to));
    let step = range.step.as_ref().map_or(Some(1), &mut whole);
    let (first, last, step) = (first?, last?, step?);
    if let Some(raw) = range.step.as_ref().filter(|_| step == 0) {
        return wrong(&raw.span, "`step` is 0, the range would never end", None, cx);
    }
    if (step > 0 && last < first) || (step < 0 && last > first) {
        let help = if step > 0 { "exchange them, or give a negative `step`" } else { "exchange them" };
        return wrong(
            &to.span,
            format!("`to` ({last}) is never reached from {first} by {step}"),
            Some(help),
            cx,
        );
    }
    Some(Keys::Integers { from: first, to: last, step })
}

fn dates_of(range: &Range, every: &Text, from: &Raw, to: &Raw, cx: &mut Cx) -> Option<Keys> {
    let calendar = match &range.calendar {
        None => Some(Calendar::Standard),
        Some(name) => match calendar(&name.value) {
            Ok(calendar) => Some(calendar),
            Err(help) => {
                let message = format!("CF has no calendar `{}`", shorten(&name.value));
                wrong(&name.span, message, Some(&help), cx)
            }
        },
    };
    let restart_year = match &range.restart {
        Some(restart) if restart.value != "year" => {
            let message = format!("`restart` is `{}`, expected `year`", shorten(&restart.value));
            cx.bad_value::<()>(&restart.span, message, None);
            false
        }
        restart => restart.is_some(),
    };
    let distance = Every::parse(&every.value).filter(|every| every.count() > 0);
    if distance.is_none() {
        let help = "a number and `min`, `h`, `day`, `month` or `year`, as in `6 h`";
        wrong::<()>(
            &every.span,
            format!("`{}` is not a distance of dates", shorten(&every.value)),
            Some(help),
            cx,
        );
    }
    let calendar = calendar?;
    let first = date(from, DateTime::parse(&from.text, calendar), cx);
    let last = if to.text == "now" {
        Some(None)
    } else {
        date(to, DateTime::parse_last(&to.text, calendar), cx).map(Some)
    };
    let (first, last, every) = (first?, last?, distance?);
    if let Some(last) = &last
        && calendar.to_ns(last) < calendar.to_ns(&first)
    {
        let message = format!("`to` ({}) is before `from` ({})", to.text, from.text);
        return wrong(&to.span, message, None, cx);
    }
    Some(Keys::Dates(DateRange { from: first, to: last, every, calendar, restart_year }))
}

fn date(raw: &Raw, parsed: arcoforge_core::error::Result<DateTime>, cx: &mut Cx) -> Option<DateTime> {
    match parsed {
        Ok(date) => Some(date),
        // a date of another calendar is well written
        Err(error) if Calendar::ALL.iter().any(|other| DateTime::parse(&raw.text, *other).is_ok()) => {
            wrong(&raw.span, error.message, None, cx)
        }
        Err(error) => wrong(&raw.span, error.message, error.help.as_deref(), cx),
    }
}
