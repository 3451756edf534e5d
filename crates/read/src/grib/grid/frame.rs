//! What the section of the grid says, the same for both editions.

use crate::grib::keys::number;
use crate::grib::walk::Headers;

/// Edition 1 knows one sphere.
const RADIUS_EDITION_1: f64 = 6_367_470.0;

/// The kinds of grids that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::grib) enum Kind {
    LatLon,
    Gaussian,
    Mercator,
    Lambert,
    Albers,
    PolarStereographic,
    LambertAzimuthal,
    SpaceView,
    Healpix,
    Unstructured,
}

/// The figure of the earth: half axes in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::grib) struct Earth {
    pub(in crate::grib) major: f64,
    pub(in crate::grib) minor: f64,
}

/// The section of the grid, in degrees and metres.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::grib) struct Frame {
    pub(in crate::grib) kind: Kind,
    /// Points in all, as the section says or as rows and columns make.
    pub(in crate::grib) points: u64,
    /// Points along a row; `None` where rows differ.
    pub(in crate::grib) columns: Option<u64>,
    /// Points along a column.
    pub(in crate::grib) rows: u64,
    /// Latitude and longitude of the first and the last point.
    pub(in crate::grib) first: (f64, f64),
    pub(in crate::grib) last: (f64, f64),
    /// Parallels between a pole and the equator (Gaussian), or points along a side (HEALPix).
    pub(in crate::grib) n: u64,
    /// Points of every row where they differ.
    pub(in crate::grib) per_row: Vec<u64>,
    pub(in crate::grib) scan: u8,
    /// Table 3.3 (edition 1: table 7).
    pub(in crate::grib) flags: u8,
    pub(in crate::grib) earth: Earth,
    /// South pole of a rotated grid and the angle of rotation.
    pub(in crate::grib) pole: Option<(f64, f64, f64)>,
    /// Whether the grid is stretched.
    pub(in crate::grib) stretched: bool,
    /// Lengths of the grid in metres; in degrees, of latitudes and longitudes, 0 where they are not given.
    pub(in crate::grib) step: (f64, f64),
    /// Where these are true, or the standard parallel.
    pub(in crate::grib) true_latitude: f64,
    /// The meridian that is parallel to the y-axis.
    pub(in crate::grib) meridian: f64,
    pub(in crate::grib) parallels: (f64, f64),
    /// Table 3.5: bit 1 set where the south pole is in the plane.
    pub(in crate::grib) south: bool,
    /// Of satellites: where the point below lies in the image and how the image is turned; distance in radii.
    pub(in crate::grib) view: [f64; 5],
    /// The grid's identity where it has no coordinates of its own: number, number in reference, UUID.
    pub(in crate::grib) identity: (u64, u64, [u8; 16]),
}

impl Frame {
    fn new(kind: Kind, earth: Earth) -> Self {
        let zero = (0.0, 0.0);
        Self {
            kind,
            points: 0,
            columns: None,
            rows: 0,
            first: zero,
            last: zero,
            n: 0,
            per_row: Vec::new(),
            scan: 0,
            flags: 0,
            earth,
            pole: None,
            stretched: false,
            step: zero,
            true_latitude: 0.0,
            meridian: 0.0,
            parallels: zero,
            south: false,
            view: [0.0; 5],
            identity: (0, 0, [0; 16]),
        }
    }

    /// Whether rows have different numbers of points.
    pub(in crate::grib) fn is_reduced(&self) -> bool {
        self.columns.is_none() && !self.per_row.is_empty()
    }

    /// The name of the grid as ecCodes has it.
    pub(in crate::grib) fn type_name(&self) -> &'static str {
        let (reduced, rotated) = (self.is_reduced(), self.pole.is_some());
        match (self.kind, reduced, rotated) {
            (Kind::LatLon, true, false) => "reduced_ll",
            (Kind::LatLon, _, true) if self.stretched => "stretched_rotated_ll",
            (Kind::LatLon, _, true) => "rotated_ll",
            (Kind::LatLon, ..) if self.stretched => "stretched_ll",
            (Kind::LatLon, ..) => "regular_ll",
            (Kind::Gaussian, true, false) => "reduced_gg",
            (Kind::Gaussian, true, true) => "reduced_rotated_gg",
            (Kind::Gaussian, false, true) => "rotated_gg",
            (Kind::Gaussian, false, false) => "regular_gg",
            (Kind::Mercator, ..) => "mercator",
            (Kind::Lambert, ..) => "lambert",
            (Kind::Albers, ..) => "albers",
            (Kind::PolarStereographic, ..) => "polar_stereographic",
            (Kind::LambertAzimuthal, ..) => "lambert_azimuthal_equal_area",
            (Kind::SpaceView, ..) => "space_view",
            (Kind::Healpix, ..) => "healpix",
            (Kind::Unstructured, ..) => "unstructured_grid",
        }
    }
}

