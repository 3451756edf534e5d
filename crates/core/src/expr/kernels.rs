//! The loops: one operation over a run of elements.

use super::functions::Op;
use crate::units::Conversion;

/// One operand over a run of elements.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'v> {
    Slice(&'v [f64]),
    Scalar(f64),
}

impl View<'_> {
    fn at(&self, index: usize) -> f64 {
        match self {
            Self::Slice(values) => values.get(index).copied().unwrap_or(f64::NAN),
            Self::Scalar(value) => *value,
        }
    }
}

/// `a` in other units.
pub(super) fn convert(out: &mut [f64], a: View<'_>, conversion: &Conversion) {
    one(out, a, |x| conversion.apply(x));
}

/// A copy of `a`.
pub(super) fn copy(out: &mut [f64], a: View<'_>) {
    one(out, a, |x| x);
}

/// Carries out one operation; operands that it does not have are ignored.
pub(super) fn apply(op: Op, out: &mut [f64], [a, b, c]: [View<'_>; 3]) {
    match op {
        Op::Negative => one(out, a, |x| -x),
        Op::Not => one(out, a, |x| flag(x == 0.0, x)),
        Op::Abs => one(out, a, f64::abs),
        Op::Sign => one(out, a, |x| if x == 0.0 || x.is_nan() { x + 0.0 } else { x.signum() }),
        Op::Floor => one(out, a, f64::floor),
        Op::Ceil => one(out, a, f64::ceil),
        Op::Round => one(out, a, f64::round_ties_even),
        Op::Radians => one(out, a, |x| x * (std::f64::consts::PI / 180.0)),
        Op::Degrees => one(out, a, |x| x * (180.0 / std::f64::consts::PI)),
        Op::IsMissing => one(out, a, |x| f64::from(x.is_nan())),
        Op::Where => where_(out, a, b, c),
        Op::Clip => three(out, a, b, c, |x, low, high| least(greatest(x, low), high)),
        Op::Power => power(out, a, b),
        _ => elementary(op, out, a, b),
    }
}

fn elementary(op: Op, out: &mut [f64], a: View<'_>, b: View<'_>) {
    match op {
        Op::Sqrt => one(out, a, f64::sqrt),
        Op::Exp => one(out, a, f64::exp),
        Op::Log => one(out, a, f64::ln),
        Op::Log2 => one(out, a, f64::log2),
        Op::Log10 => one(out, a, f64::log10),
        Op::Sin => one(out, a, f64::sin),
        Op::Cos => one(out, a, f64::cos),
        Op::Tan => one(out, a, f64::tan),
        Op::Asin => one(out, a, f64::asin),
        Op::Acos => one(out, a, f64::acos),
        Op::Atan => one(out, a, f64::atan),
        Op::Sinh => one(out, a, f64::sinh),
        Op::Cosh => one(out, a, f64::cosh),
        Op::Tanh => one(out, a, f64::tanh),
        _ => binary(op, out, a, b),
    }
}

fn binary(op: Op, out: &mut [f64], a: View<'_>, b: View<'_>) {
    match op {
        Op::Add => two(out, a, b, |x, y| x + y),
        Op::Subtract => two(out, a, b, |x, y| x - y),
        Op::Multiply => two(out, a, b, |x, y| x * y),
        Op::Divide => two(out, a, b, |x, y| x / y),
        Op::FloorDivide => two(out, a, b, |x, y| floor_divide(x, y).0),
        Op::Modulo => two(out, a, b, |x, y| floor_divide(x, y).1),
        Op::Less => two(out, a, b, |x, y| both(x < y, x, y)),
        Op::LessEqual => two(out, a, b, |x, y| both(x <= y, x, y)),
        Op::Greater => two(out, a, b, |x, y| both(x > y, x, y)),
        Op::GreaterEqual => two(out, a, b, |x, y| both(x >= y, x, y)),
        Op::Equal => two(out, a, b, |x, y| both(x == y, x, y)),
        Op::NotEqual => two(out, a, b, |x, y| both(x != y, x, y)),
        Op::And => two(out, a, b, |x, y| both(x != 0.0 && y != 0.0, x, y)),
        Op::Or => two(out, a, b, |x, y| both(x != 0.0 || y != 0.0, x, y)),
        Op::Atan2 => two(out, a, b, f64::atan2),
        Op::Hypot => two(out, a, b, |x, y| if (x + y).is_nan() { missing_or_inf(x, y) } else { x.hypot(y) }),
        Op::Min => two(out, a, b, least),
        Op::Max => two(out, a, b, greatest),
        Op::Coalesce => two(out, a, b, |x, y| if x.is_nan() { y } else { x }),
        // every operation is in one of the tables of this file, which the tests go through
        _ => out.fill(f64::NAN),
    }
}

fn one(out: &mut [f64], a: View<'_>, f: impl Fn(f64) -> f64) {
    match a {
        View::Slice(a) => out.iter_mut().zip(a).for_each(|(out, a)| *out = f(*a)),
        View::Scalar(a) => out.fill(f(a)),
    }
}

fn two(out: &mut [f64], a: View<'_>, b: View<'_>, f: impl Fn(f64, f64) -> f64) {
    match (a, b) {
        (View::Slice(a), View::Slice(b)) => {
            out.iter_mut().zip(a.iter().zip(b)).for_each(|(out, (a, b))| *out = f(*a, *b));
        }
        (View::Slice(a), View::Scalar(b)) => out.iter_mut().zip(a).for_each(|(out, a)| *out = f(*a, b)),
        (View::Scalar(a), View::Slice(b)) => out.iter_mut().zip(b).for_each(|(out, b)| *out = f(a, *b)),
        (View::Scalar(a), View::Scalar(b)) => out.fill(f(a, b)),
    }
}

fn three(out: &mut [f64], a: View<'_>, b: View<'_>, c: View<'_>, f: impl Fn(f64, f64, f64) -> f64) {
    if let (View::Slice(a), View::Scalar(b), View::Scalar(c)) = (a, b, c) {
        return out.iter_mut().zip(a).for_each(|(out, a)| *out = f(*a, b, c));
    }
    for (index, out) in out.iter_mut().enumerate() {
        *out = f(a.at(index), b.at(index), c.at(index));
    }
}

fn where_(out: &mut [f64], condition: View<'_>, a: View<'_>, b: View<'_>) {
    three(out, condition, a, b, |condition, a, b| match condition {
        c if c.is_nan() => c,
        0.0 => b,
        _ => a,
    });
}

/// Powers by a constant that need no `pow`, as numpy does them.
fn power(out: &mut [f64], a: View<'_>, b: View<'_>) {
    match b {
        View::Scalar(1.0) => one(out, a, |x| x),
        View::Scalar(2.0) => one(out, a, |x| x * x),
        View::Scalar(0.5) => one(out, a, f64::sqrt),
        View::Scalar(-1.0) => one(out, a, |x| 1.0 / x),
        _ => two(out, a, b, |x, y| if x.is_nan() || y.is_nan() { f64::NAN } else { x.powf(y) }),
    }
}

/// 1 or 0, or missing where an operand is.
fn both(holds: bool, x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { f64::from(holds) }
}

fn flag(holds: bool, x: f64) -> f64 {
    if x.is_nan() { f64::NAN } else { f64::from(holds) }
}

fn least(x: f64, y: f64) -> f64 {
    if x.is_nan() || x < y { x } else { y }
}

fn greatest(x: f64, y: f64) -> f64 {
    if x.is_nan() || x > y { x } else { y }
}

/// The length where one side is missing, or both are infinite with different signs.
fn missing_or_inf(x: f64, y: f64) -> f64 {
    if x.is_nan() || y.is_nan() { f64::NAN } else { f64::INFINITY }
}

/// Quotient rounded down and remainder of the right side's sign, by the steps of numpy's `npy_divmod`.
fn floor_divide(x: f64, y: f64) -> (f64, f64) {
    let mut remainder = x % y;
    if y == 0.0 {
        return (x / y, remainder);
    }
    let mut quotient = (x - remainder) / y;
    if remainder == 0.0 {
        remainder = 0.0_f64.copysign(y);
    } else if (y < 0.0) != (remainder < 0.0) {
        remainder += y;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0.0_f64.copysign(x / y), remainder);
    }
    let whole = quotient.floor();
    (if quotient - whole > 0.5 { whole + 1.0 } else { whole }, remainder)
}
