//! `steps`: each item has exactly one key, the step's name.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arcoforge_core::code::Code;
use arcoforge_core::recipe::{Naming, Step};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::add_dim::AddDimEntry;
use crate::attr_edits::AttrEdits;
use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, nearest};

/// One step of the language.
pub(crate) struct StepRow {
    /// The key.
    pub(crate) name: &'static str,
    /// What it does, one phrase.
    pub(crate) does: &'static str,
    /// A value that it takes, as YAML; empty where this version does not carry it out.
    pub(crate) example: &'static str,
}

const fn row(name: &'static str, does: &'static str, example: &'static str) -> StepRow {
    StepRow { name, does, example }
}

/// Every step, in the order of the documentation.
pub(crate) const STEPS: &[StepRow] = &[
    row("drop", "leaves variables out; globs", "[time_bnds, \"*_flag\"]"),
    row("keep", "keeps these variables, with the coordinates of their dimensions; globs", "[sst, ice]"),
    row("rename", "renames variables and dimensions", "{ice: sea_ice_fraction}"),
    row("set_coords", "marks variables as coordinates; globs", "[lat, lon]"),
    row("add_dim", "adds a dimension of length one, with a coordinate", "{member: {key: member}}"),
    row("squeeze", "removes dimensions of length one", "[zlev]"),
    row("transpose", "orders dimensions; those not named follow in their order", "[time, lat, lon]"),
    row("attrs", "sets, deletes and renames attributes", "{set: {sst@units: degC}, delete: [history]}"),
    row("reset_coords", "makes coordinates data variables", ""),
    row("cast", "changes data types", ""),
    row("mask", "masks values", ""),
    row("subset", "takes a part along dimensions", ""),
    row("time_from", "makes times from other variables", ""),
    row("flatten_groups", "moves the variables of groups into the root", ""),
    row("fill", "fills masked values", ""),
    row("flip", "reverses dimensions", ""),
    row("set", "computes variables from others", ""),
    row("sort", "sorts along a dimension", ""),
    row("dedupe", "keeps one of equal positions", ""),
    row("roll", "rolls longitude", ""),
    row("time_encoding", "sets how times are stored", ""),
    row("pyramid", "adds coarser versions", ""),
];

/// A step, and where its name stands.
#[derive(Debug, Clone)]
pub(crate) struct StepItem {
    /// As meant.
    pub(crate) step: Step,
    /// Where to point at.
    pub(crate) span: Span,
}

impl Read for StepItem {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let (name, value) = match &node.kind {
            Kind::Map(entries) => match entries.as_slice() {
                [(name, value)] => (name, value),
                [] => return cx.wrong_type(node, "one step in each item"),
                [first, second, ..] => {
                    known(&first.0, cx);
                    let message = format!("a step has one key, found `{}` and more", shorten(&first.0.value));
                    let diagnostic = Diagnostic::error(Code::RecipeType, second.0.span.clone(), message);
                    cx.push(
                        diagnostic.label("a second key").help("begin a new item with `- ` for each step"),
                    );
                    return None;
                }
            },
            Kind::Scalar { text, .. } => {
                let name = Text { value: text.clone(), span: node.span.clone() };
                known(&name, cx)?;
                return cx.wrong_type(node, "a step with its value, as `NAME: value`");
            }
            _ => return cx.wrong_type(node, "a step, as `NAME: value`"),
        };
        let row = known(name, cx)?;
        let step = cx.within(row.name, |cx| step(row.name, value, cx))?;
        Some(Self { step, span: name.span.clone() })
    }
}

