//! The grammar of UDUNITS's unit language, by recursive descent.

use super::error::{UnitError, UnitErrorKind};
use super::token::{Token, Tokens};
use super::{POWER_MAX, Unit, known};

/// Longer texts are no units.
pub const LENGTH_MAX: usize = 512;
/// How deep parentheses may be.
pub const DEPTH_MAX: usize = 32;

type Result<T> = std::result::Result<T, UnitError>;
type Lookup<'a> = &'a dyn Fn(&str) -> Option<Unit>;

/// The unit of a text, with the units of UDUNITS.
pub(super) fn parse(text: &str) -> Result<Unit> {
    parse_with(text, &known::unit)
}

/// The unit of a text, with the units that `lookup` knows.
pub(super) fn parse_with(text: &str, lookup: Lookup) -> Result<Unit> {
    let blank = |c| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0c' | '\x0b');
    let start = text.trim_start_matches(blank);
    let skipped = text.len() - start.len();
    let trimmed = start.trim_end_matches(blank);
    if trimmed.len() > LENGTH_MAX {
        let message = format!("a unit of {} bytes, expected at most {LENGTH_MAX}", trimmed.len());
        return Err(UnitError::new(UnitErrorKind::Limit, 0, message));
    }
    if trimmed.is_empty() {
        return Ok(Unit::dimensionless());
    }
    let mut parser =
        Parser { tokens: Tokens::new(trimmed), token: Token::End, at: 0, skipped, depth: 0, lookup };
    parser.whole()
}

/// The next token is read already; `at` is where it begins.
struct Parser<'a> {
    tokens: Tokens<'a>,
    token: Token<'a>,
    at: usize,
    skipped: usize,
    depth: usize,
    lookup: Lookup<'a>,
}

impl<'a> Parser<'a> {
    fn whole(&mut self) -> Result<Unit> {
        self.advance()?;
        let unit = self.shifted()?;
        match self.token {
            Token::End => Ok(unit),
            _ => Err(self.syntax("found more behind the end of the unit")),
        }
    }

    /// `product [@ origin]`.
    fn shifted(&mut self) -> Result<Unit> {
        let unit = self.product()?;
        if self.token != Token::Shift {
            return Ok(unit);
        }
        if is_time(&unit) {
            let message = "a time since a reference is a coordinate, expected a unit of data";
            return Err(self.error(UnitErrorKind::TimeReference, message));
        }
        self.advance()?;
        let (Token::Integer(origin, _) | Token::Real(origin)) = self.token else {
            return Err(self.syntax("expected the number at which the unit has its zero"));
        };
        let shifted = unit.shifted(origin).ok_or_else(|| self.beyond())?;
        self.advance()?;
        Ok(shifted)
    }

    fn product(&mut self) -> Result<Unit> {
        let mut unit = self.power()?;
        loop {
            let (divide, at) = (self.token == Token::Divide, self.at);
            match self.token {
                Token::Multiply | Token::Divide => self.advance()?,
                Token::Name(_) | Token::Open | Token::Logarithm(_) | Token::Integer(..) | Token::Real(_) => {}
                _ => return Ok(unit),
            }
            let factor = self.power()?;
            let product = if divide { unit.div(&factor) } else { unit.mul(&factor) };
            unit = product.ok_or_else(|| self.refused(at, unit.log.is_some() || factor.log.is_some()))?;
        }
    }

    fn power(&mut self) -> Result<Unit> {
        let unit = self.basic()?;
        let power = match self.token {
            Token::Exponent(power) => power,
            Token::Integer(_, power) => power.unwrap_or(i32::MAX),
            _ => return Ok(unit),
        };
        if self.tokens.fraction_follows() {
            return Err(self.syntax("found a power with a fraction, expected a whole one"));
        }
        let at = self.at;
        let raised = unit
            .powi(power)
            .ok_or_else(|| self.refused(at, power.abs() <= POWER_MAX && unit.log.is_some()))?;
        self.advance()?;
        Ok(raised)
    }

    fn basic(&mut self) -> Result<Unit> {
        let unit = match self.token {
            Token::Name(name) => {
                (self.lookup)(name).ok_or_else(|| self.error(UnitErrorKind::Unknown, name))?
            }
            Token::Integer(value, _) | Token::Real(value) => {
                Unit::dimensionless().prefixed(value).ok_or_else(|| self.beyond())?
            }
            Token::Open => return self.nested(Self::shifted),
            Token::Logarithm(base) => return self.level(base),
            _ => return Err(self.syntax("expected a name, a number or a parenthesis")),
        };
        self.advance()?;
        Ok(unit)
    }

    fn level(&mut self, base: f64) -> Result<Unit> {
        let at = self.at;
        let reference = self.nested(Self::product)?;
        let message = "a logarithm's reference is a quantity with its zero at zero";
        reference
            .level(base)
            .ok_or_else(|| UnitError::new(UnitErrorKind::Meaningless, self.skipped + at, message))
    }

    /// What stands before the closing parenthesis.
    fn nested(&mut self, inner: fn(&mut Self) -> Result<Unit>) -> Result<Unit> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = format!("parentheses are deeper than {DEPTH_MAX}");
            return Err(self.error(UnitErrorKind::Limit, message));
        }
        self.advance()?;
        let unit = inner(self)?;
        if self.token != Token::Close {
            return Err(self.syntax("expected `)`"));
        }
        self.advance()?;
        self.depth -= 1;
        Ok(unit)
    }

    fn advance(&mut self) -> Result<()> {
        self.at = self.tokens.at();
        self.token = self.tokens.next().map_err(|error| error.moved(self.skipped))?;
        Ok(())
    }

    fn error(&self, kind: UnitErrorKind, message: impl Into<String>) -> UnitError {
        UnitError::new(kind, self.skipped + self.at, message)
    }

    fn syntax(&self, message: &str) -> UnitError {
        self.error(UnitErrorKind::Syntax, message)
    }

    fn beyond(&self) -> UnitError {
        self.error(UnitErrorKind::Limit, "a scale or offset of zero or beyond doubles")
    }

    fn refused(&self, at: usize, level: bool) -> UnitError {
        let (kind, message) = if level {
            (UnitErrorKind::Meaningless, "a level can only be multiplied by a number")
        } else {
            (UnitErrorKind::Limit, "a power beyond 255, or a scale beyond doubles")
        };
        UnitError::new(kind, self.skipped + at, message)
    }
}

/// Whether UDUNITS takes what follows `@` for a date: units of time and their reciprocals.
fn is_time(unit: &Unit) -> bool {
    let time = Unit::base(2);
    time.is_some_and(|s| {
        unit.is_convertible_to(&s) || s.powi(-1).is_some_and(|hertz| unit.is_convertible_to(&hertz))
    })
}
