//! Where pixels are: the affine transformation, its coordinates, ground control points and rational polynomials
//! (OGC 19-008r4, and as GDAL and rioxarray show them).

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::error::Result;
use serde_json::json;

use super::crs::{self, Keys};
use super::file::{Directory, File};
use super::{Axis, tags};

/// The names of the first numbers of `RPCCoefficientTag`; four lists of 20 follow.
const RPC_NAMES: [&str; 12] = [
    "err_bias",
    "err_rand",
    "line_off",
    "samp_off",
    "lat_off",
    "long_off",
    "height_off",
    "line_scale",
    "samp_scale",
    "lat_scale",
    "long_scale",
    "height_scale",
];
const RPC_LISTS: [&str; 4] = ["line_num_coeff", "line_den_coeff", "samp_num_coeff", "samp_den_coeff"];

/// The six numbers of an affine transformation in the order of GDAL: x of the corner, width of a pixel, rotation, y of the
/// corner, rotation, height of a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Transform(pub(super) [f64; 6]);

impl Transform {
    /// Rows and columns themselves.
    const NONE: Self = Self([0.0, 1.0, 0.0, 0.0, 0.0, 1.0]);

    pub(super) fn is_rotated(self) -> bool {
        let Self([_, _, b, _, d, _]) = self;
        b != 0.0 || d != 0.0
    }

    /// x and y at the centre of a pixel, in the order of operations of rasterio's affine.
    pub(super) fn center(self, column: u64, row: u64) -> (f64, f64) {
        let Self([c, a, b, f, d, e]) = self;
        let (x, y) = (column as f64, row as f64);
        let (corner_x, corner_y) = (a * 0.5 + b * 0.5 + c, d * 0.5 + e * 0.5 + f);
        (x * a + y * b + corner_x, x * d + y * e + corner_y)
    }
}

/// What a file says of the places of its pixels.
#[derive(Debug)]
pub(super) struct Georeference {
    /// `None` where pixels have no places, or only by control points or polynomials.
    pub(super) transform: Option<Transform>,
    /// `Area` or `Point`, where the file has GeoTIFF keys.
    pub(super) area_or_point: Option<&'static str>,
    /// The unit of x and y, or that they are longitude and latitude; `None` without a known coordinate reference system.
    unit: Option<crs::Unit>,
    /// Attributes of the grid mapping.
    pub(super) attrs: Attrs,
}

impl Georeference {
    pub(super) fn read(file: &File, directory: &Directory) -> Result<Self> {
        let keys = Keys::read(file, directory)?;
        let is_point = keys.short(1025) == Some(2);
        let points = file.doubles(directory, tags::MODEL_TIEPOINT)?;
        let scale = file.doubles(directory, tags::MODEL_PIXEL_SCALE)?;
        let matrix = file.doubles(directory, tags::MODEL_TRANSFORMATION)?;
        let transform = of_scale(&points, &scale).or_else(|| of_matrix(&matrix));
        let transform = transform.map(|transform| if is_point { from_center(transform) } else { transform });
        let system = crs::crs(&keys);
        let mut attrs = system.as_ref().map(crs::grid_mapping).unwrap_or_default();
        if system.is_none() && !keys.is_empty() && keys.short(1024).is_some_and(|model| model != 0) {
            attrs.set("geo_keys", AttrValue::Text(keys.shown()));
        }
        // of other grids the coordinates tell all, and stay right where the dataset is cut or put together
        if let Some(Transform(numbers)) = transform.filter(|transform| transform.is_rotated()) {
            let shown: Vec<String> = numbers.iter().map(|number| python(*number)).collect();
            attrs.set("GeoTransform", AttrValue::Text(shown.join(" ")));
        }
        let mut placed = true;
        if transform.is_none() && points.len() >= 6 {
            attrs.set("gcps", AttrValue::Text(control_points(&points)));
            placed = false;
        }
        if let Some(text) = polynomials(&file.doubles(directory, tags::RPC_COEFFICIENTS)?) {
            attrs.set("rpcs", AttrValue::Text(text));
            placed = placed && transform.is_some_and(|transform| transform != Transform::NONE);
        }
        Ok(Self {
            transform: placed.then(|| transform.unwrap_or(Transform::NONE)),
            area_or_point: (!keys.is_empty()).then_some(if is_point { "Point" } else { "Area" }),
            unit: system.as_ref().and_then(crs::unit),
            attrs,
        })
    }
}

