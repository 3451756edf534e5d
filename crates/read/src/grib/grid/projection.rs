//! Maps of the earth's sphere or ellipsoid on a plane, there and back (Snyder, Map Projections: A Working Manual, USGS
//! Professional Paper 1395). Degrees and metres.

use std::f64::consts::{FRAC_PI_2, FRAC_PI_4, PI};

use super::frame::{Earth, Frame, Kind};

/// Passes of iterations that converge within some.
const PASSES: usize = 15;

/// A projection with its constants.
#[derive(Debug, Clone, Copy)]
pub(in crate::grib) struct Projection {
    form: Form,
    /// Major half axis and eccentricity.
    a: f64,
    e: f64,
    /// The central meridian, radians.
    meridian: f64,
}

#[derive(Debug, Clone, Copy)]
enum Form {
    Mercator {
        scale: f64,
    },
    /// Conformal (polar stereographic with `n` 1 is no special case of it, for the sphere's sake).
    Conic {
        n: f64,
        f: f64,
        origin: f64,
    },
    EqualAreaConic {
        n: f64,
        c: f64,
        origin: f64,
    },
    Polar {
        scale: f64,
        south: bool,
    },
    Azimuthal {
        q_pole: f64,
        beta: f64,
        d: f64,
        radius: f64,
    },
}

impl Projection {
    /// The projection of a grid; `None` where it is none of a plane, or has no meaning.
    pub(in crate::grib) fn new(frame: &Frame) -> Option<Self> {
        let Earth { major, minor } = frame.earth;
        let e = (1.0 - (minor / major).powi(2)).max(0.0).sqrt();
        let plain =
            Self { form: Form::Mercator { scale: 1.0 }, a: major, e, meridian: frame.meridian.to_radians() };
        let (one, two) = (frame.parallels.0.to_radians(), frame.parallels.1.to_radians());
        let origin = frame.true_latitude.to_radians();
        let form = match frame.kind {
            Kind::Mercator => Form::Mercator { scale: plain.m(origin) },
            Kind::Lambert => plain.conic(one, two, if frame.true_latitude == 0.0 { one } else { origin }),
            Kind::Albers => plain.equal_area_conic(one, two, origin),
            Kind::PolarStereographic => plain.polar(origin, frame.south),
            Kind::LambertAzimuthal => plain.azimuthal(origin),
            _ => return None,
        };
        Some(Self { form, ..plain })
    }

    fn conic(&self, one: f64, two: f64, origin: f64) -> Form {
        let n = match (one - two).abs() < 1e-10 {
            true => one.sin(),
            false => (self.m(one) / self.m(two)).ln() / (self.t(one) / self.t(two)).ln(),
        };
        let f = self.m(one) / (n * self.t(one).powf(n));
        Form::Conic { n, f, origin: self.a * f * self.t(origin).powf(n) }
    }

    fn equal_area_conic(&self, one: f64, two: f64, origin: f64) -> Form {
        let n = match (one - two).abs() < 1e-10 {
            true => one.sin(),
            false => (self.m(one).powi(2) - self.m(two).powi(2)) / (self.q(two) - self.q(one)),
        };
        let c = self.m(one).powi(2) + n * self.q(one);
        Form::EqualAreaConic { n, c, origin: self.a * (c - n * self.q(origin)).max(0.0).sqrt() / n }
    }

    fn polar(&self, origin: f64, south: bool) -> Form {
        let parallel = origin.abs();
        let scale = match (parallel - FRAC_PI_2).abs() < 1e-10 {
            true => 2.0 / ((1.0 + self.e).powf(1.0 + self.e) * (1.0 - self.e).powf(1.0 - self.e)).sqrt(),
            false => self.m(parallel) / self.t(parallel),
        };
        Form::Polar { scale, south }
    }

