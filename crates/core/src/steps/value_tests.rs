//! Steps on values: what readers see of every variable afterwards.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stored::decoded;
use super::*;
use crate::attrs::{AttrValue, Attrs};
use crate::block::scalar_to_le;
use crate::chunk::Region;
use crate::codec::Encoding;
use crate::derived::{Runs, evaluate, taken};
use crate::dtype::{DataType, Scalar};
use crate::recipe::{AttrEdit, Computed, Label, MaskRule, Naming, Selection, TimeFrom};
use crate::schema::{Storage, Unreadable, Variable};
use DataType::{Bool, Float32, Float64, Int8, Int16, Int32, Int64, UInt8};

const NAN: f64 = f64::NAN;

/// A file with its values.
pub(super) struct File {
    pub(super) schema: Schema,
    pub(super) values: BTreeMap<String, Block>,
}

pub(super) fn array(
    name: &str,
    dims: &[&str],
    shape: &[u64],
    dtype: DataType,
    values: &[f64],
    attrs: &[(&str, AttrValue)],
) -> (Arc<Variable>, Block) {
    let mut bytes = Vec::new();
    for value in values {
        assert!(scalar_to_le(dtype, &Scalar::Float(*value), &mut bytes), "{value} of {name}");
    }
    let mut attrs: Attrs = attrs.iter().map(|(n, v)| ((*n).to_owned(), v.clone())).collect();
    let fill = attrs.remove("_FillValue").and_then(|fill| fill.as_scalar().cloned());
    let storage = Storage::Chunks {
        chunk: shape.to_vec(),
        encoding: Encoding::raw(),
        unwritten: fill.clone().unwrap_or(Scalar::Int(0)),
        chunked: true,
    };
    let dims = dims.iter().map(|d| (*d).to_owned()).collect();
    let var = Variable { name: name.to_owned(), dims, shape: shape.to_vec(), dtype, attrs, fill, storage };
    (Arc::new(var), Block::from_bytes(dtype, shape.to_vec(), bytes))
}

fn text(text: &str) -> AttrValue {
    AttrValue::Text(text.to_owned())
}

fn number(dtype: DataType, value: f64) -> AttrValue {
    AttrValue::number(dtype, if dtype.is_float() { Scalar::Float(value) } else { Scalar::Int(value as i64) })
}

fn numbers(dtype: DataType, values: &[i64]) -> AttrValue {
    AttrValue::Numbers { dtype, values: values.iter().map(|v| Scalar::Int(*v)).collect() }
}

