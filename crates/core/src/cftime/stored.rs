//! Times as users want them stored: units, calendar and type of their choice, exactly or not at all.

use super::{TimeUnits, common_units};
use crate::block::{Block, scalar_to_le};
use crate::calendar::Calendar;
use crate::code::Code;
use crate::dtype::{DataType, Scalar};
use crate::error::{Error, Result};
use crate::recipe::TimeEncoding;

/// Encodes instants of `from` (its calendar, and its units where the encoding names none) as the encoding says. Gives
/// the units, the numbers along one dimension, and the number of missing times where there are any.
///
/// Every number, decoded, is its instant again. Where no type is named it is `int64`; `float64` where times are
/// missing or the units are too coarse for integers. Where no units are named, a unit that is fine enough is taken.
///
/// # Errors
/// `combine-time`, naming the first element, where it is no exact number of the units in the type;
/// `combine-calendar` where the calendar does not have its date; as [`TimeUnits::parse`]; `step-invalid` for types
/// that times are not stored in.
pub fn encode_as(
    instants: &[Option<i128>],
    from: &TimeUnits,
    encoding: &TimeEncoding,
) -> Result<(TimeUnits, Block, Option<Scalar>)> {
    use DataType::{Float32, Float64, Int32, Int64};
    if let Some(dtype) = encoding.dtype
        && ![Int64, Int32, Float64, Float32].contains(&dtype)
    {
        return Err(Error::new(Code::StepInvalid, format!("times are not stored as {dtype}"))
            .help("one of `int64`, `int32`, `float64`, `float32`"));
    }
    let calendar = encoding.calendar.unwrap_or(from.calendar);
    let instants = from.convert(instants, calendar)?;
    let units = units(&instants, from, calendar, encoding)?;
    let missing = instants.contains(&None);
    let wanted = match encoding.dtype {
        Some(dtype) => vec![dtype],
        // xarray decodes masked integers not in every calendar
        None if missing => vec![Float64, Int64],
        None => vec![Int64, Float64],
    };
    let mut refused = None;
    for dtype in wanted {
        match encode(&instants, &units, dtype) {
            Ok(block) => return Ok((units, block, missing.then(|| missing_value(dtype)))),
            Err(error) => refused.get_or_insert(error),
        };
    }
    Err(refused.unwrap_or_else(|| Error::new(Code::Bug, "a time has no type")))
}

fn units(
    instants: &[Option<i128>],
    from: &TimeUnits,
    calendar: Calendar,
    encoding: &TimeEncoding,
) -> Result<TimeUnits> {
    if let Some(text) = &encoding.units {
        let units = TimeUnits::parse(text, Some(calendar.name()))?;
        return units.unit_ns().map(|_| units);
    }
    let units = from.in_calendar(calendar)?;
    let exact = instants.iter().flatten().all(|&ns| units.encode(ns).is_some());
    if exact || encoding.dtype.is_some_and(DataType::is_float) {
        return Ok(units);
    }
    let found = common_units(&[(units, instants.to_vec())]).map_err(|unfit| unfit.error)?;
    Ok(found.unwrap_or(units))
}

fn encode(instants: &[Option<i128>], units: &TimeUnits, dtype: DataType) -> Result<Block> {
    let missing = missing_value(dtype);
    let mut bytes = Vec::with_capacity(instants.len().saturating_mul(8));
    for (item, instant) in instants.iter().enumerate() {
        let number = match instant {
            None => missing.clone(),
            Some(ns) => number(*ns, units, dtype).map_err(|why| {
                let date = units.date(*ns).map_or_else(|| format!("{ns} ns"), |date| date.to_string());
                Error::new(Code::CombineTime, format!("item {item}, {date}, {why}"))
                    .help("a finer unit, a nearer reference or a wider type in `time_encoding` holds it")
            })?,
        };
        if !scalar_to_le(dtype, &number, &mut bytes) {
            return Err(Error::new(Code::Bug, format!("{number} does not fit {dtype}")));
        }
    }
    Ok(Block::from_bytes(dtype, vec![instants.len() as u64], bytes))
}

/// What stands for missing times: NaN, or the smallest integer.
fn missing_value(dtype: DataType) -> Scalar {
    match dtype {
        DataType::Int32 => Scalar::Int(i64::from(i32::MIN)),
        DataType::Int64 => Scalar::Int(i64::MIN),
        _ => Scalar::Float(f64::NAN),
    }
}

fn number(ns: i128, units: &TimeUnits, dtype: DataType) -> Result<Scalar, String> {
    if dtype.is_float() {
        let single = dtype == DataType::Float32;
        return float(ns, units, single)
            .map(Scalar::Float)
            .ok_or_else(|| format!("is no exact {dtype} in `{units}`"));
    }
    let count = units.encode(ns).ok_or_else(|| match whole(ns, units) {
        Some(count) => format!("does not fit int64 as `{units}`: it is {count}"),
        None => format!("is no whole number in `{units}`"),
    })?;
    // the smallest integer is what stands for missing ones
    let fits = match dtype {
        DataType::Int32 => i32::try_from(count).is_ok_and(|count| count > i32::MIN),
        _ => count > i64::MIN,
    };
    if fits {
        Ok(Scalar::Int(count))
    } else {
        Err(format!("does not fit {dtype} as `{units}`: it is {count}"))
    }
}

/// The count, of any size, where it is whole.
fn whole(ns: i128, units: &TimeUnits) -> Option<i128> {
    let unit = units.unit.ns(units.calendar)?;
    let since = ns.checked_sub(units.reference_ns())?;
    (since.rem_euclid(unit) == 0).then(|| since.div_euclid(unit))
}

/// The floating-point number that is decoded to this instant.
fn float(ns: i128, units: &TimeUnits, single: bool) -> Option<f64> {
    let unit = units.unit.ns(units.calendar)?;
    let since = ns.checked_sub(units.reference_ns())?;
    let near = since.div_euclid(unit) as f64 + since.rem_euclid(unit) as f64 / unit as f64;
    let candidates =
        if single { [f64::from(near as f32); 3] } else { [near, near.next_up(), near.next_down()] };
    let decodes = |x: &f64| units.decode_one(&Scalar::Float(*x)).is_ok_and(|found| found == Some(ns));
    candidates.into_iter().find(decodes)
}
