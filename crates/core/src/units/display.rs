//! Units as text that parses back to the same unit.

use std::fmt;
use std::sync::OnceLock;

use super::{BASES, Unit};

const SYMBOLS: [&str; BASES] = ["m", "kg", "s", "A", "K", "mol", "cd", "rad"];

/// What people write rather than base units. `Hz`, `m2 s-2` and the like are left as they are: what they stand for is
/// not known.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "degC", "degF", "%", "degree", "km", "cm", "mm", "um", "nm", "g", "mg", "ug", "ms", "min", "h", "day",
    "N", "Pa", "hPa", "kPa", "J", "kJ", "W", "kW", "MW", "V", "W m-2", "W m-2 K-1", "J m-2", "km h-1", "mm day-1",
    "g m-3", "ug m-3", "knot", "hPa s-1", "Pa s-1", "PVU", "dBZ", "dBm",
];

fn common() -> &'static [(Unit, &'static str)] {
    static COMMON_UNITS: OnceLock<Vec<(Unit, &'static str)>> = OnceLock::new();
    COMMON_UNITS
        .get_or_init(|| COMMON.iter().filter_map(|text| Some((Unit::parse(text).ok()?, *text))).collect())
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((_, text)) = common().iter().find(|(unit, _)| unit == self) {
            return f.write_str(text);
        }
        match &self.log {
            None => f.write_str(&quantity(self.scale, &self.powers))?,
            Some(log) => {
                if self.scale != 1.0 {
                    write!(f, "{} ", number(self.scale))?;
                }
                write!(f, "{}(re {})", name(log.base), quantity(log.reference, &self.powers))?;
            }
        }
        if self.offset == 0.0 { Ok(()) } else { write!(f, " @ {}", number(self.offset)) }
    }
}

/// What a logarithm of this base is called.
fn name(base: f64) -> &'static str {
    match base {
        10.0 => "lg",
        2.0 => "lb",
        _ => "ln",
    }
}

fn quantity(scale: f64, powers: &[i16; BASES]) -> String {
    match (scale == 1.0, product(powers)) {
        (true, product) if !product.is_empty() => product,
        (false, product) if !product.is_empty() => format!("{} {product}", number(scale)),
        _ => number(scale),
    }
}

/// Positive powers first: `kg m-2 s-1`.
fn product(powers: &[i16; BASES]) -> String {
    let named = || SYMBOLS.iter().zip(powers);
    let positive = named().filter(|(_, power)| **power > 0);
    let parts = positive.chain(named().filter(|(_, power)| **power < 0)).map(|(symbol, power)| match power {
        1 => (*symbol).to_owned(),
        _ => format!("{symbol}{power}"),
    });
    parts.collect::<Vec<_>>().join(" ")
}

/// The shortest text of the same double.
fn number(value: f64) -> String {
    if (1e-4..1e7).contains(&value.abs()) { value.to_string() } else { format!("{value:e}") }
}
