//! Section 4.4: time coordinates.

use super::linter::Linter;
use crate::calendar::Calendar;
use crate::cftime::{TimeUnit, TimeUnits, is_time};
use crate::target::ArraySpec;

pub(super) fn lint(linter: &mut Linter<'_>, array: &ArraySpec) {
    let units = array.attrs.text("units");
    let is_bounds = linter.is_bounds(array);
    let calendar = linter.text("4.4.1", array, "calendar");
    let Some(units) = units.filter(|units| is_time(units)) else {
        if array.attrs.text("standard_name") == Some("time") && !is_bounds {
            let found = units.map_or("no `units`".to_owned(), |units| format!("`units` \"{units}\""));
            linter.must(
                "4.4",
                array,
                format!("a time with {found}, expected \"days since 1970-01-01\" or the like"),
            );
        }
        return;
    };
    let known = calendar.and_then(Calendar::parse);
    let own = array.attrs.get("month_lengths").is_some();
    if let (Some(name), None, false) = (calendar, known, own)
        && !["none", "utc", "tai"].contains(&name.to_lowercase().as_str())
    {
        let names: Vec<&str> = Calendar::ALL.iter().map(|calendar| calendar.name()).collect();
        linter.must(
            "4.4.1",
            array,
            format!("`calendar` is \"{name}\", expected one of {}", names.join(", ")),
        );
    }
    match TimeUnits::parse(units, known.map(Calendar::name)) {
        Err(error) => linter.must("4.4", array, error.message),
        Ok(time) if matches!(time.unit, TimeUnit::Months | TimeUnit::Years) => {
            let unit = time.unit.name();
            linter.should(
                "4.4",
                array,
                format!("its unit is {unit}, which UDUNITS takes for parts of a mean year"),
            );
        }
        Ok(_) => {}
    }
}
