//! Steps that make variables of others, each followed by every step that changes dimensions or names.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::stored::decoded;
use super::value_tests::{File, array, cast, fill, flags, set, words};
use super::*;
use crate::attrs::Attrs;
use crate::dtype::{DataType, Scalar};
use crate::recipe::{Naming, Selection, TimeFrom};

/// Values with their dimensions, row by row.
#[derive(Debug, Clone, PartialEq)]
struct Plain {
    name: String,
    dims: Vec<(String, u64)>,
    values: Vec<f64>,
}

impl Plain {
    /// A value for every index.
    fn of(name: &str, dims: &[(&str, u64)], value: impl Fn(&[u64]) -> f64) -> Self {
        let dims: Vec<(String, u64)> = dims.iter().map(|(d, n)| ((*d).to_owned(), *n)).collect();
        let values = every(&dims).iter().map(|at| value(at)).collect();
        Self { name: name.to_owned(), dims, values }
    }

    fn at(&self, index: &[u64]) -> f64 {
        let flat = self.dims.iter().zip(index).fold(0, |flat, ((_, n), at)| flat * n + at);
        self.values[flat as usize]
    }

    /// Other dimensions; `from` leads from an index along them to one along the old ones.
    fn moved(&self, dims: Vec<(String, u64)>, from: impl Fn(&[u64]) -> Vec<u64>) -> Self {
        let values = every(&dims).iter().map(|at| self.at(&from(at))).collect();
        Self { name: self.name.clone(), dims, values }
    }

    fn place(&self, dim: &str) -> Option<usize> {
        self.dims.iter().position(|(d, _)| d == dim)
    }
}

fn every(dims: &[(String, u64)]) -> Vec<Vec<u64>> {
    let longer = |known: Vec<Vec<u64>>, (_, n): &(String, u64)| {
        known.iter().flat_map(|at| (0..*n).map(|i| [at.as_slice(), &[i]].concat())).collect()
    };
    dims.iter().fold(vec![Vec::new()], longer)
}

fn file() -> File {
    use DataType::{Float32, Int16, UInt8};
    let arrays = [
        array("a", &["t", "z", "x"], &[3, 1, 2], Float32, &[0., 1., 2., 3., 4., 5.], &[]),
        array("b", &["x", "t"], &[2, 3], Float32, &[0., 10., 20., 30., 40., 50.], &[]),
        array("c", &["t"], &[3], Int16, &[1., 2., 3.], &[]),
        array("d", &["x"], &[2], Int16, &[4., 5.], &[]),
        array("flag", &["t"], &[3], UInt8, &[0., 1., 0.], &[]),
        array("g/p", &["g/k", "g/j"], &[2, 3], Float32, &[0., 1., 2., 3., 4., 5.], &[]),
        array("g/q", &["g/j"], &[3], Float32, &[1., 2., 3.], &[]),
    ];
    let (variables, values): (Vec<_>, BTreeMap<_, _>) =
        arrays.into_iter().map(|(v, b)| (Arc::clone(&v), (v.name.clone(), b))).unzip();
    let groups = vec![("g".to_owned(), Attrs::new())];
    File { schema: Schema { attrs: Attrs::new(), groups, variables, unreadable: Vec::new() }, values }
}