#[allow(clippy::too_many_lines)] // a table
fn file() -> File {
    let north = [("units", text("degrees_north")), ("bounds", text("lat_bnds"))];
    let since = [("units", text("days since 2000-01-01")), ("bounds", text("obs_bnds"))];
    let mut arrays = vec![
        array("lat", &["lat"], &[3], Float64, &[-10., 0., 10.], &north),
        array("lat_bnds", &["lat", "nv"], &[3, 2], Float64, &[-15., -5., -5., 5., 5., 15.], &[]),
        array("lon", &["lon"], &[2], Float32, &[0., 90.], &[("units", text("degrees_east"))]),
        array(
            "u",
            &["lat", "lon"],
            &[3, 2],
            Float32,
            &[3., 0., 6., 1., NAN, 8.],
            &[("units", text("m s-1")), ("coordinates", text("area extra")), ("long_name", text("eastward"))],
        ),
        array("v", &["lon", "lat"], &[2, 3], Float32, &[4., 8., 1., 0., 1., 6.], &[("units", text("m s-1"))]),
        array(
            "packed",
            &["lat"],
            &[3],
            Int16,
            &[-99., 10., 30.],
            &[
                ("_FillValue", number(Int16, -99.)),
                ("scale_factor", number(Float64, 0.5)),
                ("add_offset", number(Float64, 1.)),
                ("valid_range", numbers(Int16, &[0, 100])),
            ],
        ),
        array("whole", &["lat"], &[3], Int32, &[7., -1., 300.], &[("missing_value", number(Int32, -1.))]),
        array(
            "byte",
            &["lat"],
            &[3],
            Int8,
            &[-1., 0., -56.],
            &[("_Unsigned", text("true")), ("_FillValue", number(Int8, -1.))],
        ),
        array("plain", &["lat"], &[3], Int16, &[1., 2., 3.], &[]),
        array(
            "real",
            &["lat"],
            &[3],
            Float64,
            &[1.5, 2., -999.],
            &[("_FillValue", number(Float64, -999.)), ("units", text("K"))],
        ),
        array(
            "flag",
            &["lat"],
            &[3],
            UInt8,
            &[0., 1., 6.],
            &[("flag_meanings", text("good cloud ice")), ("flag_values", numbers(UInt8, &[0, 1, 2]))],
        ),
        array(
            "bits",
            &["lat"],
            &[3],
            UInt8,
            &[0., 5., 2.],
            &[("flag_meanings", text("land sea low")), ("flag_masks", numbers(UInt8, &[1, 2, 4]))],
        ),
        array("obs", &["lat"], &[3], Float64, &[0., 1., 2.], &since),
        array("obs_bnds", &["lat", "nv"], &[3, 2], Float64, &[0., 1., 1., 2., 2., 3.], &[]),
        array("area", &["lat"], &[3], Float32, &[1., 2., 3.], &[]),
        array("year", &["lat"], &[3], Int32, &[2000., 2001., 2002.], &[]),
        array("month", &["lat"], &[3], Int32, &[1., 2., 3.], &[]),
        array("day", &["lat"], &[3], Float32, &[1., 2., NAN], &[]),
        array("hour", &[], &[], Int8, &[6.], &[]),
        array("g/x", &["g/k"], &[2], Float32, &[1., 2.], &[("coordinates", text("k lat"))]),
        array("g/k", &["g/k"], &[2], Float32, &[5., 6.], &[]),
    ];
    let (huge, _) = array("huge", &[], &[], Int64, &[0.], &[]);
    arrays.push((huge, Block::from_bytes(Int64, vec![], 9_007_199_254_740_993_i64.to_le_bytes().to_vec())));
    let (variables, values): (Vec<_>, Vec<_>) =
        arrays.into_iter().map(|(v, b)| (Arc::clone(&v), (v.name.clone(), b))).unzip();
    let group: Attrs = [("title".to_owned(), text("inner"))].into_iter().collect();
    let groups = vec![("g".to_owned(), group)];
    let unreadable = vec![Unreadable { name: "odd".into(), reason: "a compound".into() }];
    File {
        schema: Schema { attrs: Attrs::new(), groups, variables, unreadable },
        values: values.into_iter().collect(),
    }
}

impl File {
    pub(super) fn read(&self, mapped: &Mapped) -> Result<Block> {
        evaluate(mapped, &Region::whole(&mapped.var.shape), &mut |leaf, region| {
            let block = &self.values[&**leaf.source().expect("an array")];
            let runs: Vec<Runs> = region.0.iter().cloned().map(Runs::range).collect();
            Ok(permute(taken(block, &runs)?, &leaf.axes()))
        })
    }

    pub(super) fn apply(&self, steps: &[Step]) -> Result<(FileView, Vec<Unmatched>)> {
        let mut unmatched = Vec::new();
        let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
        let mut values = |mapped: &Mapped| self.read(mapped);
        let view =
            apply(FileView::new(&self.schema), steps, context, &mut values, &mut unmatched, &mut |_| {})?;
        Ok((view, unmatched))
    }

    /// Stored type, `_FillValue`, and the values that readers see.
    fn found(&self, steps: &[Step], name: &str) -> Result<(DataType, Option<Scalar>, Vec<f64>)> {
        let (view, unmatched) = self.apply(steps)?;
        assert_eq!(unmatched, [], "{steps:?}");
        let mapped = view.variable(name).unwrap_or_else(|| panic!("{name} after {steps:?}"));
        let stored = self.read(mapped)?;
        assert_eq!((stored.dtype, &stored.shape), (mapped.var.dtype, &mapped.var.shape), "{steps:?}");
        let block = self.read(&decoded(mapped)?)?;
        Ok((mapped.var.dtype, mapped.var.fill.clone(), block.to_f64().expect("numbers")))
    }
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
}

pub(super) fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|w| (*w).to_owned()).collect()
}

pub(super) fn cast(name: &str, dtype: DataType) -> Step {
    Step::Cast(vec![(name.to_owned(), dtype)])
}

pub(super) fn fill(name: &str, value: Scalar) -> Step {
    Step::Fill(vec![(name.to_owned(), value)])
}

