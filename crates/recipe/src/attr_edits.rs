//! The `attrs` step: `attrs: {set: {title: x, sst@units: K}, delete: [history], move: {sst@long: long_name}}`.
//!
//! An attribute of the root group is written by its name, one of a variable as `variable@name`.

use arcoforge_core::names::is_glob;
use arcoforge_core::recipe::AttrEdit;

use crate::node::{Kind, Node, Spanned, shorten};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, schema_as, written};
use crate::scalar::Attr;

/// The edits, in the order written.
#[derive(Debug, Clone)]
pub(crate) struct AttrEdits(pub(crate) Vec<AttrEdit>);

written! {
    /// Edits of attributes, carried out in the order written. `name` is an attribute of the root group,
    /// `variable@name` one of a variable; the variable may be a glob (`"*@name"`, quoted).
    #[schemars(rename = "AttrEdits")]
    struct EditMap {
        required {}
        optional {
            /// Attribute → value.
            set: Entries<Attr>,
            /// Attributes to delete; globs.
            delete: OneOrMany<Text>,
            /// Attribute → its new name.
            r#move: Entries<Text>,
        }
    }
}

impl Read for AttrEdits {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = cx.map(node)?;
        cx.unknown_keys(entries, &["set", "delete", "move"]);
        let mut edits = Vec::new();
        for (key, value) in entries.iter().filter(|(_, node)| !matches!(node.kind, Kind::Null)) {
            cx.within(&key.value, |cx| match key.value.as_str() {
                "set" => set(value, &mut edits, cx),
                "delete" => delete(value, &mut edits, cx),
                "move" => rename(value, &mut edits, cx),
                _ => None,
            });
        }
        Some(Self(edits))
    }
}

fn set(node: &Node, edits: &mut Vec<AttrEdit>, cx: &mut Cx) -> Option<()> {
    for (target, value) in cx.map(node)? {
        if let Kind::Map(_) = value.kind {
            let message = format!("{} takes attributes, `{}` is a map", cx.place(), shorten(&target.value));
            let help =
                format!("write an attribute of a variable as `{}@name: value`", shorten(&target.value));
            cx.bad_value::<()>(&target.span, message, Some(help));
            continue;
        }
        let value = cx.within(&target.value, |cx| Attr::read(value, cx));
        let (Some((variable, name)), Some(value)) = (split(target, cx), value) else { continue };
        if literal(&name, target, cx) {
            edits.push(AttrEdit::Set { variable, name, value: value.0 });
        }
    }
    Some(())
}

fn delete(node: &Node, edits: &mut Vec<AttrEdit>, cx: &mut Cx) -> Option<()> {
    for target in OneOrMany::<Text>::read(node, cx)?.0 {
        if let Some((variable, name)) = split(&target, cx) {
            edits.push(AttrEdit::Delete { variable, name });
        }
    }
    Some(())
}

fn rename(node: &Node, edits: &mut Vec<AttrEdit>, cx: &mut Cx) -> Option<()> {
    for (target, to) in Entries::<Text>::read(node, cx)?.0 {
        let (Some((variable, from)), Some((other, to_name))) = (split(&target, cx), split(&to, cx)) else {
            continue;
        };
        if !other.is_empty() && other != variable {
            let message = format!("`{}` would move to another variable", shorten(&target.value));
            let help =
                format!("write only the new name: `{}: {}`", shorten(&target.value), shorten(&to_name));
            cx.bad_value::<()>(&to.span, message, Some(help));
        } else if literal(&from, &target, cx) && literal(&to_name, &to, cx) {
            edits.push(AttrEdit::Move { variable, from, to: to_name });
        }
    }
    Some(())
}

/// `variable@name` in two; the variable is empty for the root group.
fn split(target: &Spanned<String>, cx: &mut Cx) -> Option<(String, String)> {
    let (variable, name) = match target.value.split_once('@') {
        Some((variable, name)) if !variable.is_empty() => (variable, name),
        Some(_) => ("", ""),
        None => ("", target.value.as_str()),
    };
    if name.is_empty() {
        let message = format!("`{}` does not name an attribute", shorten(&target.value));
        let help = "write `name` for the root group, `variable@name` for a variable".to_owned();
        return cx.bad_value(&target.span, message, Some(help));
    }
    Some((variable.to_owned(), name.to_owned()))
}

/// Whether the attribute's name is one name, not a pattern; else reported.
fn literal(name: &str, at: &Spanned<String>, cx: &mut Cx) -> bool {
    if is_glob(name) {
        let message = format!("`{}` is a pattern, one attribute is needed", shorten(name));
        cx.bad_value::<()>(&at.span, message, Some("the variable before `@` may be a pattern".into()));
    }
    !is_glob(name)
}

schema_as! {
    [] AttrEdits => EditMap;
}
