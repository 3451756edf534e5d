//! Template and keys to URL.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::{Expr, Field, Format, Function, Part, Shift, Template, suggest};
use crate::axis::Key;
use crate::calendar::{Calendar, DateTime};
use crate::code::Code;
use crate::dtype::Scalar;
use crate::error::{Error, Result};

#[derive(Debug, Clone)]
enum Value {
    Date(DateTime),
    Int(i64),
    Text(String),
}

struct Context<'a> {
    template: &'a Template,
    keys: &'a [(&'a str, &'a Key)],
    calendar: Calendar,
}

pub(super) fn render(template: &Template, keys: &[(&str, &Key)], calendar: Calendar) -> Result<String> {
    let context = Context { template, keys, calendar };
    let mut url = String::with_capacity(template.text.len());
    for part in &template.parts {
        match part {
            Part::Text(text) => url.push_str(text),
            Part::Field(field) => context.write(field, &mut url)?,
        }
    }
    Ok(url)
}

impl Context<'_> {
    fn write(&self, field: &Field, url: &mut String) -> Result<()> {
        let value = self.value(&field.expr)?;
        let wrong = |found: &str, expected: &str| {
            let written = self.template.text.get(field.span.clone()).unwrap_or("");
            self.fault(format!("`{written}` is {found}, and its format is for {expected}"))
        };
        let written = match (&value, &field.format) {
            (Value::Date(date), Format::Date(format)) => {
                url.push_str(&format.format(date, self.calendar));
                Ok(())
            }
            (Value::Int(n), Format::Number { width, zeros: true }) => write!(url, "{n:0width$}"),
            (Value::Int(n), Format::Number { width, zeros: false }) => write!(url, "{n:width$}"),
            (Value::Date(date), Format::Plain) => write!(url, "{date}"),
            (Value::Int(n), Format::Plain) => write!(url, "{n}"),
            (Value::Text(text), Format::Plain) => write!(url, "{text}"),
            (Value::Date(_), _) => return Err(wrong("a date", "numbers")),
            (Value::Int(_), _) => return Err(wrong("a number", "dates")),
            (Value::Text(text), Format::Date(_)) => {
                return Err(wrong(&format!("the word `{text}`"), "dates"));
            }
            (Value::Text(text), _) => return Err(wrong(&format!("the word `{text}`"), "numbers")),
        };
        written.map_err(|_| self.fault("the URL can't be written"))
    }

    fn value(&self, expr: &Expr) -> Result<Value> {
        match expr {
            Expr::Axis { name, member, .. } => self.axis(name, member.as_deref()),
            Expr::Shift { base, by } => {
                by.iter().try_fold(self.value(base)?, |value, shift| self.shift(&value, *shift))
            }
            Expr::Call { function, arguments } => {
                let values = arguments.iter().map(|a| self.value(a)).collect::<Result<Vec<_>>>()?;
                self.call(*function, values)
            }
        }
    }

    fn axis(&self, name: &str, member: Option<&str>) -> Result<Value> {
        let Some((_, key)) = self.keys.iter().find(|(axis, _)| *axis == name) else {
            let known = self.keys.iter().map(|(axis, _)| *axis);
            return Err(self
                .fault(format!("`{name}` is not an axis of the recipe"))
                .help(suggest(name, known)));
        };
        let scalar = match (key, member) {
            (Key::Date(date), None) => return Ok(Value::Date(*date)),
            (Key::Int(n), None) => return Ok(Value::Int(*n)),
            (Key::Text(text), None) => return Ok(Value::Text(text.clone())),
            (Key::Map(values), member) => values.get(member.unwrap_or("key")),
            (_, Some(_)) => None,
        };
        match scalar {
            Some(Scalar::Int(n)) => Ok(Value::Int(*n)),
            Some(Scalar::UInt(n)) => {
                i64::try_from(*n).map(Value::Int).or_else(|_| Ok(Value::Text(n.to_string())))
            }
            Some(Scalar::Text(text)) => Ok(Value::Text(text.clone())),
            Some(other) => Ok(Value::Text(other.to_string())),
            None => {
                Err(self.fault(format!("key `{key}` of axis `{name}` has no `{}`", member.unwrap_or("key"))))
            }
        }
    }

    fn shift(&self, value: &Value, by: Shift) -> Result<Value> {
        let shifted = match (value, by) {
            (Value::Int(n), Shift::Number(by)) => n.checked_add(by).map(Value::Int),
            (Value::Date(date), Shift::Seconds(by)) => {
                date.add_ns(self.calendar, i128::from(by) * 1_000_000_000).map(Value::Date)
            }
            (Value::Date(date), Shift::Months(by)) => date.add_months(self.calendar, by).map(Value::Date),
            (Value::Date(_), Shift::Number(by)) => {
                return Err(self
                    .fault(format!("the offset {by:+} of a date has no unit"))
                    .help("write `+7d`"));
            }
            (Value::Int(_), _) => return Err(self.fault("an offset in time is added to a number")),
            (Value::Text(text), _) => {
                return Err(self.fault(format!("an offset is added to the word `{text}`")));
            }
        };
        shifted.ok_or_else(|| self.fault("an offset leads out of range"))
    }

    fn call(&self, function: Function, values: Vec<Value>) -> Result<Value> {
        if matches!(function, Function::Min | Function::Max) {
            return self.extreme(function, values);
        }
        let Some(Value::Date(date)) = values.first() else {
            return Err(self.fault("a function of dates is applied to something else"));
        };
        let month = if function == Function::YearEnd { 12 } else { date.month };
        Ok(match function {
            Function::MinuteOfDay => Value::Int(i64::from(date.minute_of_day())),
            _ => Value::Date(DateTime {
                month,
                day: self.calendar.last_day(date.year, month),
                hour: 23,
                minute: 59,
                second: 59,
                nanosecond: 0,
                ..*date
            }),
        })
    }

    fn extreme(&self, function: Function, values: Vec<Value>) -> Result<Value> {
        let wanted = if function == Function::Min { Ordering::Less } else { Ordering::Greater };
        values
            .into_iter()
            .map(Ok)
            .reduce(|best, next| {
                let (best, next) = (best?, next?);
                let order = match (&next, &best) {
                    (Value::Date(a), Value::Date(b)) => a.cmp(b),
                    (Value::Int(a), Value::Int(b)) => a.cmp(b),
                    _ => {
                        return Err(self.fault("`min` and `max` take dates only, or numbers only"));
                    }
                };
                Ok(if order == wanted { next } else { best })
            })
            .unwrap_or_else(|| Err(self.fault("`min` or `max` has no arguments")))
    }

    fn fault(&self, message: impl std::fmt::Display) -> Error {
        Error::new(Code::RecipeTemplate, format!("{message} (in `{}`)", self.template.text))
    }
}
