//! From GeoTIFF keys to well-known text: a system of the EPSG dataset by its number, or one that the keys describe.

use super::epsg;
use super::keys::{Keys, USER_DEFINED};
use super::wkt::{Arg, Node, number, text};

/// Keys of the origin and its coordinates: GeoTIFF has several for each, by method, and writers take any of them.
const LATITUDE: [u64; 3] = [3081, 3089, 3085];
const LONGITUDE: [u64; 4] = [3080, 3088, 3084, 3095];
const EASTING: [u64; 3] = [3082, 3090, 3086];
const NORTHING: [u64; 3] = [3083, 3091, 3087];
const SCALE: [u64; 2] = [3092, 3093];
const PARALLEL_1: [u64; 1] = [3078];
const PARALLEL_2: [u64; 1] = [3079];
const AZIMUTH: [u64; 1] = [3094];

/// A parameter of a projection: its name, the keys that may hold it, and what it is where none does.
type Parameter = (&'static str, &'static [u64], f64);

const LAT_ORIGIN: Parameter = ("latitude_of_origin", &LATITUDE, 0.0);
const LAT_CENTER: Parameter = ("latitude_of_center", &LATITUDE, 0.0);
const MERIDIAN: Parameter = ("central_meridian", &LONGITUDE, 0.0);
const LON_CENTER: Parameter = ("longitude_of_center", &LONGITUDE, 0.0);
const FACTOR: Parameter = ("scale_factor", &SCALE, 1.0);
const FIRST: Parameter = ("standard_parallel_1", &PARALLEL_1, 0.0);
const SECOND: Parameter = ("standard_parallel_2", &PARALLEL_2, 0.0);

/// The coordinate reference system that the keys say; `None` where they say none, or one that they do not describe.
pub(in crate::tiff) fn crs(keys: &Keys) -> Option<Node> {
    match keys.short(1024) {
        Some(2) => geographic(keys),
        Some(3) => keys.code(2048).and_then(epsg::system),
        _ => projected(keys).or_else(|| geographic(keys).filter(|_| keys.short(3072).is_none())),
    }
}

fn projected(keys: &Keys) -> Option<Node> {
    if let Some(found) = keys.code(3072).and_then(epsg::system) {
        return Some(found);
    }
    let citation = keys.text(3073).or_else(|| keys.text(1026));
    if let Some(wkt) = citation.and_then(|text| text.strip_prefix("ESRI PE String = ")) {
        return Node::parse(wkt);
    }
    let mut base = geographic(keys)?;
    base.args.retain(|arg| !matches!(arg, Arg::Node(node) if node.name == "AXIS"));
    let (method, parameters) = projection(keys)?;
    let mut args = vec![text(title(citation)), Arg::Node(base)];
    args.push(Arg::Node(Node::new("PROJECTION", vec![text(method)])));
    let parameter =
        |(name, value): (&str, f64)| Arg::Node(Node::new("PARAMETER", vec![text(name), number(value)]));
    args.extend(parameters.into_iter().map(parameter));
    args.push(Arg::Node(linear_unit(keys)));
    for (name, way) in [("Easting", "EAST"), ("Northing", "NORTH")] {
        args.push(Arg::Node(Node::new("AXIS", vec![text(name), Arg::Word(way.to_owned())])));
    }
    Some(Node::new("PROJCS", args))
}

/// The method and its parameters: of the zones of UTM by number, else as the keys say.
fn projection(keys: &Keys) -> Option<(&'static str, Vec<(&'static str, f64)>)> {
    if let Some(zone @ (16_001..=16_060 | 16_101..=16_160)) = keys.code(3074) {
        let (south, zone) = (zone > 16_100, zone % 100);
        // in metres, whatever x and y are counted in
        let unit = linear_unit(keys).number(1).filter(|unit| *unit > 0.0).unwrap_or(1.0);
        let parameters = vec![
            ("latitude_of_origin", 0.0),
            ("central_meridian", zone as f64 * 6.0 - 183.0),
            ("scale_factor", 0.9996),
            ("false_easting", 500_000.0 / unit),
            ("false_northing", if south { 10_000_000.0 / unit } else { 0.0 }),
        ];
        return Some(("Transverse_Mercator", parameters));
    }
    let (method, own) = method(keys)?;
    let value =
        |(name, from, or): &Parameter| (*name, from.iter().find_map(|key| keys.double(*key)).unwrap_or(*or));
    let offset = [("false_easting", EASTING.as_slice(), 0.0), ("false_northing", NORTHING.as_slice(), 0.0)];
    Some((method, own.iter().chain(&offset).map(value).collect()))
}