    fn azimuthal(&self, origin: f64) -> Form {
        let q_pole = self.q(FRAC_PI_2);
        let beta = (self.q(origin) / q_pole).clamp(-1.0, 1.0).asin();
        let radius = self.a * (q_pole / 2.0).sqrt();
        let pole = (origin.abs() - FRAC_PI_2).abs() < 1e-10;
        let d = if pole { 1.0 } else { self.a * self.m(origin) / (radius * beta.cos()) };
        Form::Azimuthal { q_pole, beta, d, radius }
    }

    /// From latitude and longitude to x and y.
    pub(in crate::grib) fn forward(&self, (latitude, longitude): (f64, f64)) -> (f64, f64) {
        let latitude = latitude.to_radians();
        let away = turn(longitude.to_radians() - self.meridian);
        match self.form {
            Form::Mercator { scale } => (self.a * scale * away, -self.a * scale * self.t(latitude).ln()),
            Form::Conic { n, f, origin } => {
                let rho = self.a * f * self.t(latitude).powf(n);
                (rho * (n * away).sin(), origin - rho * (n * away).cos())
            }
            Form::EqualAreaConic { n, c, origin } => {
                let rho = self.a * (c - n * self.q(latitude)).max(0.0).sqrt() / n;
                (rho * (n * away).sin(), origin - rho * (n * away).cos())
            }
            Form::Polar { scale, south } => {
                let sign = if south { -1.0 } else { 1.0 };
                let rho = self.a * scale * self.t(sign * latitude);
                (rho * away.sin(), -sign * rho * away.cos())
            }
            Form::Azimuthal { q_pole, beta, d, radius } => {
                let own = (self.q(latitude) / q_pole).clamp(-1.0, 1.0).asin();
                let along = 1.0 + beta.sin() * own.sin() + beta.cos() * own.cos() * away.cos();
                let b = radius * (2.0 / along).sqrt();
                let y = beta.cos() * own.sin() - beta.sin() * own.cos() * away.cos();
                (b * d * own.cos() * away.sin(), b / d * y)
            }
        }
    }

    /// From x and y to latitude and longitude, the latter from 0 to below 360.
    pub(in crate::grib) fn inverse(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let (latitude, away) = match self.form {
            Form::Mercator { scale } => (self.of_t((-y / (self.a * scale)).exp()), x / (self.a * scale)),
            Form::Conic { n, f, origin } => {
                let rho = x.hypot(origin - y).copysign(n);
                let theta = (n.signum() * x).atan2(n.signum() * (origin - y));
                (self.of_t((rho / (self.a * f)).powf(1.0 / n)), theta / n)
            }
            Form::EqualAreaConic { n, c, origin } => {
                let rho = x.hypot(origin - y);
                let theta = (n.signum() * x).atan2(n.signum() * (origin - y));
                (self.of_q((c - (rho * n / self.a).powi(2)) / n), theta / n)
            }
            Form::Polar { scale, south } => {
                let sign = if south { -1.0 } else { 1.0 };
                let rho = x.hypot(y);
                (sign * self.of_t(rho / (self.a * scale)), x.atan2(-sign * y))
            }
            Form::Azimuthal { q_pole, beta, d, radius } => {
                let rho = (x / d).hypot(d * y);
                let arc = 2.0 * (rho / (2.0 * radius)).clamp(-1.0, 1.0).asin();
                let lift = if rho == 0.0 { 0.0 } else { d * y * arc.sin() * beta.cos() / rho };
                let q = q_pole * (arc.cos() * beta.sin() + lift);
                let across = d * rho * beta.cos() * arc.cos() - d * d * y * beta.sin() * arc.sin();
                (self.of_q(q), if rho == 0.0 { 0.0 } else { (x * arc.sin()).atan2(across) })
            }
        };
        (latitude.to_degrees(), (self.meridian + away).to_degrees().rem_euclid(360.0))
    }

    fn m(&self, latitude: f64) -> f64 {
        latitude.cos() / (1.0 - (self.e * latitude.sin()).powi(2)).sqrt()
    }

