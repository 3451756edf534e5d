use super::*;

/// Units of the variables of the tests; `x` has none.
const VARIABLES: &[(&str, &str)] = &[
    ("t", "K"),
    ("c", "degC"),
    ("u", "m s-1"),
    ("v", "m s-1"),
    ("z", "m"),
    ("km", "km"),
    ("p", "Pa"),
    ("hpa", "hPa"),
    ("lat", "degrees_north"),
    ("rad", "radian"),
    ("one", "1"),
    ("s", "s"),
    ("dbz", "dBZ"),
    ("f", "degF"),
];

fn of(name: &str) -> Option<Unit> {
    VARIABLES.iter().find(|(known, _)| *known == name).map(|(_, text)| Unit::parse(text).unwrap())
}

fn same(a: &Unit, b: &Unit) -> bool {
    a.conversion_to(b).is_some_and(|c| c.is_identity())
}

/// The expression, the units of the result; "" where they can't be known.
const RESULTS: &[(&str, &str)] = &[
    ("u", "m s-1"),
    ("x", ""),
    ("2", ""),
    ("hypot(u, v)", "m s-1"),
    ("t - 273.15", "K"),
    ("273.15 - t", "K"),
    ("c + 1", "degC"),
    ("c - 1", "degC"),
    ("c - c", "K"),
    ("(c + c) / 2", "degC"),
    ("0.5 * c", "degC"),
    ("f - f", "0.555555555555555555 K"),
    ("dbz + 3", "dBZ"),
    ("t + x", ""),
    ("x * t", ""),
    ("-t", "K"),
    ("u * s", "m"),
    ("z / s", "m s-1"),
    ("1 / s", "s-1"),
    ("z * 1000", "m"),
    ("z / z", "1"),
    ("p // hpa", "0.01"),
    ("lat % 360", "degree"),
    ("z ** 2", "m2"),
    ("z ** -1", "m-1"),
    ("z ** (1 + 1)", "m2"),
    ("(z * z) ** 0.5", "m"),
    ("(z ** 3) ** (1 / 3)", "m"),
    ("(z ** 2) ** (3 / 2)", "m3"),
    ("sqrt(u ** 2 + v ** 2)", "m s-1"),
    ("one ** x", "1"),
    ("2 ** one", "1"),
    ("abs(c)", "degC"),
    ("round(z)", "m"),
    ("sign(z)", "1"),
    ("min(u, v, 3)", "m s-1"),
    ("clip(t, 200, 300)", "K"),
    ("where(z > 10, u, missing)", "m s-1"),
    ("where(z > 10, u, x)", ""),
    ("where(z > 10, 1, 0)", ""),
    ("coalesce(u, v, 0)", "m s-1"),
    ("t > 273.15", "1"),
    ("t > 273.15 and u < v", "1"),
    ("not z", "1"),
    ("is_missing(t)", "1"),
    ("is_missing(x)", "1"),
    ("exp(p / p)", "1"),
    ("log(2)", ""),
    ("log(p / 1000) * 2", "error"),
    ("sin(rad)", "1"),
    ("sin(one)", "1"),
    ("sin(x)", "1"),
    ("sin(radians(lat)) * u", "m s-1"),
    ("radians(lat)", "radian"),
    ("radians(x)", "radian"),
    ("degrees(atan2(u, v))", "degree"),
    ("270 - degrees(atan2(v, u))", "degree"),
    ("asin(one)", "radian"),
    ("convert(t, 'degC')", "degC"),
    ("convert(c, 'K') * one", "K"),
    ("z + convert(km, 'm')", "m"),
    ("convert(p, \"hPa\") - hpa", "hPa"),
    ("u * sin(0.5) + v", "m s-1"),
    ("t - sin(0.5)", "K"),
];

#[test]
fn units_of_results() {
    for (text, expected) in RESULTS {
        let found = match parse(text).units(&of) {
            Ok(found) => found,
            Err(fault) => {
                assert_eq!(*expected, "error", "{text}: {fault}");
                continue;
            }
        };
        match &found {
            None => assert_eq!(*expected, "", "{text}"),
            Some(unit) => {
                assert!(!expected.is_empty(), "{text}: {unit}");
                assert!(same(unit, &Unit::parse(expected).unwrap()), "{text}: {unit}, expected {expected}");
            }
        }
    }
}

