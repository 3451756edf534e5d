//! Axes and selections as written: what `axes`, `source.missing` and `source.overrides` hold.

use std::borrow::Cow;
use std::collections::BTreeMap;

use arcoforge_core::axis::AxisKind;
use arcoforge_core::code::Code;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::diagnostic::{Diagnostic, Span};
use crate::node::{Kind, Node, Spanned};
use crate::read::{Cx, Entries, Number, OneOrMany, Read, Text, written};
use crate::scalar::Raw;

/// The axes, in the order written.
pub(crate) type Axes = Entries<Axis>;

/// One axis, as written.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// Concat or merge.
    pub(crate) kind: AxisKind,
    /// The keys; `None` where they are wrong, which was reported then.
    pub(crate) keys: Option<KeyList>,
    /// Items of every file.
    pub(crate) items_per_file: Option<Number>,
}

written! {
    /// One axis: `concat` puts files one after the other along the dimension of this name, `merge` side by side.
    /// Exactly one of the two.
    #[schemars(rename = "Axis", extend("oneOf" = [{"required": ["concat"]}, {"required": ["merge"]}]))]
    struct AxisMap {
        required {}
        optional {
            /// The keys of files that follow one another along the dimension of the axis's name.
            concat: KeyList,
            /// The keys of files that hold different variables of the same cells.
            merge: KeyList,
            /// How many items along a concat axis every file holds; verified.
            items_per_file: Number,
        }
    }
}

impl Read for Axis {
    /// Never `None`: the name of the axis is known, and others may refer to it.
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let failed = cx.diagnostics.len();
        let Some(map) = AxisMap::read(node, cx) else {
            return Some(Self { kind: AxisKind::Concat, keys: None, items_per_file: None });
        };
        let (kind, keys) = match (map.concat, map.merge) {
            (Some(_), Some(_)) => {
                let message =
                    format!("{} has both `concat` and `merge`; an axis has one of them", cx.place());
                cx.push(Diagnostic::error(Code::RecipeAxis, node.span.clone(), message));
                (AxisKind::Concat, None)
            }
            (keys @ Some(_), None) => (AxisKind::Concat, keys),
            (None, keys) => (AxisKind::Merge, keys),
        };
        // where the value was wrong, that was reported
        if keys.is_none() && cx.diagnostics.len() == failed {
            let message = format!("{} needs `concat` or `merge`", cx.place());
            cx.push(Diagnostic::error(Code::RecipeAxis, node.span.clone(), message));
        }
        if let (AxisKind::Merge, Some(_), Some(items)) = (kind, &keys, &map.items_per_file) {
            let message = "`items_per_file` counts along a `concat` axis; a `merge` axis has none";
            cx.push(Diagnostic::error(Code::RecipeAxis, items.span.clone(), message));
        }
        if let Some(items) = map.items_per_file.as_ref().filter(|items| items.value == 0) {
            let message = "`items_per_file` is 0, a file holds at least one item".to_owned();
            cx.bad_value::<()>(&items.span, message, None);
        }
        Some(Self { kind, keys, items_per_file: map.items_per_file })
    }
}

impl JsonSchema for Axis {
    fn schema_name() -> Cow<'static, str> {
        AxisMap::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        AxisMap::json_schema(generator)
    }
}

/// The keys of an axis, as written.
#[derive(Debug, Clone)]
pub(crate) struct KeyList {
    /// Where they stand.
    pub(crate) span: Span,
    /// What they are.
    pub(crate) kind: KeyListKind,
}

/// What the keys of an axis are.
#[derive(Debug, Clone)]
pub(crate) enum KeyListKind {
    /// `found`.
    Found,
    /// Listed words, numbers or dates.
    Scalars(Vec<Raw>),
    /// Listed maps.
    Maps(Vec<MapKey>),
    /// `{from: 1981-09-01, to: now, every: 1 day}` or `{from: 1, to: 10}`.
    Range(Box<Range>),
}

/// A key of several values.
pub(crate) type MapKey = Spanned<BTreeMap<String, Raw>>;

written! {
    /// A range of dates (with `every`) or of whole numbers (with or without `step`), both ends included.
    #[schemars(rename = "KeyRange")]
    struct Range {
        required {
            /// The first.
            from: Raw,
            /// The last, included; `now` is allowed for dates.
            to: Raw,
        }
        optional {
            /// The distance of dates: `1 day`, `3 h`, `30 min`, `1 month`, `1 year`.
            every: Text,
            /// The distance of numbers; not zero, may be negative. Default: 1.
            step: Raw,
            /// The CF calendar of dates. Default: `standard`.
            calendar: Text,
            /// `year`: begin again on 1 January of each year.
            restart: Text,
        }
    }
}

