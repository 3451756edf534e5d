//! Where the points of a grid are: latitudes and longitudes in the order of the file.

use super::frame::{Frame, Kind};
use super::projection::{Projection, unrotate};
use super::{gauss, healpix};

/// Latitudes may differ so much from those of the Gaussian grid that they are of.
const GAUSSIAN_DEGREES: f64 = 0.01;
/// Parallels of a Gaussian grid between a pole and the equator; models have a third of it.
pub(super) const GAUSSIAN_MAX: u64 = 8192;

/// Scanning modes that say nothing of rows of different lengths: from east to west, by columns, to and fro.
const NOT_BY_ROWS: [(u8, &str); 3] =
    [(0x80, "from east to west"), (0x20, "by columns"), (0x10, "in alternating directions")];

impl Frame {
    /// Why points can't be told from the scanning mode.
    ///
    /// Of rows of different lengths ecCodes reads no bit of it, and makes places of its own where rows begin in the south.
    pub(super) fn scan_refusal(&self) -> Option<String> {
        if self.is_reduced()
            && let Some((_, how)) = NOT_BY_ROWS.iter().find(|(bit, _)| self.scan & bit != 0)
        {
            let scan = self.scan;
            return Some(format!(
                "found rows of different lengths that are scanned {how} (scanning mode {scan:#010b})"
            ));
        }
        let (first, last) = (self.first.0, self.last.0);
        let follows = if self.j_positive() { first <= last } else { first >= last };
        if (self.is_reduced() || self.kind == Kind::Gaussian) && !follows {
            let way = if self.j_positive() { "south to north" } else { "north to south" };
            return Some(format!(
                "found rows from latitude {first} to {last}, but the scanning mode has them from {way}"
            ));
        }
        None
    }

    pub(in crate::grib) fn i_negative(&self) -> bool {
        self.scan & 0x80 != 0
    }

    pub(in crate::grib) fn j_positive(&self) -> bool {
        self.scan & 0x40 != 0
    }

    /// Latitudes of the rows of a grid of latitudes and longitudes; `None` where they can't be told.
    pub(in crate::grib) fn latitudes(&self) -> Option<Vec<f64>> {
        let rows = self.rows as usize;
        if self.kind == Kind::Gaussian {
            return self.gaussian(rows);
        }
        let step = if self.j_positive() { self.step.1 } else { -self.step.1 };
        let end = self.first.0 + step * rows.saturating_sub(1) as f64;
        // as ecCodes does it: by the step where it leads to the last latitude, or near
        match step != 0.0 && (end - self.last.0).abs() < step.abs() / 2.0 {
            true => Some((0..rows).map(|row| self.first.0 + row as f64 * step).collect()),
            false => Some(spaced(self.first.0, self.last.0, rows)),
        }
    }

    /// The parallels of a Gaussian grid from the first to the last latitude of the section.
    fn gaussian(&self, rows: usize) -> Option<Vec<f64>> {
        if self.n == 0 || self.n > GAUSSIAN_MAX {
            return None;
        }
        let mut all = gauss::latitudes(self.n);
        if self.j_positive() {
            all.reverse();
        }
        let near = |latitude: f64| (latitude - self.first.0).abs();
        let from = (0..all.len()).min_by(|&a, &b| near(all[a]).total_cmp(&near(all[b])))?;
        let from = if rows == all.len() { 0 } else { from };
        let found = all.get(from..from.checked_add(rows)?)?;
        let close = rows == all.len() || near(*found.first()?) < GAUSSIAN_DEGREES;
        close.then(|| found.to_vec())
    }

    /// Longitudes of the columns, from 0 to below 360 unless the grid is rotated.
    pub(in crate::grib) fn longitudes(&self) -> Option<Vec<f64>> {
        let columns = usize::try_from(self.columns?).ok()?;
        let (first, mut last) = (self.first.1, self.last.1);
        match self.i_negative() {
            false if last < first => last += 360.0,
            true if last > first => last -= 360.0,
            _ => {}
        }
        if first == last && columns > 1 {
            last += if self.i_negative() { -360.0 } else { 360.0 };
            let step = (last - first) / columns as f64;
            return Some((0..columns).map(|i| self.normal(first + i as f64 * step)).collect());
        }
        Some(spaced(first, last, columns).into_iter().map(|longitude| self.normal(longitude)).collect())
    }

    fn normal(&self, longitude: f64) -> f64 {
        match longitude {
            _ if self.pole.is_some() => longitude,
            // what sums of steps leave beside the meridian of Greenwich
            -1e-9..1e-9 => 0.0,
            360.0.. => longitude - 360.0,
            ..0.0 => longitude + 360.0,
            _ => longitude,
        }
    }

    /// x and y of the columns and rows of a grid in a plane, in metres.
    pub(in crate::grib) fn plane(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let projection = Projection::new(self)?;
        let (x, y) = projection.forward(self.first);
        let dx = if self.i_negative() { -self.step.0 } else { self.step.0 };
        let dy = if self.j_positive() { self.step.1 } else { -self.step.1 };
        let all = |start: f64, step: f64, n: u64| (0..n).map(|i| start + i as f64 * step).collect();
        Some((all(x, dx, self.columns?), all(y, dy, self.rows)))
    }

