//! Datatypes (HDF5 file format specification 3.0, IV.A.2.d), with what the library's parser leaves out: precision and
//! offset of integers, the layout of floats.

use arcoforge_core::block::scalar_from_le;
use arcoforge_core::dtype::{DataType, Endian, Scalar};
use hdf5_reader::io::Cursor;

use super::fault::{Parsed, corrupt};

/// Deepest nesting of types.
const DEPTH_MAX: usize = 16;
/// Most members of one enumeration.
const MEMBERS_MAX: usize = 1 << 16;

/// The type of one stored element.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Element {
    /// Bytes of one stored element.
    pub(super) size: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a stored element is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A number that fills its bytes.
    Number(Number),
    /// An integer in some of the bits of its bytes.
    Bits {
        /// The bytes as a whole.
        number: Number,
        /// The lowest of its bits.
        offset: u32,
        /// How many bits it has.
        precision: u32,
    },
    /// An integer whose values have names.
    Enum {
        /// The integer.
        number: Number,
        /// Names with values, in the order of the type.
        members: Vec<(String, Scalar)>,
    },
    /// Text of fixed length.
    Text(Padding),
    /// A reference to text in a global heap.
    HeapText,
    /// A reference to a sequence in a global heap.
    Sequence(Box<Element>),
    /// The address of another object.
    Reference,
    /// Anything else: a phrase that follows "is" or "has".
    Other(String),
}

/// A number that fills its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    /// Its type in memory.
    pub(super) dtype: DataType,
    /// Its byte order in the file.
    pub(super) endian: Endian,
}

/// What stands behind a fixed-length text that is shorter than its field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// One NUL, then anything.
    NulTerminated,
    /// NULs.
    Nul,
    /// Spaces.
    Space,
}

impl Number {
    /// The value in bytes of the file's order.
    pub(super) fn scalar(self, bytes: &[u8]) -> Option<Scalar> {
        let mut bytes = bytes.to_vec();
        if self.endian == Endian::Big {
            bytes.chunks_mut(self.dtype.swap_size().max(1)).for_each(<[u8]>::reverse);
        }
        scalar_from_le(self.dtype, &bytes)
    }
}

/// Parses a datatype description.
pub(super) fn parse(bytes: &[u8]) -> Parsed<Element> {
    element(&mut Cursor::new(bytes), 0)
}

