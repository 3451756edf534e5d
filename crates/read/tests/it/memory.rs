//! A file in memory that counts its reads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arcoforge_core::error::{Code, Error, Result};
use arcoforge_store::object::{Object, Validator};

#[derive(Debug)]
pub(crate) struct Memory {
    bytes: Vec<u8>,
    validator: Validator,
    /// Bytes read so far.
    pub(crate) read: AtomicU64,
    /// Reads so far.
    pub(crate) reads: AtomicU64,
}

impl Memory {
    pub(crate) fn new(bytes: impl Into<Vec<u8>>) -> Arc<Self> {
        let bytes = bytes.into();
        let validator = Validator { size: bytes.len() as u64, ..Validator::default() };
        Arc::new(Self { bytes, validator, read: AtomicU64::new(0), reads: AtomicU64::new(0) })
    }
}

impl Object for Memory {
    fn url(&self) -> &str {
        "memory.nc"
    }

    fn validator(&self) -> &Validator {
        &self.validator
    }

    fn read_into(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.read.fetch_add(out.len() as u64, Ordering::Relaxed);
        self.reads.fetch_add(1, Ordering::Relaxed);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        match self.bytes.get(start..start.saturating_add(out.len())) {
            Some(found) => {
                out.copy_from_slice(found);
                Ok(())
            }
            None => Err(Error::new(Code::SourceCorrupt, format!("nothing at byte {offset}"))),
        }
    }

    fn is_remote(&self) -> bool {
        false
    }
}
