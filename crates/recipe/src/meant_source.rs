//! The source as meant: exactly one kind of input, templates and expressions that fit the axes.

use std::collections::{BTreeMap, BTreeSet};

use arcoforge_core::axis::{Key, Keys};
use arcoforge_core::calendar::DateTime;
use arcoforge_core::code::Code;
use arcoforge_core::figures::counted;
use arcoforge_core::names::nearest;
use arcoforge_core::pattern::{self, Input, KeyMatch, Rate, Selection};
use arcoforge_core::template::{Template, TemplateError};

use crate::diagnostic::{Diagnostic, Span};
use crate::keys::{Match, Override, Select};
use crate::meant::{Axes, unknown_axis, unused};
use crate::meant_find;
use crate::node::shorten;
use crate::read::{Cx, Text, ticked};
use crate::scalar::Raw;
use crate::written::{Limits, Source};

/// The source; a stand-in where it is wrong, which was reported then.
pub(crate) fn source(written: Option<Source>, axes: &Axes, axes_known: bool, cx: &mut Cx) -> pattern::Source {
    let nothing = Input::Files(Vec::new());
    let Some(written) = written else {
        return pattern::Source::new(nothing);
    };
    let mut used = BTreeSet::new();
    let overrides =
        overrides(written.overrides.unwrap_or_default(), axes, written.url.is_some(), &mut used, cx);
    let missing = written.missing.unwrap_or_default();
    let missing = missing.iter().map(|select| selection(select, axes, cx)).collect();
    let input = match (written.url, written.files, written.find) {
        (Some(url), None, None) => {
            let parsed = templates(&url.0, axes, axes_known, &mut used, cx);
            if parsed.len() == url.0.len() {
                check_all_used(axes, &used, cx);
            }
            Input::Url(parsed)
        }
        (None, Some(files), None) => Input::Files(files_of(files, axes, axes_known, cx)),
        (None, None, Some(find)) => Input::Find(
            cx.within("source", |cx| cx.within("find", |cx| meant_find::find(find, axes, axes_known, cx))),
        ),
        _ => nothing,
    };
    let (connections, rate) = written.limits.map_or((None, None), |limits| limits_of(limits, cx));
    let group =
        written.group.map(|group| group.value.trim_matches('/').to_owned()).filter(|group| !group.is_empty());
    let checksums = written.checksums.map_or_else(Default::default, |checksums| checksums.0);
    let mut source =
        pattern::Source { input, overrides, missing, group, connections, rate, checksums, credentials: None };
    source.credentials = written.credentials.and_then(|login| login.meant(&source, cx));
    source
}

/// Most connections and most requests in a time, to one host.
fn limits_of(limits: Limits, cx: &mut Cx) -> (Option<u32>, Option<Rate>) {
    let connections = limits.connections.and_then(|number| {
        let connections = u32::try_from(number.value).ok().filter(|n| (1..=1024).contains(n));
        if connections.is_none() {
            let message = format!("`source.limits.connections` is {}, expected 1 to 1024", number.value);
            cx.bad_value::<()>(&number.span, message, None);
        }
        connections
    });
    let rate = limits.rate.and_then(|text| match text.value.parse() {
        Ok(rate) => Some(rate),
        Err(expected) => {
            let message = format!("`source.limits.rate` is `{}`, {expected}", shorten(&text.value));
            cx.bad_value(&text.span, message, None)
        }
    });
    (connections, rate)
}

/// Reports a source without input, or with several kinds; `node` is where `source` stands.
pub(crate) fn check_kinds(kinds: &[(&str, Span)], at: &Span, cx: &mut Cx) {
    let message = match kinds {
        [_] => return,
        [] => "`source` needs one of `url`, `files` and `find`".to_owned(),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            format!("`source` has {}; it takes one of `url`, `files` and `find`", ticked(&names))
        }
    };
    let span = kinds.get(1).map_or_else(|| at.clone(), |(_, span)| span.clone());
    cx.push(Diagnostic::error(Code::RecipeSource, span, message));
}

pub(crate) fn wrong(span: &Span, message: String, help: &str, cx: &mut Cx) {
    cx.push(Diagnostic::error(Code::RecipeSource, span.clone(), message).help(help));
}