fn element(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Element> {
    if depth > DEPTH_MAX {
        return corrupt(format!("datatype is nested more than {DEPTH_MAX} deep"));
    }
    let word = cursor.read_u32_le()?;
    let size = cursor.read_u32_le()? as usize;
    let (class, version, flags) = (word & 0x0f, (word >> 4) & 0x0f, word >> 8);
    if size == 0 {
        return corrupt("datatype of size 0");
    }
    let kind = match class {
        0 | 4 => integer(cursor, flags, size, class == 0 && flags & 8 != 0)?,
        1 => float(cursor, flags, size)?,
        2 => Kind::Other("of the HDF5 time class".to_owned()),
        3 => Kind::Text(padding(flags & 0x0f)),
        5 => Kind::Other("opaque".to_owned()),
        6 => compound(cursor, flags, size, version, depth)?,
        7 => Kind::Reference,
        8 => enumeration(cursor, flags, size, version, depth)?,
        9 if flags & 0x0f == 1 => Kind::HeapText,
        9 => Kind::Sequence(Box::new(element(cursor, depth + 1)?)),
        10 => Kind::Other("of an array type".to_owned()),
        11 => complex(&element(cursor, depth + 1)?, size),
        other => Kind::Other(format!("of the unknown datatype class {other}")),
    };
    Ok(Element { size, kind })
}

fn padding(bits: u32) -> Padding {
    match bits {
        0 => Padding::NulTerminated,
        1 => Padding::Nul,
        _ => Padding::Space,
    }
}

fn integer(cursor: &mut Cursor<'_>, flags: u32, size: usize, signed: bool) -> Parsed<Kind> {
    let offset = u32::from(cursor.read_u16_le()?);
    let precision = u32::from(cursor.read_u16_le()?);
    let dtype = match (size, signed) {
        (1, true) => DataType::Int8,
        (1, false) => DataType::UInt8,
        (2, true) => DataType::Int16,
        (2, false) => DataType::UInt16,
        (4, true) => DataType::Int32,
        (4, false) => DataType::UInt32,
        (8, true) => DataType::Int64,
        (8, false) => DataType::UInt64,
        _ => return Ok(Kind::Other(format!("of integers of {size} bytes"))),
    };
    let bits = size as u32 * 8;
    if precision == 0 || offset + precision > bits {
        return corrupt(format!("integer of {precision} bits at bit {offset} of {size} bytes"));
    }
    let number = Number { dtype, endian: if flags & 1 == 0 { Endian::Little } else { Endian::Big } };
    Ok(if precision == bits { Kind::Number(number) } else { Kind::Bits { number, offset, precision } })
}

fn float(cursor: &mut Cursor<'_>, flags: u32, size: usize) -> Parsed<Kind> {
    let offset = cursor.read_u16_le()?;
    let precision = cursor.read_u16_le()?;
    let (exponent_at, exponent_bits) = (cursor.read_u8()?, cursor.read_u8()?);
    let (mantissa_at, mantissa_bits) = (cursor.read_u8()?, cursor.read_u8()?);
    let bias = cursor.read_u32_le()?;
    let found = (size, offset, precision, exponent_at, exponent_bits, mantissa_at, mantissa_bits, bias);
    let dtype = match found {
        (2, 0, 16, 10, 5, 0, 10, 15) => DataType::Float16,
        (4, 0, 32, 23, 8, 0, 23, 127) => DataType::Float32,
        (8, 0, 64, 52, 11, 0, 52, 1023) => DataType::Float64,
        _ => {
            let reason =
                format!("of floats of {precision} bits ({exponent_bits} of them exponent) in {size} bytes");
            return Ok(Kind::Other(reason));
        }
    };
    let sign_at = (flags >> 8) & 0xff;
    let normalised = (flags >> 4) & 3;
    let endian = match (flags & 1, (flags >> 6) & 1) {
        (0, 0) => Endian::Little,
        (1, 0) => Endian::Big,
        _ => return Ok(Kind::Other("of floats in VAX byte order".to_owned())),
    };
    if sign_at + 1 != size as u32 * 8 || normalised != 2 {
        return Ok(Kind::Other("of floats that are not of IEEE 754".to_owned()));
    }
    Ok(Kind::Number(Number { dtype, endian }))
}

/// Two floats of one type are a complex number; any other compound type is not read.
fn compound(cursor: &mut Cursor<'_>, flags: u32, size: usize, version: u32, depth: usize) -> Parsed<Kind> {
    let other = || Kind::Other("of a compound type".to_owned());
    if flags & 0xffff != 2 {
        return Ok(other());
    }
    let mut parts = Vec::new();
    for _ in 0..2 {
        let name = padded_name(cursor, version)?;
        let offset = if version < 3 {
            u64::from(cursor.read_u32_le()?)
        } else {
            cursor.read_uvar(offset_bytes(size))?
        };
        if version == 1 {
            if cursor.read_u8()? != 0 {
                return Ok(other());
            }
            cursor.skip(27)?;
        }
        let part = element(cursor, depth + 1)?;
        if matches!(part.kind, Kind::Other(_)) {
            return Ok(other());
        }
        parts.push((name, offset, part));
    }
    let (Some((re_name, 0, re)), Some((im_name, offset, im))) = (parts.first(), parts.get(1)) else {
        return Ok(other());
    };
    let names = (re_name.as_str(), im_name.as_str());
    let named = matches!(names, ("r", "i") | ("re", "im") | ("real", "imag") | ("real", "imaginary"));
    if !named || re != im || *offset != re.size as u64 {
        return Ok(other());
    }
    Ok(complex(re, size))
}

fn complex(part: &Element, size: usize) -> Kind {
    let (dtype, endian) = match part.kind {
        Kind::Number(Number { dtype: DataType::Float32, endian }) if size == 8 => {
            (DataType::Complex64, endian)
        }
        Kind::Number(Number { dtype: DataType::Float64, endian }) if size == 16 => {
            (DataType::Complex128, endian)
        }
        _ => return Kind::Other("of complex numbers of an unusual width".to_owned()),
    };
    Kind::Number(Number { dtype, endian })
}

/// Bytes of a member's offset in a compound type of version 3: as few as can count its size.
fn offset_bytes(size: usize) -> usize {
    match size {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

/// A NUL-terminated name; before version 3 padded with NULs to a multiple of eight bytes.
fn padded_name(cursor: &mut Cursor<'_>, version: u32) -> Parsed<String> {
    let start = cursor.position();
    let mut name = Vec::new();
    loop {
        match cursor.read_u8()? {
            0 => break,
            byte => name.push(byte),
        }
    }
    if version < 3 {
        let used = usize::try_from(cursor.position().saturating_sub(start)).unwrap_or(0);
        cursor.skip(used.next_multiple_of(8) - used)?;
    }
    Ok(decode_text(&name))
}

fn enumeration(cursor: &mut Cursor<'_>, flags: u32, size: usize, version: u32, depth: usize) -> Parsed<Kind> {
    let count = (flags & 0xffff) as usize;
    let base = element(cursor, depth + 1)?;
    let Kind::Number(number) = base.kind else {
        return Ok(Kind::Other("of an enumeration whose base is not a plain integer".to_owned()));
    };
    if base.size != size || !number.dtype.is_integer() || count > MEMBERS_MAX {
        return corrupt(format!("enumeration of {size} bytes with {count} members over {} bytes", base.size));
    }
    let names = (0..count).map(|_| padded_name(cursor, version)).collect::<Parsed<Vec<_>>>()?;
    let mut members = Vec::with_capacity(count);
    for name in names {
        let Some(value) = number.scalar(cursor.read_bytes(size)?) else {
            return corrupt("enumeration value of the wrong length");
        };
        members.push((name, value));
    }
    let mut sorted = members.clone();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    let is = |value: &Scalar, n| value.as_i128() == Some(n);
    if let [(no, zero), (yes, one)] = sorted.as_slice()
        && (no.as_str(), yes.as_str(), size) == ("FALSE", "TRUE", 1)
        && is(zero, 0)
        && is(one, 1)
    {
        return Ok(Kind::Number(Number { dtype: DataType::Bool, endian: Endian::Little }));
    }
    Ok(Kind::Enum { number, members })
}

/// A fixed-length field without its padding.
pub(super) fn unpadded(field: &[u8], padding: Padding) -> &[u8] {
    let cut = |pad: u8| field.iter().rposition(|&b| b != pad && b != 0).map_or(0, |at| at + 1);
    let end = match padding {
        Padding::NulTerminated => field.iter().position(|&b| b == 0).unwrap_or(field.len()),
        Padding::Nul => cut(0),
        Padding::Space => cut(b' '),
    };
    field.get(..end).unwrap_or(field)
}

/// UTF-8, or Latin-1 where the bytes are not valid UTF-8.
pub(super) fn decode_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(class: u32, version: u32, flags: u32, size: u32) -> Vec<u8> {
        [(class | version << 4 | flags << 8).to_le_bytes(), size.to_le_bytes()].concat()
    }

    fn int(flags: u32, size: u32, offset: u16, precision: u16) -> Vec<u8> {
        [word(0, 1, flags, size), offset.to_le_bytes().to_vec(), precision.to_le_bytes().to_vec()].concat()
    }

    fn double(flags: u32) -> Vec<u8> {
        [word(1, 1, flags, 8), vec![0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0]].concat()
    }

    #[test]
    fn numbers_keep_width_sign_order_and_precision() {
        let number = |dtype, endian| Kind::Number(Number { dtype, endian });
        let rows = [
            (int(8, 2, 0, 16), number(DataType::Int16, Endian::Little)),
            (int(1, 4, 0, 32), number(DataType::UInt32, Endian::Big)),
            (double(0x3f20), number(DataType::Float64, Endian::Little)),
            (double(0x3f21), number(DataType::Float64, Endian::Big)),
            (double(0x3f61), Kind::Other("of floats in VAX byte order".to_owned())),
            (
                int(8, 2, 2, 12),
                Kind::Bits {
                    number: Number { dtype: DataType::Int16, endian: Endian::Little },
                    offset: 2,
                    precision: 12,
                },
            ),
        ];
        for (bytes, expected) in rows {
            assert_eq!(parse(&bytes).unwrap().kind, expected);
        }
        assert!(parse(&int(8, 2, 8, 12)).is_err(), "bits beyond the bytes");
        assert!(parse(&int(8, 2, 0, 16)[..7]).is_err(), "truncated");
    }

    #[test]
    fn enums_of_false_and_true_are_bool() {
        let mut bytes = [word(8, 3, 2, 1), int(8, 1, 0, 8)].concat();
        bytes.extend(b"FALSE\0TRUE\0\x00\x01");
        let bool_type = Number { dtype: DataType::Bool, endian: Endian::Little };
        assert_eq!(parse(&bytes).unwrap().kind, Kind::Number(bool_type));
        *bytes.last_mut().unwrap() = 2;
        assert!(matches!(parse(&bytes).unwrap().kind, Kind::Enum { members, .. } if members.len() == 2));
    }

    #[test]
    fn padding_is_cut_by_its_kind() {
        let rows: [(&[u8], Padding, &[u8]); 6] = [
            (b"ab\0x", Padding::NulTerminated, b"ab"),
            (b"abcd", Padding::NulTerminated, b"abcd"),
            (b"a\0b\0", Padding::Nul, b"a\0b"),
            (b"ab  ", Padding::Nul, b"ab  "),
            (b"ab  ", Padding::Space, b"ab"),
            (b"\0\0", Padding::Nul, b""),
        ];
        for (field, padding, expected) in rows {
            assert_eq!(unpadded(field, padding), expected);
        }
    }
}
