//! Steps about times: `time_from` and `time_encoding`.

use std::collections::BTreeMap;

use arcoforge_core::calendar::Calendar;
use arcoforge_core::cftime::TimeUnits;
use arcoforge_core::dtype::DataType;
use arcoforge_core::recipe::{TimeEncoding, TimeFrom};
use schemars::json_schema;

use crate::node::{Node, shorten};
use crate::read::{Cx, Read, Text, inline_schemas, schema_as, written};
use crate::values::{Flag, TypeName, calendar_of};

/// Types that times are stored as.
const TIME_TYPES: [DataType; 4] = [DataType::Int64, DataType::Int32, DataType::Float64, DataType::Float32];

/// The value of `time_from`: one time, and the variables of its parts.
#[derive(Debug, Clone)]
pub(crate) struct TimeFromEntry(pub(crate) TimeFrom);

written! {
    /// The variables that hold the parts of a time.
    #[schemars(rename = "TimeFrom")]
    struct TimeFromMap {
        required {
            /// The variable of the years.
            year: Text,
        }
        optional {
            /// The variable of the months, 1 to 12.
            month: Text,
            /// The variable of the days of the month.
            day: Text,
            /// The variable of the days of the year, in place of `month` and `day`.
            day_of_year: Text,
            /// The variable of the hours.
            hour: Text,
            /// The variable of the minutes.
            minute: Text,
            /// The variable of the seconds.
            second: Text,
            /// The CF calendar. Default: `standard`.
            calendar: Text,
            /// Whether the parts stay as variables. Default: `false`.
            keep_parts: Flag,
        }
    }
}

written! {
    /// How a time is stored. What is absent stays as it was combined.
    #[schemars(rename = "TimeEncoding", extend("minProperties" = 1))]
    struct EncodingMap {
        required {}
        optional {
            /// As in CF: `days since 1970-01-01`.
            units: Text,
            /// The CF calendar.
            calendar: Text,
            /// `int64`, `int32`, `float64` or `float32`. Default: `int64` where that loses nothing, else `float64`.
            dtype: TypeName,
        }
    }
}

impl Read for TimeFromEntry {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let [(name, value)] = cx.map(node)? else {
            return cx.wrong_type(node, "exactly one time, as `{time: {year: YEAR, month: MONTH}}`");
        };
        let map = cx.within(&name.value, |cx| TimeFromMap::read(value, cx))?;
        let calendar = match &map.calendar {
            Some(name) => calendar_of(name, cx),
            None => Some(Calendar::Standard),
        };
        check_parts(&map, cx);
        let keep_parts = map.keep_parts.is_some_and(|flag| flag.value);
        let parts = BTreeMap::from([
            ("year", map.year),
            ("month", map.month),
            ("day", map.day),
            ("day_of_year", map.day_of_year),
            ("hour", map.hour),
            ("minute", map.minute),
            ("second", map.second),
        ]);
        let mut variables: BTreeMap<String, String> = BTreeMap::new();
        for (part, variable) in parts.into_iter().filter_map(|(part, v)| v.map(|v| (part, v))) {
            if let Some((other, _)) = variables.iter().find(|(_, known)| **known == variable.value) {
                let message = format!("`{}` is both `{other}` and `{part}`", shorten(&variable.value));
                cx.bad_value::<()>(&variable.span, message, None);
            }
            variables.insert(part.to_owned(), variable.value);
        }
        Some(Self(TimeFrom { name: name.value.clone(), parts: variables, calendar: calendar?, keep_parts }))
    }
}

/// Every part needs the greater ones.
fn check_parts(map: &TimeFromMap, cx: &mut Cx) {
    let day = map.day.as_ref().or(map.day_of_year.as_ref());
    if let (Some(of_year), Some(_)) = (&map.day_of_year, map.month.as_ref().or(map.day.as_ref())) {
        let message = "`day_of_year` stands in place of `month` and `day`".to_owned();
        cx.bad_value::<()>(&of_year.span, message, Some("give one or the other".into()));
    }
    let rows = [
        ("day", map.day.as_ref(), "month", map.month.as_ref()),
        ("hour", map.hour.as_ref(), "day", day),
        ("minute", map.minute.as_ref(), "hour", map.hour.as_ref()),
        ("second", map.second.as_ref(), "minute", map.minute.as_ref()),
    ];
    for (part, variable, greater, known) in rows {
        if let (Some(variable), None) = (variable, known) {
            let message = format!("`{part}` is given, and no `{greater}`");
            cx.bad_value::<()>(&variable.span, message, None);
        }
    }
}

/// How one time is stored.
#[derive(Debug, Clone)]
pub(crate) struct Encoding(pub(crate) TimeEncoding);

impl Read for Encoding {
    fn read(node: &Node, cx: &mut Cx) -> Option<Self> {
        let before = cx.diagnostics.len();
        let map = EncodingMap::read(node, cx)?;
        if map.units.is_none() && map.calendar.is_none() && map.dtype.is_none() {
            // an unknown key or a wrong value was reported
            if cx.diagnostics.len() == before {
                let help = "give one or more of `units`, `calendar` and `dtype`".to_owned();
                cx.bad_value::<()>(&node.span, format!("{} changes nothing", cx.place()), Some(help));
            }
            return None;
        }
        let calendar = map.calendar.as_ref().and_then(|name| calendar_of(name, cx));
        if let Some(units) = &map.units
            && let Err(error) = TimeUnits::parse(&units.value, calendar.map(Calendar::name))
        {
            cx.bad_value::<()>(&units.span, error.message, error.help);
        }
        if let Some(dtype) = map.dtype.as_ref().filter(|dtype| !TIME_TYPES.contains(&dtype.value)) {
            let message = format!("{}: times can't be stored as `{}`", cx.place(), dtype.value);
            let help = "one of `int64`, `int32`, `float64` and `float32`".to_owned();
            cx.bad_value::<()>(&dtype.span, message, Some(help));
        }
        let units = map.units.map(|units| units.value);
        Some(Self(TimeEncoding { units, calendar, dtype: map.dtype.map(|dtype| dtype.value) }))
    }
}

schema_as! {
    [] Encoding => EncodingMap;
}

inline_schemas! {
    TimeFromEntry => |generator| {
        let map = generator.subschema_for::<TimeFromMap>();
        json_schema!({ "type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": map })
    };
}
