mod faults;
mod truth;
mod units;

use super::*;

fn parse(text: &str) -> Expr {
    Expr::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

#[test]
fn names_in_order_of_first_use() {
    let rows: &[(&str, &[&str])] = &[
        ("hypot(u, v)", &["u", "v"]),
        ("v + u * v", &["v", "u"]),
        ("`group/u-wind` + `sign` + pi", &["group/u-wind", "sign"]),
        ("convert(t2m, 'degC') * e", &["t2m", "e"]),
        ("1 + missing", &[]),
    ];
    for (text, names) in rows {
        let expr = parse(text);
        assert_eq!(expr.names(), *names, "{text}");
        assert_eq!(expr.compile(&|_| Some(Unit::parse("K").unwrap())).map_or(*names, |_| names), *names);
        assert_eq!(expr.to_string(), *text);
        let json = serde_json::to_string(&expr).unwrap();
        assert_eq!(json, format!("{text:?}"));
        assert_eq!(serde_json::from_str::<Expr>(&json).unwrap(), expr);
    }
    assert!(serde_json::from_str::<Expr>("\"1 +\"").unwrap_err().to_string().contains("missing at the end"));
    assert_eq!(parse("1 + bb").span_of("bb"), Some(4..6));
}

/// More elements than one run, with slices, scalars and values in between.
#[test]
fn long_slices() {
    let a: Vec<f64> = (0..5000).map(f64::from).collect();
    let expr = parse("where(a % 2 == 0, (a + s) * (a - s), max(a, b) // 2) + 0 * (a - (b - (a - (b - a))))");
    let b: Vec<f64> = a.iter().map(|x| 2500.0 - x).collect();
    for len in [0, 1, 1023, 1024, 1025, 5000] {
        let value = |name: &str| match name {
            "a" => Some(Operand::Slice(&a[..len])),
            "b" => Some(Operand::Slice(&b[..len])),
            "s" => Some(Operand::Scalar(3.0)),
            _ => None,
        };
        let expected: Vec<f64> = (0..len)
            .map(|i| if i % 2 == 0 { a[i] * a[i] - 9.0 } else { (a[i].max(b[i]) / 2.0).floor() })
            .collect();
        assert_eq!(expr.evaluate(len, &value).unwrap(), expected, "{len}");
    }
}

#[test]
fn every_function_is_documented_once() {
    let page = reference();
    for function in FUNCTIONS {
        assert_eq!(FUNCTIONS.iter().filter(|other| other.name == function.name).count(), 1);
        assert_eq!(FUNCTIONS.iter().filter(|other| other.op == function.op).count(), 1);
        assert_eq!(page.matches(&format!("\n| `{}(", function.name)).count(), 1);
        assert!(!function.units().is_empty() && !function.meaning.contains('|'));
        assert_eq!(function.op.symbol(), function.name);
    }
}

#[test]
fn mutated_expressions_never_panic() {
    let seeds = [
        "where(hypot(u, v) > 1.5e3 and not is_missing(u), u ** -2 // 3, `a/b` % 360)",
        "convert(t2m, 'degC') + clip(a, 0, 1) != min(a, b, c) or atan2(v, u) <= -pi",
        "((1 + 2) * -(3 - x)) ** 2 ** missing",
    ];
    let values = [1.5, f64::NAN, -0.0];
    let metre = Unit::parse("m").unwrap();
    crate::cursor::mutations(&seeds, 30_000, |text| match Expr::parse(text) {
        Ok(expr) => {
            let value =
                |name: &str| Some(if name == "u" { Operand::Scalar(2.0) } else { Operand::Slice(&values) });
            let _ = expr.evaluate(3, &value);
            let _ = expr.units(&|name| (name != "u").then_some(metre));
        }
        Err(fault) => assert!(text.get(fault.span.clone()).is_some(), "{text}: {fault} {:?}", fault.span),
    });
}
