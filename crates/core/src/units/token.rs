//! Tokens of UDUNITS's unit language. What a text means depends on what stood before it: `m-1` is a power, `-1 m` and
//! `m -1` are numbers, `m.s` is a product and `.5 m` is a number.

use super::error::{UnitError, UnitErrorKind};
use crate::cursor::Cursor;

/// A part of a unit's text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// `@`, `from`, `after`, `ref`, `since`.
    Shift,
    Multiply,
    Divide,
    Open,
    Close,
    /// `^2`, `**2`, `²`.
    Exponent(i32),
    /// A whole number: a factor, or a power behind a unit. `None` for the power that it is too large for.
    Integer(f64, Option<i32>),
    Real(f64),
    Name(&'a str),
    /// `lg(re`, `ln(re`, `lb(re`: the base.
    Logarithm(f64),
    End,
}

/// What stood before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Fresh,
    AfterName,
    AfterShift,
}

/// The tokens of a text, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    cursor: Cursor<'a>,
    state: State,
}

const SHIFTS: [&str; 4] = ["after", "from", "since", "ref"];
const SUPERSCRIPTS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { cursor: Cursor::new(text), state: State::Fresh }
    }

    /// How many bytes were taken.
    pub(super) fn at(&self) -> usize {
        self.cursor.at()
    }

    /// Whether a decimal point and a digit come next.
    pub(super) fn fraction_follows(&self) -> bool {
        let mut rest = self.cursor.rest().chars();
        rest.next() == Some('.') && rest.next().is_some_and(|c| c.is_ascii_digit())
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token<'a>, UnitError> {
        if self.cursor.done() {
            return Ok(Token::End);
        }
        if let Some(token) = self.logarithm() {
            self.state = State::Fresh;
            return Ok(token);
        }
        if self.state != State::AfterShift
            && let Some(token) = self.operator()
        {
            return Ok(token);
        }
        if self.state != State::AfterName
            && let Some(token) = self.real()?
        {
            self.state = State::Fresh;
            return Ok(token);
        }
        if let Some(token) = self.integer()? {
            self.state = State::Fresh;
            return Ok(token);
        }
        self.name_or_parenthesis()
    }

    fn operator(&mut self) -> Option<Token<'a>> {
        let start = self.cursor;
        let blanks = self.blanks();
        if self.shift() {
            self.blanks();
            self.state = State::AfterShift;
            return Some(Token::Shift);
        }
        if self.cursor.eat('/') || (blanks && self.cursor.eat_word("per") && self.blanks()) {
            self.blanks();
            self.state = State::Fresh;
            return Some(Token::Divide);
        }
        self.cursor = start;
        if let Some(power) = self.exponent() {
            return Some(Token::Exponent(power));
        }
        let signed = self.signed_number_follows();
        if self.blanks() || (!signed && self.cursor.eat_any("-.*·").is_some()) {
            self.state = State::Fresh;
            return Some(Token::Multiply);
        }
        None
    }

    /// Whether a number begins here, so that a sign or a point is a part of it.
    fn signed_number_follows(&self) -> bool {
        let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let mut rest = self.cursor.rest().chars();
        match rest.next() {
            Some('.') => self.state == State::Fresh && digit(rest.next()),
            Some('-') => match rest.next() {
                Some('.') => self.state == State::Fresh && digit(rest.next()),
                next => digit(next),
            },
            _ => false,
        }
    }

    fn shift(&mut self) -> bool {
        if self.cursor.eat('@') {
            return true;
        }
        let mut ahead = self.cursor;
        // `from5` is no name, `fromage` and `from_5m` are
        let word =
            ahead.take_while(usize::MAX, is_letter_or_digit).trim_end_matches(|c: char| c.is_ascii_digit());
        SHIFTS.iter().any(|shift| word.eq_ignore_ascii_case(shift) && self.cursor.eat_word(shift))
    }

    /// A power. The state stays behind `^2`, as in UDUNITS: `m^2s` is refused.
    fn exponent(&mut self) -> Option<i32> {
        let mut ahead = self.cursor;
        if ahead.eat('^') || (ahead.eat('*') && ahead.eat('*')) {
            let (negative, digits) = (ahead.eat_any("+-") == Some('-'), ahead.digits(usize::MAX));
            if digits.is_empty() {
                return None;
            }
            self.cursor = ahead;
            return Some(signed(negative, digits));
        }
        let mut ahead = self.cursor;
        let negative = ahead.eat_any("⁺⁻") == Some('⁻');
        let digits: String =
            ahead.take_while(usize::MAX, |c| SUPERSCRIPTS.contains(&c)).chars().map(plain).collect();
        if digits.is_empty() {
            return None;
        }
        self.cursor = ahead;
        self.state = State::Fresh;
        Some(signed(negative, &digits))
    }

    fn real(&mut self) -> Result<Option<Token<'a>>, UnitError> {
        let mut ahead = self.cursor;
        ahead.eat_any("+-");
        let before = !ahead.digits(usize::MAX).is_empty();
        let point = ahead.eat('.');
        let after = point && !ahead.digits(usize::MAX).is_empty();
        if !before && !after {
            return Ok(None);
        }
        let mut exponent = ahead;
        let scaled = exponent.eat_any("eE").is_some() && {
            exponent.eat_any("+-");
            !exponent.digits(usize::MAX).is_empty()
        };
        if scaled {
            ahead = exponent;
        }
        if !point && !scaled {
            return Ok(None);
        }
        self.number(ahead).map(|value| Some(Token::Real(value)))
    }

    fn integer(&mut self) -> Result<Option<Token<'a>>, UnitError> {
        let mut ahead = self.cursor;
        let negative = ahead.eat_any("+-") == Some('-');
        let digits = ahead.digits(usize::MAX);
        if digits.is_empty() {
            return Ok(None);
        }
        if self.state == State::AfterShift && digits.len() <= 8 {
            ahead.take_while(usize::MAX, is_blank);
        }
        let power = Some(signed(negative, digits)).filter(|p| p.abs() < i32::MAX);
        self.number(ahead).map(|value| Some(Token::Integer(value, power)))
    }

    /// The number up to `end`, which must be one that a double holds.
    fn number(&mut self, end: Cursor<'a>) -> Result<f64, UnitError> {
        let (at, text) = (self.cursor.at(), self.cursor.rest());
        let text = text.get(..end.at().saturating_sub(at)).unwrap_or("").trim_end_matches(is_blank);
        self.cursor = end;
        let zero = |text: &str| {
            !text.split(['e', 'E']).take(1).any(|digits| digits.contains(|c| ('1'..='9').contains(&c)))
        };
        match text.parse::<f64>() {
            Ok(value) if value.is_normal() || zero(text) => Ok(value),
            _ => Err(UnitError::new(
                UnitErrorKind::Limit,
                at,
                format!("the number `{text}` is beyond doubles"),
            )),
        }
    }

    fn name_or_parenthesis(&mut self) -> Result<Token<'a>, UnitError> {
        let (at, state) = (self.cursor.at(), self.state);
        let name = if state == State::Fresh { self.name() } else { "" };
        if !name.is_empty() {
            self.state = State::AfterName;
            return Ok(Token::Name(name));
        }
        self.state = State::Fresh;
        match self.cursor.bump() {
            Some('(') => Ok(Token::Open),
            Some(')') => Ok(Token::Close),
            Some(c) => Err(UnitError::new(UnitErrorKind::Syntax, at, format!("unexpected {c:?} in a unit"))),
            None => Ok(Token::End),
        }
    }

    /// A letter, and letters and digits up to the last letter; or one of three signs.
    fn name(&mut self) -> &'a str {
        let sign = self.cursor.take_while(1, |c| "%'\"".contains(c));
        if !sign.is_empty() || !self.cursor.peek().is_some_and(is_letter) {
            return sign;
        }
        let mut ahead = self.cursor;
        let run = ahead.take_while(usize::MAX, is_letter_or_digit);
        let name = run.trim_end_matches(|c: char| c.is_ascii_digit());
        self.cursor.take_while(name.chars().count(), |_| true)
    }

    fn logarithm(&mut self) -> Option<Token<'a>> {
        const BASES: [(&str, f64); 4] =
            [("log", 10.0), ("lg", 10.0), ("ln", std::f64::consts::E), ("lb", 2.0)];
        let rest = self.cursor.rest();
        let (name, base) = BASES.iter().find(|(name, _)| rest.starts_with(name))?;
        let mut ahead = self.cursor;
        ahead.take_while(name.len(), |_| true);
        ahead.take_while(usize::MAX, is_blank);
        if !ahead.eat('(') {
            return None;
        }
        ahead.take_while(usize::MAX, is_blank);
        if !ahead.eat_word("re") {
            return None;
        }
        let mut colon = ahead;
        if colon.eat(':') && !colon.take_while(usize::MAX, is_blank).is_empty() {
            ahead = colon;
        }
        ahead.take_while(usize::MAX, is_blank);
        self.cursor = ahead;
        Some(Token::Logarithm(*base))
    }

    fn blanks(&mut self) -> bool {
        !self.cursor.take_while(usize::MAX, is_blank).is_empty()
    }
}

/// The number, or one beyond every limit.
fn signed(negative: bool, digits: &str) -> i32 {
    let value = digits.parse().unwrap_or(i32::MAX);
    if negative { -value } else { value }
}

fn plain(superscript: char) -> char {
    let digit = SUPERSCRIPTS.iter().position(|c| *c == superscript).and_then(|d| u32::try_from(d).ok());
    digit.and_then(|d| char::from_digit(d, 10)).unwrap_or('0')
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\x0c' | '\x0b')
}

fn is_letter(c: char) -> bool {
    let excluded = || SUPERSCRIPTS.contains(&c) || "·×÷⁺⁻".contains(c);
    c.is_ascii_alphabetic() || c == '_' || (('\u{80}'..='\u{ffff}').contains(&c) && !excluded())
}

fn is_letter_or_digit(c: char) -> bool {
    is_letter(c) || c.is_ascii_digit()
}
