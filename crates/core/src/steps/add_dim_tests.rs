use super::*;

/// Date, its calendar, attributes of the step, number.
type Row<'a> = (&'a str, Calendar, &'a [(&'a str, &'a str)], Scalar);

/// The number, units and calendar of a date where the step names these attributes.
fn count(date: &str, calendar: Calendar, attrs: &[(&str, &str)]) -> Result<(Scalar, String, String)> {
    let attrs = attrs.iter().map(|(name, text)| ((*name).to_owned(), AttrValue::Text((*text).to_owned())));
    let value = DimValue::Key("time".to_owned());
    let add = AddDim { dim: "time".to_owned(), value, variables: Vec::new(), attrs: attrs.collect() };
    let (_, value, attrs) = dated(&add, DateTime::parse(date, calendar).unwrap(), calendar)?;
    let text = |name: &str| attrs.text(name).unwrap_or_default().to_owned();
    Ok((value, text("units"), text("calendar")))
}

#[test]
fn dates_are_counted_in_the_units_that_the_step_names() {
    use Calendar::{Day360, Standard};
    let (since_2002, since_2004) = (("units", "days since 2002-01-01"), ("units", "days since 2004-01-01"));
    // what cftime's date2num gives
    let rows: [Row<'_>; 8] = [
        ("2002-07-04", Standard, &[], Scalar::Int(11_872)),
        ("2002-07-04T06:00", Standard, &[], Scalar::Int(1_025_762_400)),
        ("2002-07-04", Standard, &[since_2002], Scalar::Int(184)),
        ("2002-07-04T06:00", Standard, &[since_2002], Scalar::Float(184.25)),
        ("2002-07-04T06:00", Standard, &[("units", "hours since 2002-07-04")], Scalar::Int(6)),
        ("2002-07-04", Day360, &[since_2002], Scalar::Int(183)),
        ("2002-07-04", Standard, &[("calendar", "noleap")], Scalar::Int(11_864)),
        ("2004-07-04", Standard, &[since_2004, ("calendar", "noleap")], Scalar::Int(184)),
    ];
    for (date, calendar, attrs, expected) in rows {
        let own = |name: &str| attrs.iter().find(|(key, _)| *key == name).map(|(_, text)| *text);
        let (value, units, named) = count(date, calendar, attrs).unwrap();
        assert_eq!(value, expected, "{date} {attrs:?}");
        assert!(own("units").is_none_or(|own| own == units) && units.contains(" since "), "{date} {attrs:?}");
        assert_eq!(named, own("calendar").unwrap_or(calendar.name()), "{date} {attrs:?}");
    }
}

#[test]
fn units_that_can_not_count_a_date_are_refused() {
    let rows: [&[(&str, &str)]; 4] = [
        &[("units", "m")],
        &[("units", "months since 2004-01-01")],
        &[("units", "days since 2004-01-01"), ("calendar", "noleap")], // which has no such day
        &[("calendar", "lunar")],
    ];
    for attrs in rows {
        assert!(count("2004-02-29", Calendar::Standard, attrs).is_err(), "{attrs:?}");
    }
}
