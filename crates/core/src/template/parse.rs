//! Text to template.

use std::ops::Range;

use super::{Expr, Field, Format, Function, Part, Shift, TemplateError, suggest};
use crate::cursor::Cursor;
use crate::strftime::Strftime;

/// Deepest nesting of functions.
const DEPTH_MAX: usize = 16;

const FUNCTIONS: [(&str, Function); 5] = [
    ("minute_of_day", Function::MinuteOfDay),
    ("year_end", Function::YearEnd),
    ("month_end", Function::MonthEnd),
    ("min", Function::Min),
    ("max", Function::Max),
];

type Parsed<T> = Result<T, TemplateError>;

pub(super) fn parse(text: &str) -> Parsed<Vec<Part>> {
    let mut cursor = Cursor::new(text);
    let mut parts = Vec::new();
    let mut literal = String::new();
    while !cursor.done() {
        literal.push_str(cursor.take_while(usize::MAX, |c| c != '{' && c != '}'));
        let at = cursor.at();
        match cursor.bump() {
            None => break,
            Some(brace) if cursor.eat(brace) => literal.push(brace),
            Some('}') => {
                return Err(TemplateError::new(at..at + 1, "`}` closes nothing")
                    .help("write `}}` for a brace in the URL"));
            }
            Some(_) => {
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal)));
                }
                parts.push(Part::Field(parse_field(&mut cursor, at)?));
            }
        }
    }
    if !literal.is_empty() {
        parts.push(Part::Text(literal));
    }
    Ok(parts)
}

/// From behind the opening brace, which is at `start`, to behind the closing one.
fn parse_field(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Field> {
    let expr = parse_expr(cursor, DEPTH_MAX)?;
    cursor.blanks();
    let format = if cursor.eat(':') { parse_format(cursor)? } else { Format::Plain };
    let at = cursor.at();
    if cursor.eat('}') {
        return Ok(Field { expr, format, span: start..cursor.at() });
    }
    Err(match cursor.peek() {
        None => {
            TemplateError::new(start..at, "`{` is never closed").help("write `{{` for a brace in the URL")
        }
        Some(found) => {
            TemplateError::new(at..at + found.len_utf8(), format!("`{found}` is not expected here"))
                .help("after an axis come offsets (`+7d`), a format (`:%Y`) or the closing `}`")
        }
    })
}

fn parse_expr(cursor: &mut Cursor<'_>, depth: usize) -> Parsed<Expr> {
    cursor.blanks();
    let at = cursor.at();
    let name = cursor.take_while(usize::MAX, is_name);
    let span = at..cursor.at();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(TemplateError::new(at..cursor.at().max(at + 1), "the name of an axis is missing"));
    }
    cursor.blanks();
    let base = if cursor.eat('(') {
        parse_call(cursor, name, span, depth)?
    } else {
        parse_axis(cursor, name, span)?
    };
    let by = parse_shifts(cursor)?;
    Ok(if by.is_empty() { base } else { Expr::Shift { base: Box::new(base), by } })
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn parse_axis(cursor: &mut Cursor<'_>, name: &str, span: Range<usize>) -> Parsed<Expr> {
    if !cursor.eat('.') {
        return Ok(Expr::Axis { name: name.to_owned(), member: None, span });
    }
    let member = cursor.take_while(usize::MAX, is_name);
    let span = span.start..cursor.at();
    if member.is_empty() {
        return Err(TemplateError::new(span, format!("the member of `{name}` is missing after the point")));
    }
    if name == "matrix" {
        let message = format!("`matrix.{member}` stands for nothing here");
        let help = "the recipe needs a `matrix`, and `{matrix.KEY}` takes no format, offset or function";
        return Err(TemplateError::new(span, message).help(help));
    }
    Ok(Expr::Axis { name: name.to_owned(), member: Some(member.to_owned()), span })
}

/// From behind the opening parenthesis.
fn parse_call(cursor: &mut Cursor<'_>, name: &str, span: Range<usize>, depth: usize) -> Parsed<Expr> {
    let Some(&(_, function)) = FUNCTIONS.iter().find(|(known, _)| *known == name) else {
        let known = FUNCTIONS.iter().map(|(name, _)| *name);
        let message = format!("`{name}` is not a function of the URL language");
        return Err(TemplateError::new(span, message).help(suggest(name, known)));
    };
    let Some(depth) = depth.checked_sub(1) else {
        return Err(TemplateError::new(
            span,
            format!("functions stand in each other more than {DEPTH_MAX} deep"),
        ));
    };
    let mut arguments = Vec::new();
    loop {
        arguments.push(parse_expr(cursor, depth)?);
        cursor.blanks();
        if !cursor.eat(',') {
            break;
        }
    }
    let whole = span.start..cursor.at();
    if !cursor.eat(')') {
        return Err(TemplateError::new(whole, format!("`)` is missing after the arguments of `{name}`")));
    }
    let two = matches!(function, Function::Min | Function::Max);
    if two != (arguments.len() > 1) || (!two && arguments.len() != 1) {
        let expected = if two { "two or more" } else { "one" };
        let message = format!("`{name}` has {} arguments: expected {expected}", arguments.len());
        return Err(TemplateError::new(whole, message));
    }
    Ok(Expr::Call { function, arguments })
}

/// `+29min59s`, `-1d`, `+1`: the sign holds for what follows up to the next sign.
fn parse_shifts(cursor: &mut Cursor<'_>) -> Parsed<Vec<Shift>> {
    let mut shifts = Vec::new();
    loop {
        cursor.blanks();
        let Some(sign) = cursor.eat_any("+-") else { return Ok(shifts) };
        let at = cursor.at();
        cursor.blanks();
        let before = shifts.len();
        while cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
            let start = cursor.at();
            let count: Option<i64> = cursor.number(usize::MAX).filter(|n| *n < 1_000_000_000);
            let unit = cursor.take_while(usize::MAX, char::is_alphabetic);
            let span = start..cursor.at();
            let Some(count) = count.map(|n| if sign == '-' { -n } else { n }) else {
                return Err(TemplateError::new(span, "the offset is too large"));
            };
            shifts.push(parse_shift(count, unit).ok_or_else(|| {
                TemplateError::new(span, format!("`{unit}` is not a unit of an offset"))
                    .help("offsets look like `+7d`, `+29min59s`, `-1month`, `+6h`, `+1y`")
            })?);
        }
        if shifts.len() == before {
            return Err(TemplateError::new(
                at.saturating_sub(1)..at,
                format!("a number is missing after `{sign}`"),
            ));
        }
    }
}