/// Reads the section of the grid.
///
/// # Errors
/// The reason why the grid can't be read.
pub(in crate::grib) fn frame(headers: &Headers) -> Result<Frame, String> {
    let section = Section(&headers.grid);
    let mut frame = match headers.edition {
        1 if headers.grid.is_empty() => {
            let number = headers.identification.get(6).copied().unwrap_or(255);
            return Err(format!("found no description of the grid, only its number {number} in a catalogue"));
        }
        1 => edition1(section)?,
        _ => edition2(section)?,
    };
    if frame.columns.is_none()
        && frame.per_row.is_empty()
        && !matches!(frame.kind, Kind::Healpix | Kind::Unstructured)
    {
        return Err("found a grid without the number of points along a row".to_owned());
    }
    let counted = match frame.columns {
        Some(columns) => columns.saturating_mul(frame.rows),
        None => frame.per_row.iter().sum(),
    };
    if frame.points == 0 {
        frame.points = counted;
    }
    if counted != 0 && counted != frame.points && !frame.is_reduced() {
        let (points, rows) = (frame.points, frame.rows);
        let columns = frame.columns.unwrap_or(0);
        return Err(format!("found {points} points in a grid of {rows} rows of {columns} points"));
    }
    Ok(frame)
}

/// Octets of a section, counted from 0.
#[derive(Clone, Copy)]
struct Section<'a>(&'a [u8]);

impl Section<'_> {
    fn uint(self, at: usize, octets: usize) -> u64 {
        let bytes = self.0.get(at..at + octets).unwrap_or_default();
        number(bytes, false, false).and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
    }

    /// A number of points; `None` where all bits are set.
    fn count(self, at: usize, octets: usize) -> Option<u64> {
        let bytes = self.0.get(at..at + octets).unwrap_or_default();
        number(bytes, false, true).and_then(|n| u64::try_from(n).ok())
    }

    fn int(self, at: usize, octets: usize) -> f64 {
        number(self.0.get(at..at + octets).unwrap_or_default(), true, false).unwrap_or(0) as f64
    }

    fn octet(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// Millidegrees of edition 1.
    fn milli(self, at: usize) -> f64 {
        self.int(at, 3) / 1000.0
    }

    /// Microdegrees of edition 2.
    fn micro(self, at: usize) -> f64 {
        self.int(at, 4) / 1e6
    }
}

fn edition1(section: Section<'_>) -> Result<Frame, String> {
    let (kind, rotated) = match section.octet(5) {
        0 => (Kind::LatLon, false),
        1 => (Kind::Mercator, false),
        3 => (Kind::Lambert, false),
        4 => (Kind::Gaussian, false),
        5 => (Kind::PolarStereographic, false),
        8 => (Kind::Albers, false),
        10 => (Kind::LatLon, true),
        14 => (Kind::Gaussian, true),
        90 => (Kind::SpaceView, false),
        50 | 60 | 70 | 80 => {
            return Err("found spherical harmonics (gridType `sh`), which are no grid".to_owned());
        }
        code => return Err(format!("found the grid type {code} (edition 1, table 6), which is not known")),
    };
    let oblate = section.octet(16) & 0x40 != 0;
    let earth = match oblate {
        true => Earth { major: 6_378_160.0, minor: 6_356_775.0 },
        false => Earth { major: RADIUS_EDITION_1, minor: RADIUS_EDITION_1 },
    };
    let mut frame = Frame::new(kind, earth);
    frame.columns = section.count(6, 2);
    frame.rows = section.count(8, 2).unwrap_or(0);
    frame.first = (section.milli(10), section.milli(13));
    frame.flags = section.octet(16);
    frame.scan = section.octet(27);
    match kind {
        Kind::LatLon | Kind::Gaussian | Kind::Mercator => frame.last = (section.milli(17), section.milli(20)),
        _ => frame.meridian = section.milli(17),
    }
    match kind {
        Kind::LatLon if frame.flags & 0x80 != 0 => {
            let degrees = |at| section.count(at, 2).map_or(0.0, |n| n as f64 / 1000.0);
            frame.step = (degrees(23), degrees(25));
        }
        Kind::Gaussian => frame.n = section.uint(25, 2),
        Kind::Mercator => {
            frame.true_latitude = section.milli(23);
            frame.step = (section.uint(28, 3) as f64, section.uint(31, 3) as f64);
        }
        Kind::Lambert | Kind::Albers | Kind::PolarStereographic => {
            frame.step = (section.uint(20, 3) as f64, section.uint(23, 3) as f64);
            frame.south = section.octet(26) & 0x80 != 0;
            frame.parallels = (section.milli(28), section.milli(31));
            frame.true_latitude = if frame.south { -60.0 } else { 60.0 };
        }
        Kind::SpaceView => {
            frame.meridian = frame.first.1;
            frame.step = (section.uint(17, 3) as f64, section.uint(20, 3) as f64);
            let two = |at| section.uint(at, 2) as f64;
            frame.view = [two(23), two(25), two(34), two(36), section.uint(31, 3) as f64 / 1e6];
        }
        _ => {}
    }
    if rotated {
        let angle = ibm(section.uint(38, 4) as u32);
        frame.pole = Some((section.milli(32), section.milli(35), angle));
    }
    per_row1(section, &mut frame);
    Ok(frame)
}

