//! Operations on every cell of a block.

use crate::block::{Block, BlockData, scalar_from_le, scalar_to_le};
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};

/// One operation on every cell. Masks are values as they are stored; a NaN among them stands for every NaN.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Stored numbers to decoded ones: `stored * scale + offset` in double precision, rounded once; masked cells become NaN.
    Unpack {
        /// The type that the bits are meant as (`_Unsigned`), where it is not the stored one.
        meant: Option<DataType>,
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// `scale_factor`.
        scale: f64,
        /// `add_offset`.
        offset: f64,
        /// Single or double precision.
        to: DataType,
    },
    /// Decoded numbers to stored ones: the nearest to `(value - offset) / scale`; NaN becomes `fill`.
    Pack {
        /// `scale_factor`.
        scale: f64,
        /// `add_offset`.
        offset: f64,
        /// The value of missing cells, which no other cell may get.
        fill: Option<Scalar>,
        /// The stored type.
        to: DataType,
        /// What a value that does not fit is reported as.
        code: Code,
    },
    /// Masked cells get one value; any other cell that has this value already is refused.
    Remask {
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// The value that missing cells get.
        fill: Scalar,
        /// What a value that is in the way is reported as.
        code: Code,
    },
    /// Another type: integers and halves exactly, doubles may round to singles; masked cells become `fill`.
    Cast {
        /// The type.
        to: DataType,
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// What they become, in the new type.
        fill: Option<Scalar>,
        /// What a value that does not fit is reported as.
        code: Code,
    },
    /// The same bits as another type of the same size.
    Reinterpret {
        /// The type.
        to: DataType,
    },
    /// `value * scale + offset` of decoded numbers, in double precision, rounded once; NaN stays.
    Linear {
        /// The factor.
        scale: f64,
        /// What is added.
        offset: f64,
    },
    /// Cells whose decoded value lies below or above become `fill`.
    Limit {
        /// Values that are missing already.
        masks: Vec<Scalar>,
        /// `scale_factor` and `add_offset`.
        packing: (f64, f64),
        /// The least decoded value that stays.
        least: Option<f64>,
        /// The greatest decoded value that stays.
        greatest: Option<f64>,
        /// The value of missing cells.
        fill: Scalar,
    },
    /// Missing cells (masked or NaN) get a value that is not missing.
    Fill {
        /// Values that are missing.
        masks: Vec<Scalar>,
        /// The value that they get.
        value: Scalar,
    },
}

/// All operations, in order.
pub(super) fn apply_all(ops: &[Op], mut block: Block) -> Result<Block> {
    for op in ops {
        block = apply(op, block)?;
    }
    Ok(block)
}

fn apply(op: &Op, block: Block) -> Result<Block> {
    let BlockData::Bytes(bytes) = &block.data else {
        return Err(Error::new(Code::Bug, "an operation on numbers was given text"));
    };
    let dtype = block.dtype;
    let (to, bytes) = match op {
        Op::Unpack { meant, masks, scale, offset, to } => {
            (*to, unpack(dtype, meant.unwrap_or(dtype), bytes, masks, (*scale, *offset), *to)?)
        }
        Op::Pack { scale, offset, fill, to, code } => {
            (*to, pack(dtype, bytes, (*scale, *offset), fill.as_ref(), *to, *code)?)
        }
        Op::Remask { masks, fill, code } => (dtype, remask(dtype, bytes, masks, fill, *code)?),
        Op::Cast { to, masks, fill, code } => (*to, cast(dtype, bytes, masks, fill.as_ref(), *to, *code)?),
        Op::Reinterpret { to } => (*to, bytes.clone()),
        Op::Linear { scale, offset } => (dtype, unpack(dtype, dtype, bytes, &[], (*scale, *offset), dtype)?),
        Op::Limit { masks, packing, least, greatest, fill } => {
            let outside = |x: f64| {
                let x = x * packing.0 + packing.1;
                least.is_some_and(|least| x < least) || greatest.is_some_and(|greatest| x > greatest)
            };
            (dtype, replace(dtype, bytes, masks, fill, |x, masked| !masked && outside(x))?)
        }
        Op::Fill { masks, value } => {
            (dtype, replace(dtype, bytes, masks, value, |x, masked| masked || x.is_nan())?)
        }
    };
    Ok(Block { dtype: to, shape: block.shape, data: BlockData::Bytes(bytes) })
}

