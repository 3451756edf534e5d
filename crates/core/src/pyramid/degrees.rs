//! Means of degrees that lie around a circle.

use super::reduce::nearest_integer;
use crate::dtype::DataType;

const CIRCLE: f64 = 360.0;

/// What a turn is in stored numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    scale: f64,
    offset: f64,
    /// 360 degrees in stored integers, negative where these fall; `None` where that is no integer.
    whole: Option<i128>,
}

impl Turn {
    /// That of numbers of a type, by `scale_factor` and `add_offset`. `None` where a turn is less than two of them.
    pub(super) fn of(packing: Option<(f64, f64)>, dtype: DataType) -> Option<Self> {
        let (scale, offset) = packing.unwrap_or((1.0, 0.0));
        let turn = CIRCLE / scale;
        if !turn.is_finite() || !offset.is_finite() || turn.abs() < 2.0 {
            return None;
        }
        // a scale of single precision is 0.01 in seven digits
        let near = (turn - turn.round()).abs() <= turn.abs() * 1e-7;
        let whole = (dtype.is_integer() && near).then(|| turn.round() as i128);
        Some(Self { scale, offset, whole })
    }

    /// The mean of stored floats.
    pub(super) fn mean(&self, stored: &[f64]) -> f64 {
        if (self.scale, self.offset) == (1.0, 0.0) {
            return circular(stored);
        }
        let values: Vec<f64> = stored.iter().map(|x| x * self.scale + self.offset).collect();
        (circular(&values) - self.offset) / self.scale
    }

    /// The mean of stored integers, halves to the even one, and whether it is above the true one.
    pub(super) fn mean_of_integers(&self, stored: &[i128]) -> (i128, bool) {
        let count = stored.len().max(1) as i128;
        let first = stored.first().copied().unwrap_or_default();
        let Some(whole) = self.whole else {
            let values: Vec<f64> = stored.iter().map(|x| self.value(*x)).collect();
            let mean = (circular(&values) - self.offset) / self.scale;
            let near = mean.round_ties_even();
            return (near as i128, near > mean);
        };
        let turned = |x: &i128| x + whole * nearest_integer((first - x) * whole.signum(), whole.abs()).0;
        let (near, up) = nearest_integer(stored.iter().map(turned).sum(), count);
        if stored.iter().all(|x| turned(x) == *x) {
            return (near, up);
        }
        let west = west_of(stored.iter().map(|x| self.value(*x)));
        // the edge itself is in, and not a turn away by the last digit
        let turns = ((self.value(near) - west) / CIRCLE + 1e-7).floor();
        (near - whole * turns as i128, up)
    }

    /// Integers that stand for the same degrees, the number itself first.
    pub(super) fn same(&self, x: i128) -> [i128; 3] {
        let whole = self.whole.unwrap_or_else(|| (CIRCLE / self.scale).round() as i128);
        [x, x + whole, x - whole]
    }

    fn value(&self, stored: i128) -> f64 {
        stored as f64 * self.scale + self.offset
    }
}

/// The mean of degrees that lie around a circle, counted from 0 or from -180 as they are.
pub(super) fn circular(values: &[f64]) -> f64 {
    let first = values.first().copied().unwrap_or(f64::NAN);
    let turned = |x: &f64| x + CIRCLE * ((first - x) / CIRCLE).round();
    let mean = values.iter().map(turned).sum::<f64>() / values.len() as f64;
    if values.iter().all(|x| turned(x) == *x) {
        return mean;
    }
    let west = west_of(values.iter().copied());
    mean - CIRCLE * ((mean - west) / CIRCLE).floor()
}

/// Where degrees begin.
fn west_of(mut values: impl Iterator<Item = f64>) -> f64 {
    if values.any(|x| x < 0.0) { -180.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn packed_degrees_are_neither() {
        let single = f64::from(0.01_f32);
        for (scale, offset, values, expected) in [
            (0.01, 0.0, vec![17_990, -17_990], -18_000),
            (0.01, 0.0, vec![17_990, -17_970], -17_990),
            (single, 0.0, vec![17_970, -17_990], 17_990),
            (single, 0.0, vec![17_990, -17_990], -18_000),
            (0.01, 0.0, vec![100, 300], 200),
            (0.01, 180.0, vec![17_990, -17_990], -18_000),
            (0.01, 180.0, vec![17_990, -17_970], -17_990),
            // the numbers fall to the east
            (-0.01, 0.0, vec![-17_990, 17_990], 18_000),
            (-0.01, 0.0, vec![-17_970, 17_990], -17_990),
            // no whole number of steps goes around
            (0.7, 0.0, vec![257, -257], -257),
            (1.0, 0.0, vec![359, 2], 0),
        ] {
            let turn = Turn::of(Some((scale, offset)), DataType::Int16).expect("a turn");
            assert_eq!(turn.mean_of_integers(&values).0, expected, "{scale} {offset} {values:?}");
        }
    }
}
