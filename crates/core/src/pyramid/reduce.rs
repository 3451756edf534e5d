//! Several cells to one, in the type and the packing that they are stored in.

use crate::block::{Block, BlockData, scalar_from_le, scalar_to_le};
use crate::chunk::Region;
use crate::dtype::{DataType, Scalar};
use crate::error::{Code, Error, Result};
use crate::recipe::Coarsening;
use crate::target::ArraySpec;

/// How cells of an array become the cells of the next coarser level. Blocks of cells begin at the array's first cell; one
/// that the array's end cuts holds what there is.
///
/// Packed numbers need not be unpacked: what is linear in them is linear in the values. A mean of integers is exact, and
/// rounded half to even; where it would be a number that stands for missing values, the nearest other number is taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    method: Coarsening,
    /// Cells of a block along every dimension; 1 where the array keeps its length.
    factors: Vec<u64>,
    dtype: DataType,
    /// The integers that the bits are meant as.
    meant: DataType,
    /// What stands for missing values, as stored; of floats NaN besides.
    masks: Vec<Vec<u8>>,
    /// The same of floats as numbers.
    mask_values: Vec<f64>,
    /// A greater number stands for a smaller value.
    falls: bool,
    /// Degrees, of which 360 more are the same.
    circular: bool,
}

impl Reduction {
    /// The rule for an array.
    ///
    /// # Errors
    /// `step-invalid` where the array's type has no such method.
    pub fn new(spec: &ArraySpec, method: Coarsening, factors: Vec<u64>, circular: bool) -> Result<Self> {
        let dtype = spec.dtype;
        check(dtype, method)?;
        let meant = match spec.attrs.text("_Unsigned") {
            Some("true") => dtype.unsigned(),
            Some("false") => dtype.signed(),
            _ => dtype,
        };
        let (mut masks, mut mask_values) = (Vec::new(), Vec::new());
        for value in spec.fill.iter().chain(spec.attrs.missing_values()) {
            let mut cell = Vec::new();
            if !scalar_to_le(dtype, value, &mut cell) && !scalar_to_le(meant, value, &mut cell) {
                continue;
            }
            mask_values.extend(scalar_from_le(dtype, &cell).and_then(|value| value.as_f64()));
            masks.push(cell);
        }
        let falls = spec.attrs.packing().is_some_and(|(scale, _)| scale < 0.0);
        Ok(Self { method, factors, dtype, meant, masks, mask_values, falls, circular })
    }

    /// What is written in the recipe for it.
    pub const fn method(&self) -> Coarsening {
        self.method
    }

    /// The cells of the level above that cells are made of; `shape` is that of the level above.
    pub fn above(&self, cells: &Region, shape: &[u64]) -> Region {
        let along = |((range, factor), n): ((&std::ops::Range<u64>, &u64), &u64)| {
            (range.start * factor).min(*n)..(range.end * factor).min(*n)
        };
        Region(cells.0.iter().zip(&self.factors).zip(shape).map(along).collect())
    }

    /// The lengths of an array of this shape one level below.
    pub fn shape(&self, above: &[u64]) -> Vec<u64> {
        above.iter().zip(&self.factors).map(|(n, factor)| n.div_ceil(*factor)).collect()
    }

    /// The cells that a block of the level above becomes. The block begins at a multiple of the factors.
    ///
    /// # Errors
    /// A defect where the block is of another type.
    pub fn reduce(&self, block: &Block) -> Result<Block> {
        let bug = || Error::new(Code::Bug, "a block of another type than its array's");
        if block.dtype != self.dtype {
            return Err(bug());
        }
        let shape = self.shape(&block.shape);
        match &block.data {
            BlockData::Text(texts) => {
                let mut out = Vec::new();
                self.walk(&block.shape, &mut |base, near, _| {
                    out.extend(texts.get(base + near).cloned());
                });
                Ok(Block::from_text(shape, out))
            }
            BlockData::Bytes(bytes) => {
                let size = self.dtype.size().ok_or_else(bug)?;
                let cells = shape.iter().product::<u64>() as usize;
                let mut out = Vec::with_capacity(cells * size);
                self.bytes(bytes, size, &block.shape, &mut out);
                if out.len() != cells * size {
                    return Err(bug());
                }
                Ok(Block::from_bytes(self.dtype, shape, out))
            }
        }
    }