/// Runs a body with `T` as the Rust type of a real data type (half precision has none).
macro_rules! with_real {
    ($dtype:expr, $T:ident => $body:expr) => {
        match $dtype {
            DataType::Int8 => {
                type $T = i8;
                $body
            }
            DataType::Int16 => {
                type $T = i16;
                $body
            }
            DataType::Int32 => {
                type $T = i32;
                $body
            }
            DataType::Int64 => {
                type $T = i64;
                $body
            }
            DataType::Bool | DataType::UInt8 => {
                type $T = u8;
                $body
            }
            DataType::UInt16 => {
                type $T = u16;
                $body
            }
            DataType::UInt32 => {
                type $T = u32;
                $body
            }
            DataType::UInt64 => {
                type $T = u64;
                $body
            }
            DataType::Float32 => {
                type $T = f32;
                $body
            }
            DataType::Float64 => {
                type $T = f64;
                $body
            }
            other => Err(Error::new(
                Code::StepInvalid,
                format!("found {other}, expected integers, float32 or float64"),
            )),
        }
    };
}

/// A number of a fixed size.
trait Real: Copy + PartialEq {
    const SIZE: usize;
    fn read(bytes: &[u8]) -> Self;
    fn wide(self) -> f64;
    fn is_nan(self) -> bool;
}

