//! What a user should know of a dataset that was combined, and that is no error.

use crate::figures::and_more;

/// Something that was left out, missing or added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The variable that it is about.
    pub variable: String,
    /// What it is, a lower-case phrase.
    pub what: String,
    /// The items that it is about, the first of them.
    pub items: Vec<String>,
    /// How many more items there are.
    pub more: u64,
}

impl Note {
    /// The note as one line.
    pub fn text(&self) -> String {
        let more = and_more(" … ", self.more);
        let colon = if self.items.is_empty() { "" } else { ": " };
        format!("`{}`: {}{colon}{}{more}", self.variable, self.what, self.items.join(", "))
    }
}