/// The row of a step's name; unknown ones and those of later versions are reported.
fn known(name: &Text, cx: &mut Cx) -> Option<&'static StepRow> {
    match STEPS.iter().find(|row| row.name == name.value) {
        Some(row) if row.example.is_empty() => {
            cx.not_yet(&name.span, &format!("the step `{}`", row.name));
            None
        }
        Some(row) => Some(row),
        None => {
            let message = format!("there is no step `{}`", shorten(&name.value));
            let names: Vec<&str> = STEPS.iter().map(|row| row.name).collect();
            let carried: Vec<&str> =
                STEPS.iter().filter(|row| !row.example.is_empty()).map(|row| row.name).collect();
            let help = match nearest(&name.value, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the steps are {}", crate::read::ticked(&carried)),
            };
            let diagnostic = Diagnostic::error(Code::RecipeUnknownStep, name.span.clone(), message);
            cx.push(diagnostic.label("unknown step").help(help));
            None
        }
    }
}

fn step(name: &str, value: &Node, cx: &mut Cx) -> Option<Step> {
    if matches!(value.kind, Kind::Null) {
        return cx.wrong_type(value, "a value");
    }
    Some(match name {
        "drop" => Step::Drop(names(value, cx)?),
        "keep" => Step::Keep(names(value, cx)?),
        "rename" => Step::Rename(renames(value, cx)?),
        "set_coords" => Step::SetCoords(names(value, cx)?),
        "add_dim" => Step::AddDim(AddDimEntry::read(value, cx)?.0),
        "squeeze" => Step::Squeeze(names(value, cx)?),
        "transpose" => Step::Transpose(names(value, cx)?),
        _ => Step::Attrs(AttrEdits::read(value, cx)?.0),
    })
}

/// One name or several; none, or one twice, is an error.
fn names(node: &Node, cx: &mut Cx) -> Option<Vec<String>> {
    let names: Vec<Text> = OneOrMany::read(node, cx)?.0;
    if names.is_empty() {
        // where an item was wrong, that was reported
        if matches!(&node.kind, Kind::List(items) if items.is_empty()) {
            let message = format!("{} names nothing", cx.place());
            cx.bad_value::<()>(&node.span, message, None);
        }
        return None;
    }
    let mut seen = Vec::new();
    for name in names {
        if seen.contains(&name.value) {
            let message = format!("{} names `{}` twice", cx.place(), shorten(&name.value));
            cx.bad_value::<()>(&name.span, message, None);
        }
        if name.value.is_empty() {
            cx.bad_value::<()>(&name.span, format!("{} has an empty name", cx.place()), None);
        }
        seen.push(name.value);
    }
    Some(seen)
}

fn renames(node: &Node, cx: &mut Cx) -> Option<BTreeMap<String, Naming>> {
    let entries: Entries<Text> = Entries::read(node, cx)?;
    let mut renames: BTreeMap<String, Naming> = BTreeMap::new();
    for (from, to) in entries.0 {
        if let Some((other, _)) =
            renames.iter().find(|(_, target)| matches!(target, Naming::Name(name) if *name == to.value))
        {
            let message = format!("`{}` and `{}` would both be called `{}`", other, from.value, to.value);
            cx.bad_value::<()>(&to.span, message, None);
        }
        if to.value.is_empty() {
            cx.bad_value::<()>(&to.span, format!("`{}` gets an empty name", from.value), None);
        }
        renames.insert(from.value, Naming::Name(to.value));
    }
    Some(renames)
}

impl JsonSchema for StepItem {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = generator.subschema_for::<OneOrMany<Text>>().to_value();
        let renames = generator.subschema_for::<Entries<Text>>().to_value();
        let add_dim = generator.subschema_for::<AddDimEntry>().to_value();
        let attrs = generator.subschema_for::<AttrEdits>().to_value();
        let steps: Vec<Value> = STEPS
            .iter()
            .filter(|row| !row.example.is_empty())
            .map(|row| {
                let value = match row.name {
                    "rename" => &renames,
                    "add_dim" => &add_dim,
                    "attrs" => &attrs,
                    _ => &names,
                };
                json!({
                    "description": format!("`{}` {}.", row.name, row.does),
                    "type": "object",
                    "required": [row.name],
                    "properties": {row.name: value},
                    "additionalProperties": false,
                })
            })
            .collect();
        json_schema!({ "description": "One transformation; the item has exactly one key.", "oneOf": steps })
    }
}
