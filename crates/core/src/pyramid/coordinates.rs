//! Coordinates of coarser levels: the middle of the cells that became one, and their outer edges.

use super::invalid;
use crate::block::{Block, scalar_to_le};
use crate::dtype::{DataType, Scalar};
use crate::error::Result;
use crate::horizontal::{Horizontal, horizontal_of};
use crate::target::ArraySpec;

/// The coordinate of a dimension, cell by cell of the dataset itself.
#[derive(Debug, Clone)]
pub(crate) struct Cells {
    /// As they are.
    own: Vec<f64>,
    /// The same degrees, without a jump where they go around.
    turned: Vec<f64>,
}

impl Cells {
    /// The values of a coordinate in hand; `None` for what is no number.
    pub(crate) fn of(spec: &ArraySpec, block: &Block) -> Option<Self> {
        let (scale, offset) = spec.attrs.packing().unwrap_or((1.0, 0.0));
        let own: Vec<f64> = block.to_f64()?.into_iter().map(|x| x * scale + offset).collect();
        let circular = horizontal_of(&spec.name, &spec.attrs) == Some(Horizontal::Longitude);
        let turned = if circular { turned(&own) } else { own.clone() };
        Some(Self { own, turned })
    }

    /// The means of so many cells each, where the coordinate counts them.
    pub(crate) fn centres(&self, step: u64) -> Vec<f64> {
        let means =
            self.blocks(step).map(|(own, turned)| self.back(mean(turned), own.first(), turned.first()));
        means.collect()
    }

    /// The outer edges of so many cells each: `edges` are two for each cell.
    pub(crate) fn edges(&self, step: u64, edges: &[f64]) -> Vec<f64> {
        let step = usize::try_from(step).unwrap_or(usize::MAX).max(1);
        let mut out = Vec::new();
        let pairs = edges.as_chunks::<2>().0;
        for (at, (own, turned)) in self.blocks(step as u64).enumerate() {
            let first = at * step;
            let last = first + turned.len().max(1) - 1;
            let near = |cell: usize, side: usize| {
                let (edge, centre) = (pairs.get(cell)?.get(side)?, turned.get(cell - first)?);
                let turns = ((centre - edge) / 360.0).round() * 360.0;
                Some(if self.is_turned() { edge + turns } else { *edge })
            };
            let rises = turned.last() >= turned.first();
            let forward = near(first, 1) >= near(first, 0);
            // edges may run against the cells: CF has them so in files from north to south
            let (lower, upper) = match rises == forward || turned.len() < 2 {
                true => (near(first, 0), near(last, 1)),
                false => (near(last, 0), near(first, 1)),
            };
            let back = self.back(mean(turned), own.first(), turned.first()) - mean(turned);
            out.extend([lower, upper].map(|edge| edge.map_or(f64::NAN, |edge| edge + back)));
        }
        out
    }

    /// The distance of neighbours, where all have the same; their first number.
    pub(crate) fn regular(&self) -> Option<(f64, f64)> {
        let (first, last) = (*self.turned.first()?, *self.turned.last()?);
        let steps = self.turned.len().checked_sub(1).filter(|steps| *steps > 0)? as f64;
        let step = (last - first) / steps;
        let at = |number: usize| first + step * number as f64;
        let near = |(number, x): (usize, &f64)| (x - at(number)).abs() <= 1e-3 * step.abs();
        (step != 0.0 && step.is_finite() && self.turned.iter().enumerate().all(near)).then_some((first, step))
    }

    fn is_turned(&self) -> bool {
        self.own != self.turned
    }

    fn blocks(&self, step: u64) -> impl Iterator<Item = (&[f64], &[f64])> {
        let step = usize::try_from(step).unwrap_or(usize::MAX).max(1);
        self.own.chunks(step).zip(self.turned.chunks(step))
    }

