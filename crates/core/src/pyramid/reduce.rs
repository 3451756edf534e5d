//! Several cells to one, in the type and the packing that they are stored in.

use super::degrees::Turn;
use super::missing::{Missing, next_float};
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
/// rounded half to even; where it would be a number that stands for missing values, the nearest other number is taken, of
/// floats the next one.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    method: Coarsening,
    /// Cells of a block along every dimension; 1 where the array keeps its length.
    factors: Vec<u64>,
    dtype: DataType,
    /// The integers that the bits are meant as.
    meant: DataType,
    missing: Missing,
    /// A greater number stands for a smaller value.
    falls: bool,
    /// Degrees, of which 360 more are the same.
    turn: Option<Turn>,
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
        let falls = spec.attrs.packing().is_some_and(|(scale, _)| scale < 0.0);
        let turn = circular.then(|| Turn::of(spec.attrs.packing(), dtype)).flatten();
        Ok(Self { method, factors, dtype, meant, missing: Missing::of(spec, meant), falls, turn })
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
        let cells = bytes.as_chunks::<N>().0;
        let mut values: Vec<f64> = Vec::new();
        self.walk(shape, &mut |base, near, block| {
            let found = block.iter().filter_map(|at| cells.get(base + at)).map(|cell| read(*cell));
            values.clear();
            values.extend(found.filter(|x| !self.missing.is_float(*x)));
            match self.float(&mut values) {
                None => out.extend_from_slice(self.missing.cell(cells.get(base + near))),
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
            Coarsening::Mean => {
                let mean = match &self.turn {
                    Some(turn) => turn.mean(values),
                    None => all.sum::<f64>() / values.len() as f64,
                };
                next_float(self.dtype, mean, &|x| self.missing.is_float_mask(x))
            }
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
        let cells = bytes.as_chunks::<N>().0;
        let mut values: Vec<i128> = Vec::new();
        self.walk(shape, &mut |base, near, block| {
            values.clear();
            let found = block.iter().filter_map(|at| cells.get(base + at));
            let found = found.filter(|cell| !self.missing.is_mask(cell.as_slice()));
            values.extend(found.map(|cell| read(*cell)).filter(|x| !self.missing.is_beyond(*x as f64)));
            match self.integer(&mut values) {
                None => out.extend_from_slice(self.missing.cell(cells.get(base + near))),
                Some(x) => out.extend(x.to_le_bytes().iter().take(N)),
            }
        });
    }

    fn integer(&self, values: &mut [i128]) -> Option<i128> {
        let first = *values.first()?;
        Some(match self.extreme() {
            Coarsening::Mean => match &self.turn {
                Some(turn) => self.turned(turn, values),
                None => self.rounded(values.iter().sum(), values.len() as i128),
            },
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
        let (near, up) = nearest_integer(sum, count);
        self.unmasked(near, up)
    }

    /// The same of degrees that lie around a circle.
    fn turned(&self, turn: &Turn, values: &[i128]) -> i128 {
        let (near, up) = turn.mean_of_integers(values);
        let fits = |x: &i128| self.holds(*x) && !self.missing.is_beyond(*x as f64);
        let turns = turn.same(near);
        self.unmasked(turns.into_iter().find(fits).unwrap_or(near), up)
    }

    /// The nearest number that does not stand for missing values.
    fn unmasked(&self, near: i128, up: bool) -> i128 {
        let masked = |x: i128| self.missing.is_masked_integer(x);
        if !masked(near) {
            return near;
        }
        // one step to the side on which the mean lies, then to the other, and on
        let side = if up { -1 } else { 1 };
        let others =
            (1..=self.missing.count() as i128 + 1).flat_map(|far| [near + side * far, near - side * far]);
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

/// `sum / count` to the nearest integer, halves to the even one, and whether that is above.
pub(super) fn nearest_integer(sum: i128, count: i128) -> (i128, bool) {
    let (low, rest) = (sum.div_euclid(count), sum.rem_euclid(count));
    let up = rest * 2 > count || (rest * 2 == count && low % 2 != 0);
    (low + i128::from(up), up)
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
#[path = "reduce_tests.rs"]
mod tests;