fn templates(
    texts: &[Text],
    axes: &Axes,
    axes_known: bool,
    used: &mut BTreeSet<String>,
    cx: &mut Cx,
) -> Vec<Template> {
    let mut templates = Vec::new();
    for text in texts {
        match Template::parse(&text.value) {
            Ok(template) => {
                used.extend(template.axes().into_iter().map(str::to_owned));
                if axes_known {
                    check_template(text, &template, axes, cx);
                }
                templates.push(template);
            }
            Err(fault) => report(text, fault, axes, cx),
        }
    }
    templates
}

/// Reports what a template names and the recipe does not have.
pub(crate) fn check_template(text: &Text, template: &Template, axes: &Axes, cx: &mut Cx) {
    for fault in template.check(&axes.right) {
        report(text, fault, axes, cx);
    }
}

fn report(text: &Text, fault: TemplateError, axes: &Axes, cx: &mut Cx) {
    // an axis that is itself wrong was reported at its place
    let named = text.value.get(fault.span.clone()).unwrap_or_default();
    let broken = |name: &Text| !axes.right.iter().any(|axis| axis.name == name.value);
    if axes.names.iter().any(|name| broken(name) && named.starts_with(name.value.as_str())) {
        return;
    }
    // the template was checked against the right axes only, and a broken one may be what is meant
    let all = axes.names.iter().map(|name| name.value.as_str());
    let help = match nearest(named, all).filter(|_| axes.names.iter().any(broken)) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => fault.help,
    };
    let mut diagnostic = Diagnostic::error(fault.code, text.part(fault.span), fault.message);
    diagnostic.help = help;
    cx.push(diagnostic);
}

/// Without an axis in the URL, all positions along it would be one file.
fn check_all_used(axes: &Axes, used: &BTreeSet<String>, cx: &mut Cx) {
    for name in unused(axes, used) {
        let keys = axes.right.iter().find(|axis| axis.name == name.value).map(|axis| &axis.keys);
        let found = matches!(keys, Some(Keys::Found));
        let one = matches!(keys, Some(Keys::List(keys)) if keys.len() == 1);
        if found {
            let message = format!(
                "the keys of axis `{}` are found, but `source.url` does not look for files",
                name.value
            );
            wrong(&name.span, message, "list or count the keys, or use `source.find`", cx);
        } else if !one {
            let message =
                format!("no `url` uses axis `{}`: all its positions would be the same file", name.value);
            let diagnostic = Diagnostic::error(Code::RecipeTemplate, name.span.clone(), message);
            cx.push(diagnostic.help(format!("put `{{{}}}` into the URL", name.value)));
        }
    }
}

fn overrides(
    written: Vec<Override>,
    axes: &Axes,
    has_url: bool,
    used: &mut BTreeSet<String>,
    cx: &mut Cx,
) -> Vec<pattern::Override> {
    let mut overrides = Vec::new();
    for one in written {
        if let (false, Some(url)) = (has_url, one.url.0.first()) {
            let message = "`source.overrides` replaces parts of `source.url`, which is not given".to_owned();
            wrong(&url.span, message, "give `source.url`, or leave the overrides out", cx);
        }
        let url = templates(&one.url.0, axes, true, used, cx);
        overrides.push(pattern::Override { select: selection(&one.select, axes, cx), url });
    }
    overrides
}

fn selection(select: &Select, axes: &Axes, cx: &mut Cx) -> Selection {
    let mut selection = BTreeMap::new();
    for (name, keys) in &select.0 {
        let axis = axes.right.iter().find(|axis| axis.name == name.value);
        let Some(axis) = axis else {
            if !axes.names.iter().any(|known| known.value == name.value) {
                unknown_axis(name, axes, cx);
            }
            continue;
        };
        if let Some(keys) = key_match(keys, &axis.keys, cx) {
            selection.insert(name.value.clone(), keys);
        }
    }
    Selection(selection)
}

fn key_match(written: &Match, keys: &Keys, cx: &mut Cx) -> Option<KeyMatch> {
    Some(match written {
        Match::One(raw) => KeyMatch::One(key(raw, keys, cx)?),
        Match::Any(raws) => KeyMatch::Any(raws.iter().filter_map(|raw| key(raw, keys, cx)).collect()),
        Match::Range(range) => {
            let from = range.from.as_ref().map(|raw| parse_key(raw, keys, false, cx));
            let to = range.to.as_ref().map(|raw| parse_key(raw, keys, true, cx));
            KeyMatch::Range { from: from.flatten(), to: to.flatten() }
        }
    })
}

