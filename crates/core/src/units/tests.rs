use super::definitions::DEFINITIONS;
use super::*;

/// What UDUNITS 2.2.28 makes of names, of the canonical units of CF's standard names, of what files have, of the
/// corners of its language, and of mutations of them. Written by `tests/oracle/units_reference.py`, which says how.
const REFERENCE: &str = include_str!("../../tests/oracle/units_reference.tsv");
const VALUES: [f64; 3] = [0.5, -3.25, 288.0];

fn reference(kind: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let rows = REFERENCE.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    rows.filter(move |row| row[0] == kind)
}

fn unit(text: &str) -> Unit {
    Unit::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Within 1e-12, of the offset where that cancels.
fn assert_converts(conversion: &Conversion, expected: &str, place: &str) {
    let offset = if let Conversion::Linear(line) = conversion { line.offset.abs() } else { 0.0 };
    for (x, expected) in VALUES.iter().zip(expected.split(' ')) {
        let (found, expected) = (conversion.apply(*x), expected.parse::<f64>().unwrap());
        let close = (found - expected).abs() <= 1e-12 * expected.abs().max(offset);
        assert!(
            close || found == expected || (found.is_nan() && expected.is_nan()),
            "{place}: {x} is {found}, expected {expected}"
        );
    }
}

#[test]
fn units_are_those_of_udunits() {
    let rows = reference("unit").inspect(|row| {
        let (found, base) = (unit(row[1]), unit(row[2]));
        let conversion = found.conversion_to(&base).unwrap_or_else(|| panic!("{row:?}: found {found}"));
        assert_converts(&conversion, row[3], row[1]);
    });
    assert!(rows.count() > 900);
}

#[test]
fn what_udunits_refuses_is_refused() {
    let rows = reference("not").inspect(|row| match Unit::parse(row[1]) {
        Ok(unit) => panic!("{row:?} is {unit}"),
        Err(error) => assert!(error.is_time_reference() || row[2] != "time", "{row:?}: {error}"),
    });
    assert!(rows.count() > 300);
}

#[test]
fn conversions_are_those_of_udunits_but_for_reciprocals() {
    let rows = reference("pair").inspect(|row| {
        let (a, b) = (unit(row[1]), unit(row[2]));
        assert_eq!(a.is_convertible_to(&b), row[3] == "yes", "{row:?}");
        assert_eq!(a.conversion_to(&b).is_some(), row[3] == "yes", "{row:?}");
        let Some(conversion) = a.conversion_to(&b) else { return };
        assert_converts(&conversion, row[4], &format!("{} to {}", row[1], row[2]));
        let text = serde_json::to_string(&conversion).unwrap();
        assert_eq!(serde_json::from_str::<Conversion>(&text).unwrap(), conversion, "{text}");
    });
    assert!(rows.count() > 250);
}

#[test]
fn every_definition_is_a_unit() {
    let names: usize =
        DEFINITIONS.iter().map(|(_, names, _)| names.split(' ').filter(|n| !n.is_empty()).count()).sum();
    let symbols: usize = DEFINITIONS.iter().map(|(_, _, symbols)| symbols.split_whitespace().count()).sum();
    assert_eq!((DEFINITIONS.len(), known::counts()), (276, (names, symbols)));
}

#[test]
fn the_text_of_a_unit_is_the_unit() {
    for row in reference("unit") {
        let found = unit(row[1]);
        assert_eq!(unit(&found.to_string()), found, "{:?} is {found}", row[1]);
    }
    // a name's last character is never a digit: `astronomical_unit_BIPM_2006` is out of reach, in UDUNITS too
    for name in known::all().filter(|name| !name.ends_with(|c: char| c.is_ascii_digit())) {
        let found = unit(name);
        assert_eq!(unit(&found.to_string()), found, "{name:?} is {found}");
    }
    #[rustfmt::skip]
    let rows = [
        ("", "1"), ("m.s^-1", "m s-1"), ("kg/m^2/s", "kg m-2 s-1"), ("celsius", "degC"), ("degrees_K", "K"),
        ("fahrenheit", "degF"), ("percent", "%"), ("degrees_east", "degree"), ("millibar", "hPa"), ("joule", "J"),
        ("W/m^2", "W m-2"), ("1/s", "s-1"), ("J/kg", "m2 s-2"), ("1e-9", "1e-9"), ("g kg-1", "0.001"),
        ("mm6 m-3", "1e-18 m3"), ("10 dBm", "lg(re 0.001 m2 kg s-3)"), ("lb(re 1)", "lb(re 1)"), ("ln(re Pa)", "ln(re kg m-1 s-2)"),
        ("K @ 5", "K @ 5"), ("µg m⁻³", "ug m-3"), ("-1 rad", "-1 rad"), ("hours", "h"), ("mdegC", "0.001 K @ 273150"),
        ("dBm @ 5", "0.1 lg(re 0.001 m2 kg s-3) @ 5"),
    ];
    for (text, expected) in rows {
        assert_eq!(unit(text).to_string(), expected, "{text}");
        assert_eq!(unit(expected), unit(text), "{text}");
    }
}

#[test]
fn errors_say_what_and_where() {
    use UnitErrorKind::{Limit, Meaningless, Syntax, TimeReference, Unknown};
    let deep = "(".repeat(DEPTH_MAX + 1) + "m";
    let long = "m ".repeat(LENGTH_MAX / 2) + "s";
    #[rustfmt::skip]
    let rows = [
        ("psu", Unknown, 0, "unknown unit `psu`"),
        ("kg degrees_celcius", Unknown, 3, "unknown unit `degrees_celcius`, did you mean `degrees_Celsius`?"),
        ("  kevin", Unknown, 2, "unknown unit `kevin`, did you mean `kelvin`?"),
        ("hpa", Unknown, 0, "unknown unit `hpa`, did you mean `hPa`?"),
        ("KM", Unknown, 0, "unknown unit `KM`, did you mean `km`?"),
        ("days since 2000-01-01", TimeReference, 4, "a time since a reference is a coordinate, expected a unit of data (at byte 4)"),
        ("days since Jan 1, 2000", TimeReference, 4, "a time since a reference is a coordinate, expected a unit of data (at byte 4)"),
        ("m * s", Syntax, 2, "expected a name, a number or a parenthesis (at byte 2)"),
        ("(m", Syntax, 2, "expected `)` (at byte 2)"),
        ("m)", Syntax, 1, "found more behind the end of the unit (at byte 1)"),
        ("kg, m", Syntax, 2, "unexpected ',' in a unit (at byte 2)"),
        ("m^1.5", Syntax, 1, "found a power with a fraction, expected a whole one (at byte 1)"),
        ("K @ m", Syntax, 4, "unexpected 'm' in a unit (at byte 4)"),
        ("K @", Syntax, 3, "expected the number at which the unit has its zero (at byte 3)"),
        ("dBZ m", Meaningless, 3, "a level can only be multiplied by a number (at byte 3)"),
        ("lg(re degC)", Meaningless, 0, "a logarithm's reference is a quantity with its zero at zero (at byte 0)"),
        ("lg(re dBm)", Meaningless, 0, "a logarithm's reference is a quantity with its zero at zero (at byte 0)"),
        ("m256", Limit, 1, "a power beyond 255, or a scale beyond doubles (at byte 1)"),
        ("m200 m200", Limit, 4, "a power beyond 255, or a scale beyond doubles (at byte 4)"),
        ("1e308 1e308", Limit, 5, "a power beyond 255, or a scale beyond doubles (at byte 5)"),
        ("0 m", Limit, 0, "a scale or offset of zero or beyond doubles (at byte 0)"),
        ("2 1e400 m", Limit, 2, "the number `1e400` is beyond doubles (at byte 2)"),
        (deep.as_str(), Limit, 32, "parentheses are deeper than 32 (at byte 32)"),
        (long.as_str(), Limit, 0, "a unit of 513 bytes, expected at most 512 (at byte 0)"),
    ];
    for (text, kind, offset, message) in rows {
        let error = Unit::parse(text).unwrap_err();
        assert_eq!(
            (error.kind(), error.offset(), error.to_string().as_str()),
            (kind, offset, message),
            "{text:?}"
        );
    }
}

#[test]
fn what_is_read_other_than_by_udunits() {
    assert_eq!(unit("m s⁻¹"), unit("m s-1"));
    assert_eq!(unit("m·s⁻¹"), unit("m/s"));
    for (a, b) in [("s", "Hz"), ("m2 kg-1", "kg m-2"), ("K", "K-1")] {
        assert!(!unit(a).is_convertible_to(&unit(b)), "{a} {b}");
    }
}

#[test]
fn conversions_are_data() {
    #[rustfmt::skip]
    let rows = [
        ("degC", "K", Conversion::Linear(Linear { scale: 1.0, offset: 273.15 })),
        ("K", "degC", Conversion::Linear(Linear { scale: 1.0, offset: -273.15 })),
        ("hPa", "Pa", Conversion::Linear(Linear { scale: 100.0, offset: 0.0 })),
        ("mm", "m", Conversion::Linear(Linear { scale: 0.001, offset: 0.0 })),
        ("m/s", "m s-1", Conversion::IDENTITY), ("degrees_celsius", "degC", Conversion::IDENTITY),
        ("0.1 cm", "mm", Conversion::IDENTITY), ("dBm", "0.1 lg(re 1 mW)", Conversion::IDENTITY),
        ("dBm", "dBW", Conversion::Linear(Linear { scale: 1.0, offset: -30.0 })),
        ("degree", "degrees_north", Conversion::IDENTITY), ("rad", "1", Conversion::IDENTITY),
    ];
    for (a, b, expected) in rows {
        let conversion = unit(a).conversion_to(&unit(b)).unwrap();
        assert_eq!(conversion, expected, "{a} to {b}");
        assert_eq!(conversion.is_identity(), expected == Conversion::IDENTITY, "{a} to {b}");
    }
    for (a, b) in [("degC", "degF"), ("dBZ", "mm6 m-3"), ("mW", "dBW"), ("ln(re 2 W)", "dBm"), ("km", "ft")] {
        let there = unit(a).conversion_to(&unit(b)).unwrap();
        for x in [0.25, 17.0, 40.0] {
            for back in [there.inverse(), unit(b).conversion_to(&unit(a)).unwrap()] {
                assert!((back.apply(there.apply(x)) - x).abs() < 1e-12 * 40.0, "{a} {b} {x}");
            }
        }
    }
    let level = unit("W").conversion_to(&unit("dBW")).unwrap();
    assert!(
        level.apply(-1.0).is_nan() && level.apply(f64::NAN).is_nan() && level.apply(0.0) == f64::NEG_INFINITY
    );
    let text = r#"{"linear":{"scale":100.0,"offset":0.0}}"#;
    assert_eq!(serde_json::to_string(&unit("hPa").conversion_to(&unit("Pa"))).unwrap(), text);
}

#[test]
fn arithmetic() {
    let (m, s, celsius, level) = (unit("m"), unit("s"), unit("degC"), unit("dBZ"));
    assert_eq!(m.div(&s), Some(unit("m s-1")));
    assert_eq!(celsius.mul(&m), Some(unit("K m")));
    assert_eq!(
        (celsius.powi(1), celsius.powi(2), celsius.powi(0)),
        (Some(celsius), Some(unit("K2")), Some(unit("1")))
    );
    assert_eq!((m.powi(255).and_then(|u| u.powi(255)), m.powi(256)), (None, None));
    assert_eq!(
        (unit("m2 s-2").root(2), unit("km2").root(2), m.root(2)),
        (Some(unit("m/s")), Some(unit("km")), None)
    );
    assert_eq!(
        (unit("m2").powf(1.5), m.powf(0.5), m.powf(f64::NAN), m.root(0)),
        (Some(unit("m3")), None, None, None)
    );
    assert_eq!((unit("-1 m2").root(2), unit("m3").root(3)), (None, Some(m)));
    assert_eq!((level.mul(&m), level.mul(&level), level.powi(2), level.powf(2.0)), (None, None, None, None));
    assert_eq!((level.mul(&unit("10")), unit("10").mul(&level)), (Some(unit("BZ")), Some(unit("BZ"))));
    assert_eq!(m.div(&m), Some(Unit::dimensionless()));
    for (text, expected) in
        [("1", true), ("%", true), ("rad", true), ("m/km", true), ("lb(re 1)", false), ("m", false)]
    {
        assert_eq!(unit(text).is_dimensionless(), expected, "{text}");
    }
    assert!(m.same_quantity(&unit("ft")) && !m.same_quantity(&s) && !level.same_quantity(&unit("m3")));
}

#[test]
fn no_text_is_too_much() {
    let written = reference("unit").chain(reference("not")).map(|row| row[1]).collect::<Vec<_>>();
    let mut units = 0;
    crate::cursor::mutations(&written, 50_000, |text| {
        let Ok(found) = Unit::parse(text) else { return };
        units += 1;
        assert_eq!(unit(&found.to_string()), found, "{text:?} is {found}");
    });
    assert!(units > 5_000, "{units}");
    for part in [
        "(", "m ", "lg(re ", "2", "9", "^2", "²", "m(", "%", "kilo", "@ 5", " ", ".", "-", "1e9 ", "\u{a0}",
        "é", "/m",
    ] {
        for count in [10, LENGTH_MAX / part.len(), 100_000] {
            let _ = Unit::parse(&part.repeat(count)).map_err(|error| error.to_string());
        }
    }
}