    fn bytes(&self, bytes: &[u8], size: usize, shape: &[u64], out: &mut Vec<u8>) {
        if self.method == Coarsening::Nearest {
            self.walk(shape, &mut |base, near, _| {
                let at = (base + near) * size;
                out.extend_from_slice(bytes.get(at..at + size).unwrap_or_default());
            });
            return;
        }
        match self.meant {
            DataType::Float32 => {
                self.floats(bytes, shape, out, |b: [u8; 4]| f64::from(f32::from_le_bytes(b)));
            }
            DataType::Float64 => self.floats(bytes, shape, out, f64::from_le_bytes),
            DataType::Float16 => self.floats(bytes, shape, out, |b: [u8; 2]| {
                scalar_from_le(DataType::Float16, &b).and_then(|x| x.as_f64()).unwrap_or(f64::NAN)
            }),
            DataType::Bool | DataType::UInt8 => self.integers(bytes, shape, out, |[b]| i128::from(b)),
            DataType::Int8 => self.integers(bytes, shape, out, |b| i128::from(i8::from_le_bytes(b))),
            DataType::Int16 => self.integers(bytes, shape, out, |b| i128::from(i16::from_le_bytes(b))),
            DataType::UInt16 => self.integers(bytes, shape, out, |b| i128::from(u16::from_le_bytes(b))),
            DataType::Int32 => self.integers(bytes, shape, out, |b| i128::from(i32::from_le_bytes(b))),
            DataType::UInt32 => self.integers(bytes, shape, out, |b| i128::from(u32::from_le_bytes(b))),
            DataType::Int64 => self.integers(bytes, shape, out, |b| i128::from(i64::from_le_bytes(b))),
            DataType::UInt64 => self.integers(bytes, shape, out, |b| i128::from(u64::from_le_bytes(b))),
            DataType::Complex64 | DataType::Complex128 | DataType::Text => {}
        }
    }

    fn floats<const N: usize>(
        &self,
        bytes: &[u8],
        shape: &[u64],
        out: &mut Vec<u8>,
        read: impl Fn([u8; N]) -> f64,
    ) {
        let missing = self.masks.first().cloned().unwrap_or_else(|| {
            let mut nan = Vec::new();
            // every float has one
            scalar_to_le(self.dtype, &Scalar::Float(f64::NAN), &mut nan);
            nan
        });
        let cells = bytes.as_chunks::<N>().0;
        let mut values: Vec<f64> = Vec::new();
        self.walk(shape, &mut |base, _, block| {
            let found = block.iter().filter_map(|at| cells.get(base + at)).map(|cell| read(*cell));
            values.clear();
            values.extend(found.filter(|x| !x.is_nan() && !self.mask_values.contains(x)));
            match self.float(&mut values) {
                None => out.extend_from_slice(&missing),
                Some(x) if self.dtype == DataType::Float32 => {
                    out.extend_from_slice(&(x as f32).to_le_bytes());
                }
                Some(x) => drop(scalar_to_le(self.dtype, &Scalar::Float(x), out)),
            }
        });
    }

    fn float(&self, values: &mut [f64]) -> Option<f64> {
        let first = *values.first()?;
        let all = values.iter().copied();
        Some(match self.extreme() {
            Coarsening::Mean if self.circular => circular(values),
            Coarsening::Mean => all.sum::<f64>() / values.len() as f64,
            Coarsening::Min => all.fold(first, f64::min),
            Coarsening::Max => all.fold(first, f64::max),
            Coarsening::Mode => {
                values.sort_unstable_by(f64::total_cmp);
                most_frequent(values, self.falls)
            }
            Coarsening::Nearest => first,
        })
    }

