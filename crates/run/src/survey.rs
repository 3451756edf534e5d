//! The survey: every input is opened once, its schema transformed, and what combining needs of its values is read.

mod all;
mod cache;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arcoforge_core::block::{Block, BlockData};
use arcoforge_core::chunk::{ChunkRefs, Region};
use arcoforge_core::combine::{self, CombineAxis, File, Values};
use arcoforge_core::derived::evaluate;
use arcoforge_core::error::{Code, Error, Result};
use arcoforge_core::pattern::{Pattern, Position};
use arcoforge_core::recipe::Recipe;
use arcoforge_core::schema::{Storage, Variable};
use arcoforge_core::steps::{self, FileContext, FileView, Mapped, Origin, Unmatched, permute};
use arcoforge_read::Reader;
use arcoforge_store::{Object, Validator, redact};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use crate::checksums::Expected;
use crate::session::Session;

use cache::{Facts, Replay};

pub(crate) use all::{All, survey_all};
pub(crate) use cache::{Place, SurveyCache};

/// Values that decide what a step does are read up to this size.
const DECISIVE_BYTES_MAX: u64 = 64 << 20;
/// Values up to this size are kept; of larger ones only the digest.
const KEPT_BYTES_MAX: u64 = 8 << 20;
/// Values are read in rows of about this size.
const PART_BYTES: u64 = 8 << 20;

/// Where chunks are, by the file's arrays.
type Refs = BTreeMap<Arc<str>, ChunkRefs>;

/// One input after the survey.
#[derive(Debug)]
pub struct Surveyed {
    /// Which position.
    pub index: Vec<u32>,
    /// The open input.
    pub object: Arc<dyn Object>,
    /// Where the chunks of the file's arrays are; of those only whose values are not in hand.
    pub refs: Refs,
    /// Where what is known of it is kept.
    pub(crate) place: Option<Place>,
}

/// What one input gave.
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) surveyed: Surveyed,
    pub(crate) unmatched: Vec<Unmatched>,
}

/// What surveys share in this run, and what they keep for the next.
pub(crate) type Kept<'a> = (&'a Interner, Option<&'a SurveyCache>);

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

/// One input, open or known.
pub(crate) struct Opened<'a> {
    pub(crate) object: Arc<dyn Object>,
    /// Which candidate of its position it is.
    pub(crate) candidate: &'a str,
    known: Option<Arc<Facts>>,
    place: Option<Place>,
    /// What told its version before it was opened, where that tells it from every later one.
    version: Option<Validator>,
}

/// Opens the first candidate of a position that exists; `None` where none does. One of which a survey is kept is not
/// opened as long as it has the same version.
pub(crate) fn open<'a>(
    session: &Session<'_>,
    cache: Option<&SurveyCache>,
    position: &'a Position,
) -> Result<Option<Opened<'a>>> {
    for candidate in &position.candidates {
        let place = cache.map(|cache| cache.place(position, &redact(candidate)));
        let known = cache.zip(place.as_ref()).and_then(|(cache, place)| cache.find(place));
        let remote = candidate.contains("://") && !candidate.starts_with("file:");
        // a server is asked only where the answer may save more
        let asked = known.is_some() || (place.is_some() && !remote);
        let version = asked.then(|| session.sources.version(candidate)).flatten();
        if let Some(facts) = known.filter(|facts| version.as_ref() == Some(&facts.version)) {
            let object = session.sources.deferred(candidate, &facts.url, facts.validator.clone());
            return Ok(Some(Opened { object, candidate, known: Some(facts), place, version }));
        }
        match session.sources.open(candidate) {
            Err(error) if error.code == Code::SourceNotFound => {}
            Err(error) => return Err(error),
            Ok(object) => {
                let version = if remote { Some(object.validator().clone()) } else { version };
                let version = version.filter(|version| cache::is_settled(version, remote));
                return Ok(Some(Opened { object, candidate, known: None, place, version }));
            }
        }
    }
    Ok(None)
}

/// What all inputs of a recipe are surveyed with.
pub(crate) struct Surveyor<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) recipe: &'a Recipe,
    pub(crate) pattern: &'a Pattern,
    pub(crate) axes: &'a [CombineAxis],
    pub(crate) expected: Expected,
    pub(crate) interner: &'a Interner,
    pub(crate) cache: Option<&'a SurveyCache>,
}