impl Read for KeyList {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        const EXPECTED: &str = "a list of keys, a range (`{from: …, to: …}`), or `found`";
        let kind = match &node.kind {
            Kind::Scalar { text, .. } if text == "found" => KeyListKind::Found,
            Kind::Map(_) => KeyListKind::Range(Box::new(Range::read(node, cx)?)),
            Kind::List(items) if items.is_empty() => {
                let message = format!("{} lists no keys", cx.place());
                cx.push(Diagnostic::error(Code::RecipeAxis, node.span.clone(), message));
                return None;
            }
            Kind::List(items) if items.iter().any(|item| matches!(item.kind, Kind::Map(_))) => {
                KeyListKind::Maps(items.iter().map(|item| map_key(item, cx)).collect::<Option<_>>()?)
            }
            Kind::List(_) => KeyListKind::Scalars(Vec::read(node, cx)?),
            _ => return cx.wrong_type(node, EXPECTED),
        };
        Some(Self { span: node.span.clone(), kind })
    }
}

fn map_key(node: &Node, cx: &mut Cx) -> Option<MapKey> {
    let mut key = BTreeMap::new();
    for (name, value) in cx.map(node)? {
        key.insert(name.value.clone(), cx.within(&name.value, |cx| Raw::read(value, cx))?);
    }
    if !key.contains_key("key") {
        cx.missing_key(
            &node.span,
            "key",
            Some("`key` is what the axis's position is called; the rest is for templates"),
        );
        return None;
    }
    Some(Spanned { value: key, span: node.span.clone() })
}

impl JsonSchema for KeyList {
    fn schema_name() -> Cow<'static, str> {
        "Keys".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<Range>();
        let one = generator.subschema_for::<Raw>();
        json_schema!({
            "description": "A list of keys (words, whole numbers, dates, or maps with `key` and other values for \
                            templates), a range of dates or numbers, or `found`.",
            "anyOf": [
                {"const": "found"},
                {"type": "array", "minItems": 1, "items": one.clone()},
                {"type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["key"], "additionalProperties": one,
                }},
                range,
            ],
        })
    }
}

/// A set of positions, as written: axis → which of its keys.
pub(crate) type Select = Entries<Match>;

/// Which keys of one axis, as written.
#[derive(Debug, Clone)]
pub(crate) enum Match {
    /// One.
    One(Raw),
    /// Several.
    Any(Vec<Raw>),
    /// A range, both ends included.
    Range(MatchRange),
}

written! {
    /// A range of keys, both ends included; an end that is left out is open.
    struct MatchRange {
        required {}
        optional {
            /// The first.
            from: Raw,
            /// The last.
            to: Raw,
        }
    }
}

impl Read for Match {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        match &node.kind {
            Kind::Scalar { .. } => Raw::read(node, cx).map(Self::One),
            Kind::List(_) => Vec::read(node, cx).map(Self::Any),
            Kind::Map(_) => MatchRange::read(node, cx).map(Self::Range),
            Kind::Null => cx.wrong_type(node, "a key, a list of keys, or `{from: …, to: …}`"),
        }
    }
}

impl JsonSchema for Match {
    fn schema_name() -> Cow<'static, str> {
        "KeyMatch".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let range = generator.subschema_for::<MatchRange>();
        let one = generator.subschema_for::<Raw>();
        json_schema!({
            "description": "One key, a list of keys, or a range of keys.",
            "anyOf": [one.clone(), {"type": "array", "items": one}, range],
        })
    }
}

/// Other URLs for a part of the pattern: axis names and `url` in one map.
#[derive(Debug, Clone)]
pub(crate) struct Override {
    /// Which positions.
    pub(crate) select: Select,
    /// Their templates.
    pub(crate) url: OneOrMany<Text>,
}

impl Read for Override {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = cx.map(node)?;
        let mut select = Vec::new();
        for (axis, value) in entries.iter().filter(|(key, _)| key.value != "url") {
            if let Some(keys) = cx.within(&axis.value, |cx| Match::read(value, cx)) {
                select.push((axis.clone(), keys));
            }
        }
        if !crate::read::present(entries, "url") {
            cx.missing_key(&node.span, "url", None);
        }
        let url = crate::read::entry(entries, "url", cx).unwrap_or_else(|| OneOrMany(Vec::new()));
        Some(Self { select: Entries(select), url })
    }
}

impl JsonSchema for Override {
    fn schema_name() -> Cow<'static, str> {
        "Override".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let url = generator.subschema_for::<OneOrMany<Text>>();
        let keys = generator.subschema_for::<Match>();
        json_schema!({
            "description": "Which positions (axis → keys), and their `url`.",
            "type": "object",
            "required": ["url"],
            "properties": {"url": url},
            "additionalProperties": keys,
        })
    }
}
