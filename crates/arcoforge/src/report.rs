//! Failures: how they are shown, and the exit status that they lead to.

use std::process::ExitCode;

use arcoforge_core::error::{Code, Error, Place};
use arcoforge_recipe::{Diagnostic, Severity};
use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::output::Output;

/// Places of errors that are alike in all else.
const PLACES_SHOWN: usize = 3;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Errors of any stage; at least one.
    Errors(Vec<Error>),
    /// Recipes with problems, already shown: the first error's code.
    Shown(Code),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Errors(vec![error])
    }
}

impl From<Vec<Error>> for Failure {
    fn from(errors: Vec<Error>) -> Self {
        Self::Errors(errors)
    }
}

impl Failure {
    /// The code of the first error, which decides the exit status.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Errors(errors) => errors.first().map_or(Code::Bug, |e| e.code),
            Self::Shown(code) => *code,
        }
    }
}

/// Shows a failure and returns the exit status: that of the first error.
pub(crate) fn show(output: &Output, failure: &Failure) -> u8 {
    let errors = match failure {
        Failure::Errors(errors) => errors,
        Failure::Shown(code) => return code.exit_status(),
    };
    if output.json {
        errors.iter().for_each(|error| output.event(&error_event(error)));
    } else {
        let texts: Vec<String> = alike(errors).iter().map(|group| error_text(output, group)).collect();
        output.error(&texts.join("\n"));
        if errors.len() > 1 {
            output.error(&format!("\n{} errors\n", errors.len()));
        }
    }
    failure.code().exit_status()
}

/// Errors that differ in their place only, together; in the order of the first of each.
fn alike(errors: &[Error]) -> Vec<Vec<&Error>> {
    let mut groups: Vec<Vec<&Error>> = Vec::new();
    for error in errors {
        let same = |group: &&mut Vec<&Error>| {
            group.first().is_some_and(|first| {
                first.code == error.code
                    && first.found.is_none()
                    && error.found.is_none()
                    && first.help == error.help
                    && message(first) == message(error)
            })
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.push(error),
            None => groups.push(vec![error]),
        }
    }
    groups
}

/// `error[code]: message`, the places and the help on lines of their own.
fn error_text(output: &Output, alike: &[&Error]) -> String {
    let Some(error) = alike.first() else { return String::new() };
    let head = output.styled("1;31", &format!("error[{}]", error.code));
    let mut text = format!("{head}: {}\n", message(error));
    for line in error.found_lines() {
        text.push_str(&format!("    {line}\n"));
    }
    let places = alike.iter().map(|e| &e.place).filter(|place| **place != Place::default());
    for place in places.take(PLACES_SHOWN) {
        text.push_str(&format!("  in {place}\n"));
    }
    if alike.len() > PLACES_SHOWN {
        text.push_str(&format!("  and {} more\n", alike.len() - PLACES_SHOWN));
    }
    if let Some(help) = &error.help {
        text.push_str(&format!("  {}: {help}\n", output.styled("1;36", "help")));
    }
    text
}

/// The message with its causes, without the place.
fn message(error: &Error) -> String {
    let mut text = error.message.clone();
    let mut cause = error.source.as_deref().map(|s| s as &dyn std::error::Error);
    while let Some(below) = cause {
        text.push_str(&format!(": {below}"));
        cause = below.source();
    }
    text
}

fn error_event(error: &Error) -> Value {
    let Place { url, variable, chunk, range } = &error.place;
    let place = json!({"url": url, "variable": variable, "chunk": chunk, "range": range});
    let mut event = json!({
        "event": "error",
        "code": error.code.as_str(),
        "message": message(error),
        "place": place,
        "help": error.help,
    });
    if let Some(found) = &error.found {
        let files: Vec<Value> =
            found.files.iter().map(|file| json!({"url": file.url, "has": file.has})).collect();
        event["found"] = Value::Array(files);
        event["found_total"] = found.total.into();
    }
    event
}

/// Shows what is wrong with a recipe; gives the first error's code.
pub(crate) fn diagnostics(output: &Output, found: &[Diagnostic], text: &str, name: &str) -> Option<Code> {
    for (at, diagnostic) in found.iter().enumerate() {
        if output.json {
            output.event(&diagnostic_event(diagnostic));
            continue;
        }
        let shown = if output.colours {
            diagnostic.render_colored(text, name)
        } else {
            diagnostic.render(text, name)
        };
        output.error(&format!("{}{shown}", if at > 0 { "\n" } else { "" }));
    }
    if found.len() > 1 && !output.json {
        output.error(&format!("\n{} problems in {name}\n", found.len()));
    }
    found.iter().find(|d| d.severity == Severity::Error).map(|d| d.code)
}

fn diagnostic_event(diagnostic: &Diagnostic) -> Value {
    let Diagnostic { code, severity, message, file, span, line, column, help, .. } = diagnostic;
    let event = if *severity == Severity::Error { "error" } else { "warning" };
    json!({
        "event": event,
        "code": code.as_str(),
        "message": message,
        "place": {"url": file, "line": line, "column": column, "span": [span.start, span.end]},
        "help": help,
    })
}

/// What clap found wrong, or what it was asked to show.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let shown = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    if shown {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let json = std::env::args().any(|a| a == "--json");
    let output = Output::new(json, false);
    if json {
        let text = error.to_string();
        let text = text.trim().trim_start_matches("error: ");
        let event = json!({"event": "error", "code": Code::Usage.as_str(), "message": text, "place": null, "help": null});
        output.event(&event);
    } else {
        let text = error.render();
        let text = if output.colours { text.ansi().to_string() } else { text.to_string() };
        output.error(&text.replacen("error:", "error[usage]:", 1));
    }
    ExitCode::from(Code::Usage.exit_status())
}
