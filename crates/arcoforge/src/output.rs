//! Where text goes: data and JSON lines to stdout, everything else to stderr.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::Value;

/// How results are shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    /// JSON lines instead of text.
    pub(crate) json: bool,
    /// No progress.
    pub(crate) quiet: bool,
    /// ANSI colours on stderr.
    pub(crate) colours: bool,
    /// Stderr is a terminal that can draw bars.
    pub(crate) terminal: bool,
}

impl Output {
    /// Looks at the streams and at `NO_COLOR`.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let terminal = io::stderr().is_terminal() && !dumb;
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self { json, quiet, colours: terminal && !no_color && !json, terminal: terminal && !json }
    }

    /// Text on stdout, where JSON is not asked for.
    pub(crate) fn data(&self, text: &str) {
        if !self.json {
            put(&mut io::stdout().lock(), text);
        }
    }

    /// One JSON line on stdout, where JSON is asked for.
    pub(crate) fn event(&self, value: &Value) {
        if self.json {
            put(&mut io::stdout().lock(), &format!("{value}\n"));
        }
    }

    /// The last JSON line: `fields` with the event `done`.
    pub(crate) fn done(&self, fields: Value) {
        let mut line = serde_json::Map::new();
        line.insert("event".into(), "done".into());
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        self.event(&Value::Object(line));
    }

    /// A line for people about how it goes, on stderr.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            put(&mut io::stderr().lock(), &format!("{text}\n"));
        }
    }

    /// Text on stderr that is shown in any case.
    pub(crate) fn error(&self, text: &str) {
        put(&mut io::stderr().lock(), text);
    }

    /// `text` in an ANSI style, where colours are shown.
    pub(crate) fn styled(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Writes; a reader that went away (`| head`) is no error, and nothing can be said about any other failure.
fn put(stream: &mut impl Write, text: &str) {
    let written = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    debug_assert!(written.as_ref().err().is_none_or(|e| e.kind() != ErrorKind::InvalidInput));
}
