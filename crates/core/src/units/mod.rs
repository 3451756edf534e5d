//! Units of measure: the language and the definitions of UDUNITS-2, which the CF conventions prescribe.
//!
//! A [`Unit`] is a value: powers of base units, a scale, an offset, and for levels such as `dBZ` a logarithm.
//! A [`Conversion`] between two units is plain data. Nothing is read at run time: the definitions are those of the
//! XML files of UDUNITS-2, version 2.2.28.
//!
//! ```
//! use arcoforge_core::units::Unit;
//!
//! let (celsius, kelvin) = (Unit::parse("degrees_celsius")?, Unit::parse("K")?);
//! let conversion = celsius.conversion_to(&kelvin).unwrap();
//! assert_eq!(conversion.apply(10.0), 283.15);
//! assert_eq!(Unit::parse("kg.m^-2/s")?.to_string(), "kg m-2 s-1");
//! # Ok::<(), arcoforge_core::units::UnitError>(())
//! ```
//!
//! # Where this differs from UDUNITS
//!
//! - Units of which one is the reciprocal of the other (`s` and `Hz`) are not convertible: in the files of one
//!   variable that is a mistake, not a wish.
//! - A reference of time (`days since 2000-01-01`) is not a unit of data: [`UnitErrorKind::TimeReference`].
//! - `s⁻¹` and `s⁺¹` are read as powers, as its grammar says and its own output has it; 2.2.28 refuses them.
//! - `m^1.5` and `m2.3` are refused; UDUNITS reads `5 m` and `0.3 m2`. A `)` that closes nothing is refused.
//! - A logarithm of a logarithm, and one whose reference has an offset (`lg(re degC)`), are refused.
//! - Scales beyond the doubles, powers of base units beyond 255 (`m200 m200`), texts of more than [`LENGTH_MAX`]
//!   bytes, and parentheses deeper than [`DEPTH_MAX`] are refused.
//!
//! As in UDUNITS, names and their prefixes may be in any case, symbols may not (`Kelvin`, `KELVIN`, `K`, never `k`);
//! angles are dimensionless; the offset of a temperature is dropped in products (`1 degC` and `degC m-1` are `K` and
//! `K m-1`).

mod conversion;
mod definitions;
mod display;
mod error;
mod known;
mod parse;
#[cfg(test)]
mod tests;
mod token;

pub use conversion::{Conversion, Linear};
pub use error::{UnitError, UnitErrorKind};
pub use parse::{DEPTH_MAX, LENGTH_MAX};

/// How many base units there are: those of the SI, and the radian, last, which has no dimension.
const BASES: usize = 8;
const RADIAN: usize = 7;
/// The largest power of a base unit, and to which a unit is raised.
const POWER_MAX: i32 = 255;

/// A unit of measure. A value `x` in it is `scale * (x + offset)` in the product of its base units; where `log` is
/// there, it is the exponent of a power that multiplies the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Unit {
    powers: [i16; BASES],
    scale: f64,
    offset: f64,
    log: Option<Log>,
}

/// The logarithm of a quantity relative to a reference: `reference * base^u` in base units.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Log {
    base: f64,
    reference: f64,
}

impl Unit {
    /// The unit of a number: `1`.
    pub const fn dimensionless() -> Self {
        Self { powers: [0; BASES], scale: 1.0, offset: 0.0, log: None }
    }

    /// A base unit; `None` beyond the last one.
    fn base(index: usize) -> Option<Self> {
        let mut unit = Self::dimensionless();
        *unit.powers.get_mut(index)? = 1;
        Some(unit)
    }