/// Points of every row, which stand behind the vertical coordinates.
fn per_row1(section: Section<'_>, frame: &mut Frame) {
    let (vertical, place) = (usize::from(section.octet(3)), usize::from(section.octet(4)));
    if frame.columns.is_some() || place == 255 || place == 0 {
        return;
    }
    let at = place - 1 + 4 * vertical;
    let rows = usize::try_from(frame.rows).unwrap_or(0);
    if section.0.len() >= at + 2 * rows {
        frame.per_row = (0..rows).map(|row| section.uint(at + 2 * row, 2)).collect();
    }
}

fn edition2(section: Section<'_>) -> Result<Frame, String> {
    let template = section.uint(12, 2);
    let (kind, rotated, stretched) = match template {
        0 => (Kind::LatLon, false, false),
        1 => (Kind::LatLon, true, false),
        2 => (Kind::LatLon, false, true),
        3 => (Kind::LatLon, true, true),
        10 => (Kind::Mercator, false, false),
        20 => (Kind::PolarStereographic, false, false),
        30 => (Kind::Lambert, false, false),
        31 => (Kind::Albers, false, false),
        40 => (Kind::Gaussian, false, false),
        41 => (Kind::Gaussian, true, false),
        90 => (Kind::SpaceView, false, false),
        101 => (Kind::Unstructured, false, false),
        140 => (Kind::LambertAzimuthal, false, false),
        150 => (Kind::Healpix, false, false),
        50..=53 | 61..=63 => {
            return Err("found spherical harmonics (gridType `sh`), which are no grid".to_owned());
        }
        _ => return Err(format!("found grid template 3.{template}, which is not known")),
    };
    let mut frame = Frame::new(kind, if kind == Kind::Unstructured { SPHERE } else { earth(section)? });
    frame.stretched = stretched;
    frame.points = section.uint(6, 4);
    if !matches!(kind, Kind::Healpix | Kind::Unstructured) {
        frame.columns = section.count(30, 4);
        frame.rows = section.count(34, 4).unwrap_or(0);
        frame.first = (section.micro(38), section.micro(42));
        frame.flags = section.octet(46);
    }
    match kind {
        Kind::LatLon | Kind::Gaussian => latlon2(section, &mut frame, rotated),
        _ => plane2(section, &mut frame),
    }
    if frame.scan & 0x0f != 0 {
        return Err(format!("found rows that are offset (scanning mode {:#010b})", frame.scan));
    }
    Ok(frame)
}

fn latlon2(section: Section<'_>, frame: &mut Frame, rotated: bool) {
    let (basic, parts) = (section.count(38, 4), section.count(42, 4));
    let unit = match (basic, parts) {
        (Some(basic), Some(parts)) if basic > 0 && parts > 0 => basic as f64 / parts as f64,
        _ => 1e-6,
    };
    let degrees = |at: usize| if unit == 1e-6 { section.micro(at) } else { section.int(at, 4) * unit };
    frame.first = (degrees(46), degrees(50));
    frame.flags = section.octet(54);
    frame.last = (degrees(55), degrees(59));
    frame.n = section.uint(67, 4);
    if frame.kind == Kind::LatLon && frame.flags & 0x10 != 0 {
        frame.step.1 = section.count(67, 4).map_or(0.0, |n| n as f64 * unit);
    }
    frame.scan = section.octet(71);
    let mut at = 72;
    if rotated {
        let angle = f32::from_bits(section.uint(80, 4) as u32);
        frame.pole = Some((degrees(72), degrees(76), angle.into()));
        at = 84;
    }
    let octets = usize::from(section.octet(10));
    let rows = usize::try_from(frame.rows).unwrap_or(0);
    if frame.columns.is_none() && octets > 0 && section.0.len() >= at + octets * rows {
        frame.per_row = (0..rows).map(|row| section.uint(at + octets * row, octets)).collect();
    }
}

