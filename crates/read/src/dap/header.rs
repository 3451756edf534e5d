//! A dataset as the header of a file in the classic format (CDF-5): the reader of such files does the rest.

use arcoforge_core::error::{Code, Error, Result};

use super::text::{Attribute, Kind};

const DIMENSION: u32 = 0x0a;
const VARIABLE: u32 = 0x0b;
const ATTRIBUTE: u32 = 0x0c;
/// Bytes of a dataset, and of a variable.
pub(super) const BYTES_MAX: u64 = 1 << 62;
/// Variables begin at multiples of this: whoever reads a block around a value reads nothing of its neighbours, which would
/// have to be asked for. What lies between is not there and costs nothing.
const APART_BYTES: u64 = 1 << 20;

/// A variable as the file has it.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    pub(super) name: String,
    /// Numbers of its dimensions.
    pub(super) dims: Vec<usize>,
    pub(super) external: External,
    pub(super) attributes: Vec<Attribute>,
    /// Bytes of its values.
    pub(super) bytes: u64,
    /// Where its values begin.
    pub(super) begin: u64,
}

/// A type of the classic format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum External {
    Byte = 1,
    Char = 2,
    Short = 3,
    Int = 4,
    Float = 5,
    Double = 6,
    UByte = 7,
    UShort = 8,
    UInt = 9,
    Int64 = 10,
    UInt64 = 11,
}

impl External {
    pub(super) const fn bytes(self) -> u64 {
        match self {
            Self::Byte | Self::Char | Self::UByte => 1,
            Self::Short | Self::UShort => 2,
            Self::Int | Self::UInt | Self::Float => 4,
            Self::Double | Self::Int64 | Self::UInt64 => 8,
        }
    }

    /// Of a server's type; `signed` says that its bytes are meant so.
    pub(super) const fn of(kind: Kind, signed: bool) -> Self {
        match kind {
            Kind::Int8 => Self::Byte,
            Kind::Byte if signed => Self::Byte,
            Kind::Byte | Kind::UInt8 => Self::UByte,
            Kind::Int16 => Self::Short,
            Kind::UInt16 => Self::UShort,
            Kind::Int32 => Self::Int,
            Kind::UInt32 => Self::UInt,
            Kind::Float32 => Self::Float,
            Kind::Float64 => Self::Double,
            Kind::Int64 => Self::Int64,
            Kind::UInt64 => Self::UInt64,
            Kind::Text | Kind::Char => Self::Char,
        }
    }
}

/// The header, and where the values of each variable begin.
pub(super) fn header(
    dims: &[(String, u64)],
    globals: &[Attribute],
    variables: &mut [Variable],
) -> Result<Vec<u8>> {
    let length = write(dims, globals, variables)?.len() as u64;
    let mut end = length;
    for variable in variables.iter_mut() {
        let begin = end.checked_next_multiple_of(APART_BYTES);
        variable.begin = begin.unwrap_or(u64::MAX);
        let behind =
            begin.and_then(|begin| begin.checked_add(variable.bytes)).filter(|end| *end <= BYTES_MAX);
        end = behind.ok_or_else(|| Error::new(Code::SourceLimit, "the dataset has more than 2^62 bytes"))?;
    }
    write(dims, globals, variables)
}

fn write(dims: &[(String, u64)], globals: &[Attribute], variables: &[Variable]) -> Result<Vec<u8>> {
    let mut out = b"CDF\x05".to_vec();
    out.extend(0_u64.to_be_bytes());
    list(&mut out, DIMENSION, dims.len());
    for (dim, length) in dims {
        name(&mut out, dim);
        out.extend(length.to_be_bytes());
    }
    attributes(&mut out, globals, false)?;
    list(&mut out, VARIABLE, variables.len());
    for variable in variables {
        name(&mut out, &variable.name);
        out.extend((variable.dims.len() as u64).to_be_bytes());
        variable.dims.iter().for_each(|dim| out.extend((*dim as u64).to_be_bytes()));
        attributes(&mut out, &variable.attributes, variable.external == External::Byte)?;
        out.extend((variable.external as u32).to_be_bytes());
        out.extend(variable.bytes.next_multiple_of(4).to_be_bytes());
        out.extend(variable.begin.to_be_bytes());
    }
    Ok(out)
}

fn list(out: &mut Vec<u8>, tag: u32, count: usize) {
    out.extend((if count == 0 { 0 } else { tag }).to_be_bytes());
    out.extend((count as u64).to_be_bytes());
}

fn name(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_be_bytes());
    padded(out, text.as_bytes());
}

fn padded(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn attributes(out: &mut Vec<u8>, all: &[Attribute], signed: bool) -> Result<()> {
    list(out, ATTRIBUTE, all.len());
    for one in all {
        name(out, &one.name);
        let external = External::of(one.kind, signed);
        let bytes = if external == External::Char {
            one.values.join("\n").into_bytes()
        } else {
            let values: Option<Vec<Vec<u8>>> =
                one.values.iter().map(|value| number(value, external)).collect();
            values.map(|values| values.concat()).ok_or_else(|| {
                let message = format!(
                    "the attribute `{}` is `{}`, which is no number",
                    one.name,
                    one.values.join(", ")
                );
                Error::new(Code::SourceCorrupt, message)
            })?
        };
        out.extend((external as u32).to_be_bytes());
        out.extend((bytes.len() as u64 / external.bytes()).to_be_bytes());
        padded(out, &bytes);
    }
    Ok(())
}

/// A number as the classic format has it. Servers write unsigned bytes with a sign, and the other way around.
fn number(text: &str, external: External) -> Option<Vec<u8>> {
    let whole = || text.parse::<i64>().ok();
    Some(match external {
        External::Byte | External::UByte => {
            let value = whole().filter(|v| (-128..256).contains(v))?;
            vec![value.to_be_bytes()[7]]
        }
        External::Short => i16::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        External::UShort => u16::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        External::Int => i32::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        External::UInt => u32::try_from(whole()?).ok()?.to_be_bytes().to_vec(),
        External::Int64 => whole()?.to_be_bytes().to_vec(),
        External::UInt64 => text.parse::<u64>().ok()?.to_be_bytes().to_vec(),
        External::Float => text.parse::<f32>().ok()?.to_be_bytes().to_vec(),
        External::Double => text.parse::<f64>().ok()?.to_be_bytes().to_vec(),
        External::Char => return None,
    })
}
