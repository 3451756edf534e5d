//! `source.find` as meant: what is listed or asked, and keys that fit the axes.

use arcoforge_core::axis::Keys;
use arcoforge_core::code::Code;
use arcoforge_core::pattern::{Catalog, Find, Pick};

use crate::add_dim::{check_date_format, check_regex};
use crate::diagnostic::{Diagnostic, Span};
use crate::find::{self, KINDS};
use crate::meant::{Axes, unknown_axis};
use crate::meant_catalog;
use crate::meant_source::wrong;
use crate::node::{Kind, Node, Spanned, shorten};
use crate::read::{Cx, Text, mistyped, ticked};

/// Reports a `find` without a place to look at, or with several; `at` is where `find` stands.
pub(crate) fn check_kinds(node: &Node, at: &Span, cx: &mut Cx) {
    let Kind::Map(entries) = &node.kind else { return };
    let is_kind = |(key, node): &&(Spanned<String>, Node)| {
        KINDS.contains(&key.value.as_str()) && !matches!(node.kind, Kind::Null)
    };
    let kinds: Vec<&Spanned<String>> = entries.iter().filter(is_kind).map(|(key, _)| key).collect();
    match kinds.as_slice() {
        [_] => {}
        [] if KINDS.iter().any(|kind| mistyped(entries, &KINDS, kind)) => {}
        [] => {
            let message = format!("`source.find` needs one of {}", ticked(&KINDS));
            let diagnostic = Diagnostic::error(Code::RecipeMissingKey, at.clone(), message);
            cx.push(diagnostic.help("for example `glob: data/*.nc` or `glob: https://host/data/*.nc`"));
        }
        [_, second, ..] => {
            let names: Vec<&str> = kinds.iter().map(|key| key.value.as_str()).collect();
            let message = format!("`source.find` has {}; it takes one of {}", ticked(&names), ticked(&KINDS));
            cx.push(Diagnostic::error(Code::RecipeSource, second.span.clone(), message));
        }
    }
}

/// What is found, as meant; problems are reported.
pub(crate) fn find(mut written: find::Find, axes: &Axes, axes_known: bool, cx: &mut Cx) -> Find {
    for axis in axes.right.iter().filter(|axis| !matches!(axis.keys, Keys::Found)) {
        if let Some(name) = axes.names.iter().find(|name| name.value == axis.name) {
            let message =
                format!("`source.find` finds the keys of axis `{}`, but they are listed", axis.name);
            wrong(&name.span, message, "write `found` for the keys", cx);
        }
    }
    let pick = written.pick.take().and_then(|pick| match pick.value.as_str() {
        "latest" => Some(Pick::Latest),
        other => {
            let message = format!("`source.find.pick` is `{}`, expected `latest`", shorten(other));
            cx.bad_value(&pick.span, message, None)
        }
    });
    let listed = written.glob.is_some();
    let catalog = meant_catalog::catalog(&mut written, cx);
    check_keys(&written, listed, axes, axes_known, cx);
    check_verify(&written, catalog.as_ref(), cx);
    let entries = |entries: Option<crate::read::Entries<Text>>| {
        let entries = entries.map_or_else(Vec::new, |entries| entries.0);
        entries.into_iter().map(|(axis, text)| (axis.value, text.value)).collect()
    };
    Find {
        glob: written.glob.map_or_else(Vec::new, |globs| globs.0).into_iter().map(|g| g.value).collect(),
        catalog,
        keys: entries(written.keys),
        verify: written.verify.is_some_and(|verify| verify.value),
        regex: written.regex.map(|regex| regex.value),
        parse: entries(written.parse),
        pick,
    }
}