impl Georeference {
    /// The attributes of x or y, as CF has them.
    pub(super) fn axis_attrs(&self, axis: Axis) -> Attrs {
        let (letter, angle, degrees) = match axis {
            Axis::X => ("X", "longitude", "degrees_east"),
            Axis::Y => ("Y", "latitude", "degrees_north"),
        };
        let length = format!("projection_{}_coordinate", letter.to_ascii_lowercase());
        let (name, units) = match &self.unit {
            None => return Attrs::new(),
            Some(crs::Unit::Degrees) => (angle, degrees),
            Some(crs::Unit::Length(unit)) => (length.as_str(), unit.as_str()),
        };
        let mut attrs = Attrs::new();
        for (key, value) in [("axis", letter), ("standard_name", name), ("units", units)] {
            attrs.set(key, AttrValue::Text(value.to_owned()));
        }
        attrs
    }
}

/// A tie point and the size of pixels; rows go south whatever the sign.
fn of_scale(points: &[f64], scale: &[f64]) -> Option<Transform> {
    let (&[i, j, _, x, y, _], &[width, height, ..]) = (points.get(..6)?.first_chunk()?, scale) else {
        return None;
    };
    let height = -height.abs();
    (width != 0.0 && height != 0.0).then_some(Transform([
        x - i * width,
        width,
        0.0,
        y - j * height,
        0.0,
        height,
    ]))
}

/// The first two rows of a matrix of four by four.
fn of_matrix(matrix: &[f64]) -> Option<Transform> {
    let &[a, b, _, c, d, e, _, f, ..] = matrix.first_chunk::<16>()?;
    Some(Transform([c, a, b, f, d, e]))
}

/// The places are those of the pixels' centres: half a pixel is taken off.
fn from_center(Transform([c, a, b, f, d, e]): Transform) -> Transform {
    Transform([c - (a * 0.5 + b * 0.5), a, b, f - (d * 0.5 + e * 0.5), d, e])
}

/// A number as Python prints it.
fn python(number: f64) -> String {
    let text = format!("{number:?}");
    match text.split_once('e') {
        Some((digits, power)) if !power.starts_with('-') => {
            format!("{}e+{power:0>2}", digits.trim_end_matches(".0"))
        }
        Some((digits, power)) => {
            format!("{}e-{:0>2}", digits.trim_end_matches(".0"), power.trim_start_matches('-'))
        }
        None => text,
    }
}

/// Ground control points as GeoJSON, as rioxarray writes them.
fn control_points(points: &[f64]) -> String {
    let feature = |(at, point): (usize, &[f64])| {
        let &[column, row, _, x, y, z] = point else { return json!(null) };
        let id = (at + 1).to_string();
        json!({
            "type": "Feature",
            "properties": {"id": id, "info": "", "row": row, "col": column},
            "geometry": {"type": "Point", "coordinates": [x, y, z]},
        })
    };
    let features: Vec<_> = points.chunks_exact(6).enumerate().map(feature).collect();
    json!({"type": "FeatureCollection", "features": features}).to_string()
}

/// Rational polynomial coefficients as a JSON object, as rasterio names them.
fn polynomials(values: &[f64]) -> Option<String> {
    let (single, lists) = values.first_chunk::<92>()?.split_at(12);
    let mut object = serde_json::Map::new();
    for (name, value) in RPC_NAMES.iter().zip(single) {
        object.insert((*name).to_owned(), json!(value));
    }
    for (name, list) in RPC_LISTS.iter().zip(lists.chunks(20)) {
        object.insert((*name).to_owned(), json!(list));
    }
    Some(serde_json::Value::Object(object).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_and_their_centers() {
        let north_up = of_scale(&[0.0, 0.0, 0.0, 100.0, 50.0, 0.0], &[2.0, 4.0, 0.0]).expect("a transform");
        assert_eq!(north_up, Transform([100.0, 2.0, 0.0, 50.0, 0.0, -4.0]));
        assert_eq!((north_up.center(0, 0), north_up.center(2, 1)), ((101.0, 48.0), (105.0, 44.0)));
        assert_eq!(from_center(north_up).center(0, 0), (100.0, 50.0));
        assert_eq!(of_scale(&[0.0; 6], &[0.0, 1.0, 0.0]), None);
        let mut matrix = [0.0; 16];
        (matrix[0], matrix[1], matrix[3], matrix[4], matrix[5], matrix[7]) = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0);
        let rotated = of_matrix(&matrix).expect("a transform");
        assert_eq!(rotated, Transform([3.0, 1.0, 2.0, 6.0, 4.0, 5.0]));
        assert!(rotated.is_rotated() && !north_up.is_rotated());
    }

    #[test]
    fn numbers_are_python_s() {
        let rows =
            [(0.1, "0.1"), (30.0, "30.0"), (-1801185.0, "-1801185.0"), (1e16, "1e+16"), (1.5e-7, "1.5e-07")];
        for (number, expected) in rows {
            assert_eq!(python(number), expected);
        }
    }
}
