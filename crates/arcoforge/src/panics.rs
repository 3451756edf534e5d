//! A panic is a defect of ours, and is reported as one.

use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use arcoforge_core::error::{Code, Error};

use crate::Outcome;
use crate::report::Failure;

static FIRST: Mutex<Option<String>> = Mutex::new(None);

/// Runs `work`; a panic of any thread becomes an error of code `bug`.
pub(crate) fn caught<T>(work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let default = panic::take_hook();
    let verbose = std::env::var_os("RUST_BACKTRACE").is_some_and(|v| v != "0");
    panic::set_hook(Box::new(move |info| {
        let message = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map(|l| format!(" ({}:{})", l.file(), l.line())).unwrap_or_default();
        let mut first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert_with(|| format!("{message}{place}"));
        drop(first);
        if verbose {
            default(info);
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let first = FIRST.lock().unwrap_or_else(PoisonError::into_inner).take();
        let message = first.unwrap_or_else(|| "no message".to_owned());
        let error = Error::new(Code::Bug, format!("this is a defect of arcoforge: {message}"));
        Err(Failure::from(error.help(REPORT)))
    })
}

/// What to do about a defect.
pub(crate) const REPORT: &str = concat!(
    "please report it at ",
    env!("CARGO_PKG_REPOSITORY"),
    "/issues with the command and, if you can, the input; nothing was published"
);
