//! The survey: every input is opened once, its schema transformed, and what combining needs of its values is read.

mod all;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arcoforge_core::block::{Block, BlockData};
use arcoforge_core::chunk::{ChunkRef, Region};
use arcoforge_core::combine::{self, CombineAxis, File, Values};
use arcoforge_core::derived::evaluate;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Pattern, Position};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::schema::{Storage, Variable};
use arcoforge_core::steps::{self, FileContext, FileView, Mapped, Origin, Unmatched, permute};
use arcoforge_read::Reader;
use arcoforge_store::Object;
use xxhash_rust::xxh3::Xxh3;

use crate::session::Session;

pub(crate) use all::{All, survey_all};

/// Values that decide what a step does are read up to this size.
const DECISIVE_BYTES_MAX: u64 = 64 << 20;
/// Values up to this size are kept; of larger ones only the digest.
const KEPT_BYTES_MAX: u64 = 8 << 20;
/// Values are read in rows of about this size.
const PART_BYTES: u64 = 8 << 20;

/// One input after the survey.
#[derive(Debug)]
pub struct Surveyed {
    /// Which position.
    pub index: Vec<u32>,
    /// The open input.
    pub object: Arc<dyn Object>,
    /// Where the chunks of the file's arrays are; of those only whose values are not in hand.
    pub refs: BTreeMap<Arc<str>, Arc<[ChunkRef]>>,
}

/// What one input gave.
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) surveyed: Surveyed,
    pub(crate) unmatched: Vec<Unmatched>,
}

/// Equal variables and values of files are kept once.
#[derive(Default)]
pub(crate) struct Interner {
    variables: Mutex<BTreeMap<String, Vec<Arc<Variable>>>>,
    blocks: Mutex<BTreeMap<u128, Arc<Block>>>,
    /// Of the first file so far, with its place: its schema before the steps and after each.
    first: Mutex<Option<(Vec<u32>, Vec<FileView>)>>,
}

/// Versions of one variable that are kept for sharing.
const VERSIONS_MAX: usize = 4;

impl Interner {
    fn variable(&self, var: &Arc<Variable>) -> Arc<Variable> {
        let mut known = self.variables.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let versions = known.entry(var.name.clone()).or_default();
        if let Some(same) = versions.iter().find(|v| ***v == **var) {
            return Arc::clone(same);
        }
        if versions.len() < VERSIONS_MAX {
            versions.push(Arc::clone(var));
        }
        Arc::clone(var)
    }

    fn first(&self, index: &[u32], history: Vec<FileView>) {
        let mut known = self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.as_ref().is_none_or(|(first, _)| index < first.as_slice()) {
            *known = Some((index.to_vec(), history));
        }
    }

    /// The first file's schema before the steps and after each.
    pub(crate) fn history(self) -> Vec<FileView> {
        let first = self.first.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        first.map(|(_, history)| history).unwrap_or_default()
    }

    fn block(&self, digest: u128, block: Block) -> Arc<Block> {
        let mut known = self.blocks.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(known.entry(digest).or_insert_with(|| Arc::new(block)))
    }
}

/// Opens the first candidate of a position that exists, and says which; `None` where none does.
pub(crate) fn open<'a>(
    session: &Session<'_>,
    position: &'a Position,
) -> Result<Option<(Arc<dyn Object>, &'a str)>> {
    for candidate in &position.candidates {
        match session.sources.open(candidate) {
            Err(error) if error.code == Code::SourceNotFound => {}
            other => return other.map(|object| Some((object, candidate.as_str()))),
        }
    }
    Ok(None)
}

/// Surveys one input.
pub(crate) fn survey(
    recipe: &Recipe,
    pattern: &Pattern,
    axes: &[CombineAxis],
    position: &Position,
    object: Arc<dyn Object>,
    interner: &Interner,
) -> Result<Found> {
    let url = object.url().to_owned();
    let reader = arcoforge_read::open(Arc::clone(&object)).map_err(|e| e.at(&url))?;
    let keys: Vec<_> =
        position.keys.iter().map(|(name, key)| (name.clone(), key.clone(), pattern.calendar())).collect();
    let mut unmatched = Vec::new();
    let view = steps::open_group(reader.schema(), recipe.source.group.as_deref()).map_err(|e| e.at(&url))?;
    let context = FileContext { url: &url, keys: &keys, axes };
    let mut history = vec![view.clone()];
    let mut values = |mapped: &Mapped| decisive(reader.as_ref(), mapped);
    let mut after = |view: &FileView| history.push(view.clone());
    let view = steps::apply(view, &recipe.steps, context, &mut values, &mut unmatched, &mut after)
        .map_err(|e| e.at(&url))?;
    interner.first(&position.index, history);
    let mut view = steps::expand_scalars(view, axes, context).map_err(|e| e.at(&url))?;
    for mapped in &mut view.variables {
        mapped.var = interner.variable(&mapped.var);
    }
    let needed = combine::needs_always(axes, &view);
    let mut values = BTreeMap::new();
    let mut refs = BTreeMap::new();
    for mapped in &view.variables {
        let name = &mapped.var.name;
        let place = |e: Error| e.in_variable(name).at(&url);
        let mut in_hand = false;
        // large values are only compared, and only where there is something to compare them with: see `combine::needs`
        if needed.contains(name) && is_kept(mapped) {
            let read = read_values(reader.as_ref(), mapped, interner).map_err(place)?;
            in_hand = read.block.is_some();
            values.insert(name.clone(), read);
        }
        for leaf in if in_hand { Vec::new() } else { mapped.sources() } {
            if let (Some(source), Storage::Chunks { .. }) = (leaf.source(), &leaf.var.storage)
                && !refs.contains_key(source)
            {
                refs.insert(Arc::clone(source), reader.chunk_refs(source).map_err(place)?.into());
            }
        }
    }
    let surveyed = Surveyed { index: position.index.clone(), object, refs };
    let file = File { url, index: position.index.clone(), view, values };
    Ok(Found { file, surveyed, unmatched })
}