fn mask(name: &str, change: impl FnOnce(&mut MaskRule)) -> Step {
    let mut rule = MaskRule { variable: name.to_owned(), ..MaskRule::default() };
    change(&mut rule);
    Step::Mask(vec![rule])
}

fn computed(expression: &str) -> Computed {
    Computed { expression: expression.to_owned(), units: None, dtype: None, attrs: Vec::new() }
}

pub(super) fn set(name: &str, expression: &str) -> Step {
    Step::Set(vec![(name.to_owned(), computed(expression))])
}

pub(super) fn flags(name: &str, flag: &str, values: Vec<Scalar>) -> Step {
    mask(name, |rule| rule.flags = vec![(flag.to_owned(), values)])
}

fn filled(name: &str, value: AttrValue) -> Step {
    Step::Attrs(vec![AttrEdit::Set { variable: name.to_owned(), name: "_FillValue".to_owned(), value }])
}

fn units(name: &str, expression: &str, units: &str) -> Step {
    Step::Set(vec![(name.to_owned(), Computed { units: Some(units.to_owned()), ..computed(expression) })])
}

fn word(word: &str) -> Scalar {
    Scalar::Text(word.to_owned())
}

fn labels(dim: &str, from: f64, to: f64) -> Selection {
    let label = |x| Some(Label::Number(Scalar::Float(x)));
    Selection::Labels { dim: dim.to_owned(), from: label(from), to: label(to) }
}