/// Every axis has its key of one place, the expression or a field.
fn check_keys(written: &find::Find, listed: bool, axes: &Axes, axes_known: bool, cx: &mut Cx) {
    let entries = |entries: &'_ Option<crate::read::Entries<Text>>| {
        entries.as_ref().map_or_else(Vec::new, |entries| entries.0.clone())
    };
    let (parse, keys) = (entries(&written.parse), entries(&written.keys));
    for (axis, format) in &parse {
        if axes_known && !axes.names.iter().any(|name| name.value == axis.value) {
            unknown_axis(axis, axes, cx);
        }
        check_date_format(format, cx);
    }
    for (axis, field) in &keys {
        if axes_known && !axes.names.iter().any(|name| name.value == axis.value) {
            unknown_axis(axis, axes, cx);
        }
        if field.value.is_empty() {
            let message = format!("the field for axis `{}` has no name", shorten(&axis.value));
            cx.bad_value::<()>(&field.span, message, None);
        }
    }
    if let (true, Some((first, _))) = (listed, keys.first()) {
        let message = "`keys` names fields of a catalog's records, and a listing has none".to_owned();
        let help = "let named groups of `regex` tell the keys, or use a catalog";
        wrong(&first.span, message, help, cx);
    }
    match &written.regex {
        Some(regex) if axes_known => check_groups(regex, &keys, axes, cx),
        None if axes.names.len() > 1 && keys.is_empty() => {
            let message = "with several axes, `source.find` needs a `regex` to tell the keys".to_owned();
            let at = axes.names.first().map_or(0..0, |name| name.span.clone());
            let help = if listed {
                "name a group for each axis: `(?<time>\\d{8})`"
            } else {
                "name a group for each axis, `(?<time>\\d{8})`, or its field in `keys`"
            };
            wrong(&at, message, help, cx);
        }
        None if axes_known && !keys.is_empty() => check_covered(&keys, axes, cx),
        None if !parse.is_empty() && keys.is_empty() => {
            let at = parse.first().map_or(0..0, |(name, _)| name.span.clone());
            let help = if listed { "give `regex`" } else { "give `keys` or `regex`" };
            wrong(&at, "`parse` reads groups of `regex`, which is not given".into(), help, cx);
        }
        _ => {}
    }
}

fn check_covered(keys: &[(Text, Text)], axes: &Axes, cx: &mut Cx) {
    for name in axes.names.iter().filter(|name| !keys.iter().any(|(axis, _)| axis.value == name.value)) {
        let message = format!("`keys` has no field for axis `{}`", name.value);
        let help = format!("name the field, or a group of `regex`: `(?<{}>…)`", name.value);
        wrong(&name.span, message, &help, cx);
    }
}

/// Named groups, with the axes that have a field, are the same set as the axes.
fn check_groups(text: &Text, keys: &[(Text, Text)], axes: &Axes, cx: &mut Cx) {
    let Some(regex) = check_regex(text, cx) else { return };
    let groups: Vec<&str> = regex.capture_names().flatten().collect();
    for group in &groups {
        if keys.iter().any(|(axis, _)| axis.value == *group) {
            let message = format!("the key of axis `{group}` is told by `keys` and by `regex`");
            wrong(&text.span, message, "leave one of them out", cx);
        }
        if !axes.names.iter().any(|name| name.value == *group) {
            let message = format!("the group `{group}` of `regex` is not an axis of the recipe");
            let names: Vec<&str> = axes.names.iter().map(|name| name.value.as_str()).collect();
            let help = match crate::read::nearest(group, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "use `(?:…)` for a group that is not a key".to_owned(),
            };
            wrong(&text.span, message, &help, cx);
        }
    }
    let told = |name: &str| groups.contains(&name) || keys.iter().any(|(axis, _)| axis.value == name);
    for name in axes.names.iter().filter(|name| !told(&name.value)) {
        let message = format!("`regex` has no group for axis `{}`", name.value);
        wrong(&text.span, message, &format!("name a group: `(?<{}>…)`", name.value), cx);
    }
}

/// Only some catalogs have checksums.
fn check_verify(written: &find::Find, catalog: Option<&Catalog>, cx: &mut Cx) {
    let Some(verify) = written.verify.as_ref().filter(|verify| verify.value) else { return };
    let help = match catalog {
        Some(Catalog::Stac(_) | Catalog::Esgf(_)) => return,
        Some(Catalog::Table(table)) if table.checksum.is_some() => return,
        Some(Catalog::Table(_)) => "name the column: `table: {checksum: …}`",
        _ => "`source.checksums` takes checksums and manifests",
    };
    let message = "`verify` has no checksums to compare with".to_owned();
    wrong(&verify.span, message, help, cx);
}
