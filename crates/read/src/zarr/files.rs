//! Reads documents of a store; what is absent is `None`.

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::{Keyed, document};
use serde_json::Value;

use super::json;

/// A metadata document.
pub(super) fn json(store: &dyn Keyed, key: &str) -> Result<Option<Value>> {
    let Some(bytes) = document(store, key)? else { return Ok(None) };
    match json::parse(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(what) => {
            let message = format!("the metadata `{key}` is damaged: {what}");
            Err(Error::new(Code::SourceCorrupt, message))
        }
    }
}