    fn integers<const N: usize>(
        &self,
        bytes: &[u8],
        shape: &[u64],
        out: &mut Vec<u8>,
        read: impl Fn([u8; N]) -> i128,
    ) {
        let missing = self.masks.first().cloned().unwrap_or_else(|| vec![0; N]);
        let cells = bytes.as_chunks::<N>().0;
        let mut values: Vec<i128> = Vec::new();
        let is_missing = |cell: &[u8; N]| self.masks.iter().any(|mask| mask.as_slice() == cell.as_slice());
        self.walk(shape, &mut |base, _, block| {
            values.clear();
            let found = block.iter().filter_map(|at| cells.get(base + at));
            values.extend(found.filter(|cell| !is_missing(cell)).map(|cell| read(*cell)));
            match self.integer(&mut values) {
                None => out.extend_from_slice(&missing),
                Some(x) => out.extend(x.to_le_bytes().iter().take(N)),
            }
        });
    }

    fn integer(&self, values: &mut [i128]) -> Option<i128> {
        let first = *values.first()?;
        Some(match self.extreme() {
            Coarsening::Mean => self.rounded(values.iter().sum(), values.len() as i128),
            Coarsening::Min => values.iter().copied().fold(first, i128::min),
            Coarsening::Max => values.iter().copied().fold(first, i128::max),
            Coarsening::Mode => {
                values.sort_unstable();
                most_frequent(values, self.falls)
            }
            Coarsening::Nearest => first,
        })
    }

    /// The method as it is for stored numbers.
    const fn extreme(&self) -> Coarsening {
        match self.method {
            Coarsening::Min if self.falls => Coarsening::Max,
            Coarsening::Max if self.falls => Coarsening::Min,
            other => other,
        }
    }

    /// `sum / count` to the nearest integer, halves to the even one; not one that stands for missing values.
    fn rounded(&self, sum: i128, count: i128) -> i128 {
        let (low, rest) = (sum.div_euclid(count), sum.rem_euclid(count));
        let up = rest * 2 > count || (rest * 2 == count && low % 2 != 0);
        let near = low + i128::from(up);
        let masked = |x: i128| {
            let bytes = x.to_le_bytes();
            self.masks.iter().any(|mask| bytes.get(..mask.len()) == Some(mask.as_slice()))
        };
        if !masked(near) {
            return near;
        }
        // one step to the side on which the mean lies, then to the other, and on
        let side = if up { -1 } else { 1 };
        let others =
            (1..=self.masks.len() as i128 + 1).flat_map(|far| [near + side * far, near - side * far]);
        let mut held = others.filter(|x| self.holds(*x) && !masked(*x));
        held.next().unwrap_or(near)
    }

    fn holds(&self, x: i128) -> bool {
        let bits = self.meant.size().unwrap_or(1) as u32 * 8;
        let (least, most) = match self.meant.unsigned() == self.meant {
            true => (0, (1_i128 << bits) - 1),
            false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
        };
        (least..=most).contains(&x)
    }

    /// Calls `visit` for every block of an array of `shape` in C order: the block's first cell, the cell nearest to its
    /// middle and all its cells, these counted from the first.
    fn walk(&self, shape: &[u64], visit: &mut dyn FnMut(usize, usize, &[usize])) {
        let strides = strides(shape);
        let counts = self.shape(shape);
        let mut index = vec![0; shape.len()];
        let mut known: Vec<(Vec<usize>, Inside)> = Vec::new();
        let mut extents = vec![0; shape.len()];
        for _ in 0..counts.iter().product::<u64>() {
            let mut base = 0;
            let dims = index.iter().zip(&self.factors).zip(shape).zip(&strides).zip(&mut extents);
            for ((((at, factor), n), stride), extent) in dims {
                let first: u64 = at * factor;
                base += first as usize * stride;
                *extent = (*factor).min(n - first) as usize;
            }
            let place = known.iter().position(|(of, _)| *of == extents).unwrap_or_else(|| {
                known.push((extents.clone(), Inside::new(&extents, &strides)));
                known.len() - 1
            });
            if let Some((_, inside)) = known.get(place) {
                visit(base, inside.near, &inside.cells);
            }
            next(&mut index, &counts);
        }
    }
}

/// The cells of a block, counted from its first.
struct Inside {
    near: usize,
    cells: Vec<usize>,
}

