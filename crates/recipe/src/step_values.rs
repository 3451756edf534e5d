//! Values of steps that are a word or two: `rename`, `cast`, `fill`, `sort`, `dedupe`, `roll`, `flatten_groups`.

use std::collections::BTreeMap;

use arcoforge_core::figures::Short;
use arcoforge_core::recipe::{Kept, Naming};
use arcoforge_core::template::Template;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::diagnostic::Diagnostic;
use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Read, Text, written};
use crate::values::{Real, choice, entries, finite, names};

written! {
    /// How the names of groups and variables are joined.
    #[schemars(rename = "FlattenGroups")]
    struct FlattenMap {
        required {}
        optional {
            /// What stands between them. Default: `_`.
            separator: Text,
        }
    }
}

/// New names, and the templates among them with where they stand.
pub(crate) type Renames = (BTreeMap<String, Naming>, Vec<(Text, Template)>);

/// The value of `rename`.
pub(crate) fn renames(node: &Node, cx: &mut Cx) -> Option<Renames> {
    let mut renames: BTreeMap<String, Naming> = BTreeMap::new();
    let mut templates = Vec::new();
    for (from, to) in entries::<Text>(node, cx)? {
        let same = |naming: &Naming| matches!(naming, Naming::Name(name) if *name == to.value);
        if let Some((other, _)) = renames.iter().find(|(_, target)| same(target)) {
            let message = format!("`{}` and `{}` would both be called `{}`", other, from.value, to.value);
            cx.bad_value::<()>(&to.span, message, None);
        }
        if to.value.is_empty() {
            cx.bad_value::<()>(&to.span, format!("`{}` gets an empty name", from.value), None);
        }
        let Some(naming) = naming(&to, cx) else { continue };
        if let Naming::Template(template) = &naming {
            templates.push((to, template.clone()));
        }
        renames.insert(from.value, naming);
    }
    Some((renames, templates))
}

/// A name, a template (`{band}_{time:%Y}`) or an attribute (`{data@long_name}`).
fn naming(to: &Text, cx: &mut Cx) -> Option<Naming> {
    if !to.value.contains(['{', '}']) {
        return Some(Naming::Name(to.value.clone()));
    }
    let inner = to.value.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    if let Some((variable, name)) = inner.and_then(|inner| inner.split_once('@'))
        && !inner.is_some_and(|inner| inner.contains(['{', '}']))
    {
        if name.is_empty() {
            let help = "write `{@name}` for the root group, `{variable@name}` for a variable".to_owned();
            let message = format!("`{}` does not name an attribute", shorten(&to.value));
            return cx.bad_value(&to.span, message, Some(help));
        }
        return Some(Naming::Attr { variable: variable.to_owned(), name: name.to_owned() });
    }
    match Template::parse(&to.value) {
        Ok(template) => Some(Naming::Template(template)),
        Err(fault) => {
            let mut diagnostic = Diagnostic::error(fault.code, to.part(fault.span), fault.message);
            let alone = "an attribute stands alone: `{@name}` or `{variable@name}`".to_owned();
            diagnostic.help = if to.value.contains('@') { Some(alone) } else { fault.help };
            cx.push(diagnostic);
            None
        }
    }
}

/// The value of `flatten_groups`: the separator, or a map with it.
pub(crate) fn separator(node: &Node, cx: &mut Cx) -> Option<String> {
    let text = match &node.kind {
        Kind::Scalar { .. } => Some(Text::read(node, cx)?),
        Kind::Map(_) => FlattenMap::read(node, cx)?.separator,
        _ => return cx.wrong_type(node, "a separator such as `_`, or `{separator: _}`"),
    };
    if let Some(text) = text.as_ref().filter(|text| text.value.contains(|c: char| c == '/' || c.is_control()))
    {
        let message = format!("{} is `{}`, which can't stand in a name", cx.place(), shorten(&text.value));
        cx.bad_value::<()>(&text.span, message, None);
    }
    Some(text.map_or_else(|| "_".to_owned(), |text| text.value))
}

/// The value of `sort`: names, or dimension → direction.
pub(crate) fn sorts(node: &Node, cx: &mut Cx) -> Option<Vec<(String, bool)>> {
    let directions = chosen(node, &["ascending", "descending"], "a direction", cx)?;
    Some(directions.into_iter().map(|(dim, at)| (dim, at == 1)).collect())
}

/// The value of `dedupe`: names, or dimension → which is kept.
pub(crate) fn dedupes(node: &Node, cx: &mut Cx) -> Option<Vec<(String, Kept)>> {
    let kept = chosen(node, &["first", "last", "identical"], "what is kept", cx)?;
    let kept = kept.into_iter().map(|(dim, at)| match at {
        0 => (dim, Kept::First),
        1 => (dim, Kept::Last),
        _ => (dim, Kept::Identical),
    });
    Some(kept.collect())
}

/// Names for the first of the words, or a map from names to one of them.
fn chosen(node: &Node, words: &[&str], what: &str, cx: &mut Cx) -> Option<Vec<(String, usize)>> {
    if !matches!(node.kind, Kind::Map(_)) {
        return Some(names(node, cx)?.into_iter().map(|name| (name, 0)).collect());
    }
    let mut chosen = Vec::new();
    for (name, word) in entries::<Text>(node, cx)? {
        let at = cx.within(&name.value, |cx| choice(&word, words, what, cx));
        chosen.extend(at.map(|at| (name.value, at)));
    }
    Some(chosen)
}

/// The value of `roll`: dimension → the first degree.
pub(crate) fn rolls(node: &Node, cx: &mut Cx) -> Option<Vec<(String, f64)>> {
    let mut rolls = Vec::new();
    for (dim, degree) in entries::<Real>(node, cx)? {
        let first = cx.within(&dim.value, |cx| {
            let first = finite(&degree, cx)?;
            if !(-360.0..=360.0).contains(&first) {
                let message = format!("{} is {}, expected -360 to 360", cx.place(), Short(first));
                cx.bad_value::<()>(&degree.span, message, Some("usual are -180 and 0".into()));
            }
            Some(first)
        });
        rolls.extend(first.map(|first| (dim.value, first)));
    }
    Some(rolls)
}

/// JSON Schemas of values that this module reads.
pub(crate) fn words_schema(words: &[&str]) -> Schema {
    json_schema!({"anyOf": [
        {"type": "string"},
        {"type": "array", "minItems": 1, "items": {"type": "string"}},
        {"type": "object", "minProperties": 1, "additionalProperties": {"enum": words}},
    ]})
}

/// The JSON Schema of `flatten_groups`.
pub(crate) fn separator_schema(generator: &mut SchemaGenerator) -> Schema {
    let map = generator.subschema_for::<FlattenMap>();
    json_schema!({"anyOf": [{"type": "string"}, map]})
}