/// Reads what combining asks for after the survey.
pub(crate) fn read_more(object: &Arc<dyn Object>, mapped: &Mapped, interner: &Interner) -> Result<Values> {
    let reader = arcoforge_read::open(Arc::clone(object))?;
    read_values(reader.as_ref(), mapped, interner)
        .map_err(|e| e.in_variable(&mapped.var.name).at(object.url()))
}

/// Values that a step needs to know what it does.
fn decisive(reader: &dyn Reader, mapped: &Mapped) -> Result<Block> {
    let bytes = mapped.var.bytes();
    if bytes > DECISIVE_BYTES_MAX {
        let name = &mapped.var.name;
        return Err(Error::new(
            Code::StepInvalid,
            format!("`{name}` has {bytes} bytes, and a step reads at most {DECISIVE_BYTES_MAX} to decide by"),
        )
        .help("select by numbers of items (`start`, `stop`, `items`), or make the time by `set`"));
    }
    let mut read = |leaf: &Mapped, region: &Region| read_leaf(reader, leaf, region);
    evaluate(mapped, &Region::whole(&mapped.var.shape), &mut read)
}

/// Whether a variable's values are kept, and not only their digest.
fn is_kept(mapped: &Mapped) -> bool {
    mapped.var.bytes() <= KEPT_BYTES_MAX
        || mapped.sources().iter().any(|leaf| leaf.var.storage == Storage::Whole)
        || mapped.var.is_dimension_coordinate() // the order of files is told by its values, however many
        || matches!(mapped.origin, Origin::Constant(_))
}

fn read_values(reader: &dyn Reader, mapped: &Mapped, interner: &Interner) -> Result<Values> {
    let mut hash = Xxh3::new();
    let shape: Vec<u8> = mapped.var.shape.iter().flat_map(|n| n.to_le_bytes()).collect();
    hash.update(mapped.var.dtype.name().as_bytes());
    hash.update(&shape);
    if let Origin::Constant(block) = &mapped.origin {
        add(&mut hash, block);
        return Ok(Values { digest: Some(hash.digest128()), block: Some(Arc::clone(block)) });
    }
    let mut read = |leaf: &Mapped, region: &Region| read_leaf(reader, leaf, region);
    if is_kept(mapped) {
        let block = evaluate(mapped, &Region::whole(&mapped.var.shape), &mut read)?;
        add(&mut hash, &block);
        let digest = hash.digest128();
        return Ok(Values { digest: Some(digest), block: Some(interner.block(digest, block)) });
    }
    // large values are only compared: their digest is over rows
    let rows = mapped.var.shape.first().copied().unwrap_or(1).max(1);
    let step = (PART_BYTES * rows / mapped.var.bytes().max(1)).max(1);
    let mut start = 0;
    while start < rows {
        let mut region = Region::whole(&mapped.var.shape);
        if let Some(first) = region.0.first_mut() {
            *first = start..(start + step).min(rows);
        }
        add(&mut hash, &evaluate(mapped, &region, &mut read)?);
        start += step;
    }
    Ok(Values { digest: Some(hash.digest128()), block: None })
}

/// A box of a plain variable, in its own dimensions.
pub(crate) fn read_leaf(reader: &dyn Reader, leaf: &Mapped, region: &Region) -> Result<Block> {
    let name =
        leaf.source().ok_or_else(|| Error::new(Code::Bug, "a variable that is no array of its file"))?;
    let axes = leaf.axes();
    let shape = reader.schema().variable(name).map(|v| v.shape.clone()).unwrap_or_default();
    let mut ranges = vec![0..1; shape.len()];
    for (axis, range) in axes.iter().zip(&region.0) {
        if let Some(slot) = axis.and_then(|a| ranges.get_mut(a)) {
            *slot = range.clone();
        }
    }
    Ok(permute(reader.read(name, &Region(ranges))?, &axes))
}

fn add(hash: &mut Xxh3, block: &Block) {
    match &block.data {
        BlockData::Bytes(bytes) => hash.update(bytes),
        BlockData::Text(texts) => {
            for text in texts {
                hash.update(&(text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
    }
}
