//! What blocks of cells become.

use super::*;
use crate::attrs::{AttrValue, Attrs};
use crate::codec::Encoding;

fn spec(dtype: DataType, fill: Option<Scalar>, attrs: &[(&str, f64)]) -> ArraySpec {
    let number = |x: f64| AttrValue::number(DataType::Float64, Scalar::Float(x));
    let attrs: Attrs = attrs.iter().map(|(name, x)| ((*name).to_owned(), number(*x))).collect();
    ArraySpec {
        name: "x".into(),
        dims: Vec::new(),
        shape: Vec::new(),
        dtype,
        attrs,
        fill,
        unwritten: Scalar::Int(0),
        chunk: Vec::new(),
        shard: None,
        encoding: Encoding::raw(),
    }
}

/// What rows of numbers become, in blocks of two along a dimension.
fn reduced(spec: &ArraySpec, method: Coarsening, factors: &[u64], shape: &[u64], values: &[f64]) -> Vec<f64> {
    let scalar = |x: &f64| if spec.dtype.is_float() { Scalar::Float(*x) } else { Scalar::Int(*x as i64) };
    let block = Block::of_scalars(spec.dtype, shape.to_vec(), values.iter().map(scalar)).expect("they fit");
    let rule = Reduction::new(spec, method, factors.to_vec(), false).expect("a method of the type");
    rule.reduce(&block).expect("reduced").to_f64().expect("numbers")
}

#[test]
fn blocks_become_cells() {
    use Coarsening::{Max, Mean, Min, Mode, Nearest};
    const NAN: f64 = f64::NAN;
    let float = spec(DataType::Float32, None, &[]);
    let filled = spec(DataType::Float64, Some(Scalar::Float(-9.0)), &[]);
    let whole = spec(DataType::Int16, Some(Scalar::Int(-1)), &[]);
    let falls = spec(DataType::Int16, None, &[("scale_factor", -0.1)]);
    // type, method, factors, shape, cells, what they become
    type Row<'a> = (&'a ArraySpec, Coarsening, &'a [u64], &'a [u64], &'a [f64], &'a [f64]);
    let rows: &[Row<'_>] = &[
        (&float, Mean, &[2], &[5], &[1.0, 2.0, 3.0, 5.0, 7.0], &[1.5, 4.0, 7.0]),
        (&float, Mean, &[2], &[4], &[1.0, NAN, NAN, NAN], &[1.0, NAN]),
        (&float, Mean, &[2, 2], &[2, 3], &[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], &[3.5, 5.0]),
        (&float, Mean, &[1, 2], &[2, 3], &[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], &[1.5, 3.0, 5.5, 7.0]),
        (&float, Nearest, &[3], &[7], &[1.0, 2.0, 3.0, 4.0, NAN, 6.0, 7.0], &[2.0, NAN, 7.0]),
        (&float, Min, &[3], &[5], &[3.0, NAN, 1.0, 7.0, 8.0], &[1.0, 7.0]),
        (&float, Max, &[3], &[5], &[3.0, NAN, 1.0, 7.0, 8.0], &[3.0, 8.0]),
        (&float, Mode, &[4], &[4], &[3.0, 2.0, 3.0, 2.0], &[2.0]),
        (&filled, Mean, &[2], &[4], &[-9.0, 4.0, -9.0, -9.0], &[4.0, -9.0]),
        (&whole, Mean, &[2], &[6], &[2.0, 3.0, 3.0, 4.0, -5.0, -4.0], &[2.0, 4.0, -4.0]),
        // -2 and 0 have the mean that stands for missing values
        (&whole, Mean, &[2], &[4], &[-2.0, 0.0, -1.0, 8.0], &[0.0, 8.0]),
        (&whole, Mode, &[4], &[4], &[-1.0, -1.0, -1.0, 6.0], &[6.0]),
        (&whole, Mean, &[2], &[2], &[-1.0, -1.0], &[-1.0]),
        (&falls, Min, &[2], &[2], &[3.0, 9.0], &[9.0]),
        (&falls, Mode, &[2], &[2], &[3.0, 9.0], &[9.0]),
        (&float, Mean, &[], &[], &[4.0], &[4.0]),
    ];
    for (spec, method, factors, shape, values, expected) in rows {
        let found = reduced(spec, *method, factors, shape, values);
        let same = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        assert!(same, "{method:?} of {values:?}: {found:?}, expected {expected:?}");
    }
}

#[test]
fn types_without_a_method_are_refused() {
    for (dtype, method, fits) in [
        (DataType::Text, Coarsening::Mean, false),
        (DataType::Text, Coarsening::Nearest, true),
        (DataType::Complex64, Coarsening::Mode, false),
        (DataType::Bool, Coarsening::Mean, false),
        (DataType::Bool, Coarsening::Max, true),
        (DataType::UInt64, Coarsening::Mean, true),
    ] {
        assert_eq!(check(dtype, method).is_ok(), fits, "{dtype} {}", method.name());
    }
}