/// The expression, the text that the span covers, the message with its help.
#[test]
fn clashes() {
    let rows = [
        (
            "t + c",
            "t + c",
            "`t` is in `K` and `c` in `degC`: `+` needs the same units (write `convert(c, 'K')`)",
        ),
        ("2 * (z - km)", "z - km", "write `convert(km, 'm')`"),
        ("z + s", "z + s", "`s` can't be converted to `m`"),
        ("p < hpa", "p < hpa", "`<` needs the same units"),
        ("hypot(u, z)", "hypot(u, z)", "`hypot` needs the same units"),
        ("min(u, 1, z)", "min(u, 1, z)", "`min` needs the same units"),
        ("where(s, u, z)", "where(s, u, z)", "`where` needs the same units"),
        ("clip(t, c, 3)", "clip(t, c, 3)", "`clip` needs the same units"),
        ("coalesce(p, hpa)", "coalesce(p, hpa)", "`coalesce` needs the same units"),
        ("atan2(u, z)", "atan2(u, z)", "`atan2` needs the same units"),
        ("p % hpa", "p % hpa", "`%` needs the same units"),
        ("c * z", "c * z", "whose zero is arbitrary: `*` has no meaning (write `convert(c, 'K')`)"),
        ("c + t", "c + t", "(write `convert(c, 'K')`)"),
        ("c + (c - c)", "c + (c - c)", "(write `convert(c, 'K')`)"),
        ("c - f", "c - f", "(write `convert(f, 'degC')`)"),
        ("1 / c", "1 / c", "whose zero is arbitrary"),
        ("sqrt(c)", "sqrt(c)", "whose zero is arbitrary: `sqrt`"),
        ("dbz * z", "dbz * z", "is not a unit"),
        ("dbz + z", "dbz + z", "can't be converted"),
        ("z / c", "z / c", "whose zero is arbitrary"),
        ("c ** 2", "c ** 2", "whose zero is arbitrary"),
        ("exp(-(t))", "exp(-(t))", "`-(t)` is in `K`"),
        ("(u + 1) + -z", "(u + 1) + -z", "`u + 1` is in `m s-1` and `-z` in `m`"),
        ("exp(t)", "exp(t)", "`t` is in `K`: `exp` takes numbers without units (divide"),
        ("log(p)", "log(p)", "divide by a value in the same units first"),
        ("sin(lat)", "sin(lat)", "takes radians (write `sin(radians(lat))`)"),
        ("sin(t)", "sin(t)", "takes radians"),
        ("asin(t)", "asin(t)", "takes numbers without units"),
        ("radians(rad)", "radians(rad)", "takes degrees"),
        ("degrees(lat)", "degrees(lat)", "takes radians"),
        ("sqrt(z)", "sqrt(z)", "`m` to the power of 0.5 is not a unit"),
        ("z ** 0.123456", "z ** 0.123456", "is not a unit"),
        ("km ** 1000", "km ** 1000", "is not a unit"),
        ("z ** one", "z ** one", "needs a constant exponent"),
        ("2 ** z", "2 ** z", "the exponent is in `m`"),
        ("convert(z, 's')", "convert(z, 's')", "`z` is in `m`, which can't be converted to `s`"),
        ("convert(2, 'K')", "convert(2, 'K')", "a number without units"),
        ("convert(x, 'K')", "convert(x, 'K')", "has no units to convert from"),
        (
            "`t` + `c`",
            "`t` + `c`",
            "`t` is in `K` and `c` in `degC`: `+` needs the same units (write `convert(`c`, 'K')`)",
        ),
    ];
    for (text, covered, message) in rows {
        let fault = parse(text).units(&of).expect_err(text);
        assert!(fault.to_string().contains(message), "{text}: {fault}");
        assert_eq!(text.get(fault.span.clone()), Some(covered), "{text}: {fault}");
    }
}

/// The expression, the value of `t`, `c` or `km`, the result.
#[test]
fn conversions() {
    let rows = [
        ("convert(t, 'degC')", 300.0, 26.85),
        ("convert(c, 'K') - 273.15", 26.85, 26.85),
        ("convert(convert(km, 'm') + 1, 'km') * 2", 2.0, 4.002),
        ("convert(t, 'K')", 300.0, 300.0),
    ];
    for (text, value, expected) in rows {
        let program = parse(text).compile(&of).unwrap();
        let values = vec![value; 1500];
        let found = program.evaluate(1500, &|_| Some(Operand::Slice(&values))).unwrap();
        assert!(found.iter().all(|found| (found - expected).abs() < 1e-9), "{text}: {}", found[0]);
    }
}