/// The name of a method, and its parameters in the order of GDAL.
fn method(keys: &Keys) -> Option<(&'static str, &'static [Parameter])> {
    Some(match keys.code(3075)? {
        1 => ("Transverse_Mercator", &[LAT_ORIGIN, MERIDIAN, FACTOR]),
        3 => (
            "Hotine_Oblique_Mercator",
            &[
                LAT_CENTER,
                LON_CENTER,
                ("azimuth", &AZIMUTH, 0.0),
                ("rectified_grid_angle", &AZIMUTH, 0.0),
                FACTOR,
            ],
        ),
        7 if keys.double(3078).is_some() => ("Mercator_2SP", &[FIRST, MERIDIAN]),
        7 => ("Mercator_1SP", &[MERIDIAN, FACTOR]),
        8 => ("Lambert_Conformal_Conic_2SP", &[LAT_ORIGIN, MERIDIAN, FIRST, SECOND]),
        9 => ("Lambert_Conformal_Conic_1SP", &[LAT_ORIGIN, MERIDIAN, FACTOR]),
        10 => ("Lambert_Azimuthal_Equal_Area", &[LAT_CENTER, LON_CENTER]),
        11 => ("Albers_Conic_Equal_Area", &[LAT_CENTER, LON_CENTER, FIRST, SECOND]),
        12 => ("Azimuthal_Equidistant", &[LAT_CENTER, LON_CENTER]),
        13 => ("Equidistant_Conic", &[LAT_CENTER, LON_CENTER, FIRST, SECOND]),
        14 => ("Stereographic", &[LAT_ORIGIN, MERIDIAN, FACTOR]),
        15 => ("Polar_Stereographic", &[LAT_ORIGIN, MERIDIAN, FACTOR]),
        16 => ("Oblique_Stereographic", &[LAT_ORIGIN, MERIDIAN, FACTOR]),
        17 => ("Equirectangular", &[LAT_ORIGIN, MERIDIAN, FIRST]),
        18 => ("Cassini_Soldner", &[LAT_ORIGIN, MERIDIAN]),
        19 => ("Gnomonic", &[LAT_ORIGIN, MERIDIAN]),
        20 => ("Miller_Cylindrical", &[LAT_CENTER, LON_CENTER]),
        21 => ("Orthographic", &[LAT_ORIGIN, MERIDIAN]),
        22 => ("Polyconic", &[LAT_ORIGIN, MERIDIAN]),
        23 => ("Robinson", &[LON_CENTER]),
        24 => ("Sinusoidal", &[LON_CENTER]),
        25 => ("VanDerGrinten", &[MERIDIAN]),
        26 => ("New_Zealand_Map_Grid", &[LAT_ORIGIN, MERIDIAN]),
        27 => ("Transverse_Mercator_South_Orientated", &[LAT_ORIGIN, MERIDIAN, FACTOR]),
        28 => ("Cylindrical_Equal_Area", &[FIRST, MERIDIAN]),
        _ => return None,
    })
}

/// A unit of the EPSG dataset.
fn known(name: &str, size: &str, code: &str) -> Node {
    let authority = Node::new("AUTHORITY", vec![text("EPSG"), text(code)]);
    Node::new("UNIT", vec![text(name), Arg::Word(size.to_owned()), Arg::Node(authority)])
}

