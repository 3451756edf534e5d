//! What packed numbers become.

/// A number that a field is decoded to, as the bytes that it takes.
pub(super) trait Value {
    /// Little-endian bytes of one number.
    type Cell: Copy;
    /// No value.
    const MISSING: Self::Cell;

    /// The bytes as cells; a rest that is none is left out.
    fn cells(bytes: &mut [u8]) -> &mut [Self::Cell];

    /// A number, rounded to nearest.
    fn cell(value: f64) -> Self::Cell;
}

impl Value for f32 {
    type Cell = [u8; 4];
    const MISSING: [u8; 4] = Self::NAN.to_le_bytes();

    fn cells(bytes: &mut [u8]) -> &mut [[u8; 4]] {
        bytes.as_chunks_mut().0
    }

    #[inline]
    fn cell(value: f64) -> [u8; 4] {
        (value as Self).to_le_bytes()
    }
}

impl Value for f64 {
    type Cell = [u8; 8];
    const MISSING: [u8; 8] = Self::NAN.to_le_bytes();

    fn cells(bytes: &mut [u8]) -> &mut [[u8; 8]] {
        bytes.as_chunks_mut().0
    }

    #[inline]
    fn cell(value: f64) -> [u8; 8] {
        value.to_le_bytes()
    }
}

/// How a packed number X stands for a value: (R + X 2^E) 10^-D (GRIB 1 section 4, GRIB 2 regulation 92.9.4).
///
/// In 64 bits and in the order of operations of ecCodes, whose values the results equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// R.
    pub(super) reference: f64,
    binary: f64,
    decimal: f64,
}

impl Scale {
    /// By the reference value, the binary and the decimal scale factor.
    pub(super) fn new(reference: f64, binary: i32, decimal: i32) -> Self {
        Self { reference, binary: power(2.0, binary), decimal: power(10.0, -decimal) }
    }

    /// The value of a packed number.
    #[inline]
    pub(super) fn value(self, packed: f64) -> f64 {
        (packed * self.binary + self.reference) * self.decimal
    }
}

/// A power by repeated multiplication or division, rounded at every step.
pub(super) fn power(base: f64, exponent: i32) -> f64 {
    let mut result = 1.0;
    for _ in 0..exponent.unsigned_abs().min(EXPONENT_MAX) {
        if exponent > 0 {
            result *= base;
        } else {
            result /= base;
        }
    }
    result
}

/// Beyond this any power is zero or infinite.
const EXPONENT_MAX: u32 = 1100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers() {
        let rows = [
            (2.0, 0, 1.0),
            (2.0, 5, 32.0),
            (2.0, -1074, f64::from_bits(1)),
            (2.0, 32767, f64::INFINITY),
            (10.0, -1, 0.1),
            (10.0, 3, 1000.0),
            (10.0, -32767, 0.0),
        ];
        for (base, exponent, expected) in rows {
            assert_eq!(power(base, exponent), expected, "{base} {exponent}");
        }
    }

    #[test]
    fn values_by_the_formula() {
        // R, E, D, X, value
        let rows = [
            (0.0, 0, 0, 7.0, 7.0),
            (270.0, -2, 0, 5.0, 271.25),
            (-100.0, 3, 1, 20.0, 6.0),
            (1.0, 0, -2, 3.0, 400.0),
        ];
        for (reference, binary, decimal, packed, expected) in rows {
            assert_eq!(Scale::new(reference, binary, decimal).value(packed), expected);
        }
    }
}
