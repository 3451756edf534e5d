//! What files disagree on, grouped so that ten thousand files make one message.

use super::File;
use crate::error::{Code, Error, FoundFile};

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

/// How a variable is left out, as a clause of a help. The step `drop` refuses the name of a dimension.
pub(crate) fn leave_out(files: &[File], name: &str) -> String {
    match can_drop(files, name) {
        true => format!("`drop: [{name}]` leaves it out"),
        false => "else make one recipe for each".to_owned(),
    }
}

/// Whether the step `drop` takes this name in every file.
pub(crate) fn can_drop(files: &[File], name: &str) -> bool {
    files.iter().all(|file| file.view.length(name).is_none())
}

impl Difference {
    /// A file and what it has.
    pub fn new(url: impl Into<String>, has: impl std::fmt::Display) -> Self {
        Self { url: url.into(), has: has.to_string() }
    }
}

impl Disagreement {
    /// The error with its files.
    pub fn to_error(&self) -> Error {
        let files = self.found.iter().map(|f| FoundFile { url: f.url.clone(), has: f.has.clone() });
        let error = Error::new(self.code, &self.what);
        let error = if self.found.is_empty() { error } else { error.found(files) };
        let error = if self.variable.is_empty() { error } else { error.in_variable(&self.variable) };
        if self.help.is_empty() { error } else { error.help(&self.help) }
    }
}
