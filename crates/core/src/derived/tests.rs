use super::*;
use crate::attrs::Attrs;
use crate::block::Block;
use crate::chunk::Region;
use crate::codec::Encoding;
use crate::dtype::DataType;
use crate::error::{Code, Result};
use crate::schema::Storage;
use crate::units::{Conversion, Linear};

/// `v(y, x)` of 3 x 4 with the values 0, 1, 2, … as int16, `fill` masked.
fn plain() -> Mapped {
    let storage = Storage::Chunks {
        chunk: vec![1, 4],
        encoding: Encoding::raw(),
        unwritten: Scalar::Int(0),
        chunked: true,
    };
    let var = Variable {
        name: "v".into(),
        dims: vec!["y".into(), "x".into()],
        shape: vec![3, 4],
        dtype: DataType::Int16,
        attrs: Attrs::new(),
        fill: None,
        storage,
    };
    Mapped { var: Arc::new(var), origin: Origin::Source { name: "v".into(), axes: None } }
}

fn read(leaf: &Mapped, region: &Region) -> Result<Block> {
    assert!(leaf.is_plain());
    let [rows, columns] = region.0.as_slice() else { panic!("two dimensions") };
    let cells = rows.clone().flat_map(|y| columns.clone().map(move |x| (4 * y + x) as i16));
    let bytes = cells.flat_map(i16::to_le_bytes).collect();
    Ok(Block::from_bytes(DataType::Int16, region.shape(), bytes))
}

fn values(mapped: &Mapped) -> Vec<f64> {
    let whole = Region::whole(&mapped.var.shape);
    let (mut found, mut foreseen) = (Vec::new(), Vec::new());
    let mut noted = |leaf: &Mapped, region: &Region| {
        found.push((leaf.var.name.clone(), region.clone()));
        read(leaf, region)
    };
    let block = evaluate(mapped, &whole, &mut noted).expect("computed");
    leaves(mapped, &whole, &mut |leaf, region| foreseen.push((leaf.var.name.clone(), region.clone())));
    assert_eq!(foreseen, found, "what is read can be foreseen");
    assert_eq!((block.dtype, &block.shape), (mapped.var.dtype, &mapped.var.shape));
    block.to_f64().expect("numbers")
}

fn pick(mapped: Mapped, runs: Vec<Option<Runs>>, missing: i64) -> Mapped {
    mapped.pick(runs, Scalar::Int(missing))
}

#[test]
fn cells_are_picked_in_any_order() {
    let cells = |list: &[i64]| Some(Runs::of_cells(list.iter().map(|&c| u64::try_from(c).ok())));
    let rows: Vec<(Vec<Option<Runs>>, Vec<f64>)> = vec![
        (vec![cells(&[1]), None], vec![4., 5., 6., 7.]),
        (vec![Some(Runs::reversed(3)), cells(&[0])], vec![8., 4., 0.]),
        (vec![cells(&[2, 0]), cells(&[3, 1, 2])], vec![11., 9., 10., 3., 1., 2.]),
        (vec![cells(&[0, -1, 1]), cells(&[0, 3])], vec![0., 3., -9., -9., 4., 7.]),
        (vec![cells(&[-1]), cells(&[0])], vec![-9.]),
        (vec![cells(&[0]), cells(&[3, 3, 0])], vec![3., 3., 0.]),
    ];
    for (runs, expected) in rows {
        assert_eq!(values(&pick(plain(), runs.clone(), -9)), expected, "{runs:?}");
    }
}

#[test]
fn cells_that_lie_far_apart_are_read_in_parts() {
    let mut wide = plain();
    Arc::make_mut(&mut wide.var).shape = vec![3, 4000];
    let mut read_cells = 0;
    let mut read = |_: &Mapped, region: &Region| {
        read_cells += region.cells();
        let cells = region.0[1].clone().map(|x| x as i16);
        Ok(Block::from_bytes(DataType::Int16, region.shape(), cells.flat_map(i16::to_le_bytes).collect()))
    };
    let runs = vec![Some(Runs::range(0..1)), Some(Runs::of_cells([Some(3999), Some(0), Some(1), Some(2)]))];
    let picked = pick(wide, runs, 0);
    let block = evaluate(&picked, &Region::whole(&[1, 4]), &mut read).expect("computed");
    assert_eq!(block.to_f64(), Some(vec![3999., 0., 1., 2.]));
    assert!(read_cells < 20, "{read_cells} cells");
}

