//! What is wrong with the text of a unit.

use std::fmt;

use super::known;

/// Why a text is not a unit of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnitErrorKind {
    /// A name or symbol that UDUNITS does not know.
    Unknown,
    /// Not of the language.
    Syntax,
    /// A time since a reference (`days since 2000-01-01`): a coordinate, see [`crate::cftime`].
    TimeReference,
    /// Of the language, but without meaning: `dBZ m`.
    Meaningless,
    /// Too long, too deep, or beyond the range of powers and doubles.
    Limit,
}

/// Why and where a text is not a unit of data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    kind: UnitErrorKind,
    offset: usize,
    message: String,
}

impl UnitError {
    pub(super) fn new(kind: UnitErrorKind, offset: usize, message: impl Into<String>) -> Self {
        Self { kind, offset, message: message.into() }
    }

    /// The same, further behind in the text.
    pub(super) fn moved(self, by: usize) -> Self {
        Self { offset: self.offset + by, ..self }
    }

    /// What is wrong.
    pub fn kind(&self) -> UnitErrorKind {
        self.kind
    }

    /// Where in the text, in bytes.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Whether the text is a time since a reference, rather than a mistake.
    pub fn is_time_reference(&self) -> bool {
        self.kind == UnitErrorKind::TimeReference
    }

    /// The name that is unknown.
    pub fn unknown_name(&self) -> Option<&str> {
        (self.kind == UnitErrorKind::Unknown).then_some(self.message.as_str())
    }

    /// The known name nearest to the unknown one, where one is near. It takes a millisecond, so it is looked for only
    /// when asked for, or when the error is shown.
    pub fn nearest(&self) -> Option<&'static str> {
        self.unknown_name().and_then(known::nearest)
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = self.unknown_name() else {
            return write!(f, "{} (at byte {})", self.message, self.offset);
        };
        write!(f, "unknown unit `{name}`")?;
        self.nearest().map_or(Ok(()), |nearest| write!(f, ", did you mean `{nearest}`?"))
    }
}

impl std::error::Error for UnitError {}
