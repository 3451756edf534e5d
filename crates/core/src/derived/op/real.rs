//! Numbers of a fixed size as Rust has them.

use crate::block::{scalar_to_le, typed};
use crate::dtype::{DataType, Scalar};

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
pub(super) use with_real;

/// Runs a body once for each number of masks, so that the loop in it is tight; `has` tells whether a value is masked.
macro_rules! with_masks {
    ($masks:expr, $T:ident, $has:ident => $body:expr) => {
        match ($masks.values.as_slice(), $masks.nan) {
            ([], false) => {
                let $has = |_: $T| false;
                $body
            }
            (&[one], false) => {
                let $has = move |value: $T| value == one;
                $body
            }
            (&[one, two], false) => {
                let $has = move |value: $T| (value == one) | (value == two);
                $body
            }
            (values, nan) => {
                let $has = |value: $T| values.contains(&value) || (nan && value.is_nan());
                $body
            }
        }
    };
}
pub(super) use with_masks;

/// A number of a fixed size.
pub(super) trait Real: Copy + PartialEq {
    const SIZE: usize;
    const IS_INTEGER: bool;
    fn read(bytes: &[u8]) -> Self;
    fn write(self, bytes: &mut [u8]);
    fn wide(self) -> f64;
    /// The nearest; saturates.
    fn of_wide(value: f64) -> Self;
    /// Of a float, cut.
    fn whole(self) -> i128;
    /// Cut to the bits.
    fn of_whole(value: i128) -> Self;
    fn is_nan(self) -> bool;

    /// The same number in another type; `false` where it is another one. Integers must stay what they are, floats may
    /// be rounded to floats, finite ones stay finite.
    fn exactly<U: Real>(self) -> (U, bool) {
        match (Self::IS_INTEGER, U::IS_INTEGER) {
            (true, true) => {
                let new = U::of_whole(self.whole());
                (new, new.whole() == self.whole())
            }
            (true, false) => {
                let new = U::of_wide(self.wide());
                (new, new.wide() as i128 == self.whole())
            }
            (false, true) => {
                let wide = self.wide();
                let new = U::of_whole(wide as i128);
                (new, new.wide() == wide && new.whole() == wide as i128)
            }
            (false, false) => {
                let new = U::of_wide(self.wide());
                (new, new.wide().is_finite() || !self.wide().is_finite())
            }
        }
    }
}

macro_rules! real {
    ($($T:ident $size:literal $integer:literal $nan:expr;)*) => {$(
        #[allow(clippy::cast_lossless)] // the 64-bit types have no `From`
        impl Real for $T {
            const SIZE: usize = $size;
            const IS_INTEGER: bool = $integer;
            #[inline]
            fn read(bytes: &[u8]) -> Self {
                let mut own = [0; $size];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
            #[inline]
            fn write(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn wide(self) -> f64 {
                self as f64
            }
            #[inline]
            fn of_wide(value: f64) -> Self {
                value as Self
            }
            #[inline]
            fn whole(self) -> i128 {
                self as i128
            }
            #[inline]
            fn of_whole(value: i128) -> Self {
                value as Self
            }
            #[inline]
            fn is_nan(self) -> bool {
                let nan: fn(Self) -> bool = $nan;
                nan(self)
            }
        }
    )*};
}

real! {
    i8 1 true |_| false; i16 2 true |_| false; i32 4 true |_| false; i64 8 true |_| false;
    u8 1 true |_| false; u16 2 true |_| false; u32 4 true |_| false; u64 8 true |_| false;
    f32 4 false f32::is_nan; f64 8 false f64::is_nan;
}

/// Values that are missing, in the type of the cells.
pub(super) struct Masks<T> {
    pub(super) values: Vec<T>,
    pub(super) nan: bool,
}

impl<T: Real> Masks<T> {
    /// A mask that the type can't hold masks nothing.
    pub(super) fn new(dtype: DataType, masks: &[Scalar]) -> Self {
        let values: Vec<T> = masks.iter().filter_map(|mask| native(dtype, mask)).collect();
        Self {
            nan: values.iter().any(|v| v.is_nan()),
            values: values.into_iter().filter(|v| !v.is_nan()).collect(),
        }
    }

    #[inline]
    pub(super) fn has(&self, value: T) -> bool {
        self.values.contains(&value) || (self.nan && value.is_nan())
    }
}

/// A value in the type of the cells; `None` where it can't hold it.
pub(super) fn native<T: Real>(dtype: DataType, value: &Scalar) -> Option<T> {
    let mut bytes = Vec::new();
    scalar_to_le(dtype, &typed(dtype, value)?, &mut bytes);
    (bytes.len() == T::SIZE).then(|| T::read(&bytes))
}

/// The cells of a block, one after the other.
pub(super) fn cells<T: Real>(bytes: &[u8]) -> impl Iterator<Item = T> {
    bytes.chunks_exact(T::SIZE).map(T::read)
}

/// Bytes of cells that a function makes of others; `None` where it refuses one. All are computed before that is told,
/// so that the loop has no way out of it.
#[inline]
pub(super) fn mapped<T: Real, U: Real>(bytes: &[u8], one: impl Fn(T) -> (U, bool)) -> Option<Vec<u8>> {
    let mut out = vec![0; bytes.len() / T::SIZE * U::SIZE];
    let mut fits = true;
    for (cell, out) in bytes.chunks_exact(T::SIZE).zip(out.chunks_exact_mut(U::SIZE)) {
        let (value, fit) = one(T::read(cell));
        fits &= fit;
        value.write(out);
    }
    fits.then_some(out)
}
