//! A guess as template, glob and regular expression.

use super::guess::{Axis, Guess, Part};

/// The URL template; `labels` are the names of the axes.
pub(super) fn template(guess: &Guess, labels: &[String]) -> String {
    let mut out = String::new();
    for part in &guess.parts {
        match part {
            Part::Text(text) => out.push_str(&text.replace('{', "{{").replace('}', "}}")),
            Part::Key { axis, format, .. } => {
                let label = labels.get(*axis).map_or("", String::as_str);
                let colon = if format.is_empty() { "" } else { ":" };
                out.push_str(&format!("{{{label}{colon}{format}}}"));
            }
            Part::Any { .. } => out.push('*'),
        }
    }
    out
}

/// A glob that matches all names.
pub(super) fn glob(guess: &Guess) -> String {
    let mut out = String::new();
    for part in &guess.parts {
        match part {
            Part::Text(text) => {
                text.chars().for_each(|c| match c {
                    '*' | '?' | '[' => out.push_str(&format!("[{c}]")),
                    c => out.push(c),
                });
            }
            // a date may be spread over folders
            Part::Key { format, .. } => out.push_str(&vec!["*"; format.matches('/').count() + 1].join("/")),
            Part::Any { .. } => out.push('*'),
        }
    }
    out
}

/// A regular expression with a named group for every axis, for the end of a path: from the folder on in which the
/// first key stands.
pub(super) fn regex(guess: &Guess, labels: &[String]) -> String {
    let mut out = String::new();
    for part in &guess.parts {
        match part {
            Part::Text(text) => {
                if !out.contains("(?P<") {
                    out.clear();
                }
                let text = match text.rsplit_once('/') {
                    Some((_, behind)) if !out.contains("(?P<") => behind,
                    _ => text,
                };
                out.push_str(&escape(text));
            }
            Part::Key { axis, format, main: true } => {
                let label = labels.get(*axis).map_or("", String::as_str);
                let pattern = match guess.axes.get(*axis) {
                    Some(Axis::Dates(..)) => digits_of(format),
                    Some(Axis::Numbers(_)) => r"\d+".to_owned(),
                    Some(Axis::Words(words)) if words.iter().any(|w| w.contains(['_', '.', '-'])) => {
                        words.iter().map(|w| escape(w)).collect::<Vec<_>>().join("|")
                    }
                    _ => "[^/_.-]+".to_owned(),
                };
                out.push_str(&format!("(?P<{label}>{pattern})"));
            }
            Part::Key { format, main: false, .. } => {
                out.push_str(if format.is_empty() { "[^/]+" } else { r"\d+" });
            }
            Part::Any { digits } => out.push_str(if *digits { r"\d+" } else { "[^/]+" }),
        }
    }
    out.push('$');
    out
}

fn escape(text: &str) -> String {
    regex::escape(text)
}

/// A date format as a regular expression.
fn digits_of(format: &str) -> String {
    let mut out = String::new();
    let mut width = 0;
    let flush = |out: &mut String, width: &mut usize| {
        if *width > 0 {
            out.push_str(&format!(r"\d{{{width}}}"));
            *width = 0;
        }
    };
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c == '%' {
            width += match chars.next() {
                Some('Y') => 4,
                Some('j') => 3,
                _ => 2,
            };
        } else {
            flush(&mut out, &mut width);
            out.push_str(&escape(&c.to_string()));
        }
    }
    flush(&mut out, &mut width);
    out
}

/// Text in double quotes, as YAML and JSON have it.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text in single quotes, where nothing but a quote is special.
pub(super) fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