/// Steps, the variable that is looked at, its type, its `_FillValue`, its values.
type Row = (Vec<Step>, &'static str, DataType, Option<f64>, Vec<f64>);

#[allow(clippy::too_many_lines)] // a table
fn rows() -> Vec<Row> {
    let int = Scalar::Int;
    let typed =
        |dtype| Step::Set(vec![("n".to_owned(), Computed { dtype: Some(dtype), ..computed("round(u)") })]);
    vec![
        (vec![cast("packed", Float32)], "packed", Float32, Some(NAN), vec![NAN, 6., 16.]),
        (vec![cast("packed", Int8)], "packed", Int8, Some(-127.), vec![NAN, 6., 16.]),
        (vec![cast("whole", Int64)], "whole", Int64, Some(-1.), vec![7., NAN, 300.]),
        (vec![cast("whole", Float32)], "whole", Float32, Some(-1.), vec![7., NAN, 300.]),
        (vec![cast("byte", Int16)], "byte", Int16, Some(255.), vec![NAN, 0., 200.]),
        (vec![cast("byte", UInt8)], "byte", UInt8, Some(255.), vec![NAN, 0., 200.]),
        (vec![cast("real", Float32)], "real", Float32, Some(-999.), vec![1.5, 2., NAN]),
        (vec![cast("plain", Float64)], "plain", Float64, None, vec![1., 2., 3.]),
        (vec![mask("u", |m| m.above = Some(5.))], "u", Float32, Some(NAN), vec![3., 0., NAN, 1., NAN, NAN]),
        (vec![mask("packed", |m| m.below = Some(7.))], "packed", Int16, Some(-99.), vec![NAN, NAN, 16.]),
        (vec![mask("byte", |m| m.above = Some(100.))], "byte", Int8, Some(-1.), vec![NAN, 0., NAN]),
        (vec![mask("plain", |m| m.equals = vec![int(2)])], "plain", Int16, Some(-32_767.), vec![1., NAN, 3.]),
        (vec![mask("whole", |m| m.equals = vec![int(7)])], "whole", Int32, None, vec![NAN, NAN, 300.]),
        (vec![mask("byte", |m| m.equals = vec![int(200)])], "byte", Int8, Some(-1.), vec![NAN, 0., NAN]),
        (
            vec![flags("u", "flag", vec![word("cloud")])],
            "u",
            Float32,
            Some(NAN),
            vec![3., 0., NAN, NAN, NAN, 8.],
        ),
        (
            vec![flags("plain", "flag", vec![int(6), int(0)])],
            "plain",
            Int16,
            Some(-32_767.),
            vec![NAN, 2., NAN],
        ),
        (vec![flags("plain", "bits", vec![word("low")])], "plain", Int16, Some(-32_767.), vec![1., NAN, 3.]),
        (
            vec![flags("v", "bits", vec![word("sea")])],
            "v",
            Float32,
            Some(NAN),
            vec![4., 8., NAN, 0., 1., NAN],
        ),
        (vec![fill("u", int(0))], "u", Float32, None, vec![3., 0., 6., 1., 0., 8.]),
        (vec![fill("packed", Scalar::Float(2.5))], "packed", Int16, None, vec![2.5, 6., 16.]),
        (vec![fill("whole", int(5))], "whole", Int32, None, vec![7., 5., 300.]),
        (vec![fill("byte", int(254))], "byte", Int8, None, vec![254., 0., 200.]),
        (vec![fill("plain", int(5))], "plain", Int16, None, vec![1., 2., 3.]),
        (vec![Step::Flip(words(&["lat"]))], "lat_bnds", Float64, None, vec![5., 15., -5., 5., -15., -5.]),
        (vec![Step::Flip(words(&["lat", "lon"]))], "v", Float32, None, vec![6., 1., 0., 1., 8., 4.]),
        (vec![Step::Subset(vec![labels("lat", -10., 0.)])], "u", Float32, None, vec![3., 0., 6., 1.]),
        (
            vec![Step::Flip(words(&["lat"])), Step::Subset(vec![labels("lat", 0., 10.)])],
            "lat",
            Float64,
            None,
            vec![10., 0.],
        ),
        (
            vec![Step::Subset(vec![Selection::Items { dim: "lat".into(), items: vec![-1, 0] }])],
            "plain",
            Int16,
            None,
            vec![3., 1.],
        ),
        (
            vec![Step::Subset(vec![Selection::Bbox { degrees: [80., -5., 100., 20.] }])],
            "u",
            Float32,
            None,
            vec![1., 8.],
        ),
        (
            vec![set("wind", "hypot(u, v)")],
            "wind",
            Float32,
            Some(NAN),
            vec![5., 0., 10., f64::from(2f64.sqrt() as f32), NAN, 10.],
        ),
        (vec![set("back", "packed + 1")], "back", Float32, Some(NAN), vec![NAN, 7., 17.]),
        (vec![set("sum", "whole + plain")], "sum", Float64, Some(NAN), vec![8., NAN, 303.]),
        (vec![set("real", "real * 2")], "real", Float64, Some(NAN), vec![3., 4., NAN]),
        (vec![set("wide", "hour + plain")], "wide", Float32, Some(NAN), vec![7., 8., 9.]),
        (
            vec![set("c", "convert(real, 'degC')")],
            "c",
            Float64,
            Some(NAN),
            vec![1.5 - 273.15, 2. - 273.15, NAN],
        ),
        (
            vec![set("x", "plain + 1"), Step::Drop(words(&["plain"]))],
            "x",
            Float32,
            Some(NAN),
            vec![2., 3., 4.],
        ),
        (
            vec![set("x", "plain + 1"), set("x", "x * 2"), set("y", "x")],
            "y",
            Float32,
            Some(NAN),
            vec![4., 6., 8.],
        ),
        (vec![typed(Int16)], "n", Int16, Some(-32_767.), vec![3., 0., 6., 1., NAN, 8.]),
        (vec![Step::FlattenGroups("_".into())], "g_x", Float32, None, vec![1., 2.]),
        // another _FillValue is another value of the missing cells
        (vec![filled("real", number(Float64, -1.))], "real", Float64, Some(-1.), vec![1.5, 2., NAN]),
        (vec![filled("real", number(Float64, NAN))], "real", Float64, Some(NAN), vec![1.5, 2., NAN]),
        (vec![filled("packed", number(Int16, -5.))], "packed", Int16, Some(-5.), vec![NAN, 6., 16.]),
        (vec![filled("plain", number(Int16, 2.))], "plain", Int16, Some(2.), vec![1., NAN, 3.]),
        (vec![units("c", "real", "degC")], "c", Float64, Some(NAN), vec![1.5 - 273.15, 2. - 273.15, NAN]),
        (vec![units("c", "area", "degC")], "c", Float32, Some(NAN), vec![1., 2., 3.]),
        // globs leave alone what describes others, and times
        (
            vec![mask("*", |m| m.below = Some(5.)), cast("?a?", Float32)],
            "lat",
            Float64,
            None,
            vec![-10., 0., 10.],
        ),
        (
            vec![mask("*", |m| m.below = Some(5.))],
            "lat_bnds",
            Float64,
            None,
            vec![-15., -5., -5., 5., 5., 15.],
        ),
        (vec![mask("*e*", |m| m.below = Some(5.))], "area", Float32, None, vec![1., 2., 3.]),
        (vec![mask("area", |m| m.below = Some(2.))], "area", Float32, Some(NAN), vec![NAN, 2., 3.]),
        (vec![cast("lat", Float32)], "lat", Float32, None, vec![-10., 0., 10.]),
        (vec![fill("*", int(0)), cast("*", Float32)], "obs", Float64, None, vec![0., 1., 2.]),
        (vec![mask("*", |m| m.below = Some(5.))], "obs_bnds", Float64, None, vec![0., 1., 1., 2., 2., 3.]),
    ]
}

#[test]
fn values_after_steps() {
    let file = file();
    for (steps, name, dtype, fill, values) in rows() {
        let found = file.found(&steps, name).unwrap_or_else(|e| panic!("{steps:?}: {e}"));
        assert_eq!(found.0, dtype, "{steps:?}");
        let is = found.1.as_ref().and_then(Scalar::as_f64);
        assert!(
            is == fill || is.zip(fill).is_some_and(|(a, b)| a.is_nan() && b.is_nan()),
            "{steps:?}: fill {is:?}"
        );
        assert!(same(&found.2, &values), "{steps:?}: {:?}, expected {values:?}", found.2);
    }
}

#[test]
fn times_of_parts() {
    let file = file();
    let parts =
        |list: &[(&str, &str)]| list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let time = |name: &str, list: &[(&str, &str)], keep_parts| {
        Step::TimeFrom(TimeFrom {
            name: name.to_owned(),
            parts: parts(list),
            calendar: Calendar::Standard,
            keep_parts,
        })
    };
    let all = [("year", "year"), ("month", "month"), ("day", "day"), ("hour", "hour")];
    let (view, _) = file.apply(&[time("when", &all, false)]).expect("made");
    let when = view.variable("when").expect("a time");
    assert_eq!(when.var.attrs.text("units"), Some("hours since 1970-01-01"));
    assert_eq!(when.var.dims, ["lat"]);
    assert!(
        view.coords.contains("when") && view.variable("year").is_none() && view.variable("hour").is_none()
    );
    let block = file.read(when).expect("values");
    // python: cftime.date2num(datetime(2000, 1, 1, 6), 'hours since 1970-01-01')
    let fill = when.var.fill.clone().expect("a day may be missing");
    assert_eq!(
        [0, 1, 2].map(|i| block.scalar(i)),
        [Some(Scalar::Int(262_974)), Some(Scalar::Int(272_526)), Some(fill)]
    );

    let days = [("year", "year"), ("month", "month")];
    let renamed = Step::Rename([("lat".to_owned(), Naming::Name("time".to_owned()))].into());
    let dropped = [Step::Drop(words(&["lat_bnds"])), renamed, Step::Drop(words(&["tim?"]))];
    let steps: Vec<Step> = dropped.into_iter().chain([time("time", &days, true)]).collect();
    let (view, _) = file.apply(&steps).expect("made");
    let coordinate = view.variable("time").expect("a time");
    assert!(
        coordinate.var.is_dimension_coordinate() && view.variable("year").is_some() && view.coords.is_empty()
    );
    assert_eq!(coordinate.var.attrs.text("units"), Some("days since 1970-01-01"));
    let errors = [
        (time("u", &days, false), "has a variable of that name"),
        (time("t", &[("year", "u")], false), "it has no year 0"),
        (time("t", &[("year", "odd")], false), "can't be read: a compound"),
        (time("t", &[("year", "year"), ("month", "year")], false), "month 2000"),
    ];
    for (step, expected) in &errors {
        let error = file.apply(std::slice::from_ref(step)).expect_err(expected);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn what_steps_refuse() {
    let int = Scalar::Int;
    let rows: Vec<(Step, &str)> = vec![
        (cast("u", DataType::Text), "can't become"),
        (cast("odd", Float32), "can't be read: a compound"),
        (mask("plain", |m| m.equals = vec![Scalar::Float(1.5)]), "1.5, which is no value of type int16"),
        (mask("byte", |m| m.equals = vec![int(300)]), "300, which is no value of type uint8"),
        (units("c", "real", "m"), "which can't be converted to `m`"),
        (units("c", "real - 273.15", "degC"), "convert(real - 273.15, 'degC')"),
        (units("c", "real - 273.15", "degC"), "`attrs: {units: degC}` in place of `units`"),
        (units("c", "real * 2", "degC"), "without `units` it stays in `K`"),
        (cast("obs", Int32), "`time_encoding: {obs: {dtype: int32}}`"),
        (cast("obs_bnds", Int32), "`obs_bnds`, which holds times"),
        (flags("u", "flag", vec![word("clod")]), "the nearest of its flag_meanings is `cloud`"),
        (flags("g/x", "flag", vec![int(0)]), "which lies along `lat`"),
        (flags("u", "plain", vec![word("x")]), "it has no attribute flag_meanings"),
        (fill("packed", Scalar::Float(2.4)), "can't be packed as int16"),
        (fill("packed", Scalar::Float(1e300)), "the nearest that it holds is 1e300"),
        (fill("u", Scalar::Float(1e300)), "1e300 is no value of type float32"),
        (fill("whole", Scalar::Float(0.5)), "0.5 is no value of type int32"),
        (Step::ResetCoords(words(&["lat"])), "which is the coordinate of a dimension"),
        (set("x", "u + real"), "`u` is in `m s-1` and `real` in `K`"),
        (set("x", "u + convert(real, 'm')"), "`convert(real, 'm')`"),
        (set("x", "odd + 1"), "can't be read: a compound"),
        (Step::Subset(vec![labels("lat", 50., 60.)]), "lat"),
        (Step::Subset(vec![labels("nv", 0., 1.)]), "no coordinate"),
    ];
    let file = file();
    for (step, expected) in rows {
        let error = file.apply(std::slice::from_ref(&step)).map(|_| ()).expect_err(expected);
        let said = format!("{error} {}", error.help.clone().unwrap_or_default());
        assert_eq!(error.code, Code::StepInvalid, "{said}");
        assert!(said.contains(expected), "{step:?}: {said}");
    }
}

#[test]
fn what_values_refuse() {
    let rows: Vec<(Vec<Step>, &str, &str)> = vec![
        (vec![cast("real", Int32)], "real", "1.5 is no value of type int32"),
        (vec![filled("real", number(Float64, 2.))], "real", "2 is a value here"),
        (vec![cast("whole", Int8)], "whole", "300 is no value of type int8"),
        (vec![cast("u", Int16)], "u", "NaN is no value of type int16"),
        (vec![cast("plain", Bool)], "plain", "2 is no value of type bool"),
        (vec![set("x", "huge + 1")], "x", "9007199254740993 is no value of type float64"),
        (vec![cast("u", Int16)], "u", "`fill: {u: 0}`"),
        (vec![cast("real", Int32)], "real", "`set: {real: \"round(real)\"}`"),
        (vec![set("x", "u * 1e300")], "x", "3e300 is too large for float32"),
        (vec![set("x", "u * 1e300")], "x", "`set: {x: {expression: …, dtype: float64}}`"),
        (vec![set("x", "real * 1e200 * 1e100"), cast("x", Int16)], "x", "1.5e300 is no value of type int16"),
        (
            vec![set("near", "where(plain == 1, -32767, plain)"), cast("near", Int16)],
            "near",
            "-32767 is a value here",
        ),
    ];
    let file = file();
    for (steps, name, expected) in rows {
        let error = file.found(&steps, name).expect_err(expected);
        assert_eq!(error.code, Code::StepValues, "{steps:?}: {error}");
        let said = format!("{error} {}", error.help.clone().unwrap_or_default());
        assert!(said.contains(expected), "{steps:?}: {said}");
    }
}

#[test]
fn attributes_after_steps() {
    let file = file();
    // steps, variable, attribute, its text
    let rows: Vec<(Vec<Step>, &str, &str, Option<&str>)> = vec![
        (vec![cast("packed", Float32)], "packed", "scale_factor", None),
        (vec![cast("packed", Float32)], "packed", "valid_range", Some("1, 51")),
        (vec![cast("byte", Int16)], "byte", "_Unsigned", None),
        (vec![Step::ResetCoords(words(&["area"]))], "u", "coordinates", Some("\"extra\"")),
        (vec![set("wind", "hypot(u, v)")], "wind", "units", Some("\"m s-1\"")),
        (vec![set("e", "u ** 2")], "e", "units", Some("\"m2 s-2\"")),
        (vec![set("u", "u * 2")], "u", "long_name", Some("\"eastward\"")),
        (vec![set("w", "u * 2")], "w", "long_name", None),
        (vec![set("w", "u * 2")], "w", "coordinates", Some("\"area extra\"")),
        (vec![Step::FlattenGroups("_".into())], "g_x", "coordinates", Some("\"g_k lat\"")),
        (vec![Step::FlattenGroups("_".into())], "", "g_title", Some("\"inner\"")),
    ];
    for (steps, name, attr, expected) in rows {
        let (view, _) = file.apply(&steps).unwrap_or_else(|e| panic!("{steps:?}: {e}"));
        let attrs = view.variable(name).map_or(&view.attrs, |m| &m.var.attrs);
        assert_eq!(attrs.get(attr).map(ToString::to_string).as_deref(), expected, "{steps:?} {attr}");
    }
}

#[test]
fn flat_names_do_not_clash() {
    let mut file = file();
    let taken = array("g_x", &[], &[], Float32, &[0.], &[]);
    file.schema.variables.push(taken.0);
    let error = file.apply(&[Step::FlattenGroups("_".into())]).map(|_| ()).expect_err("two of one name");
    assert!(error.message.contains("`flatten_groups` of `g/x` to `g_x`"), "{error}");
    let (view, _) = file.apply(&[Step::FlattenGroups("__".into())]).expect("other names");
    assert_eq!(view.variable("g__x").map(|m| m.var.dims.clone()), Some(words(&["g__k"])));
    assert!(view.groups.is_empty());
}

#[test]
fn names_that_no_file_has_are_left_to_the_caller() {
    let label = labels("lattitude", 0., 1.);
    let rows: Vec<(Step, &str, &str)> = vec![
        (cast("plan", Float32), "plan", "plain"),
        (fill("paked", Scalar::Int(0)), "paked", "packed"),
        (flags("u", "flak", vec![Scalar::Int(0)]), "flak", "flag"),
        (Step::Flip(words(&["latt"])), "latt", "lat"),
        (set("x", "plan + 1"), "plan", "plain"),
        (Step::ResetCoords(words(&["aera"])), "aera", "area"),
        (Step::Subset(vec![label]), "lattitude", ""),
    ];
    for (step, name, near) in rows {
        let (_, unmatched) = file().apply(std::slice::from_ref(&step)).expect("left to the caller");
        let names: Vec<(&str, &str)> = unmatched
            .iter()
            .filter_map(|u| match &u.lack {
                Lack::Name { name, nearest } => Some((name.as_str(), nearest.as_deref().unwrap_or_default())),
                _ => None,
            })
            .collect();
        assert_eq!(names.first().map(|(n, _)| *n), Some(name), "{step:?}");
        assert!(near.is_empty() || names.first().is_some_and(|(_, n)| *n == near), "{step:?}: {names:?}");
    }
}

#[test]
fn new_names_are_made_of_keys_and_attributes() {
    let keys = [("band".to_owned(), Key::Text("nir".into()), Calendar::Standard)];
    let context = FileContext { url: "a.nc", keys: &keys, axes: &[] };
    let attr = |variable: &str, name: &str| Naming::Attr { variable: variable.into(), name: name.into() };
    let template = |text: &str| Naming::Template(crate::template::Template::parse(text).expect("a template"));
    let rows: Vec<(Naming, std::result::Result<&str, &str>)> = vec![
        (Naming::Name("n".into()), Ok("n")),
        (template("{band}_1"), Ok("nir_1")),
        (attr("u", "long_name"), Ok("eastward")),
        (attr("u", "none"), Err("no text in `u@none`")),
        (attr("u", "units"), Ok("m s-1")),
        (attr("", "title"), Err("no text in `@title`")),
    ];
    for (naming, expected) in rows {
        let steps = [Step::Rename([("area".to_owned(), naming.clone())].into())];
        let view = FileView::new(&file().schema);
        let mut unread = |_: &Mapped| panic!("nothing is read");
        let found = apply(view, &steps, context, &mut unread, &mut Vec::new(), &mut |_| {});
        match (found, expected) {
            (Ok(view), Ok(name)) => assert!(view.variable(name).is_some(), "{naming:?}"),
            (Err(error), Err(said)) => assert!(error.message.contains(said), "{naming:?}: {error}"),
            (found, expected) => panic!("{naming:?}: {expected:?}, found {}", found.is_ok()),
        }
    }
}
