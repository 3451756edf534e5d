//! A reader that says what an earlier survey was told, and opens the input for all else.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use arcoforge_core::block::Block;
use arcoforge_core::chunk::{ChunkRef, ChunkRefs, Region};
use arcoforge_core::error::Result;
use arcoforge_core::schema::{Format, Schema};
use arcoforge_read::Reader;
use arcoforge_store::{Object, Validator};

use super::Facts;

/// Values up to this size are kept.
const KEPT_BYTES_MAX: u64 = 8 << 20;

/// One input.
pub(crate) struct Replay<'a> {
    object: &'a Arc<dyn Object>,
    base: Base,
    new: Mutex<New>,
}

/// What answers first.
enum Base {
    /// What is known, and the reader for what is not, once it is asked.
    Known(Arc<Facts>, OnceLock<Box<dyn Reader>>),
    /// Nothing is known.
    Open(Box<dyn Reader>),
}

/// What was asked for and was not known.
#[derive(Default)]
struct New {
    refs: Vec<(Arc<str>, ChunkRefs)>,
    values: Vec<(Arc<str>, Region, Arc<Block>)>,
    digests: Vec<(u128, u128)>,
    checksums: Vec<String>,
}

impl<'a> Replay<'a> {
    /// An input, of which `known` is known; where that is nothing it is opened.
    pub(crate) fn new(object: &'a Arc<dyn Object>, known: Option<Arc<Facts>>) -> Result<Self> {
        let base = match known {
            Some(facts) => Base::Known(facts, OnceLock::new()),
            None => Base::Open(arcoforge_read::open(Arc::clone(object))?),
        };
        Ok(Self { object, base, new: Mutex::default() })
    }

    fn reader(&self) -> Result<&dyn Reader> {
        let later = match &self.base {
            Base::Open(reader) => return Ok(reader.as_ref()),
            Base::Known(_, later) => later,
        };
        if let Some(reader) = later.get() {
            return Ok(reader.as_ref());
        }
        let reader = arcoforge_read::open(Arc::clone(self.object))?;
        Ok(later.get_or_init(|| reader).as_ref())
    }

    /// What is to be said of an input that was opened now.
    pub(crate) fn remark(&self) -> Option<&str> {
        match &self.base {
            Base::Open(reader) => reader.remark(),
            Base::Known(..) => None,
        }
    }

    fn known(&self) -> Option<&Facts> {
        match &self.base {
            Base::Known(facts, _) => Some(facts),
            Base::Open(_) => None,
        }
    }

    /// The schema, where files that have the same share it.
    pub(crate) fn shared_schema(&self) -> Option<&Arc<Schema>> {
        self.known().map(|known| &known.schema)
    }

    fn new_facts(&self) -> MutexGuard<'_, New> {
        self.new.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the chunks of a variable are.
    pub(crate) fn refs(&self, variable: &Arc<str>) -> Result<ChunkRefs> {
        let known = self.known().and_then(|known| known.refs.iter().find(|(name, _)| name == variable));
        if let Some((_, refs)) = known {
            return Ok(refs.clone());
        }
        let refs = ChunkRefs::from(self.reader()?.chunk_refs(variable)?);
        self.new_facts().refs.push((Arc::clone(variable), refs.clone()));
        Ok(refs)
    }

    /// Values of an array, where they are known.
    pub(crate) fn values(&self, variable: &str, region: &Region) -> Option<&Arc<Block>> {
        let mut values = self.known()?.values.iter();
        values.find(|(name, held, _)| **name == *variable && held == region).map(|(_, _, block)| block)
    }

    /// Values of an array, shared with what is kept of them.
    pub(crate) fn array(&self, variable: &str, region: &Region) -> Result<Arc<Block>> {
        if let Some(block) = self.values(variable, region) {
            return Ok(Arc::clone(block));
        }
        let block = Arc::new(self.reader()?.read(variable, region)?);
        if block.held_bytes() <= KEPT_BYTES_MAX {
            self.new_facts().values.push((variable.into(), region.clone(), Arc::clone(&block)));
        }
        Ok(block)
    }

    /// Reads values of which only a digest will be known.
    pub(crate) fn unkept(&self) -> Unkept<'_> {
        Unkept(self)
    }

    /// A digest of values, which `make` makes of them where it is not known; `of` says what values.
    pub(crate) fn digest(&self, of: u128, make: impl FnOnce() -> Result<u128>) -> Result<u128> {
        let known = self.known().and_then(|known| known.digests.iter().find(|(known, _)| *known == of));
        if let Some((_, digest)) = known {
            return Ok(*digest);
        }
        let digest = make()?;
        self.new_facts().digests.push((of, digest));
        Ok(digest)
    }

    /// Makes sure of the file's checksums, where that was not done yet.
    pub(crate) fn check(&self, checksums: Vec<String>, verify: impl FnOnce() -> Result<()>) -> Result<()> {
        let known = |checksum| self.known().is_some_and(|known| known.checksums.contains(checksum));
        if checksums.iter().all(known) {
            return Ok(());
        }
        verify()?;
        self.new_facts().checksums = checksums;
        Ok(())
    }

    /// What is known now, where that is more than before. `version` is what told the input's version before it was
    /// opened.
    pub(crate) fn learned(self, version: Option<Validator>) -> Option<Facts> {
        let new = self.new.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut facts = match self.base {
            Base::Known(..) if new.is_empty() => return None,
            Base::Known(known, _) => (*known).clone(),
            Base::Open(reader) => Facts {
                version: version?,
                url: self.object.name(),
                validator: self.object.validator().clone(),
                format: reader.format(),
                schema: Arc::new(reader.schema().clone()),
                refs: Vec::new(),
                values: Vec::new(),
                digests: Vec::new(),
                checksums: Vec::new(),
            },
        };
        facts.refs.extend(new.refs);
        facts.values.extend(new.values);
        facts.digests.extend(new.digests);
        facts.checksums.extend(new.checksums);
        Some(facts)
    }
}

/// The same input, of which nothing that is read is kept.
pub(crate) struct Unkept<'a>(&'a Replay<'a>);

impl New {
    fn is_empty(&self) -> bool {
        let Self { refs, values, digests, checksums } = self;
        refs.is_empty() && values.is_empty() && digests.is_empty() && checksums.is_empty()
    }
}

impl Reader for Replay<'_> {
    fn format(&self) -> Format {
        match &self.base {
            Base::Known(known, _) => known.format,
            Base::Open(reader) => reader.format(),
        }
    }

    fn schema(&self) -> &Schema {
        match &self.base {
            Base::Known(known, _) => &known.schema,
            Base::Open(reader) => reader.schema(),
        }
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        self.refs(&variable.into()).map(|refs| refs.iter().collect())
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        self.array(variable, region).map(Arc::unwrap_or_clone)
    }
}

impl Reader for Unkept<'_> {
    fn format(&self) -> Format {
        self.0.format()
    }

    fn schema(&self) -> &Schema {
        self.0.schema()
    }

    fn chunk_refs(&self, variable: &str) -> Result<Vec<ChunkRef>> {
        self.0.chunk_refs(variable)
    }

    fn read(&self, variable: &str, region: &Region) -> Result<Block> {
        match self.0.values(variable, region) {
            Some(block) => Ok((**block).clone()),
            None => self.0.reader()?.read(variable, region),
        }
    }
}
