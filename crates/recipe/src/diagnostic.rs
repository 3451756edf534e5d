//! Diagnostics: what is wrong with a recipe, where, and what to do; as a report for people and as JSON.

use std::fmt;
use std::ops::Range;

use arcoforge_core::code::Code;
use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};
use serde::{Serialize, Serializer};

/// A range of bytes of the recipe's text.
pub(crate) type Span = Range<usize>;

/// Columns of a rendered report.
const WIDTH: usize = 110;

/// One problem of a recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The stable code.
    #[serde(serialize_with = "code_text")]
    pub code: Code,
    /// Whether the recipe can be used nevertheless.
    pub severity: Severity,
    /// What was found and what was expected, a lower-case phrase.
    pub message: String,
    /// The file's name, as given to [`crate::parse`].
    pub file: String,
    /// Bytes of the text.
    pub span: Range<usize>,
    /// The line on which `span` starts, from 1.
    pub line: usize,
    /// The column at which `span` starts, in characters, from 1.
    pub column: usize,
    /// What to write below the marked text; may be empty.
    pub label: String,
    /// What to do, if anything is known.
    pub help: Option<String>,
    /// Other places that the problem is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Mark>,
}

/// Another place that a [`Diagnostic`] is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// The line on which `span` starts, from 1.
    pub line: usize,
    /// The column at which `span` starts, in characters, from 1.
    pub column: usize,
    /// What to write below the marked text.
    pub label: String,
}

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The recipe can't be used.
    Error,
    /// The recipe can be used, but probably says something else than was meant.
    Warning,
}

impl Diagnostic {
    pub(crate) fn error(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: String::new(),
            span,
            line: 0,
            column: 0,
            label: String::new(),
            help: None,
            also: Vec::new(),
        }
    }

    pub(crate) fn warning(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Marks another place.
    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.also.push(Mark { span, line: 0, column: 0, label: label.into() });
        self
    }

    /// Fills in file, line and column.
    pub(crate) fn located(mut self, text: &str, file: &str) -> Self {
        let inside = |span: &Span| {
            let start = span.start.min(text.len());
            start..span.end.clamp(start, text.len())
        };
        self.span = inside(&self.span);
        (self.line, self.column) = position(text, self.span.start);
        for mark in &mut self.also {
            mark.span = inside(&mark.span);
            (mark.line, mark.column) = position(text, mark.span.start);
        }
        file.clone_into(&mut self.file);
        self
    }

    /// The report for people: code, message, the marked excerpt of the text, help. Without colours.
    pub fn render(&self, text: &str, name: &str) -> String {
        self.render_with(text, name, GraphicalTheme::unicode_nocolor())
    }

    /// As [`Diagnostic::render`], with the colours of ANSI terminals.
    pub fn render_colored(&self, text: &str, name: &str) -> String {
        self.render_with(text, name, GraphicalTheme::unicode())
    }

    fn render_with(&self, text: &str, name: &str, theme: GraphicalTheme) -> String {
        let report = Report { diagnostic: self, source: NamedSource::new(name, text.to_owned()) };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
        let mut out = String::new();
        match handler.render_report(&mut out, &report) {
            Ok(()) => out,
            Err(_) => format!("{self}\n"),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: [{}] {}", self.file, self.line, self.column, self.code, self.message)
    }
}

impl std::error::Error for Diagnostic {}

/// Line and column (in characters) of a byte offset, both from 1.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let before: Vec<u8> = text.bytes().take(at).collect();
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |newline| newline + 1);
    let column = text.get(start..at).map_or(1, |line| line.chars().count() + 1);
    (line, column)
}

fn code_text<S: Serializer>(code: &Code, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_str())
}

/// A diagnostic with its text, as the renderer wants it.
#[derive(Debug)]
struct Report<'a> {
    diagnostic: &'a Diagnostic,
    source: NamedSource<String>,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.diagnostic.message)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let severity = match self.diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Some(Box::new(format!("{severity}[{}]", self.diagnostic.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.diagnostic.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.diagnostic.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labeled = |span: &Span, label: &str| {
            let label = (!label.is_empty()).then(|| label.to_owned());
            LabeledSpan::new(label, span.start, span.end.saturating_sub(span.start))
        };
        let Diagnostic { span, label, also, .. } = self.diagnostic;
        let others = also.iter().map(move |mark| labeled(&mark.span, &mark.label));
        Some(Box::new(std::iter::once(labeled(span, label)).chain(others)))
    }
}
