//! Bytes as an object of the store.

use std::sync::Arc;

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::{Object, Validator};

/// A file that is only in memory.
#[derive(Debug)]
pub(super) struct Memory {
    bytes: Vec<u8>,
    validator: Validator,
}

impl Memory {
    pub(super) fn new(bytes: &[u8]) -> Arc<Self> {
        let validator = Validator { size: bytes.len() as u64, ..Validator::default() };
        Arc::new(Self { bytes: bytes.to_vec(), validator })
    }
}

impl Object for Memory {
    fn url(&self) -> &str {
        "input.nc"
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let found = self.bytes.get(start..start.saturating_add(out.len()));
        let found =
            found.ok_or_else(|| Error::new(Code::SourceCorrupt, format!("nothing at byte {offset}")))?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn is_remote(&self) -> bool {
        false
    }
}
