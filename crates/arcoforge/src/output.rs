//! Where text goes: data and JSON lines to stdout, everything else to stderr.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use arcoforge_core::error::{Code, Error};
use serde_json::Value;

/// How results are shown.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    /// The dataset that JSON lines are about.
    dataset: Option<Arc<str>>,
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
        Self {
            dataset: None,
            json,
            quiet,
            colours: terminal && !no_color && !json,
            terminal: terminal && !json,
        }
    }

    /// The same for one dataset: JSON lines carry its name.
    pub(crate) fn of(&self, dataset: &str) -> Self {
        Self { dataset: Some(dataset.into()), ..self.clone() }
    }

    /// Text on stdout, where JSON is not asked for.
    pub(crate) fn data(&self, text: &str) {
        if !self.json {
            answer(text);
        }
    }

    /// One JSON line on stdout, where JSON is asked for.
    pub(crate) fn event(&self, value: &Value) {
        if !self.json {
            return;
        }
        match (&self.dataset, value) {
            (Some(dataset), Value::Object(fields)) => {
                let mut fields = fields.clone();
                fields.insert("dataset".into(), dataset.as_ref().into());
                answer(&format!("{}\n", Value::Object(fields)));
            }
            _ => answer(&format!("{value}\n")),
        }
    }

    /// The last JSON line: `fields` with the event `done`.
    pub(crate) fn done(&self, fields: Value) {
        self.line("done", fields);
    }

    /// What became of datasets: of one the last line, of several one line each with the event `dataset`, and a last
    /// one that counts them.
    pub(crate) fn datasets(&self, command: &str, each: Vec<(Self, Value)>) {
        let count = each.len();
        if count == 1 {
            each.into_iter().for_each(|(output, fields)| output.line("done", fields));
            return;
        }
        each.into_iter().for_each(|(output, fields)| output.line("dataset", fields));
        self.done(serde_json::json!({"command": command, "datasets": count}));
    }

    /// A JSON line with an event's name and its fields.
    pub(crate) fn line(&self, event: &str, fields: Value) {
        let mut line = serde_json::Map::new();
        line.insert("event".into(), event.into());
        if let Value::Object(fields) = fields {
            line.extend(fields);
        }
        self.event(&Value::Object(line));
    }

    /// A line for people about how it goes, on stderr.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.error(&format!("{text}\n"));
        }
    }

    /// Text on stderr that is shown in any case.
    pub(crate) fn error(&self, text: &str) {
        // where stderr is closed, nobody can be told
        let _untold = put(&mut io::stderr().lock(), text);
    }

    /// `text` in an ANSI style, where colours are shown.
    pub(crate) fn styled(&self, style: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What was asked for could not be written to stdout; told once, when the command is done.
static UNANSWERED: OnceLock<io::Error> = OnceLock::new();

/// Whether stdout took everything; a reader that went away (`| head`) has what it wanted.
pub(crate) fn answered() -> Result<(), Error> {
    match UNANSWERED.get() {
        None => Ok(()),
        Some(cause) => {
            Err(Error::new(Code::TargetUnwritable, format!("the answer can't be written to stdout: {cause}")))
        }
    }
}

fn answer(text: &str) {
    if let Err(cause) = put(&mut io::stdout().lock(), text)
        && cause.kind() != ErrorKind::BrokenPipe
    {
        // the first failure says enough
        let _later = UNANSWERED.set(cause);
    }
}

fn put(stream: &mut impl Write, text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).and_then(|()| stream.flush())
}
