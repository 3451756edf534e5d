//! One error type for every crate: a stable code, the place, what to do, and the source.
//!
//! A code decides the exit status and the page in the docs; each layer adds the part of the place that it knows,
//! once. Messages are lower-case phrases: what was found, what was expected. Names stand in backticks.

mod found;

use std::fmt;

pub use crate::code::Code;
pub use found::{Found, FoundFile};

/// The result of anything in arcoforge that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what to do about it.
#[derive(Debug)]
pub struct Error {
    /// The stable code; decides exit status and documentation page.
    pub code: Code,
    /// What was found and what was expected, a lower-case phrase.
    pub message: String,
    /// Where it happened, as far as the layers knew.
    pub place: Place,
    /// The files that it is about, where these are several.
    pub found: Option<Box<Found>>,
    /// What the user can do, if anything is known.
    pub help: Option<String>,
    /// The error below, of a library or the system.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Where an error happened. Each layer fills in what it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The file, URL or store.
    pub url: Option<String>,
    /// The variable's full path inside it.
    pub variable: Option<String>,
    /// The chunk's index along each dimension.
    pub chunk: Option<Vec<u64>>,
    /// The byte range, start inclusive, end exclusive.
    pub range: Option<(u64, u64)>,
}

impl Error {
    /// An error with a code and a message; the place is added by [`Error::at`] and its siblings.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), place: Place::default(), found: None, help: None, source: None }
    }

    /// Adds the file or URL, unless a layer below already did.
    #[must_use]
    pub fn at(mut self, url: impl Into<String>) -> Self {
        self.place.url.get_or_insert_with(|| url.into());
        self
    }

    /// Adds the variable, unless a layer below already did.
    #[must_use]
    pub fn in_variable(mut self, variable: impl Into<String>) -> Self {
        self.place.variable.get_or_insert_with(|| variable.into());
        self
    }

    /// Adds the chunk's index, unless a layer below already did.
    #[must_use]
    pub fn in_chunk(mut self, chunk: &[u64]) -> Self {
        self.place.chunk.get_or_insert_with(|| chunk.to_vec());
        self
    }

    /// Adds the byte range, unless a layer below already did.
    #[must_use]
    pub fn in_range(mut self, start: u64, end: u64) -> Self {
        self.place.range.get_or_insert((start, end));
        self
    }

    /// Adds the files that it is about, with what each has.
    #[must_use]
    pub fn found(mut self, files: impl IntoIterator<Item = FoundFile>) -> Self {
        self.found = Some(Box::new(Found::new(files)));
        self
    }

    /// The lines about the files, for people.
    pub fn found_lines(&self) -> &[String] {
        self.found.as_deref().map_or(&[], Found::lines)
    }

    /// Says what the user can do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Keeps the library's or system's error below this one.
    #[must_use]
    pub fn caused_by(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|s| s as &dyn std::error::Error);
        while let Some(below) = cause {
            write!(f, ": {below}")?;
            cause = below.source();
        }
        for line in self.found_lines() {
            write!(f, "\n    {line}")?;
        }
        if self.place != Place::default() {
            write!(f, "\n  in {}", self.place)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(url) = &self.url {
            parts.push(url.clone());
        }
        if let Some(variable) = &self.variable {
            parts.push(format!("variable `{variable}`"));
        }
        if let Some(chunk) = &self.chunk {
            parts.push(format!("chunk {chunk:?}"));
        }
        if let Some((start, end)) = self.range {
            parts.push(format!("bytes {start}..{end}"));
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_layer_wins_and_causes_are_printed() {
        let error = Error::new(Code::SourceCorrupt, "chunk does not inflate")
            .caused_by(std::io::Error::other("bad Huffman code"))
            .in_variable("sst")
            .in_variable("outer")
            .at("a.nc");
        assert_eq!(error.to_string(), "chunk does not inflate: bad Huffman code\n  in a.nc, variable `sst`");
        assert_eq!(error.code.exit_status(), 5);
    }
}
