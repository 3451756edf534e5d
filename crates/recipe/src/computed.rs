//! The `set` step: `set: {wind: "hypot(u, v)"}`.

use arcoforge_core::expr::Expr;
use arcoforge_core::recipe;
use schemars::json_schema;

use crate::node::{Kind, Node};
use crate::read::{Cx, Entries, Read, Text, inline_schemas, written};
use crate::scalar::Attr;
use crate::values::TypeName;

/// A variable that is computed: an expression, or a map with it.
#[derive(Debug, Clone)]
pub(crate) struct Computed(pub(crate) recipe::Computed);

written! {
    /// A variable that is computed from others.
    #[schemars(rename = "Computed")]
    struct ComputedMap {
        required {
            /// What is computed, element by element: `hypot(u, v)`.
            expression: Text,
        }
        optional {
            /// The units of the result: it is converted to them where those of the expression are known, and named by them
            /// where not. Default: those that the expression gives.
            units: Text,
            /// The type of the result. Default: `float64`, or `float32` where no input is wider.
            dtype: TypeName,
            /// More attributes of the result.
            attrs: Entries<Attr>,
        }
    }
}

impl Read for Computed {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let map = match &node.kind {
            Kind::Scalar { .. } => {
                let expression = Text::read(node, cx);
                ComputedMap { expression, units: None, dtype: None, attrs: None }
            }
            Kind::Map(_) => ComputedMap::read(node, cx)?,
            _ => return cx.wrong_type(node, "an expression, or a map with `expression`"),
        };
        let expression = map.expression.and_then(|text| checked(text, cx));
        let attrs = map.attrs.map_or_else(Vec::new, |attrs| attrs.0);
        if let (Some(_), Some((name, _))) = (&map.units, attrs.iter().find(|(name, _)| name.value == "units"))
        {
            cx.bad_value::<()>(&name.span, "`units` and `attrs.units` are both given".into(), None);
        }
        Some(Self(recipe::Computed {
            expression: expression?,
            units: map.units.map(|units| units.value),
            dtype: map.dtype.map(|dtype| dtype.value),
            attrs: attrs.into_iter().map(|(name, value)| (name.value, value.0)).collect(),
        }))
    }
}

/// The text of an expression that can be parsed.
fn checked(text: Text, cx: &mut Cx) -> Option<String> {
    match Expr::parse(&text.value) {
        Ok(_) => Some(text.value),
        Err(error) => cx.bad_value(&text.part(error.span), error.message, error.help),
    }
}

inline_schemas! {
    Computed => |generator| {
        let map = generator.subschema_for::<ComputedMap>();
        json_schema!({"anyOf": [{"type": "string"}, map]})
    };
}