fn plane2(section: Section<'_>, frame: &mut Frame) {
    let metres = |at: usize| section.uint(at, 4) as f64 / 1000.0;
    match frame.kind {
        Kind::Mercator => {
            frame.true_latitude = section.micro(47);
            frame.last = (section.micro(51), section.micro(55));
            frame.scan = section.octet(59);
            frame.meridian = section.micro(60);
            frame.step = (metres(64), metres(68));
        }
        Kind::LambertAzimuthal => {
            frame.true_latitude = section.micro(46);
            frame.meridian = section.micro(50);
            frame.flags = section.octet(54);
            frame.step = (metres(55), metres(59));
            frame.scan = section.octet(63);
        }
        Kind::SpaceView => {
            frame.meridian = frame.first.1;
            frame.step = (section.uint(47, 4) as f64, section.uint(51, 4) as f64);
            frame.scan = section.octet(63);
            let four = |at| section.uint(at, 4) as f64;
            frame.view = [four(55) / 1e3, four(59) / 1e3, four(72), four(76), four(68) / 1e6];
        }
        Kind::Healpix => {
            frame.n = section.uint(31, 4);
            frame.first = (0.0, section.micro(35));
            frame.flags = section.octet(40);
            frame.view[0] = f64::from(section.octet(39));
            frame.scan = section.octet(41);
        }
        Kind::Unstructured => {
            let mut uuid = [0; 16];
            uuid.iter_mut().zip(19..).for_each(|(octet, at)| *octet = section.octet(at));
            frame.identity = (section.uint(15, 3), section.uint(18, 1), uuid);
        }
        _ => {
            frame.true_latitude = section.micro(47);
            frame.meridian = section.micro(51);
            frame.step = (metres(55), metres(59));
            frame.south = section.octet(63) & 0x80 != 0;
            frame.scan = section.octet(64);
            frame.parallels = (section.micro(65), section.micro(69));
        }
    }
}

const SPHERE: Earth = Earth { major: 6_371_229.0, minor: 6_371_229.0 };

/// The figure of the earth of edition 2 (table 3.2).
fn earth(section: Section<'_>) -> Result<Earth, String> {
    let scaled = |at: usize| section.uint(at + 1, 4) as f64 / 10f64.powi(i32::from(section.octet(at)));
    let sphere = |radius| Earth { major: radius, minor: radius };
    let earth = match section.octet(14) {
        0 => sphere(6_367_470.0),
        1 => sphere(scaled(15)),
        2 => Earth { major: 6_378_160.0, minor: 6_356_775.0 },
        3 => Earth { major: scaled(20) * 1000.0, minor: scaled(25) * 1000.0 },
        4 => Earth { major: 6_378_137.0, minor: 6_356_752.314 },
        5 => Earth { major: 6_378_137.0, minor: 6_356_752.314_245 },
        6 => SPHERE,
        7 => Earth { major: scaled(20), minor: scaled(25) },
        8 => sphere(6_371_200.0),
        9 => Earth { major: 6_377_563.396, minor: 6_356_256.909 },
        code => return Err(format!("found the shape of the earth {code} (table 3.2), which is not known")),
    };
    match earth.major > 0.0 && earth.minor > 0.0 {
        true => Ok(earth),
        false => Err("found an earth without a radius".to_owned()),
    }
}

/// A number of IBM's single precision, as edition 1 has them.
fn ibm(bits: u32) -> f64 {
    let exponent = i32::try_from(bits >> 24 & 0x7f).unwrap_or(0) - 64;
    let value = f64::from(bits & 0x00ff_ffff) * 16f64.powi(exponent) / f64::from(1 << 24);
    if bits >> 31 == 1 { -value } else { value }
}

#[cfg(test)]
pub(in crate::grib) fn test_frame(kind: Kind, minor: f64) -> Frame {
    Frame::new(kind, Earth { major: 6_371_000.0, minor })
}
