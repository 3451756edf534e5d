//! Verification: target and sources are read again and every value is compared.

use std::collections::BTreeMap;
use std::path::Path;

use arcoforge_core::attrs::AttrValue;
use arcoforge_core::block::{Block, BlockData, scalar_from_le};
use arcoforge_core::chunk::{Region, indices};
use arcoforge_core::dtype::Scalar;
use arcoforge_core::error::{Code, Error, Place, Result};
use arcoforge_core::plan::{ArrayPlan, Filling};
use arcoforge_core::schema::Schema;
use arcoforge_core::target::ArraySpec;
use arcoforge_read::Reader;

use crate::bake::{Branch, CheckOut, CheckedOut};
use crate::execute::part;
use crate::gather::{Worker, fill, fill_coarser, placements, wants};
use crate::lookahead::{Lookahead, Wanted};
use crate::prepare::Prepared;
use crate::references::{open_as_references, open_target};
use crate::session::{Event, Session, Stage};
use crate::tasks::Tasks;
use crate::{Outcome, pool};

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Arrays.
    pub arrays: usize,
    /// Tasks compared, of all.
    pub tasks: (u64, u64),
    /// Cells compared.
    pub cells: u64,
}

/// Compares a store with what its sources hold now. `every` is 1 for all tasks, n for each n-th.
///
/// # Errors
/// `target-mismatch` naming array, chunk and both values, for every array that differs.
pub fn verify(session: &Session<'_>, prepared: &Prepared, target: &Path, every: u64) -> Outcome<Verified> {
    let format = prepared.plan.dataset.format;
    let store = open_target(session, target, format).map_err(|e| vec![e])?;
    compared_with(session, prepared, store.as_ref(), &target.display().to_string(), every)
}

/// The same of the last snapshot of a branch of an Icechunk repository.
///
/// # Errors
/// As of [`verify`]; `target-not-found`.
pub fn verify_branch(
    session: &Session<'_>,
    prepared: &Prepared,
    branch: &Branch,
    every: u64,
) -> Outcome<Verified> {
    let fail = |e: Error| vec![e];
    let view = branch.view().map_err(fail)?;
    let references = prepared.plan.dataset.format.is_references() || !view.is_local();
    let what = if references { CheckOut::References } else { CheckOut::Links };
    let checked_out = CheckedOut::of(&view, what).map_err(fail)?;
    let shown = branch.root().to_string();
    let opened = match references {
        true => open_as_references(session, &checked_out.references().display().to_string()),
        false => arcoforge_read::open_store(checked_out.folder()),
    };
    let store = opened.map_err(|e| vec![Error { place: Place::default(), ..e }.at(&shown)])?;
    compared_with(session, prepared, store.as_ref(), &shown, every)
}

/// The same of a store in an object store.
///
/// # Errors
/// As of [`verify`]; `target-not-found` where there is none.
pub fn verify_bucket(session: &Session<'_>, prepared: &Prepared, url: &str, every: u64) -> Outcome<Verified> {
    let absent = |e: Error| match e.code {
        Code::SourceFormat | Code::SourceNotFound => {
            Error::new(Code::TargetNotFound, "the store to compare does not exist")
                .at(url)
                .help("name the store that was baked")
        }
        _ => e,
    };
    let opened = session.sources.open_bucket(url, BTreeMap::new()).and_then(arcoforge_read::open);
    let store = opened.map_err(|e| vec![absent(e)])?;
    compared_with(session, prepared, store.as_ref(), url, every)
}

