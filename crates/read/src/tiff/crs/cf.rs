//! Source well-known text to the attributes of a grid mapping (CF conventions, appendix F).

use arcoforge_core::attrs::{AttrValue, Attrs};
use arcoforge_core::dtype::{DataType, Scalar};

use super::wkt::Node;

/// Radians of a degree, as EPSG has it.
const DEGREE: f64 = 0.017_453_292_519_943_3;

/// What x and y are measured in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tiff) enum Unit {
    /// They are longitude and latitude.
    Degrees,
    /// A unit of length, as UDUNITS knows it.
    Length(String),
}

/// The unit of x and y; `None` where it is none that CF has.
pub(in crate::tiff) fn unit(system: &Node) -> Option<Unit> {
    if system.name == "GEOGCRS" {
        let angle = system.find("ANGLEUNIT")?.number(1)?;
        return ((angle / DEGREE - 1.0).abs() < 1e-9).then_some(Unit::Degrees);
    }
    let unit = system.child("UNIT")?;
    match is_geographic(system) {
        true => ((unit.number(1)? / DEGREE - 1.0).abs() < 1e-9).then_some(Unit::Degrees),
        false => match (unit.title()?, unit.number(1)?) {
            (_, 1.0) => Some(Unit::Length("metre".into())),
            (_, 1000.0) => Some(Unit::Length("kilometre".into())),
            (_, 0.3048) => Some(Unit::Length("foot".into())),
            ("US survey foot", _) => Some(Unit::Length("US_survey_foot".into())),
            _ => None,
        },
    }
}

/// Whether the coordinates are longitudes and latitudes.
fn is_geographic(system: &Node) -> bool {
    matches!(system.name.as_str(), "GEOGCS" | "GEOGCRS")
}

/// The attributes: the text itself (of some systems in version 2, which GDAL can't write in version 1), ellipsoid and meridian, names, and where CF has the method, its parameters. Methods
/// that CF does not have are in the text alone.
pub(in crate::tiff) fn grid_mapping(system: &Node) -> Attrs {
    let mut attrs = Attrs::new();
    let wkt = system.to_string();
    attrs.set("crs_wkt", AttrValue::Text(wkt.clone()));
    let mut double = |name: &str, value: Option<f64>| {
        let Some(value) = value.filter(|value| value.is_finite()) else { return };
        attrs.set(name, numbers(&[value]));
    };
    let spheroid = system.find("SPHEROID");
    let (size, inverse) = (spheroid.and_then(|s| s.number(1)), spheroid.and_then(|s| s.number(2)));
    double("semi_major_axis", size);
    let minor = size.zip(inverse).map(|(a, inverse)| if inverse == 0.0 { a } else { a - a / inverse });
    double("semi_minor_axis", minor);
    double("inverse_flattening", inverse);
    let base = system.find("GEOGCS");
    let meridian = base.and_then(|base| base.child("PRIMEM"));
    double("longitude_of_prime_meridian", meridian.and_then(|meridian| meridian.number(1)));
    let names = [
        ("reference_ellipsoid_name", spheroid),
        ("prime_meridian_name", meridian),
        ("geographic_crs_name", base),
        ("horizontal_datum_name", system.find("DATUM")),
        ("projected_crs_name", Some(system).filter(|system| system.name == "PROJCS")),
    ];
    for (name, node) in names {
        if let Some(title) = node.and_then(Node::title) {
            attrs.set(name, AttrValue::Text(title.to_owned()));
        }
    }
    if is_geographic(system) {
        attrs.set("grid_mapping_name", AttrValue::Text("latitude_longitude".into()));
    } else if let Some((method, parameters)) = method(system) {
        attrs.set("grid_mapping_name", AttrValue::Text(method.into()));
        for (name, values) in parameters {
            attrs.set(name, numbers(&values));
        }
    }
    attrs.set("spatial_ref", AttrValue::Text(wkt));
    attrs
}

fn numbers(values: &[f64]) -> AttrValue {
    AttrValue::Numbers {
        dtype: DataType::Float64,
        values: values.iter().map(|value| Scalar::Float(*value)).collect(),
    }
}

/// Which of the text's parameters is CF's.
#[derive(Clone, Copy)]
enum Source {
    Latitude,
    Longitude,
    Parallels,
    Factor,
    Height,
    Zero,
}

/// The name in the text, CF's name, and CF's parameters.
type Row = (&'static str, &'static str, &'static [(&'static str, Source)]);

