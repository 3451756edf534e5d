use std::collections::BTreeMap;
use std::sync::Arc;

use super::*;
use crate::attrs::{AttrValue, Attrs};
use crate::axis::Key;
use crate::block::Block;
use crate::codec::Encoding;
use crate::dtype::{DataType, Scalar};
use crate::recipe::{AddDim, AttrEdit, DimValue, Naming};
use crate::schema::{Storage, Variable};

fn variable(name: &str, dims: &[(&str, u64)], attrs: &[(&str, &str)]) -> Arc<Variable> {
    Arc::new(Variable {
        name: name.to_owned(),
        dims: dims.iter().map(|(d, _)| (*d).to_owned()).collect(),
        shape: dims.iter().map(|(_, n)| *n).collect(),
        dtype: DataType::Float32,
        attrs: attrs.iter().map(|(n, v)| ((*n).to_owned(), AttrValue::Text((*v).to_owned()))).collect(),
        fill: None,
        storage: Storage::Chunks {
            chunk: dims.iter().map(|(_, n)| *n).collect(),
            encoding: Encoding::raw(),
            unwritten: Scalar::Float(0.0),
            chunked: true,
        },
    })
}

fn schema() -> Schema {
    Schema {
        attrs: [("title".to_owned(), AttrValue::Text("t".to_owned()))].into_iter().collect(),
        groups: vec![("g".to_owned(), Attrs::new())],
        variables: vec![
            variable("zlev", &[("zlev", 1)], &[]),
            variable("lat", &[("lat", 3)], &[("bounds", "lat_bnds")]),
            variable("lat_bnds", &[("lat", 3), ("nv", 2)], &[]),
            variable("ice", &[("zlev", 1), ("lat", 3), ("lon", 4)], &[("coordinates", "zlev aux")]),
            variable("aux", &[("lat", 3)], &[]),
            variable("g/x", &[("lat", 3), ("g/k", 2)], &[]),
        ],
        unreadable: Vec::new(),
    }
}

/// Applies the steps and prints what is left: `name(dim=length, …)` with the file's dimension behind each.
fn check(steps: &[Step], expected: &[&str]) {
    let keys = [("member".to_owned(), Key::Int(7), Calendar::Standard)];
    let context = FileContext { url: "dir/run_r12_20200131.nc", keys: &keys, axes: &[] };
    let view = apply(FileView::new(&schema()), steps, context, &mut Vec::new()).expect("steps apply");
    let shown: Vec<String> = view
        .variables
        .iter()
        .map(|m| {
            let dims: Vec<String> = (m.var.dims.iter().zip(&m.var.shape).zip(m.axes()))
                .map(|((d, n), a)| format!("{d}={n}{}", a.map_or("+".to_owned(), |a| format!("@{a}"))))
                .collect();
            format!("{}({})", m.var.name, dims.join(","))
        })
        .collect();
    assert_eq!(shown, expected);
}

/// Applies steps that read nothing.
fn apply(
    view: FileView,
    steps: &[Step],
    context: FileContext<'_>,
    unmatched: &mut Vec<Unmatched>,
) -> Result<FileView> {
    super::apply(view, steps, context, &mut |_| panic!("nothing is read"), unmatched, &mut |_| {})
}

fn words(names: &[&str]) -> Vec<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

#[test]
fn dims_are_squeezed_added_and_transposed() {
    let add = AddDim {
        dim: "member".to_owned(),
        value: DimValue::Key("member".to_owned()),
        variables: Vec::new(),
        attrs: Vec::new(),
    };
    check(
        &[
            Step::Keep(words(&["ice"])),
            Step::Squeeze(words(&["zlev"])),
            Step::AddDim(add),
            Step::Transpose(words(&["lon"])),
        ],
        &[
            "zlev()",
            "lat(lat=3@0)",
            "lat_bnds(lat=3@0,nv=2@1)",
            "ice(lon=4@2,member=1+,lat=3@1)",
            "aux(lat=3@0)",
            "member(member=1+)",
        ],
    );
}

