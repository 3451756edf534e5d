//! `output`: target format, and one map or several.

use arcoforge_core::recipe::TargetFormat;
use schemars::json_schema;
use serde_json::json;

use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Read, Text, inline_schemas, suggest};
use crate::written::Output;

/// Every target of the language.
pub(crate) const FORMATS: &[(&str, TargetFormat)] = &[
    ("zarr3", TargetFormat::Zarr3),
    ("zarr2", TargetFormat::Zarr2),
    ("icechunk", TargetFormat::Icechunk),
    ("icechunk-virtual", TargetFormat::IcechunkVirtual),
    ("kerchunk-json", TargetFormat::KerchunkJson),
    ("kerchunk-parquet", TargetFormat::KerchunkParquet),
];

/// The target's format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FormatName(pub(crate) TargetFormat);

impl Read for FormatName {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let Text { value, span } = Text::read(node, cx)?;
        match FORMATS.iter().find(|(name, _)| *name == value) {
            Some((_, format)) => Some(Self(*format)),
            None => {
                let names: Vec<&str> = FORMATS.iter().map(|(name, _)| *name).collect();
                let help = suggest(&value, &names, "one of");
                cx.bad_value(&span, format!("`{}` is not a format", shorten(&value)), Some(help))
            }
        }
    }
}

/// The outputs: one map, or a list of maps that have names.
#[derive(Debug, Clone)]
pub(crate) struct Outputs {
    /// In the order written.
    pub(crate) outputs: Vec<Output>,
    /// Whether they stand in a list.
    pub(crate) listed: bool,
}

impl Read for Outputs {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let Kind::List(items) = &node.kind else {
            let output = Output::read(node, cx)?;
            if let Some(name) = &output.name {
                let message =
                    "`output.name` tells the outputs of a list apart; one output has the recipe's name";
                cx.bad_value::<()>(&name.span, message.to_owned(), None);
            }
            return Some(Self { outputs: vec![output], listed: false });
        };
        if items.is_empty() {
            return cx.bad_value(&node.span, "`output` lists no outputs".to_owned(), None);
        }
        for (at, item) in items.iter().enumerate() {
            if let Kind::Map(entries) = &item.kind
                && !crate::read::present(entries, "name")
            {
                let help = "the outputs of a list are told apart by their names";
                cx.within(&at.to_string(), |cx| cx.missing_key(&item.span, "name", Some(help)));
            }
        }
        let outputs: Vec<Output> = Vec::read(node, cx)?;
        let mut seen: Vec<&str> = Vec::new();
        for name in outputs.iter().filter_map(|output| output.name.as_ref()) {
            if seen.contains(&name.value.as_str()) {
                let message = format!("two outputs have the name `{}`", shorten(&name.value));
                cx.bad_value::<()>(&name.span, message, None);
            }
            seen.push(&name.value);
        }
        Some(Self { outputs, listed: true })
    }
}

inline_schemas! {
    FormatName => |_| {
        json_schema!({ "enum": FORMATS.iter().map(|(name, _)| *name).collect::<Vec<_>>() })
    };
    Outputs => |generator| {
        let one = generator.subschema_for::<Output>();
        let named = json!({"allOf": [one, {"required": ["name"]}]});
        json_schema!({"anyOf": [one, {"type": "array", "minItems": 1, "items": named}]})
    };
}
