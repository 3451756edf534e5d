//! Verdicts of checks, as text and as JSON.

use arcoforge_core::check::{Failure, Verdict};
use arcoforge_core::recipe::Level;
use serde_json::{Value, json};

/// `7 passed, 1 warned`.
pub fn checks_text(verdicts: &[Verdict]) -> String {
    let count = |level: Level| verdicts.iter().filter(|v| !v.passed() && v.level == level).count();
    let (warned, failed) = (count(Level::Warn), count(Level::Error));
    let mut text = format!("{} passed", verdicts.len() - warned - failed);
    for (count, word) in [(warned, "warned"), (failed, "failed")] {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}

/// One check with its result.
pub fn check_json(verdict: &Verdict) -> Value {
    let failure = |f: &Failure| json!({"message": f.message, "variable": f.variable, "chunk": f.chunk});
    json!({
        "check": verdict.check,
        "about": verdict.about,
        "level": match verdict.level { Level::Warn => "warn", Level::Error => "error" },
        "passed": verdict.passed(),
        "failures": verdict.failures.iter().map(failure).collect::<Vec<_>>(),
        "recommendations": verdict.advice.iter().map(failure).collect::<Vec<_>>(),
    })
}
