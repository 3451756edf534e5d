//! How CF and ecCodes describe a grid: grid mappings, coordinates of planes, attributes.

use arcoforge_core::attrs::Attrs;

use super::frame::{Frame, Kind};
use super::{Coordinate, Part};
use crate::grib::attrs::{Made, texts};

/// The attributes of the grid mapping variable (CF appendix F); `None` for grids of latitudes and longitudes.
pub(super) fn mapping(frame: &Frame) -> Option<Attrs> {
    let named = |name: &str| Made::default().text("grid_mapping_name", name);
    let centre = |made: Made| {
        made.float("longitude_of_central_meridian", frame.meridian)
            .float("latitude_of_projection_origin", frame.true_latitude)
    };
    let parallels = || match frame.parallels {
        (one, two) if one == two => vec![one],
        (one, two) => vec![one, two],
    };
    let made = match frame.kind {
        Kind::LatLon | Kind::Gaussian if frame.stretched || frame.is_reduced() => return None,
        Kind::LatLon | Kind::Gaussian => {
            let (latitude, longitude, angle) = frame.pole?;
            let north = (longitude + 360.0).rem_euclid(360.0) - 180.0;
            if angle != 0.0 {
                return None;
            }
            named("rotated_latitude_longitude")
                .float("grid_north_pole_latitude", -latitude)
                .float("grid_north_pole_longitude", north)
                .float("north_pole_grid_longitude", 0.0)
        }
        Kind::Mercator => named("mercator")
            .float("longitude_of_projection_origin", frame.meridian)
            .float("standard_parallel", frame.true_latitude),
        Kind::Lambert => {
            let made = named("lambert_conformal_conic").floats("standard_parallel", &parallels());
            let origin = if frame.true_latitude == 0.0 { frame.parallels.0 } else { frame.true_latitude };
            made.float("longitude_of_central_meridian", frame.meridian)
                .float("latitude_of_projection_origin", origin)
        }
        Kind::Albers => centre(named("albers_conical_equal_area").floats("standard_parallel", &parallels())),
        Kind::PolarStereographic => named("polar_stereographic")
            .float("straight_vertical_longitude_from_pole", frame.meridian)
            .float("latitude_of_projection_origin", if frame.south { -90.0 } else { 90.0 })
            .float(
                "standard_parallel",
                if frame.south { -frame.true_latitude.abs() } else { frame.true_latitude },
            ),
        Kind::LambertAzimuthal => named("lambert_azimuthal_equal_area")
            .float("longitude_of_projection_origin", frame.meridian)
            .float("latitude_of_projection_origin", frame.true_latitude),
        Kind::SpaceView => named("geostationary")
            .float("longitude_of_projection_origin", frame.meridian)
            .float("latitude_of_projection_origin", frame.first.0)
            .float("perspective_point_height", (frame.view[4] - 1.0) * frame.earth.major)
            .text("sweep_angle_axis", "y"),
        Kind::Healpix => named("healpix")
            .int("healpix_nside", i64::try_from(frame.n).unwrap_or(0))
            .text("healpix_order", if frame.flags == 1 { "nest" } else { "ring" }),
        Kind::Unstructured => return None,
    };
    let earth = frame.earth;
    Some(
        match earth.major == earth.minor {
            true => made.float("earth_radius", earth.major),
            false => made.float("semi_major_axis", earth.major).float("semi_minor_axis", earth.minor),
        }
        .0,
    )
}

/// The coordinates of columns and rows of a plane.
pub(super) fn plane(frame: &Frame) -> Vec<Coordinate> {
    let (units, kind) = match (frame.pole, frame.kind) {
        (Some(_), _) => ("degrees", None),
        (None, Kind::SpaceView) => ("radian", Some("angular")),
        (None, _) => ("m", Some("")),
    };
    let one = |part, name: &'static str, at: usize| {
        let (standard, long) = match (kind, part) {
            (None, Part::Y) => ("grid_latitude".to_owned(), "latitude in the rotated grid".to_owned()),
            (None, _) => ("grid_longitude".to_owned(), "longitude in the rotated grid".to_owned()),
            (Some("angular"), _) => {
                (format!("projection_{name}_angular_coordinate"), format!("{name} scanning angle"))
            }
            (Some(_), _) => {
                (format!("projection_{name}_coordinate"), format!("{name} coordinate of projection"))
            }
        };
        let rows = [("units", units), ("standard_name", &standard), ("long_name", &long)];
        let attrs = texts(&rows).text("axis", if part == Part::Y { "Y" } else { "X" }).0;
        Coordinate { part, name, dims: vec![at], attrs }
    };
    vec![one(Part::Y, "y", 0), one(Part::X, "x", 1)]
}