    /// Whether [`Frame::all_points`] has an answer, without computing it.
    pub(in crate::grib) fn has_points(&self) -> bool {
        match self.kind {
            Kind::LatLon | Kind::Gaussian if self.is_reduced() => {
                self.reduced_rows().is_some() && (self.kind == Kind::LatLon || self.latitudes().is_some())
            }
            Kind::LatLon | Kind::Gaussian => self.columns.is_some() && self.latitudes().is_some(),
            Kind::Healpix => {
                let pixels = self.n.checked_mul(self.n).and_then(|n| n.checked_mul(12));
                self.n > 0 && pixels == Some(self.points)
            }
            _ => self.columns.is_some() && Projection::new(self).is_some(),
        }
    }

    /// Latitude and longitude of every point, in the order of the file, row by row.
    pub(in crate::grib) fn all_points(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        match self.kind {
            Kind::LatLon | Kind::Gaussian if self.is_reduced() => self.reduced(),
            Kind::LatLon | Kind::Gaussian => {
                let (latitudes, longitudes) = (self.latitudes()?, self.longitudes()?);
                let points = latitudes.iter().flat_map(|&j| longitudes.iter().map(move |&i| (j, i)));
                Some(self.turned(points))
            }
            Kind::Healpix => {
                let nested = self.flags == 1;
                Some((0..self.points).map(|pixel| healpix::centre(self.n, pixel, nested)).unzip())
            }
            _ => {
                let projection = Projection::new(self)?;
                let (x, y) = self.plane()?;
                let points = y.iter().flat_map(|&y| x.iter().map(move |&x| (x, y)));
                Some(points.map(|point| projection.inverse(point)).unzip())
            }
        }
    }

    fn turned(&self, points: impl Iterator<Item = (f64, f64)>) -> (Vec<f64>, Vec<f64>) {
        match self.pole {
            Some(pole) => points.map(|point| unrotate(point, pole)).unzip(),
            None => points.unzip(),
        }
    }

    /// The points of rows of different lengths.
    fn reduced(&self) -> Option<(Vec<f64>, Vec<f64>)> {
        let rows = self.reduced_rows()?;
        let latitudes = self.latitudes()?;
        let points = latitudes.iter().zip(&rows).flat_map(|(&latitude, row)| {
            let (start, step, n) = *row;
            (0..n).map(move |i| (latitude, self.normal((start + i as f64 * step).rem_euclid(360.0))))
        });
        Some(self.turned(points))
    }

    /// First longitude, step and number of points of every row; `None` where they are not as many as the section says.
    fn reduced_rows(&self) -> Option<Vec<(f64, f64, u64)>> {
        let (first, mut last) = (self.first.1, self.last.1);
        if last < first {
            last += 360.0;
        }
        let most = self.per_row.iter().max().copied().unwrap_or(1).max(1);
        let global = last - first + 1.1 * 360.0 / most as f64 >= 360.0;
        let whole = self.per_row.iter().map(|&n| (first, 360.0 / n.max(1) as f64, n));
        if global && self.per_row.iter().sum::<u64>() == self.points {
            return Some(whole.collect());
        }
        let part = |n: u64| {
            if self.kind == Kind::LatLon {
                return (first, (last - first) / n.saturating_sub(1).max(1) as f64, n);
            }
            let step = 360.0 / n.max(1) as f64;
            let (from, to) = ((first / step - 1e-3).ceil(), (last / step + 1e-3).floor());
            (from * step, step, (to - from + 1.0).clamp(0.0, n as f64) as u64)
        };
        let rows: Vec<_> = self.per_row.iter().map(|&n| part(n)).collect();
        let counted: u64 = rows.iter().map(|row| row.2).sum();
        (counted == self.points || self.points == 0).then_some(rows)
    }

    /// Points of a grid with rows of different lengths in edition 1, which does not say how many they are.
    pub(in crate::grib) fn count_reduced(&mut self) {
        let counted: u64 = self.per_row.iter().sum();
        self.points = counted;
        let (first, last) = (self.first.1, self.last.1);
        let most = self.per_row.iter().max().copied().unwrap_or(1).max(1);
        let width = if last < first { last + 360.0 - first } else { last - first };
        if width + 1.1 * 360.0 / (most as f64) < 360.0 && self.kind == Kind::Gaussian {
            self.points = 0;
            let rows = self.reduced_rows().unwrap_or_default();
            self.points = rows.iter().map(|row| row.2).sum();
        }
    }
}

/// So many numbers from the first to the last, evenly spaced.
fn spaced(first: f64, last: f64, n: usize) -> Vec<f64> {
    let step = (last - first) / n.saturating_sub(1).max(1) as f64;
    (0..n).map(|i| if i > 0 && i + 1 == n { last } else { first + i as f64 * step }).collect()
}
