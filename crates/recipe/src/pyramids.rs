//! The step `pyramid`.

use arcoforge_core::recipe::{Coarsening, Pyramid};
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::node::{Kind, Node, Spanned};
use crate::read::{Cx, OneOrMany, Read, Text, inline_schemas, written};
use crate::values::{Int, choice, entries};

/// Most levels that are asked for: a dimension is not halved more often.
const LEVELS_MAX: i64 = 64;
/// Most cells along a dimension that become one.
const FACTOR_MAX: i64 = 1024;

written! {
    /// Coarser versions of the dataset, each a group beside it. A whole number alone is `levels`.
    #[schemars(rename = "Pyramid")]
    struct PyramidMap {
        required {}
        optional {
            /// The dimensions that become shorter. Default: those of the X and Y axes.
            dims: OneOrMany<Text>,
            /// How many levels there are with the dataset itself, at least 2. Default: as many as leave no more than 256 cells
            /// along each of the dimensions.
            levels: Int,
            /// How many cells along each of the dimensions become one. Default: 2.
            factor: Int,
            /// `mean`, `nearest`, `min`, `max` or `mode`, or a map of variables (globs) to these. Default: `mean` of floats and
            /// packed integers, `nearest` of flags and all else.
            method: Methods,
        }
    }
}

/// One method for all, or methods of variables.
#[derive(Debug, Clone)]
pub(crate) struct Methods(Vec<(String, Coarsening)>);

impl Read for Methods {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        if !matches!(node.kind, Kind::Map(_)) {
            let word = Text::read(node, cx)?;
            return Some(Self(vec![("*".to_owned(), method(&word, cx)?)]));
        }
        let mut all = Vec::new();
        for (name, word) in entries::<Text>(node, cx)? {
            let one = cx.within(&name.value, |cx| method(&word, cx));
            all.extend(one.map(|method| (name.value, method)));
        }
        Some(Self(all))
    }
}

fn method(word: &Text, cx: &mut Cx) -> Option<Coarsening> {
    let names: Vec<&str> = Coarsening::ALL.iter().map(|method| method.name()).collect();
    let at = choice(word, &names, "a method", cx)?;
    Coarsening::ALL.get(at).copied()
}

/// The value of `pyramid`.
pub(crate) fn pyramid(node: &Node, cx: &mut Cx) -> Option<Pyramid> {
    if matches!(node.kind, Kind::Scalar { .. }) {
        let levels = Int::read(node, cx)?;
        let levels = cx.within("levels", |cx| within(&levels, LEVELS_MAX, cx))?;
        return Some(Pyramid {
            dims: Vec::new(),
            levels: u32::try_from(levels).ok(),
            factor: 2,
            methods: Vec::new(),
        });
    }
    let map = PyramidMap::read(node, cx)?;
    // all that is wrong is told, and then nothing is meant
    let levels = map.levels.as_ref().map(|levels| cx.within("levels", |cx| within(levels, LEVELS_MAX, cx)));
    let factor = map.factor.as_ref().map(|factor| cx.within("factor", |cx| within(factor, FACTOR_MAX, cx)));
    let mut dims: Vec<String> = Vec::new();
    for dim in map.dims.map(|dims| dims.0).unwrap_or_default() {
        if dims.contains(&dim.value) {
            cx.bad_value::<()>(&dim.span, format!("{} names `{}` twice", cx.place(), dim.value), None);
        }
        dims.push(dim.value);
    }
    let levels = match levels {
        Some(levels) => Some(levels?),
        None => None,
    };
    Some(Pyramid {
        dims,
        levels: levels.and_then(|levels| u32::try_from(levels).ok()),
        factor: factor.unwrap_or(Some(2))?,
        methods: map.method.map(|methods| methods.0).unwrap_or_default(),
    })
}

/// A number from 2 to `most`.
fn within(number: &Spanned<i64>, most: i64, cx: &mut Cx) -> Option<u64> {
    if (2..=most).contains(&number.value) {
        return u64::try_from(number.value).ok();
    }
    let message = format!("{} is {}, expected 2 to {most}", cx.place(), number.value);
    cx.bad_value(&number.span, message, None)
}

inline_schemas! {
    Methods => |_generator| {
        let words: Vec<&str> = Coarsening::ALL.iter().map(|method| method.name()).collect();
        json_schema!({"anyOf": [
            {"enum": words},
            {"type": "object", "minProperties": 1, "additionalProperties": {"enum": words}},
        ]})
    };
}

/// The JSON Schema of the step's value.
pub(crate) fn pyramid_schema(generator: &mut SchemaGenerator) -> Schema {
    let map = generator.subschema_for::<PyramidMap>();
    json_schema!({"anyOf": [{"type": "integer", "minimum": 2, "maximum": LEVELS_MAX}, map]})
}
