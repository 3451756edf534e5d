//! `source.checksums`: what the bytes of the inputs must add up to, listed here or in manifests.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arcoforge_core::pattern::{Algorithm, Checksum, Checksums};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Entries, Read, Text, nearest, ticked};
use crate::values::not_empty;

/// The checksums, as meant.
#[derive(Debug, Clone)]
pub(crate) struct ChecksumList(pub(crate) Checksums);

impl Read for ChecksumList {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let mut checksums = Checksums::default();
        match &node.kind {
            Kind::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    cx.within(&at.to_string(), |cx| one(item, &mut checksums, cx));
                }
            }
            _ => one(node, &mut checksums, cx),
        }
        Some(Self(checksums))
    }
}

/// The name of a manifest, or a map of checksums.
fn one(node: &Node, checksums: &mut Checksums, cx: &mut Cx) {
    match &node.kind {
        Kind::Scalar { text, .. } if text.trim().is_empty() => {
            cx.bad_value::<()>(&node.span, format!("{} is empty", cx.place()), None);
        }
        Kind::Scalar { text, .. } => match prefix(text) {
            Some(_) => {
                let message = format!("{} is a checksum, and no name of its file", cx.place());
                let help = "write `NAME: sha256:…`, or the path or URL of a manifest".to_owned();
                cx.bad_value::<()>(&node.span, message, Some(help));
            }
            None => checksums.manifests.push(text.clone()),
        },
        Kind::Map(_) => listed(node, &mut checksums.listed, cx),
        _ => {
            cx.wrong_type::<()>(node, "the path or URL of a manifest, or a map of files to `sha256:…`");
        }
    }
}

fn listed(node: &Node, listed: &mut BTreeMap<String, Checksum>, cx: &mut Cx) {
    for (file, text) in Entries::<Text>::read(node, cx).map_or_else(Vec::new, |entries| entries.0) {
        not_empty(&file, cx);
        let Some(checksum) = cx.within(&file.value, |cx| checksum(&text, cx)) else { continue };
        if listed.get(&file.value).is_some_and(|known| *known != checksum) {
            let message = format!("`{}` has two checksums", shorten(&file.value));
            cx.bad_value::<()>(&file.span, message, None);
        }
        listed.insert(file.value, checksum);
    }
}

/// The algorithm and the digits of `sha256:HEX`.
fn prefix(text: &str) -> Option<(Algorithm, &str)> {
    let (name, hex) = text.split_once(':')?;
    Some((Algorithm::parse(name)?, hex))
}

fn checksum(text: &Text, cx: &mut Cx) -> Option<Checksum> {
    let Some((algorithm, hex)) = prefix(&text.value) else {
        let names: Vec<&str> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
        let near = text.value.split_once(':').and_then(|(name, _)| nearest(name, names.iter().copied()));
        let help = match near {
            Some(near) => format!("did you mean `{near}:`?"),
            None => {
                format!("an algorithm, a colon and its digits, as `sha256:…`; known are {}", ticked(&names))
            }
        };
        let message = format!("{} is `{}`, which is not a checksum", cx.place(), shorten(&text.value));
        return cx.bad_value(&text.span, message, Some(help));
    };
    let digits = algorithm.digits();
    if hex.len() != digits || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        let (place, name) = (cx.place(), algorithm.name());
        let message =
            format!("{place} has `{}` behind `{name}:`, expected {digits} hexadecimal digits", shorten(hex));
        return cx.bad_value(&text.span, message, None);
    }
    Some(Checksum { algorithm, hex: hex.to_ascii_lowercase() })
}

impl JsonSchema for ChecksumList {
    fn schema_name() -> Cow<'static, str> {
        "Checksums".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let algorithms: Vec<String> = Algorithm::ALL
            .iter()
            .map(|algorithm| format!("{}:[0-9a-fA-F]{{{}}}", algorithm.name(), algorithm.digits()))
            .collect();
        let pattern = format!("^({})$", algorithms.join("|"));
        let map = serde_json::json!({
            "type": "object", "additionalProperties": {"type": "string", "pattern": pattern},
        });
        let one = serde_json::json!({"anyOf": [{"type": "string"}, map]});
        json_schema!({
            "description": "URL, path or file name → `sha256:HEX`; the path or URL of a manifest as `sha256sum` writes \
                            it; or a list of these.",
            "anyOf": [{"type": "string"}, map, {"type": "array", "items": one}],
        })
    }
}
