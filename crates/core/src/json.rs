//! JSON as Python writes it: with `NaN` and `Infinity` outside of strings, which JSON does not know.

use std::borrow::Cow;

use serde_json::Value;

/// Stands before the names of numbers that JSON can't hold, once they are strings.
pub const MARK: &str = "\u{0}";
/// Names that JSON does not know.
const NAMES: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// Parses a document; of numbers that JSON can't hold the name becomes a text, with [`MARK`] before it.
///
/// # Errors
/// Why it is no JSON.
pub fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(&quoted(text))
}

/// A document as Python would write it: what [`parse`] marked are names again.
pub fn text(value: &Value) -> String {
    let text = value.to_string();
    if !text.contains("\\u0000") {
        return text;
    }
    NAMES.iter().fold(text, |text, name| text.replace(&format!("\"\\u0000{name}\""), name))
}

/// Quotes `NaN`, `Infinity` and `-Infinity` where they stand outside of strings.
fn quoted(text: &str) -> Cow<'_, str> {
    if !text.contains("NaN") && !text.contains("Infinity") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 64);
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let word = NAMES.iter().find(|word| !in_string && rest.starts_with(**word));
        let taken = match word {
            Some(word) => {
                out.push_str(&format!("\"\\u0000{word}\""));
                word.len()
            }
            None => {
                out.push(c);
                in_string ^= c == '"' && !escaped;
                escaped = in_string && c == '\\' && !escaped;
                c.len_utf8()
            }
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_numbers_stay() {
        for document in [
            r#"{"a":NaN,"b":[-Infinity,1],"c":"NaN \" Infinity","d":"\\","e":Infinity}"#,
            r#"["NaN","-Infinity",{"NaN":null}]"#,
        ] {
            assert_eq!(text(&parse(document).expect("JSON")), document);
        }
        assert!(parse("{").is_err());
    }
}
