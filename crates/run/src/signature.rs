//! What a chunk's bytes are determined by, as a number: two chunks of equal signatures have equal bytes.
//!
//! It covers the array (type, chunk shape, codecs, fill), how the chunk is made (copied or encoded), and for every box
//! of its cells which file fills it, that file's validator, which of its cells, and the rule that makes the values. It
//! does not cover how the work was divided, how much memory there was, or where the chunk lies in the array: an append
//! changes nothing for the chunks before it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};

use arcoforge_core::block::BlockData;
use arcoforge_core::chunk::Region;
use arcoforge_core::combine::Pieces;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::plan::{ArrayPlan, Filling};
use arcoforge_core::recipe::TargetFormat;
use arcoforge_core::steps::{Mapped, Origin};
use arcoforge_store::Validator;
use xxhash_rust::xxh3::Xxh3;

use crate::execute::part;
use crate::gather::placements;
use crate::prepare::Prepared;

/// Another number wherever the program would write other bytes for the same inputs.
const VERSION: u32 = 1;
/// Rules whose hashes are kept at a time.
const RULES_MAX: usize = 4096;

/// XXH3 of 128 bits over everything that determines a chunk's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Signature(pub(crate) u128);

impl Signature {
    /// A chunk of a shard that lies wholly beyond the array's end.
    pub(crate) const BEYOND: Self = Self(0);
}

/// Whether nothing tells one version of an input from another: what was made of it holds for one run.
pub(crate) fn is_weak(validator: &Validator) -> bool {
    validator.etag.is_none() && validator.modified_ns.is_none()
}

/// Why nothing tells the versions of such an input.
pub(crate) fn why_weak(url: &str) -> &'static str {
    if url.contains("://") && !url.starts_with("file:") {
        "the server tells no versions: neither ETag nor Last-Modified"
    } else {
        "the file's modification time is beyond the year 2262"
    }
}

/// A number that no other run has.
pub(crate) fn this_run() -> u64 {
    static RUN: OnceLock<u64> = OnceLock::new();
    *RUN.get_or_init(|| RandomState::new().hash_one(std::process::id()))
}

/// Computes signatures; keeps what chunks share.
#[derive(Default)]
pub(crate) struct Signer {
    /// By the address of an array's plan.
    arrays: BTreeMap<usize, u128>,
    /// By the address of a variable or rule, which all live as long as what was prepared.
    rules: BTreeMap<usize, u128>,
}

/// Text that goes into a hash and is not kept.
struct Sink(Xxh3);

impl Write for Sink {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl Sink {
    fn new() -> Self {
        Self(Xxh3::new())
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn digest(&mut self, digest: u128) {
        self.0.update(&digest.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    /// Whatever `Debug` shows: of numbers it is exact.
    fn shown(&mut self, value: &dyn fmt::Debug) {
        // a sink takes everything
        let _ = write!(self, "{value:?};");
    }

    fn end(&self) -> u128 {
        self.0.digest128()
    }
}

impl Signer {
    /// The signature of one (inner) chunk of an array.
    pub(crate) fn chunk(
        &mut self,
        format: TargetFormat,
        prepared: &Prepared,
        array: &ArrayPlan,
        index: &[u64],
    ) -> Result<Signature> {
        self.cells(format, prepared, array, &array.spec.chunks().region(index))
    }

    /// The signature that a chunk of these cells would have.
    pub(crate) fn cells(
        &mut self,
        format: TargetFormat,
        prepared: &Prepared,
        array: &ArrayPlan,
        cells: &Region,
    ) -> Result<Signature> {
        let mut sink = Sink::new();
        sink.digest(self.array(format, array));
        cells.shape().iter().for_each(|&n| sink.number(n));
        match &array.content {
            Filling::Values(block) => match part(block, cells)?.data {
                BlockData::Bytes(bytes) => sink.0.update(&bytes),
                BlockData::Text(texts) => texts.iter().for_each(|text| sink.text(text)),
            },
            Filling::Pieces(pieces) => self.pieces(&mut sink, prepared, pieces, cells)?,
            Filling::Coarser(coarser) => {
                let bug = || Error::new(Code::Bug, "a level of no array");
                let base = prepared.plan.arrays.get(coarser.base).ok_or_else(bug)?;
                let below = coarser.base_cells(cells, &base.spec.shape);
                sink.shown(&(&coarser.rule, &coarser.steps));
                // nothing but these cells determines those of all levels
                sink.digest(self.cells(format, prepared, base, &below)?.0);
            }
        }
        Ok(Signature(sink.end()))
    }

    /// What all chunks of an array share.
    fn array(&mut self, format: TargetFormat, array: &ArrayPlan) -> u128 {
        let address = std::ptr::from_ref(array).addr();
        *self.arrays.entry(address).or_insert_with(|| {
            let spec = &array.spec;
            let mut sink = Sink::new();
            sink.number(u64::from(VERSION));
            sink.text(env!("CARGO_PKG_VERSION"));
            sink.shown(&(format, spec.dtype, &spec.chunk, &spec.encoding, &spec.fill, &spec.unwritten));
            sink.shown(&array.mode);
            sink.end()
        })
    }

    fn pieces(
        &mut self,
        sink: &mut Sink,
        prepared: &Prepared,
        pieces: &Pieces,
        cells: &Region,
    ) -> Result<()> {
        let origin = cells.start();
        for placement in placements(pieces, cells) {
            let here = placement.cells.relative_to(&origin);
            for (here, there) in here.0.iter().zip(&placement.source.0) {
                [here.start, here.end, there.start, there.end].iter().for_each(|&n| sink.number(n));
            }
            sink.shown(&placement.reversed);
            let Some(piece) = placement.piece else {
                sink.text("nothing");
                continue;
            };
            let (file, mapped, surveyed) = prepared.piece(piece)?;
            let validator = surveyed.object.validator();
            sink.text(&prepared.name(file));
            sink.number(validator.size);
            sink.text(validator.etag.as_deref().unwrap_or_default());
            sink.shown(&validator.modified_ns);
            if is_weak(validator) {
                sink.number(this_run());
            }
            self.mapped(sink, mapped)?;
        }
        Ok(())
    }

    /// How a file's variable is stored and made.
    fn mapped(&mut self, sink: &mut Sink, mapped: &Mapped) -> Result<()> {
        let var = &mapped.var;
        let stored = self.kept(Arc::as_ptr(var).addr(), |sink| {
            sink.shown(&(&var.dims, &var.shape, var.dtype, &var.storage));
        });
        sink.digest(stored);
        match &mapped.origin {
            Origin::Source { name, axes } => {
                sink.text(name);
                sink.shown(axes);
            }
            Origin::Constant(block) => {
                sink.digest(self.kept(Arc::as_ptr(block).addr(), |sink| sink.shown(block)));
            }
            // combining took them up: no chunk is filled by them
            Origin::Held => {
                return Err(Error::new(Code::Bug, "a chunk of values that are in hand elsewhere"));
            }
            Origin::Derived(derived) => {
                sink.digest(self.kept(Arc::as_ptr(derived).addr(), |sink| sink.shown(derived)));
            }
        }
        Ok(())
    }

    fn kept(&mut self, address: usize, fill: impl FnOnce(&mut Sink)) -> u128 {
        if self.rules.len() > RULES_MAX {
            self.rules.clear();
        }
        *self.rules.entry(address).or_insert_with(|| {
            let mut sink = Sink::new();
            fill(&mut sink);
            sink.end()
        })
    }
}