impl Surveyor<'_> {
    /// Surveys one input.
    pub(crate) fn survey(&self, position: &Position, opened: Opened<'_>) -> Result<Found> {
        let Opened { object, candidate, known, place, version } = opened;
        let replay = Replay::new(&object, known).map_err(|e| e.at(object.url()))?;
        replay.check(self.expected.marks(candidate), || self.expected.verify(self.session, candidate))?;
        let (file, refs, unmatched) = self.look(position, object.url(), &replay)?;
        if let (Some(cache), Some(place), Some(facts)) = (self.cache, &place, replay.learned(version)) {
            cache.keep(place, facts);
        }
        let surveyed = Surveyed { index: position.index.clone(), object, refs, place };
        Ok(Found { file, surveyed, unmatched })
    }

    /// What combining needs of one input.
    fn look(
        &self,
        position: &Position,
        url: &str,
        reader: &Replay<'_>,
    ) -> Result<(File, Refs, Vec<Unmatched>)> {
        let Self { recipe, pattern, axes, interner, .. } = *self;
        let keys: Vec<_> =
            position.keys.iter().map(|(name, key)| (name.clone(), key.clone(), pattern.calendar())).collect();
        let mut unmatched = Vec::new();
        let view =
            steps::open_group(reader.schema(), recipe.source.group.as_deref()).map_err(|e| e.at(url))?;
        let context = FileContext { url, keys: &keys, axes };
        let mut history = vec![view.clone()];
        let mut values = |mapped: &Mapped| decisive(reader, mapped);
        let mut after = |view: &FileView| history.push(view.clone());
        let view = steps::apply(view, &recipe.steps, context, &mut values, &mut unmatched, &mut after)
            .map_err(|e| e.at(url))?;
        interner.first(&position.index, history);
        let mut view = steps::expand_scalars(view, axes, context).map_err(|e| e.at(url))?;
        for mapped in &mut view.variables {
            mapped.var = interner.variable(&mapped.var);
        }
        let needed = combine::needs_always(axes, &view);
        let mut values = BTreeMap::new();
        let mut refs = BTreeMap::new();
        for mapped in &view.variables {
            let name = &mapped.var.name;
            let at = |e: Error| e.in_variable(name).at(url);
            let mut in_hand = false;
            // large values are only compared, and only where there is something to compare them with: see `combine::needs`
            if needed.contains(name) && is_kept(mapped) {
                let read = read_values(reader, mapped, interner).map_err(at)?;
                in_hand = read.block.is_some();
                values.insert(name.clone(), read);
            }
            for leaf in if in_hand { Vec::new() } else { mapped.sources() } {
                if let (Some(source), Storage::Chunks { .. }) = (leaf.source(), &leaf.var.storage)
                    && !refs.contains_key(source)
                {
                    refs.insert(Arc::clone(source), reader.refs(source).map_err(at)?);
                }
            }
        }
        let file = File { url: url.to_owned(), index: position.index.clone(), view, values };
        Ok((file, refs, unmatched))
    }
}

/// Reads what combining asks for after the survey.
pub(crate) fn read_more(surveyed: &Surveyed, mapped: &Mapped, (interner, cache): Kept<'_>) -> Result<Values> {
    let object = &surveyed.object;
    let place = cache.zip(surveyed.place.as_ref());
    let known = place.and_then(|(cache, place)| cache.find(place));
    let known = known.filter(|facts| facts.validator == *object.validator());
    let reader = Replay::new(object, known)?;
    let values = read_values(&reader, mapped, interner)
        .map_err(|e| e.in_variable(&mapped.var.name).at(object.url()))?;
    if let (Some((cache, place)), Some(facts)) = (place, reader.learned(None)) {
        cache.keep(place, facts);
    }
    Ok(values)
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

fn read_values(reader: &Replay<'_>, mapped: &Mapped, interner: &Interner) -> Result<Values> {
    let mut hash = Xxh3::new();
    let shape: Vec<u8> = mapped.var.shape.iter().flat_map(|n| n.to_le_bytes()).collect();
    hash.update(mapped.var.dtype.name().as_bytes());
    hash.update(&shape);
    if let Origin::Constant(block) = &mapped.origin {
        add(&mut hash, block);
        return Ok(Values { digest: Some(hash.digest128()), block: Some(Arc::clone(block)) });
    }
    let mut read = |leaf: &Mapped, region: &Region| read_leaf(reader, leaf, region);
    if let Some(block) = in_hand(reader, mapped) {
        add(&mut hash, block);
        return Ok(Values { digest: Some(hash.digest128()), block: Some(Arc::clone(block)) });
    }
    if is_kept(mapped) {
        let block = evaluate(mapped, &Region::whole(&mapped.var.shape), &mut read)?;
        add(&mut hash, &block);
        let digest = hash.digest128();
        return Ok(Values { digest: Some(digest), block: Some(interner.block(digest, block)) });
    }
    // large values are only compared: their digest is over rows
    let digest = reader.digest(xxh3_128(format!("{mapped:?}").as_bytes()), || {
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
        Ok(hash.digest128())
    })?;
    Ok(Values { digest: Some(digest), block: None })
}

/// The values of a variable that is an array of the file as it is, where they are known.
fn in_hand<'a>(reader: &'a Replay<'_>, mapped: &Mapped) -> Option<&'a Arc<Block>> {
    match &mapped.origin {
        Origin::Source { name, axes: None } => reader.values(name, &Region::whole(&mapped.var.shape)),
        _ => None,
    }
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
