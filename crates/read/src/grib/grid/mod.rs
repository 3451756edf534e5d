//! Grids: their dimensions, the coordinates of their points, and how CF describes them.

mod describe;
mod frame;
mod gauss;
mod healpix;
mod points;
mod projection;

use std::sync::{Arc, Mutex, PoisonError};

use arcoforge_core::attrs::Attrs;

use super::attrs::{Made, texts};
use super::walk::Headers;

pub(super) use self::frame::Kind;
use self::frame::{Frame, frame};

/// A coordinate of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Of rows, or of all points.
    Latitude,
    /// Of columns, or of all points.
    Longitude,
    /// Of columns of a plane.
    X,
    /// Of rows of a plane.
    Y,
}

/// A coordinate variable of a grid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Coordinate {
    pub(super) part: Part,
    pub(super) name: &'static str,
    /// Which of the grid's dimensions it has.
    pub(super) dims: Vec<usize>,
    pub(super) attrs: Attrs,
}

/// A grid.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grid {
    frame: Frame,
    /// Names and lengths of the dimensions, as long as the file has no other grid that has them.
    pub(super) dims: Vec<(&'static str, u64)>,
    pub(super) coordinates: Vec<Coordinate>,
    /// The attributes of a grid mapping variable.
    pub(super) mapping: Option<Attrs>,
}

/// Latitudes and longitudes of all points.
type Points = Option<Arc<(Vec<f64>, Vec<f64>)>>;

/// The points of the grid that was asked for last: files of a series have the same one.
static LAST: Mutex<Option<(Frame, Points)>> = Mutex::new(None);

impl Grid {
    /// Reads the section of the grid.
    ///
    /// # Errors
    /// The reason why the grid can't be read.
    pub(super) fn new(headers: &Headers) -> Result<Self, String> {
        let mut frame = frame(headers)?;
        if let Some(reason) = frame.scan_refusal() {
            return Err(reason);
        }
        if headers.edition == 1 && frame.is_reduced() {
            frame.count_reduced();
        }
        let dims = dims(&frame);
        check_size(&frame, &dims)?;
        let coordinates = coordinates(&frame, &dims);
        let mapping = describe::mapping(&frame);
        Ok(Self { frame, dims, coordinates, mapping })
    }

    /// ecCodes' name of the kind of grid.
    pub(super) fn type_name(&self) -> &'static str {
        self.frame.type_name()
    }

    /// Points of one field.
    pub(super) fn points(&self) -> u64 {
        self.frame.points
    }

    /// Whether points lie column by column, and whether every second row or column runs back.
    pub(super) fn scan(&self) -> (bool, bool) {
        (self.frame.scan & 0x20 != 0, self.frame.scan & 0x10 != 0)
    }

    /// Attributes of variables on the grid.
    pub(super) fn attrs(&self) -> Attrs {
        describe::attrs(&self.frame)
    }

    /// Whether [`Grid::values`] has an answer.
    pub(super) fn has_values(&self, coordinate: &Coordinate) -> bool {
        match coordinate.dims.len() == self.dims.len() {
            true => self.frame.has_points(),
            false => self.values(coordinate).is_some(),
        }
    }

    /// The values of a coordinate in C order.
    pub(super) fn values(&self, coordinate: &Coordinate) -> Option<Vec<f64>> {
        let frame = &self.frame;
        match (coordinate.part, coordinate.dims.len() == self.dims.len()) {
            (Part::Latitude, false) => frame.latitudes(),
            (Part::Longitude, false) => frame.longitudes(),
            (Part::Latitude, true) => Some(points(frame)?.0.clone()),
            (Part::Longitude, true) => Some(points(frame)?.1.clone()),
            (Part::Y, _) if frame.pole.is_some() => frame.latitudes(),
            (Part::X, _) if frame.pole.is_some() => frame.longitudes(),
            (Part::Y, _) if frame.kind == Kind::SpaceView => Some(describe::angles(frame).1),
            (Part::X, _) if frame.kind == Kind::SpaceView => Some(describe::angles(frame).0),
            (Part::Y, _) => frame.plane().map(|(_, y)| y),
            (Part::X, _) => frame.plane().map(|(x, _)| x),
        }
    }
}

