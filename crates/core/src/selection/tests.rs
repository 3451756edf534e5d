//! What selections take. Rows of dates follow `xarray.Dataset.sel` on coordinates decoded by cftime.

use super::{boxed, select};
use crate::attrs::AttrValue;
use crate::block::{Block, scalar_to_le};
use crate::dtype::{DataType, Scalar};
use crate::horizontal::horizontal;
use crate::recipe::{Label, Selection};
use crate::schema::{Storage, Variable};

fn variable(name: &str, dtype: DataType, length: u64, attrs: &[(&str, &str)]) -> Variable {
    let mut var = Variable {
        name: name.to_owned(),
        dims: vec![name.to_owned()],
        shape: vec![length],
        dtype,
        attrs: crate::attrs::Attrs::new(),
        fill: None,
        storage: Storage::Whole,
    };
    for (key, value) in attrs {
        var.attrs.set(*key, AttrValue::Text((*value).to_owned()));
    }
    var
}

fn numbers(name: &str, dtype: DataType, values: &[f64], attrs: &[(&str, &str)]) -> (Variable, Block) {
    let mut bytes = Vec::new();
    for value in values {
        assert!(scalar_to_le(dtype, &Scalar::Float(*value), &mut bytes), "{value}");
    }
    let length = values.len() as u64;
    (variable(name, dtype, length, attrs), Block::from_bytes(dtype, vec![length], bytes))
}

fn names(values: &[&str]) -> (Variable, Block) {
    let length = values.len() as u64;
    let texts = values.iter().map(|text| (*text).to_owned()).collect();
    (variable("band", DataType::Text, length, &[]), Block::from_text(vec![length], texts))
}

/// A number, or a text.
fn label(text: &str) -> Label {
    match text.parse::<i64>() {
        Ok(number) => Label::Number(Scalar::Int(number)),
        Err(_) => match text.parse::<f64>() {
            Ok(number) => Label::Number(Scalar::Float(number)),
            Err(_) => Label::Text(text.to_owned()),
        },
    }
}

fn range(from: &str, to: &str) -> Selection {
    let end = |text: &str| (!text.is_empty()).then(|| label(text));
    Selection::Labels { dim: "x".into(), from: end(from), to: end(to) }
}

fn values(list: &[&str]) -> Selection {
    Selection::Values { dim: "x".into(), values: list.iter().map(|text| label(text)).collect() }
}

/// The cells as `0 1 2`, or the message.
fn taken(selection: &Selection, coordinate: &(Variable, Block)) -> String {
    let length = coordinate.1.len();
    match select(selection, Some((&coordinate.0, &coordinate.1)), length) {
        Ok(runs) => {
            let cells = runs.cells(&(0..runs.len()));
            cells.iter().map(|cell| cell.unwrap().to_string()).collect::<Vec<_>>().join(" ")
        }
        Err(error) => match error.help {
            Some(help) => format!("{} ({help})", error.message),
            None => error.message,
        },
    }
}

#[track_caller]
fn check(coordinate: &(Variable, Block), rows: &[(Selection, &str)]) {
    for (selection, expected) in rows {
        assert_eq!(taken(selection, coordinate), *expected, "{selection:?}");
    }
}

#[test]
fn dates_mean_all_that_they_name() {
    let units = [("units", "hours since 2000-01-01"), ("calendar", "360_day")];
    // 2000-01-01, 2000-02-29T12, 2000-02-30T23, 2000-03-01, 2001-01-01
    let time = numbers("time", DataType::Int32, &[0.0, 1404.0, 1439.0, 1440.0, 8640.0], &units);
    check(
        &time,
        &[
            (range("2000", "2000"), "0 1 2 3"),
            (range("2000-02", "2000-02"), "1 2"),
            (range("2000-02-30", ""), "2 3 4"),
            (range("2000-02-29T13", "2000-03-01"), "2 3"),
            (range("", "2000-02-29T12:00"), "0 1"),
            (values(&["2001-01-01", "2000-02-29T12:00"]), "4 1"),
            (values(&["2000"]), "0"),
            (
                values(&["2000-02-29"]),
                "`time` has no 2000-02-29: it has 2000-01-01 to 2001-01-01 (the nearest is 2000-02-29T12:00; \
                 `{from: 2000-02-29, to: 2000-02-29}` takes all of that day, month or year)",
            ),
            (
                range("1990", "1999"),
                "nothing of `time` lies from 1990 to 1999: it has 2000-01-01 to 2001-01-01",
            ),
        ],
    );
    let wrong = taken(&range("2000-02-31", ""), &time);
    assert!(wrong.contains("2000-02-31"), "{wrong}");
    let number = taken(&range("1.5", ""), &time);
    assert!(number.starts_with("`time` is a time, and 1.5 is not a date"), "{number}");
}

#[test]
fn numbers_are_compared_in_the_type_of_the_coordinate() {
    let rising = numbers("depth", DataType::Float32, &[0.1, 0.2, 0.3, f64::NAN], &[]);
    check(
        &rising,
        &[
            (range("0.1", "0.2"), "0 1"),
            (range("", ""), "0 1 2"),
            (values(&["0.3", "0.1"]), "2 0"),
            (
                values(&["0.25"]),
                "`depth` has no 0.25: it has 0.10000000149011612 to 0.30000001192092896 (the nearest is 0.20000000298023224)",
            ),
            (range("word", ""), "`depth` is a number, and word is none"),
        ],
    );
    let falling = numbers("lev", DataType::Int16, &[1000.0, 850.0, 500.0, 100.0], &[]);
    check(&falling, &[(range("500", "900"), "1 2"), (values(&["100", "1000"]), "3 0")]);
    let mut packed = numbers("depth", DataType::Int16, &[0.0, 10.0, 20.0], &[]);
    packed.0.attrs.set("scale_factor", AttrValue::number(DataType::Float64, Scalar::Float(0.5)));
    packed.0.fill = Some(Scalar::Int(20));
    check(&packed, &[(range("5", ""), "1")]);
}

