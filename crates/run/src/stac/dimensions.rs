//! Extents of dimensions, by the values of their coordinate variables.

use arcoforge_core::block::Block;
use arcoforge_core::calendar::Calendar;
use arcoforge_core::cftime::{TimeUnits, is_time};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::horizontal::{Horizontal, horizontal_of};
use arcoforge_core::plan::{ArrayPlan, Filling, Plan};
use serde_json::{Value, json};

use super::Found;

/// What a dimension counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Longitude,
    Latitude,
    Time,
    Vertical,
    Other,
}

/// The extent of one dimension.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Extent {
    pub(super) axis: Axis,
    /// Smallest and largest coordinate, in its unit.
    pub(super) range: Option<(f64, f64)>,
    /// The same of times, in RFC 3339 where the calendar is one that STAC can tell.
    pub(super) times: Option<(String, String)>,
    unit: Option<String>,
    length: u64,
}

/// Of every dimension in the dataset's root, in the order of first use.
pub(super) fn extents(plan: &Plan) -> Found {
    let mut dims: Vec<(String, Extent)> = Vec::new();
    for array in &plan.arrays {
        for (dim, &length) in array.spec.dims.iter().zip(&array.spec.shape) {
            if dims.iter().any(|(known, _)| known == dim) {
                continue;
            }
            let coordinate =
                plan.arrays.iter().find(|other| other.spec.name == *dim && other.spec.dims.len() == 1);
            dims.push((dim.clone(), coordinate.map_or_else(|| bare(length), |array| extent(array, length))));
        }
    }
    Found { dims }
}

const fn bare(length: u64) -> Extent {
    Extent { axis: Axis::Other, range: None, times: None, unit: None, length }
}

fn extent(array: &ArrayPlan, length: u64) -> Extent {
    let spec = &array.spec;
    let unit = spec.attrs.text("units").map(str::to_owned);
    let block = match &array.content {
        Filling::Values(block) => Some(block.as_ref()),
        Filling::Pieces(_) | Filling::Coarser(_) => None,
    };
    if unit.as_deref().is_some_and(is_time) {
        let times = block.and_then(|block| times(array, block));
        return Extent { axis: Axis::Time, range: None, times, unit, length };
    }
    let standard = spec.attrs.text("standard_name").unwrap_or_default();
    let axis = match horizontal_of(&spec.name, &spec.attrs) {
        Some(Horizontal::Longitude) => Axis::Longitude,
        Some(Horizontal::Latitude) => Axis::Latitude,
        None if spec.attrs.text("axis") == Some("Z")
            || ["height", "depth", "altitude", "air_pressure"].contains(&standard) =>
        {
            Axis::Vertical
        }
        None if spec.attrs.text("positive").is_some() => Axis::Vertical,
        None => Axis::Other,
    };
    Extent { axis, range: block.and_then(|block| range(array, block)), times: None, unit, length }
}

/// Smallest and largest value that is not masked, unpacked.
fn range(array: &ArrayPlan, block: &Block) -> Option<(f64, f64)> {
    let (scale, offset) = array.spec.attrs.packing().unwrap_or((1.0, 0.0));
    let mask = array.spec.fill.as_ref().and_then(Scalar::as_f64);
    // one after the other: there may be very many
    let values = (0..block.len() as usize).filter_map(|at| block.scalar(at)?.as_f64());
    let values = values.filter(|v| v.is_finite() && Some(*v) != mask);
    values.map(|v| v * scale + offset).fold(None, |ends: Option<(f64, f64)>, v| {
        Some(ends.map_or((v, v), |(least, most)| (least.min(v), most.max(v))))
    })
}

fn times(array: &ArrayPlan, block: &Block) -> Option<(String, String)> {
    let units = TimeUnits::of(&array.spec.attrs).ok()?;
    // dates of other calendars are none of RFC 3339: the 30th of February
    if !matches!(units.calendar, Calendar::Standard | Calendar::ProlepticGregorian) {
        return None;
    }
    let masked = |value: &Scalar| array.spec.fill.as_ref().is_some_and(|fill| fill.same(value));
    let values = (0..block.len() as usize).filter_map(|at| block.scalar(at)).filter(|value| !masked(value));
    let instants = values.filter_map(|value| units.decode_one(&value).ok().flatten());
    let (first, last) = instants.fold(None, |ends: Option<(i128, i128)>, at| {
        Some(ends.map_or((at, at), |(first, last)| (first.min(at), last.max(at))))
    })?;
    Some((rfc3339(&units, first)?, rfc3339(&units, last)?))
}

fn rfc3339(units: &TimeUnits, instant: i128) -> Option<String> {
    let date = units.date(instant)?;
    (0..=9999).contains(&date.year).then(|| {
        format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            date.year, date.month, date.day, date.hour, date.minute, date.second
        )
    })
}

impl Extent {
    /// A dimension object of the datacube extension.
    pub(super) fn to_json(&self) -> Value {
        let (kind, axis) = match self.axis {
            Axis::Longitude => ("spatial", Some("x")),
            Axis::Latitude => ("spatial", Some("y")),
            Axis::Vertical => ("spatial", Some("z")),
            Axis::Time => ("temporal", None),
            Axis::Other => ("other", None),
        };
        let mut fields = json!({"type": kind});
        let Some(map) = fields.as_object_mut() else { return fields };
        if let Some(axis) = axis {
            map.insert("axis".into(), json!(axis));
        }
        match (&self.times, self.range) {
            (Some((first, last)), _) => {
                map.insert("extent".into(), json!([first, last]));
            }
            (None, Some((least, most))) => {
                map.insert("extent".into(), json!([least, most]));
            }
            // the extension asks for one of temporal dimensions; nulls are an open end
            (None, None) if self.axis == Axis::Time => {
                map.insert("extent".into(), json!([null, null]));
            }
            (None, None) => {
                map.insert("extent".into(), json!([0, self.length.saturating_sub(1)]));
            }
        }
        match self.axis {
            Axis::Longitude | Axis::Latitude => {
                map.insert("reference_system".into(), json!(4326));
            }
            Axis::Time => {}
            Axis::Vertical | Axis::Other => {
                if let Some(unit) = &self.unit {
                    map.insert("unit".into(), json!(unit));
                }
            }
        }
        fields
    }
}
