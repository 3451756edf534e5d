//! Centres of the pixels of HEALPix (Górski et al. 2005, ApJ 622, 759).

use std::f64::consts::{FRAC_PI_2, PI};

/// Latitude and longitude of the pixel of that number, for `side` pixels along a side of each of the twelve faces.
pub(in crate::grib) fn centre(side: u64, pixel: u64, nested: bool) -> (f64, f64) {
    match nested {
        true => of_face(side, pixel),
        false => of_ring(side, pixel),
    }
}

fn of_ring(side: u64, pixel: u64) -> (f64, f64) {
    let (n, all) = (side as f64, 12 * side * side);
    let cap = 2 * side * (side.saturating_sub(1));
    let (z, longitude) = if pixel < cap {
        let ring = ring_of(pixel);
        let in_ring = pixel - 2 * ring * (ring - 1);
        (1.0 - (ring * ring) as f64 / (3.0 * n * n), (in_ring as f64 + 0.5) * FRAC_PI_2 / ring as f64)
    } else if pixel < all - cap {
        let at = pixel - cap;
        let (ring, in_ring) = (at / (4 * side) + side, at % (4 * side));
        let shift = if (ring + side).is_multiple_of(2) { 0.5 } else { 0.0 };
        ((2.0 * n - ring as f64) * 2.0 / (3.0 * n), (in_ring as f64 + shift) * FRAC_PI_2 / n)
    } else {
        let at = all - 1 - pixel.min(all - 1);
        let ring = ring_of(at);
        let in_ring = 4 * ring - 1 - (at - 2 * ring * (ring - 1));
        ((ring * ring) as f64 / (3.0 * n * n) - 1.0, (in_ring as f64 + 0.5) * FRAC_PI_2 / ring as f64)
    };
    (z.clamp(-1.0, 1.0).asin().to_degrees(), longitude.to_degrees())
}

/// The ring of a pixel of a cap, from 1 at the pole.
fn ring_of(pixel: u64) -> u64 {
    let mut ring = ((1.0 + (1.0 + 2.0 * pixel as f64).sqrt()) / 2.0) as u64;
    while ring > 1 && 2 * ring * (ring - 1) > pixel {
        ring -= 1;
    }
    while 2 * ring * (ring + 1) <= pixel {
        ring += 1;
    }
    ring.max(1)
}

fn of_face(side: u64, pixel: u64) -> (f64, f64) {
    const ROW: [i64; 12] = [2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4];
    const COLUMN: [i64; 12] = [1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7];
    let face = usize::try_from(pixel / (side * side)).unwrap_or(0).min(11);
    let (x, y) = spread(pixel % (side * side));
    let n = side as i64;
    let ring = ROW.get(face).copied().unwrap_or(2) * n - x - y - 1;
    let (length, z, shift) = if ring < n {
        (ring, 1.0 - (ring * ring) as f64 / (3 * n * n) as f64, 0)
    } else if ring > 3 * n {
        let length = 4 * n - ring;
        (length, (length * length) as f64 / (3 * n * n) as f64 - 1.0, 0)
    } else {
        (n, (2 * n - ring) as f64 * 2.0 / (3 * n) as f64, (ring - n) & 1)
    };
    let column = COLUMN.get(face).copied().unwrap_or(0);
    let mut place = (column * length + x - y + 1 + shift) / 2;
    if place > 4 * n {
        place -= 4 * n;
    }
    if place < 1 {
        place += 4 * n;
    }
    let longitude = (place as f64 - (shift + 1) as f64 * 0.5) * FRAC_PI_2 / length as f64;
    (z.clamp(-1.0, 1.0).asin().to_degrees(), longitude.rem_euclid(2.0 * PI).to_degrees())
}

/// The even bits of a number and the odd ones.
fn spread(pixel: u64) -> (i64, i64) {
    let gather = |bits: u64| (0..31).fold(0i64, |sum, bit| sum | ((bits >> (2 * bit) & 1) as i64) << bit);
    (gather(pixel), gather(pixel >> 1))
}