impl Inside {
    fn new(extents: &[usize], strides: &[usize]) -> Self {
        let near =
            extents.iter().zip(strides).map(|(extent, stride)| (extent.max(&1) - 1) / 2 * stride).sum();
        let mut cells = vec![0];
        for (extent, stride) in extents.iter().zip(strides) {
            cells = cells.iter().flat_map(|cell| (0..*extent).map(move |at| cell + at * stride)).collect();
        }
        Self { near, cells }
    }
}

fn strides(shape: &[u64]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for at in (1..shape.len()).rev() {
        let below = strides.get(at).copied().unwrap_or(1) * shape.get(at).copied().unwrap_or(1) as usize;
        if let Some(stride) = strides.get_mut(at - 1) {
            *stride = below;
        }
    }
    strides
}

/// The next index in C order.
fn next(index: &mut [u64], counts: &[u64]) {
    for (at, count) in index.iter_mut().zip(counts).rev() {
        *at += 1;
        if *at < *count {
            return;
        }
        *at = 0;
    }
}

/// The mean of degrees that lie around a circle, counted from 0 or from -180 as they are.
fn circular(values: &[f64]) -> f64 {
    let first = values.first().copied().unwrap_or(f64::NAN);
    let turned = |x: &f64| x + 360.0 * ((first - x) / 360.0).round();
    let mean = values.iter().map(turned).sum::<f64>() / values.len() as f64;
    if values.iter().all(|x| turned(x) == *x) {
        return mean;
    }
    let west = if values.iter().any(|x| *x < 0.0) { -180.0 } else { 0.0 };
    mean - 360.0 * ((mean - west) / 360.0).floor()
}

/// Of sorted numbers that which is there most often; of several the first, or the last where those are smaller values.
fn most_frequent<T: Copy + PartialEq + Default>(sorted: &[T], falls: bool) -> T {
    let (mut best, mut most) = (T::default(), 0);
    for run in sorted.chunk_by(|a, b| a == b) {
        if run.len() > most || (falls && run.len() == most) {
            most = run.len();
            best = run.first().copied().unwrap_or_default();
        }
    }
    best
}