/// The scanning angles of columns and rows of a satellite's image, in radians.
pub(super) fn angles(frame: &Frame) -> (Vec<f64>, Vec<f64>) {
    let [x_below, y_below, x_origin, y_origin, distance] = frame.view;
    // dx and dy are the diameters of the earth in grid lengths, as the satellite sees them
    let width = 2.0 * (1.0 / distance.max(1.0)).asin();
    let (dx, dy) = (width / frame.step.0.max(1.0), width / frame.step.1.max(1.0));
    let sign = |negative: bool| if negative { -1.0 } else { 1.0 };
    let (east, north) = (sign(frame.i_negative()), sign(!frame.j_positive()));
    let x = (0..frame.columns.unwrap_or(0)).map(|i| east * (i as f64 + x_origin - x_below) * dx);
    let y = (0..frame.rows).map(|j| north * (j as f64 + y_origin - y_below) * dy);
    (x.collect(), y.collect())
}

/// What ecCodes' keys say of the grid, as cfgrib names them.
pub(super) fn attrs(frame: &Frame) -> Attrs {
    let int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let flag = |bit: u8| i64::from(frame.scan & bit != 0);
    let mut made = Made::default()
        .int("GRIB_numberOfPoints", int(frame.points))
        .text("GRIB_gridType", frame.type_name())
        .int("GRIB_iScansNegatively", flag(0x80))
        .int("GRIB_jScansPositively", flag(0x40))
        .int("GRIB_jPointsAreConsecutive", flag(0x20));
    if let Some(columns) = frame.columns {
        made = made.int("GRIB_Nx", int(columns)).int("GRIB_Ny", int(frame.rows));
    }
    if matches!(frame.kind, Kind::Gaussian | Kind::Healpix) {
        made = made.int("GRIB_N", int(frame.n));
    }
    made = match frame.kind {
        Kind::Healpix => {
            made.text("GRIB_orderingConvention", if frame.flags == 1 { "nested" } else { "ring" })
        }
        Kind::Unstructured => unstructured(made, frame),
        Kind::LatLon | Kind::Gaussian | Kind::Mercator => made
            .float("GRIB_latitudeOfFirstGridPointInDegrees", frame.first.0)
            .float("GRIB_longitudeOfFirstGridPointInDegrees", frame.first.1)
            .float("GRIB_latitudeOfLastGridPointInDegrees", frame.last.0)
            .float("GRIB_longitudeOfLastGridPointInDegrees", frame.last.1),
        _ => made
            .float("GRIB_latitudeOfFirstGridPointInDegrees", frame.first.0)
            .float("GRIB_longitudeOfFirstGridPointInDegrees", frame.first.1)
            .float("GRIB_DxInMetres", frame.step.0)
            .float("GRIB_DyInMetres", frame.step.1),
    };
    if let Some((latitude, longitude, angle)) = frame.pole {
        made = made
            .float("GRIB_latitudeOfSouthernPoleInDegrees", latitude)
            .float("GRIB_longitudeOfSouthernPoleInDegrees", longitude)
            .float("GRIB_angleOfRotationInDegrees", angle);
    }
    match frame.kind {
        Kind::LatLon | Kind::Gaussian | Kind::Healpix | Kind::Unstructured => made.0,
        _ => made.int("GRIB_uvRelativeToGrid", i64::from(frame.flags & 0x08 != 0)).0,
    }
}

fn unstructured(made: Made, frame: &Frame) -> Made {
    let (number, reference, uuid) = frame.identity;
    let digits: String = uuid.iter().map(|octet| format!("{octet:02x}")).collect();
    made.int("GRIB_numberOfGridUsed", i64::try_from(number).unwrap_or(0))
        .int("GRIB_numberOfGridInReference", i64::try_from(reference).unwrap_or(0))
        .text("GRIB_uuidOfHGrid", &digits)
}