#[test]
fn picking_twice_is_picking_once() {
    let first = Runs::of_cells([4, 3, 2, 7, 8, 9, 0].map(Some));
    let second = Runs::of_cells([Some(6), None, Some(1), Some(0), Some(3), Some(4)]);
    let cells: Vec<_> = first.then(&second).cells(&(0..6));
    assert_eq!(cells, [Some(0), None, Some(3), Some(4), Some(7), Some(8)]);
    assert_eq!(first.cells(&(1..5)), [Some(3), Some(2), Some(7), Some(8)]);
    assert!(Runs::range(0..4).is_identity(4) && !Runs::reversed(4).is_identity(4));
}

#[test]
fn dimensions_follow_a_rule() {
    let mut picked = pick(plain(), vec![Some(Runs::reversed(3)), None], 0);
    let dims = vec!["x".to_owned(), "n".to_owned(), "y".to_owned()];
    picked.rearrange(dims, vec![4, 1, 3], vec![Some(1), None, Some(0)]);
    assert_eq!(values(&picked), [8., 4., 0., 9., 5., 1., 10., 6., 2., 11., 7., 3.]);
}

#[test]
fn operations_on_cells() {
    use DataType::{Float32, Float64, Int8, Int16, Int32};
    let int = Scalar::Int;
    let unpack = |masks: Vec<Scalar>, to| Op::Unpack { meant: None, masks, scale: 0.5, offset: 10.0, to };
    let pack = |fill, to| Op::Pack {
        scale: 0.5,
        offset: 10.0,
        fill,
        masks: vec![int(99)],
        to,
        code: Code::CombinePacking,
    };
    let cast =
        |to, fill: Option<Scalar>| Op::Cast { to, masks: vec![int(3)], fill, code: Code::CombineDtype };
    let nan = f64::NAN;
    // operations, type, the first cells
    let rows: Vec<(Vec<Op>, DataType, Vec<f64>)> = vec![
        (vec![unpack(vec![int(1)], Float32)], Float32, vec![10., nan, 11., 11.5]),
        (
            vec![
                unpack(vec![], Float64),
                Op::Convert { conversion: Conversion::Linear(Linear { scale: 2., offset: 1. }), to: Float64 },
            ],
            Float64,
            vec![21., 22., 23., 24.],
        ),
        (vec![unpack(vec![int(2)], Float64), pack(Some(int(-1)), Int8)], Int8, vec![0., 1., -1., 3.]),
        (
            vec![Op::Remask { masks: vec![int(0), int(2)], fill: int(-9), code: Code::CombineFill }],
            Int16,
            vec![-9., 1., -9., 3.],
        ),
        (vec![cast(Int32, Some(int(-70_000)))], Int32, vec![0., 1., 2., -70_000.]),
        (vec![Op::Fill { masks: vec![int(0)], value: int(7) }], Int16, vec![7., 1., 2., 3.]),
        (
            vec![Op::Limit {
                masks: vec![int(3)],
                packing: (2., 1.),
                least: Some(2.),
                greatest: Some(6.),
                fill: int(3),
            }],
            Int16,
            vec![3., 1., 2., 3.],
        ),
    ];
    for (ops, dtype, expected) in rows {
        let mapped = plain().with_ops(ops.clone(), |var| var.dtype = dtype);
        let found: Vec<f64> = values(&mapped).into_iter().take(4).collect();
        let same = found.iter().zip(&expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        assert!(same, "{ops:?}: {found:?}");
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let rows: Vec<(Op, DataType, &str)> = vec![
        (
            Op::Cast { to: DataType::Bool, masks: vec![], fill: None, code: Code::CombineDtype },
            DataType::Bool,
            "2 is no value of type bool",
        ),
        (
            Op::Pack {
                scale: 0.01,
                offset: 0.,
                fill: None,
                masks: vec![],
                to: DataType::Int8,
                code: Code::CombinePacking,
            },
            DataType::Int8,
            "2 does not fit int8 with scale_factor 0.01",
        ),
        (
            Op::Remask { masks: vec![Scalar::Int(2)], fill: Scalar::Int(5), code: Code::CombineFill },
            DataType::Int16,
            "5 is a value here",
        ),
    ];
    for (op, dtype, expected) in rows {
        let mapped = plain().with_ops([op.clone()], |var| var.dtype = dtype);
        let error = evaluate(&mapped, &Region::whole(&[3, 4]), &mut read).expect_err("does not fit");
        assert!(error.message.contains(expected), "{op:?}: {error}");
    }
}
