//! `steps`: each item has exactly one key, the step's name.

use std::borrow::Cow;

use arcoforge_core::code::Code;
use arcoforge_core::recipe::Step;
use arcoforge_core::template::Template;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::add_dim::AddDimEntry;
use crate::attr_edits::AttrEdits;
use crate::computed::Computed;
use crate::diagnostic::{Diagnostic, Span};
use crate::masks::{Mask, masks};
use crate::node::{Kind, Node, shorten};
use crate::pyramids::{pyramid, pyramid_schema};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, nearest};
use crate::scalar::Raw;
use crate::step_values::{dedupes, renames, rolls, separator, separator_schema, sorts, words_schema};
use crate::subset::Subset;
use crate::times::{Encoding, TimeFromEntry};
use crate::values::{Real, TypeName, entries, names};

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
    row(
        "rename",
        "renames variables and dimensions; `{band}` is a key of the file, `{sst@name}` or `{@name}` an attribute",
        "{ice: sea_ice_fraction}",
    ),
    row("set_coords", "marks variables as coordinates; globs", "[lat, lon]"),
    row("add_dim", "adds a dimension of length one, with a coordinate", "{member: {key: member}}"),
    row("squeeze", "removes dimensions of length one", "[zlev]"),
    row("transpose", "orders dimensions; those not named follow in their order", "[time, lat, lon]"),
    row("attrs", "sets, deletes and renames attributes", "{set: {sst@units: degC}, delete: [history]}"),
    row("reset_coords", "makes coordinates data variables again; globs", "[area]"),
    row(
        "cast",
        "changes data types; globs, but for coordinates, bounds and times",
        "{sst: float32, \"*_flag\": int8}",
    ),
    row(
        "mask",
        "makes values missing; globs, but for coordinates, bounds and times",
        "{sst: {below: -3, above: 45}}",
    ),
    row(
        "subset",
        "takes a part along dimensions; along a concat axis, of the whole dataset",
        "{lat: {from: -30, to: 30}, level: [1000, 850]}",
    ),
    row(
        "time_from",
        "makes a time from variables that hold its parts",
        "{time: {year: YEAR, month: MONTH, day: DAY}}",
    ),
    row("flatten_groups", "moves the variables of groups into the root; names are joined by the text", "_"),
    row("fill", "replaces missing values; globs, but for coordinates, bounds and times", "{precip: 0}"),
    row("flip", "reverses dimensions", "[lat]"),
    row("set", "computes variables from others, element by element", "{wind: \"hypot(u, v)\"}"),
    row("sort", "sorts the dataset along dimensions by their coordinate", "{lat: descending}"),
    row(
        "dedupe",
        "keeps one of equal positions of the dataset: `first`, `last`, or any if they are `identical`",
        "{time: last}",
    ),
    row(
        "roll",
        "counts the longitudes of the dataset from another meridian, and rotates it so that they rise",
        "{lon: -180}",
    ),
    row(
        "time_encoding",
        "sets how times of the dataset are stored; globs",
        "{time: {units: days since 1970-01-01}}",
    ),
    row(
        "pyramid",
        "adds coarser versions of the dataset, each a group beside it; the last step",
        "{dims: [lat, lon], levels: 4, factor: 2, method: mean}",
    ),
];

/// A step, and where its name stands.
#[derive(Debug, Clone)]
pub(crate) struct StepItem {
    /// As meant.
    pub(crate) step: Step,
    /// Where to point at.
    pub(crate) span: Span,
    /// Templates in it, and where they stand.
    pub(crate) templates: Vec<(Text, Template)>,
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
        let mut templates = Vec::new();
        let step = cx.within(row.name, |cx| step(row.name, value, &mut templates, cx))?;
        Some(Self { step, span: name.span.clone(), templates })
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

fn step(name: &str, value: &Node, templates: &mut Vec<(Text, Template)>, cx: &mut Cx) -> Option<Step> {
    if matches!(value.kind, Kind::Null) {
        return cx.wrong_type(value, "a value");
    }
    Some(match name {
        "drop" => Step::Drop(names(value, cx)?),
        "keep" => Step::Keep(names(value, cx)?),
        "rename" => {
            let (renames, found) = renames(value, cx)?;
            templates.extend(found);
            Step::Rename(renames)
        }
        "set_coords" => Step::SetCoords(names(value, cx)?),
        "add_dim" => Step::AddDim(AddDimEntry::read(value, cx)?.0),
        "squeeze" => Step::Squeeze(names(value, cx)?),
        "transpose" => Step::Transpose(names(value, cx)?),
        "reset_coords" => Step::ResetCoords(names(value, cx)?),
        "cast" => Step::Cast(pairs::<TypeName, _>(value, |dtype| dtype.value, cx)?),
        "mask" => Step::Mask(masks(value, cx)?),
        "subset" => Step::Subset(Subset::read(value, cx)?.0),
        "time_from" => Step::TimeFrom(TimeFromEntry::read(value, cx)?.0),
        "flatten_groups" => Step::FlattenGroups(separator(value, cx)?),
        "fill" => Step::Fill(pairs::<Raw, _>(value, |raw| raw.value(), cx)?),
        "flip" => Step::Flip(names(value, cx)?),
        "set" => Step::Set(pairs::<Computed, _>(value, |computed| computed.0, cx)?),
        "sort" => Step::Sort(sorts(value, cx)?),
        "dedupe" => Step::Dedupe(dedupes(value, cx)?),
        "roll" => Step::Roll(rolls(value, cx)?),
        "time_encoding" => Step::TimeEncoding(pairs::<Encoding, _>(value, |encoding| encoding.0, cx)?),
        "pyramid" => Step::Pyramid(pyramid(value, cx)?),
        _ => Step::Attrs(AttrEdits::read(value, cx)?.0),
    })
}

/// A map of names (globs) to values, in the order written.
fn pairs<T: Read, U>(node: &Node, meant: impl Fn(T) -> U, cx: &mut Cx) -> Option<Vec<(String, U)>> {
    Some(entries::<T>(node, cx)?.into_iter().map(|(name, value)| (name.value, meant(value))).collect())
}

/// The JSON Schema of a step's value.
fn value_schema(name: &str, generator: &mut SchemaGenerator) -> Schema {
    match name {
        "rename" => generator.subschema_for::<Entries<Text>>(),
        "add_dim" => generator.subschema_for::<AddDimEntry>(),
        "attrs" => generator.subschema_for::<AttrEdits>(),
        "cast" => generator.subschema_for::<Entries<TypeName>>(),
        "mask" => generator.subschema_for::<Entries<Mask>>(),
        "subset" => generator.subschema_for::<Subset>(),
        "time_from" => generator.subschema_for::<TimeFromEntry>(),
        "flatten_groups" => separator_schema(generator),
        "fill" => generator.subschema_for::<Entries<Raw>>(),
        "set" => generator.subschema_for::<Entries<Computed>>(),
        "sort" => words_schema(&["ascending", "descending"]),
        "dedupe" => words_schema(&["first", "last", "identical"]),
        "roll" => generator.subschema_for::<Entries<Real>>(),
        "pyramid" => pyramid_schema(generator),
        "time_encoding" => generator.subschema_for::<Entries<Encoding>>(),
        _ => generator.subschema_for::<OneOrMany<Text>>(),
    }
}

impl JsonSchema for StepItem {
    fn schema_name() -> Cow<'static, str> {
        "Step".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let steps: Vec<Value> = STEPS
            .iter()
            .filter(|row| !row.example.is_empty())
            .map(|row| {
                let value = value_schema(row.name, generator);
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