/// Whether a type has a method.
fn check(dtype: DataType, method: Coarsening) -> Result<()> {
    let has = match method {
        Coarsening::Nearest => true,
        Coarsening::Mean => dtype.is_float() || dtype.is_integer(),
        _ => dtype.is_float() || dtype.is_integer() || dtype == DataType::Bool,
    };
    if has {
        return Ok(());
    }
    let message = format!("found {dtype}, of which there is no {}", method.name());
    Err(Error::new(Code::StepInvalid, message).help("`nearest` takes cells of any type"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attrs::{AttrValue, Attrs};
    use crate::codec::Encoding;

    fn spec(dtype: DataType, fill: Option<Scalar>, attrs: &[(&str, f64)]) -> ArraySpec {
        let number = |x: f64| AttrValue::number(DataType::Float64, Scalar::Float(x));
        let attrs: Attrs = attrs.iter().map(|(name, x)| ((*name).to_owned(), number(*x))).collect();
        ArraySpec {
            name: "x".into(),
            dims: Vec::new(),
            shape: Vec::new(),
            dtype,
            attrs,
            fill,
            unwritten: Scalar::Int(0),
            chunk: Vec::new(),
            shard: None,
            encoding: Encoding::raw(),
        }
    }

    /// What rows of numbers become, in blocks of two along a dimension.
    fn reduced(
        spec: &ArraySpec,
        method: Coarsening,
        factors: &[u64],
        shape: &[u64],
        values: &[f64],
    ) -> Vec<f64> {
        let scalar = |x: &f64| if spec.dtype.is_float() { Scalar::Float(*x) } else { Scalar::Int(*x as i64) };
        let block =
            Block::of_scalars(spec.dtype, shape.to_vec(), values.iter().map(scalar)).expect("they fit");
        let rule = Reduction::new(spec, method, factors.to_vec(), false).expect("a method of the type");
        rule.reduce(&block).expect("reduced").to_f64().expect("numbers")
    }

    #[test]
    fn blocks_become_cells() {
        use Coarsening::{Max, Mean, Min, Mode, Nearest};
        const NAN: f64 = f64::NAN;
        let float = spec(DataType::Float32, None, &[]);
        let filled = spec(DataType::Float64, Some(Scalar::Float(-9.0)), &[]);
        let whole = spec(DataType::Int16, Some(Scalar::Int(-1)), &[]);
        let falls = spec(DataType::Int16, None, &[("scale_factor", -0.1)]);
        // type, method, factors, shape, cells, what they become
        type Row<'a> = (&'a ArraySpec, Coarsening, &'a [u64], &'a [u64], &'a [f64], &'a [f64]);
        let rows: &[Row<'_>] = &[
            (&float, Mean, &[2], &[5], &[1.0, 2.0, 3.0, 5.0, 7.0], &[1.5, 4.0, 7.0]),
            (&float, Mean, &[2], &[4], &[1.0, NAN, NAN, NAN], &[1.0, NAN]),
            (&float, Mean, &[2, 2], &[2, 3], &[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], &[3.5, 5.0]),
            (&float, Mean, &[1, 2], &[2, 3], &[1.0, 2.0, 3.0, 5.0, 6.0, 7.0], &[1.5, 3.0, 5.5, 7.0]),
            (&float, Nearest, &[3], &[7], &[1.0, 2.0, 3.0, 4.0, NAN, 6.0, 7.0], &[2.0, NAN, 7.0]),
            (&float, Min, &[3], &[5], &[3.0, NAN, 1.0, 7.0, 8.0], &[1.0, 7.0]),
            (&float, Max, &[3], &[5], &[3.0, NAN, 1.0, 7.0, 8.0], &[3.0, 8.0]),
            (&float, Mode, &[4], &[4], &[3.0, 2.0, 3.0, 2.0], &[2.0]),
            (&filled, Mean, &[2], &[4], &[-9.0, 4.0, -9.0, -9.0], &[4.0, -9.0]),
            (&whole, Mean, &[2], &[6], &[2.0, 3.0, 3.0, 4.0, -5.0, -4.0], &[2.0, 4.0, -4.0]),
            // -2 and 0 have the mean that stands for missing values
            (&whole, Mean, &[2], &[4], &[-2.0, 0.0, -1.0, 8.0], &[0.0, 8.0]),
            (&whole, Mode, &[4], &[4], &[-1.0, -1.0, -1.0, 6.0], &[6.0]),
            (&whole, Mean, &[2], &[2], &[-1.0, -1.0], &[-1.0]),
            (&falls, Min, &[2], &[2], &[3.0, 9.0], &[9.0]),
            (&falls, Mode, &[2], &[2], &[3.0, 9.0], &[9.0]),
            (&float, Mean, &[], &[], &[4.0], &[4.0]),
        ];
        for (spec, method, factors, shape, values, expected) in rows {
            let found = reduced(spec, *method, factors, shape, values);
            let same = found.len() == expected.len()
                && found.iter().zip(*expected).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
            assert!(same, "{method:?} of {values:?}: {found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn degrees_are_never_averaged_over_the_wrap() {
        for (values, expected) in [
            (vec![179.0, -179.0], -180.0),
            (vec![359.0, 3.0], 1.0),
            (vec![10.0, 20.0], 15.0),
            (vec![350.0, 359.0], 354.5),
            (vec![-1.0, 1.0], 0.0),
        ] {
            assert!((circular(&values) - expected).abs() < 1e-9, "{values:?}: {}", circular(&values));
        }
    }

    #[test]
    fn types_without_a_method_are_refused() {
        for (dtype, method, fits) in [
            (DataType::Text, Coarsening::Mean, false),
            (DataType::Text, Coarsening::Nearest, true),
            (DataType::Complex64, Coarsening::Mode, false),
            (DataType::Bool, Coarsening::Mean, false),
            (DataType::Bool, Coarsening::Max, true),
            (DataType::UInt64, Coarsening::Mean, true),
        ] {
            assert_eq!(check(dtype, method).is_ok(), fits, "{dtype} {}", method.name());
        }
    }
}
