//! `output`: target format, and the map itself.

use std::borrow::Cow;

use arcoforge_core::recipe::TargetFormat;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Read, Text, nearest, ticked};
use crate::written::Output;

/// Every target of the language, and what it is in this version.
pub(crate) const FORMATS: &[(&str, Option<TargetFormat>)] = &[
    ("zarr3", Some(TargetFormat::Zarr3)),
    ("zarr2", Some(TargetFormat::Zarr2)),
    ("icechunk", None),
    ("icechunk-virtual", None),
    ("kerchunk-json", None),
    ("kerchunk-parquet", None),
];

/// The target's format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormatName(pub(crate) TargetFormat);

impl Read for FormatName {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let Text { value, span } = Text::read(node, cx)?;
        match FORMATS.iter().find(|(name, _)| *name == value) {
            Some((_, Some(format))) => Some(Self(*format)),
            Some((name, None)) => {
                cx.not_yet(&span, &format!("the format `{name}`"));
                None
            }
            None => {
                let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
                let help = match nearest(&value, names.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("one of {}", ticked(&names)),
                };
                cx.bad_value(&span, format!("`{}` is not a format", shorten(&value)), Some(help))
            }
        }
    }
}

impl JsonSchema for FormatName {
    fn schema_name() -> Cow<'static, str> {
        "Format".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> =
            FORMATS.iter().filter(|(_, format)| format.is_some()).map(|(name, _)| *name).collect();
        json_schema!({ "enum": names })
    }
}

/// One output; a list of several is not in this version.
#[derive(Debug, Clone)]
pub(crate) struct OutputMap(pub(crate) Output);

impl Read for OutputMap {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        if matches!(node.kind, Kind::List(_)) {
            cx.not_yet(&node.span, "a list of outputs");
            return None;
        }
        Output::read(node, cx).map(Self)
    }
}

impl JsonSchema for OutputMap {
    fn schema_name() -> Cow<'static, str> {
        Output::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Output::json_schema(generator)
    }
}
