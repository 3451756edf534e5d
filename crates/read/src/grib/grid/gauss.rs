//! Gaussian latitudes: the zeros of Legendre polynomials.

/// Latitudes in degrees from north to south of a Gaussian grid with `n` parallels between a pole and the equator.
///
/// Newton's method in double precision; the error is below 1e-11 degrees.
pub(in crate::grib) fn latitudes(n: u64) -> Vec<f64> {
    let all = 2 * n as usize;
    let half: Vec<f64> = (0..n as usize).map(|row| zero(all, row).asin().to_degrees()).collect();
    half.iter().copied().chain(half.iter().rev().map(|latitude| -latitude)).collect()
}

/// The zero number `row` from the top of the Legendre polynomial of degree `all`.
fn zero(all: usize, row: usize) -> f64 {
    let degree = all as f64;
    let mut x = (std::f64::consts::PI * (row as f64 + 0.75) / (degree + 0.5)).cos();
    for _ in 0..20 {
        let (mut before, mut value) = (1.0, x);
        for k in 2..=all {
            let k = k as f64;
            (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
        }
        let slope = degree * (before - x * value) / (1.0 - x * x);
        let step = value / slope;
        x -= step;
        if step.abs() < 1e-15 {
            break;
        }
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latitudes_as_published() {
        // N32 of ECMWF's tables
        let rows = [(32, 0, 87.8638), (32, 31, 1.3953), (80, 0, 89.1416), (2, 0, 59.444_408_289_166_1)];
        for (n, row, expected) in rows {
            let found = latitudes(n);
            assert_eq!(found.len(), 2 * n as usize);
            assert!((found[row] - expected).abs() < 1e-4, "{n} {row} {}", found[row]);
            assert_eq!(found[row], -found[found.len() - 1 - row]);
        }
    }
}