/// What tells the grid of a field from others: its section without vertical coordinates, which edition 1 has inside it,
/// and lengths of rows, which lie behind these.
pub(super) fn identity(headers: &Headers) -> (Vec<u8>, Vec<u8>) {
    let section = &headers.grid;
    let (Some(&vertical), Some(&place)) = (section.get(3), section.get(4)) else {
        return (section.clone(), Vec::new());
    };
    if headers.edition != 1 {
        return (section.clone(), Vec::new());
    }
    let at = match place {
        0 | 255 => section.len(),
        place => usize::from(place - 1).min(section.len()),
    };
    let (fixed, rest) = section.split_at(at.max(5).min(section.len()));
    let rows = rest.get(4 * usize::from(vertical)..).unwrap_or(rest);
    // reserved octets are there or not
    let end = fixed.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    (fixed.get(5..end).unwrap_or_default().to_vec(), rows.to_vec())
}

/// Points along one dimension of several.
const LENGTH_MAX: u64 = 1 << 22;
/// Points of a grid.
const POINTS_MAX: u64 = 1 << 30;

fn check_size(frame: &Frame, dims: &[(&'static str, u64)]) -> Result<(), String> {
    let long = dims.len() > 1 && dims.iter().any(|(_, length)| *length > LENGTH_MAX);
    match frame.points {
        0 => Err("found a grid without points".to_owned()),
        points if long || points > POINTS_MAX || dims.iter().any(|(_, length)| *length == 0) => {
            let lengths: Vec<String> = dims.iter().map(|(_, length)| length.to_string()).collect();
            Err(format!("found a grid of {} points, which no grid has", lengths.join(" x ")))
        }
        _ => Ok(()),
    }
}

fn points(frame: &Frame) -> Points {
    let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((of, points)) = last.as_ref()
        && of == frame
    {
        return points.clone();
    }
    let points = frame.all_points().map(Arc::new);
    *last = Some((frame.clone(), points.clone()));
    points
}

fn dims(frame: &Frame) -> Vec<(&'static str, u64)> {
    let regular = matches!(frame.kind, Kind::LatLon | Kind::Gaussian);
    match frame.columns {
        Some(columns) if regular && frame.pole.is_none() && !frame.stretched => {
            vec![("latitude", frame.rows), ("longitude", columns)]
        }
        Some(columns) => vec![("y", frame.rows), ("x", columns)],
        None => vec![("values", frame.points)],
    }
}

fn coordinates(frame: &Frame, dims: &[(&'static str, u64)]) -> Vec<Coordinate> {
    let one_dim = dims.len() == 1;
    let plane = dims.first().is_some_and(|(name, _)| *name == "y");
    let lonlat = |at: &[usize]| {
        let (rows, columns) = match at {
            [] => (vec![0], vec![1]),
            _ => (at.to_vec(), at.to_vec()),
        };
        vec![
            Coordinate { part: Part::Latitude, name: "latitude", dims: rows, attrs: degrees("latitude") },
            Coordinate {
                part: Part::Longitude,
                name: "longitude",
                dims: columns,
                attrs: degrees("longitude"),
            },
        ]
    };
    match frame.kind {
        Kind::Unstructured => Vec::new(),
        _ if frame.stretched => Vec::new(),
        _ if one_dim => lonlat(&[0]),
        Kind::SpaceView => describe::plane(frame),
        _ if plane => [describe::plane(frame), lonlat(&[0, 1])].concat(),
        _ => {
            let mut both = lonlat(&[]);
            if let Some(first) = both.first_mut()
                && !frame.j_positive()
                && frame.rows > 1
            {
                let made = Made(first.attrs.clone());
                first.attrs = made.text("stored_direction", "decreasing").0;
            }
            both
        }
    }
}

/// The attributes of latitude or longitude.
fn degrees(name: &str) -> Attrs {
    let units = if name == "latitude" { "degrees_north" } else { "degrees_east" };
    texts(&[("units", units), ("standard_name", name), ("long_name", name)]).0
}
