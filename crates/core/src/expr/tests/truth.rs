//! Values of numpy, precedence of Python: `tests/oracle/expr_cases.py` wrote them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::*;

const CASES: &str = include_str!("../../../tests/oracle/expr_cases.jsonl");

/// Functions that numpy and the C library compute to the last bits in their own ways.
const INEXACT: &[&str] = &[
    "exp", "log", "sin", "cos", "tan", "asin", "acos", "atan", "hypot", "radians", "degrees", "**", "sinh",
    "cosh",
];
const ULPS_MAX: u64 = 4;

fn number(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().unwrap(),
        other => other.as_f64().unwrap(),
    }
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn ulps(a: f64, b: f64) -> u64 {
    let place = |x: f64| {
        let bits = x.to_bits() as i64;
        if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
    };
    place(a).abs_diff(place(b))
}

#[test]
fn values_are_those_of_numpy() {
    let mut lines = CASES.lines();
    let inputs: BTreeMap<String, Value> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let inputs: BTreeMap<String, Vec<f64>> = inputs.iter().map(|(n, v)| (n.clone(), numbers(v))).collect();
    let len = inputs["a"].len();
    let (mut texts, mut wrong) = (Vec::new(), Vec::new());
    for line in lines {
        let (text, values): (String, Value) = serde_json::from_str(line).unwrap();
        let mut expected = numbers(&values);
        expected.resize(len, expected[0]);
        let value = |name: &str| inputs.get(name).map(|values| Operand::Slice(values));
        let found = parse(&text).evaluate(len, &value).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let most = if INEXACT.iter().any(|name| text.contains(name)) { ULPS_MAX } else { 0 };
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let alike = found.is_nan() && expected.is_nan() || found == expected && *found == 0.0;
            if !alike && ulps(*found, *expected) > most {
                wrong.push(format!("{text} [{index}]: {found:?}, numpy has {expected:?}"));
            }
        }
        texts.push(text);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(texts.len() > 250, "{}", texts.len());
    for function in FUNCTIONS.iter().filter(|function| function.name != "convert") {
        assert!(texts.iter().any(|text| text.contains(&format!("{}(", function.name))), "{}", function.name);
    }
}

/// One element at a time, as a scalar and as a constant, gives what slices give.
#[test]
fn scalars_and_constants_are_as_slices() {
    let mut lines = CASES.lines();
    let inputs: BTreeMap<String, Value> = serde_json::from_str(lines.next().unwrap()).unwrap();
    for line in lines {
        let (text, _): (String, Value) = serde_json::from_str(line).unwrap();
        let program = parse(&text).compile(&|_| None).unwrap();
        for index in [0, 3, 4, 7, 11, 13] {
            let at = |name: &str| number(&inputs[name].as_array().unwrap()[index]);
            let one = |name: &str| [at(name)];
            let (a, b, c) = (one("a"), one("b"), one("c"));
            let slices = |name: &str| {
                Some(Operand::Slice(match name {
                    "a" => &a,
                    "b" => &b,
                    _ => &c,
                }))
            };
            let slice = program.evaluate(1, &slices).unwrap();
            let scalar = program.evaluate(1, &|name| Some(Operand::Scalar(at(name)))).unwrap();
            assert_eq!(slice[0].to_bits() << 1, scalar[0].to_bits() << 1, "{text} [{index}]");
        }
    }
}
