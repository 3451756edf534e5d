//! The URL template language: `{axis}`, `{axis.member}`, `{axis:%Y%j}`, `{n:03d}`, `{time+29min59s:%H%M%S}`,
//! `{minute_of_day(time):04d}`, `{min(time+7d, year_end(time)):%j}`. Braces themselves are written `{{` and `}}`.
//!
//! ```
//! use arcoforge_core::axis::Key;
//! use arcoforge_core::calendar::{Calendar, DateTime};
//! use arcoforge_core::template::Template;
//!
//! let template = Template::parse("https://host/{time:%Y/%j}/S{time:%H%M%S}-E{time+29min59s:%H%M%S}.nc")?;
//! let key = Key::Date(DateTime::parse("2000-06-01T23:30", Calendar::Standard)?);
//! let url = template.render(&[("time", &key)], Calendar::Standard)?;
//! assert_eq!(url, "https://host/2000/153/S233000-E235959.nc");
//! # Ok::<(), arcoforge_core::error::Error>(())
//! ```
//!
//! | in braces | gives |
//! |---|---|
//! | `axis`, `axis.member` | the key; a value of a key that is a map |
//! | `time+7d`, `time-1month`, `n+1` | later or earlier: `y`, `month`, `d`, `h`, `min`, `s`, several at once; without a unit, a number |
//! | `minute_of_day(time)` | minutes since midnight |
//! | `year_end(time)`, `month_end(time)` | the last second of the year or month |
//! | `min(a, b)`, `max(a, b)` | the earlier or smaller, the later or larger |
//! | `:%Y%m%d` | how a date is written, see [`crate::strftime`]; without it ISO 8601, as short as exact |
//! | `:03d`, `:3d`, `:d` | how a number is written: width, padded with zeros or blanks |

mod parse;
mod render;

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::axis::{Axis, Key, Keys};
use crate::calendar::Calendar;
use crate::code::Code;
use crate::error::{Error, Result};
use crate::names::nearest;
use crate::strftime::Strftime;

/// A parsed URL template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

/// What is wrong with a template, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateError {
    /// Bytes of the template's text.
    pub span: Range<usize>,
    /// `recipe-template`, or `recipe-not-yet`.
    pub code: Code,
    /// A lower-case phrase.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    expr: Expr,
    format: Format,
    span: Range<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expr {
    Axis { name: String, member: Option<String>, span: Range<usize> },
    Shift { base: Box<Expr>, by: Vec<Shift> },
    Call { function: Function, arguments: Vec<Expr> },
}

/// One signed part of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shift {
    Number(i64),
    Seconds(i64),
    Months(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    MinuteOfDay,
    YearEnd,
    MonthEnd,
    Min,
    Max,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    Plain,
    Date(Strftime),
    Number { width: usize, zeros: bool },
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first fault, with the bytes that it is about.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self { text: text.to_owned(), parts: parse::parse(text)? })
    }

    /// The text as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of the axes that are used, sorted.
    pub fn axes(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.each_axis(&mut |name, _, _| {
            names.insert(name);
        });
        names
    }

    /// Checks the template against the axes that there are: every name and member must exist. All faults.
    pub fn check(&self, axes: &[Axis]) -> Vec<TemplateError> {
        let mut faults = Vec::new();
        self.each_axis(&mut |name, member, span| {
            let Some(axis) = axes.iter().find(|axis| axis.name == name) else {
                let known = axes.iter().map(|axis| axis.name.as_str());
                let message = format!("`{name}` is not an axis of the recipe");
                faults.push(TemplateError::new(span, message).help(suggest(name, known)));
                return;
            };
            let Some(member) = member else { return };
            let message = match &axis.keys {
                Keys::List(keys) => keys.iter().find_map(|key| match key {
                    Key::Map(values) if values.contains_key(member) => None,
                    _ => Some(format!("key `{key}` of axis `{name}` has no `{member}`")),
                }),
                _ => Some(format!("the keys of axis `{name}` have no members")),
            };
            faults.extend(message.map(|message| {
                TemplateError::new(span, message)
                    .help("members such as `.dir` are for axes whose keys are listed as maps")
            }));
        });
        faults
    }

    /// The URL at a position: axis names with their keys, and the calendar that dates are in.
    ///
    /// # Errors
    /// `recipe-template` where an axis or member is absent, or a value does not fit its format.
    pub fn render(&self, keys: &[(&str, &Key)], calendar: Calendar) -> Result<String> {
        render::render(self, keys, calendar)
    }

    fn each_axis<'a>(&'a self, visit: &mut impl FnMut(&'a str, Option<&'a str>, Range<usize>)) {
        for part in &self.parts {
            if let Part::Field(field) = part {
                field.expr.each_axis(visit);
            }
        }
    }
}

impl Expr {
    fn each_axis<'a>(&'a self, visit: &mut impl FnMut(&'a str, Option<&'a str>, Range<usize>)) {
        match self {
            Self::Axis { name, member, span } => visit(name, member.as_deref(), span.clone()),
            Self::Shift { base, .. } => base.each_axis(visit),
            Self::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.each_axis(visit)),
        }
    }
}

impl TemplateError {
    fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, code: Code::RecipeTemplate, message: message.into(), help: None }
    }

    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

fn suggest<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let names: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "there are none".to_owned() } else { format!("there are {}", names.join(", ")) }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, " ({help})"))
    }
}

impl std::error::Error for TemplateError {}

impl From<TemplateError> for Error {
    fn from(fault: TemplateError) -> Self {
        let error = Self::new(fault.code, fault.message);
        match fault.help {
            Some(help) => error.help(help),
            None => error,
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl TryFrom<String> for Template {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|fault| fault.to_string())
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