const LATITUDE: (&str, Source) = ("latitude_of_projection_origin", Source::Latitude);
const LONGITUDE: (&str, Source) = ("longitude_of_projection_origin", Source::Longitude);
const MERIDIAN: (&str, Source) = ("longitude_of_central_meridian", Source::Longitude);
const PARALLELS: (&str, Source) = ("standard_parallel", Source::Parallels);
const FACTOR: (&str, Source) = ("scale_factor_at_projection_origin", Source::Factor);
const METHODS: &[Row] = &[
    (
        "Transverse_Mercator",
        "transverse_mercator",
        &[LATITUDE, MERIDIAN, ("scale_factor_at_central_meridian", Source::Factor)],
    ),
    ("Lambert_Conformal_Conic_2SP", "lambert_conformal_conic", &[PARALLELS, LATITUDE, MERIDIAN]),
    (
        "Lambert_Conformal_Conic_1SP",
        "lambert_conformal_conic",
        &[("standard_parallel", Source::Latitude), LATITUDE, MERIDIAN],
    ),
    ("Albers_Conic_Equal_Area", "albers_conical_equal_area", &[PARALLELS, LATITUDE, MERIDIAN]),
    ("Albers", "albers_conical_equal_area", &[PARALLELS, LATITUDE, MERIDIAN]),
    ("Lambert_Azimuthal_Equal_Area", "lambert_azimuthal_equal_area", &[LATITUDE, LONGITUDE]),
    ("Azimuthal_Equidistant", "azimuthal_equidistant", &[LATITUDE, LONGITUDE]),
    ("Orthographic", "orthographic", &[LATITUDE, LONGITUDE]),
    ("Stereographic", "stereographic", &[LATITUDE, LONGITUDE, FACTOR]),
    ("Oblique_Stereographic", "stereographic", &[LATITUDE, LONGITUDE, FACTOR]),
    (
        "Polar_Stereographic",
        "polar_stereographic",
        &[("straight_vertical_longitude_from_pole", Source::Longitude)],
    ),
    ("Mercator_1SP", "mercator", &[LONGITUDE, FACTOR]),
    ("Mercator_2SP", "mercator", &[PARALLELS, LONGITUDE]),
    ("Cylindrical_Equal_Area", "lambert_cylindrical_equal_area", &[PARALLELS, MERIDIAN]),
    ("Sinusoidal", "sinusoidal", &[LONGITUDE]),
    (
        "Geostationary_Satellite",
        "geostationary",
        &[
            ("perspective_point_height", Source::Height),
            ("latitude_of_projection_origin", Source::Zero),
            LONGITUDE,
        ],
    ),
];

/// CF's parameters.
type Parameters = Vec<(&'static str, Vec<f64>)>;

/// CF's name of the method, and its parameters.
fn method(system: &Node) -> Option<(&'static str, Parameters)> {
    // what PROJ does instead of the method that the text names
    if system.child("EXTENSION").is_some() {
        return None;
    }
    let unit = system.find("GEOGCS")?.child("UNIT")?.number(1)? / DEGREE;
    let angle = |name: &str| {
        let value = system.parameter(name)?;
        Some(if (unit - 1.0).abs() < 1e-9 { value } else { value * unit })
    };
    let either = |one, other| angle(one).or_else(|| angle(other)).unwrap_or(0.0);
    let plain = |name: &str, or: f64| vec![system.parameter(name).unwrap_or(or)];
    let value = |from: Source| match from {
        Source::Latitude => vec![either("latitude_of_origin", "latitude_of_center")],
        Source::Longitude => vec![either("central_meridian", "longitude_of_center")],
        Source::Parallels => {
            [angle("standard_parallel_1"), angle("standard_parallel_2")].into_iter().flatten().collect()
        }
        Source::Factor => plain("scale_factor", 1.0),
        Source::Height => plain("satellite_height", 0.0),
        Source::Zero => vec![0.0],
    };
    let title = system.child("PROJECTION")?.title()?;
    let (_, name, own) = METHODS.iter().find(|(theirs, ..)| *theirs == title)?;
    let mut parameters: Parameters = own.iter().map(|(name, from)| (*name, value(*from))).collect();
    match title {
        "Lambert_Conformal_Conic_1SP" if value(Source::Factor) != [1.0] => return None,
        "Polar_Stereographic" => parameters.extend(polar(value(Source::Latitude), value(Source::Factor))?),
        _ => {}
    }
    parameters.push(("false_easting", plain("false_easting", 0.0)));
    parameters.push(("false_northing", plain("false_northing", 0.0)));
    Some((name, parameters))
}

/// The pole, and either the factor at it or the parallel that is true to scale: the text has one latitude for both.
fn polar(latitude: Vec<f64>, factor: Vec<f64>) -> Option<[(&'static str, Vec<f64>); 2]> {
    let origin = *latitude.first()?;
    let pole = if origin < 0.0 { -90.0 } else { 90.0 };
    let scale = match origin.abs() == 90.0 {
        true => ("scale_factor_at_projection_origin", factor),
        false => ("standard_parallel", latitude),
    };
    Some([("latitude_of_projection_origin", vec![pole]), scale])
}

#[cfg(test)]
mod tests {
    use super::super::epsg;
    use super::*;

    #[test]
    fn grid_mappings_of_known_systems() {
        // number, the mapping's name, one of its parameters; as pyproj says
        let rows: [(u64, Option<&str>, &str, &[f64]); 11] = [
            (4326, Some("latitude_longitude"), "semi_minor_axis", &[6_356_752.314_245_179]),
            (32_633, Some("transverse_mercator"), "longitude_of_central_meridian", &[15.0]),
            (2154, Some("lambert_conformal_conic"), "standard_parallel", &[49.0, 44.0]),
            (5070, Some("albers_conical_equal_area"), "standard_parallel", &[29.5, 45.5]),
            (3035, Some("lambert_azimuthal_equal_area"), "latitude_of_projection_origin", &[52.0]),
            (3413, Some("polar_stereographic"), "standard_parallel", &[70.0]),
            (3031, Some("polar_stereographic"), "latitude_of_projection_origin", &[-90.0]),
            (32_661, Some("polar_stereographic"), "scale_factor_at_projection_origin", &[0.994]),
            (3395, Some("mercator"), "longitude_of_projection_origin", &[0.0]),
            (3857, None, "semi_major_axis", &[6_378_137.0]),
            (6933, Some("lambert_cylindrical_equal_area"), "standard_parallel", &[30.0]),
        ];
        for (code, name, parameter, expected) in rows {
            let attrs = grid_mapping(&epsg::system(code).expect("in the table"));
            assert_eq!(attrs.text("grid_mapping_name"), name, "{code}");
            assert_eq!(attrs.get(parameter), Some(&numbers(expected)), "{code}");
            assert!(attrs.text("crs_wkt").is_some_and(|wkt| wkt.contains(&format!("\"{code}\""))));
        }
    }
}