    fn t(&self, latitude: f64) -> f64 {
        let sine = self.e * latitude.sin();
        (FRAC_PI_4 - latitude / 2.0).tan() / ((1.0 - sine) / (1.0 + sine)).powf(self.e / 2.0)
    }

    fn of_t(&self, t: f64) -> f64 {
        let mut latitude = FRAC_PI_2 - 2.0 * t.atan();
        if self.e > 0.0 {
            for _ in 0..PASSES {
                let sine = self.e * latitude.sin();
                latitude = FRAC_PI_2 - 2.0 * (t * ((1.0 - sine) / (1.0 + sine)).powf(self.e / 2.0)).atan();
            }
        }
        latitude
    }

    fn q(&self, latitude: f64) -> f64 {
        let (e, sine) = (self.e, latitude.sin());
        if e == 0.0 {
            return 2.0 * sine;
        }
        let log = ((1.0 - e * sine) / (1.0 + e * sine)).ln() / (2.0 * e);
        (1.0 - e * e) * (sine / (1.0 - (e * sine).powi(2)) - log)
    }

    fn of_q(&self, q: f64) -> f64 {
        let e = self.e;
        let mut latitude = (q / 2.0).clamp(-1.0, 1.0).asin();
        if e == 0.0 {
            return latitude;
        }
        if q.abs() >= self.q(FRAC_PI_2) {
            return FRAC_PI_2.copysign(q);
        }
        for _ in 0..PASSES {
            let sine = latitude.sin();
            let square = 1.0 - (e * sine).powi(2);
            let log = ((1.0 - e * sine) / (1.0 + e * sine)).ln() / (2.0 * e);
            latitude += square.powi(2) / (2.0 * latitude.cos()) * (q / (1.0 - e * e) - sine / square + log);
        }
        latitude
    }
}

/// An angle from -pi to pi.
fn turn(angle: f64) -> f64 {
    let turned = (angle + PI).rem_euclid(2.0 * PI) - PI;
    if turned == -PI && angle > 0.0 { PI } else { turned }
}

/// From the coordinates of a rotated grid, whose south pole lies at `pole`, to geographic ones.
pub(in crate::grib) fn unrotate((latitude, longitude): (f64, f64), pole: (f64, f64, f64)) -> (f64, f64) {
    let (latitude, longitude) = (latitude.to_radians(), longitude.to_radians());
    let (sin_t, cos_t) = (-(90.0 + pole.0)).to_radians().sin_cos();
    let (sin_o, cos_o) = (-pole.1).to_radians().sin_cos();
    let (x, y, z) = (longitude.cos() * latitude.cos(), longitude.sin() * latitude.cos(), latitude.sin());
    let east = cos_t * cos_o * x + sin_o * y + sin_t * cos_o * z;
    let north = -cos_t * sin_o * x + cos_o * y - sin_t * sin_o * z;
    let up = (-sin_t * x + cos_t * z).clamp(-1.0, 1.0);
    (up.asin().to_degrees(), north.atan2(east).to_degrees() - pole.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grib::grid::frame::test_frame;

    #[test]
    fn there_and_back() {
        let kinds =
            [Kind::Mercator, Kind::Lambert, Kind::Albers, Kind::PolarStereographic, Kind::LambertAzimuthal];
        for kind in kinds {
            for minor in [6_371_000.0, 6_350_000.0] {
                let mut frame = test_frame(kind, minor);
                frame.true_latitude = 50.0;
                frame.meridian = 10.0;
                frame.parallels = (35.0, 60.0);
                let projection = Projection::new(&frame).unwrap();
                for point in [(40.0, 5.0), (60.0, 20.0), (10.5, 359.0)] {
                    let (latitude, longitude) = projection.inverse(projection.forward(point));
                    assert!((latitude - point.0).abs() < 1e-9, "{kind:?} {point:?} {latitude}");
                    assert!((longitude - point.1).abs() < 1e-9, "{kind:?} {point:?} {longitude}");
                }
            }
        }
    }
}