#[test]
fn rename_follows_into_cf_attributes() {
    let pairs: BTreeMap<String, Naming> = [("lat", "y"), ("lat_bnds", "y_bnds"), ("aux", "extra")]
        .map(|(a, b)| (a.into(), Naming::Name(b.into())))
        .into();
    let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
    let view =
        apply(FileView::new(&schema()), &[Step::Rename(pairs)], context, &mut Vec::new()).expect("renamed");
    let text = |v: &str, a: &str| view.variable(v).and_then(|m| m.var.attrs.text(a)).map(str::to_owned);
    assert_eq!(text("y", "bounds").as_deref(), Some("y_bnds"));
    assert_eq!(text("ice", "coordinates").as_deref(), Some("zlev extra"));
    assert_eq!(view.variable("g/x").map(|m| m.var.dims.clone()), Some(words(&["y", "g/k"])));
}

#[test]
fn drop_cleans_references_and_refuses_dimensions() {
    let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
    let step = |names: &[&str]| [Step::Drop(words(names))];
    let view =
        apply(FileView::new(&schema()), &step(&["aux", "g/*"]), context, &mut Vec::new()).expect("dropped");
    assert_eq!(view.variable("ice").and_then(|m| m.var.attrs.text("coordinates")), Some("zlev"));
    let refused =
        apply(FileView::new(&schema()), &step(&["zlev"]), context, &mut Vec::new()).expect_err("a dimension");
    assert_eq!(refused.code, Code::StepInvalid);
    let mut unmatched = Vec::new();
    apply(FileView::new(&schema()), &step(&["icee"]), context, &mut unmatched).expect("left to the caller");
    let lack = Lack::Name { name: "icee".into(), nearest: Some("ice".into()) };
    assert_eq!(unmatched, [Unmatched { step: 0, lack }]);
}

#[test]
fn a_group_becomes_the_root() {
    let view = open_group(&schema(), Some("/g")).expect("group");
    let x = view.variable("x").expect("variable");
    assert_eq!(x.var.dims, ["lat", "k"]);
    assert!(matches!(&x.origin, Origin::Source { name, .. } if &**name == "g/x"));
    assert_eq!(open_group(&schema(), Some("h")).expect_err("none").code, Code::RecipeSource);
}

#[test]
fn a_dimension_from_the_file_name_is_a_date() {
    let value = DimValue::FileName { regex: r"_(\d{8})\.nc".to_owned(), format: Some("%Y%m%d".to_owned()) };
    let add = AddDim { dim: "time".to_owned(), value, variables: words(&["ice"]), attrs: Vec::new() };
    let context = FileContext { url: "dir/run_r12_20200131.nc", keys: &[], axes: &[] };
    let view =
        apply(FileView::new(&schema()), &[Step::AddDim(add)], context, &mut Vec::new()).expect("added");
    let time = view.variable("time").expect("coordinate");
    let Origin::Constant(block) = &time.origin else { panic!("a constant") };
    assert_eq!(**block, Block::from_bytes(DataType::Int64, vec![1], 18292i64.to_le_bytes().to_vec()));
    assert_eq!(time.var.attrs.text("units"), Some("days since 1970-01-01 00:00:00"));
}

#[test]
fn attributes_are_set_deleted_and_moved() {
    let set = |variable: &str, name: &str| AttrEdit::Set {
        variable: variable.to_owned(),
        name: name.to_owned(),
        value: AttrValue::Text("new".to_owned()),
    };
    let edits = vec![
        set("", "title"),
        set("lat*", "note"),
        AttrEdit::Delete { variable: "ice".to_owned(), name: "coord*".to_owned() },
        AttrEdit::Move { variable: "lat".to_owned(), from: "bounds".to_owned(), to: "edges".to_owned() },
    ];
    let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
    let view =
        apply(FileView::new(&schema()), &[Step::Attrs(edits)], context, &mut Vec::new()).expect("edited");
    let attr = |v: &str, a: &str| view.variable(v).and_then(|m| m.var.attrs.text(a));
    assert_eq!(view.attrs.text("title"), Some("new"));
    assert_eq!((attr("lat_bnds", "note"), attr("ice", "coordinates")), (Some("new"), None));
    assert_eq!((attr("lat", "edges"), attr("lat", "bounds")), (Some("lat_bnds"), None));
}