fn compared_with(
    session: &Session<'_>,
    prepared: &Prepared,
    store: &dyn Reader,
    target: &str,
    every: u64,
) -> Outcome<Verified> {
    let mut errors = Vec::new();
    for array in &prepared.plan.arrays {
        if let Err(error) = check_schema(store.schema(), &array.spec) {
            errors.push(error.at(target));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let all = Tasks::of(&prepared.plan);
    let every = every.max(1);
    let chosen = all.len().div_ceil(every);
    session.tell(&Event::Started { stage: Stage::Verify, total: chosen });
    let ahead = Lookahead::of(session, &prepared.plan, &(0..chosen));
    let one = |worker: &mut Worker, at: usize| {
        session.check_interrupt()?;
        let Some((array, task)) = all.get(at as u64 * every) else {
            return Err(Error::new(Code::Bug, "a task without an array"));
        };
        let mut cells = 0;
        worker.look_ahead(ahead.as_ref().map(|ahead| ahead.begin(at as u64)));
        for (number, slab) in (0..).zip(array.slabs(task)) {
            if let Some(task) = worker.ahead() {
                task.slab(number, &|at, slab, _| wanted(prepared, &all, at * every, slab));
            }
            let place = |e: Error| e.in_variable(&array.spec.name).at(target);
            cells += compare(worker, prepared, store, array, &slab).map_err(place)?;
        }
        session.tell(&Event::Advanced { stage: Stage::Verify, items: 1, bytes_read: 0, bytes_written: 0 });
        Ok(cells)
    };
    let team = || Worker::with_threads(prepared.plan.threads);
    let cells = pool::map(prepared.plan.workers, chosen as usize, false, team, one)?;
    session.tell(&Event::Finished { stage: Stage::Verify });
    Ok(Verified { arrays: prepared.plan.arrays.len(), tasks: (chosen, all.len()), cells: cells.iter().sum() })
}

/// What the sources' side of one slab of a task reads.
fn wanted(prepared: &Prepared, all: &Tasks<'_>, task: u64, slab: u64) -> Option<Wanted> {
    let (array, task) = all.get(task)?;
    let Filling::Pieces(pieces) = &array.content else { return None };
    let wants = wants(prepared, &placements(pieces, &array.slab(task, slab)?));
    Some(Wanted { wants, slabs: 1 })
}

/// Shape, type and attributes are as planned.
fn check_schema(schema: &Schema, spec: &ArraySpec) -> Result<()> {
    let differs = |message: String| Err(Error::new(Code::TargetMismatch, message).in_variable(&spec.name));
    let Some(found) = schema.variable(&spec.name) else {
        return differs("the array is not in the target".into());
    };
    if found.shape != spec.shape || found.dtype != spec.dtype {
        return differs(format!(
            "the target has {} of shape {:?}, the sources {} of shape {:?}",
            found.dtype, found.shape, spec.dtype, spec.shape
        ));
    }
    let attr = spec.attrs.iter().find(|(name, value)| {
        !has_non_finite(value) && !found.attrs.get(name).is_some_and(|v| v.same(value))
    });
    match attr {
        Some((name, value)) => differs(format!(
            "attribute `{name}` is {value} in the sources and {} in the target",
            found.attrs.get(name).map_or("absent".to_owned(), ToString::to_string)
        )),
        None => Ok(()),
    }
}

/// JSON has no NaN and no infinity: such attributes are written in words, and read back as text.
fn has_non_finite(value: &AttrValue) -> bool {
    let non_finite = |scalar: &Scalar| scalar.as_f64().is_some_and(|x| !x.is_finite());
    matches!(value, AttrValue::Numbers { values, .. } if values.iter().any(non_finite))
}

/// Compares one slab; the number of cells.
fn compare(
    worker: &mut Worker,
    prepared: &Prepared,
    store: &dyn Reader,
    array: &ArrayPlan,
    slab: &Region,
) -> Result<u64> {
    let spec = &array.spec;
    let buffers = match &array.content {
        Filling::Values(block) => return compare_values(store, spec, block, slab),
        Filling::Pieces(pieces) => fill(worker, prepared, spec, pieces, slab)?,
        // the level above is compared by its own tasks, so that all follow from level 0
        Filling::Coarser(coarser) => fill_coarser(worker, store, &prepared.plan.arrays, spec, coarser, slab)?,
    };
    let chunks = spec.chunks();
    let mut cells = 0;
    for (index, buffer) in indices(&chunks.covering(slab)).zip(&buffers) {
        let region = chunks.region(&index);
        let block = stored(store, spec, &region)?;
        let expected = Block::from_bytes(spec.dtype, region.shape(), buffer.clone());
        same(&expected, &block).map_err(|e| e.in_chunk(&index))?;
        cells += region.cells();
    }
    worker.give_back(buffers);
    Ok(cells)
}

/// Compares what was read for combining, one chunk after the other: an array may be one of very many.
fn compare_values(store: &dyn Reader, spec: &ArraySpec, whole: &Block, slab: &Region) -> Result<u64> {
    let chunks = spec.chunks();
    let mut cells = 0;
    for index in indices(&chunks.covering(slab)) {
        let region = chunks.region(&index);
        let found = stored(store, spec, &region)?;
        same(&part(whole, &region)?, &found).map_err(|e| e.in_chunk(&index))?;
        cells += region.cells();
    }
    Ok(cells)
}

/// What the target holds; damage there is no fault of a source.
pub(crate) fn stored(store: &dyn Reader, spec: &ArraySpec, region: &Region) -> Result<Block> {
    store.read(&spec.name, region).map_err(|mut error| {
        if error.code == Code::SourceCorrupt {
            error.code = Code::TargetMismatch;
        }
        error
    })
}

/// Equal bit for bit.
fn same(expected: &Block, found: &Block) -> Result<()> {
    let differ = |at: usize, a: String, b: String| {
        Err(Error::new(
            Code::TargetMismatch,
            format!("cell {at} is {a} in the sources and {b} in the target"),
        ))
    };
    match (&expected.data, &found.data) {
        (BlockData::Bytes(a), BlockData::Bytes(b)) if a == b => Ok(()),
        (BlockData::Text(a), BlockData::Text(b)) if a == b => Ok(()),
        (BlockData::Bytes(a), BlockData::Bytes(b)) => {
            let size = expected.dtype.size().unwrap_or(1);
            let at = a.chunks(size).zip(b.chunks(size)).position(|(x, y)| x != y).unwrap_or(0);
            let show = |bytes: &[u8]| {
                let cell = bytes.get(at * size..(at + 1) * size).unwrap_or_default();
                scalar_from_le(expected.dtype, cell).map_or("nothing".to_owned(), |s| s.to_string())
            };
            differ(at, show(a), show(b))
        }
        (BlockData::Text(a), BlockData::Text(b)) => {
            let at = a.iter().zip(b).position(|(x, y)| x != y).unwrap_or(0);
            differ(at, format!("{:?}", a.get(at)), format!("{:?}", b.get(at)))
        }
        _ => Err(Error::new(Code::TargetMismatch, "text in one and numbers in the other")),
    }
}