    /// A number among `turned` as those of its block are counted, but not beyond the coordinate's own turn.
    fn back(&self, x: f64, own: Option<&f64>, turned: Option<&f64>) -> f64 {
        let x = x + own.zip(turned).map_or(0.0, |(own, turned)| own - turned);
        if !self.is_turned() {
            return x;
        }
        let least = self.own.iter().copied().fold(f64::INFINITY, f64::min);
        if x >= least + 360.0 { x - 360.0 } else { x }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Longitudes without a jump against the direction in which most of them run.
fn turned(own: &[f64]) -> Vec<f64> {
    let rises = own.windows(2).filter(|pair| matches!(pair, [a, b] if a < b)).count() * 2 + 1 >= own.len();
    let (mut turns, mut before) = (0.0, None);
    let one = |x: &f64| {
        let jump = before.replace(*x).map_or(0.0, |before: f64| x - before);
        if jump.abs() > 180.0 && (jump > 0.0) != rises {
            turns -= 360.0 * jump.signum();
        }
        x + turns
    };
    own.iter().map(one).collect()
}

/// The type of coarser coordinates: the middle of two integers is none.
pub(crate) fn dtype_of(spec: &ArraySpec) -> DataType {
    let exact = spec.dtype.is_float() && spec.attrs.packed_by().is_none();
    if exact { spec.dtype } else { DataType::Float64 }
}

/// Numbers of a type.
pub(crate) fn block(name: &str, dtype: DataType, shape: Vec<u64>, values: &[f64]) -> Result<Block> {
    let mut bytes = Vec::new();
    for value in values {
        if !scalar_to_le(dtype, &Scalar::Float(*value), &mut bytes) {
            return Err(invalid(format!("{value} does not fit {dtype}")).in_variable(name));
        }
    }
    Ok(Block::from_bytes(dtype, shape, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(own: &[f64]) -> Cells {
        Cells { own: own.to_vec(), turned: turned(own) }
    }

    #[test]
    fn centres_and_edges() {
        // coordinate, edges, cells of a block, centres, outer edges
        type Row<'a> = (&'a [f64], &'a [f64], u64, &'a [f64], &'a [f64]);
        let rows: &[Row<'_>] = &[
            (&[0.5, 1.5, 2.5], &[0.0, 1.0, 1.0, 2.0, 2.0, 3.0], 2, &[1.0, 2.5], &[0.0, 2.0, 2.0, 3.0]),
            (&[2.5, 1.5, 0.5], &[3.0, 2.0, 2.0, 1.0, 1.0, 0.0], 2, &[2.0, 0.5], &[3.0, 1.0, 1.0, 0.0]),
            // from north to south, the edges from south to north
            (&[2.5, 1.5, 0.5], &[2.0, 3.0, 1.0, 2.0, 0.0, 1.0], 2, &[2.0, 0.5], &[1.0, 3.0, 0.0, 1.0]),
            // around the globe in four cells
            (
                &[45.0, 135.0, 225.0, 315.0],
                &[0.0, 90.0, 90.0, 180.0, 180.0, 270.0, 270.0, 360.0],
                4,
                &[180.0],
                &[0.0, 360.0],
            ),
            // over the date line
            (
                &[175.0, 179.0, -177.0, -173.0],
                &[173.0, 177.0, 177.0, -179.0, -179.0, -175.0, -175.0, -171.0],
                2,
                &[177.0, -175.0],
                &[173.0, 181.0, -179.0, -171.0],
            ),
            (
                &[171.0, 175.0, 179.0, -177.0],
                &[169.0, 173.0, 173.0, 177.0, 177.0, -179.0, -179.0, -175.0],
                4,
                &[177.0],
                &[169.0, 185.0],
            ),
            // over Greenwich
            (
                &[356.0, 358.0, 0.0, 2.0],
                &[355.0, 357.0, 357.0, 359.0, 359.0, 361.0, 1.0, 3.0],
                4,
                &[359.0],
                &[355.0, 363.0],
            ),
            (
                &[358.0, 0.0, 2.0, 4.0],
                &[357.0, 359.0, 359.0, 1.0, 1.0, 3.0, 3.0, 5.0],
                4,
                &[1.0],
                &[-3.0, 5.0],
            ),
        ];
        for (own, edges, step, centres, outer) in rows {
            let cells = cells(own);
            assert_eq!(cells.centres(*step), *centres, "{own:?}");
            assert_eq!(cells.edges(*step, edges), *outer, "{own:?}");
        }
    }

    #[test]
    fn regular_coordinates_have_a_step() {
        for (own, expected) in [
            (vec![0.0, 0.25, 0.5], Some((0.0, 0.25))),
            (vec![90.0, 89.0, 88.0], Some((90.0, -1.0))),
            (vec![178.0, 179.0, -180.0, -179.0], Some((178.0, 1.0))),
            (vec![0.0, 1.0, 3.0], None),
            (vec![4.0], None),
        ] {
            assert_eq!(cells(&own).regular(), expected, "{own:?}");
        }
    }
}
