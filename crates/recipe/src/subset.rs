//! The `subset` step: a part along dimensions, by coordinates, by numbers of items, or as a box.

use std::borrow::Cow;

use arcoforge_core::calendar::{Calendar, DateTime};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::recipe::{Label, Selection};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::node::{Kind, Node, shorten};
use crate::read::{Cx, Read, Text, ticked, written};
use crate::scalar::Raw;
use crate::values::{Int, Real, finite};

/// The value of the step, in the order written.
#[derive(Debug, Clone)]
pub(crate) struct Subset(pub(crate) Vec<Selection>);

written! {
    /// A part along one dimension: coordinates (`from`, `to`), numbers of items (`start`, `stop`, `step`), or `items`.
    #[schemars(rename = "Selection", extend("minProperties" = 1))]
    struct Part {
        required {}
        optional {
            /// The first coordinate; from the beginning where absent.
            from: Raw,
            /// The last coordinate, included; to the end where absent. A date means the whole day, month or year.
            to: Raw,
            /// The number of the first item; 0 where absent, negative numbers count from the end.
            start: Int,
            /// The number of the first item that is left out; the end where absent.
            stop: Int,
            /// Every so many items, 1 or more; 1 where absent.
            #[schemars(range(min = 1))]
            step: Int,
            /// Exactly these items, in this order; negative numbers count from the end.
            items: Vec<Int>,
        }
    }
}

written! {
    /// Degrees; where `west` is greater than `east`, the box crosses the seam of the longitudes.
    #[schemars(rename = "Bbox")]
    struct Box {
        required {
            /// The western edge.
            west: Real,
            /// The southern edge.
            south: Real,
            /// The eastern edge.
            east: Real,
            /// The northern edge.
            north: Real,
        }
        optional {}
    }
}

impl Read for Subset {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let entries = cx.map(node)?;
        if entries.is_empty() {
            return cx.bad_value(&node.span, format!("{} names nothing", cx.place()), None);
        }
        let mut selections = Vec::new();
        for (dim, value) in entries {
            let selection = cx.within(&dim.value, |cx| match dim.value.as_str() {
                "bbox" => bbox(value, cx),
                _ => along(dim, value, cx),
            });
            selections.extend(selection);
        }
        Some(Self(selections))
    }
}

/// The selection along a dimension.
fn along(dim: &Text, node: &Node, cx: &mut Cx) -> Option<Selection> {
    let name = dim.value.clone();
    match &node.kind {
        Kind::List(_) => {
            let before = cx.diagnostics.len();
            let raws: Vec<Raw> = Vec::read(node, cx)?;
            let values = labels(&raws, cx)?;
            if values.is_empty() && cx.diagnostics.len() == before {
                return cx.bad_value(&node.span, format!("{} lists no coordinates", cx.place()), None);
            }
            Some(Selection::Values { dim: name, values })
        }
        Kind::Scalar { .. } => {
            let raw = Raw::read(node, cx)?;
            Some(Selection::Values { dim: name, values: labels(&[raw], cx)? })
        }
        Kind::Map(_) => {
            let before = cx.diagnostics.len();
            let part = Part::read(node, cx)?;
            if cx.diagnostics.len() > before { None } else { self::part(name, part, dim, cx) }
        }
        Kind::Null => cx.wrong_type(node, "coordinates, or a map such as `{from: 0, to: 30}`"),
    }
}

/// All labels; one that is given twice is reported.
fn labels(raws: &[Raw], cx: &mut Cx) -> Option<Vec<Label>> {
    let mut labels = Vec::new();
    for raw in raws {
        let label = label(raw, cx)?;
        if labels.contains(&label) {
            let message = format!("{} lists `{}` twice", cx.place(), shorten(&raw.text));
            cx.bad_value::<()>(&raw.span, message, None);
        }
        labels.push(label);
    }
    Some(labels)
}

fn label(raw: &Raw, cx: &mut Cx) -> Option<Label> {
    match raw.value() {
        Scalar::Text(text) => Some(Label::Text(text)),
        Scalar::Bool(_) => Some(Label::Text(raw.text.clone())),
        number if number.as_f64().is_some_and(f64::is_finite) => Some(Label::Number(number)),
        _ => {
            let message = format!("{} has `{}`, which is not a coordinate", cx.place(), shorten(&raw.text));
            cx.bad_value(&raw.span, message, Some("leave an open end out".into()))
        }
    }
}

fn part(dim: String, part: Part, at: &Text, cx: &mut Cx) -> Option<Selection> {
    let by_label = part.from.is_some() || part.to.is_some();
    let by_number = part.start.is_some() || part.stop.is_some() || part.step.is_some();
    match (by_label, by_number, part.items) {
        (true, false, None) => by_labels(dim, part.from.as_ref(), part.to.as_ref(), cx),
        (false, true, None) => by_numbers(dim, part.start, part.stop, part.step, cx),
        (false, false, Some(items)) => by_items(dim, &items, at, cx),
        (false, false, None) => {
            let help = format!("one of {}", ticked(&["from", "to", "start", "stop", "step", "items"]));
            cx.bad_value(&at.span, format!("{} selects nothing", cx.place()), Some(help))
        }
        _ => {
            let message = format!("{} mixes ways to select", cx.place());
            let help =
                "coordinates are `from` and `to`; numbers of items `start`, `stop` and `step`, or `items`";
            cx.bad_value(&at.span, message, Some(help.to_owned()))
        }
    }
}