#[test]
fn names_are_taken_as_they_stand() {
    let band = names(&["B02", "B03", "B04", "B8A"]);
    check(
        &band,
        &[
            (range("B03", "B8A"), "1 2 3"),
            (values(&["B8A", "B02"]), "3 0"),
            (
                values(&["B8a"]),
                "`band` has no B8a: it has \"B02\", \"B03\", \"B04\", \"B8A\" (the nearest is \"B8A\")",
            ),
            (
                range("B04", "B02"),
                "nothing of `band` lies from B04 to B02: it has \"B02\", \"B03\", \"B04\", \"B8A\"",
            ),
        ],
    );
}

#[test]
fn items_are_counted_as_in_python() {
    let x = numbers("x", DataType::Int8, &[0.0; 10], &[]);
    let part = |start, stop, step| Selection::Range { dim: "x".into(), start, stop, step };
    let items = |items: &[i64]| Selection::Items { dim: "x".into(), items: items.to_vec() };
    check(
        &x,
        &[
            (part(Some(2), Some(5), 1), "2 3 4"),
            (part(Some(-3), None, 1), "7 8 9"),
            (part(None, Some(-8), 1), "0 1"),
            (part(Some(1), Some(100), 4), "1 5 9"),
            (part(Some(-100), Some(1), 1), "0"),
            (items(&[9, 0, -1, -10]), "9 0 9 0"),
            (items(&[10]), "`x` has no item 10: it has 10 items, the first is 0"),
            (items(&[-11]), "`x` has no item -11: it has 10 items, the first is 0"),
            (part(Some(10), None, 1), "nothing of `x` lies from item 10 until …: it has 10 items"),
        ],
    );
}

#[test]
fn boxes_cross_the_seam_of_either_convention() {
    let whole: Vec<f64> = (0..8).map(|i| f64::from(i) * 45.0).collect();
    let half: Vec<f64> = (0..8).map(|i| f64::from(i) * 45.0 - 180.0).collect();
    let falling: Vec<f64> = whole.iter().rev().copied().collect();
    let east = [("units", "degrees_east")];
    let bbox = |west: f64, east: f64| Selection::Bbox { degrees: [west, -45.0, east, 45.0] };
    let rows = [
        (&whole, bbox(0.0, 90.0), "0 1 2"),
        (&whole, bbox(350.0, 100.0), "0 1 2"),
        (&whole, bbox(-90.0, 45.0), "6 7 0 1"),
        (&whole, bbox(270.0, 45.0), "6 7 0 1"),
        (&whole, bbox(-180.0, 180.0), "4 5 6 7 0 1 2 3"),
        (&whole, bbox(0.0, 360.0), "0 1 2 3 4 5 6 7"),
        (&half, bbox(90.0, -135.0), "6 7 0 1"),
        (&half, bbox(90.0, 225.0), "6 7 0 1"),
        (&half, bbox(270.0, 300.0), "2"),
        (&falling, bbox(-90.0, 45.0), "6 7 0 1"),
        (&whole, bbox(1.0, 44.0), "nothing of `lon` lies from 1 to 44 degrees: it has 0 to 315"),
    ];
    for (values, selection, expected) in rows {
        for dtype in [DataType::Float64, DataType::Float32] {
            let lon = numbers("lon", dtype, values, &east);
            assert_eq!(taken(&selection, &lon), expected, "{selection:?} of {values:?}");
        }
    }
    let lat = numbers("lat", DataType::Float64, &[90.0, 45.0, 0.0, -45.0, -90.0], &[]);
    check(&lat, &[(bbox(0.0, 1.0), "1 2 3")]);
    // rounding of the type does not cut an edge off
    let fine = numbers("lon", DataType::Float32, &[350.1, 350.2, 9.9, 10.1], &east);
    check(&fine, &[(bbox(-9.9, 9.9), "0 1 2"), (bbox(-9.8, 10.1), "1 2 3")]);
}

#[test]
fn boxes_find_their_coordinates() {
    let var = |name: &str, attrs: &[(&str, &str)]| variable(name, DataType::Float32, 3, attrs);
    let kinds = [
        (var("lon", &[]), true),
        (var("x", &[("units", "degrees_east")]), true),
        (var("x", &[("standard_name", "longitude")]), true),
        (var("lon", &[("standard_name", "grid_longitude"), ("units", "degrees")]), false),
        (var("lon", &[("units", "m")]), false),
        (var("x", &[("units", "degrees")]), false),
    ];
    for (var, known) in kinds {
        assert_eq!(horizontal(&var).is_some(), known, "{} {:?}", var.name, var.attrs);
    }
    let (lon, lat) = (var("lon", &[]), var("lat", &[]));
    let mut curved = var("lat", &[]);
    (curved.dims, curved.shape) = (vec!["y".into(), "x".into()], vec![3, 3]);
    let mut along = var("lat", &[]);
    along.dims = vec!["lon".into()];
    let rows = [
        (vec![&lon, &lat], "lon lat"),
        (vec![&lon], "`bbox` needs a latitude, but no variable is known for one"),
        (vec![&lon, &curved], "`bbox` needs a latitude of one dimension, but `lat` has 2"),
        (vec![&lon, &along], "`lon` and `lat` lie along one dimension, which a box does not cut"),
    ];
    for (variables, expected) in rows {
        let found = match boxed(variables) {
            Ok(found) => found.iter().map(|var| var.name.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => error.message,
        };
        assert_eq!(found, expected);
    }
}
