//! The `add_dim` step: `add_dim: {member: {key: member}}`.

use arcoforge_core::attrs::AttrValue;
use arcoforge_core::code::Code;
use arcoforge_core::recipe::{AddDim, DimValue};
use arcoforge_core::strftime::Strftime;
use schemars::json_schema;

use crate::diagnostic::Diagnostic;
use crate::node::{Node, shorten};
use crate::read::{Cx, Entries, OneOrMany, Read, Text, inline_schemas, ticked, written};
use crate::scalar::{Attr, Raw};

/// The value of the step: one dimension, and where its coordinate comes from.
#[derive(Debug, Clone)]
pub(crate) struct AddDimEntry(pub(crate) AddDim);

written! {
    /// Where the coordinate of a new dimension comes from. Exactly one of `key`, `attr`, `scalar`, `file_name` and
    /// `constant`.
    #[schemars(rename = "AddDim", extend("oneOf" = [
        {"required": ["key"]}, {"required": ["attr"]}, {"required": ["scalar"]}, {"required": ["file_name"]},
        {"required": ["constant"]},
    ]))]
    struct AddDimMap {
        required {}
        optional {
            /// An axis: the file's key along it.
            key: Text,
            /// A global attribute, or `variable@attribute`.
            attr: Text,
            /// A scalar variable, which becomes the coordinate.
            scalar: Text,
            /// A regular expression on the file's name: its group 1, or the whole match.
            file_name: Text,
            /// The same value in every file.
            constant: Raw,
            /// With `attr` and `file_name`: how to parse a date (`%Y%m%d`).
            format: Text,
            /// The coordinate's `units`; dates are counted in them. Default for dates: days since 1970-01-01, or seconds.
            units: Text,
            /// The variables that get the dimension; globs. Default: all that are not coordinates.
            variables: OneOrMany<Text>,
            /// Attributes of the coordinate.
            attrs: Entries<Attr>,
        }
    }
}

impl Read for AddDimEntry {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = cx.map(node)?;
        let [(dim, value)] = entries else {
            return cx.wrong_type(node, "exactly one dimension, as `{member: {key: member}}`");
        };
        let map = cx.within(&dim.value, |cx| AddDimMap::read(value, cx))?;
        let format = map.format.as_ref().map(|format| format.value.clone());
        let takes_format = map.attr.is_some() || map.file_name.is_some();
        if let Some(format) = map.format.as_ref().filter(|_| !takes_format) {
            cx.bad_value::<()>(&format.span, "`format` goes with `attr` or `file_name`".into(), None);
        }
        if let Some(format) = &map.format {
            check_date_format(format, cx);
        }
        if let Some(regex) = &map.file_name {
            check_regex(regex, cx);
        }
        let sources = [
            map.key.map(|axis| DimValue::Key(axis.value)),
            map.attr.map(|attr| DimValue::Attr { name: attr.value, format: format.clone() }),
            map.scalar.map(|scalar| DimValue::Scalar(scalar.value)),
            map.file_name.map(|regex| DimValue::FileName { regex: regex.value, format }),
            map.constant.map(|constant| DimValue::Constant(constant.value())),
        ];
        let mut sources = sources.into_iter().flatten();
        let (Some(value), None) = (sources.next(), sources.next()) else {
            let names = ["key", "attr", "scalar", "file_name", "constant"];
            let message =
                format!("`add_dim` of `{}` needs exactly one of {}", shorten(&dim.value), ticked(&names));
            cx.push(Diagnostic::error(Code::RecipeValue, dim.span.clone(), message));
            return None;
        };
        let units = map.units.map(|units| ("units".to_owned(), AttrValue::Text(units.value)));
        let attrs = map.attrs.map_or_else(Vec::new, |attrs| attrs.0);
        let attrs = attrs.into_iter().map(|(name, value)| (name.value, value.0)).filter(|(name, _)| {
            let twice = units.is_some() && name == "units";
            if twice {
                cx.bad_value::<()>(&dim.span, "`units` and `attrs.units` are both given".into(), None);
            }
            !twice
        });
        Some(Self(AddDim {
            dim: dim.value.clone(),
            value,
            variables: map
                .variables
                .map_or_else(Vec::new, |names| names.0.into_iter().map(|n| n.value).collect()),
            attrs: units.clone().into_iter().chain(attrs).collect(),
        }))
    }
}

/// Reports a date format that can't be parsed.
pub(crate) fn check_date_format(format: &Text, cx: &mut Cx) {
    if let Err((at, message)) = Strftime::parse(&format.value) {
        let span = format.part(at..format.value.len());
        let message = format!("`{}` is not a date format: {message}", shorten(&format.value));
        cx.bad_value::<()>(&span, message, None);
    }
}

/// Compiles a regular expression of the recipe; a bad one is reported.
pub(crate) fn check_regex(text: &Text, cx: &mut Cx) -> Option<regex::Regex> {
    match regex::Regex::new(&text.value) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let message = format!("`{}` is not a regular expression: {reason}", shorten(&text.value));
            cx.bad_value(&text.span, message, None)
        }
    }
}

inline_schemas! {
    AddDimEntry => |generator| {
        let map = generator.subschema_for::<AddDimMap>();
        json_schema!({ "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": map })
    };
}