fn by_labels(dim: String, from: Option<&Raw>, to: Option<&Raw>, cx: &mut Cx) -> Option<Selection> {
    let first = from.map(|raw| label(raw, cx));
    let last = to.map(|raw| label(raw, cx));
    if let (Some(Some(a)), Some(Some(b)), Some(from), Some(to)) = (&first, &last, from, to)
        && falls(a, b)
    {
        let message = format!("{}: `to` ({}) is before `from` ({})", cx.place(), to.text, from.text);
        let help = "exchange them; a range selects in either direction of the coordinate";
        cx.bad_value::<()>(&to.span, message, Some(help.into()));
    }
    let (first, last) = (first.map_or(Some(None), |l| l.map(Some)), last.map_or(Some(None), |l| l.map(Some)));
    Some(Selection::Labels { dim, from: first?, to: last? })
}

/// Whether a range of numbers, or of dates in whatever calendar, has its end before its beginning.
fn falls(from: &Label, to: &Label) -> bool {
    match (from, to) {
        (Label::Number(a), Label::Number(b)) => a.as_f64() > b.as_f64(),
        (Label::Text(a), Label::Text(b)) => {
            let calendar = Calendar::AllLeap;
            match (DateTime::parse(a, calendar), DateTime::parse_last(b, calendar)) {
                (Ok(a), Ok(b)) => calendar.to_ns(&a) > calendar.to_ns(&b),
                _ => false,
            }
        }
        _ => false,
    }
}

fn by_numbers(
    dim: String,
    start: Option<Int>,
    stop: Option<Int>,
    step: Option<Int>,
    cx: &mut Cx,
) -> Option<Selection> {
    if let Some(step) = step.as_ref().filter(|step| step.value < 1) {
        let message = format!("{}: `step` is {}, expected at least 1", cx.place(), step.value);
        let help = (step.value < 0).then(|| format!("`flip: [{dim}]` counts a dimension from its other end"));
        cx.bad_value::<()>(&step.span, message, help);
    }
    let first = start.map(|start| start.value);
    if let Some(stop) = &stop {
        let first = first.unwrap_or(0);
        if stop.value <= first && (stop.value < 0) == (first < 0) {
            let message =
                format!("{} selects nothing: `stop` ({}) is not behind {first}", cx.place(), stop.value);
            cx.bad_value::<()>(&stop.span, message, Some("`stop` itself is left out".into()));
        }
    }
    let step = step.map_or(1, |step| step.value.unsigned_abs());
    Some(Selection::Range { dim, start: first, stop: stop.map(|stop| stop.value), step })
}

fn by_items(dim: String, items: &[Int], at: &Text, cx: &mut Cx) -> Option<Selection> {
    if items.is_empty() {
        return cx.bad_value(&at.span, format!("{} lists no items", cx.place()), None);
    }
    let items = items.iter().map(|item| item.value).collect();
    Some(Selection::Items { dim, items })
}

fn bbox(node: &Node, cx: &mut Cx) -> Option<Selection> {
    let edges: [Real; 4] = if matches!(node.kind, Kind::List(_)) {
        let before = cx.diagnostics.len();
        let edges: Vec<Real> = Vec::read(node, cx)?;
        match <[Real; 4]>::try_from(edges) {
            Ok(edges) => edges,
            Err(_) if cx.diagnostics.len() > before => return None,
            Err(_) => return cx.wrong_type(node, "four numbers: `[west, south, east, north]`"),
        }
    } else if matches!(node.kind, Kind::Map(_)) {
        let edges = Box::read(node, cx)?;
        [edges.west?, edges.south?, edges.east?, edges.north?]
    } else {
        return cx.wrong_type(node, "`[west, south, east, north]`, or a map of these");
    };
    let [west, south, east, north] = &edges;
    for edge in [south, north] {
        if finite(edge, cx)?.abs() > 90.0 {
            let message = format!("{} has the latitude {}, expected -90 to 90", cx.place(), edge.value);
            let help = "the order is `[west, south, east, north]`";
            cx.bad_value::<()>(&edge.span, message, Some(help.into()));
        }
    }
    if south.value > north.value {
        let message = format!("{}: south ({}) is beyond north ({})", cx.place(), south.value, north.value);
        let help = "exchange them; the order is `[west, south, east, north]`";
        cx.bad_value::<()>(&south.span, message, Some(help.into()));
    }
    for edge in [west, east] {
        if !(-360.0..=720.0).contains(&finite(edge, cx)?) {
            let message = format!("{} has the longitude {}, expected -360 to 720", cx.place(), edge.value);
            cx.bad_value::<()>(&edge.span, message, None);
        }
    }
    if east.value - west.value > 360.0 {
        let message =
            format!("{} is {} degrees wide, more than the Earth", cx.place(), east.value - west.value);
        cx.bad_value::<()>(&east.span, message, None);
    }
    Some(Selection::Bbox { degrees: edges.map(|edge| edge.value) })
}

impl JsonSchema for Subset {
    fn schema_name() -> Cow<'static, str> {
        "Subset".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (part, edges) = (generator.subschema_for::<Part>(), generator.subschema_for::<Box>());
        let one = generator.subschema_for::<Raw>();
        json_schema!({
            "description": "Dimension → coordinates, or a part; `bbox` → west, south, east, north in degrees.",
            "type": "object",
            "minProperties": 1,
            "properties": {"bbox": {"anyOf": [
                {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
                edges,
            ]}},
            "additionalProperties": {"anyOf": [
                part, one.clone(), {"type": "array", "minItems": 1, "items": one},
            ]},
        })
    }
}
