//! What files disagree on, grouped so that ten thousand files make one message.

use crate::error::{Code, Error};

/// How many files a message names.
const EXAMPLES: usize = 3;

/// One thing that files disagree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// Which kind.
    pub code: Code,
    /// The variable; empty for the dataset itself.
    pub variable: String,
    /// What differs, a lower-case phrase.
    pub what: String,
    /// The files that differ from the first, in order.
    pub found: Vec<Difference>,
    /// What the user can do.
    pub help: String,
}

/// One file's part in a disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file.
    pub url: String,
    /// What it has.
    pub has: String,
}

impl Difference {
    /// A file and what it has.
    pub fn new(url: impl Into<String>, has: impl std::fmt::Display) -> Self {
        Self { url: url.into(), has: has.to_string() }
    }
}

impl Disagreement {
    /// The message with the first files; the rest are counted.
    pub fn to_error(&self) -> Error {
        let mut message = self.what.clone();
        for found in self.found.iter().take(EXAMPLES) {
            message.push_str(&format!("\n    {}: {}", found.url, found.has));
        }
        if self.found.len() > EXAMPLES {
            message.push_str(&format!("\n    … and {} more files", self.found.len() - EXAMPLES));
        }
        let error = Error::new(self.code, message);
        let error = if self.variable.is_empty() { error } else { error.in_variable(&self.variable) };
        if self.help.is_empty() { error } else { error.help(&self.help) }
    }
}