#[test]
fn permuting_moves_values() {
    let block = Block::from_bytes(DataType::UInt8, vec![1, 2, 3], vec![0, 1, 2, 3, 4, 5]);
    let moved = permute(block, &[Some(2), None, Some(1)]);
    assert_eq!(moved, Block::from_bytes(DataType::UInt8, vec![3, 1, 2], vec![0, 3, 1, 4, 2, 5]));
}

#[test]
fn names_do_not_collide() {
    let rename = |pairs: &[(&str, &str)]| {
        Step::Rename(pairs.iter().map(|(a, b)| ((*a).to_owned(), Naming::Name((*b).to_owned()))).collect())
    };
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[("lat", "aux"), ("aux", "lat")], true),
        (&[("aux", "ice")], false),
        (&[("aux", "x"), ("ice", "x")], false),
        (&[("lat", "lon")], false),
        (&[("aux", "lon")], true),
    ];
    for (pairs, fine) in rows {
        let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
        let found = apply(FileView::new(&schema()), &[rename(pairs)], context, &mut Vec::new());
        assert_eq!(found.is_ok(), *fine, "{pairs:?}");
        if let Err(error) = found {
            assert_eq!(error.code, Code::StepInvalid, "{pairs:?}");
        }
    }
}

#[test]
fn a_scalar_becomes_a_dimension_under_another_name() {
    let mut schema = schema();
    schema.variables.push(variable("reftime", &[], &[]));
    schema.variables.push(variable("data", &[("lat", 3)], &[("coordinates", "reftime aux")]));
    let add = |dim: &str| {
        let value = DimValue::Scalar("reftime".to_owned());
        Step::AddDim(AddDim { dim: dim.to_owned(), value, variables: words(&["data"]), attrs: Vec::new() })
    };
    let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
    let view = apply(FileView::new(&schema), &[add("time")], context, &mut Vec::new()).expect("added");
    let data = view.variable("data").expect("kept");
    assert_eq!(
        (data.var.dims.clone(), data.var.attrs.text("coordinates")),
        (words(&["time", "lat"]), Some("time aux"))
    );
    let taken = apply(FileView::new(&schema), &[add("ice")], context, &mut Vec::new());
    assert_eq!(taken.expect_err("two variables of one name").code, Code::StepInvalid);
}

#[test]
fn a_fill_value_has_the_type_of_its_variable() {
    let set = |value: AttrValue| {
        Step::Attrs(vec![AttrEdit::Set { variable: "ice".into(), name: "_FillValue".into(), value }])
    };
    let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
    let fine = set(AttrValue::number(DataType::Int64, Scalar::Int(-999)));
    let view = apply(FileView::new(&schema()), &[fine], context, &mut Vec::new()).expect("set");
    assert_eq!(view.variable("ice").and_then(|m| m.var.fill.clone()), Some(Scalar::Float(-999.0)));
    let wrong = set(AttrValue::Text("none".into()));
    let error = apply(FileView::new(&schema()), &[wrong], context, &mut Vec::new()).expect_err("text");
    assert_eq!(error.code, Code::StepInvalid);
}

#[test]
fn a_glob_that_adds_nothing_still_matches() {
    let mut unmatched = Vec::new();
    let context = FileContext { url: "a.nc", keys: &[], axes: &[] };
    let keep = [Step::Keep(words(&["ice", "i*"]))];
    apply(FileView::new(&schema()), &keep, context, &mut unmatched).expect("kept");
    assert_eq!(unmatched, []);
}