/// Steps that make a variable, and what it then is.
fn deriving() -> Vec<(Vec<Step>, Plain)> {
    let all = [("t", 3), ("z", 1), ("x", 2)];
    let a = |at: &[u64]| (2 * at[0] + at[2]) as f64;
    let time = Step::TimeFrom(TimeFrom {
        name: "n".into(),
        parts: [("day_of_year", "d"), ("year", "year")].map(|(p, v)| (p.to_owned(), v.to_owned())).into(),
        calendar: Calendar::Standard,
        keep_parts: true,
    });
    // python: (date(1971 + t, 1, 1) - date(1970, 1, 1)).days
    let new_year = [365., 730., 1096.];
    let items = |items: Vec<i64>| Step::Subset(vec![Selection::Items { dim: "t".into(), items }]);
    vec![
        (vec![set("n", "a * 2")], Plain::of("n", &all, |at| 2. * a(at))),
        (vec![set("n", "a + b")], Plain::of("n", &all, |at| a(at) + (30 * at[2] + 10 * at[0]) as f64)),
        (
            vec![set("n", "b * c + a")],
            Plain::of("n", &[("x", 2), ("t", 3), ("z", 1)], |at| {
                ((30 * at[0] + 10 * at[1]) * (at[1] + 1) + 2 * at[1] + at[0]) as f64
            }),
        ),
        (
            vec![set("n", "c * d")],
            Plain::of("n", &[("t", 3), ("x", 2)], |at| ((at[0] + 1) * (at[1] + 4)) as f64),
        ),
        (
            vec![set("m", "a * 2"), set("n", "m + c")],
            Plain::of("n", &all, |at| 2. * a(at) + (at[0] + 1) as f64),
        ),
        (
            vec![set("g/n", "`g/p` * `g/q`")],
            Plain::of("g/n", &[("g/k", 2), ("g/j", 3)], |at| ((3 * at[0] + at[1]) * (at[1] + 1)) as f64),
        ),
        (
            vec![flags("a", "flag", vec![Scalar::Int(1)])],
            Plain::of("a", &all, |at| if at[0] == 1 { f64::NAN } else { a(at) }),
        ),
        (
            vec![flags("b", "flag", vec![Scalar::Int(1)]), fill("b", Scalar::Int(7))],
            Plain::of("b", &[("x", 2), ("t", 3)], |at| {
                if at[1] == 1 { 7. } else { (30 * at[0] + 10 * at[1]) as f64 }
            }),
        ),
        (vec![cast("a", DataType::Int32)], Plain::of("a", &all, a)),
        (vec![Step::Flip(words(&["t"]))], Plain::of("a", &all, |at| a(&[2 - at[0], 0, at[2]]))),
        (
            vec![items(vec![2, 0])],
            Plain::of("a", &[("t", 2), ("z", 1), ("x", 2)], |at| a(&[2 - 2 * at[0], 0, at[2]])),
        ),
        (
            vec![
                set("year", "c + 1970"),
                cast("year", DataType::Int32),
                set("d", "d - 3"),
                set("d", "d - d + 1"),
                time,
            ],
            Plain::of("n", &[("t", 3), ("x", 2)], |at| new_year[at[0] as usize]),
        ),
    ]
}

fn rename(pairs: &[(&str, &str)]) -> Step {
    Step::Rename(pairs.iter().map(|(a, b)| ((*a).to_owned(), Naming::Name((*b).to_owned()))).collect())
}

/// A step, and what it makes of values.
type Structural = (Step, fn(&Plain) -> Plain);

/// Steps that change dimensions or names.
fn structural() -> Vec<Structural> {
    fn renamed(plain: &Plain, pairs: &[(&str, &str)]) -> Plain {
        let new =
            |name: &str| pairs.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to).to_owned();
        let dims = plain.dims.iter().map(|(dim, n)| (new(dim), *n)).collect();
        Plain { name: new(&plain.name), dims, values: plain.values.clone() }
    }
    fn dims(plain: &Plain, step: impl Fn(&str) -> String) -> Plain {
        let dims = plain.dims.iter().map(|(dim, n)| (step(dim), *n)).collect();
        Plain { name: step(&plain.name), dims, values: plain.values.clone() }
    }
    fn transposed(plain: &Plain) -> Plain {
        let Some(x) = plain.place("x") else { return plain.clone() };
        let mut order: Vec<usize> = (0..plain.dims.len()).filter(|d| *d != x).collect();
        order.insert(0, x);
        plain.moved(order.iter().map(|&d| plain.dims[d].clone()).collect(), |at| {
            (0..at.len()).map(|d| at[order.iter().position(|o| *o == d).expect("a place")]).collect()
        })
    }
    fn squeezed(plain: &Plain) -> Plain {
        let dims = plain.dims.iter().filter(|(d, _)| d != "z").cloned().collect();
        Plain { name: plain.name.clone(), dims, values: plain.values.clone() }
    }
    fn widened(plain: &Plain) -> Plain {
        // a time is a coordinate, which gets no dimension
        let new = (plain.values.first() != Some(&365.)).then(|| ("e".to_owned(), 1));
        let dims = new.into_iter().chain(plain.dims.iter().cloned()).collect();
        Plain { name: plain.name.clone(), dims, values: plain.values.clone() }
    }
    fn flipped(plain: &Plain) -> Plain {
        let Some(x) = plain.place("x") else { return plain.clone() };
        plain.moved(plain.dims.clone(), |at| {
            at.iter().enumerate().map(|(d, &i)| if d == x { plain.dims[x].1 - 1 - i } else { i }).collect()
        })
    }
    let add = AddDim {
        dim: "e".into(),
        value: DimValue::Constant(Scalar::Int(1)),
        variables: Vec::new(),
        attrs: Vec::new(),
    };
    vec![
        (rename(&[("t", "time"), ("z", "zz"), ("g/k", "g/kk")]), |p| {
            renamed(p, &[("t", "time"), ("z", "zz"), ("g/k", "g/kk")])
        }),
        (rename(&[("t", "x"), ("x", "t")]), |p| renamed(p, &[("t", "x"), ("x", "t")])),
        (rename(&[("t", "z"), ("z", "x"), ("x", "t")]), |p| {
            renamed(p, &[("t", "z"), ("z", "x"), ("x", "t")])
        }),
        (rename(&[("c", "cc"), ("a", "aa"), ("flag", "f")]), |p| renamed(p, &[("a", "aa")])),
        (Step::Transpose(words(&["x"])), transposed),
        (Step::Squeeze(words(&["z"])), squeezed),
        (Step::AddDim(add), widened),
        (Step::FlattenGroups("_".into()), |p| dims(p, |name| name.replace('/', "_"))),
        (Step::Flip(words(&["x"])), flipped),
        (Step::Drop(words(&["c", "d", "flag"])), Plain::clone),
    ]
}