    /// The unit that a text stands for; the empty text is `1`.
    ///
    /// ```
    /// use arcoforge_core::units::Unit;
    /// let error = Unit::parse("degrees_celcius").unwrap_err();
    /// assert_eq!(error.to_string(), "unknown unit `degrees_celcius`, did you mean `degrees_Celsius`?");
    /// ```
    ///
    /// # Errors
    /// Unknown names, what is not of the language, references of time, what has no meaning (`dBZ m`), limits.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        parse::parse(text)
    }

    /// Whether a number has this unit: no dimensions (angles have none), no logarithm.
    pub fn is_dimensionless(&self) -> bool {
        self.log.is_none() && self.has_no_dimensions()
    }

    /// Whether both measure the same: equal dimensions, and levels with levels only. Sums and comparisons ask this.
    pub fn same_quantity(&self, other: &Self) -> bool {
        self.is_convertible_to(other) && self.log.is_some() == other.log.is_some()
    }

    /// Whether values can be converted: equal dimensions, angles not counted. A level (`dBZ`) and its quantity
    /// (`mm6 m-3`) are convertible; reciprocals are not.
    pub fn is_convertible_to(&self, other: &Self) -> bool {
        self.powers.iter().zip(&other.powers).take(RADIAN).all(|(a, b)| a == b)
    }

    /// How values in this unit become values in `target`, where they are convertible.
    pub fn conversion_to(&self, target: &Self) -> Option<Conversion> {
        self.is_convertible_to(target).then(|| conversion::between(self, target))
    }

    /// The product. `None` for a level with anything but a number, and beyond the limits of powers and doubles.
    pub fn mul(&self, other: &Self) -> Option<Self> {
        let log = match (self.log, other.log) {
            (None, None) => None,
            (Some(log), None) if other.has_no_dimensions() => return self.level_by(log, other),
            (None, Some(log)) if self.has_no_dimensions() => return other.level_by(log, self),
            _ => return None,
        };
        let mut powers = self.powers;
        for (power, more) in powers.iter_mut().zip(other.powers) {
            *power = power.checked_add(more)?;
        }
        Self { powers, scale: self.scale * other.scale, offset: 0.0, log }.checked()
    }

    /// The quotient, with the limits of [`Unit::mul`].
    pub fn div(&self, other: &Self) -> Option<Self> {
        self.mul(&other.powi(-1)?)
    }

    /// The unit to a whole power of at most 255; the first power is the unit itself, with its offset. `None` for
    /// levels, and beyond the limits.
    pub fn powi(&self, power: i32) -> Option<Self> {
        match power {
            0 => return Some(Self::dimensionless()),
            1 => return Some(*self),
            _ if self.log.is_some() || power.abs() > POWER_MAX => return None,
            _ => {}
        }
        let mut powers = self.powers;
        for p in &mut powers {
            *p = i16::try_from(i32::from(*p).checked_mul(power)?).ok()?;
        }
        Self { powers, scale: self.scale.powf(f64::from(power)), offset: 0.0, log: None }.checked()
    }

    /// The unit to any power, where that leaves whole powers of base units.
    pub fn powf(&self, power: f64) -> Option<Self> {
        if power == 1.0 {
            return Some(*self);
        }
        if self.log.is_some() || !power.is_finite() {
            return None;
        }
        let mut powers = self.powers;
        for p in &mut powers {
            *p = whole(f64::from(*p) * power)?;
        }
        Self { powers, scale: self.scale.powf(power), offset: 0.0, log: None }.checked()
    }

    /// The `degree`-th root, where powers of base units stay whole: `m2 s-2` has a second root, `m` has none.
    pub fn root(&self, degree: i32) -> Option<Self> {
        if degree == 0 { None } else { self.powf(1.0 / f64::from(degree)) }
    }

    fn has_no_dimensions(&self) -> bool {
        self.powers.iter().take(RADIAN).all(|p| *p == 0)
    }

    /// A level times a number.
    fn level_by(&self, log: Log, number: &Self) -> Option<Self> {
        Self { powers: self.powers, scale: self.scale * number.scale, offset: 0.0, log: Some(log) }.checked()
    }

    /// The unit times a prefix: an offset stays where it is, so `mdegC` begins where `degC` begins.
    fn prefixed(&self, factor: f64) -> Option<Self> {
        Self { scale: self.scale * factor, offset: self.offset / factor, ..*self }.checked()
    }

    /// The unit with its zero at `origin`: `K @ 273.15`.
    fn shifted(&self, origin: f64) -> Option<Self> {
        Self { offset: self.offset + origin, ..*self }.checked()
    }

    /// Levels of this unit; `None` for what cannot be a reference.
    fn level(&self, base: f64) -> Option<Self> {
        let plain = self.log.is_none() && self.offset == 0.0;
        let log = Log { base, reference: self.scale };
        plain.then_some(Self { powers: self.powers, scale: 1.0, offset: 0.0, log: Some(log) })
    }

    fn checked(self) -> Option<Self> {
        let powers = self.powers.iter().all(|p| i32::from(*p).abs() <= POWER_MAX);
        (powers && self.scale.is_normal() && self.offset.is_finite()).then_some(self)
    }
}

/// The nearest whole number, where it is the same number but for rounding.
fn whole(value: f64) -> Option<i16> {
    let rounded = value.round();
    let near = (value - rounded).abs() < 1e-9 && rounded.abs() <= f64::from(i16::MAX);
    // within the range of i16, by the line above
    near.then_some(rounded as i16)
}
