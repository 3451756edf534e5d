//! From asynchronous calls to calls that return when they are done, and from the library's errors to ours.

use std::future::Future;
use std::sync::OnceLock;

use arcoforge_core::error::{Code, Error, Result};
use tokio::runtime::{Builder, Runtime};

/// Threads that carry on what the library starts beside a call; calls themselves run on their callers.
const THREADS: usize = 2;

/// Runs a call of the library to its end.
pub(crate) fn wait<F: Future>(call: F) -> Result<F::Output> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        Builder::new_multi_thread().worker_threads(THREADS).thread_name("icechunk").enable_time().build().ok()
    });
    let runtime = runtime.as_ref();
    let runtime = runtime.ok_or_else(|| {
        Error::new(Code::TargetUnwritable, "the system starts no threads for the Icechunk library")
    })?;
    Ok(runtime.block_on(call))
}

/// What the library says of a failure, in one line: the traces that it adds are for its developers.
pub(crate) fn said(error: &impl std::fmt::Display) -> String {
    let text = error.to_string();
    text.split("\n\ncontext:").next().unwrap_or_default().trim().replace('\n', " ")
}
