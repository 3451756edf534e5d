//! Octets of a section, numbered from 1 as in the manual.

use arcoforge_core::error::Result;

use crate::corrupt;

/// A section, for messages and with its bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'a> {
    /// Its number.
    pub(super) number: u8,
    /// From its length on.
    pub(super) bytes: &'a [u8],
}

impl<'a> Section<'a> {
    /// So many octets from this one on.
    fn octets<const COUNT: usize>(&self, octet: usize) -> Result<[u8; COUNT]> {
        let from = self.bytes.get(octet.saturating_sub(1)..);
        from.and_then(<[u8]>::first_chunk).copied().ok_or_else(|| self.short(octet + COUNT - 1))
    }

    fn short(&self, expected: usize) -> arcoforge_core::error::Error {
        let Self { number, bytes } = self;
        corrupt(format!("GRIB section {number}: {} bytes found, {expected} expected", bytes.len()))
    }

    /// An octet as a number.
    pub(super) fn u8(&self, octet: usize) -> Result<u8> {
        self.octets::<1>(octet).map(|[byte]| byte)
    }

    /// Two octets as a number.
    pub(super) fn u16(&self, octet: usize) -> Result<u16> {
        self.octets(octet).map(u16::from_be_bytes)
    }

    /// Four octets as a number.
    pub(super) fn u32(&self, octet: usize) -> Result<u32> {
        self.octets(octet).map(u32::from_be_bytes)
    }

    /// Two octets as a number whose first bit is its sign.
    pub(super) fn i16(&self, octet: usize) -> Result<i32> {
        let number = i32::from(self.u16(octet)?);
        Ok(if number & 0x8000 == 0 { number } else { -(number & 0x7fff) })
    }

    /// Four octets as an IEEE number.
    pub(super) fn f32(&self, octet: usize) -> Result<f64> {
        self.octets(octet).map(|bytes| f64::from(f32::from_be_bytes(bytes)))
    }

    /// Four octets as a number of IBM's: a sign, an exponent of 16 with 64 added, a fraction of 24 bits.
    pub(super) fn ibm(&self, octet: usize) -> Result<f64> {
        let bits = self.u32(octet)?;
        let exponent = (bits >> 24 & 0x7f) as i32 - 64;
        let magnitude = f64::from(bits & 0x00ff_ffff) * super::values::power(2.0, 4 * exponent - 24);
        Ok(if bits >> 31 == 1 { -magnitude } else { magnitude })
    }

    /// Everything from an octet on, nothing where the section ends before.
    pub(super) fn from(&self, octet: usize) -> &'a [u8] {
        self.bytes.get(octet.saturating_sub(1)..).unwrap_or_default()
    }

    /// So many bytes from an octet on.
    pub(super) fn range(&self, octet: usize, count: usize) -> Result<&'a [u8]> {
        self.from(octet).get(..count).ok_or_else(|| self.short((octet - 1).saturating_add(count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_ibm_and_with_signs() {
        let rows: [([u8; 4], f64); 6] = [
            ([0x42, 0x64, 0, 0], 100.0),
            ([0xc2, 0x76, 0xa0, 0], -118.625),
            ([0x40, 0x10, 0, 0], 0.0625),
            ([0, 0, 0, 0], 0.0),
            ([0x7f, 0xff, 0xff, 0xff], 16_777_215.0 * 2_f64.powi(228)),
            ([0, 0, 0, 1], 2_f64.powi(-280)),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Section { number: 4, bytes: &bytes }.ibm(1).ok(), Some(expected));
        }
        let section = Section { number: 5, bytes: &[0x80, 5, 0, 7] };
        assert_eq!((section.i16(1).ok(), section.i16(3).ok()), (Some(-5), Some(7)));
        let message = section.i16(4).expect_err("ends").message;
        assert_eq!(message, "GRIB section 5: 4 bytes found, 5 expected");
    }
}