fn found(file: &File, steps: &[Step], name: &str) -> Plain {
    let (view, _) = file.apply(steps).unwrap_or_else(|e| panic!("{steps:?}: {e}"));
    let mapped = view.variable(name).unwrap_or_else(|| panic!("{name} after {steps:?}"));
    let block = if mapped.var.attrs.text("units").is_some() {
        file.read(mapped).expect("times")
    } else {
        file.read(&decoded(mapped).expect("numbers")).unwrap_or_else(|e| panic!("{steps:?}: {e}"))
    };
    assert_eq!(block.shape, mapped.var.shape, "{steps:?}");
    let dims = mapped.var.dims.iter().cloned().zip(mapped.var.shape.iter().copied()).collect();
    Plain { name: name.to_owned(), dims, values: block.to_f64().expect("numbers") }
}

fn same(a: &Plain, b: &Plain) -> bool {
    let values = || a.values.iter().zip(&b.values).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    a.dims == b.dims && a.values.len() == b.values.len() && values()
}

#[test]
fn dimensions_and_names_change_after_values() {
    let file = file();
    for (steps, plain) in deriving() {
        for (first, one) in structural() {
            let expected = one(&plain);
            let then: Vec<Step> = steps.iter().cloned().chain([first.clone()]).collect();
            let is = found(&file, &then, &expected.name);
            assert!(same(&is, &expected), "{then:?}: {is:?}, expected {expected:?}");
            for (second, other) in structural() {
                let expected = other(&expected);
                let clash = |step: &Step| matches!(step, Step::AddDim(_) | Step::Drop(_));
                if clash(&first) && clash(&second) {
                    continue;
                }
                let then: Vec<Step> = then.iter().cloned().chain([second]).collect();
                let Ok((view, _)) = file.apply(&then) else { continue };
                assert!(view.variable(&expected.name).is_some(), "{then:?}");
                let is = found(&file, &then, &expected.name);
                assert!(same(&is, &expected), "{then:?}: {is:?}, expected {expected:?}");
            }
        }
    }
}

#[test]
fn a_dimension_that_is_there_twice_is_no_guess() {
    let mut file = file();
    let twice = array("cov", &["x", "x"], &[2, 2], DataType::Float32, &[1., 2., 3., 4.], &[]);
    file.schema.variables.push(Arc::clone(&twice.0));
    file.values.insert("cov".into(), twice.1);
    let is = found(&file, &[set("n", "cov * 10 + cov")], "n");
    assert_eq!((is.dims.len(), is.values), (2, vec![11., 22., 33., 44.]));
    let rows = [
        (set("n", "cov * d"), "`cov` has a dimension twice: (x, x), and `d` has other dimensions: (x)"),
        (flags("cov", "d", vec![Scalar::Int(4)]), "a dimension is there twice"),
    ];
    for (step, expected) in rows {
        let error = file.apply(&[step]).map(|_| ()).expect_err(expected);
        assert!(error.message.contains(expected), "{error}");
    }
}