macro_rules! real {
    ($($T:ident $size:literal $nan:expr;)*) => {$(
        impl Real for $T {
            const SIZE: usize = $size;
            fn read(bytes: &[u8]) -> Self {
                let mut own = [0; $size];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
            #[allow(clippy::cast_lossless)] // the 64-bit integers have no `From`
            fn wide(self) -> f64 {
                self as f64
            }
            fn is_nan(self) -> bool {
                let nan: fn(Self) -> bool = $nan;
                nan(self)
            }
        }
    )*};
}

real! {
    i8 1 |_| false; i16 2 |_| false; i32 4 |_| false; i64 8 |_| false;
    u8 1 |_| false; u16 2 |_| false; u32 4 |_| false; u64 8 |_| false;
    f32 4 f32::is_nan; f64 8 f64::is_nan;
}

/// Values that are missing, in the type of the cells.
struct Masks<T> {
    values: Vec<T>,
    nan: bool,
}

impl<T: Real> Masks<T> {
    fn new(dtype: DataType, masks: &[Scalar]) -> Self {
        let typed = |mask: &Scalar| {
            let mut bytes = Vec::new();
            // a mask that the type can't hold masks nothing
            let held = scalar_to_le(dtype, mask, &mut bytes) && holds(dtype, &bytes, mask);
            (held && bytes.len() == T::SIZE).then(|| T::read(&bytes))
        };
        let values: Vec<T> = masks.iter().filter_map(typed).collect();
        Self {
            nan: values.iter().any(|v| v.is_nan()),
            values: values.into_iter().filter(|v| !v.is_nan()).collect(),
        }
    }

    fn has(&self, value: T) -> bool {
        self.values.contains(&value) || (self.nan && value.is_nan())
    }
}

/// Whether a number written as a type reads back as itself; a float mask may have been rounded to singles by its file.
fn holds(dtype: DataType, bytes: &[u8], mask: &Scalar) -> bool {
    match scalar_from_le(dtype, bytes) {
        Some(_) if dtype.is_float() => true,
        Some(back) => match (back.as_i128(), mask.as_i128(), mask.as_f64()) {
            (Some(back), Some(mask), _) => back == mask,
            (Some(back), None, Some(mask)) => back as f64 == mask,
            _ => false,
        },
        None => false,
    }
}

fn unpack(
    stored: DataType,
    meant: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    (scale, offset): (f64, f64),
    to: DataType,
) -> Result<Vec<u8>> {
    if stored == DataType::Float16 {
        let wide = cast(stored, bytes, &[], None, DataType::Float32, Code::Bug)?;
        return unpack(DataType::Float32, DataType::Float32, &wide, masks, (scale, offset), to);
    }
    let meant = if meant.size() == stored.size() { meant } else { stored };
    // masks are written in the stored type: -1 of int8 masks 255 of the same bits
    let masks: Vec<Scalar> = masks.iter().map(|mask| reinterpret(stored, meant, mask)).collect();
    with_real!(meant, T => {
        let masks = Masks::<T>::new(meant, &masks);
        let cells = bytes.chunks_exact(T::SIZE).map(|cell| {
            let value = T::read(cell);
            if masks.has(value) { f64::NAN } else { value.wide() * scale + offset }
        });
        let mut out = Vec::with_capacity(bytes.len() / T::SIZE * to.size().unwrap_or(8));
        match to {
            DataType::Float32 => cells.for_each(|x| out.extend_from_slice(&(x as f32).to_le_bytes())),
            _ => cells.for_each(|x| out.extend_from_slice(&x.to_le_bytes())),
        }
        Ok(out)
    })
}

fn reinterpret(stored: DataType, meant: DataType, mask: &Scalar) -> Scalar {
    let mut bytes = Vec::new();
    if stored != meant
        && scalar_to_le(stored, mask, &mut bytes)
        && let Some(value) = scalar_from_le(meant, &bytes)
    {
        return value;
    }
    mask.clone()
}

fn pack(
    dtype: DataType,
    bytes: &[u8],
    (scale, offset): (f64, f64),
    fill: Option<&Scalar>,
    to: DataType,
    code: Code,
) -> Result<Vec<u8>> {
    with_real!(dtype, T => {
        let mut out = Vec::with_capacity(bytes.len() / T::SIZE * to.size().unwrap_or(8));
        for cell in bytes.chunks_exact(T::SIZE) {
            let value = T::read(cell).wide();
            if value.is_nan() {
                let fill = fill.ok_or_else(|| {
                    Error::new(code, format!("a value is missing, and there is no _FillValue in {to} for it"))
                })?;
                scalar_to_le(to, fill, &mut out);
                continue;
            }
            let packed = (value - offset) / scale;
            let stored = Scalar::Float(if to.is_float() { packed } else { packed.round_ties_even() });
            let taken = fill.and_then(Scalar::as_f64).is_some_and(|fill| Some(fill) == stored.as_f64());
            if taken || !scalar_to_le(to, &stored, &mut out) {
                return Err(Error::new(
                    code,
                    format!("{value} does not fit {to} with scale_factor {scale} and add_offset {offset}"),
                ));
            }
        }
        Ok(out)
    })
}

fn remask(dtype: DataType, bytes: &[u8], masks: &[Scalar], fill: &Scalar, code: Code) -> Result<Vec<u8>> {
    with_real!(dtype, T => {
        let (masks, target) = (Masks::<T>::new(dtype, masks), Masks::<T>::new(dtype, std::slice::from_ref(fill)));
        let mut one = Vec::new();
        if !scalar_to_le(dtype, fill, &mut one) {
            return Err(Error::new(code, format!("_FillValue {fill} does not fit {dtype}")));
        }
        let mut out = Vec::with_capacity(bytes.len());
        for cell in bytes.chunks_exact(T::SIZE) {
            let value = T::read(cell);
            if masks.has(value) {
                out.extend_from_slice(&one);
            } else if target.has(value) && !value.is_nan() {
                return Err(Error::new(code, format!("{fill} is a value here, and would be missing")));
            } else {
                out.extend_from_slice(cell);
            }
        }
        Ok(out)
    })
}

fn replace(
    dtype: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    by: &Scalar,
    chosen: impl Fn(f64, bool) -> bool,
) -> Result<Vec<u8>> {
    let mut one = Vec::new();
    if !scalar_to_le(dtype, by, &mut one) {
        return Err(Error::new(Code::StepInvalid, format!("{by} does not fit {dtype}")));
    }
    with_real!(dtype, T => {
        let masks = Masks::<T>::new(dtype, masks);
        let mut out = Vec::with_capacity(bytes.len());
        for cell in bytes.chunks_exact(T::SIZE) {
            let value = T::read(cell);
            let replaced = chosen(value.wide(), masks.has(value));
            out.extend_from_slice(if replaced { &one } else { cell });
        }
        Ok(out)
    })
}

fn cast(
    from: DataType,
    bytes: &[u8],
    masks: &[Scalar],
    fill: Option<&Scalar>,
    to: DataType,
    code: Code,
) -> Result<Vec<u8>> {
    let (Some(size), Some(width)) = (from.size(), to.size()) else {
        return Err(Error::new(Code::StepInvalid, format!("found {from}, which can't become {to}")));
    };
    let masked = |value: &Scalar| masks.iter().any(|mask| mask.same(value) || equal(mask, value));
    let mut target = Vec::new();
    let target = fill.filter(|fill| scalar_to_le(to, fill, &mut target)).map(|_| target);
    let mut out = Vec::with_capacity(bytes.len() / size * width);
    for cell in bytes.chunks_exact(size) {
        let value = scalar_from_le(from, cell)
            .ok_or_else(|| Error::new(Code::Bug, "a cell is shorter than its type"))?;
        let missing = masked(&value) || (!to.is_float() && matches!(value, Scalar::Float(x) if x.is_nan()));
        let written = match (missing, fill) {
            (true, Some(fill)) => scalar_to_le(to, fill, &mut out),
            _ => exactly(to, &value, &mut out),
        };
        if !written {
            return Err(unfit(&value, to, code));
        }
        if !missing && target.as_ref().is_some_and(|fill| out.ends_with(fill)) && !is_nan(&value) {
            return Err(Error::new(code, format!("{value} is a value here, and would be missing as {to}")));
        }
    }
    Ok(out)
}

fn is_nan(value: &Scalar) -> bool {
    matches!(value, Scalar::Float(x) if x.is_nan())
}

fn unfit(value: &Scalar, to: DataType, code: Code) -> Error {
    let error = Error::new(code, format!("{value} is no value of type {to}"));
    match value {
        Scalar::Float(x) if x.is_finite() && x.fract() != 0.0 && code == Code::StepValues => {
            error.help("round it first: `set: {NAME: \"round(NAME)\"}`")
        }
        Scalar::Float(x) if x.is_nan() && code == Code::StepValues => {
            error.help("replace what is missing first: `fill: {NAME: 0}`; or give the variable a _FillValue")
        }
        _ => error,
    }
}

fn equal(a: &Scalar, b: &Scalar) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ => a.as_f64().is_some() && a.as_f64() == b.as_f64(),
    }
}

/// Writes a value in another type; integers must stay what they are, finite floats finite.
fn exactly(to: DataType, value: &Scalar, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    if !scalar_to_le(to, value, out) {
        return false;
    }
    let back = out.get(start..).and_then(|bytes| scalar_from_le(to, bytes));
    match (value.as_i128(), value.as_f64(), back) {
        (Some(whole), _, Some(Scalar::Bool(back))) => whole == i128::from(back),
        (Some(whole), _, Some(back)) => match back.as_i128() {
            Some(back) => back == whole,
            None => back
                .as_f64()
                .is_some_and(|x| x.fract() == 0.0 && x.abs() < 2f64.powi(64) && x as i128 == whole),
        },
        (None, Some(real), Some(back)) => !real.is_finite() || back.as_f64().is_none_or(f64::is_finite),
        (None, None, Some(_)) => true,
        _ => false,
    }
}
