//! Progress: bars on a terminal, a line per stage elsewhere, JSON events where asked for.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use arcoforge_run::describe::check_json;
use arcoforge_run::{Event, Stage};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::output::Output;
use arcoforge_run::figures::{bytes, count, duration};

/// JSON progress comes at most this often.
const JSON_INTERVAL: Duration = Duration::from_millis(100);
/// Stages without items are mentioned where they take longer.
const LONG: Duration = Duration::from_secs(1);

/// Watches one command.
pub(crate) struct Progress {
    output: Output,
    running: Mutex<Option<Running>>,
}

/// The stage that runs.
struct Running {
    stage: Stage,
    begun: Instant,
    told: Instant,
    total: u64,
    items: u64,
    bytes_read: u64,
    bytes_written: u64,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Nothing runs yet.
    pub(crate) fn new(output: Output) -> Self {
        Self { output, running: Mutex::new(None) }
    }

    /// Called from several threads.
    pub(crate) fn tell(&self, event: &Event) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started { stage, total } => {
                self.output.event(&json!({"event": "started", "stage": stage.name(), "total": total}));
                *running = Some(self.start(*stage, *total));
            }
            Event::Advanced { items, bytes_read, bytes_written, .. } => {
                if let Some(running) = running.as_mut() {
                    running.items += items;
                    running.bytes_read += bytes_read;
                    running.bytes_written += bytes_written;
                    self.advance(running);
                }
            }
            Event::Finished { .. } => {
                if let Some(running) = running.take() {
                    self.finish(&running);
                }
            }
            Event::Checked(verdict) => {
                let mut event = check_json(verdict);
                event["event"] = json!("check");
                self.output.event(&event);
            }
            Event::Note(message) => {
                self.output.event(&json!({"event": "note", "message": message}));
                match running.as_ref().and_then(|r| r.bar.as_ref()) {
                    Some(bar) => bar.suspend(|| self.output.note(message)),
                    None => self.output.note(message),
                }
            }
            Event::Warning(message) => self.warn(running.as_ref(), message),
        }
    }

    /// Takes a bar of a stage that failed off the terminal.
    pub(crate) fn clear(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(bar) = running.and_then(|r| r.bar) {
            bar.finish_and_clear();
        }
    }

    fn start(&self, stage: Stage, total: u64) -> Running {
        let now = Instant::now();
        let bar = (self.output.terminal && !self.output.quiet).then(|| bar(stage, total));
        Running { stage, begun: now, told: now, total, items: 0, bytes_read: 0, bytes_written: 0, bar }
    }

    fn advance(&self, running: &mut Running) {
        if let Some(bar) = &running.bar {
            bar.set_position(running.items);
            bar.set_message(running.moved());
        }
        if self.output.json && running.told.elapsed() >= JSON_INTERVAL {
            running.told = Instant::now();
            self.output.event(&running.event("progress"));
        }
    }

    fn finish(&self, running: &Running) {
        if let Some(bar) = &running.bar {
            bar.finish_and_clear();
        }
        self.output.event(&running.event("finished"));
        let time = running.begun.elapsed();
        let name = running.stage.name();
        let spent = duration(time);
        if running.total > 0 {
            let done = count(running.items, noun(running.stage));
            let moved = running.moved();
            let moved = if moved.is_empty() { moved } else { format!(", {moved}") };
            self.output.note(&format!("{name}: {done}{moved}, {spent}"));
        } else if time >= LONG {
            self.output.note(&format!("{name}: {spent}"));
        }
    }

    fn warn(&self, running: Option<&Running>, message: &str) {
        if self.output.json {
            self.output.event(&json!({"event": "warning", "message": message}));
            return;
        }
        let text = format!("{}: {message}\n", self.output.styled("1;33", "warning"));
        match running.and_then(|r| r.bar.as_ref()) {
            Some(bar) => bar.suspend(|| self.output.error(&text)),
            None => self.output.error(&text),
        }
    }
}

impl Running {
    /// Bytes and rate; empty where no bytes move.
    fn moved(&self) -> String {
        let moved = self.bytes_read.max(self.bytes_written);
        if moved == 0 {
            return String::new();
        }
        let rate = moved as f64 / self.begun.elapsed().as_secs_f64().max(1e-3);
        let (read, written) = (bytes(self.bytes_read), bytes(self.bytes_written));
        format!("{}/s, {read} read, {written} written", bytes(rate as u64))
    }

    fn event(&self, name: &str) -> serde_json::Value {
        json!({
            "event": name,
            "stage": self.stage.name(),
            "items": self.items,
            "total": self.total,
            "bytes_read": self.bytes_read,
            "bytes_written": self.bytes_written,
            "secs": (self.begun.elapsed().as_secs_f64() * 1000.0).round() / 1000.0,
        })
    }
}

const fn noun(stage: Stage) -> &'static str {
    match stage {
        Stage::Find | Stage::Survey => "input",
        Stage::Check => "item",
        _ => "task",
    }
}

fn bar(stage: Stage, total: u64) -> ProgressBar {
    let (bar, template) = match total {
        0 => (ProgressBar::new_spinner(), "{prefix:>8} {spinner} {elapsed}"),
        _ => (
            ProgressBar::new(total),
            // the message is cut where the terminal is narrow, so that the bar stays on one line
            "{prefix:>8} {bar:20.cyan/blue} {human_pos}/{human_len} {eta} left {wide_msg}",
        ),
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.set_prefix(stage.name());
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