fn parse_shift(count: i64, unit: &str) -> Option<Shift> {
    Some(match unit {
        "" => Shift::Number(count),
        "s" | "sec" => Shift::Seconds(count),
        "min" => Shift::Seconds(count.checked_mul(60)?),
        "h" => Shift::Seconds(count.checked_mul(3600)?),
        "d" | "day" | "days" => Shift::Seconds(count.checked_mul(86_400)?),
        "month" | "months" => Shift::Months(count),
        "y" | "year" | "years" => Shift::Months(count.checked_mul(12)?),
        _ => return None,
    })
}

/// From behind the colon up to the closing brace.
fn parse_format(cursor: &mut Cursor<'_>) -> Parsed<Format> {
    let at = cursor.at();
    let text = cursor.take_while(usize::MAX, |c| c != '}' && c != '{');
    let span = at..cursor.at();
    if text.contains('%') {
        return Strftime::parse(text).map(Format::Date).map_err(|(offset, message)| {
            let start = at.saturating_add(offset);
            TemplateError::new(start..start.saturating_add(2).min(span.end), message)
        });
    }
    let number = text.strip_suffix('d').and_then(|digits| {
        let width: Option<usize> = if digits.is_empty() { Some(0) } else { digits.parse().ok() };
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        width
            .filter(|w| plain && *w <= 64)
            .map(|width| Format::Number { width, zeros: digits.starts_with('0') })
    });
    number.ok_or_else(|| {
        TemplateError::new(span, format!("`{text}` is not a format"))
            .help("dates are written like `:%Y%m%d`, numbers like `:03d`")
    })
}
