//! What was baked is read back, be it a store or references.

use std::path::Path;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_read::{Reader, open_store};

use crate::session::Session;

/// Opens a target.
///
/// # Errors
/// Codes `source-*`; `target-mismatch` where it is of another format.
pub(crate) fn open_target(
    session: &Session<'_>,
    target: &Path,
    format: TargetFormat,
) -> Result<Box<dyn Reader>> {
    let shown = target.display().to_string();
    if !format.is_references() {
        return open_store(target).map_err(|e| e.at(shown));
    }
    open_as_references(session, &shown)
}

/// Opens references to chunks of other files.
///
/// # Errors
/// Codes `source-*`; `target-mismatch` where it is something else.
pub(crate) fn open_as_references(session: &Session<'_>, shown: &str) -> Result<Box<dyn Reader>> {
    let other = || {
        let message = "found something else, expected references to chunks of other files";
        Error::new(Code::TargetMismatch, message).at(shown)
    };
    let object = session.sources.open_references(shown)?.ok_or_else(other)?;
    arcoforge_read::open(object)
}
