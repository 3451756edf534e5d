//! The URL template language: `{axis}`, `{axis:%Y%j}`, `{n:03d}`, `{time+29min59s:%H%M%S}`.

use serde::{Deserialize, Serialize};

/// A parsed URL template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl TryFrom<String> for Template {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Ok(Self { text })
    }
}
