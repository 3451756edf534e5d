//! Conversions between units, as data.

use serde::{Deserialize, Serialize};

use super::{Log, Unit};

/// `scale * x + offset`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// The factor.
    pub scale: f64,
    /// What is added after it.
    pub offset: f64,
}

/// How values in one unit become values in another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conversion {
    /// Between quantities, or between levels.
    Linear(Linear),
    /// From a level to a quantity: `after(base^before(x))`.
    Power {
        /// To the exponent.
        before: Linear,
        /// The base of the logarithm.
        base: f64,
        /// To the target's unit.
        after: Linear,
    },
    /// From a quantity to a level: `after(log_base(before(x)))`; not a number for quantities below zero.
    Logarithm {
        /// To the ratio with the reference.
        before: Linear,
        /// The base of the logarithm.
        base: f64,
        /// To the target's unit.
        after: Linear,
    },
}

impl Linear {
    const IDENTITY: Self = Self { scale: 1.0, offset: 0.0 };

    /// A value converted.
    pub fn apply(&self, x: f64) -> f64 {
        self.scale * x + self.offset
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        Self { scale: 1.0 / self.scale, offset: -self.offset / self.scale }.tidy()
    }

    /// This, then `next`.
    fn then(&self, next: &Self) -> Self {
        Self { scale: self.scale * next.scale, offset: next.scale * self.offset + next.offset }
    }

    /// From a value in `unit` to what it multiplies, or to the exponent of a level.
    fn from(unit: &Unit) -> Self {
        Self { scale: unit.scale, offset: unit.scale * unit.offset }
    }

    /// The way back of [`Linear::from`].
    fn to(unit: &Unit) -> Self {
        Self { scale: 1.0 / unit.scale, offset: -unit.offset }
    }

    fn by(factor: f64) -> Self {
        Self { scale: factor, offset: 0.0 }
    }

    /// No negative zeros.
    fn tidy(self) -> Self {
        Self { scale: self.scale, offset: self.offset + 0.0 }
    }
}

impl Conversion {
    /// Leaves values as they are.
    pub const IDENTITY: Self = Self::Linear(Linear::IDENTITY);

    /// A value converted. Not-a-number stays so.
    pub fn apply(&self, x: f64) -> f64 {
        match self {
            Self::Linear(line) => line.apply(x),
            Self::Power { before, base, after } => after.apply(power(*base, before.apply(x))),
            Self::Logarithm { before, base, after } => after.apply(logarithm(*base, before.apply(x))),
        }
    }

    /// Whether values stay as they are; differences of rounding in the definitions do not count.
    pub fn is_identity(&self) -> bool {
        *self == Self::IDENTITY
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        match *self {
            Self::Linear(line) => Self::Linear(line.inverse()),
            Self::Power { before, base, after } => {
                Self::Logarithm { before: after.inverse(), base, after: before.inverse() }
            }
            Self::Logarithm { before, base, after } => {
                Self::Power { before: after.inverse(), base, after: before.inverse() }
            }
        }
    }
}

/// Between two units of the same dimensions.
pub(super) fn between(source: &Unit, target: &Unit) -> Conversion {
    match (source.log, target.log) {
        (None, None) => Conversion::Linear(line(source, target, Linear::IDENTITY)),
        (Some(a), Some(b)) => Conversion::Linear(line(source, target, levels(&a, &b))),
        (Some(log), None) => Conversion::Power {
            before: Linear::from(source).tidy(),
            base: log.base,
            after: Linear::by(log.reference).then(&Linear::to(target)).tidy(),
        },
        (None, Some(log)) => Conversion::Logarithm {
            before: Linear::from(source).then(&Linear::by(1.0 / log.reference)).tidy(),
            base: log.base,
            after: Linear::to(target).tidy(),
        },
    }
}

/// From the exponent of one logarithm to that of another.
fn levels(a: &Log, b: &Log) -> Linear {
    if a == b {
        return Linear::IDENTITY;
    }
    let scale = if a.base == b.base { 1.0 } else { logarithm(b.base, a.base) };
    Linear { scale, offset: logarithm(b.base, a.reference / b.reference) }
}

/// Through base units; where the result is the identity but for rounding, it is the identity.
fn line(source: &Unit, target: &Unit, between: Linear) -> Linear {
    let near = |a: f64, b: f64| (a - b).abs() <= 4.0 * f64::EPSILON * a.abs().max(b.abs());
    // one division, so that units of one scale cancel
    let scale = source.scale * between.scale / target.scale;
    let scale = if near(scale, 1.0) { 1.0 } else { scale };
    let added = scale * source.offset + between.offset / target.scale;
    let offset = if near(added, target.offset) { 0.0 } else { added - target.offset };
    Linear { scale, offset }.tidy()
}

fn power(base: f64, x: f64) -> f64 {
    if base == 2.0 {
        x.exp2()
    } else if base == std::f64::consts::E {
        x.exp()
    } else {
        base.powf(x)
    }
}

fn logarithm(base: f64, x: f64) -> f64 {
    if base == 10.0 {
        x.log10()
    } else if base == 2.0 {
        x.log2()
    } else if base == std::f64::consts::E {
        x.ln()
    } else {
        x.log(base)
    }
}