/// A key that the axis has.
fn key(raw: &Raw, keys: &Keys, cx: &mut Cx) -> Option<Key> {
    let key = parse_key(raw, keys, false, cx)?;
    let problem = match (keys, &key) {
        (Keys::List(list), key) if !list.iter().any(|known| known.same(key)) => {
            let labels: Vec<String> = list.iter().map(Key::to_string).collect();
            let near = crate::read::nearest(&raw.text, labels.iter().map(String::as_str));
            Some(near.map_or_else(
                || "is not among the axis's keys".to_owned(),
                |near| format!("is not among the axis's keys; did you mean `{near}`?"),
            ))
        }
        (Keys::Integers { from, to, step }, Key::Int(value)) => {
            let inside = (*from.min(to)..=*from.max(to)).contains(value);
            let on_step = (i128::from(*value) - i128::from(*from)) % i128::from(*step) == 0;
            (!inside || !on_step).then(|| "is not among the axis's keys".to_owned())
        }
        (Keys::Dates(range), Key::Date(date)) => {
            let at = range.calendar.to_ns(date);
            let after = range.to.as_ref().is_some_and(|to| at > range.calendar.to_ns(to));
            (after || at < range.calendar.to_ns(&range.from))
                .then(|| "lies outside of the axis's range".to_owned())
        }
        _ => None,
    };
    match problem {
        Some(problem) => cx.bad_value(&raw.span, format!("`{}` {problem}", shorten(&raw.text)), None),
        None => Some(key),
    }
}

fn parse_key(raw: &Raw, keys: &Keys, last: bool, cx: &mut Cx) -> Option<Key> {
    let parsed = match keys {
        Keys::Dates(range) if last => DateTime::parse_last(&raw.text, range.calendar).map(Key::Date),
        // leading zeros and quotes make a word
        Keys::List(_) | Keys::Found if !raw.plain || raw.text.starts_with('0') && raw.int().is_none() => {
            Ok(Key::Text(raw.text.clone()))
        }
        _ => keys.parse_key(&raw.text),
    };
    match parsed {
        Ok(key) => Some(key),
        Err(error) => cx.bad_value(&raw.span, error.message, error.help),
    }
}

fn files_of(files: Vec<Text>, axes: &Axes, axes_known: bool, cx: &mut Cx) -> Vec<String> {
    let found = axes.right.iter().filter(|axis| matches!(axis.keys, Keys::Found)).count();
    let at = axes.names.first().or(files.first()).map_or(0..0, |text| text.span.clone());
    if files.is_empty() {
        wrong(&at, "`source.files` lists no files".into(), "list at least one", cx);
    } else if axes_known && axes.names.is_empty() && files.len() > 1 {
        let message = format!("`source.files` lists {} files, `axes: {{}}` has one position", files.len());
        let help = "give the axis along which they are put together: `axes: {time: {concat: found}}`";
        wrong(&files.get(1).map_or(at, |text| text.span.clone()), message, help, cx);
    } else if found > 1 {
        let help = "count or list the keys of the other axes";
        wrong(&at, format!("`source.files` can stand for one axis of found keys, not {found}"), help, cx);
    } else if axes.right.len() == axes.names.len() {
        check_count(&files, axes, found == 1, cx);
    }
    files.into_iter().map(|file| file.value).collect()
}

/// The number of files against the number of positions, where the latter is known without the clock.
fn check_count(files: &[Text], axes: &Axes, found: bool, cx: &mut Cx) {
    let mut positions = 1_u64;
    for axis in axes.right.iter().filter(|axis| !matches!(axis.keys, Keys::Found)) {
        if matches!(&axis.keys, Keys::Dates(range) if range.to.is_none()) {
            return;
        }
        match axis.keys.expand(None) {
            Ok(keys) => positions = positions.saturating_mul(keys.len() as u64),
            Err(error) => {
                let span =
                    axes.names.iter().find(|name| name.value == axis.name).map(|name| name.span.clone());
                cx.push(Diagnostic::error(error.code, span.unwrap_or(0..0), error.message));
                return;
            }
        }
    }
    let count = files.len() as u64;
    let fits = if found { positions > 0 && count.is_multiple_of(positions) } else { count == positions };
    if let (false, Some(last)) = (fits, files.last()) {
        let what = if found { "a multiple of " } else { "" };
        let (count, positions) = (counted(count, "file"), counted(positions, "position"));
        let message = format!("`source.files` lists {count}, the axes have {what}{positions}");
        wrong(&last.span, message, "list one file per position, row-major in the order of the axes", cx);
    }
}