fn angular_unit(keys: &Keys) -> Node {
    match (keys.short(2054), keys.double(2055)) {
        (Some(9101), _) => known("radian", "1", "9101"),
        (Some(9105), _) => known("grad", "0.015707963267949", "9105"),
        (Some(USER_DEFINED), Some(size)) => Node::new("UNIT", vec![text("unknown"), number(size)]),
        _ => known("degree", "0.0174532925199433", "9122"),
    }
}

fn linear_unit(keys: &Keys) -> Node {
    match (keys.code(3076), keys.double(3077)) {
        (Some(9002), _) => known("foot", "0.3048", "9002"),
        (Some(9003), _) => known("US survey foot", "0.304800609601219", "9003"),
        (Some(9036), _) => known("kilometre", "1000", "9036"),
        (None, Some(size)) => Node::new("UNIT", vec![text("unknown"), number(size)]),
        _ => known("metre", "1", "9001"),
    }
}

/// A geographic system: one of the EPSG dataset with the ellipsoid that the keys say, or one of parts.
fn geographic(keys: &Keys) -> Option<Node> {
    let size = keys.double(2057);
    let flattening = keys.double(2059).or_else(|| {
        let (a, b) = (size?, keys.double(2058)?);
        Some(if a > b { a / (a - b) } else { 0.0 })
    });
    if let Some(mut found) = keys.code(2048).and_then(epsg::system) {
        if let (Some(size), Some(flattening)) = (size, flattening) {
            resize(&mut found, size, flattening);
        }
        return Some(found);
    }
    let citation = keys.text(2049).unwrap_or_default();
    let named = |what: &str| {
        let part =
            citation.split('|').find_map(|part| part.trim().strip_prefix(what)?.trim().strip_prefix('='));
        part.map(str::trim).filter(|name| !name.is_empty())
    };
    let spheroid = match (keys.code(2056).and_then(|code| epsg::part("SPHEROID", code)), size, flattening) {
        (Some(known), ..) => known,
        (None, Some(size), Some(flattening)) => {
            let name = named("Ellipsoid").unwrap_or("unknown");
            Node::new("SPHEROID", vec![text(name), number(size), number(flattening)])
        }
        _ => keys.code(2050).and_then(|code| epsg::part("DATUM", code))?.child("SPHEROID")?.clone(),
    };
    let datum = keys.code(2050).and_then(|code| epsg::part("DATUM", code)).unwrap_or_else(|| {
        Node::new("DATUM", vec![text(named("Datum").unwrap_or("unknown")), Arg::Node(spheroid)])
    });
    let meridian = keys.code(2051).and_then(|code| epsg::part("PRIMEM", code)).unwrap_or_else(|| {
        let name = named("Primem").unwrap_or("Greenwich");
        Node::new("PRIMEM", vec![text(name), number(keys.double(2061).unwrap_or(0.0))])
    });
    let plain = (!citation.is_empty() && !citation.contains('=')).then_some(citation);
    let name = named("GCS Name").or(plain).unwrap_or("unknown");
    let args = vec![text(name), Arg::Node(datum), Arg::Node(meridian), Arg::Node(angular_unit(keys))];
    Some(Node::new("GEOGCS", args))
}

/// Gives the ellipsoid the size and inverse flattening of the file, where these are others.
fn resize(system: &mut Node, size: f64, flattening: f64) {
    if let Some(spheroid) = find_mut(system, "SPHEROID") {
        let same =
            |at, value: f64| spheroid.number(at).is_some_and(|v| (v - value).abs() <= 1e-9 * value.abs());
        if !same(1, size) || !same(2, flattening) {
            for (at, value) in [(1, size), (2, flattening)] {
                if let Some(arg) = spheroid.args.get_mut(at) {
                    *arg = number(value);
                }
            }
        }
    }
}

fn find_mut<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    if node.name == name {
        return Some(node);
    }
    node.args.iter_mut().find_map(|arg| match arg {
        Arg::Node(node) => find_mut(node, name),
        _ => None,
    })
}

/// What a system that is described is called.
fn title(citation: Option<&str>) -> &str {
    citation.filter(|text| !text.is_empty()).unwrap_or("unnamed")
}