#[test]
fn cells_without_a_value_are_left_out() {
    use Coarsening::{Max, Mean, Min};
    const NAN: f64 = f64::NAN;
    // what the netCDF library writes into floats and into integers of two bytes that nobody wrote
    let float = |x: f64| f64::from(x as f32);
    let default = float(9.969_209_968_386_869e36);
    let integers = |name: &str, values: &[i64]| {
        let values = values.iter().map(|x| Scalar::Int(*x)).collect();
        (name.to_owned(), AttrValue::Numbers { dtype: DataType::Int16, values })
    };
    let with = |dtype, fill, attrs: Vec<(String, AttrValue)>| ArraySpec {
        attrs: attrs.into_iter().collect(),
        ..spec(dtype, fill, &[])
    };
    let plain = spec(DataType::Float32, None, &[]);
    let zero = spec(DataType::Float32, Some(Scalar::Float(0.0)), &[]);
    let least = spec(DataType::Float32, None, &[("valid_min", 0.1)]);
    let both = spec(DataType::Float32, Some(Scalar::Float(-9.0)), &[("valid_min", 0.0), ("valid_max", 5.0)]);
    let whole = spec(DataType::Int16, None, &[]);
    let filled = spec(DataType::Int16, Some(Scalar::Int(-1)), &[]);
    let range = with(DataType::UInt8, None, vec![integers("valid_range", &[0, 250])]);
    // 200 of the unsigned bytes that are meant
    let unsigned =
        vec![integers("valid_max", &[200]), ("_Unsigned".to_owned(), AttrValue::Text("true".into()))];
    let unsigned = with(DataType::Int8, Some(Scalar::Int(-1)), unsigned);
    // limits in floats are of decoded numbers
    let decoded = spec(DataType::Int16, None, &[("scale_factor", 0.5), ("valid_max", 10.0)]);
    let nobody = with(DataType::Int16, None, vec![integers("valid_range", &[9, 0])]);
    let pixels = spec(DataType::UInt16, None, &[]);
    let unwritten = ArraySpec { unwritten: Scalar::UInt(65_535), ..pixels.clone() };
    type Row<'a> = (&'a ArraySpec, Coarsening, &'a [f64], &'a [f64]);
    let rows: &[Row<'_>] = &[
        (&plain, Mean, &[default, 4.0, NAN, NAN, default, default], &[4.0, NAN, default]),
        (&zero, Mean, &[-1.0, 1.0, 0.0, 3.0, 0.0, 0.0], &[float(f64::from(f32::from_bits(1))), 3.0, 0.0]),
        (&zero, Mean, &[default, 2.0], &[float(9.969_209_968_386_869e36 / 2.0)]),
        (&least, Mean, &[float(0.1), 0.0, 0.0, -1.0], &[float(0.1), 0.0]),
        (&both, Mean, &[1.0, 6.0, -9.0, 5.0, 6.0, 7.0], &[1.0, 5.0, -9.0]),
        (&both, Max, &[1.0, 6.0], &[1.0]),
        (&whole, Min, &[-32_767.0, 4.0, -32_768.0, 4.0], &[4.0, -32_768.0]),
        (&filled, Mean, &[-32_767.0, -1.0, -32_767.0, -32_765.0], &[-32_767.0, -32_766.0]),
        (&range, Mean, &[10.0, 255.0, 255.0, 251.0, 2.0, 4.0], &[10.0, 255.0, 3.0]),
        (&unsigned, Mean, &[100.0, -100.0, -6.0, -7.0, 100.0, -56.0], &[-128.0, -1.0, -106.0]),
        (&decoded, Mean, &[20.0, 21.0, 18.0, 20.0], &[20.0, 19.0]),
        (&nobody, Mean, &[2.0, 4.0], &[3.0]),
        (&pixels, Max, &[65_535.0, 7.0], &[65_535.0]),
        (&unwritten, Max, &[65_535.0, 7.0], &[7.0]),
    ];
    for (spec, method, values, expected) in rows {
        let found = reduced(spec, *method, &[2], &[values.len() as u64], values);
        let same = found.len() == expected.len()
            && found.iter().zip(*expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
        assert!(same, "{method:?} of {values:?} {:?}: {found:?}, expected {expected:?}", spec.attrs);
    }
}

#[test]
fn packed_longitudes_are_not_averaged_over_the_wrap() {
    let packed = spec(DataType::Int16, Some(Scalar::Int(-32_768)), &[("scale_factor", 0.01)]);
    let range = spec(DataType::Int16, None, &[("scale_factor", 0.01), ("valid_min", -179.995)]);
    let from_zero = spec(DataType::UInt16, None, &[("scale_factor", 0.01)]);
    let short = spec(DataType::Int8, None, &[("scale_factor", 1.5)]);
    let fill = spec(DataType::Int16, Some(Scalar::Int(-18_000)), &[("scale_factor", 0.01)]);
    let float = spec(DataType::Float32, None, &[("scale_factor", 0.5)]);
    for (spec, values, expected) in [
        (&packed, [17_990.0, -17_990.0], -18_000.0),
        (&packed, [17_990.0, -17_970.0], -17_990.0),
        (&packed, [-32_768.0, -17_970.0], -17_970.0),
        (&packed, [100.0, -200.0], -50.0),
        // the same degrees where -180 is no valid one
        (&range, [17_990.0, -17_990.0], 18_000.0),
        (&from_zero, [35_990.0, 30.0], 10.0),
        (&short, [119.0, -119.0], -120.0),
        (&fill, [17_990.0, -17_990.0], -17_999.0),
        (&float, [359.0, -359.0], -360.0),
    ] {
        let scalar = |x: &f64| if spec.dtype.is_float() { Scalar::Float(*x) } else { Scalar::Int(*x as i64) };
        let block = Block::of_scalars(spec.dtype, vec![2], values.iter().map(scalar)).expect("they fit");
        let rule = Reduction::new(spec, Coarsening::Mean, vec![2], true).expect("a mean");
        let found = rule.reduce(&block).expect("reduced").to_f64().expect("numbers");
        assert_eq!(found, [expected], "{values:?} {:?}", spec.attrs);
    }
}
